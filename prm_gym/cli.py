"""`prm-gym`: the command line. Every command has `--help`; those that report take `--json`."""

import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import tyro

from prm_gym.commands.comparing import compare, report
from prm_gym.commands.credit_graph import credit_graph
from prm_gym.commands.evaluating_prm import eval_prm
from prm_gym.commands.labelling import label
from prm_gym.commands.listing import credit, doctor, envs, verifiers
from prm_gym.commands.playing import play, rollout
from prm_gym.commands.rescoring import rescore
from prm_gym.commands.searching import search
from prm_gym.commands.training import train
from prm_gym.commands.training_implicit import train_confidence, train_implicit
from prm_gym.commands.training_prm import train_prm
from prm_gym.errors import PrmGymError


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    The exit status is 0 (done), 1 (some or all of the work failed), 2 (the command cannot be honoured), 130 (interrupted) or 141 (nobody reads the output).
    """
    commands: dict[str, Callable[..., Any]] = {
        "envs": envs,
        "verifiers": verifiers,
        "credit": credit,
        "credit-graph": credit_graph,
        "play": play,
        "rollout": rollout,
        "compare": compare,
        "report": report,
        "rescore": rescore,
        "label": label,
        "search": search,
        "train": train,
        "train-prm": train_prm,
        "train-implicit": train_implicit,
        "train-confidence": train_confidence,
        "eval-prm": eval_prm,
        "doctor": doctor,
    }
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog="prm-gym", args=arguments, description=__doc__)
    except PrmGymError as error:
        print(f"prm-gym: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # whoever read the output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        given = sys.argv[1:] if arguments is None else list(arguments)
        always, with_out = ("compare", "train", "train-prm", "train-implicit"), ("rollout", "label", "search", "eval-prm")
        goes_on = given[:1] != [] and (given[0] in always or (given[0] in with_out and "--out" in given))
        print("prm-gym: interrupted" + ("; what was finished is kept, and the same command goes on" if goes_on else ""), file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()

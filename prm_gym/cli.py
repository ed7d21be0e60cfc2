"""`prm-gym`: the command line. Every command has `--help`; those that report take `--json`."""

import inspect
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tyro

from prm_gym.commands.comparing import compare, report
from prm_gym.commands.credit_graph import credit_graph
from prm_gym.commands.crediting import credit
from prm_gym.commands.evaluating_prm import eval_prm
from prm_gym.commands.exporting import export
from prm_gym.commands.labelling import label
from prm_gym.commands.listing import doctor, envs, verifiers
from prm_gym.commands.playing import play, rollout
from prm_gym.commands.records import read_names, seen
from prm_gym.commands.rescoring import rescore
from prm_gym.commands.searching import search
from prm_gym.commands.serving import serve
from prm_gym.commands.training import train
from prm_gym.commands.training_implicit import train_confidence, train_implicit
from prm_gym.commands.training_prm import train_prm
from prm_gym.commands.viewing import view
from prm_gym.errors import PrmGymError, UnknownNameError


class Command(NamedTuple):
    """A command and what it does, in a line of a narrow terminal."""

    run: Callable[..., Any]
    says: str


COMMANDS: dict[str, dict[str, Command]] = {
    "Look around": {
        "envs": Command(envs, "list the environments"),
        "verifiers": Command(verifiers, "list the verifiers and their options"),
        "credit": Command(credit, "list the credit assigners and what they need"),
        "view": Command(view, "look at stored trajectories in a browser"),
        "export": Command(export, "write trajectories or step labels for others"),
        "credit-graph": Command(credit_graph, "draw what the attempts at a task have in common"),
        "doctor": Command(doctor, "say what works here, and how to get the rest"),
        "play": Command(play, "take the steps of an episode yourself, or watch an agent"),
    },
    "Play and train": {
        "rollout": Command(rollout, "play episodes of an agent and store the trajectories"),
        "search": Command(search, "search at test time: success against budget"),
        "train": Command(train, "train one agent"),
        "compare": Command(compare, "train with several credits and rewards, and compare"),
        "report": Command(report, "print a finished comparison again"),
        "serve": Command(serve, "serve environments and verifiers over HTTP"),
    },
    "Judge steps": {
        "label": Command(label, "label steps by verifiers or roll-outs"),
        "rescore": Command(rescore, "judge stored trajectories anew, and show what changed"),
        "train-prm": Command(train_prm, "train a process reward model from step labels"),
        "train-implicit": Command(train_implicit, "train an implicit reward from outcomes"),
        "train-confidence": Command(train_confidence, "train a small head over a frozen model"),
        "eval-prm": Command(eval_prm, "measure how good a verifier's scores of steps are"),
    },
}


def overview() -> str:
    """All commands, a line each."""
    lines = ["usage: prm-gym COMMAND [OPTIONS]", "", "Environments for agents that reason in steps, every step checked.", ""]
    for group, commands in COMMANDS.items():
        lines += [group, *(f"  {name:17} {command.says}" for name, command in commands.items()), ""]
    return "\n".join([*lines, "prm-gym COMMAND --help has the options of a command, with their defaults."])


def laid_out(text: str, width: int) -> str:
    r"""A docstring for a terminal: every paragraph and every argument on one line, as tyro wants them; the lines of tables broken under their second column.

    Args:
        text: the docstring.
        width: of the terminal, in characters.

    >>> print(laid_out("Play\nit.\n\none   it plays very well.\n\nArgs:\n    seed: of the\n        task.", 26))
    Play it.
    <BLANKLINE>
    one   it plays very well.
    <BLANKLINE>
    Args:
        seed: of the task.
    """
    words, arguments, listed = inspect.cleandoc(text).partition("\n\nArgs:\n")
    paragraphs = [_broken(paragraph, width) for paragraph in words.split("\n\n")]
    return "\n\n".join(paragraphs) + arguments + re.sub(r"\n {8,}", " ", listed)


def _broken(paragraph: str, width: int) -> str:
    name = re.match(r"\S.*? {2,}", paragraph)
    if name is None:
        return " ".join(paragraph.split())
    lines = textwrap.wrap(paragraph[name.end() :], max(20, width - name.end()), break_long_words=False, break_on_hyphens=False)
    return name[0] + ("\n" + " " * name.end()).join(lines)


def gathered(given: Sequence[str], run: Callable[..., Any]) -> list[str]:
    """The arguments of a command with all values of an option that is named several times behind its first name: `--verifier z3 --verifier search`.

    Verifiers may have commas between them, as credit and rewards have. Of an option that takes one value the last counts, as is usual on command lines.

    Args:
        given: the arguments after the command.
        run: the command.

    Raises:
        OptionError: the brackets of verifiers do not match.

    >>> def command(verifier: tuple[str, ...] = (), seed: int = 0) -> None: ...
    >>> gathered(["--verifier", "z3", "--seed=1", "--verifier=search,all(z3, cvc5)", "--seed", "2"], command)
    ['--verifier', 'z3', 'search', 'all(z3, cvc5)', '--seed', '2']
    """
    several = {name for name, parameter in inspect.signature(run).parameters.items() if "tuple[" in str(parameter.annotation)}
    loose: list[str] = []
    options: dict[str, list[str]] = {}
    at = loose
    for word in given:
        if not word.startswith("--"):
            at.append(word)
            continue
        name, equals, value = word.partition("=")
        plain = name.removeprefix("--").replace("-", "_")
        at = options.setdefault(plain, [])
        if plain not in several:
            at.clear()
        at += [value] if equals else []
    if verifiers := options.get("verifier"):
        options["verifier"] = [name for each in verifiers for name in read_names(each)]
    named = [word for name, values in options.items() for word in (f"--{name.replace('_', '-')}", *values)]
    return [*loose, *named]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command.

    The exit status is 0 (done), 1 (some or all of the work failed), 2 (the command cannot be honoured), 130 (interrupted) or 141 (nobody reads the output).
    """
    given = sys.argv[1:] if arguments is None else list(arguments)
    if not given or given[0] in ("-h", "--help"):
        print(overview(), file=sys.stdout if given else sys.stderr)
        sys.exit(0 if given else 2)
    commands = {name: command.run for group in COMMANDS.values() for name, command in group.items()}
    width = shutil.get_terminal_size().columns
    try:
        if given[0] in commands:
            run = commands[given[0]]
            run.__doc__ = laid_out(run.__doc__ or "", width)
            given = [given[0], *gathered(given[1:], run)]
        elif not given[0].startswith("-"):  # tyro has options of its own, which print completions of shells
            raise UnknownNameError("command", given[0], commands)
        tyro.extras.subcommand_cli_from_dict(commands, prog="prm-gym", args=given, description=__doc__)
    except PrmGymError as error:
        print(f"prm-gym: {seen(str(error))}", file=sys.stderr)  # a plug-in's words may be in it, or a file's
        sys.exit(2)
    except BrokenPipeError:  # whoever read the output has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        always, with_out = ("compare", "train", "train-prm", "train-implicit"), ("rollout", "label", "search", "eval-prm")
        goes_on = given[0] in always or (given[0] in with_out and "--out" in given)
        print("prm-gym: interrupted" + ("; what was finished is kept, and the same command goes on" if goes_on else ""), file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()

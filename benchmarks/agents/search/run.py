"""Success of search at test time against its budget, with a perfect critic and with noisy ones.

    python benchmarks/agents/search/run.py --out results          # goes on with what the folder holds
    python benchmarks/agents/search/run.py --quick                # a look
    python benchmarks/agents/search/run.py --agent FOLDER --of sudoku --out results      # a decoder that benchmarks/agents/from_scratch has trained

The first agents know how much they know: one follows a solution at every second step and guesses otherwise, the other always guesses. The formal verifier sees
every mistake; the noisy ones are the same with a share of its verdicts turned round, so that what a method makes of a critic that errs can be told from what it
makes of a right one. With `--agent` a small language model proposes the steps.
"""

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small decoders gain nothing from more; before anything brings its threads up

import msgspec
import numpy as np

from prm_gym.agent import make_agent
from prm_gym.search.study import Point, Row, Study, summary
from prm_gym.training.config import FIRST_SEED
from prm_gym.verdict import Verdict, judged
from prm_gym.verifier import VERIFIERS, StepContext, Verifier, make_verifier

ENV, OPTIONS = "prm_gym/Countdown-v0", {"difficulty": 2}
FORMAL = "sequence(arithmetic, reachable)"
HORIZON = 3  # four numbers are three operations
METHODS = (
    "best-of-n",
    "majority",
    "weighted-majority",
    "refined-best-of-n",
    "beam",
    "prune",
    "mcts",
    "mcts?select=puct&evaluate=value",
    "rest-mcts",
    "omega",
    "smc",
)


class Learnt(NamedTuple):
    """What a decoder from scratch was trained on.

    Attributes:
        env: id.
        options: of it, besides difficulty 1.
        verifier: its own, which sees every mistake.
        steps: of a solution.
    """

    env: str
    options: dict[str, Any]
    verifier: str
    steps: int


LEARNT = {"algebra": Learnt("prm_gym/Algebra-v0", {}, "algebra", 2), "sudoku": Learnt("prm_gym/Sudoku-v0", {"candidates": 24}, "constraint", 8)}
LEARNT_METHODS = ("best-of-n", "majority", "weighted-majority", "beam", "prune", "mcts", "mcts?select=puct&evaluate=value", "smc")


class NoisyVerifier(Verifier):
    """The formal verifier with a share of its verdicts turned round: always the same ones, for what is drawn depends on the step alone."""

    version = "1"

    def __init__(self, error: float = 0.15) -> None:
        """Set the share, in [0, 1]."""
        self.id, self.error = f"noisy{error:g}", error
        self._formal = make_verifier(FORMAL)

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict a step."""
        return [self._turned(step, verdict) for step, verdict in zip(steps, self._formal.verify(steps), strict=True)]

    def _turned(self, step: StepContext, verdict: Verdict) -> Verdict:
        text = "\n".join([step.task.key, *(past.action for past in step.previous), step.action])
        if verdict.score is None or np.random.default_rng(crc32(text.encode())).random() >= self.error:
            return verdict
        return judged("incorrect" if verdict.score >= 0.5 else "correct", 1.0 - verdict.score, "turned round")


VERIFIERS.register("noisy", NoisyVerifier)


def countdown(arguments: argparse.Namespace) -> dict[str, Study]:
    """Countdown, for each agent and verifier."""
    found: dict[str, Study] = {}
    critics = {"formal": FORMAL, **{f"noisy-{error:g}": f"noisy?error={error:g}" for error in arguments.errors}}
    for agent, critic in [("mixed:0.5", critic) for critic in critics] + [("random", "formal")]:
        found[f"{agent.replace(':', '-')}, {critic}"] = Study(
            env_id=ENV,
            env_options=OPTIONS,
            agent=agent,
            verifier=critics[critic],
            methods=METHODS,
            budgets=tuple(arguments.budgets),
            seeds=tuple(range(arguments.tasks)),
            horizon=HORIZON,
            num_envs=64,
        )
    return found


def decoded(arguments: argparse.Namespace) -> dict[str, Study]:
    """The held-out tasks of a trained decoder, with the verifier of their environment."""
    learnt = LEARNT[arguments.of]
    return {
        f"{arguments.of}, {arguments.named}": Study(
            env_id=learnt.env,
            env_options={"difficulty": 1, **learnt.options},
            agent=make_agent("causal-lm", path=str(arguments.agent), history=0, instructions=False, device="cpu"),
            agent_name=f"causal-lm {arguments.named}",
            verifier=learnt.verifier,
            methods=LEARNT_METHODS,
            budgets=tuple(arguments.budgets),
            seeds=tuple(range(FIRST_SEED["test"], FIRST_SEED["test"] + arguments.tasks)),
            horizon=learnt.steps,
            num_envs=64,
        )
    }


def studied(arguments: argparse.Namespace) -> dict[str, list[Point]]:
    """The points of each study."""
    found: dict[str, list[Point]] = {}
    for name, study in (decoded if arguments.agent else countdown)(arguments).items():
        file = name.replace(", ", "-")
        rows = study.run(arguments.out / f"{file}.jsonl" if arguments.out else None, _said(name))
        print()
        found[name] = summary(study, rows)
        if arguments.out:
            from prm_gym.report.search_curves import draw_search

            env = study.env_id.rpartition("/")[2]
            draw_search(found[name], "agent_steps", f"{env}, {name}, {arguments.tasks} tasks", arguments.out / f"{file}.png")
    return found


def _said(name: str) -> Callable[[Row, int, int], None]:
    return lambda row, done, total: print(f"\r{name}: {done}/{total} {row.method[:32]:32s}", end="", flush=True)


def table(found: dict[str, list[Point]]) -> str:
    """The success of every method at every budget, with 95% intervals over tasks, as Markdown."""
    lines: list[str] = []
    for name, points in found.items():
        budgets = sorted({point.budget for point in points})
        lines += [f"\n**{name}**\n", "| method | " + " | ".join(str(budget) for budget in budgets) + " |", "|---|" + "---|" * len(budgets)]
        for method in dict.fromkeys(point.method for point in points):
            own = {point.budget: point for point in points if point.method == method}
            lines.append(f"| {method} | " + " | ".join(_cell(own[budget]) for budget in budgets) + " |")
    return "\n".join(lines)


def _cell(point: Point) -> str:
    success = point.success
    if success is None or success.low is None or success.high is None:
        return "-"
    return f"{success.mean:.2f} [{success.low:.2f}, {success.high:.2f}]"


def main() -> None:
    """Run what is missing, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--budgets", type=int, nargs="+", default=[4, 8, 16, 32, 64])
    parser.add_argument("--errors", type=float, nargs="*", default=[0.15, 0.3])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--agent", type=Path, help="folder of a decoder that benchmarks/agents/from_scratch has trained")
    parser.add_argument("--of", choices=tuple(LEARNT), default="algebra", help="the part that it was trained on")
    parser.add_argument("--named", default="imitation", help="how it was trained: the name of its files and tables")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.tasks, arguments.budgets, arguments.errors = 10, [4, 16], [0.15]
    found = studied(arguments)
    print(table(found))
    if arguments.out:
        results: dict[str, Any] = {name: msgspec.to_builtins(points) for name, points in found.items()}
        (arguments.out / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(results), indent=1))


if __name__ == "__main__":
    main()

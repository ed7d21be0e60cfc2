"""How often is an equation read out of a written solution called false, where the solution is right, and how many first errors are found that way?

python benchmarks/equations_in_text/run.py --gsm8k test.jsonl --processbench gsm8k.json --bigbench multistep_arithmetic.jsonl [--half even|odd] [--show]
"""

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from prm_gym.arithmetic import FoundEquation, equations
from prm_gym.claims import Equality
from prm_gym.solutions import split_steps
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.arithmetic import ArithmeticVerifier

TASK = Task(key="t", instructions="", question="")
VERIFIER = ArithmeticVerifier()
HALVES = {"even": slice(0, None, 2), "odd": slice(1, None, 2), "all": slice(None)}


def label(found: FoundEquation) -> str:
    """What the verifier says of one equation."""
    claim = Equality(found.left, found.right, rounded=True)
    return VERIFIER.verify([StepContext(task=TASK, observation="", action="", claims=(claim,))])[0].label or "abstained"


def false_equations(step: str) -> list[FoundEquation]:
    """The equations of a step that the verifier refutes."""
    return [found for found in equations(step) if label(found) == "incorrect"]


def gold(path: Path, half: slice, show: bool) -> dict[str, Any]:
    """The labels of the equations in gold solutions: every `incorrect` is an error of the data, or ours."""
    steps = [step for row in _lines(path)[half] for step in split_steps(row["answer"], "line")]
    labels = Counter(label(found) for step in steps for found in equations(step))
    for step in steps if show else []:
        for found in false_equations(step):
            print(f"  {found.left} = {found.right}  |  {step.strip()}")
    return {"steps": len(steps), "with_an_equation": sum(bool(equations(step)) for step in steps), **labels}


def first_errors(solutions: Sequence[tuple[list[str], int]], show: bool) -> dict[str, Any]:
    """The first step with a false equation against the gold index of the first wrong step (-1: none).

    F1 is the harmonic mean of the accuracy on solutions with an error and on those without, as ProcessBench defines it.
    """
    counts: Counter[str] = Counter()
    for steps, index in solutions:
        flagged = next((place for place, step in enumerate(steps) if false_equations(step)), -1)
        kind = ("right, left alone" if flagged < 0 else "right, false alarm") if index < 0 else _found(flagged, index)
        counts[kind] += 1
        if show and flagged >= 0 and (index < 0 or flagged < index):
            print(f"  {kind}, at {flagged} of {index}: {[(found.left, found.right) for found in false_equations(steps[flagged])]}")
    wrong = counts["wrong, found"] + counts["wrong, missed"] + counts["wrong, flagged elsewhere"]
    right = counts["right, left alone"] + counts["right, false alarm"]
    on_wrong, on_right = counts["wrong, found"] / max(1, wrong), counts["right, left alone"] / max(1, right)
    covered = [bool(equations(step)) for steps, _ in solutions for step in steps]
    return {
        **dict(sorted(counts.items())),
        "accuracy_on_wrong": round(on_wrong, 4),
        "accuracy_on_right": round(on_right, 4),
        "f1": round(2 * on_wrong * on_right / (on_wrong + on_right), 4) if on_wrong + on_right else 0.0,
        "steps_with_an_equation": f"{sum(covered)} of {len(covered)}",
    }


def _found(flagged: int, index: int) -> str:
    return "wrong, missed" if flagged < 0 else "wrong, found" if flagged == index else "wrong, flagged elsewhere"


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def main() -> None:
    """Print the figures of the files that were given."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("gsm8k", "processbench", "bigbench"):
        parser.add_argument(f"--{name}", type=Path)
    parser.add_argument(
        "--half", choices=sorted(HALVES), default="all", help="rows with even or odd index; the reader was written with an eye on the even ones"
    )
    parser.add_argument("--show", action="store_true", help="print what is called false where the gold label says otherwise")
    arguments = parser.parse_args()
    half, figures = HALVES[arguments.half], dict[str, Any]()
    if arguments.gsm8k:
        figures["gsm8k"] = gold(arguments.gsm8k, half, arguments.show)
    if arguments.processbench:
        rows = json.loads(arguments.processbench.read_text(encoding="utf-8"))[half]
        figures["processbench"] = first_errors([(row["steps"], row["label"]) for row in rows], arguments.show)
    if arguments.bigbench:
        rows = _lines(arguments.bigbench)[half]
        figures["bigbench"] = first_errors([(row["steps"], -1 if row["mistake_index"] is None else row["mistake_index"]) for row in rows], arguments.show)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()

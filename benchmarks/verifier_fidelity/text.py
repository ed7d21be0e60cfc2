"""Formal checks of free text as detectors of the first wrong step, beside the constant and the outcome-only baseline.

    python benchmarks/verifier_fidelity/text.py --processbench gsm8k.json --mistakes multistep_arithmetic.jsonl --gsm8k test.jsonl

The files are public: ProcessBench (Zheng et al. 2024), BIG-Bench-Mistake (Tyen et al. 2024), GSM8K (Cobbe et al. 2021). The reader of equations was
developed on the rows with even index; figures are given for those with odd index, and for all.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from prm_gym.labelling import Rating, first_error, label, ratings
from prm_gym.labelling.solutions import solution_trajectory
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import make_verifiers

NAMES: dict[Rating | None, str] = {None: "undecided", -1: "refuted", 0: "neutral", 1: "confirmed"}


class Labelled(NamedTuple):
    """A solution with its gold label: index of the first wrong step, or -1; whether its final answer is right; and its verdicts."""

    gold: int
    answer_right: bool
    trajectory: Trajectory


def processbench(path: Path) -> list[tuple[Mapping[str, Any], int, bool]]:
    """Rows of ProcessBench with their labels."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    return [({**row, "id": row["id"]}, row["label"], row["final_answer_correct"]) for row in rows]


def mistakes(path: Path) -> list[tuple[Mapping[str, Any], int, bool]]:
    """Rows of BIG-Bench-Mistake with their labels."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        ({"problem": row["input"], "steps": row["steps"]}, -1 if row["mistake_index"] is None else row["mistake_index"], row["answer"] == row["target"])
        for row in rows
    ]


def judged(rows: Sequence[tuple[Mapping[str, Any], int, bool]], names: Sequence[str]) -> list[Labelled]:
    """The rows with the verdicts of the verifiers on their steps."""
    trajectories = [solution_trajectory(row, f"row-{number}") for number, (row, _, _) in enumerate(rows)]
    verifiers = make_verifiers(names)
    return [Labelled(gold, right, found) for (_, gold, right), found in zip(rows, label(trajectories, verifiers), strict=True)]


def scores(pairs: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """How a detector of the first error does.

    Args:
        pairs: gold and predicted index for each solution, -1 for none.
    """
    wrong = [(gold, said) for gold, said in pairs if gold >= 0]
    sound = [said for gold, said in pairs if gold < 0]
    found = sum(gold == said for gold, said in wrong) / len(wrong)
    spared = sum(said < 0 for said in sound) / len(sound)
    return {
        "first error found": found,
        "missed (false negative)": sum(said < 0 for _, said in wrong) / len(wrong),
        "another step named": sum(said >= 0 and said != gold for gold, said in wrong) / len(wrong),
        "sound solutions refused (false positive)": 1 - spared,
        "F1": 2 * found * spared / (found + spared) if found + spared else 0.0,
    }


def report(rows: Sequence[Labelled]) -> dict[str, Any]:
    """The detectors on the same solutions; None of a verifier counts as no error found."""
    said: Counter[str] = Counter()
    for item in rows:
        for index, rating in enumerate(ratings(item.trajectory)):
            truth = "unlabelled" if 0 <= item.gold < index else "wrong" if index == item.gold else "right"
            said[f"{truth} step, {NAMES[rating]}"] += 1
    alarms = [
        f"{step.action.strip()}  |  {step.verdicts['arithmetic'].reason}"
        for item in rows
        for index, (step, rating) in enumerate(zip(item.trajectory.steps, ratings(item.trajectory), strict=True))
        if rating == -1 and (item.gold < 0 or index < item.gold)
    ]
    detectors = {
        "verifier": [first_error(ratings(item.trajectory), undecided_is_right=True) for item in rows],
        "constant: no error": [-1 for _ in rows],
        "outcome only: last step": [-1 if item.answer_right else len(item.trajectory.steps) - 1 for item in rows],
        "outcome only: second step": [-1 if item.answer_right else 1 for item in rows],
        "verifier, and the last step where the answer is wrong": [
            error if error != -1 or item.answer_right else len(item.trajectory.steps) - 1
            for item in rows
            for error in [first_error(ratings(item.trajectory), undecided_is_right=True)]
        ],
    }
    return {
        "solutions": len(rows),
        "with an error": sum(item.gold >= 0 for item in rows),
        "right answer and an error": sum(item.gold >= 0 and item.answer_right for item in rows),
        "steps": dict(sorted(said.items())),
        "refuted, and called right by the data": alarms,
        "detectors": {
            name: scores([(item.gold, -1 if error is None else error) for item, error in zip(rows, errors, strict=True)]) for name, errors in detectors.items()
        },
    }


def gsm8k(path: Path) -> dict[str, Any]:
    """Gold solutions: what is flagged in them is a mistake of the data or of the verifier."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    named = [{"problem": row["question"], "solution": row["answer"], "gold": row["answer"].rpartition("####")[2].strip()} for row in rows]
    trajectories = [solution_trajectory(row, f"row-{number}", "line") for number, row in enumerate(named)]
    found = list(label(trajectories, make_verifiers(["arithmetic", "equivalence"])))
    counts = Counter(NAMES[rating] for item in found for rating in ratings(item))
    flagged = [
        {"row": item.id, "step": step.action, "reason": verdict.reason}
        for item in found
        for step in item.steps
        for verdict in step.verdicts.values()
        if verdict.label in ("incorrect", "malformed")
    ]
    return {"solutions": len(rows), "steps": dict(counts), "answers right": sum(item.outcome == 1.0 for item in found), "flagged": flagged}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processbench", type=Path)
    parser.add_argument("--mistakes", type=Path)
    parser.add_argument("--gsm8k", type=Path)
    options = parser.parse_args()
    result: dict[str, Any] = {}
    for name, path, read in (("processbench", options.processbench, processbench), ("mistakes", options.mistakes, mistakes)):
        if path:
            found = judged(read(path), ["arithmetic"])
            result[name] = {"odd rows": report(found[1::2]), "all rows": report(found)}
    if options.gsm8k:
        result["gsm8k"] = gsm8k(options.gsm8k)
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()

"""Knights and knaves: gold answers and gold reasoning steps of the public benchmark, judged by the formal verifiers.

    python benchmarks/verifier_fidelity/knights.py people2_num20.jsonl people10_num20.jsonl

The gold reasoning is a search in English: "Assume X is a knight. No contradiction is found in their claim that ...", "X cannot be a knave, because this
would contradict the false claim of Y that ...", "We have exhausted all possibilities for ..., so let us go back and reconsider Z". Each of the first two
kinds is read into a claim, `Consistent` or `Entailment`; of every such step there are spoilt versions. The labels of the spoilt ones come from truth tables,
not from a solver.

Source: Xie et al. 2024 (the data and its gold reasoning).
"""

import argparse
import ast
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from prm_gym.claims import Claim, Consistent, Entailment, Statement
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.language import Language
from prm_gym.task import Task
from prm_gym.verifier import StepContext
from prm_gym.verifiers.cvc5 import Cvc5Verifier
from prm_gym.verifiers.z3 import Z3Verifier

FOLIO = Language("folio")
TASK = Task(key="t", instructions="", question="")

Tree: TypeAlias = Any  # ("telling-truth", 0), ("not", tree), ("and", tree, tree), ...

_ASSUME = re.compile(r"Assume (\w+) is a (knight|knave)\. No contradiction is found in their (?:false )?claim that .*")
_CANNOT = re.compile(r"(\w+) cannot be a (knight|knave), because this would contradict the (?:false )?claim of (\w+|their own) that .*")
_BACK = re.compile(r"We have exhausted all possibilities for .*, so let us go back and reconsider (\w+)\.")


class Puzzle(NamedTuple):
    """One puzzle: the islanders, what each says, who is a knight, and the gold reasoning."""

    names: tuple[str, ...]
    said: tuple[Tree, ...]
    solution: tuple[bool, ...]
    reasoning: tuple[str, ...]


class ReadStep(NamedTuple):
    """A step of the reasoning: who, what is said of them, whose claim is used, and what is assumed before."""

    consistent: bool
    person: int
    knight: bool
    claimant: int
    assumed: Mapping[int, bool]


def puzzles(paths: list[Path]) -> list[Puzzle]:
    """The puzzles of files in the public layout."""
    rows = [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [Puzzle(tuple(r["names"]), ast.literal_eval(r["statements"]), tuple(r["solution"]), tuple(r["cot_repeat_steps"])) for r in rows]


def holds(tree: Tree, knights: tuple[bool, ...]) -> bool:
    """Whether a statement is true when so many are knights: our own truth table, for the labels."""
    kind, *parts = tree
    match kind:
        case "telling-truth":
            return knights[parts[0]]
        case "lying":
            return not knights[parts[0]]
        case "not":
            return not holds(parts[0], knights)
        case "and":
            return all(holds(part, knights) for part in parts)
        case "or":
            return any(holds(part, knights) for part in parts)
        case "->":
            return not holds(parts[0], knights) or holds(parts[1], knights)
        case "<=>":
            return holds(parts[0], knights) == holds(parts[1], knights)
        case _:
            raise ValueError(f"unknown statement {kind!r}")


def formula(tree: Tree, names: tuple[str, ...]) -> str:
    """The statement as a formula."""
    kind, *parts = tree
    match kind:
        case "telling-truth":
            return f"Knight({names[parts[0]].lower()})"
        case "lying":
            return f"¬Knight({names[parts[0]].lower()})"
        case "not":
            return f"¬({formula(parts[0], names)})"
        case _:
            sign = {"and": " ∧ ", "or": " ∨ ", "->": " → ", "<=>": " ↔ "}[kind]
            return "(" + sign.join(f"({formula(part, names)})" for part in parts) + ")"


def read(puzzle: Puzzle) -> Iterator[ReadStep | None]:
    """The steps of the reasoning in order; None for one that is not read. Going back takes assumptions away and is no step."""
    place = {name: index for index, name in enumerate(puzzle.names)}
    assumed: dict[int, bool] = {}
    for text in puzzle.reasoning:
        if back := _BACK.fullmatch(text):
            order = list(assumed)
            for person in order[order.index(place[back[1]]) :]:
                del assumed[person]
        elif step := _ASSUME.fullmatch(text):
            person, knight = place[step[1]], step[2] == "knight"
            yield ReadStep(True, person, knight, person, dict(assumed))
            assumed[person] = knight
        elif step := _CANNOT.fullmatch(text):
            person = place[step[1]]
            yield ReadStep(False, person, step[2] == "knight", person if step[3] == "their own" else place[step[3]], dict(assumed))
        else:
            yield None


def right(step: ReadStep, puzzle: Puzzle) -> bool:
    """Whether the step is right, by going through all 2^n islands."""
    worlds = [
        knights
        for knights in itertools.product((False, True), repeat=len(puzzle.names))
        if all(knights[person] == value for person, value in step.assumed.items()) and knights[step.claimant] == holds(puzzle.said[step.claimant], knights)
    ]
    some = any(knights[step.person] == step.knight for knights in worlds)
    return some if step.consistent else bool(worlds) and not some


def claim_of(step: ReadStep, puzzle: Puzzle) -> Claim:
    """The claim that the step makes."""
    names = puzzle.names

    def says(person: int, knight: bool) -> str:
        return ("" if knight else "¬") + f"Knight({names[person].lower()})"

    claimant = f"Knight({names[step.claimant].lower()}) ↔ {formula(puzzle.said[step.claimant], names)}"
    before = [says(person, knight) for person, knight in step.assumed.items()]
    if step.consistent:
        return Consistent((*before, claimant, says(step.person, step.knight)), FOLIO)
    known = tuple(Statement(f"fact{i}", text) for i, text in enumerate((claimant, *before), start=1))
    return Entailment(Statement("int1", says(step.person, not step.knight), tuple(fact.label for fact in known)), known, FOLIO)


def spoilt(step: ReadStep, puzzle: Puzzle) -> dict[str, ReadStep]:
    """The step with one thing changed; some versions are still right."""
    other = (step.claimant + 1) % len(puzzle.names)
    versions = {"other kind": step._replace(knight=not step.knight), "claim of another": step._replace(claimant=other)}
    if step.assumed:
        last = list(step.assumed)[-1]
        versions["last assumption turned round"] = step._replace(assumed={**step.assumed, last: not step.assumed[last]})
        versions["last assumption left out"] = step._replace(assumed={person: value for person, value in step.assumed.items() if person != last})
    return versions


def main() -> None:
    """Judge and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", type=Path, nargs="+")
    found = puzzles(parser.parse_args().files)
    result: dict[str, Any] = {"puzzles": len(found), "answers": dict(Counter(_answer(puzzle) for puzzle in found))}
    rows: list[tuple[str, bool, Claim]] = []
    unread = 0
    for puzzle in found:
        for step in read(puzzle):
            if step is None:
                unread += 1
                continue
            rows.append(("gold", right(step, puzzle), claim_of(step, puzzle)))
            rows += [(name, right(version, puzzle), claim_of(version, puzzle)) for name, version in spoilt(step, puzzle).items()]
    result["steps not read"] = unread
    contexts = [StepContext(task=TASK, observation="", action="", claims=(claim,)) for _, _, claim in rows]
    for verifier in (Z3Verifier(), Cvc5Verifier()):
        table: dict[str, Counter[str]] = {}
        for (name, truth, _), verdict in zip(rows, verifier.verify(contexts), strict=True):
            said = "undecided" if verdict.score is None else "accepted" if verdict.label == "correct" else f"rejected as {verdict.label}"
            table.setdefault(f"{name}, {'right' if truth else 'wrong'}", Counter())[said] += 1
        result[verifier.id] = {name: dict(counts) for name, counts in sorted(table.items())}
    print(json.dumps(result, indent=1))


def _answer(puzzle: Puzzle) -> str:
    """Whether what was said entails that each islander is what the gold answer says, and nothing else."""
    given = tuple(f"Knight({name.lower()}) ↔ {formula(said, puzzle.names)}" for name, said in zip(puzzle.names, puzzle.said, strict=True))
    checker = EntailmentChecker()
    statuses = [checker.status_of(given, f"Knight({name.lower()})", FOLIO) for name in puzzle.names]
    return "agree" if statuses == ["PROVED" if knight else "DISPROVED" for knight in puzzle.solution] else "disagree"


if __name__ == "__main__":
    main()

"""How far can the formal verifiers be trusted, and how fast are they? On public problems with gold labels, with false positives and false negatives apart.

python benchmarks/verifier_fidelity/run.py --folio folio-train.jsonl --prontoqa dev.json [--json]
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from episodes import InOneContext, Z3Alone
from prontoqa import Problem, problems

from prm_gym.claims import Entailment, Statement
from prm_gym.errors import FormulaError
from prm_gym.logic.cvc5_solver import Cvc5Solver
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.language import Language
from prm_gym.logic.proof import opposite
from prm_gym.task import Task
from prm_gym.verdict import Verdict
from prm_gym.verifier import StepContext, Verifier
from prm_gym.verifiers.z3 import Z3Verifier

FOLIO = Language("folio")
TASK = Task(key="t", instructions="", question="")


def folio(path: Path) -> dict[str, Any]:
    """How many premise formulas of FOLIO can be read, and whether the stories are consistent, by two solvers."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    stories = {row.get("story_id", tuple(row["premises-FOL"])): tuple(row["premises-FOL"]) for row in rows}
    texts = dict.fromkeys(text for story in stories.values() for text in story)
    unread = sum(not _readable(text) for text in texts)
    readable = [story for story in stories.values() if all(_readable(text) for text in story)]
    answers = {name: [checker.consistent(story, FOLIO) for story in readable] for name, checker in _checkers().items()}
    return {
        "formulas": len(texts),
        "read": len(texts) - unread,
        "stories": len(stories),
        "stories_read": len(readable),
        **{f"consistent_by_{name}": sum(answer is True for answer in given) for name, given in answers.items()},
        **{f"inconsistent_by_{name}": sum(answer is False for answer in given) for name, given in answers.items()},
        **_folio_labels(rows),
        "solvers_contradict": sum({one, other} == {True, False} for one, other in zip(*answers.values(), strict=True)),
    }


def _folio_labels(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Agreement with the gold labels, where the conclusions have formulas (the validation part has, the training part of 0.0 has not)."""
    expected = {"True": "PROVED", "False": "DISPROVED", "Uncertain": "UNKNOWN", "Unknown": "UNKNOWN"}
    asked = [row for row in rows if row.get("conclusion-FOL")]
    if not asked:
        return {}
    readable = [row for row in asked if all(_readable(text) for text in (*row["premises-FOL"], row["conclusion-FOL"]))]
    result: dict[str, Any] = {"conclusions": len(asked), "conclusions_read": len(readable)}
    for name, checker in _checkers().items():
        pairs = Counter((row["label"], checker.status_of(tuple(row["premises-FOL"]), row["conclusion-FOL"], FOLIO)) for row in readable)
        result[f"agree_by_{name}"] = sum(count for (label, status), count in pairs.items() if expected[label] == status)
        result[f"labels_by_{name}"] = {f"gold {label}, {status}": count for (label, status), count in sorted(pairs.items())}
    result["constant"] = max(Counter(row["label"] for row in readable).values(), default=0)
    return result


def _readable(text: str) -> bool:
    try:
        return FOLIO.parse(FOLIO.write(FOLIO.parse(text))) == FOLIO.parse(text)
    except FormulaError:
        return False


def _checkers() -> dict[str, EntailmentChecker]:
    return {"z3": EntailmentChecker(), "cvc5": EntailmentChecker(solver=Cvc5Solver)}


def answers(found: Sequence[Problem]) -> dict[str, Any]:
    """Agreement with the gold answers, by answer; what neither follows nor is refuted counts as undecided."""
    result: dict[str, Any] = {}
    for name, checker in _checkers().items():
        counts = Counter((p.answer, checker.status_of(tuple(fact.formula for fact in p.facts), p.hypothesis, FOLIO)) for p in found)
        result[name] = {f"gold {gold}, {status}": count for (gold, status), count in sorted(counts.items())}
    majority = max(sum(p.answer for p in found), sum(not p.answer for p in found))
    return {**result, "constant": majority / len(found), "problems": len(found)}


def steps(found: Sequence[Problem]) -> list[tuple[str, bool, Entailment]]:
    """Steps with labels known beforehand: those of the gold proofs, and the same with one thing spoilt."""
    labelled: list[tuple[str, bool, Entailment]] = []
    for problem in found:
        known = problem.facts
        for step in problem.proof:
            rule, others = step.cited[1], [fact.label for fact in problem.facts if fact.label not in step.cited]
            spoilt = {
                "opposite conclusion": Statement(step.label, opposite(step.formula, FOLIO), step.cited),
                "rule left out": Statement(step.label, step.formula, (step.cited[0],)),
                "another rule": Statement(step.label, step.formula, (step.cited[0], others[len(labelled) % len(others)])),
                "premise invented": Statement(step.label, step.formula, (rule, "fact99")),
                "cites itself": Statement(step.label, step.formula, (rule, step.label)),
            }
            labelled.append(("gold step", True, Entailment(step, known, FOLIO)))
            labelled += [(name, False, Entailment(wrong, known, FOLIO)) for name, wrong in spoilt.items()]
            known = (*known, step)
    return labelled


def hacks(found: Sequence[Problem]) -> list[tuple[str, Entailment]]:
    """Steps that look sound, or are, and say nothing new."""
    attacks: list[tuple[str, Entailment]] = []
    for problem in found:
        known = (*problem.facts, *problem.proof)
        last = known[-1]
        first, second = problem.facts[:2]
        contradiction = (*known, Statement("int98", last.formula, last.cited), Statement("fact98", opposite(last.formula, FOLIO)))
        for name, formula, cited, before in (
            ("restates a premise", last.formula, (last.label,), known),
            ("restates in other words", f"¬¬({last.formula})", (last.label,), known),
            ("puts two facts together", f"({first.formula}) ∧ ({second.formula})", (first.label, second.label), known),
            ("weakens", f"({last.formula}) ∨ Purple(max)", (last.label,), known),
            ("a tautology", "Purple(max) ∨ ¬Purple(max)", (first.label,), known),
            ("a tautology in disguise", "∀x (Purple(x) → Purple(x))", (first.label,), known),
            ("repeats an earlier step", last.formula, last.cited, known),
            ("anything, from a contradiction", "Purple(max)", (last.label, "fact98"), contradiction),
            ("takes a label again", last.formula, last.cited, known),
            ("cites nothing", last.formula, (), known),
            ("text of a solver", "(set-option :timeout 1) (assert false)", (first.label,), known),
        ):
            label = last.label if name == "takes a label again" else "int99"
            attacks.append((name, Entailment(Statement(label, formula, cited), before, FOLIO)))
    return attacks


def judged(verifier: Verifier, claims: Sequence[Entailment]) -> list[Verdict]:
    """The verdicts on steps that make one claim each."""
    return verifier.verify([StepContext(task=TASK, observation="", action="", claims=(claim,)) for claim in claims])


def speed(found: Sequence[Problem]) -> dict[str, float]:
    """Inferences a second over the steps of the gold proofs: the checker as it is, with its parts switched off, and with a fresh solver for every inference."""
    questions = [(tuple({s.label: s.formula for s in (*p.facts, *p.proof)}[label] for label in step.cited), step.formula) for p in found for step in p.proof]
    makers: dict[str, Callable[[], EntailmentChecker]] = {
        "as it is used": EntailmentChecker,
        "nothing remembered": lambda: EntailmentChecker(cache_size=0),
        "Z3 alone, solver kept, nothing remembered": lambda: EntailmentChecker(cache_size=0, solver=Z3Alone),
        "Z3 alone, fresh solver, one context": lambda: EntailmentChecker(cache_size=0, keep_solver=False, solver=InOneContext),
        "Z3 alone, fresh solver and context": lambda: EntailmentChecker(cache_size=0, keep_solver=False, solver=Z3Alone),
    }
    rates: dict[str, float] = {}
    for name, make in makers.items():
        checker = make()
        asked = questions if name == "as it is used" else questions[:300]
        checker.examine(*asked[0], FOLIO)
        started = time.process_time()
        for question in asked:
            checker.examine(*question, FOLIO)
        rates[name] = len(asked) / (time.process_time() - started)
    return rates


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folio", type=Path)
    parser.add_argument("--prontoqa", type=Path)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result: dict[str, Any] = {}
    if options.folio:
        result["folio"] = folio(options.folio)
    if options.prontoqa:
        found, sentences, unread = problems(options.prontoqa)
        result["prontoqa"] = {"sentences": sentences, "unread": unread, **answers(found)}
        labelled = steps(found)
        verdicts = judged(Z3Verifier(), [claim for _, _, claim in labelled])
        rows: dict[str, Counter[str]] = {}
        for (name, right, _), verdict in zip(labelled, verdicts, strict=True):
            accepted = verdict.label == "correct"
            kind = "undecided" if verdict.score is None else "accepted" if accepted else "rejected"
            rows.setdefault(f"{name} ({'right' if right else 'wrong'})", Counter())[kind] += 1
        result["steps"] = {name: dict(counts) for name, counts in rows.items()}
        attacks = hacks([problem for problem in found if problem.proof])
        rewarded = Counter({name: 0 for name, _ in attacks})
        for (name, _), verdict in zip(attacks, judged(Z3Verifier(), [claim for _, claim in attacks]), strict=True):
            rewarded[name] += (verdict.score or 0.0) > 0.0
        result["hacks"] = {"attempts of each": len(attacks) // len(rewarded), "rewarded": dict(rewarded)}
        result["inferences_per_second"] = speed(found)
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()

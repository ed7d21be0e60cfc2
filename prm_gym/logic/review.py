"""A finished proof looked at as a whole: which steps carried it, and which only stand there.

A step can be sound and new and still be of no use: nothing that leads to the goal rests on it (padding). Nobody can tell before the proof is over, so this
is no verdict on a step as it is taken; it is for labels of finished proofs, for metrics, and for credit.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims import Statement
from prm_gym.logic.entailment import EntailmentChecker
from prm_gym.logic.language import FLD, Language
from prm_gym.logic.proof import Appraisal, appraise, open_assumptions, says

Part: TypeAlias = Literal["given", "assumed", "carries", "idle", "empty", "unsound", "undecided"]


class ReviewedStep(msgspec.Struct, frozen=True):
    """One statement of a proof.

    Attributes:
        label: its label.
        part: `given`; `assumed`; `carries` (the goal rests on it); `idle` (sound and new, and the goal does not rest on it); `empty` (it adds nothing: a
            tautology, a restatement, a repetition, a weakening); `unsound`; `undecided` (the solver cannot tell).
        rests_on: labels of the statements that it needs, as far as that was examined: not what it cites.
        reason: one sentence for a person.
    """

    label: str
    part: Part
    rests_on: tuple[str, ...]
    reason: str


class Review(msgspec.Struct, frozen=True):
    """A proof as a whole.

    Attributes:
        proved: whether some statement that says the goal stands; None when the solver cannot tell.
        steps: every statement, in order.
        padding: share of the derived statements that do not carry the proof, in [0, 1]; 0 where nothing was derived.
    """

    proved: bool | None
    steps: tuple[ReviewedStep, ...]
    padding: float


def review(known: Sequence[Statement], goal: str, checker: EntailmentChecker, language: Language = FLD) -> Review:
    """Look at a finished proof.

    What carries the proof is the backward slice from the first statement that says the goal and stands, along the premises that its inferences need (an unsat
    core, smallest by deletion), not along all that they cite: citing an idle step does not make it carry.

    Args:
        known: everything written down, in order; what cites nothing was given.
        goal: the formula that was to be derived.
        checker: examines the inferences.
        language: what the formulas are written in.

    Raises:
        FormulaError: the goal is no formula.
    """
    appraisals = [_appraised(known, place, checker, language) for place in range(len(known))]
    needs = {statement.label: _needed(statement, appraisal) for statement, appraisal in zip(reversed(known), reversed(appraisals), strict=True)}
    closed = [not rests_on for rests_on in map(open_assumptions(known).__getitem__, [statement.label for statement in known])]
    standing = [(s, appraisal.stands) for s, appraisal, free in zip(known, appraisals, closed, strict=True) if free and says(s, goal, language)]
    proved = True if any(stands for _, stands in standing) else None if any(stands is None for _, stands in standing) else False
    carrying: set[str] = set()
    pending = [next(statement.label for statement, stands in standing if stands)] if proved else []
    while pending:
        label = pending.pop()
        if label not in carrying:
            carrying.add(label)
            pending += needs[label]
    steps = tuple(_step(statement, appraisal, needs, carrying) for statement, appraisal in zip(known, appraisals, strict=True))
    derived = [step for step in steps if step.part not in ("given", "assumed")]
    return Review(proved, steps, sum(step.part != "carries" for step in derived) / len(derived) if derived else 0.0)


def _appraised(known: Sequence[Statement], place: int, checker: EntailmentChecker, language: Language) -> Appraisal:
    statement = known[place]
    if not statement.cited and not statement.assumed:
        return Appraisal(stands=True, reason="given")
    return appraise(statement, known[:place], checker, language=language)


def _needed(statement: Statement, appraisal: Appraisal) -> tuple[str, ...]:
    return () if appraisal.finding is None else tuple(statement.cited[i] for i in appraisal.finding.needed)


def _step(statement: Statement, appraisal: Appraisal, needs: dict[str, tuple[str, ...]], carrying: set[str]) -> ReviewedStep:
    part: Part = "idle"
    reason = appraisal.reason
    if statement.assumed and appraisal.stands:
        part = "assumed"
    elif not statement.cited and not statement.assumed:
        part = "given"
    elif not appraisal.stands:
        part = "undecided" if appraisal.stands is None else "unsound"
    elif statement.label in carrying:
        part = "carries"
    elif appraisal.empty:
        part = "empty"
    else:
        reason = "sound and new, but what was to be derived does not rest on it"
    return ReviewedStep(statement.label, part, needs.get(statement.label, ()) if statement.cited else (), reason)

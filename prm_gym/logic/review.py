"""A finished proof looked at as a whole: which steps carried it, and which only stand there.

A step can be sound and new and still be of no use: nothing that leads to the goal rests on it (padding). Nobody can tell before the proof is over, so this
is no verdict on a step as it is taken; it is for labels of finished proofs, for metrics, and for credit.

`review_episode` takes an episode of Deduction or NaturalDeduction as it was stored; `review` any list of statements.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims import Claim, Decision, Entailment, Statement
from prm_gym.logic.entailment import EntailmentChecker, shared_checker
from prm_gym.logic.language import FLD, Language
from prm_gym.logic.proof import Appraisal, Emptiness, Fault, appraise, goal_parts, open_assumptions, opposite, says
from prm_gym.trajectory import Trajectory

Part: TypeAlias = Literal["given", "assumed", "carries", "idle", "empty", "unsound", "undecided"]
Flaw: TypeAlias = Literal["circular", "redefinition"] | Fault | Emptiness


class ReviewedStep(msgspec.Struct, frozen=True):
    """One statement of a proof.

    Attributes:
        label: its label.
        part: `given`; `assumed`; `carries` (the goal rests on it); `idle` (sound and new, and the goal does not rest on it); `empty` (it adds nothing: a
            tautology, a restatement, a repetition, a weakening); `unsound`; `undecided` (the solver cannot tell).
        rests_on: labels of the statements that it needs, as far as that was examined: not what it cites.
        reason: one sentence for a person.
        flaw: what is wrong or empty about it, whatever its part; None where nothing is. `circular` cites itself or a later statement, `redefinition` takes a
            label again, `citation` cites nothing or what there is not; the others are those of `Appraisal.fault` and `Appraisal.emptiness`.
    """

    label: str
    part: Part
    rests_on: tuple[str, ...]
    reason: str
    flaw: Flaw | None = None


class Review(msgspec.Struct, frozen=True):
    """A proof as a whole.

    Attributes:
        proved: whether the goal has been derived; None when the solver cannot tell.
        steps: every statement, in order.
        padding: share of the derived statements that do not carry the proof, in [0, 1]; 0 where nothing was derived.
        weakening: length of the longest chain of weakenings each of which cites the one before.
    """

    proved: bool | None
    steps: tuple[ReviewedStep, ...]
    padding: float
    weakening: int = 0

    @property
    def parts(self) -> dict[str, int]:
        """How many statements play each part."""
        return dict(Counter(step.part for step in self.steps))

    @property
    def flaws(self) -> dict[str, int]:
        """How many statements have each flaw."""
        return dict(Counter(step.flaw for step in self.steps if step.flaw is not None))


def review_episode(episode: Trajectory | Iterable[Claim], checker: EntailmentChecker | None = None, goal: str | None = None) -> Review:
    """Look at an episode whose steps claim `Entailment` and whose verdict claims a `Decision`.

    Steps that the environment did not write down (a label taken again, a citation of nothing) are among the statements; texts that are no step are not.

    Args:
        episode: as it was stored, or its claims in order.
        checker: examines the inferences; by default the one that everything in this thread shares.
        goal: what was to be derived; by default what the last decision says: the hypothesis after PROVED and UNKNOWN, its opposite after DISPROVED. Without
            either nothing carries.

    Raises:
        FormulaError: the goal is no formula.
    """
    claims = [claim for step in episode.steps for claim in step.claims] if isinstance(episode, Trajectory) else list(episode)
    steps = [claim for claim in claims if isinstance(claim, Entailment)]
    decisions = [claim for claim in claims if isinstance(claim, Decision)]
    first = next(iter([*steps, *decisions]), None)
    if first is None:
        return Review(proved=False, steps=(), padding=0.0)
    if goal is None and decisions:
        last = decisions[-1]
        goal = opposite(last.hypothesis, last.language) if last.answer == "DISPROVED" else last.hypothesis
    written = [claim.statement for claim in steps]
    # What an agent writes without a citation is not given, whatever it looks like in a list.
    derived = [s if s.cited or s.assumed else msgspec.structs.replace(s, cited=("nothing",)) for s in written]
    return review((*first.known, *derived), goal, checker or shared_checker(), first.language)


def review(known: Sequence[Statement], goal: str | None, checker: EntailmentChecker, language: Language = FLD) -> Review:
    """Look at a finished proof.

    What carries the proof is the backward slice from the first statement that says the goal, stands and rests on no assumption (for a conjunction, from those
    that say its parts), along the premises that its inferences need (an unsat core, smallest by deletion), not along all that they cite: citing an idle
    step does not make it carry.

    Args:
        known: everything written down, in order; what cites nothing was given.
        goal: the formula that was to be derived; None where there was none.
        checker: examines the inferences.
        language: what the formulas are written in.

    Raises:
        FormulaError: the goal is no formula.
    """
    appraisals = [_appraised(known, place, checker, language) for place in range(len(known))]
    needs = {statement.label: _needed(statement, appraisal) for statement, appraisal in zip(reversed(known), reversed(appraisals), strict=True)}
    proved, pending = (False, []) if goal is None else _arrival(known, appraisals, goal, language)
    carrying: set[str] = set()
    while pending:
        label = pending.pop()
        if label not in carrying:
            carrying.add(label)
            pending += needs[label]
    flaws = _flaws(known, appraisals)
    steps = tuple(_step(statement, appraisal, flaw, needs, carrying) for statement, appraisal, flaw in zip(known, appraisals, flaws, strict=True))
    derived = [step for step in steps if step.part not in ("given", "assumed")]
    padding = sum(step.part != "carries" for step in derived) / len(derived) if derived else 0.0
    return Review(proved, steps, padding, _longest_weakening(known, flaws))


def _arrival(known: Sequence[Statement], appraisals: Sequence[Appraisal], goal: str, language: Language) -> tuple[bool | None, list[str]]:
    """Whether the goal has been derived, and the labels of the statements that say it."""
    rests_on = open_assumptions(known)
    closed = [(s, appraisal.stands) for s, appraisal in zip(known, appraisals, strict=True) if not rests_on[s.label]]

    def said(part: str) -> tuple[bool | None, list[str]]:
        found = [(s.label, stands) for s, stands in closed if says(s, part, language)]
        first = [label for label, stands in found if stands][:1]
        return True if first else None if any(stands is None for _, stands in found) else False, first

    whole = said(goal)
    parts = goal_parts(goal, language)
    if whole[0] or len(parts) == 1:
        return whole
    answers = [said(part) for part in parts]
    if all(stands for stands, _ in answers):
        return True, [label for _, labels in answers for label in labels]
    unknown = whole[0] is None or all(stands is not False for stands, _ in answers)
    return None if unknown else False, []


def _flaws(known: Sequence[Statement], appraisals: Sequence[Appraisal]) -> list[Flaw | None]:
    """What is wrong or empty about each statement."""
    labels = [statement.label for statement in known]
    return [_flaw(statement, appraisal, labels[:place], labels[place:]) for place, (statement, appraisal) in enumerate(zip(known, appraisals, strict=True))]


def _flaw(statement: Statement, appraisal: Appraisal, earlier: Sequence[str], later: Sequence[str]) -> Flaw | None:
    if appraisal.fault == "citation" and statement.label in earlier:
        return "redefinition"
    if appraisal.fault == "citation" and any(label in later and label not in earlier for label in statement.cited):
        return "circular"
    return appraisal.fault or appraisal.emptiness


def _longest_weakening(known: Sequence[Statement], flaws: Sequence[Flaw | None]) -> int:
    lengths: dict[str, int] = {}
    for statement, flaw in zip(known, flaws, strict=True):
        if flaw == "weakening":
            lengths[statement.label] = 1 + max((lengths.get(label, 0) for label in statement.cited), default=0)
    return max(lengths.values(), default=0)


def _appraised(known: Sequence[Statement], place: int, checker: EntailmentChecker, language: Language) -> Appraisal:
    statement = known[place]
    if not statement.cited and not statement.assumed:
        return Appraisal(stands=True, reason="given")
    return appraise(statement, known[:place], checker, language=language)


def _needed(statement: Statement, appraisal: Appraisal) -> tuple[str, ...]:
    return () if appraisal.finding is None else tuple(statement.cited[i] for i in appraisal.finding.needed)


def _step(statement: Statement, appraisal: Appraisal, flaw: Flaw | None, needs: dict[str, tuple[str, ...]], carrying: set[str]) -> ReviewedStep:
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
    return ReviewedStep(statement.label, part, needs.get(statement.label, ()) if statement.cited else (), reason, flaw)

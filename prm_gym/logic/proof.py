"""Proofs as lists of statements: which of them stand, and what they decide.

A statement stands when it was given, or when it follows from statements that stand, were written down before it, and are cited by it. What rests on an unsound
statement does not stand, however right its own inference is: otherwise one false step would make every later one right.

Assumptions make it natural deduction: a statement may be assumed; what is derived from it rests on it; a step that discharges it takes each cited
statement C that rests on it as `A -> C`. So an implication is introduced (cite C, discharge A), a supposition refuted (cite C and its opposite, discharge
A) and cases are told apart (cite `A v B`, and C under each, discharge both). A goal is derived when it rests on no assumption.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims import Statement
from prm_gym.errors import FormulaError
from prm_gym.logic.entailment import EntailmentChecker, Finding, adds_vocabulary
from prm_gym.logic.formula import Formula, Implies, atoms, conjuncts, negation, normal_form
from prm_gym.logic.language import FLD, Language
from prm_gym.logic.semantics import Structure

Fault: TypeAlias = Literal["citation", "discharge", "formula", "inference", "premises", "rests", "unknown"]
Emptiness: TypeAlias = Literal["tautology", "restatement", "weakening", "repetition", "discharge"]


class Appraisal(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is to be said of a statement.

    Attributes:
        stands: True, False, or None when the solver cannot tell.
        fault: why not: a citation that names nothing earlier, a discharge of what is no assumption of the cited, no formula, a refuted inference, contradictory
            premises, or premises that do not stand.
        empty: why a statement that stands adds nothing, in one sentence; "" when it does add something.
        emptiness: of which kind that is: a tautology, a restatement of what it needs, a weakening, a repetition, or the discharge of an assumption that had no
            part in it.
        reason: one sentence for a person.
        finding: the inference, where it was examined.
    """

    stands: bool | None
    fault: Fault | None = None
    empty: str = ""
    emptiness: Emptiness | None = None
    reason: str = ""
    finding: Finding | None = None


_GIVEN = Appraisal(stands=True, reason="given")


def appraise(statement: Statement, known: Sequence[Statement], checker: EntailmentChecker, propagate: bool = True, language: Language = FLD) -> Appraisal:
    """Whether a statement stands, and whether it adds something, given what was written down before it.

    Args:
        statement: the new statement; it must cite something.
        known: the earlier ones, in order; what cites nothing was given.
        checker: examines the inferences.
        propagate: whether the cited statements must stand themselves; False judges the inference alone (the labels of FoVer are of this kind).
        language: what the formulas are written in.
    """
    earlier = _by_label(known)
    if statement.assumed:
        return _assumed(statement, earlier, language)
    if not statement.cited:
        return Appraisal(stands=False, fault="citation", reason="no premise is cited")
    standing: Mapping[str, Appraisal] = appraise_all(known, checker, language) if propagate else {}
    if propagate and statement.label not in earlier:
        appraisal = appraise_all((*known, statement), checker, language)[statement.label]
    else:
        appraisal = _appraise_one(statement, earlier, standing, checker, language)
    if not appraisal.stands or appraisal.finding is None:
        return appraisal
    kind, empty = _emptiness(statement, earlier, appraisal.finding, standing, checker, language)
    return msgspec.structs.replace(appraisal, empty=empty, emptiness=kind, reason=empty or appraisal.reason)


def appraise_all(known: Sequence[Statement], checker: EntailmentChecker, language: Language = FLD) -> Mapping[str, Appraisal]:
    """Whether each statement stands, by label; of two with one label the first counts.

    The checker keeps the answer, so that a proof which grows by a statement costs one more inference; the mapping is not to be changed.
    """
    key = tuple(known)
    standing: dict[str, Appraisal] | None = checker.kept((key, language))
    if standing is None:
        shorter: dict[str, Appraisal] | None = checker.kept((key[:-1], language))
        standing = {} if shorter is None else dict(shorter)
        begun = 0 if shorter is None else len(key) - 1
        earlier = _by_label(key[:begun])
        for statement in key[begun:]:
            if statement.label not in earlier:
                if statement.assumed:
                    standing[statement.label] = _assumed(statement, earlier, language)
                else:
                    standing[statement.label] = (
                        _appraise_one(statement, earlier, standing, checker, language) if statement.cited or statement.discharged else _GIVEN
                    )
                earlier[statement.label] = statement
        checker.keep((key, language), standing)
    return standing


def open_assumptions(known: Sequence[Statement]) -> dict[str, frozenset[str]]:
    """The assumptions that each statement rests on, by label; of two with one label the first counts."""
    found: dict[str, frozenset[str]] = {}
    if not any(statement.assumed for statement in known):
        return {statement.label: frozenset() for statement in known}
    for statement in known:
        if statement.label not in found:
            below = frozenset[str]().union(*(found.get(label, frozenset()) for label in statement.cited))
            found[statement.label] = frozenset({statement.label}) if statement.assumed else below - set(statement.discharged)
    return found


def _assumed(statement: Statement, earlier: Mapping[str, Statement], language: Language) -> Appraisal:
    """An assumption stands for itself."""
    if statement.label in earlier:
        return Appraisal(stands=False, fault="citation", reason=f"{statement.label} is already taken: {earlier[statement.label].formula[:80]}")
    if statement.cited or statement.discharged:
        return Appraisal(stands=False, fault="discharge", reason="an assumption rests on nothing and discharges nothing")
    try:
        language.parse(statement.formula)
    except FormulaError as error:
        return Appraisal(stands=False, fault="formula", reason=str(error))
    return Appraisal(stands=True, reason="assumed")


def premises_of(statement: Statement, earlier: Mapping[str, Statement], language: Language) -> tuple[str, ...]:
    """What the cited statements say once the discharged assumptions are conditions of it.

    Raises:
        DischargeError: something discharged is no assumption that the cited statements rest on.
        FormulaError: a statement is no formula.
    """
    if not statement.discharged:
        return tuple([earlier[label].formula for label in statement.cited])
    rests_on = open_assumptions(tuple(earlier.values()))
    for label in statement.discharged:
        if label not in earlier or not earlier[label].assumed:
            raise DischargeError(f"{label} is no assumption")
        if not any(label in rests_on[cited] for cited in statement.cited):
            raise DischargeError(f"nothing that is cited rests on the assumption {label}")
    premises: list[str] = []
    for cited in statement.cited:
        formula = language.parse(earlier[cited].formula)
        for label in reversed(statement.discharged):
            if label in rests_on[cited]:
                formula = Implies(language.parse(earlier[label].formula), formula)
        premises.append(language.write(formula))
    return tuple(premises)


class DischargeError(Exception):
    """What is discharged cannot be."""


def _by_label(known: Sequence[Statement]) -> dict[str, Statement]:
    """The statements in order, by label; of two with one label the first."""
    found: dict[str, Statement] = {}
    for statement in known:
        found.setdefault(statement.label, statement)
    return found


def _appraise_one(
    statement: Statement, earlier: dict[str, Statement], standing: Mapping[str, Appraisal], checker: EntailmentChecker, language: Language
) -> Appraisal:
    if statement.label in earlier:
        return Appraisal(stands=False, fault="citation", reason=f"{statement.label} is already taken: {earlier[statement.label].formula[:80]}")
    if not statement.cited:
        return Appraisal(stands=False, fault="citation", reason="no premise is cited")
    for label in statement.cited:
        if label not in earlier:
            return Appraisal(stands=False, fault="citation", reason=f"{label} has not been established before this step")
    try:
        premises = premises_of(statement, earlier, language)
        finding = checker.examine(premises, statement.formula, language)
    except DischargeError as error:
        return Appraisal(stands=False, fault="discharge", reason=str(error))
    except FormulaError as error:
        return Appraisal(stands=False, fault="formula", reason=str(error))
    if finding.status == "unknown":
        fallen = [label for label in statement.cited if standing.get(label, _GIVEN).stands is False]
        if fallen:  # whatever the solver would say of the inference
            return Appraisal(stands=False, fault="rests", reason=f"rests on {fallen[0]}, which does not stand", finding=finding)
        return Appraisal(stands=None, fault="unknown", reason=f"the solver cannot tell {finding.detail}", finding=finding)
    if finding.status == "inconsistent":
        return Appraisal(stands=False, fault="premises", reason="the cited premises contradict one another: anything follows", finding=finding)
    if finding.status == "refuted":
        structure = finding.counterexample
        shown = finding.detail if structure is None else _shown(structure, (*premises, statement.formula), language)
        return Appraisal(stands=False, fault="inference", reason=f"does not follow from the cited premises: {shown}", finding=finding)
    for label in statement.cited:
        below = standing.get(label, _GIVEN)
        if not below.stands:
            why = "which does not stand" if below.stands is False else "of which the solver cannot tell whether it stands"
            return Appraisal(stands=below.stands, fault="rests", reason=f"rests on {label}, {why}", finding=finding)
    needed = ", ".join(statement.cited[i] for i in finding.needed)
    return Appraisal(stands=True, reason=f"follows from {needed}", finding=finding)


@lru_cache(maxsize=20_000)
def _shown(counterexample: Structure, formulas: tuple[str, ...], language: Language) -> str:
    return counterexample.describe([language.parse(text) for text in formulas], language.write)


def _emptiness(
    statement: Statement,
    earlier: dict[str, Statement],
    finding: Finding,
    standing: Mapping[str, Appraisal],
    checker: EntailmentChecker,
    language: Language,
) -> tuple[Emptiness | None, str]:
    """Of which kind a statement that stands and adds nothing is, and why; None and "" when it does add something."""
    if finding.tautology:
        return "tautology", "holds without any premise (a tautology)"
    labels = [statement.cited[i] for i in finding.needed]
    if finding.restates and not statement.discharged:  # C under the assumption A says A -> C, and yet it is a step to say so
        return "restatement", f"only restates {' and '.join(labels)}"
    premises = premises_of(statement, earlier, language)
    if adds_vocabulary(tuple(premises[i] for i in finding.needed), statement.formula, language):
        return "weakening", "only weakens what it rests on: it speaks of predicates that no needed premise speaks of"
    past = [(label, said.formula) for label, said in reversed(earlier.items()) if standing.get(label, _GIVEN).stands]
    if any(said.assumed for said in earlier.values()):
        needed = _needed_assumptions(earlier, standing)
        below = frozenset[str]().union(*(needed[label] for label in labels))
        for label in statement.discharged:
            if label not in below:
                return "discharge", f"discharges {label}, which had no part in it"
        past = _said_as_freely(past, below - set(statement.discharged), needed, earlier, language)
    sources = [_source(text, part, past, checker, language) for text, part in _parts(statement.formula, language)]
    if "" in sources:
        return None, ""
    again = any(says(earlier[label], statement.formula, language) for label in sources)
    return "repetition" if again else "weakening", f"says nothing beyond {' and '.join(dict.fromkeys(sources))}"


def _needed_assumptions(earlier: Mapping[str, Statement], standing: Mapping[str, Appraisal]) -> dict[str, frozenset[str]]:
    """The assumptions that each statement needs: as `open_assumptions`, but a premise that is cited and not needed counts for nothing."""
    found: dict[str, frozenset[str]] = {}
    for label, statement in earlier.items():
        finding = standing.get(label, _GIVEN).finding
        cited = statement.cited if finding is None or finding.status != "entailed" else [statement.cited[i] for i in finding.needed]
        below = frozenset[str]().union(*(found.get(one, frozenset()) for one in cited))
        found[label] = frozenset({label}) if statement.assumed else below - set(statement.discharged)
    return found


def _said_as_freely(
    past: Sequence[tuple[str, str]], below: frozenset[str], needed: Mapping[str, frozenset[str]], earlier: Mapping[str, Statement], language: Language
) -> list[tuple[str, str]]:
    """What has been said under no assumption but those in `below`: what was said under another has not been said without it.

    Assumptions count by what they say: to assume again what was assumed before, or what stands anyway, makes nothing new of what follows.
    """
    free = {_form(formula, language) for label, formula in past if not needed[label]}

    def conditions(labels: frozenset[str]) -> set[Formula]:
        return {_form(earlier[label].formula, language) for label in labels} - free

    allowed = conditions(below)
    return [(label, formula) for label, formula in past if conditions(needed[label]) <= allowed]


def _source(text: str, part: Formula, past: Sequence[tuple[str, str]], checker: EntailmentChecker, language: Language) -> str:
    """Label of a statement that says the part by itself, or more than it; "" where none does."""
    spoken = frozenset(atom.predicate for atom in atoms(part))
    for label, formula in past:
        if spoken.isdisjoint(_predicates(formula, language)):
            continue
        follows: bool | None = checker.kept((formula, text, language))
        if follows is None:
            follows = checker.follows(_form(formula, language), part, language)
            checker.keep((formula, text, language), follows)
        if follows:
            return label
    return ""


@lru_cache(maxsize=20_000)
def _parts(formula: str, language: Language) -> tuple[tuple[str, Formula], ...]:
    """The conjuncts of a formula's normal form, each with its text."""
    return tuple((language.write(part), part) for part in conjuncts(_form(formula, language)))


@lru_cache(maxsize=20_000)
def _predicates(formula: str, language: Language) -> frozenset[str]:
    """The predicates of a text; none where it is no formula."""
    try:
        return frozenset(atom.predicate for atom in atoms(language.parse(formula)))
    except FormulaError:
        return frozenset()


@lru_cache(maxsize=20_000)
def _form(formula: str, language: Language) -> Formula:
    return normal_form(language.parse(formula))


def says(statement: Statement, goal: str, language: Language = FLD) -> bool:
    """Whether a statement says the goal: has its normal form.

    Raises:
        FormulaError: the goal is no formula.
    """
    form = _form(goal, language)
    try:
        return _form(statement.formula, language) == form
    except FormulaError:
        return False


def derivation(goal: str, known: Sequence[Statement], checker: EntailmentChecker, language: Language = FLD) -> bool | None:
    """Whether a statement that says `goal` stands and rests on no assumption; None when the solver cannot tell.

    A conjunction is derived when all its parts are: to write them side by side would say nothing new.

    Raises:
        FormulaError: the goal is no formula.
    """
    standing = appraise_all(known, checker, language)
    rests_on = open_assumptions(known)
    closed = [(past, standing[label].stands) for label, past in _by_label(known).items() if not rests_on[label]]
    whole = _said([stands for past, stands in closed if says(past, goal, language)])
    parts = goal_parts(goal, language)
    if whole or len(parts) == 1:
        return whole
    answers = [whole, _all([_said([stands for past, stands in closed if says(past, part, language)]) for part in parts])]
    return _said(answers)


def goal_parts(goal: str, language: Language = FLD) -> tuple[str, ...]:
    """The conjuncts of a goal's normal form: what is to be derived.

    Raises:
        FormulaError: the goal is no formula.
    """
    return tuple(text for text, _ in _parts(goal, language))


def _said(answers: Sequence[bool | None]) -> bool | None:
    """Whether one of several is so; None when nobody can tell."""
    return True if True in answers else None if None in answers else False


def _all(answers: Sequence[bool | None]) -> bool | None:
    """Whether all of several are so; None when nobody can tell."""
    return False if False in answers else None if None in answers else True


def given(known: Sequence[Statement]) -> tuple[str, ...]:
    """The formulas of the statements that were given."""
    return tuple(statement.formula for statement in known if not (statement.cited or statement.discharged or statement.assumed))


def opposite(formula: str, language: Language = FLD) -> str:
    """The negation of a formula in text.

    Raises:
        FormulaError: it is no formula.
    """
    return language.write(negation(language.parse(formula)))

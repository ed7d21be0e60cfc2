"""prm_gym/NaturalDeduction-v0: proofs that need an assumption: conditional proof, case split, refutation.

hypothesis: {A} -> {C}
fact1: {A} -> {B}
fact2: {B} -> {C}

assume int1: {A}                                  an assumption: a new label, a literal
fact1 & int1 -> int2: {B}                         an inference: what it cites, a new label, a literal
fact2 & int2 -> int3: {C}
discharge int1: int3 -> int4: {A} -> {C}          a discharge: the assumptions that it closes, and an inference
PROVED                                            the verdict: PROVED, DISPROVED or UNKNOWN

Under the discharge of A a line C that rests on it counts as `A -> C`. So one discharges

    one assumption A, citing one line C:           A -> C
    one assumption A, citing two that clash:       ¬A
    two assumptions A and B, citing `A v B` and the line C under each:   C
"""

import re
from functools import lru_cache
from typing import ClassVar

import numpy as np

from prm_gym.claims import Malformed, Statement
from prm_gym.envs.logic.arguments import LEVELS, generate
from prm_gym.envs.logic.deduction import DeductionEnv, fresh_label, mixed, with_answers
from prm_gym.envs.logic.hypothetical import MAX_CITED, MAX_RULES, HypotheticalMoves, Move
from prm_gym.envs.logic.theory import Theory
from prm_gym.errors import FormulaError
from prm_gym.logic.entailment import shared_checker
from prm_gym.logic.formula import Formula, atoms, is_literal
from prm_gym.logic.notations.fld import parse, write
from prm_gym.logic.proof import appraise_all, open_assumptions

INSTRUCTIONS = """\
Decide whether the hypothesis follows from the facts. Predicates are {A} or {A}{a}, ¬ is not, & and, v or, -> if-then, (x): for all x. Write one step at a
time, in one of three forms; each makes a new label (int1, int2, ...):
    assume int1: {A}                              suppose a literal for the sake of the argument
    fact1 & int1 -> int2: {B}                     from what is cited alone (up to three lines, up to two of them no literals) follows a literal
    discharge int1: int2 -> int3: {A} -> {B}      close an assumption: from a line under {A} that says {B} follows {A} -> {B};
                                                  from two lines that clash, ¬{A}. To close the two cases of {A} v {B}, cite it and the same
                                                  line under each: discharge int1 & int4: fact1 & int3 & int5 -> int6: {C}
What rests on an assumption counts only once that is discharged. When the hypothesis has been written down and rests on no assumption, answer PROVED; when its
negation has (for {A} -> {B}: both {A} and ¬{B}; for {A} & ¬{B}: {A} -> {B}), answer DISPROVED; if the facts decide neither, answer UNKNOWN."""

# A discharge of one assumption may conclude an implication of implications.
MAX_ATOMS = 3

_LABELS = r"(?:fact|int)\d{1,4}(?:\s*&\s*(?:fact|int)\d{1,4})*"
_STEP = re.compile(
    rf"(?:discharge\s+(?P<discharged>{_LABELS})\s*:\s*)?(?P<cited>{_LABELS})\s*->\s*(?P<label>int\d{{1,4}})\s*:\s*(?P<formula>\S.*)"
    r"|assume\s+(?P<assumed>int\d{1,4})\s*:\s*(?P<literal>\S.*)",
    re.ASCII | re.DOTALL,
)
_FORMS = "not of the form `fact1 & int1 -> int2: {B}`, `assume int1: {A}` or `discharge int1: int2 -> int3: {A} -> {B}`, nor PROVED, DISPROVED or UNKNOWN"
# How many lines are cited when so many assumptions are discharged.
_DISCHARGES = {1: (1, 2), 2: (3,)}


class NaturalDeductionEnv(DeductionEnv):
    """A generated theory and a hypothesis that only an assumption proves or disproves; or that stays unknown.

    Observation: the hypothesis, the facts, and the steps written down so far with what they cite and discharge.
    Action: a step or a verdict, as text (see the module). An inference cites at most three lines of which at most two are no literals, and concludes a literal:
    so nothing but a discharge leads from rules alone to anything. A step is written down whether it is sound or not; a text that is no step, or that takes a
    label twice, names a label that is not there or writes no formula, changes nothing.
    Assumptions have no place in a text but a reach: a line rests on those that it was derived from, until they are discharged on the way. A line under a
    discharged assumption may still be cited; what follows rests on the assumption again.
    Claims: `Entailment` for a step, `Decision` for a verdict, `Malformed` for anything else.
    Outcome: 1 for the right verdict, where PROVED and DISPROVED also need a sound derivation that rests on no assumption; else 0. A conjunction is derived when
    both its parts are.
    state_key: the facts and hypothesis, and the set of formulas written down, each with whether it stands, whether it is assumed, and what the assumptions say
    that it rests on and whether they have been discharged. Labels, order and route do not matter, as in Deduction.
    Difficulty 1 to 5: one block of assumptions up to 3, two nested from 4 on, with 2 to 3 plain inferences under each and up to 2 after it; 1 to 4 distractors
    around three arguments of which one is whole; quantified rules about individuals from 3 on. Every label is checked with Z3.
    Source: the notation follows FLD (Morishita et al. 2023); the rules are those of natural deduction in Lemmon's style (assumptions by number); the generator
    is our own.
    """

    task_name: ClassVar[str] = "NaturalDeduction"
    task_instructions: ClassVar[str] = INSTRUCTIONS
    levels: ClassVar[tuple[int, ...]] = tuple(LEVELS)

    @staticmethod
    def usual_steps(difficulty: int) -> int:
        """The step limit of a difficulty unless another is given."""
        return LEVELS[difficulty].longest + 4

    @staticmethod
    def generated(entropy: int, difficulty: int) -> Theory:
        """The theory of a number."""
        return generate(entropy, LEVELS[difficulty])

    def read(self, text: str) -> Statement | Malformed:
        """The statement that a step writes."""
        match = _STEP.fullmatch(text)
        if match is None:
            return Malformed(_FORMS)
        try:
            formula = parse(match["literal"] or match["formula"])
        except FormulaError as error:
            return Malformed(f"no formula: {error}")
        if match["assumed"] is not None:
            return Statement(match["assumed"], write(formula), assumed=True) if is_literal(formula) else Malformed("an assumption is a literal")
        cited, discharged = _labels(match["cited"]), _labels(match["discharged"] or "")
        literals = {said.label for said in self.known if is_literal(parse(said.formula))}
        defect = _defect(formula, cited, discharged, sum(label not in literals for label in cited))
        return Malformed(defect) if defect else Statement(match["label"], write(formula), cited, discharged=discharged)

    @staticmethod
    def write(statement: Statement) -> str:
        """The step that writes a statement."""
        if statement.assumed:
            return f"assume {statement.label}: {statement.formula}"
        step = f"{' & '.join(statement.cited)} -> {statement.label}: {statement.formula}"
        return f"discharge {' & '.join(statement.discharged)}: {step}" if statement.discharged else step

    def state(self) -> list[str]:
        """What has been written down, with what it rests on."""
        known = self.known
        standing = appraise_all(known, shared_checker())
        rests_on = open_assumptions(known)
        closed = {label for said in known for label in said.discharged}
        conditions = {said.label: f"{said.formula}{' (discharged)' if said.label in closed else ''}" for said in known if said.assumed}
        return [
            f"{said.formula} {standing[said.label].stands} {said.assumed} | {', '.join(sorted({conditions[label] for label in rests_on[said.label]}))}"
            for said in known
            if said.cited or said.assumed
        ]

    def listed(self, state_key: str) -> tuple[str, ...]:
        """The admissible actions to list."""
        return listed_actions(self.entropy, self.difficulty, self.derived, self.candidates, state_key)


def _labels(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(label.strip() for label in text.split("&") if label.strip()))


def _defect(formula: Formula, cited: tuple[str, ...], discharged: tuple[str, ...], rules: int) -> str:
    """Why a step is none that is taken; "" where it is."""
    named = sum(1 for _ in atoms(formula))
    if named > MAX_ATOMS:
        return f"the conclusion names {named} predicates, with repetitions; at most {MAX_ATOMS} are taken"
    if discharged:
        allowed = _DISCHARGES.get(len(discharged), ())
        if len(cited) not in allowed:
            return "a step that discharges one assumption cites one or two lines, one that discharges two cites three; no other is taken"
        return "" if len(cited) == 1 or is_literal(formula) else "a discharge that cites more than one line concludes a literal"
    if not is_literal(formula):
        return "the conclusion is no literal; anything else is concluded by a discharge"
    if len(cited) > MAX_CITED or rules > MAX_RULES:
        return f"a step cites up to {MAX_CITED} lines, up to {MAX_RULES} of them no literals; this one cites {len(cited)} and {rules}"
    return ""


@lru_cache(maxsize=4_096)
def listed_actions(entropy: int, difficulty: int, derived: tuple[Statement, ...], number: int, state_key: str) -> tuple[str, ...]:
    """Admissible actions in random order; they depend on the state alone, not on how it was reached."""
    theory = generate(entropy, LEVELS[difficulty])
    rng = np.random.default_rng([entropy, int(state_key, 16)])
    moves = HypotheticalMoves(theory.facts, derived, theory.hypothesis, rng)
    towards = _reached(theory.facts, theory.proof)
    reached = _reached(theory.facts, derived)
    said = {statement.label: statement for statement in (*theory.facts, *derived)}
    rests_on = open_assumptions(tuple(said.values()))

    def reaches(move: Move) -> tuple[str, frozenset[str] | None]:
        below = frozenset[str]().union(*(rests_on[label] for label in move.cited)) - set(move.discharged)
        return move.formula, frozenset(said[label].formula for label in below) if move.cited else None

    possible = [*moves.sound, *moves.suppositions]
    leading = [move for move in possible if reaches(move) in towards]
    useful = [move for move in leading if reaches(move) not in reached] or leading  # what is said already leads on where it was discharged amiss
    others = [move for move in possible if move not in useful]
    label = fresh_label(derived)
    chosen = mixed(useful, others, moves.tempting, number - 3, rng)
    texts = [NaturalDeductionEnv.write(Statement(label, move.formula, move.cited, not move.cited, move.discharged)) for move in chosen]
    return with_answers(texts, rng)


@lru_cache(maxsize=4_096)
def _reached(facts: tuple[Statement, ...], proof: tuple[Statement, ...]) -> frozenset[tuple[str, frozenset[str] | None]]:
    """What some statements say, and under which assumptions; None for an assumption itself."""
    rests_on = open_assumptions((*facts, *proof))
    formulas = {said.label: said.formula for said in proof}
    return frozenset((said.formula, None if said.assumed else frozenset(formulas[label] for label in rests_on[said.label])) for said in proof)

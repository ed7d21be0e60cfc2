"""prm_gym/Deduction-v0: prove a hypothesis, disprove it, or declare it unknown, one cited step at a time.

hypothesis: {C}{a}
fact1: (x): {A}x -> {B}x
fact2: {A}{a}
fact3: {B}{a} -> {C}{a}

fact1 & fact2 -> int1: {B}{a}        a step: the statements it cites, a new label, its conclusion
fact3 & int1 -> int2: {C}{a}
PROVED                               the verdict: PROVED, DISPROVED or UNKNOWN
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import count
from typing import Any, ClassVar, TypeVar, Unpack, get_args

import msgspec
import numpy as np

from prm_gym.claims import Answer, Claim, Decision, Entailment, Json, Malformed, Statement
from prm_gym.env import StepEnv
from prm_gym.envs.logic.moves import Moves
from prm_gym.envs.logic.theory import LEVELS, Theory, generate
from prm_gym.errors import ContractError, FormulaError, OptionError
from prm_gym.logic.entailment import shared_checker
from prm_gym.logic.formula import atoms
from prm_gym.logic.notations.fld import parse, write
from prm_gym.logic.proof import appraise_all, derivation, opposite
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

INSTRUCTIONS = """\
Decide whether the hypothesis follows from the facts. Write one step at a time, in the form
    fact1 & fact3 -> int1: {B}
which says: from fact1 and fact3 alone follows {B}; call it int1. Predicates are {A} or {A}{a}, ¬ is not, & and, v or, -> if-then,
(x): for all x, (Ex): for some x. A step may cite up to four facts and earlier steps, and its conclusion may name up to two predicates, with repetitions;
a new step needs a new label (int1, int2, ...).
When the hypothesis has been written down as a step, answer PROVED; when its negation has, answer DISPROVED; if the facts decide
neither, answer UNKNOWN."""

MAX_STATEMENTS = 64
# Or citing everything, at once or in bundles, would prove in a few steps whatever can be guessed. The generated proofs cite at most three statements and
# conclude literals.
MAX_CITED = 4
MAX_ATOMS = 2

_STEP = re.compile(r"(?P<cited>(?:fact|int)\d{1,4}(?:\s*&\s*(?:fact|int)\d{1,4})*)\s*->\s*(?P<label>int\d{1,4})\s*:\s*(?P<formula>\S.*)", re.ASCII | re.DOTALL)
_ANSWERS: tuple[Answer, ...] = get_args(Answer)
_Item = TypeVar("_Item")


class DeductionEnv(StepEnv):
    """A generated theory and a hypothesis to prove, disprove or declare unknown.

    Observation: the hypothesis, the facts, and the steps written down so far with what they cite.
    Action: a step or a verdict, as text (see the module). A step is written down whether it is sound or not; a text that is no step, or that takes a label
    twice, cites something that is not there or writes no formula, changes nothing.
    Claims: `Entailment` for a step, `Decision` for a verdict, `Malformed` for anything else.
    Outcome: 1 for the right verdict, where PROVED and DISPROVED also need a sound derivation of the hypothesis or its negation among the steps; else 0.
    state_key: the facts and hypothesis, and the set of formulas written down with whether each stands; neither the order nor the route matters, nor the
    labels: states that differ only in which step is called int1 count as one, so action texts that cite steps are comparable up to labels.
    Difficulty 1 to 5: depth 1 to 6, 1 to 6 distractors around three proof trees of which one is whole, quantified rules about individuals from 3 on.
    Every label is checked with Z3.
    Source: the task and notation follow FLD (Morishita et al. 2023) and FoVer (Kamoi et al. 2025); the generator is our own.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("z3",)
    constant_action: ClassVar[str | None] = "UNKNOWN"
    task_name: ClassVar[str] = "Deduction"
    task_instructions: ClassVar[str] = INSTRUCTIONS
    levels: ClassVar[tuple[int, ...]] = tuple(LEVELS)

    def __init__(self, *, difficulty: int = 2, candidates: int = 12, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5.
            candidates: how many admissible actions to list, verdicts included; >= 4, or 0 to list none (for agents that write free text: a listing takes
                about half the time of a step).
            **options: see `StepOptions`; max_steps is 4 plus twice the greatest depth unless given.
        """
        require_difficulty(difficulty, self.levels)
        require_candidates(candidates, least=4)
        if options.get("max_steps") is None:
            options["max_steps"] = self.usual_steps(difficulty)
        super().__init__(**options)
        self.difficulty = difficulty
        self.candidates = candidates
        self._theory = Theory((), "", "UNKNOWN", (), 0)
        self.derived: tuple[Statement, ...] = ()
        self.entropy = 0

    # What another kind of proof does in its own way.

    @staticmethod
    def usual_steps(difficulty: int) -> int:
        """The step limit of a difficulty unless another is given."""
        return 4 + 2 * LEVELS[difficulty].max_depth

    @staticmethod
    def generated(entropy: int, difficulty: int) -> Theory:
        """The theory of a number."""
        return generate(entropy, LEVELS[difficulty])

    def read(self, text: str) -> Statement | Malformed:
        """The statement that a step writes."""
        return _read_step(text)

    @staticmethod
    def write(statement: Statement) -> str:
        """The step that writes a statement."""
        return f"{' & '.join(statement.cited)} -> {statement.label}: {statement.formula}"

    def state(self) -> list[str]:
        """What has been written down, one text for each formula of which more is to be known than that it is there, in any order."""
        standing = appraise_all(self.known, shared_checker())
        return [f"{s.formula} {standing[s.label].stands}" for s in self.derived]

    def listed(self, state_key: str) -> tuple[str, ...]:
        """The admissible actions to list."""
        return listed_actions(self.entropy, self.difficulty, self.derived, self.candidates, state_key)

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a theory."""
        if options:
            raise OptionError(f"reset of {self.task_name} takes no options, got {sorted(options)}")
        self.entropy = int(self.np_random.integers(2**63))
        self._set_theory(self.generated(self.entropy, self.difficulty))
        theory = self._theory
        question = "\n".join([f"hypothesis: {theory.hypothesis}", *(f"{fact.label}: {fact.formula}" for fact in theory.facts)])
        task = Task(
            key=content_key(f"{self.task_name}-v0", question),
            instructions=self.task_instructions,
            question=question,
            sealed={
                "entropy": self.entropy,
                "answer": theory.answer,
                "proof": [_sealed(statement) for statement in theory.proof],
            },
            metadata={"difficulty": self.difficulty, "depth": theory.depth},
        )
        return task, self._situation_now(task)

    def advance(self, action: str) -> Transition:
        """Write a step down, or end with a verdict."""
        text = action.strip()
        if text in _ANSWERS:
            return self._decide(text)
        statement = self.read(text)
        if isinstance(statement, Malformed):
            return self._unchanged(statement)
        known = self.known
        claim = Entailment(statement=statement, known=known)
        labels = {past.label for past in known}
        if statement.label in labels or not labels.issuperset((*statement.cited, *statement.discharged)):
            return self._unchanged(claim)
        if len(known) >= len(self._theory.facts) + MAX_STATEMENTS:
            return self._unchanged(Malformed(f"{MAX_STATEMENTS} steps have been written down; no more are taken"))
        self.derived += (statement,)
        return Transition(situation=self._situation_now(self.task), claims=(claim,))

    def _unchanged(self, claim: Claim) -> Transition:
        return Transition(situation=self.situation, claims=(claim,))

    def _decide(self, answer: Answer) -> Transition:
        theory = self._theory
        right = answer == theory.answer
        if right and answer != "UNKNOWN":
            goal = theory.hypothesis if answer == "PROVED" else opposite(theory.hypothesis)
            # A derivation that the solver cannot confirm does not count: what makes it hard was written by the agent.
            right = derivation(goal, self.known, shared_checker()) is True
        claim = Decision(answer=answer, hypothesis=theory.hypothesis, known=self.known)
        return Transition(situation=msgspec.structs.replace(self.situation, actions=()), claims=(claim,), terminated=True, outcome=float(right))

    @property
    def known(self) -> tuple[Statement, ...]:
        """Everything written down, the facts first."""
        return self._theory.facts + self.derived

    def _set_theory(self, theory: Theory) -> None:
        self._theory = theory
        self.derived = ()

    def _situation_now(self, task: Task) -> Situation:
        derived = [f"{s.label}: {s.formula}   ({_origin(s)})" for s in self.derived]
        state = sorted(self.state()) if self.derived else []
        state_key = content_key(task.key, *dict.fromkeys(state))
        actions = self.listed(state_key) if self.candidates else ()
        return Situation(observation="\n".join([task.question, *derived]), state_key=state_key, actions=actions)

    def solution(self) -> list[str]:
        """The generated proof and the verdict."""
        theory = self._theory
        return [*(self.write(statement) for statement in theory.proof), theory.answer]

    def save_state(self) -> Json:
        """The entropy that the theory is generated from, and what was written down."""
        return {"entropy": self.entropy, "difficulty": self.difficulty, "derived": msgspec.to_builtins(self.derived)}

    def load_state(self, state: Any) -> None:
        """Generate the theory again and put back what was written down.

        Raises:
            ContractError: the snapshot is of another difficulty.
        """
        if state["difficulty"] != self.difficulty:
            raise ContractError(f"a snapshot of difficulty {state['difficulty']} cannot be restored into an environment of difficulty {self.difficulty}")
        self.entropy = state["entropy"]
        self._set_theory(self.generated(self.entropy, self.difficulty))
        self.derived = msgspec.convert(state["derived"], tuple[Statement, ...])


def _sealed(statement: Statement) -> dict[str, Json]:
    sealed: dict[str, Json] = {"label": statement.label, "formula": statement.formula, "cited": list(statement.cited)}
    if statement.assumed or statement.discharged:
        sealed |= {"assumed": statement.assumed, "discharged": list(statement.discharged)}
    return sealed


def _origin(statement: Statement) -> str:
    """Where a statement comes from, as it is shown."""
    if statement.assumed:
        return "assumed"
    cited = " & ".join(statement.cited)
    return f"{cited}; discharges {' & '.join(statement.discharged)}" if statement.discharged else cited


def _read_step(text: str) -> Statement | Malformed:
    match = _STEP.fullmatch(text)
    if match is None:
        return Malformed("not of the form `fact1 & fact3 -> int1: {B}`, nor PROVED, DISPROVED or UNKNOWN")
    try:
        parsed = parse(match["formula"])
        formula = write(parsed)
    except FormulaError as error:
        return Malformed(f"the conclusion is no formula: {error}")
    cited = tuple(dict.fromkeys(label.strip() for label in match["cited"].split("&")))
    if len(cited) > MAX_CITED:
        return Malformed(f"the step cites {len(cited)} statements; at most {MAX_CITED} are taken")
    named = sum(1 for _ in atoms(parsed))
    if named > MAX_ATOMS:
        return Malformed(f"the conclusion names {named} predicates, with repetitions; at most {MAX_ATOMS} are taken")
    return Statement(match["label"], formula, cited)


@lru_cache(maxsize=4_096)
def listed_actions(entropy: int, difficulty: int, derived: tuple[Statement, ...], number: int, state_key: str) -> tuple[str, ...]:
    """Admissible actions in random order; they depend on the state alone, not on how it was reached. Attempts at one task meet the same states."""
    theory = generate(entropy, LEVELS[difficulty])
    rng = np.random.default_rng([entropy, int(state_key, 16)])
    moves = Moves(theory.facts, derived, theory.hypothesis, rng)
    towards = {statement.formula for statement in theory.proof}
    useful = [move for move in moves.sound if move[1] in towards]
    others = [move for move in moves.sound if move[1] not in towards]
    label = fresh_label(derived)
    texts = [f"{' & '.join(cited)} -> {label}: {conclusion}" for cited, conclusion in mixed(useful, others, moves.tempting, number - len(_ANSWERS), rng)]
    return with_answers(texts, rng)


def mixed(useful: list[_Item], others: list[_Item], tempting: list[_Item], room: int, rng: np.random.Generator) -> list[_Item]:
    """Up to `room` of the moves: a third that lead on, with the other sound ones a half, the rest tempting."""
    chosen = _some(useful, max(1, room // 3), rng)
    chosen += _some(others, max(1, room // 2) - len(chosen), rng)
    return chosen + _some(tempting, room - len(chosen), rng)


def fresh_label(derived: tuple[Statement, ...]) -> str:
    """The first label that has not been taken."""
    taken = {statement.label for statement in derived}
    return next(name for place in count(1) if (name := f"int{place}") not in taken)


def with_answers(texts: list[str], rng: np.random.Generator) -> tuple[str, ...]:
    """The steps and the three verdicts, in random order."""
    return tuple(_some(list(dict.fromkeys([*texts, *_ANSWERS])), len(texts) + len(_ANSWERS), rng))


def _some(items: list[_Item], number: int, rng: np.random.Generator) -> list[_Item]:
    """At most so many of the items, at random."""
    return [items[place] for place in rng.permutation(len(items)).tolist()[: max(0, number)]]

"""The reactions of a beam, found equation by equation.

Source: the statics of any textbook (sum of forces, sum of moments); beams, candidates and checks are our own.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np

from prm_gym.algebra import AlgebraError, consequence, read_statement, same_solutions
from prm_gym.algebra.consequence import linear_system
from prm_gym.algebra.equation import linear_equation, names_in, restatement_key
from prm_gym.algebra.expression import Name, names_of, number, write
from prm_gym.algebra.polynomial import BudgetSpentError
from prm_gym.claims import Consequence, Json, Malformed, SameSolutions
from prm_gym.env import StepEnv
from prm_gym.envs.math.derivations import variants
from prm_gym.envs.math.statics import Beam, Load, Support, described, drawn, equilibrium, forces, hinge_moments, in_words, moments, reactions
from prm_gym.errors import OptionError
from prm_gym.options import require_candidates, require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

MAX_LINE = 200  # characters of a line
LEAST_CANDIDATES = 8
_ANSWER = "answer:"
_DENOMINATORS = frozenset({1, 2, 3, 4, 5, 6, 8, 10, 20})

LEVELS: tuple[int, ...] = (1, 2, 3, 4, 5)


class BeamEnv(StepEnv):
    """Find the reactions of a beam: write equations that hold, then the answer.

    Observation: the beam in words, a drawing of one character for half a metre, and what has been written. Actions:

    - an equation in the reactions, linear, `A + B - 12 - 2*5 = 0`, or `8B = 60`, or `B = 7.5`; if one likes with anything and a colon before it
      (`moments about A:`). Which law it comes from does not matter: it is right when every solution of the equations of equilibrium satisfies it.
    - `answer: A = 7, B = 15` with all the reactions, as numbers, ends the task. Fractions are exact: `22/3`, not 7.33.

    A false equation stays among what is written; nobody corrects the agent. What is neither (other names, no equation, not linear) changes nothing and is
    claimed `Malformed`.

    Claims: of an equation, `Consequence` of the model's equations, which the agent does not see; with the right equations that were written earlier, so that
    one which already follows from them is `trivial`: at most as many equations are paid for as there are unknowns. Of an answer, `SameSolutions`.
    Outcome: 1 when all reactions of the answer are right, else 0; equations do not count for it.
    state_key: the beam and what is written, in order.
    Candidates: right equations of equilibrium, mistakes (an arm, the sign of a couple, a forgotten load), each among lines that differ from it in one or two
    numbers; and answers: the one that follows from what is written, right or false, where one does, among others. In random order, a function of what is shown.
    Difficulty 1 to 5: two supports and one load; two loads; a cantilever or an overhang; three loads with a couple; a hinge and three supports.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("algebra",)
    default_max_steps: ClassVar[int] = 10

    def __init__(self, *, difficulty: int = 2, candidates: int = 12, **options: Any) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5.
            candidates: how many actions are listed, at least 8; 0 for none.
            **options: see `StepOptions`.

        Raises:
            OptionError: a value out of range.
        """
        super().__init__(**options)
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, LEAST_CANDIDATES)
        self.difficulty, self.candidates = difficulty, candidates
        self._beam = Beam(Fraction(1), (), ())
        self._entropy = 0
        self._written: tuple[str, ...] = ()

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a beam."""
        if options:
            raise OptionError(f"reset of Beam takes no options, got {sorted(options)}")
        self._entropy, self._written = int(self.np_random.integers(1 << 62)), ()
        self._beam = generate(self._entropy, self.difficulty)
        return _task(self._beam, self.difficulty), self._describe()

    def advance(self, action: str) -> Transition:
        """Write an equation or the answer, or change nothing when the text is neither."""
        text = " ".join(action.split()).strip("$ ").removesuffix(".")
        if len(text) > MAX_LINE:
            return self._unchanged(f"a line has at most {MAX_LINE} characters")
        try:
            return self._answered(text[len(_ANSWER) :]) if text.lower().startswith(_ANSWER) else self._with_equation(text)
        except (AlgebraError, BudgetSpentError) as error:
            return self._unchanged(f"the line cannot be read: {error}")

    def save_state(self) -> Json:
        """What the beam is generated from, and what is written."""
        return {"entropy": self._entropy, "difficulty": self.difficulty, "written": list(self._written)}

    def load_state(self, state: Any) -> None:
        """Generate the beam again and put back what was written."""
        self._entropy, self.difficulty, self._written = state["entropy"], state["difficulty"], tuple(state["written"])
        self._beam = generate(self._entropy, self.difficulty)

    def solution(self) -> list[str]:
        """The equations of equilibrium, then the answer."""
        return [*equilibrium(self._beam), answer_text(dict(reactions(self._beam) or ()))]

    def _unchanged(self, reason: str) -> Transition:
        return Transition(situation=self.situation, claims=(Malformed(reason),))

    def _answered(self, text: str) -> Transition:
        parts = tuple(part.strip() for part in text.replace(";", ",").replace(" and ", ",").split(",") if part.strip())
        values: list[str] = []
        for part in parts:
            relation = read_statement(part).equation
            if relation is None or not isinstance(relation.left, Name) or names_of(relation.right) or linear_equation(part) is None:
                return self._unchanged("an answer lists the reactions with their values, as in answer: A = 7, B = 15")
            values.append(relation.left.text)
        if sorted(values) != sorted(self._beam.unknowns):
            return self._unchanged(f"an answer says what {', '.join(self._beam.unknowns)} are, each once")
        given = equilibrium(self._beam)
        right = same_solutions(given, parts).status in ("equal", "trivial")
        claim = SameSolutions(given, parts)
        return Transition(situation=self._describe(float(right)), claims=(claim,), terminated=True, outcome=float(right))

    def _with_equation(self, text: str) -> Transition:
        line = text.rpartition(":")[2].strip()
        polynomial = linear_equation(line)
        if polynomial is None:
            return self._unchanged("a line is one linear equation in the reactions, such as A + B - 12 = 0")
        strange = names_in([line]) - set(self._beam.unknowns)
        if strange:
            return self._unchanged(f"the unknowns are {', '.join(self._beam.unknowns)}; there is no {min(strange)}")
        given = equilibrium(self._beam)
        claim = Consequence(given, line, tuple(other for other in self._written if _is_right(given, other)))
        self._written = (*self._written, line)
        return Transition(situation=self._describe(), claims=(claim,))

    def _describe(self, outcome: float | None = None) -> Situation:
        written = "\n".join(f"written: {line}" for line in self._written) or "written: nothing yet"
        key = content_key("beam", described(self._beam), *self._written, *(() if outcome is None else (str(outcome),)))
        listed = candidate_lines(self._beam, self._written, self.candidates) if self.candidates and outcome is None else ()
        return Situation(observation=f"{in_words(self._beam)}\n\n{drawn(self._beam)}\n\n{written}", state_key=key, actions=listed)


def answer_text(values: Mapping[str, Fraction]) -> str:
    """An answer as an action."""
    return f"{_ANSWER} {', '.join(f'{name} = {write(number(value))}' for name, value in values.items())}"


def _is_right(given: tuple[str, ...], line: str) -> bool:
    return consequence(given, line, earlier=()).status == "equal"


# Candidates.


@lru_cache(maxsize=1 << 13)
def candidate_lines(beam: Beam, written: tuple[str, ...], count: int) -> tuple[str, ...]:
    """Up to `count` actions: two thirds equations in groups of four, a third answers; in random order."""
    rng = np.random.default_rng(int(content_key("beam candidates", described(beam), *written), 16))
    given = equilibrium(beam)
    points = [support.position for support in beam.supports] + ([beam.hinge] if beam.hinge is not None else [])
    laws = [forces(beam), *(moments(beam, point) for point in points), *([hinge_moments(beam)] if beam.hinge is not None else [])]
    said = tuple(line for line in written if _is_right(given, line))
    right = [line for line in _shuffled(laws, rng) if consequence(given, line, earlier=said).status == "equal"]
    wrong = [moments(beam, point, mistake) for point in points for mistake in ("arm", "couple", "missing", "support")]
    wrong += [forces(beam, "missing"), *([hinge_moments(beam, mistake) for mistake in ("arm", "couple", "missing")] if beam.hinge is not None else [])]
    false = (line for line in [*_shuffled(wrong, rng), *_shuffled(_scrambled(laws, rng), rng)] if _is_false(given, line))
    centres = right[: int(rng.integers(1, 3))]
    equations: dict[str, str] = {restatement_key(line): line for line in centres}
    answers = _answers(beam, written, count // 3, rng)
    while len(equations) < count - len(answers):
        centre = centres.pop() if centres else next(false, None)
        if centre is None:
            break
        for (other,) in ((centre,), *variants((centre,), rng)):
            if len(equations) < count - len(answers) and restatement_key(other) not in equations and _is_false(given, other):
                equations[restatement_key(other)] = other
    listed = [*equations.values(), *answers]
    return tuple(listed[i] for i in rng.permutation(len(listed)).tolist())


def _is_false(given: tuple[str, ...], line: str) -> bool:
    return consequence(given, line, earlier=()).status == "different"


def _scrambled(laws: Sequence[str], rng: np.random.Generator) -> list[str]:
    """Laws with numbers changed, for beams with few mistakes to make."""
    return [line for law in laws for _ in range(4) for (line,) in variants((law,), rng)]


def _shuffled(lines: Sequence[str], rng: np.random.Generator) -> list[str]:
    distinct = list(dict.fromkeys(lines))
    return [distinct[i] for i in rng.permutation(len(distinct)).tolist()]


def _answers(beam: Beam, written: tuple[str, ...], count: int, rng: np.random.Generator) -> list[str]:
    """Answers around the one that what is written says, right or false; where it says none, around one drawn at random, and then none of them is right."""
    system, names = linear_system(written), beam.unknowns
    determined = system.consistent and set(system.rows) == set(names)
    values = {name: Fraction(value) for name, value in system.solution({}).items()} if determined else {name: _guess(rng) for name in names}
    first, second = (names[i] for i in rng.permutation(len(names))[:2])
    changes = [{}, *({name: _near(values[name], rng)} for name in (first, second))]
    texts = [answer_text({name: {**values, **one, **other}[name] for name in names}) for one in changes[:2] for other in (changes[0], changes[2])]
    truth = answer_text(dict(reactions(beam) or ()))
    return [text for text in _shuffled(texts, rng) if determined or text != truth][:count]


def _guess(rng: np.random.Generator) -> Fraction:
    return Fraction(int(rng.integers(2, 60)), int(rng.choice([1, 1, 2, 3, 5])))


def _near(value: Fraction, rng: np.random.Generator) -> Fraction:
    """Another value with the same denominator, or the negative of it."""
    if value and rng.random() < 0.5:
        return -value
    return value + Fraction(int(rng.integers(1, 6)) * (1 if rng.random() < 0.5 else -1), value.denominator)


# Generation.


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, difficulty: int) -> Beam:
    """A beam of a difficulty whose reactions are short numbers, none of them 0."""
    rng = np.random.default_rng(entropy)
    while True:
        beam = _BEAMS[difficulty](rng)
        values = reactions(beam)
        if values is not None and all(value and value.denominator in _DENOMINATORS for _, value in values):
            return beam


def _place(rng: np.random.Generator, low: int, high: int) -> Fraction:
    return Fraction(int(rng.integers(low, high, endpoint=True)))


def _loads(rng: np.random.Generator, length: int, kinds: Sequence[str]) -> tuple[Load, ...]:
    loads: list[Load] = []
    for kind in kinds:
        place = _place(rng, 1, length - 1)
        if kind == "point":
            loads.append(Load("point", _place(rng, 2, 24), place, place))
        elif kind == "uniform":
            start = _place(rng, 0, length - 2)
            loads.append(Load("uniform", _place(rng, 1, 6), start, start + _place(rng, 2, max(2, length - int(start)))))
        else:
            loads.append(Load("couple", _place(rng, 2, 20) * (1 if rng.random() < 0.5 else -1), place, place))
    return tuple(load._replace(end=min(load.end, Fraction(length))) for load in loads)


def _length(rng: np.random.Generator) -> int:
    return int(rng.choice([4, 5, 6, 8, 10, 12]))


def _simple(kinds: Sequence[Sequence[str]]) -> Callable[[np.random.Generator], Beam]:
    def draw(rng: np.random.Generator) -> Beam:
        length = _length(rng)
        loads = _loads(rng, length, kinds[int(rng.integers(len(kinds)))])
        return Beam(Fraction(length), (Support("A", Fraction(0)), Support("B", Fraction(length))), loads)

    return draw


def _overhanging_or_fixed(rng: np.random.Generator) -> Beam:
    length = _length(rng)
    loads = _loads(rng, length, ("point", "uniform"))
    if rng.random() < 0.5:
        return Beam(Fraction(length), (Support("A", Fraction(0) if rng.random() < 0.5 else Fraction(length)),), loads)
    return Beam(Fraction(length), (Support("A", Fraction(0)), Support("B", _place(rng, length // 2, length - 1))), loads)


def _with_couple(rng: np.random.Generator) -> Beam:
    length = _length(rng) + 2
    loads = _loads(rng, length, ("point", "uniform", "couple"))
    if rng.random() < 0.3:
        return Beam(Fraction(length), (Support("A", Fraction(0)),), loads)
    return Beam(Fraction(length), (Support("A", _place(rng, 0, 2)), Support("B", _place(rng, length - 2, length))), loads)


def _hinged(rng: np.random.Generator) -> Beam:
    span, further = int(rng.choice([4, 5, 6, 8])), int(rng.choice([4, 5, 6]))
    length = span + further
    supports = (Support("A", Fraction(0)), Support("B", Fraction(span)), Support("C", Fraction(length)))
    return Beam(Fraction(length), supports, _loads(rng, length, ("point", "uniform")), span + _place(rng, 1, 2))


_BEAMS: dict[int, Callable[[np.random.Generator], Beam]] = {
    1: _simple([("point",), ("uniform",)]),
    2: _simple([("point", "uniform"), ("point", "point"), ("point", "couple")]),
    3: _overhanging_or_fixed,
    4: _with_couple,
    5: _hinged,
}


def _task(beam: Beam, difficulty: int) -> Task:
    names = ", ".join(beam.unknowns)
    return Task(
        key=content_key("beam", described(beam)),
        instructions=(
            f"Find the reactions {names}. Write one equation at a time that they satisfy, such as A + B - 12 - 2*5 = 0 (forces) or 8B - 12*3 = 0 (moments). "
            "A false equation is not corrected. "
            f"The last line lists all reactions, such as {answer_text({name: Fraction(place) for place, name in enumerate(beam.unknowns, start=7)})}. "
            "Numbers are exact: decimals, or fractions such as 22/3."
        ),
        question=in_words(beam),
        sealed={"reactions": {name: str(value) for name, value in reactions(beam) or ()}},
        metadata={"difficulty": difficulty, "unknowns": list(beam.unknowns)},
    )

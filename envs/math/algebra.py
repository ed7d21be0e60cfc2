"""School algebra, one line at a time: solve an equation or a system, or simplify an expression.

Source: the derivations of a school book; what a solver of equations does in one go is here a path of checked steps. Tasks, candidates and checks are our own.
"""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

import numpy as np

from prm_gym.algebra import AlgebraError, Expression, Finding, Statement, identity, read_expression, read_statement, same_solutions
from prm_gym.algebra.equation import restatement_key, statement_names
from prm_gym.algebra.expression import Absolute, Power, children, names_of, size_of
from prm_gym.claims import Claim, Identity, Json, Malformed, SameSolutions
from prm_gym.env import StepEnv
from prm_gym.envs.math.derivations import Kind, Line, derivation, is_finished, next_lines, variants
from prm_gym.envs.math.school import school_text
from prm_gym.errors import OptionError
from prm_gym.options import require_candidates, require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

MAX_LINE = 200  # characters of a line
MAX_SIZE = 60  # numbers, names and operations in a line
LEAST_CANDIDATES = 4

LEVELS: dict[int, tuple[str, ...]] = {
    1: ("one_sided",),
    2: ("two_sided", "collecting"),
    3: ("brackets", "expanding"),
    4: ("fractions", "decimals"),
    5: ("quadratic", "system", "product"),
}
"""The forms of tasks of each difficulty, drawn evenly."""


class Start(NamedTuple):
    """Where a task begins."""

    kind: Kind
    line: Line


class AlgebraEnv(StepEnv):
    """Solve or simplify by writing the next line, until the last one says the answer.

    Observation: the task and the line that stands there now. Action: the next line, in the notation of `prm_gym.algebra.reading`:

    - an equation `2x = 4`; the line `x = 2` ends the task. The number must be reduced: `x = 4/2` does not end it.
    - a quadratic equation likewise; `x = 2 or x = 3` ends it.
    - a system as its two equations, `x + y = 3; 2x = 4`; `x = 2; y = 1` ends it.
    - an expression `6x + 4 - x`; it ends where everything is multiplied out and collected, `5x + 4`.

    Dollar signs around a line and a full stop after it are left out.

    A line follows from the one before it, whatever was done: one transformation or several at once, down to the answer. Longer derivations are not worth
    more than a bound: `dense` pays at most 0.45 in all, less than any success.

    **A false line** stays where it is written: nobody corrects the agent, and the outcome is 0 whatever comes; what follows is held against the last true
    line, so that going on from a mistake earns nothing. The observation and the candidates do not show it; `state_key` does, for the situation is another
    one. What is no line (no equation, other names, roots, beyond MAX_LINE characters or MAX_SIZE operations, or of a form that is not decided exactly)
    changes nothing and is claimed `Malformed`.

    Claims: `SameSolutions` of the last true line and the new one, or `Identity` for expressions, each with the lines written before them: a line that says
    once more what stands there (in another order, with sides swapped, with `+ 0`) or goes back to an earlier one is `trivial`.
    Outcome: 1 when the last line is in final form and every line was true, else 0.
    state_key: the task, the line, and whether every line so far was true.
    Candidates: one or two right lines, the rest false: mistakes that beginners make (signs, one side alone, the first term of a bracket alone), jumps to a
    wrong answer, and lines that differ from one of these or from a right one in a number; in random order, a function of the line alone.
    Difficulty 1 to 5: equations with x on one side; on both sides; with brackets; with fractions or decimals; quadratics, systems and products. From 2 on also
    expressions to simplify.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("algebra",)
    default_max_steps: ClassVar[int] = 12

    def __init__(self, *, difficulty: int = 2, candidates: int = 8, **options: Any) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, see `LEVELS`.
            candidates: how many actions are listed, at least 4; 0 for none.
            **options: see `StepOptions`.

        Raises:
            OptionError: a value out of range.
        """
        super().__init__(**options)
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, LEAST_CANDIDATES)
        self.difficulty, self.candidates = difficulty, candidates
        self._start = Start("equation", ("x = 0",))
        self._line: Line = self._start.line
        self._sound_line: Line = self._start.line  # the last line that is true; what follows a false one is held against it
        self._earlier: tuple[Line, ...] = ()
        self._sound = True

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task."""
        if options:
            raise OptionError(f"reset of Algebra takes no options, got {sorted(options)}")
        form, start = generate(int(self.np_random.integers(1 << 62)), self.difficulty)
        self._start, self._line, self._sound_line, self._earlier, self._sound = start, start.line, start.line, (), True
        task = _task(start, form, self.difficulty)
        return task, self._describe()

    def advance(self, action: str) -> Transition:
        """Write the next line, or change nothing when the text is none."""
        kind, before = self._start.kind, self._sound_line
        line = read_line(kind, action)
        if isinstance(line, Malformed):
            return Transition(situation=self.situation, claims=(line,))
        finding = compared(kind, before, line)
        if finding.status == "undecided":
            return Transition(situation=self.situation, claims=(Malformed(f"this line cannot be checked: {finding.reason}"),))
        written = (*self._earlier, self._line)
        claim = _claim(kind, before, line, tuple(other for other in written if other != before))
        if finding.status == "different":
            self._sound = False
        else:
            self._sound_line = line
        self._earlier, self._line = written, line
        over = is_finished(kind, line)
        return Transition(situation=self._describe(), claims=(claim,), terminated=over, outcome=float(self._sound) if over else None)

    def save_state(self) -> Json:
        """The lines and whether all of them were true."""
        return {"line": list(self._line), "earlier": [list(line) for line in self._earlier], "sound": self._sound, "sound_line": list(self._sound_line)}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._start = Start(self.task.metadata["kind"], tuple(self.task.metadata["start"]))
        self._line, self._earlier = tuple(state["line"]), tuple(tuple(line) for line in state["earlier"])
        self._sound, self._sound_line = state["sound"], tuple(state["sound_line"])

    def solution(self) -> list[str]:
        """The lines of a solver, from the beginning of the task."""
        start = Start(self.task.metadata["kind"], tuple(self.task.metadata["start"]))
        return ["; ".join(line) for line in derivation(*start)]

    def _describe(self) -> Situation:
        start, line = self._start, self._line
        key = content_key("algebra", start.kind, *start.line, "now", *line, str(self._sound))
        listed = candidate_lines(start.kind, line, self.candidates) if self.candidates and not is_finished(start.kind, line) else ()
        return Situation(observation=f"{_question(start)}\nline: {'; '.join(line)}", state_key=key, actions=listed)


def read_line(kind: Kind, action: str) -> Line | Malformed:
    """The line that an action writes."""
    text = " ".join(action.split()).strip("$ ").removesuffix(".")
    return _read_line(kind, text) if len(text) <= MAX_LINE else Malformed(f"a line has at most {MAX_LINE} characters")


@lru_cache(maxsize=1 << 12)
def _read_line(kind: Kind, text: str) -> Line | Malformed:
    parts = tuple(part.strip() for part in text.split(";"))
    if len(parts) != (2 if kind == "system" else 1):
        return Malformed("a line is the two equations of the system, with ';' between them" if kind == "system" else "one line at a time, without ';'")
    try:
        defect = _expression_defect(read_expression(parts[0].removeprefix("="))) if kind == "rewriting" else _equations_defect(kind, parts)
    except AlgebraError as error:
        return Malformed(f"the line cannot be read: {error}")
    return Malformed(defect) if defect else tuple(part.removeprefix("=").strip() for part in parts)


def _expression_defect(expression: Expression) -> str:
    return _defect([expression], frozenset("x"))


def _equations_defect(kind: Kind, parts: Sequence[str]) -> str:
    statements: list[Statement] = [read_statement(part) for part in parts]
    for statement in statements:
        alone = kind == "quadratic" or len(statement.alternatives) == 1
        if not alone or any(len(together) != 1 or together[0].symbol != "=" for together in statement.alternatives):
            return "a line holds equations: one, or for a quadratic equation alternatives such as x = 2 or x = 3"
    relations = [together[0] for statement in statements for together in statement.alternatives]
    if not statement_names(statements):
        return "the unknown has gone"
    return _defect([side for relation in relations for side in (relation.left, relation.right)], frozenset("xy" if kind == "system" else "x"))


def _defect(expressions: Sequence[Expression], names: frozenset[str]) -> str:
    for expression in expressions:
        strange = names_of(expression) - names
        if strange:
            return f"the task has no {min(strange)}"
    if sum(map(size_of, expressions)) > MAX_SIZE:
        return f"a line has at most {MAX_SIZE} numbers, names and operations"
    pending = list(expressions)
    while pending:
        node = pending.pop()
        if isinstance(node, Absolute) or (isinstance(node, Power) and node.exponent.denominator != 1):
            return "roots and absolute values have no place in these tasks"
        pending.extend(children(node))
    return ""


def compared(kind: Kind, before: Line, line: Line) -> Finding:
    """What is to be said of a line after another."""
    return identity(before[0], line[0]) if kind == "rewriting" else same_solutions(before, line)


def _claim(kind: Kind, before: Line, line: Line, earlier: tuple[Line, ...]) -> Claim:
    if kind == "rewriting":
        return Identity(before[0], line[0], tuple(texts[0] for texts in earlier))
    return SameSolutions(before, line, earlier)


# Candidates.


@lru_cache(maxsize=1 << 13)
def candidate_lines(kind: Kind, line: Line, count: int) -> tuple[str, ...]:
    """Up to `count` lines that may be written next: one or two right ones where there are any, the others false; in random order.

    They come in groups of four around a line, a right one or a mistake: the line, and the same with one or both of two numbers changed. So a right line is
    neither the shortest nor the one most like the others.
    """
    rng = np.random.default_rng(int(content_key("algebra candidates", kind, *line), 16))
    following = next_lines(kind, line)
    right = [other for other in _shuffled(following.right, rng) if _status(kind, line, other) == "equal"]
    centres = right[: int(rng.integers(1, 3))]
    listed: dict[object, Line] = {_same_words(kind, centre): centre for centre in centres}
    wrong = iter([*_shuffled(following.wrong, rng), *_LAST_RESORT.get(kind, ())])
    while centres or len(listed) < count:
        centre = centres.pop() if centres else next(wrong, None)
        if centre is None:
            break
        for other in (centre, *variants(centre, rng)):
            if len(listed) < count and _same_words(kind, other) not in listed and _status(kind, line, other) == "different":
                listed[_same_words(kind, other)] = other
    texts = ["; ".join(other) for other in listed.values()]
    return tuple(texts[i] for i in rng.permutation(len(texts)).tolist())


_LAST_RESORT: dict[Kind, tuple[Line, ...]] = {"equation": (("x = 1",),), "quadratic": (("x = 1 or x = 2",),), "system": (("x = 1", "y = 2"),)}


def _shuffled(lines: Sequence[Line], rng: np.random.Generator) -> list[Line]:
    distinct = list(dict.fromkeys(lines))
    return [distinct[i] for i in rng.permutation(len(distinct)).tolist()]


def _status(kind: Kind, line: Line, other: Line) -> str:
    """How a line compares with the one before it; "" where it is no line."""
    if isinstance(read_line(kind, "; ".join(other)), Malformed):
        return ""
    return compared(kind, line, other).status


def _same_words(kind: Kind, line: Line) -> object:
    return line if kind == "rewriting" else frozenset(map(_words, line))


@lru_cache(maxsize=1 << 12)
def _words(text: str) -> str:
    try:
        return restatement_key(text)
    except AlgebraError:
        return text


# Tasks.


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, difficulty: int) -> tuple[str, Start]:
    """The form of a task of a difficulty, and where it begins."""
    rng = np.random.default_rng(entropy)
    forms = LEVELS[difficulty]
    form = forms[int(rng.integers(len(forms)))]
    while True:
        start = _FORMS[form](rng)
        try:
            steps = derivation(*start)
        except ValueError:  # x falls out, or a fraction grows too large
            continue
        if len(steps) >= 2 and max(len(text) for line in (start.line, *steps) for text in line) <= 60:
            return form, start


def _whole(rng: np.random.Generator, least: int, most: int) -> int:
    """A whole number of either sign between bounds on its size."""
    size = int(rng.integers(least, most, endpoint=True))
    return size if rng.random() < 0.5 else -size


def _side(a: Fraction | int, b: Fraction | int, decimals: bool = False) -> str:
    return school_text({m: Fraction(v) for m, v in (((("x", 1),), a), ((), b)) if v}, decimals)


def _one_sided(rng: np.random.Generator) -> Start:
    x, a, b = _whole(rng, 1, 9), _whole(rng, 2, 9), _whole(rng, 1, 20)
    return Start("equation", (f"{_side(a, b)} = {a * x + b}",))


def _two_sided(rng: np.random.Generator) -> Start:
    x, a, b, c = _whole(rng, 1, 9), _whole(rng, 2, 9), _whole(rng, 1, 20), _whole(rng, 2, 9)
    return Start("equation", (f"{_side(a, b)} = {_side(c, a * x + b - c * x)}",))


def _brackets(rng: np.random.Generator) -> Start:
    x, a, b, c, d = _whole(rng, 1, 9), _whole(rng, 2, 6), _whole(rng, 1, 9), int(rng.integers(2, 7)), _whole(rng, 1, 9)
    e = _whole(rng, 1, 9)
    end = a * (x + b) - c * (x + d) - e * x
    return Start("equation", (f"{a}({_side(1, b)}) - {c}({_side(1, d)}) = {_side(e, end)}",))


def _fractions(rng: np.random.Generator) -> Start:
    x = _whole(rng, 1, 12)
    p, q, r = (Fraction(_whole(rng, 1, 5), int(rng.integers(2, 7))) for _ in range(3))
    return Start("equation", (f"{_side(p, q)} = {_side(r, p * x + q - r * x)}",))


def _decimals(rng: np.random.Generator) -> Start:
    x = Fraction(_whole(rng, 1, 18), 2)
    p, q, r = (Fraction(_whole(rng, 1, 40), 10) for _ in range(3))
    return Start("equation", (f"{_side(p, q, True)} = {_side(r, p * x + q - r * x, True)}",))


def _quadratic(rng: np.random.Generator) -> Start:
    r, s, shift = _whole(rng, 1, 9), _whole(rng, 1, 9), _whole(rng, 1, 12)
    b, c = -(r + s), r * s
    right = _side(shift, 0)
    if r == s:
        return Start("quadratic", ("0 = 0",))
    return Start("quadratic", (f"{school_text({m: v for m, v in (((('x', 2),), 1), ((('x', 1),), b + shift), ((), c)) if v})} = {right}",))


def _system(rng: np.random.Generator) -> Start:
    x, y = _whole(rng, 1, 9), _whole(rng, 1, 9)
    rows = [(_whole(rng, 1, 6), _whole(rng, 1, 6)) for _ in range(2)]
    names = ((("x", 1),), (("y", 1),))
    return Start("system", tuple(f"{school_text(dict(zip(names, row, strict=True)))} = {row[0] * x + row[1] * y}" for row in rows))


def _collecting(rng: np.random.Generator) -> Start:
    terms = [(_whole(rng, 2, 9), _whole(rng, 1, 12)) for _ in range(2)]
    a, b = _whole(rng, 2, 5), _whole(rng, 1, 9)
    return Start("rewriting", (f"{_side(*terms[0])} + {abs(a)}({_side(1, b)})" + f" - {_side(abs(terms[1][0]), 0)}",))


def _expanding(rng: np.random.Generator) -> Start:
    a, c = _whole(rng, 2, 6), int(rng.integers(2, 7))
    (p, q), (r, s) = ((_whole(rng, 1, 6), _whole(rng, 1, 9)) for _ in range(2))
    return Start("rewriting", (f"{a}({_side(p, q)}) - {c}({_side(r, s)})",))


def _product(rng: np.random.Generator) -> Start:
    (p, q), (r, s) = ((int(rng.integers(1, 5)), _whole(rng, 1, 9)) for _ in range(2))
    a = int(rng.integers(2, 6))
    return Start("rewriting", (f"({_side(p, q)})({_side(r, s)}) - {a}({_side(1, _whole(rng, 1, 6))})",))


_FORMS = {
    "one_sided": _one_sided,
    "two_sided": _two_sided,
    "brackets": _brackets,
    "fractions": _fractions,
    "decimals": _decimals,
    "quadratic": _quadratic,
    "system": _system,
    "collecting": _collecting,
    "expanding": _expanding,
    "product": _product,
}

_ENDS: dict[Kind, str] = {
    "equation": "Solve the equation: write the next line, an equation with the same solution such as 2x = 4. The line that says what x is, x = 2, ends it.",
    "quadratic": "Solve the equation: write the next line, with the same solutions. The line that lists them, such as x = 2 or x = 3, ends the task.",
    "system": "Solve the system: write the next line, two equations such as x + y = 3; 2x = 4. The line that says what both are, x = 2; y = 1, ends it.",
    "rewriting": "Simplify the expression: write the next line, equal to it. The line where everything is multiplied out and collected ends the task.",
}


def _question(start: Start) -> str:
    return f"{'simplify' if start.kind == 'rewriting' else 'solve'}: {'; '.join(start.line)}"


def _task(start: Start, form: str, difficulty: int) -> Task:
    return Task(
        key=content_key("algebra", start.kind, *start.line),
        instructions=f"{_ENDS[start.kind]} Numbers are whole, fractions such as 3/4 or decimals, reduced. A false line is not corrected, and fails the task.",
        question=_question(start),
        sealed={"solution": ["; ".join(line) for line in derivation(*start)]},
        metadata={"difficulty": difficulty, "form": form, "kind": start.kind, "start": list(start.line)},
    )

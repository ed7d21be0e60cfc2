"""Islands of knights and knaves: who says what, who is what, and how that is deduced; generated, or read from a public file.

Everything here is decided by truth tables over the 2^n ways in which n islanders can be knights or knaves, one bit each: another way than the verifier's.
"""

import ast
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec
import numpy as np

from prm_gym.csp import And, Count, Formula, Iff, Implies, Is, Not, Or, Problem, Variable, Xor, at_least, at_most, exactly, parts
from prm_gym.errors import OptionError

Kind: TypeAlias = Literal["knight", "knave"]
KINDS: tuple[Kind, Kind] = ("knight", "knave")
OTHER: dict[str, Kind] = {"knight": "knave", "knave": "knight"}

MOST_ISLANDERS = 12
NAMES = (
    "Abe", "Ann", "Bea", "Bob", "Cal", "Cleo", "Dan", "Dora", "Ella", "Eric", "Fay", "Finn", "Gus", "Gwen", "Hal", "Iris", "Ivan", "Jack", "Jill",
    "Karl", "Kate", "Leo", "Lily", "Max", "Mia", "Nell", "Nick", "Omar", "Opal", "Paul", "Quinn", "Rosa", "Ruth", "Sam", "Tess", "Tom", "Uma", "Vera",
    "Walt", "Zoe",
)  # fmt: skip


class Deduction(NamedTuple):
    """An islander is of a kind, because of what those who are cited say."""

    name: str
    kind: Kind
    cited: tuple[str, ...]

    @property
    def text(self) -> str:
        """The step as it is written."""
        return f"{self.name} is a {self.kind} because of {', '.join(self.cited)}"


class Island(NamedTuple):
    """A puzzle.

    Attributes:
        names: the islanders.
        statements: what each of them says, as a formula about who is what.
        kinds: the only way in which all can be what their statements make them.
        deductions: a way to find that out.
        most_cited: the fewest statements that a step must be allowed to cite for that.
        quiz: the puzzle in the words of its file; empty for a generated one.
    """

    names: tuple[str, ...]
    statements: tuple[Formula, ...]
    kinds: tuple[Kind, ...]
    deductions: tuple[Deduction, ...]
    most_cited: int
    quiz: str = ""

    @property
    def question(self) -> str:
        """Who says what."""
        return self.quiz or "\n".join(f"{name} says: {statement_text(said)}." for name, said in zip(self.names, self.statements, strict=True))

    def problem(self, speakers: Sequence[str]) -> Problem:
        """What follows from the statements of some of the islanders: each is true exactly when its speaker is a knight."""
        said = dict(zip(self.names, self.statements, strict=True))
        return Problem(tuple(Variable(name, KINDS) for name in self.names), tuple(Iff(Is(name, "knight"), said[name]) for name in speakers))


def statement_text(said: Formula) -> str:
    """A statement as a sentence without its full stop.

    >>> statement_text(Iff(Is("Ann", "knight"), Is("Bob", "knight")))
    'Ann and Bob are of one kind'
    >>> statement_text(at_least(1, (Is("Ann", "knave"), Is("Bob", "knave"))))
    'at least 1 of us are knaves'
    """
    match said:
        case Is(name, kind):
            return f"{name} is a {kind}"
        case Iff(Is(one, "knight"), Is(other, "knight")):
            return f"{one} and {other} are of one kind"
        case Xor(Is(one, "knight"), Is(other, "knight")):
            return f"{one} and {other} are of different kinds"
        case Count(formulas, least, most):
            bounds = f"exactly {least}" if least == most else f"at least {least}" if most >= len(formulas) else f"at most {most}"
            return f"{bounds} of us are knaves"
        case Not(inner):
            return f"it is not true that {statement_text(inner)}"
        case Implies(condition, conclusion):
            return f"if {statement_text(condition)} then {statement_text(conclusion)}"
        case _:
            word = {And: "and", Or: "or", Iff: "if and only if", Xor: "or else"}[type(said)]
            return f" {word} ".join(statement_text(part) for part in parts(said))


# Deduction by truth tables: a set of ways in which the islanders can be knights and knaves is an integer of 2^n bits.


class Tables:
    """Truth tables of the statements of an island."""

    def __init__(self, names: Sequence[str], statements: Sequence[Formula]) -> None:
        """Work out in which ways each statement is what its speaker makes it."""
        self.names = names
        ways = range(1 << len(names))
        self.everything = (1 << len(ways)) - 1
        self.knight = {name: sum(1 << way for way in ways if way >> place & 1) for place, name in enumerate(names)}
        self.fits = {name: self.everything & ~(self.knight[name] ^ self.truth(said)) for name, said in zip(names, statements, strict=True)}

    def truth(self, said: Formula) -> int:
        """The ways in which a formula is true."""
        match said:
            case Is(name, kind):
                return self.knight[name] if kind == "knight" else self.everything & ~self.knight[name]
            case Not(inner):
                return self.everything & ~self.truth(inner)
            case Implies(condition, conclusion):
                return self.everything & ~self.truth(condition) | self.truth(conclusion)
            case Iff(left, right):
                return self.everything & ~(self.truth(left) ^ self.truth(right))
            case Xor(left, right):
                return self.truth(left) ^ self.truth(right)
            case And(formulas):
                found = self.everything
                for formula in formulas:
                    found &= self.truth(formula)
                return found
            case Or(formulas):
                found = 0
                for formula in formulas:
                    found |= self.truth(formula)
                return found
            case Count(formulas, least, most):
                holding = [self.truth(formula) for formula in formulas]
                ways = range(self.everything.bit_length())
                return sum(1 << way for way in ways if least <= sum(table >> way & 1 for table in holding) <= most)

    def left(self, known: dict[str, Kind], cited: Sequence[str]) -> int:
        """The ways that agree with what is known and with the statements that are cited."""
        ways = self.everything
        for name, kind in known.items():
            ways &= self.knight[name] if kind == "knight" else ~self.knight[name]
        for name in cited:
            ways &= self.fits[name]
        return ways

    def forced(self, name: str, ways: int) -> Kind | None:
        """What an islander is in all of these ways, of which there is one at least."""
        knight = ways & self.knight[name]
        return "knave" if not knight else "knight" if knight == ways else None

    def deductions(self, known: dict[str, Kind], most_cited: int, size: int = 1) -> Iterator[Deduction]:
        """What follows about the others from `size` statements, then from one more, to `most_cited`; consistent statements are taken for granted."""
        for count in range(size, most_cited + 1):
            for cited in combinations(self.names, count):
                ways = self.left(known, cited)
                for name in self.names:
                    if name not in known and (kind := self.forced(name, ways)) is not None:
                        yield Deduction(name, kind, cited)

    def derivation(self, most_cited: int) -> tuple[Deduction, ...] | None:
        """Steps that find out what everyone is, each citing as few as it can; None when there are none."""
        known: dict[str, Kind] = {}
        steps: list[Deduction] = []
        while len(known) < len(self.names):
            step = next(self.deductions(known, most_cited), None)
            if step is None:
                return None
            known[step.name] = step.kind
            steps.append(step)
        return tuple(steps)


def _solved(names: tuple[str, ...], statements: tuple[Formula, ...], tables: Tables, most_cited: int, quiz: str = "") -> Island | None:
    """The island; None when it cannot be worked out so."""
    steps = tables.derivation(most_cited)
    if steps is None:
        return None
    kinds: dict[str, Kind] = {step.name: step.kind for step in steps}
    return Island(names, statements, tuple(kinds[name] for name in names), steps, most_cited, quiz)


# Generated islands.


class Level(NamedTuple):
    """What the islands of one difficulty are like: so many islanders, and steps that must be allowed to cite exactly so many statements."""

    size: int
    most_cited: int


LEVELS: dict[int, Level] = {1: Level(3, 2), 2: Level(4, 2), 3: Level(5, 3), 4: Level(6, 3), 5: Level(8, 4)}


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, level: Level) -> Island:
    """An island with exactly one solution that takes steps of `level.most_cited` citations and no more.

    Who is what is drawn first, evenly. The form of a statement is drawn before anything else about it, so that no form belongs to one kind.
    """
    rng = np.random.default_rng(entropy)
    while True:
        names = tuple(sorted(NAMES[i] for i in rng.permutation(len(NAMES))[: level.size].tolist()))
        kinds: dict[str, Kind] = {name: KINDS[int(rng.integers(2))] for name in names}
        drawn = [_statement(name, kinds, rng) for name in names]
        statements = tuple(said for said in drawn if said is not None)
        if len(statements) < level.size:
            continue
        tables = Tables(names, statements)
        if tables.left({}, names).bit_count() == 1 and tables.derivation(level.most_cited - 1) is None:
            island = _solved(names, statements, tables, level.most_cited)
            if island is not None:
                return island


_FORMS = ("is", "is", "alike", "differ", "and", "or", "if", "iff", "count", "count")


def _statement(speaker: str, kinds: dict[str, Kind], rng: np.random.Generator) -> Formula | None:
    """What an islander says: true of a knight, false of a knave; None where the form that was drawn cannot be so, and the island is drawn again."""
    names = tuple(kinds)
    others = [name for name in names if name != speaker]
    form = _FORMS[int(rng.integers(len(_FORMS)))]
    for _ in range(64):
        one, other = (others[i] for i in rng.permutation(len(others))[:2].tolist())
        left, right = Is(one, KINDS[int(rng.integers(2))]), Is(other, KINDS[int(rng.integers(2))])
        number = int(rng.integers(1, len(names)))
        bound = (at_least, at_most, exactly)[int(rng.integers(3))]
        said = {
            "is": left,
            "alike": Iff(Is(one, "knight"), Is(other, "knight")),
            "differ": Xor(Is(one, "knight"), Is(other, "knight")),
            "and": And((left, right)),
            "or": Or((left, right)),
            "if": Implies(left, right),
            "iff": Iff(left, Is(other, "knave") if left.value == "knight" else right),
            "count": bound(number, tuple(Is(name, "knave") for name in names)),
        }[form]
        if _true_of(said, kinds) is (kinds[speaker] == "knight"):
            return said
    return None


def _true_of(said: Formula, kinds: dict[str, Kind]) -> bool:
    match said:
        case Is(name, kind):
            return kinds[name] == kind
        case Iff(left, right):
            return _true_of(left, kinds) is _true_of(right, kinds)
        case Xor(left, right):
            return _true_of(left, kinds) is not _true_of(right, kinds)
        case Implies(condition, conclusion):
            return not _true_of(condition, kinds) or _true_of(conclusion, kinds)
        case Not(inner):
            return not _true_of(inner, kinds)
        case And(formulas):
            return all(_true_of(formula, kinds) for formula in formulas)
        case Or(formulas):
            return any(_true_of(formula, kinds) for formula in formulas)
        case Count(formulas, least, most):
            return least <= sum(_true_of(formula, kinds) for formula in formulas) <= most


# Islands from a file.


class _Row(msgspec.Struct):
    """A line of a public file; other fields are left alone."""

    names: list[str]
    statements: str
    solution: list[bool]
    quiz: str


def load_islands(path: str | Path) -> tuple[Island, ...]:
    """The islands of a file in the layout of the K&K benchmark: JSON Lines with `quiz`, `names`, `statements` (nested tuples in text), `solution`.

    Raises:
        OptionError: the file cannot be read or holds no island, or a line is none or has another solution than it says; names file and line.

    Source: Xie et al. 2024, On Memorization of Large Language Models in Logical Reasoning (arXiv 2410.23123).
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the task file {str(path)!r} cannot be read: {error}") from error
    islands: list[Island] = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            try:
                islands.append(_island(msgspec.json.decode(line, type=_Row)))
            except (msgspec.DecodeError, ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
                raise OptionError(f"{str(path)!r}, line {number}: {error}") from error
    if not islands:
        raise OptionError(f"the task file {str(path)!r} holds no island")
    return tuple(islands)


def _island(row: _Row) -> Island:
    names = tuple(row.names)
    if not 2 <= len(names) <= MOST_ISLANDERS or len({name.casefold() for name in names}) != len(names):
        raise OptionError(f"an island has 2 to {MOST_ISLANDERS} islanders with distinct names, got {names}")
    for name in names:
        if not name.isalpha():
            raise OptionError(f"a name is one word of letters, got {name!r}")
    said: Any = ast.literal_eval(row.statements)
    if not isinstance(said, tuple) or len(said) != len(names) or len(row.solution) != len(names):
        raise OptionError(f"there is one statement and one kind for each of {len(names)} islanders")
    statements = tuple(_formula(statement, names) for statement in said)
    tables = Tables(names, statements)
    claimed: dict[str, Kind] = {name: "knight" if knight else "knave" for name, knight in zip(names, row.solution, strict=True)}
    ways = tables.left({}, names)
    if ways.bit_count() != 1 or ways != tables.left(claimed, names):
        raise OptionError(f"{ways.bit_count()} solutions fit the statements, and exactly the one of the file should")
    # With everyone cited the only solution follows, so that the loop finds an island.
    return next(island for most in range(1, len(names) + 1) if (island := _solved(names, statements, tables, most, row.quiz)) is not None)


def _formula(said: Any, names: tuple[str, ...]) -> Formula:
    """A formula from the nested tuples of the file."""
    match said:
        case ("telling-truth" | "lying" as kind, int(place)) if 0 <= place < len(names):
            return Is(names[place], "knight" if kind == "telling-truth" else "knave")
        case ("not", inner):
            return Not(_formula(inner, names))
        case ("and" | "or" as word, *inner) if inner:
            formulas = tuple(_formula(part, names) for part in inner)
            return And(formulas) if word == "and" else Or(formulas)
        case ("->", condition, conclusion):
            return Implies(_formula(condition, names), _formula(conclusion, names))
        case ("<=>", left, right):
            return Iff(_formula(left, names), _formula(right, names))
        case _:
            raise OptionError(f"no statement: {said!r:.60}")

"""Drawing word problems: a graph of named quantities, told as a story.

A problem is drawn forwards: every step defines a new quantity from ones that are there, and open ends are joined until one is left, the goal. So every
defined quantity that is not a distractor is needed, and the number of steps is exact.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from math import gcd
from typing import NamedTuple, TypeVar

import numpy as np

from prm_gym.envs.math.word_forms import computed
from prm_gym.envs.math.word_stories import GIVEN, PEOPLE, RELATIONS, STORIES, Kind, Relation, Story, amount

T = TypeVar("T")


class Level(NamedTuple):
    """What the problems of one difficulty are like.

    Attributes:
        steps: how many quantities have to be computed.
        idle_given: how many given quantities are of no use.
        idle_defined: how many quantities can be computed and are of no use.
        most: the greatest amount.
        decimals: money, times and ways may have decimals.
    """

    steps: int
    idle_given: int
    idle_defined: int
    most: int
    decimals: bool = False


LEVELS: dict[int, Level] = {
    1: Level(2, 0, 0, 200),
    2: Level(3, 1, 0, 500),
    3: Level(4, 1, 1, 1_000),
    4: Level(6, 2, 1, 2_000, True),
    5: Level(8, 2, 2, 5_000, True),
}


class Definition(NamedTuple):
    """How a quantity comes from others: the form has {0}, {1} ... for the operands, which are names or numbers."""

    name: str
    form: str
    operands: tuple[str, ...]

    def spelled(self, values: Mapping[str, Fraction]) -> str:
        """The expression with numbers in the place of names."""
        return self.form.format(*(operand_text(values[operand]) if operand in values else operand for operand in self.operands))

    def amount(self, values: Mapping[str, Fraction]) -> Fraction:
        """What comes out."""
        value = computed(self.form, [values[operand] if operand in values else Fraction(operand) for operand in self.operands])
        if value is None:
            raise ZeroDivisionError(f"{self.equation} divides by zero")  # amounts are at least 1
        return value

    @property
    def equation(self) -> str:
        """It as an equation over names."""
        return f"{self.name} = {self.form.format(*self.operands)}"

    @property
    def parents(self) -> tuple[str, ...]:
        """The quantities that it needs."""
        return tuple(operand for operand in self.operands if operand[0].isalpha())


class WordProblem(NamedTuple):
    """A problem.

    Attributes:
        text: what is told, with the list of names and the goal.
        given: the quantities whose amount is told, with the amount.
        definitions: the others, each after those that it needs.
        goal: the name of the quantity that is asked for.
        names: every name, in the order of the list.
        brought: numbers that the wording brings without digits: 2 for "twice".
        story: the name of the story.
    """

    text: str
    given: tuple[tuple[str, Fraction], ...]
    definitions: tuple[Definition, ...]
    goal: str
    names: tuple[str, ...]
    brought: tuple[int, ...]
    story: str

    @property
    def equations(self) -> dict[str, str]:
        """What is told of each quantity, as an equation."""
        return {name: f"{name} = {amount_text(value)}" for name, value in self.given} | {d.name: d.equation for d in self.definitions}

    @property
    def values(self) -> dict[str, Fraction]:
        """The amount of every quantity."""
        values = dict(self.given)
        for definition in self.definitions:
            values[definition.name] = definition.amount(values)
        return values

    def ancestors(self, names: Sequence[str]) -> tuple[str, ...]:
        """These quantities and all that they come from, in the order of given and definitions."""
        parents = {definition.name: definition.parents for definition in self.definitions}
        pending, found = list(names), set[str]()
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending += parents.get(name, ())
        return tuple(name for name in (*dict(self.given), *parents) if name in found)

    @property
    def needed(self) -> tuple[str, ...]:
        """The quantities that have to be computed, in an order in which they can be."""
        told = dict(self.given)
        return tuple(name for name in self.ancestors((self.goal,)) if name not in told)

    @property
    def grounded(self) -> frozenset[Fraction]:
        """The numbers that the text brings: those in digits, those of its words, and of every percentage p also p/100, 1 + p/100 and 1 - p/100."""
        found = {Fraction(number) for number in self.brought}
        for number, percent in _NUMBERS.findall(self.text):
            value = Fraction(number)
            found.add(value)
            if percent:
                found |= {value / 100, 1 + value / 100, abs(1 - value / 100)}
        return frozenset(found)


_TRIES = 60  # at one more definition, before the draft is given up
_NUMBERS = re.compile(r"(\d+(?:\.\d+)?)(%?)")


def amount_text(value: Fraction) -> str:
    """An amount as it is written in a story: `12`, `2.50`, `1/3`."""
    if value.denominator == 1:
        return str(value.numerator)
    if 100 % value.denominator == 0:
        return f"{float(value):.2f}"
    return str(value)


def operand_text(value: Fraction) -> str:
    """An amount as an operand: in parentheses where it would not stay one number."""
    text = amount_text(value)
    return f"({text})" if "/" in text or value < 0 else text


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, difficulty: int) -> WordProblem:
    """The problem of a difficulty that a random number stands for."""
    rng, level = np.random.default_rng(entropy), LEVELS[difficulty]
    while True:
        problem = _Draft(rng, level, difficulty).problem()
        if problem is not None:
            return problem


class _Quantity(NamedTuple):
    name: str
    kind: Kind
    label: str
    value: Fraction


class _Draft:
    """One attempt at a problem."""

    def __init__(self, rng: np.random.Generator, level: Level, difficulty: int) -> None:
        self.rng, self.level = rng, level
        self.story_name = _pick(rng, tuple(STORIES))
        self.story: Story = STORIES[self.story_name]
        self.who = _pick(rng, PEOPLE)
        self.relations = tuple(relation for relation in RELATIONS.values() if relation.level <= difficulty)
        self.quantities: dict[str, _Quantity] = {}
        self.given: list[str] = []
        self.definitions: list[Definition] = []
        self.sentences: list[str] = []
        self.brought: set[int] = set()

    def problem(self) -> WordProblem | None:
        """The problem, or None where the attempt led nowhere."""
        ends: list[str] = []
        for left in range(self.level.steps, 0, -1):
            joined = self._step(ends, left)
            if joined is None:
                return None
            ends = joined
        for _ in range(self.level.idle_defined):
            if not any(self._define((_pick(self.rng, list(self.quantities)),)) for _ in range(_TRIES)):
                return None
        for _ in range(self.level.idle_given):
            if self._give(_pick(self.rng, self._kinds())) is None:
                return None
        goal = self.quantities[ends[0]]
        names = _shuffled(self.rng, list(self.quantities))
        opening = _pick(self.rng, self.story.opening).format(who=self.who)
        text = " ".join([opening, *_shuffled(self.rng, self.sentences), f"What is {amount(goal.kind, goal.label)}?"])
        return WordProblem(
            text=f"{text}\nQuantities: {', '.join(names)}.\nFind: {goal.name}",
            given=tuple((name, self.quantities[name].value) for name in self.given),
            definitions=tuple(self.definitions),
            goal=goal.name,
            names=tuple(names),
            brought=tuple(sorted(self.brought)),
            story=self.story_name,
        )

    def _step(self, ends: list[str], left: int) -> list[str] | None:
        """The open ends after one more definition, when so many are left to be made; None where none was found."""
        ways = []
        if len(ends) <= left - 1 and len(ends) < 3:
            ways += ["begin"] * (3 if not ends else 1)
        if ends and len(ends) <= left:
            ways += ["extend"] * 2
        alike = [pair for pair in combinations(ends, 2) if self.quantities[pair[0]].kind == self.quantities[pair[1]].kind]
        if alike:
            ways += ["join"] * (2 if len(ends) <= left else 6)
        for _ in range(_TRIES if ways else 0):
            way = _pick(self.rng, ways)
            used = () if way == "begin" else (_pick(self.rng, ends),) if way == "extend" else _pick(self.rng, alike)
            made = self._define(used, others=[name for name in self.quantities if name not in ends], joins=way == "join")
            if made is not None:
                return [*(end for end in ends if end not in used), made]
        return None

    def _define(self, used: Sequence[str], others: Sequence[str] = (), joins: bool = False) -> str | None:
        """A new quantity from the used ones and, where the relation needs more, from others or new given ones; None where the draw fails."""
        kind = self.quantities[used[0]].kind if used else _pick(self.rng, self._kinds())
        fitting = [relation for relation in self.relations if relation.parents >= 1 + joins and relation.child(kind) is not None]
        relation = _pick(self.rng, fitting)
        child, kept = relation.child(kind) or kind, (dict(self.quantities), list(self.given), list(self.sentences))
        parents = list(used)
        while len(parents) < relation.parents:
            same = [name for name in others if self.quantities[name].kind == kind and name not in parents]
            parent = _pick(self.rng, same) if same and self.rng.random() < 0.4 else self._give(kind)
            if parent is None:
                break
            parents.append(parent)
        enough = len(parents) == relation.parents
        made = self._related(relation, [self.quantities[name] for name in _shuffled(self.rng, parents)], child) if enough else None
        if made is None:
            self.quantities, self.given, self.sentences = kept
        return made

    def _related(self, relation: Relation, parents: list[_Quantity], child: Kind) -> str | None:
        wordings = relation.wordings(child)
        name_and_label = self._new_name(child)
        if name_and_label is None:
            return None
        name, label = name_and_label
        for _ in range(4 if relation.constants else 1):
            constants = self._constants(relation, parents[0].value)
            operands = (*(parent.name for parent in parents), *constants)
            definition = Definition(name, relation.form, operands)
            value = definition.amount({parent.name: parent.value for parent in parents})
            if self._fits(value, child) and value not in {parent.value for parent in parents}:
                words = {letter: parent.label for letter, parent in zip("abd", parents, strict=False)}
                words |= {letter.upper(): amount(parent.kind, parent.label) for letter, parent in zip("abd", parents, strict=False)}
                words |= dict(zip("kq", constants, strict=False)) | {"c": label, "C": amount(child, label), "who": self.who}
                self.sentences.append(_sentence(_pick(self.rng, wordings).format(**words)))
                self.quantities[name] = _Quantity(name, child, label, value)
                self.definitions.append(definition)
                self.brought |= set(relation.brings)
                return name
        return None

    def _constants(self, relation: Relation, parent: Fraction) -> tuple[str, ...]:
        """The constants of a relation, near to what makes sense for its first parent."""
        if not relation.constants:
            return ()
        if relation.constants == 2:  # a proper fraction
            below = int(self.rng.integers(3, 9))
            above = [number for number in range(2, below) if gcd(number, below) == 1]
            return str(_pick(self.rng, above)), str(below)
        if relation.form.endswith("100"):
            return (str(5 * int(self.rng.integers(1, 19))),)
        if relation.form in ("{0} + {1}", "{0} - {1}"):
            return (str(int(self.rng.integers(2, max(4, min(int(parent), 60))))),)
        most = 12 if relation.form == "{0} / {1}" else max(3, min(25, int(self.level.most / max(parent, 1))))
        if self.level.decimals and relation.kinds and relation.form == "{0} * {1}" and self.rng.random() < 0.4:
            return (amount_text(Fraction(int(self.rng.integers(5, 4 * most)), 4)),)
        return (str(int(self.rng.integers(2, most + 1))),)

    def _fits(self, value: Fraction, kind: Kind) -> bool:
        if not 1 <= value <= self.level.most:
            return False
        if kind == "count" or not self.level.decimals:
            return value.denominator == 1
        return 100 % value.denominator == 0

    def _kinds(self) -> tuple[Kind, ...]:
        spare = ("hours", "km") if self.story.ways else ("hours",)
        return ("count", "count", "count", "count", "money", "money", *spare)

    def _give(self, kind: Kind) -> str | None:
        """A new quantity whose amount is told; None where the story has no more of the kind."""
        name_and_label = self._new_name(kind)
        if name_and_label is None:
            return None
        name, label = name_and_label
        value = Fraction(int(self.rng.integers(2, {"count": 60, "money": 120, "hours": 12, "km": 150}[kind] + 1)))
        if self.level.decimals and kind != "count" and self.rng.random() < 0.4:
            value += Fraction(int(self.rng.integers(1, 4)), 4)
        self.quantities[name] = _Quantity(name, kind, label, value)
        self.given.append(name)
        words = {"k": amount_text(value), "c": label, "C": amount(kind, label), "who": self.who}
        self.sentences.append(_sentence(_pick(self.rng, GIVEN[kind]).format(**words)))
        return name

    def _new_name(self, kind: Kind) -> tuple[str, str] | None:
        """A name that is not taken, and its label; None where the story has no more of the kind."""
        if kind == "count":
            return self._new_thing()
        labels = self.story.sums if kind == "money" else self.story.spells if kind == "hours" else self.story.ways
        free = [label for label in labels if label.replace(" ", "_") not in self.quantities]
        label = _pick(self.rng, free) if free else ""
        return (label.replace(" ", "_"), label) if label else None

    def _new_thing(self) -> tuple[str, str]:
        while True:  # a story has far more things and traits than a problem has quantities
            label = f"{_pick(self.rng, self.story.traits)} {_pick(self.rng, self.story.things)}"
            if label.replace(" ", "_") not in self.quantities:
                return label.replace(" ", "_"), label


def _pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    return options[int(rng.integers(len(options)))]


def _shuffled(rng: np.random.Generator, items: Sequence[T]) -> list[T]:
    return [items[place] for place in rng.permutation(len(items)).tolist()]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def solution_lines(problem: WordProblem) -> Iterator[str]:
    """The lines of a solution: `cost = 3 * 4 = 12`."""
    values = problem.values
    definitions = {definition.name: definition for definition in problem.definitions}
    for name in problem.needed:
        yield f"{name} = {definitions[name].spelled(values)} = {amount_text(values[name])}"

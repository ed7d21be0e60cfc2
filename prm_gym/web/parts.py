"""What tasks on sites of our own are put together from: parts, drawn from tables of kinds by level, and joined to one scenario.

A world has makers: functions of its `Draw` that give a `Part`, or None where what they drew does not do. Its table says which makers a level draws from
(`Row`, `row_of`), `drawn` takes a part of each pool, and `joined` makes one task of them.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

import numpy as np

from prm_gym.claims import Value
from prm_gym.errors import ContractError
from prm_gym.services import Cell, Database, Table, goal_in
from prm_gym.web.scenario import Checkpoint, Do, WebScenario

Thing = TypeVar("Thing")
DrawT = TypeVar("DrawT", bound="Draw")
Work: TypeAlias = Callable[[Database], object]
MOST_KEPT = 64


def pick(rng: np.random.Generator, things: Sequence[Thing]) -> Thing:
    """One of some things."""
    return things[int(rng.integers(len(things)))]


def some(rng: np.random.Generator, things: Sequence[Thing], count: int) -> list[Thing]:
    """Different ones of some things, in a random order."""
    return [things[place] for place in rng.permutation(len(things))[:count].tolist()]


class Draw:
    """A draw of a task; that of a world also knows what there is to draw from.

    Attributes:
        rng: random.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        """Begin."""
        self.rng = rng

    def one(self, things: Sequence[Thing]) -> Thing:
        """One of some things."""
        return pick(self.rng, things)

    def some(self, things: Sequence[Thing], count: int) -> list[Thing]:
        """Different ones of some things, in a random order."""
        return some(self.rng, things, count)

    def say(self, *phrasings: str) -> str:
        """One of several ways to say something."""
        return pick(self.rng, phrasings)

    def number(self, least: int, end: int) -> int:
        """A whole number from `least` on, below `end`."""
        return int(self.rng.integers(least, end))

    def roll(self) -> float:
        """Anything from 0 on, below 1."""
        return float(self.rng.random())

    def chance(self, share: float) -> bool:
        """True so often."""
        return self.roll() < share


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How something is reached.

    Attributes:
        script: the steps.
        checkpoints: the milestones on them.
        phrases: what is typed; all of it stands in the wish.
    """

    script: tuple[Do, ...] = ()
    checkpoints: tuple[Checkpoint, ...] = ()
    phrases: tuple[str, ...] = ()

    def after(self, *ways: "Way") -> Self:
        """The same with others before it."""
        script = tuple(step for way in (*ways, self) for step in way.script)
        checkpoints = tuple(point for way in (*ways, self) for point in way.checkpoints)
        return replace(self, script=script, checkpoints=checkpoints, phrases=tuple(phrase for way in (*ways, self) for phrase in way.phrases))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken(Way):
    """A thing as a wish speaks of it, and the way to it.

    Attributes:
        how: the manner, as it stands in the kind of a task: "by-subject", "cheapest".
        words: what it is called in the wish.
    """

    how: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Way):
    """One thing that is asked of the agent.

    Attributes:
        kind: such as "wishlist/add".
        wish: in words.
        works: what leads to the rows that are wanted; each is a milestone of its own.
        required: names of the checkpoints without which nothing is won.
        answers: right answers, where something is asked; `IMPOSSIBLE` where it cannot be done.
        question: it is worded as a question, though nothing may answer it.
        passing: values that cells may have on the way.
        touches: what it is about, where two parts of one task must not be about the same.
        facts: what the world wants to know of it beside.
    """

    kind: str
    wish: str
    works: tuple[Work, ...] = ()
    required: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    question: bool = False
    passing: Mapping[Cell, tuple[Value, ...]] = field(default_factory=dict[Cell, tuple[Value, ...]])
    touches: tuple[str, ...] = ()
    facts: tuple[Any, ...] = ()


Maker: TypeAlias = Callable[[DrawT], Part | None]
Pool: TypeAlias = Sequence[Maker[DrawT]]


def asked(kind: str, wish: str, answers: Sequence[str], *ways: Way, required: Sequence[str] = (), question: bool = False) -> Part:
    """A question, or what cannot be done.

    Args:
        kind: of it.
        wish: in words.
        answers: that are right.
        ways: to what tells the answer, one after another.
        required: names of the checkpoints without which nothing is won; the last one of the ways where nothing is given.
        question: see `Part`.

    Raises:
        ContractError: no checkpoint says that the answer was seen.
    """
    way = Way().after(*ways)
    if not required and not way.checkpoints:
        raise ContractError(f"a question needs a checkpoint for the page that tells its answer: {wish!r} ({kind}) has none on its ways")
    needed = tuple(required) or (way.checkpoints[-1].name,)
    return Part(kind=kind, wish=wish, answers=tuple(answers), required=needed, question=question).after(way)


# Which parts a task has.


class Row(NamedTuple):
    """A row of a level's table: tasks with a part of each of some pools.

    Attributes:
        weight: how often, against the other rows of the level.
        pools: of makers.
    """

    weight: int
    pools: tuple[Pool[Any], ...]


def row_of(rows: Sequence[Row], roll: float) -> Row:
    """The row on which a roll falls, from 0 on and below 1."""
    total, reached = sum(row.weight for row in rows), 0
    for row in rows:
        reached += row.weight
        if roll < reached / total:
            return row
    return rows[-1]


def drawn(draw: DrawT, pools: Sequence[Pool[DrawT]], fits: Callable[[Part, Sequence[Part]], bool] | None = None, tries: int = 1) -> list[Part] | None:
    """A part of each pool, in order.

    Args:
        draw: of the task.
        pools: of makers.
        fits: whether a part can follow those before it.
        tries: of each pool.

    Returns:
        None where a pool gave nothing that fits.
    """
    found: list[Part] = []
    for pool in pools:
        made = (draw.one(pool)(draw) for _ in range(tries))
        part = next((part for part in made if part is not None and (fits is None or fits(part, found))), None)
        if part is None:
            return None
        found.append(part)
    return found


# One task of several parts.


class Beginning(NamedTuple):
    """How a task begins; the fields are those of `WebScenario`, and the tables of the image."""

    tables: Sequence[Table]
    image: bytes
    start: str
    memory: Mapping[str, Any]
    now: str


def joined(beginning: Beginning, parts: Sequence[Part], wish: str, facts: Any = None) -> WebScenario:
    """The task that some parts make, done one after another.

    Args:
        beginning: of the task.
        parts: in order; what is asked comes last.
        wish: of all of them, in words.
        facts: what the world wants to know of it.

    Raises:
        RefusedError: what one part does cannot be done after another.
    """
    done = Counter[str]()
    works: dict[str, Work] = {}
    for part in parts:
        for work in part.works:
            done[part.kind] += 1
            works[f"done {part.kind}{f' {done[part.kind]}' * (done[part.kind] > 1)}"] = work
    goal, milestones = _goal(beginning, works)
    answers = next((part.answers for part in parts if part.answers), ())
    points = {point.name: point for part in parts for point in part.checkpoints}
    return WebScenario(
        kind="+".join(part.kind for part in parts),
        image=beginning.image,
        start=beginning.start,
        memory=beginning.memory,
        now=beginning.now,
        wish=wish,
        goal=goal,
        milestones=milestones,
        checkpoints=tuple(points.values()),
        script=(*(step for part in parts for step in part.script), Do("answer", text=answers[0] if answers else "")),
        passing={cell: values for part in parts for cell, values in part.passing.items()},
        required=frozenset(name for part in parts for name in part.required),
        answers=answers,
        question=any(part.question for part in parts),
        phrases=tuple(dict.fromkeys(phrase for part in parts for phrase in part.phrases)),
        facts=facts,
    )


def _goal(beginning: Beginning, works: Mapping[str, Work]) -> tuple[dict[Cell, Value], dict[str, tuple[Cell, ...]]]:
    """The cells that differ in the end, with their values, and those that each work was the first to change."""
    goal: dict[Cell, Value] = {}
    milestones: dict[str, tuple[Cell, ...]] = {}
    for name, cells in zip(works, _cells(beginning, works.values()) if works else (), strict=True):
        fresh = {cell: value for cell, value in cells.items() if cell not in goal}
        goal |= fresh
        if fresh:
            milestones[name] = tuple(fresh)
    return goal, milestones


class _Kept(threading.local):
    """Databases of this thread in which goals are found out: a new one is slow to work in at first."""

    def __init__(self) -> None:
        self.databases: dict[bytes, Database] = {}


_kept = _Kept()


def _cells(beginning: Beginning, works: Iterable[Work]) -> list[dict[Cell, Value]]:
    databases = _kept.databases
    database = databases.get(beginning.image)
    if database is None:
        if len(databases) >= MOST_KEPT:
            del databases[next(iter(databases))]
        database = databases[beginning.image] = Database(beginning.tables, beginning.image)
    return goal_in(database, works)

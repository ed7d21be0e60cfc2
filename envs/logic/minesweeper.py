"""prm_gym/Minesweeper-v0: open every cell that holds no mine, one cell at a time.

mines: 3
    1 2 3 4
r1  . . 1 #
r2  1 1 2 #
r3  # # # #
r4  # # # #

open r1c4        a step: a hidden cell

Source: Verifiable Process Rewards (arXiv 2605.10325) judges Minesweeper steps by the exact posterior; the generator is our own.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Unpack

import numpy as np

from prm_gym.claims import Json, Malformed, Safest
from prm_gym.csp import Census, Is, Linear, Problem, Variable, census
from prm_gym.env import StepEnv
from prm_gym.errors import OptionError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

_STEP = re.compile(r"open\s+\(?r(\d\d?)\s*,?\s*c(\d\d?)\)?", re.ASCII | re.IGNORECASE)


class Level(NamedTuple):
    """What the boards of one difficulty are like: whether `certain`, so that some cell is always known to be safe, or one must sometimes take a risk."""

    rows: int
    columns: int
    mines: int
    certain: bool


LEVELS: dict[int, Level] = {
    1: Level(4, 4, 3, True),
    2: Level(5, 5, 5, True),
    3: Level(6, 6, 8, True),
    4: Level(7, 7, 11, True),
    5: Level(8, 8, 14, False),
}


class Field(NamedTuple):
    """A board.

    Attributes:
        rows: of the board.
        columns: of the board.
        mines: the cells that hold one, by row, counted from 0.
        start: the cells that are open at the beginning.
    """

    rows: int
    columns: int
    mines: frozenset[int]
    start: frozenset[int]

    @property
    def safe(self) -> frozenset[int]:
        """The cells that hold none."""
        return frozenset(range(self.rows * self.columns)) - self.mines

    def number(self, cell: int) -> int:
        """How many neighbours of a cell hold a mine."""
        return len(_neighbours(self.rows, self.columns)[cell] & self.mines)

    def name(self, cell: int) -> str:
        """The name of a cell: "r1c2"."""
        return f"r{cell // self.columns + 1}c{cell % self.columns + 1}"


class MinesweeperEnv(StepEnv):
    """A board with hidden mines, of which a part is open.

    Observation: the number of mines and the board; `#` is hidden, `.` has no mine around it, a digit says how many it has. Action: `open r3c4`. It opens this
    one cell, so that every order of the safe cells takes the same number of steps. A text that is no step, or names an open cell, changes nothing.
    Claims: `Safest`: no hidden cell is less likely to hold a mine, when all boards that agree with what is seen are equally likely; `Malformed` for anything
    else.
    So a step is judged by what could be known: the safest cell is right even where it explodes, and a lucky guess is wrong where a safe cell was to be had.
    Outcome: 1 when every cell without a mine is open, 0 when a mine is.
    state_key: the board and what is open.
    Candidates: up to a third of them among the safest cells, others that are not, and an open one; in random order, a function of the state alone.
    Difficulty 1 to 5: 4x4 with 3 mines to 8x8 with 14; up to 4 some hidden cell is always certainly safe, at 5 one must sometimes take a risk.
    """

    default_verifiers = ("posterior",)

    def __init__(self, *, difficulty: int = 2, candidates: int = 12, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, see `LEVELS`.
            candidates: how many actions are listed at most; >= 3, or 0 for none.
            **options: see `StepOptions`; max_steps is the number of cells unless given.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=3)
        if options.get("max_steps") is None:
            options["max_steps"] = LEVELS[difficulty].rows * LEVELS[difficulty].columns
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._field = Field(0, 0, frozenset(), frozenset())
        self._open: frozenset[int] = frozenset()

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a board."""
        if options:
            raise OptionError(f"reset of Minesweeper takes no options, got {sorted(options)}")
        field = generate(int(self.np_random.integers(1 << 62)), LEVELS[self.difficulty])
        self._field, self._open = field, field.start
        question = board_text(field, field.start)
        mines = [field.name(cell) for cell in sorted(field.mines)]
        task = Task(
            key=content_key("Minesweeper-v0", question, *mines),
            instructions=(
                "Open every cell that holds no mine. '#' is a hidden cell; a digit says how many of the eight cells around it hold a mine, '.' that none does. "
                "Write one cell at a time, such as: open r3c4. Always open a cell that is least likely to hold a mine; opening a mine ends the game."
            ),
            question=question,
            sealed={"mines": mines},
            metadata={"difficulty": self.difficulty, "rows": field.rows, "columns": field.columns, "mine_count": len(mines)},
        )
        return task, self._describe(task)

    def advance(self, action: str) -> Transition:
        """Open a cell."""
        field, match = self._field, _STEP.fullmatch(" ".join(action.split()).removesuffix("."))
        if match is None:
            return self._unchanged("not of the form `open r3c4`")
        row, column = int(match[1]), int(match[2])
        if not (1 <= row <= field.rows and 1 <= column <= field.columns):
            return self._unchanged(f"the board has {field.rows} rows and {field.columns} columns")
        cell = (row - 1) * field.columns + column - 1
        if cell in self._open:
            return self._unchanged(f"{field.name(cell)} is open")
        known = knowledge(field, self._open)
        claim = Safest(known, tuple(variable.name for variable in known.variables), field.name(cell), 1)
        self._open |= {cell}
        lost, won = cell in field.mines, self._open >= field.safe
        return Transition(situation=self._describe(self.task), claims=(claim,), terminated=lost or won, outcome=float(not lost) if lost or won else None)

    def save_state(self) -> Json:
        """The board and what is open."""
        field = self._field
        return {
            "size": [field.rows, field.columns],
            "mines": list[Json](sorted(field.mines)),
            "start": list[Json](sorted(field.start)),
            "open": list[Json](sorted(self._open)),
        }

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        rows, columns = state["size"]
        self._field, self._open = Field(rows, columns, frozenset(state["mines"]), frozenset(state["start"])), frozenset(state["open"])

    def solution(self) -> list[str]:
        """The safe cells, the safest first."""
        return [f"open {self._field.name(cell)}" for cell in _safe_order(self._field)]

    def _unchanged(self, reason: str) -> Transition:
        return Transition(situation=self.situation, claims=(Malformed(reason),))

    def _describe(self, task: Task) -> Situation:
        field, opened = self._field, self._open
        state_key = content_key(task.key, *map(str, sorted(opened)))
        over = bool(opened & field.mines) or opened >= field.safe
        actions = () if over or not self.candidates else _candidates(field, opened, self.candidates, state_key)
        return Situation(observation=board_text(field, opened), state_key=state_key, actions=actions)


def board_text(field: Field, opened: frozenset[int]) -> str:
    """What is seen of a board."""

    def symbol(cell: int) -> str:
        if cell not in opened:
            return "#"
        return "*" if cell in field.mines else str(field.number(cell) or ".")

    rows = [" ".join(symbol(row * field.columns + column) for column in range(field.columns)) for row in range(field.rows)]
    head = "    " + " ".join(str((column + 1) % 10) for column in range(field.columns))
    return "\n".join([f"mines: {len(field.mines)}", head, *(f"r{place}  {row}" for place, row in enumerate(rows, start=1))])


@lru_cache(maxsize=32)
def _neighbours(rows: int, columns: int) -> tuple[frozenset[int], ...]:
    def around(row: int, column: int) -> frozenset[int]:
        near = [(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]
        return frozenset(r * columns + c for r, c in near if 0 <= r < rows and 0 <= c < columns)

    return tuple(around(row, column) for row in range(rows) for column in range(columns))


@lru_cache(maxsize=1 << 10)
def knowledge(field: Field, opened: frozenset[int]) -> Problem:
    """What is seen as a constraint problem: a hidden cell is 1 where it holds a mine; the digits and the number of mines are sums."""
    hidden = [cell for cell in range(field.rows * field.columns) if cell not in opened]
    sums: dict[tuple[str, ...], int] = {}
    for cell in sorted(opened):
        near = tuple(field.name(other) for other in sorted(_neighbours(field.rows, field.columns)[cell] - opened))
        if near:
            sums[near] = field.number(cell)
    names = tuple(field.name(cell) for cell in hidden)
    sums[names] = len(field.mines)
    return Problem(tuple(Variable(name, (0, 1)) for name in names), tuple(Linear(near, (1,) * len(near), "=", total) for near, total in sums.items()))


def _risks(field: Field, opened: frozenset[int]) -> dict[int, float]:
    """The probability of a mine for every hidden cell; exactly 0.0 and 1.0 where it is certain, 0.5 everywhere beyond the budget of the count."""
    counted: Census | None = census(knowledge(field, opened))
    hidden = (cell for cell in range(field.rows * field.columns) if cell not in opened)
    return {cell: 0.5 if counted is None else float(counted.probability(Is(field.name(cell), 1))) for cell in hidden}


@lru_cache(maxsize=1 << 13)
def _candidates(field: Field, opened: frozenset[int], count: int, state_key: str) -> tuple[str, ...]:
    """Cells in random order: safest ones, riskier ones and an open one."""
    rng = np.random.default_rng(int(state_key, 16))
    risks = _risks(field, opened)
    cells = list(risks)
    cells = [cells[i] for i in rng.permutation(len(cells)).tolist()]
    least = min(risks.values())
    safest = [cell for cell in cells if risks[cell] == least]
    others = [cell for cell in cells if risks[cell] > least]
    shown = sorted(opened)
    some = safest[: max(1, count // 3)]
    chosen = [*some, *others[: count - len(some) - 1], shown[int(rng.integers(len(shown)))]]
    return tuple(f"open {field.name(chosen[i])}" for i in rng.permutation(len(chosen)).tolist())


@lru_cache(maxsize=1 << 10)
def _safe_order(field: Field) -> tuple[int, ...]:
    """The safe cells in an order that always takes one of the least risk."""
    opened, order = field.start, list[int]()
    while not opened >= field.safe:
        risks = _risks(field, opened)
        safe = [cell for cell in risks if cell not in field.mines]
        least = min(risks[cell] for cell in safe)
        taken = [cell for cell in safe if risks[cell] == least] if least == 0.0 else [min(safe, key=lambda cell: risks[cell])]
        order += taken
        opened |= frozenset(taken)
    return tuple(order)


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, level: Level) -> Field:
    """A board of a level: mines drawn evenly, and the area around a cell without mines open; drawn again until it is certain, where the level asks for it."""
    rng = np.random.default_rng(entropy)
    size = level.rows * level.columns
    while True:
        mines = frozenset(rng.permutation(size).tolist()[: level.mines])
        bare = Field(level.rows, level.columns, mines, frozenset())
        empty = [cell for cell in sorted(bare.safe) if not bare.number(cell)]
        if not empty:
            continue
        field = bare._replace(start=_area(bare, empty[int(rng.integers(len(empty)))]))
        if len(field.safe - field.start) >= size // 4 and (not level.certain or _is_certain(field)):
            return field


def _area(field: Field, cell: int) -> frozenset[int]:
    """What opens around a cell without mines next to it."""
    found, pending = {cell}, [cell]
    while pending:
        here = pending.pop()
        if not field.number(here):
            new = _neighbours(field.rows, field.columns)[here] - found
            found |= new
            pending += new
    return frozenset(found)


def _is_certain(field: Field) -> bool:
    """Whether opening cells that are certainly safe opens all that are safe."""
    opened = field.start
    while not opened >= field.safe:
        sure = frozenset(cell for cell, risk in _risks(field, opened).items() if risk == 0.0)
        if not sure:
            return False
        opened |= sure
    return True

"""prm_gym/Sudoku-v0: fill the grid, one digit at a time.

r1  1 . | . 4
r2  . . | 1 .
    ----+----
r3  . 1 | . .
r4  4 . | . 1

r1c2 = 2          a step: a cell and its digit

Source: Verifiable Process Rewards (arXiv 2605.10325) judges Sudoku steps by a constraint oracle; the generator is our own.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Unpack

import numpy as np

from prm_gym.claims import Assignment, Json, Malformed
from prm_gym.csp import AllDifferent, BudgetSpentError, Is, Problem, Variable, shared_solver
from prm_gym.csp.propagation import Network
from prm_gym.env import StepEnv
from prm_gym.errors import OptionError
from prm_gym.options import StepOptions, require_difficulty
from prm_gym.task import Task, framed, framed_key
from prm_gym.transition import Situation, Transition

Grid = tuple[int, ...]
"""The digits by rows; 0 for an empty cell."""

MOST_CANDIDATES = 64

_STEP = re.compile(r"\(?r(\d)\s*,?\s*c(\d)\)?\s*(?:=|:|is)\s*(\d)", re.ASCII | re.IGNORECASE)


class Level(NamedTuple):
    """What the puzzles of one difficulty are like.

    Attributes:
        box: rows and columns of a box; the grid has as many rows and digits as a box has cells.
        blanks: empty cells, at most.
        singles: whether it can be filled by looking for cells with one digit left and digits with one cell left; otherwise that does not suffice.
    """

    box: tuple[int, int]
    blanks: int
    singles: bool

    @property
    def size(self) -> int:
        """Rows, columns and digits."""
        return self.box[0] * self.box[1]


LEVELS: dict[int, Level] = {
    1: Level((2, 2), 8, True),
    2: Level((2, 3), 18, True),
    3: Level((3, 3), 30, True),
    4: Level((3, 3), 48, True),
    5: Level((3, 3), 52, False),
}


class SudokuEnv(StepEnv):
    """A grid with exactly one solution, filled digit by digit.

    Observation: the grid. Action: a cell and a digit, `r1c2 = 3`. A digit is written down whether it is right or not, and stays: nobody corrects the agent,
    and with a wrong digit the grid cannot be solved any more. A text that is no step, or names a cell that is filled, changes nothing.
    Claims: `Assignment` of the digit in the puzzle, given what has been filled in; `Malformed` for anything else.
    A digit is forced when every completion of the grid has it. That is exact entailment, not what some technique of solving finds: as there is one
    solution, a digit is forced or wrong, and a guess that clashes with nothing is wrong all the same. The verdict's evidence says whether the digit
    shows by propagation (`prm_gym.csp.propagation`: naked and hidden singles) or takes search. After a wrong digit every step is `vacuous`.
    Outcome: when the grid is full, 1 if it is solved, else 0.
    state_key: the grid.
    Candidates: for some empty cells the right digit, one that clashes with nothing in sight, and one that does; some cells are those that singles fill.
    In random order, a function of the state alone.
    Difficulty 1 to 5: 4x4, 6x6, and 9x9 with more and more empty cells; up to 4 singles suffice, at 5 they do not.
    """

    default_verifiers = ("constraint",)

    def __init__(self, *, difficulty: int = 2, candidates: int = 12, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, see `LEVELS`.
            candidates: how many actions are listed, 0 to 64.
            **options: see `StepOptions`; max_steps is 6 more than the greatest number of empty cells unless given.
        """
        require_difficulty(difficulty, LEVELS)
        if type(candidates) is not int or not 0 <= candidates <= MOST_CANDIDATES:
            raise OptionError(f"candidates must be an integer between 0 and {MOST_CANDIDATES}, got {candidates!r}")
        if options.get("max_steps") is None:
            options["max_steps"] = LEVELS[difficulty].blanks + 6
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._puzzle = Puzzle(LEVELS[difficulty].box, (), ())
        self._problem = problem((2, 2), (0,) * 16)
        self._entropy = 0
        self._grid: Grid = ()
        self._written: tuple[int, ...] = ()  # the cells that the agent has filled, in order

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a puzzle."""
        if options:
            raise OptionError(f"reset of Sudoku takes no options, got {sorted(options)}")
        self._entropy = int(self.np_random.integers(1 << 62))
        self._put_down(generate(self._entropy, LEVELS[self.difficulty]))
        task = _task(self._puzzle, self.difficulty)
        return task, self._describe(task)

    def advance(self, action: str) -> Transition:
        """Write a digit into an empty cell."""
        size, match = self._puzzle.size, _STEP.fullmatch(" ".join(action.split()).removesuffix("."))
        if match is None:
            return self._unchanged("not of the form `r1c2 = 3`")
        row, column, digit = map(int, match.groups())
        if not (1 <= row <= size and 1 <= column <= size and 1 <= digit <= size):
            return self._unchanged(f"rows, columns and digits go from 1 to {size}")
        place = (row - 1) * size + column - 1
        if self._grid[place]:
            return self._unchanged(f"r{row}c{column} is filled")
        atoms = _atoms(self._puzzle.box)
        filled = tuple([atoms[cell][self._grid[cell]] for cell in self._written])
        claim = Assignment(self._problem, filled, atoms[place][digit].variable, digit)
        self._grid = (*self._grid[:place], digit, *self._grid[place + 1 :])
        self._written = tuple(sorted((*self._written, place)))
        full = 0 not in self._grid
        outcome = float(self._grid == self._puzzle.solution) if full else None
        return Transition(situation=self._describe(self.task), claims=(claim,), terminated=full, outcome=outcome)

    def save_state(self) -> Json:
        """The entropy that the puzzle is generated from, and the grid."""
        return {"entropy": self._entropy, "difficulty": self.difficulty, "grid": list(self._grid)}

    def load_state(self, state: Any) -> None:
        """Generate the puzzle again and put back the grid."""
        self._entropy, self.difficulty = state["entropy"], state["difficulty"]
        self._put_down(generate(self._entropy, LEVELS[self.difficulty]))
        self._grid = tuple(state["grid"])
        self._written = tuple(cell for cell, (now, given) in enumerate(zip(self._grid, self._puzzle.given, strict=True)) if now != given)

    def solution(self) -> list[str]:
        """The missing digits, always the cell with the fewest digits left next."""
        puzzle, grid, steps = self._puzzle, list(self._puzzle.given), list[str]()
        empty = [place for place, digit in enumerate(grid) if not digit]
        while empty:
            place = min(empty, key=lambda cell: len(possible_digits(puzzle.box, grid, cell)))
            empty.remove(place)
            grid[place] = puzzle.solution[place]
            steps.append(f"{cell_name(place, puzzle.size)} = {grid[place]}")
        return steps

    def _put_down(self, puzzle: "Puzzle") -> None:
        self._puzzle, self._problem = puzzle, problem(puzzle.box, puzzle.given)
        self._grid, self._written = puzzle.given, ()

    def _unchanged(self, reason: str) -> Transition:
        return Transition(situation=self.situation, claims=(Malformed(reason),))

    def _describe(self, task: Task) -> Situation:
        state_key = framed_key(framed(task.key) + _framed_digits(self._grid))
        actions = _candidates(self._puzzle, self._grid, self.candidates, state_key) if self.candidates and 0 in self._grid else ()
        return Situation(observation=grid_text(self._puzzle.box, self._grid), state_key=state_key, actions=actions)


class Puzzle(NamedTuple):
    """A puzzle and its only solution."""

    box: tuple[int, int]
    given: Grid
    solution: Grid

    @property
    def size(self) -> int:
        """Rows, columns and digits."""
        return self.box[0] * self.box[1]


def cell_name(place: int, size: int) -> str:
    """The name of a cell: "r1c2"."""
    return f"r{place // size + 1}c{place % size + 1}"


def grid_text(box: tuple[int, int], grid: Sequence[int]) -> str:
    """The grid with its boxes, one row a line."""
    return _layout(box) % tuple([_SHOWN[digit] for digit in grid])


# Digits as they are shown, and as the parts of a key.
_SHOWN = (".", *map(str, range(1, 10)))
_FRAMED = tuple(framed(str(digit)) for digit in range(10))


def _framed_digits(grid: Sequence[int]) -> bytes:
    return b"".join([_FRAMED[digit] for digit in grid])


@lru_cache(maxsize=16)
def _layout(box: tuple[int, int]) -> str:
    """A grid with `%s` in every cell."""
    size, width = box[0] * box[1], box[1]
    lines: list[str] = []
    for row in range(size):
        if row and row % box[0] == 0:
            lines.append("    " + "-+-".join(["-" * (2 * width - 1)] * (size // width)))
        lines.append(f"r{row + 1}  " + " | ".join([" ".join(["%s"] * width)] * (size // width)))
    return "\n".join(lines)


@lru_cache(maxsize=16)
def _atoms(box: tuple[int, int]) -> tuple[tuple[Is, ...], ...]:
    """For every cell and digit from 0 on, that it stands there."""
    size = box[0] * box[1]
    return tuple(tuple(Is(cell_name(place, size), digit) for digit in range(size + 1)) for place in range(size**2))


@lru_cache(maxsize=16)
def _units(box: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
    """The rows, columns and boxes."""
    size, (rows, columns) = box[0] * box[1], box
    lines = [[r * size + c for c in range(size)] for r in range(size)] + [[r * size + c for r in range(size)] for c in range(size)]
    corners = [(r, c) for r in range(0, size, rows) for c in range(0, size, columns)]
    boxes = [[(r + i) * size + c + j for i in range(rows) for j in range(columns)] for r, c in corners]
    return tuple(map(tuple, [*lines, *boxes]))


@lru_cache(maxsize=16)
def _peers(box: tuple[int, int]) -> tuple[frozenset[int], ...]:
    """For every cell, those that it may not share its digit with."""
    units = _units(box)
    return tuple(frozenset(cell for unit in units if place in unit for cell in unit if cell != place) for place in range((box[0] * box[1]) ** 2))


def possible_digits(box: tuple[int, int], grid: Sequence[int], place: int) -> list[int]:
    """The digits that clash with nothing in sight."""
    taken = {grid[peer] for peer in _peers(box)[place]}
    return [digit for digit in range(1, box[0] * box[1] + 1) if digit not in taken]


def _digits_left(box: tuple[int, int], grid: Sequence[int]) -> dict[int, tuple[int, ...]]:
    """For every empty cell what `possible_digits` gives, in one walk over the grid."""
    taken = [0] * (3 * box[0] * box[1])  # of every unit, bit d for the digit d
    units_of = _units_of(box)
    for digit, (row, column, square) in zip(grid, units_of, strict=True):
        bit = 1 << digit
        taken[row] |= bit
        taken[column] |= bit
        taken[square] |= bit
    found: dict[int, tuple[int, ...]] = {}
    for place, (row, column, square) in enumerate(units_of):
        if not grid[place]:
            found[place] = _missing(taken[row] | taken[column] | taken[square], len(taken) // 3)
    return found


@lru_cache(maxsize=16)
def _units_of(box: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
    """For every cell the numbers of its row, column and box among the units."""
    numbers: list[list[int]] = [[] for _ in range((box[0] * box[1]) ** 2)]
    for number, unit in enumerate(_units(box)):
        for cell in unit:
            numbers[cell].append(number)
    return tuple((row, column, square) for row, column, square in numbers)


@lru_cache(maxsize=1 << 11)
def _missing(taken: int, size: int) -> tuple[int, ...]:
    return tuple(digit for digit in range(1, size + 1) if not taken >> digit & 1)


@lru_cache(maxsize=1 << 10)
def problem(box: tuple[int, int], given: Grid) -> Problem:
    """The puzzle as a constraint problem; a given digit is a domain of one value."""
    size = box[0] * box[1]
    digits = tuple(range(1, size + 1))
    variables = tuple(Variable(cell_name(place, size), (digit,) if digit else digits) for place, digit in enumerate(given))
    return Problem(variables, tuple(AllDifferent(tuple(cell_name(place, size) for place in unit)) for unit in _units(box)))


def _task(puzzle: Puzzle, difficulty: int) -> Task:
    size, (rows, columns) = puzzle.size, puzzle.box
    return Task(
        key=framed_key(framed("Sudoku-v0") + _framed_digits((*puzzle.box, *puzzle.given))),
        instructions=(
            f"Fill the grid so that every row, every column and every box of {rows} rows and {columns} columns holds each digit from 1 to {size} once. "
            "Write one digit at a time, such as: r1c2 = 3, which says that row 1, column 2 holds a 3. There is exactly one solution, so every digit can be "
            "deduced. A digit stays where it is written; a wrong one is not corrected, and fails the task."
        ),
        question=grid_text(puzzle.box, puzzle.given),
        sealed={"solution": list(puzzle.solution)},
        metadata={"difficulty": difficulty, "size": size, "blanks": puzzle.given.count(0)},
    )


# Candidates.


@lru_cache(maxsize=1 << 13)
def _candidates(puzzle: Puzzle, grid: Grid, count: int, state_key: str) -> tuple[str, ...]:
    """Up to three digits each for some empty cells, in random order."""
    rng = np.random.default_rng(int(state_key, 16))
    box, size = puzzle.box, puzzle.size
    empty = [place for place, digit in enumerate(grid) if not digit]
    empty = [empty[i] for i in rng.permutation(len(empty)).tolist()]
    digits_left = _digits_left(box, grid)
    options = {place: digits_left[place] for place in empty}
    singles = [place for place in empty if len(options[place]) == 1]
    cells = list(dict.fromkeys([*singles[: max(1, count // 6)], *empty]))
    texts: list[str] = []
    for place in cells:
        right = puzzle.solution[place]
        clashing = [digit for digit in range(1, size + 1) if digit not in options[place] and digit != right]
        tempting = [digit for digit in options[place] if digit != right]
        wrong = [chosen[int(rng.integers(len(chosen)))] for chosen in (tempting, clashing) if chosen]
        digits = [right, *wrong]
        texts += [f"{cell_name(place, size)} = {digits[i]}" for i in rng.permutation(len(digits)).tolist()]  # the last of them may be cut off
        if len(texts) >= count:
            break
    listed = texts[:count]
    return tuple(listed[i] for i in rng.permutation(len(listed)).tolist())


# Generation.


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, level: Level) -> Puzzle:
    """A puzzle of a level: digits are taken out of a full grid, in random order, as long as one solution is left that the level's means find."""
    rng = np.random.default_rng(entropy)
    while True:
        full = _full_grid(level.box, rng)
        puzzle = _emptied(full, level, rng)
        if puzzle is not None:
            return puzzle


def _full_grid(box: tuple[int, int], rng: np.random.Generator) -> Grid:
    """A full grid: boxes that share no row or column are filled at random, the solver fills the rest, and digits, rows and columns are shuffled."""
    size, (rows, columns) = box[0] * box[1], box
    empty = problem(box, (0,) * size**2)
    corners = [(i * rows, i * columns) for i in range(min(size // rows, size // columns))]
    found = None
    while found is None:  # not all ways to fill those boxes can be completed
        placed = [
            Is(cell_name((r + i // columns) * size + c + i % columns, size), digit)
            for r, c in corners
            for i, digit in enumerate((rng.permutation(size) + 1).tolist())
        ]
        found = next(shared_solver(empty).solutions(placed), None)
    digits = [0, *(rng.permutation(size) + 1).tolist()]
    down, across = _shuffled_lines(size, rows, rng), _shuffled_lines(size, columns, rng)
    return tuple(digits[int(found[f"r{r + 1}c{c + 1}"])] for r in down for c in across)


def _shuffled_lines(size: int, together: int, rng: np.random.Generator) -> list[int]:
    """Rows or columns in a random order that keeps the boxes whole."""
    bands = rng.permutation(size // together).tolist()
    return [band * together + line for band in bands for line in rng.permutation(together).tolist()]


def _emptied(full: Grid, level: Level, rng: np.random.Generator) -> Puzzle | None:
    """The grid with digits taken out; None when it cannot be made as hard as the level is."""
    network = _network(level.box)
    grid = list(full)
    order = rng.permutation(len(full)).tolist()
    # What singles do not fill is reached by taking out the last few digits for the sake of one solution alone.
    for singles, blanks in ((True, level.blanks if level.singles else level.blanks - 10), (False, 0 if level.singles else level.blanks)):
        for place in order:
            if grid.count(0) >= blanks:
                break
            if grid[place]:
                grid[place] = 0
                # A digit that is the only one left for its cell comes back at once, and then the grid is the one before, which singles fill.
                shown = singles and len(possible_digits(level.box, grid, place)) == 1
                if not (shown or (_filled_by_singles(network, grid) if singles else _is_unique(level.box, grid))):
                    grid[place] = full[place]
    if _filled_by_singles(network, grid) is not level.singles or grid.count(0) < level.blanks - 4:
        return None
    return Puzzle(level.box, tuple(grid), full)


@lru_cache(maxsize=16)
def _network(box: tuple[int, int]) -> Network:
    return Network(problem(box, (0,) * (box[0] * box[1]) ** 2))


def _filled_by_singles(network: Network, grid: Sequence[int]) -> bool:
    """Whether propagation alone fills the grid; then there is one solution."""
    domains = [1 << (digit - 1) if digit else full for digit, full in zip(grid, network.domains, strict=True)]
    return network.propagate(domains) is None and all(not domain & (domain - 1) for domain in domains)


def _is_unique(box: tuple[int, int], grid: Sequence[int]) -> bool:
    size = box[0] * box[1]
    placed = [Is(cell_name(place, size), digit) for place, digit in enumerate(grid) if digit]
    search = shared_solver(problem(box, (0,) * size**2)).solutions(placed)
    try:
        return next(search, None) is not None and next(search, None) is None
    except BudgetSpentError:
        return False

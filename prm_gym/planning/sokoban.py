"""Sokoban: boards in their usual notation, and exact distances in pushes.

    #######        # wall    . goal           $ box    * box on a goal
    #@ $ .#        @ player  + player on a goal
    #######

Walking is free, so a state is where the boxes are and which cells the player can walk to. The distances of a level come from one breadth-first search backward,
pulling boxes from the goals: a state that it does not meet is a deadlock, and that is a proof.

Sets of cells are integers, one bit a cell; a push or a flood fill is then a few shifts.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, NamedTuple, TypeAlias, get_args

from prm_gym.errors import ProblemError

Direction: TypeAlias = Literal["up", "down", "left", "right"]
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

STATE_BUDGET = 60_000  # states of a level, at most; beyond it distances are not known
MAX_CELLS = 400


class Level(NamedTuple):
    """What stays as it is.

    Attributes:
        width: cells in a row, walls included.
        floor: the cells that are no wall.
        goals: where the boxes belong.
    """

    width: int
    floor: int
    goals: int

    def cell(self, row: int, column: int) -> int:
        """The bit of a cell; rows and columns are counted from 1. 0 outside the board."""
        if not (row > 0 and 0 < column <= self.width):
            return 0
        return 1 << ((row - 1) * self.width + column - 1)

    def shifted(self, cells: int, direction: Direction) -> int:
        """Cells moved by one; the walls around the board keep them inside."""
        match direction:
            case "up":
                return cells >> self.width
            case "down":
                return cells << self.width
            case "left":
                return cells >> 1
            case _:
                return cells << 1


class State(NamedTuple):
    """Where the boxes are, and where the player can walk: states that differ only in where the player stands are one."""

    boxes: int
    region: int


class Push(NamedTuple):
    """A push: the cell of the box, and where it goes."""

    box: int
    direction: Direction


class Board(NamedTuple):
    """A position with the player in one place."""

    level: Level
    boxes: int
    player: int

    @property
    def state(self) -> State:
        """The position up to walking."""
        return State(self.boxes, _region(self.level, self.boxes, self.player))

    def push(self, push: Push) -> "Board | None":
        """The board after a push; None when the rules forbid it."""
        level, (box, direction) = self.level, push
        target, behind = level.shifted(box, direction), level.shifted(box, _OPPOSITE[direction])
        if not box & self.boxes or not target & level.floor & ~self.boxes or not behind & self.state.region:
            return None
        return Board(level, self.boxes ^ box ^ target, box)


_OPPOSITE: dict[Direction, Direction] = {"up": "down", "down": "up", "left": "right", "right": "left"}
_SYMBOLS = {"#": (0, 0, 0), " ": (0, 0, 0), ".": (1, 0, 0), "$": (0, 1, 0), "*": (1, 1, 0), "@": (0, 0, 1), "+": (1, 0, 1)}


@lru_cache(maxsize=1 << 12)
def parse_board(text: str) -> Board:
    """Read a board.

    Raises:
        ProblemError: another symbol, no player or several, another number of boxes than of goals, a border that is no wall, or too many cells.
    """
    lines = text.split("\n")
    width = max(map(len, lines))
    if width * len(lines) > MAX_CELLS:
        raise ProblemError(f"a board has at most {MAX_CELLS} cells, got {width * len(lines):,}")
    floor = goals = boxes = player = 0
    for row, line in enumerate(lines):
        for column, symbol in enumerate(line.ljust(width, "#")):
            if symbol not in _SYMBOLS:
                raise ProblemError(f"a board is written with {''.join(_SYMBOLS)!r}, got {symbol!r}")
            border = row in (0, len(lines) - 1) or column in (0, width - 1)
            if symbol != "#" and border:
                raise ProblemError("the border of a board is wall")
            bit = 1 << (row * width + column)
            goal, box, man = _SYMBOLS[symbol]
            floor, goals, boxes, player = floor | bit * (symbol != "#"), goals | bit * goal, boxes | bit * box, player | bit * man
    if player.bit_count() != 1 or not boxes or boxes.bit_count() != goals.bit_count():
        raise ProblemError("a board has one player, at least one box, and as many boxes as goals")
    return Board(Level(width, floor, goals), boxes, player)


def board_text(board: Board) -> str:
    """The board in the usual notation, one row a line."""
    level = board.level
    rows = -(-level.floor.bit_length() // level.width) + 1

    def symbol(place: int) -> str:
        bit = 1 << place
        if not level.floor & bit:
            return "#"
        on_goal = bool(level.goals & bit)
        return "+@"[not on_goal] if bit == board.player else "*$"[not on_goal] if bit & board.boxes else ". "[not on_goal]

    return "\n".join("".join(symbol(row * level.width + column) for column in range(level.width)) for row in range(rows))


def pushes(board: Board) -> list[Push]:
    """Every push that the rules allow, by box and direction."""
    level, boxes, region = board.level, board.boxes, board.state.region
    free = level.floor & ~boxes
    return [
        Push(box, direction)
        for box in bits(boxes)
        for direction in DIRECTIONS
        if level.shifted(box, direction) & free and level.shifted(box, _OPPOSITE[direction]) & region
    ]


def bits(cells: int) -> Iterator[int]:
    """The single cells of a set."""
    while cells:
        lowest = cells & -cells
        yield lowest
        cells ^= lowest


def distances(level: Level) -> dict[State, int] | None:
    """The least number of pushes to the goal from every state that can reach it; None when the level is too large. Kept for the next question."""
    return _distances(level)


@lru_cache(maxsize=256)
def _distances(level: Level) -> dict[State, int] | None:
    found: dict[State, int] = {}
    free = level.floor & ~level.goals
    while free:  # one final state for every part of the floor that the boxes on the goals cut off
        region = _region(level, level.goals, free & -free)
        found[State(level.goals, region)] = 0
        free &= ~region
    layer, steps = list(found), 0
    while layer:
        steps += 1
        reached: list[State] = []
        for state in layer:
            for earlier in _pulls(level, state):
                if earlier not in found:
                    found[earlier] = steps
                    reached.append(earlier)
        if len(found) > STATE_BUDGET:
            return None
        layer = reached
    return found


def _pulls(level: Level, state: State) -> Iterator[State]:
    """The states from which one push leads here."""
    free = level.floor & ~state.boxes
    for box in bits(state.boxes):
        for direction in DIRECTIONS:
            player = level.shifted(box, direction)
            if player & state.region:
                further = level.shifted(player, direction)
                if further & free:
                    boxes = state.boxes ^ box ^ player
                    yield State(boxes, _region(level, boxes, further))


def _region(level: Level, boxes: int, player: int) -> int:
    """The cells that the player can walk to."""
    free, width, region = level.floor & ~boxes, level.width, 0
    wider = player
    while wider != region:
        region = wider
        wider |= (region << 1 | region >> 1 | region << width | region >> width) & free
    return region


class Sokoban:
    """The puzzle as the verifier `search` sees it: states as text."""

    def distance(self, state: str) -> int | None:
        """The least number of steps to the goal; None when it is out of reach.

        Raises:
            ProblemError: no board, or one of a level too large to search.
        """
        board = parse_board(state)
        table = distances(board.level)
        if table is None:
            raise ProblemError(f"the level has more than {STATE_BUDGET:,} states")
        return table.get(board.state)

    def is_step(self, before: str, after: str) -> bool:
        """Whether the rules allow a step from the one state to the other.

        Raises:
            ProblemError: no board.
        """
        board, then = parse_board(before), parse_board(after)
        return board.level == then.level and any(board.push(push) == then for push in pushes(board))

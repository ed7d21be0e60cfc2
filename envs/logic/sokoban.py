"""prm_gym/Sokoban-v0: push every box onto a goal, one push at a time.

     1234567
  1  #######
  2  #     #
  3  # $@. #
  4  #     #
  5  #######

push r3c3 right      a step: the cell of a box, and where it goes; the player walks behind it

Source: Verifiable Process Rewards (arXiv 2605.10325) judges Sokoban steps by breadth-first search; the notation of the board is that of the Sokoban community.
The generator is our own.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Unpack

import numpy as np

from prm_gym.claims import Json, Malformed, Progress
from prm_gym.env import StepEnv
from prm_gym.errors import OptionError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.planning.sokoban import DIRECTIONS, Board, Direction, Push, State, bits, board_text, distances, parse_board, pushes
from prm_gym.planning.sokoban import Level as Room
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

INSTRUCTIONS = """\
Push every box onto a goal. # is a wall, $ a box, . a goal, * a box on a goal, @ the player, + the player on a goal. Write one push at a time, in the form
    push r3c4 right
which names the cell of a box by row and column and says where it goes: up, down, left or right. The player walks by itself to the other side of the box,
if there is a way; the cell that the box goes to must be free. Boxes cannot be pulled, so a box in a corner is lost."""

_STEP = re.compile(r"push\s+\(?r(\d\d?)\s*,?\s*c(\d\d?)\)?\s+(?:to the\s+)?(up|down|left|right)", re.ASCII | re.IGNORECASE)


class Level(NamedTuple):
    """What the boards of one difficulty are like.

    Attributes:
        rows: of the room, without the walls around it.
        columns: likewise.
        boxes: how many.
        walls: cells of the room that are wall.
        pushes: the least number that solves the board, within these bounds.
    """

    rows: int
    columns: int
    boxes: int
    walls: int
    pushes: tuple[int, int]


LEVELS: dict[int, Level] = {
    1: Level(3, 4, 1, 0, (2, 4)),
    2: Level(4, 4, 2, 1, (4, 7)),
    3: Level(5, 5, 2, 4, (6, 10)),
    4: Level(5, 6, 3, 5, (9, 14)),
    5: Level(6, 6, 3, 7, (14, 24)),
}


class SokobanEnv(StepEnv):
    """A board that can be solved, with a box or more to push onto goals.

    Observation: the board with numbered rows and columns. Action: a push, `push r3c4 right`. A step is a push and no step of the player, for walking is free:
    what is decided is which box goes where. So every step changes the boxes, and walking back and forth is no way to pass the time. A text that is no
    push, or one that the rules forbid, changes nothing.
    Claims: `Progress` of the board before, the board after, and the boards before that; `Malformed` for anything else.
    Outcome: 1 when every box is on a goal; 0 at the step limit. A deadlock does not end the episode: nobody tells the agent that it is lost.
    Under the reward "dense" only a push that brings the goal nearer than it has been before earns, so that no detour pays.
    state_key: the boxes and the cells that the player can walk to.
    Candidates: pushes that the rules allow, and some that they do not, in random order; a function of the state alone.
    Difficulty 1 to 5: one to three boxes, 2 to 24 pushes.
    """

    default_verifiers = ("search",)

    def __init__(self, *, difficulty: int = 2, candidates: int = 12, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, see `LEVELS`.
            candidates: how many actions are listed at most; >= 4, or 0 for none.
            **options: see `StepOptions`; max_steps is 6 and one and a half times the greatest number of pushes unless given.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=4)
        if options.get("max_steps") is None:
            options["max_steps"] = 6 + LEVELS[difficulty].pushes[1] * 3 // 2
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._boards: list[str] = []

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a board."""
        if options:
            raise OptionError(f"reset of Sokoban takes no options, got {sorted(options)}")
        board, least = generate(int(self.np_random.integers(1 << 62)), LEVELS[self.difficulty])
        text = board_text(board)
        self._boards = [text]
        task = Task(
            key=content_key("Sokoban-v0", text),
            instructions=INSTRUCTIONS,
            question=numbered(text),
            sealed={"board": text, "least": least},
            metadata={"difficulty": self.difficulty, "boxes": board.boxes.bit_count()},
        )
        return task, self._describe()

    def advance(self, action: str) -> Transition:
        """Push a box."""
        match = _STEP.fullmatch(" ".join(action.split()).removesuffix("."))
        if match is None:
            return self._unchanged("not of the form `push r3c4 right`")
        board = parse_board(self._boards[-1])
        row, column = int(match[1]), int(match[2])
        box = board.level.cell(row, column)
        if not box & board.boxes:
            return self._unchanged(f"there is no box at r{row}c{column}")
        after = board.push(Push(box, _direction(match[3])))
        if after is None:
            return self._unchanged(f"the box at r{row}c{column} cannot be pushed there: what is before or behind it is not free, or not to be walked to")
        claim = Progress("sokoban", self._boards[-1], board_text(after), tuple(dict.fromkeys(self._boards[:-1])))
        self._boards.append(claim.after)
        over = after.boxes == after.level.goals
        return Transition(situation=self._describe(), claims=(claim,), terminated=over, outcome=1.0 if over else None)

    def save_state(self) -> Json:
        """The boards of the episode."""
        return list(self._boards)

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._boards = list(state)

    def solution(self) -> list[str]:
        """The pushes of a shortest way."""
        board, steps = parse_board(self.task.sealed["board"]), list[str]()
        table = distances(board.level) or {}
        while board.boxes != board.level.goals:
            nearer = table[board.state] - 1
            push, board = next((push, after) for push in pushes(board) if (after := board.push(push)) is not None and table.get(after.state) == nearer)
            steps.append(push_text(board.level, push))
        return steps

    def _unchanged(self, reason: str) -> Transition:
        return Transition(situation=self.situation, claims=(Malformed(reason),))

    def _describe(self) -> Situation:
        board = parse_board(self._boards[-1])
        state_key = content_key("sokoban", *map(str, (*board.level, *board.state)))
        actions = _candidates(board.level, board.state, self.candidates, state_key) if self.candidates and board.boxes != board.level.goals else ()
        return Situation(observation=numbered(self._boards[-1]), state_key=state_key, actions=actions)


def numbered(text: str) -> str:
    """The board with the numbers of its rows, and the last digits of those of its columns."""
    lines = text.split("\n")
    heads = "".join(str(column % 10) for column in range(1, len(lines[0]) + 1))
    return "\n".join([f"    {heads}", *(f"{row:2}  {line}" for row, line in enumerate(lines, start=1))])


def push_text(room: Room, push: Push) -> str:
    """The push as it is written."""
    row, column = divmod(push.box.bit_length() - 1, room.width)
    return f"push r{row + 1}c{column + 1} {push.direction}"


def _direction(word: str) -> Direction:
    return next(direction for direction in DIRECTIONS if direction == word.lower())


@lru_cache(maxsize=1 << 13)
def _candidates(room: Room, state: State, count: int, state_key: str) -> tuple[str, ...]:
    """Pushes in random order: those that the rules allow as far as there is room, one of them on a shortest way, and some that they do not."""
    rng = np.random.default_rng(int(state_key, 16))
    board = Board(room, state.boxes, state.region & -state.region)
    allowed = pushes(board)
    allowed = [allowed[i] for i in rng.permutation(len(allowed)).tolist()]
    table = distances(room) or {}
    nearer = table.get(state, 0) - 1
    on_the_way = next((push for push in allowed if (after := board.push(push)) is not None and table.get(after.state) == nearer), None)
    if on_the_way is not None:  # not to be cut off
        allowed = [on_the_way, *(push for push in allowed if push != on_the_way)]
    every = [Push(box, direction) for box in bits(state.boxes) for direction in DIRECTIONS]
    forbidden = [push for push in every if push not in allowed]
    forbidden = [forbidden[i] for i in rng.permutation(len(forbidden)).tolist()]
    some = max(1, count // 4)
    chosen = [*allowed[: count - some], *forbidden[:some]]
    return tuple(push_text(room, chosen[i]) for i in rng.permutation(len(chosen)).tolist())


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, level: Level) -> tuple[Board, int]:
    """A board of a level and the least number of pushes that solves it: a room with goals drawn at random, and a state at a distance within the bounds."""
    rng = np.random.default_rng(entropy)
    width, low, high = level.columns + 2, *level.pushes
    while True:
        cells = [1 << ((row + 1) * width + column + 1) for row in range(level.rows) for column in range(level.columns)]
        cells = [cells[i] for i in rng.permutation(len(cells)).tolist()]
        floor, goals = sum(cells[level.walls :]), sum(cells[level.walls : level.walls + level.boxes])
        table = distances(Room(width, floor, goals)) or {}
        wanted = int(rng.integers(low, high + 1))
        # No box on its goal already: the number of those would tell how much is left to do.
        states = [state for state, steps in table.items() if steps == wanted and not state.boxes & goals]
        if states:
            state = states[int(rng.integers(len(states)))]
            places = list(bits(state.region))
            return Board(Room(width, floor, goals), state.boxes, places[int(rng.integers(len(places)))]), wanted

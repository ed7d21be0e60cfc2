"""Countdown and the game of 24: make a target from numbers, one operation a step.

Source: the game of 24 as a test of reasoning: Yao et al. 2023, Tree of Thoughts (the step's notation, the public file of 1,362 puzzles); Countdown: Gandhi
et al. 2024, Stream of Search. Here a step is checked when it is made, and the solver is exact.
"""

import csv
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np

from prm_gym.arithmetic import ExpressionError, Operation, SearchBudgetError, Symbol, evaluate, operand_text, operations, parse_expression, reachable, solve
from prm_gym.claims import Equality, Json, Malformed, Reachable
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError
from prm_gym.options import require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

Numbers = tuple[Fraction, ...]

MOST_NUMBERS = 6  # of a task: what the solver decides in a tenth of a second at worst
MOST_CANDIDATES = 64
_ENTRY_LIMIT = 10**6  # numerator and denominator of a number or target in a task file, at most
_RESULT_LIMIT = 10**40  # of any result; an honest one stays below it (six numbers within _ENTRY_LIMIT make at most 6 * 10**36)


class Level(NamedTuple):
    """What the tasks of one difficulty are like: bounds are inclusive, numbers and targets are drawn evenly among the solvable tasks."""

    size: int
    numbers: tuple[int, int]
    target: tuple[int, int]
    integers_only: bool


LEVELS: dict[int, Level] = {
    1: Level(3, (1, 10), (10, 50), True),
    2: Level(4, (1, 10), (10, 100), True),
    3: Level(4, (1, 24), (24, 24), False),
    4: Level(5, (1, 25), (100, 500), True),
    5: Level(6, (1, 100), (100, 999), True),
}


class CountdownEnv(StepEnv):
    """Make the target from the numbers: every number is used exactly once, and one number is left in the end.

    An action is one operation on two of the numbers left, `25 * 4 = 100`, with `×`, `÷` and `−` if one likes, and if one likes followed by what is left:
    `25 * 4 = 100 (left: 3 6 100)`. The result stands on the right. A fraction is written `8/3`, and in parentheses where it is divided by:
    `8 / (1/3) = 24`. What is no such step (a number that is not left, two operations, a result the rules forbid, a division by zero, a wrong `left:`)
    changes nothing and is claimed `Malformed`.

    **A false equation** (`25 * 4 = 90`) is a step, and the result it claims is put among the numbers, as in reasoning on paper: nobody corrects the
    agent. But the episode can no longer be won: its outcome is 0 whatever is left in the end, so a false equation buys nothing. The observation and the
    candidate actions do not show it (they would be a verdict); `state_key` does, for the situation is another one.

    Claims of a step: `Equality` of what is written, and `Reachable`: the target from the numbers left. From a false equation on, no number left is
    honestly made, so `Reachable` is claimed of no numbers at all, and is refuted.

    Outcome: 1 when the number left is the target and every equation was true, else 0.

    Candidates: `info["actions"]` lists up to `candidates` actions in random order: some that keep the target in reach (at least one wherever there is
    one), some that are true but lose it, and some false equations and operations on numbers that are not left. The list is a function of the numbers
    left, the target and the rule, not of the way there nor of the seed.

    `reset(options={"task_index": i})` chooses task i of the task file. A task of the file that has no solution is kept (an agent may meet one); its
    `solution()` raises `ContractError`.
    """

    default_verifiers: ClassVar[tuple[str, ...]] = ("sequence(arithmetic, reachable)",)
    default_max_steps: ClassVar[int] = 8

    def __init__(self, *, difficulty: int = 2, tasks: str | Path | None = None, candidates: int = 12, **options: Any) -> None:
        """Choose where tasks come from.

        Args:
            difficulty: 1 to 5, see `LEVELS`; without effect when there is a task file.
            tasks: a task file to draw from instead: `.csv` in the public layout of the game of 24 (a column `Puzzles`, "1 1 4 6", and if one likes `Rank`; the
                target is 24), or JSON Lines of `{"numbers": [1, 1, 4, 6], "target": 24}`, if one likes with `rank` and `integers_only`; fractions as "8/3".
            candidates: how many actions are listed, 0 to 64.
            **options: see `StepOptions`.

        Raises:
            OptionError: a value out of range, or a task file that cannot be read; names the line.
        """
        super().__init__(**options)
        require_difficulty(difficulty, LEVELS)
        if not isinstance(candidates, int) or not 0 <= candidates <= MOST_CANDIDATES:
            raise OptionError(f"candidates must be an integer between 0 and {MOST_CANDIDATES}, got {candidates!r}")
        self.difficulty = difficulty
        self.candidates = candidates
        self.puzzles = () if tasks is None else load_puzzles(tasks)
        self._target = Fraction(0)
        self._integers_only = False
        self._numbers: Numbers = ()
        self._sound = True

    @property
    def task_count(self) -> int | None:
        """How many tasks the task file holds; None without one."""
        return len(self.puzzles) or None

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task, or take the one that `options["task_index"]` names."""
        index = self.choose_task(options)
        task = _generated_task(int(self.np_random.integers(1 << 62)), self.difficulty) if index is None else _file_task(self.puzzles[index])
        self._set_rules(task)
        self._numbers = tuple(Fraction(number) for number in task.metadata["numbers"])
        self._sound = True
        return task, self._describe()

    def advance(self, action: str) -> Transition:
        """Put the claimed result in the place of the two numbers, or change nothing when the text is no step."""
        step = _read_step(action, self._numbers, self._integers_only)
        if isinstance(step, Malformed):
            return Transition(situation=self.situation, claims=(step,))
        self._numbers = step.after
        self._sound = self._sound and step.holds
        over = len(self._numbers) == 1
        left = tuple(str(number) for number in self._numbers) if self._sound else ()
        return Transition(
            situation=self._describe(),
            claims=(Equality(step.left, step.right), Reachable(left, str(self._target), self._integers_only)),
            terminated=over,
            outcome=float(self._sound and self._numbers[0] == self._target) if over else None,
        )

    def save_state(self) -> Json:
        """The numbers left and whether every equation so far was true."""
        return {"numbers": [str(number) for number in self._numbers], "sound": self._sound}

    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave."""
        self._set_rules(self.task)
        self._numbers = tuple(Fraction(number) for number in state["numbers"])
        self._sound = state["sound"]

    def solution(self) -> list[str]:
        """The steps of one solution, from the beginning of the task.

        Raises:
            ContractError: the task came from a file and has none.
        """
        steps: list[str] | None = self.task.sealed["solution"]
        if steps is None:
            raise ContractError(f"this task has no solution: {self.task.question} Take it out of the task file, or do not ask for its solution.")
        return list(steps)

    def _set_rules(self, task: Task) -> None:
        self._target = Fraction(task.metadata["target"])
        self._integers_only = task.metadata["integers_only"]

    def _describe(self) -> Situation:
        numbers, target = self._numbers, self._target
        return Situation(
            observation=f"target: {target}\nnumbers: {_listed(numbers)}",
            state_key=_state_key(numbers, target, self._integers_only, self._sound),
            actions=_candidates(numbers, target, self._integers_only, self.candidates),
        )


def _listed(numbers: Sequence[Fraction]) -> str:
    return " ".join(str(number) for number in numbers)


def _state_key(numbers: Numbers, target: Fraction, integers_only: bool, sound: bool) -> str:
    return content_key("countdown", str(integers_only), str(sound), str(target), _listed(numbers))


# Reading a step.


class _Step(NamedTuple):
    """A step that was read.

    Attributes:
        left: the operation, in our spelling.
        right: the result it claims, likewise.
        holds: whether that is its result.
        after: the numbers left after it, sorted, with the result as claimed.
    """

    left: str
    right: str
    holds: bool
    after: Numbers


def _read_step(action: str, numbers: Numbers, integers_only: bool) -> _Step | Malformed:
    equation, opened, tail = action.strip().partition("(left:")
    sides = equation.split("=")
    if len(sides) != 2:
        return Malformed("a step is one equation, such as 25 * 4 = 100")
    try:
        operation, result = (parse_expression(side) for side in sides)
    except ExpressionError as error:
        return Malformed(f"the equation cannot be read: {error}")
    if operation.is_literal or not all(operand.is_numeral for operand in operation.operands):
        return Malformed("left of '=' stands one operation on two numbers; a fraction that is divided by needs parentheses")
    if not result.is_numeral:
        return Malformed("right of '=' stands the result, one number")
    after = list(numbers)
    for operand in operation.operands:
        if operand.value not in after:
            return Malformed(f"{operand.value} is not left: there are {_listed(numbers)}, each to be used once")
        after.remove(operand.value)
    forbidden = _forbidden(result.value, integers_only)
    if forbidden:
        return Malformed(forbidden)
    after = tuple(sorted([*after, result.value]))
    if opened and not _lists(tail, after):
        return Malformed(f"after this step these numbers are left: {_listed(after)}; the step says otherwise")
    left, right = (operand_text(operand.value) for operand in operation.operands)
    return _Step(f"{left} {operation.symbol} {right}", str(result.value), operation.value == result.value, after)


def _forbidden(result: Fraction, integers_only: bool) -> str:
    """Why the rules forbid a result; empty when they allow it."""
    if integers_only and (result.denominator != 1 or result < 1):
        return f"every result must be a positive integer, got {result}"
    if abs(result.numerator) >= _RESULT_LIMIT or result.denominator >= _RESULT_LIMIT:
        return "the result is too great"
    return ""


def _lists(tail: str, numbers: Numbers) -> bool:
    """Whether the text after `(left:` names exactly these numbers, in any order."""
    words = tail.removesuffix(")").split()
    if not tail.endswith(")") or len(words) != len(numbers):
        return False
    try:
        return tuple(sorted(evaluate(word) for word in words)) == numbers
    except ExpressionError:
        return False


# Candidate actions.


@lru_cache(maxsize=1 << 13)
def _candidates(numbers: Numbers, target: Fraction, integers_only: bool, count: int) -> tuple[str, ...]:
    """Up to `count` distinct actions for a state: a third in reach of the target, a third true but losing, the rest unsound; in random order."""
    moves = _moves(numbers, integers_only)
    if not (moves and count):
        return ()
    rng = np.random.default_rng(int(_state_key(numbers, target, integers_only, True), 16))
    moves = [moves[i] for i in rng.permutation(len(moves))]
    keep, unsound = max(1, count // 3), count // 3
    chosen = _some_of_both(moves, numbers, target, integers_only, keep, count - keep - unsound)
    texts = dict.fromkeys(_shown(move, rng) for move in chosen)
    for _ in range(16 * count):  # a draw may fail or repeat another; few do
        if len(texts) >= count:
            break
        move = moves[int(rng.integers(len(moves)))]
        wrong = _false_equation(move, target, rng) if rng.random() < 0.5 else _move_without_number(move, numbers, rng)
        if wrong is not None and not _forbidden(wrong.result, integers_only):
            texts[_shown(wrong, rng)] = None
    listed = list(texts)[:count]
    return tuple(listed[i] for i in rng.permutation(len(listed)))


def _moves(numbers: Numbers, integers_only: bool) -> list[Operation]:
    """Every true operation that the rules allow."""
    pairs = dict.fromkeys(combinations(numbers, 2))
    found = dict.fromkeys(move for pair in pairs for move in operations(*pair, integers_only))
    return [move for move in found if not _forbidden(move.result, integers_only)]


def _some_of_both(moves: Sequence[Operation], numbers: Numbers, target: Fraction, integers_only: bool, keep: int, lose: int) -> list[Operation]:
    """Up to `keep` moves that keep the target in reach and `lose` that lose it, the first of each.

    At least one that keeps it when there is one; beyond that only so many moves are tried as make no long wait with six numbers.
    """
    if not reachable(numbers, target, integers_only):
        return list(moves[:lose])
    keeping: list[Operation] = []
    losing: list[Operation] = []
    for tried, move in enumerate(moves):
        if keeping and (tried >= 3 * (keep + lose) or (len(keeping) >= keep and len(losing) >= lose)):
            break
        (keeping if reachable(_after(move, numbers), target, integers_only) else losing).append(move)
    return [*keeping[:keep], *losing[:lose]]


def _after(move: Operation, numbers: Numbers) -> Numbers:
    left = list(numbers)
    left.remove(move.left)
    left.remove(move.right)
    return (*left, move.result)


def _shown(move: Operation, rng: np.random.Generator) -> str:
    """The move as text; where the order does not matter it is random, so that it tells nothing."""
    if move.symbol in "+*" and rng.random() < 0.5:
        move = move._replace(left=move.right, right=move.left)
    return move.text


def _false_equation(move: Operation, target: Fraction, rng: np.random.Generator) -> Operation:
    """The move with a result that is near, or that of another operation, or the target."""
    others = [other.result for other in operations(move.left, move.right)]
    wrong = [result for result in (*others, move.result + 1, move.result - 1, move.result + 10, target) if result != move.result]
    return move._replace(result=wrong[int(rng.integers(len(wrong)))])


def _move_without_number(move: Operation, numbers: Numbers, rng: np.random.Generator) -> Operation | None:
    """A true equation with an operand that is not left, one beside an operand or one number used twice; None where the draw gives none."""
    stays, goes = (move.left, move.right) if rng.random() < 0.5 else (move.right, move.left)
    comes = (goes + 1, goes - 1, stays)[int(rng.integers(3))]
    rest = list(numbers)
    rest.remove(stays)
    left, right = (stays, comes) if stays is move.left else (comes, stays)
    result = None if comes in rest else _result(left, move.symbol, right)
    return None if result is None else Operation(left, move.symbol, right, result)


def _result(left: Fraction, symbol: Symbol, right: Fraction) -> Fraction | None:
    """The result of one operation; None where it divides by zero."""
    return next((found.result for found in operations(left, right) if found[:3] == (left, symbol, right)), None)


# Tasks.


class Puzzle(NamedTuple):
    """One puzzle: sorted numbers, the target, the rule, and its rank in the file it came from."""

    numbers: Numbers
    target: Fraction
    integers_only: bool = False
    rank: int | None = None


@lru_cache(maxsize=1 << 12)
def _generated_task(entropy: int, difficulty: int) -> Task:
    """A solvable task of a difficulty: drawn until the solver finds a way."""
    rng = np.random.default_rng(entropy)
    level = LEVELS[difficulty]
    while True:
        numbers = tuple(Fraction(int(number)) for number in sorted(rng.integers(*level.numbers, size=level.size, endpoint=True)))
        target = Fraction(int(rng.integers(*level.target, endpoint=True)))
        steps = solve(numbers, target, level.integers_only)
        if steps is not None:
            return _task(Puzzle(numbers, target, level.integers_only), steps, {"difficulty": difficulty})


@lru_cache(maxsize=1 << 12)
def _file_task(puzzle: Puzzle) -> Task:
    return _task(puzzle, _steps_or_none(puzzle), {} if puzzle.rank is None else {"rank": puzzle.rank})


def _steps_or_none(puzzle: Puzzle) -> tuple[str, ...] | None:
    try:
        return solve(puzzle.numbers, puzzle.target, puzzle.integers_only)
    except SearchBudgetError:
        return None


def _task(puzzle: Puzzle, steps: tuple[str, ...] | None, facts: Mapping[str, Any]) -> Task:
    numbers, target = [str(number) for number in puzzle.numbers], str(puzzle.target)
    rule = "Every result must be a positive integer." if puzzle.integers_only else "Results may be fractions or negative: 8 / 3 = 8/3, (8/3) - 3 = -1/3."
    return Task(
        key=content_key("countdown", str(puzzle.integers_only), target, *numbers),
        instructions=(
            "Make the target from the numbers with + - * /. Every number is used exactly once. Write one operation on two of the numbers left, "
            f"with its result, such as: 25 * 4 = 100. The result takes the place of the two numbers. {rule} "
            "The task is solved when one number is left and it is the target. A wrong result is not corrected, and fails the task."
        ),
        question=f"Make {target} from {' '.join(numbers)}.",
        sealed={"solution": None if steps is None else list(steps)},
        metadata={"numbers": numbers, "target": target, "integers_only": puzzle.integers_only, **facts},
    )


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A line of a JSON Lines task file."""

    numbers: list[int | str]
    target: int | str
    rank: int | None = None
    integers_only: bool = False


def load_puzzles(path: str | Path) -> tuple[Puzzle, ...]:
    """The puzzles of a task file, in order; see `CountdownEnv` for the two layouts.

    Raises:
        OptionError: the file cannot be read or holds no puzzle, or a line is none; names file and line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the task file {str(path)!r} cannot be read: {error}") from error
    is_csv = Path(path).suffix.lower() == ".csv"
    header: list[str] = []
    puzzles: list[Puzzle] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            if is_csv and not header:
                header = next(csv.reader([line]))
            else:
                row = _csv_row(header, next(csv.reader([line]))) if is_csv else msgspec.json.decode(line, type=_Row)
                puzzles.append(_puzzle(row))
        except (msgspec.MsgspecError, csv.Error, ValueError) as error:
            raise OptionError(f"{path}, line {number}: {error}") from error
    if not puzzles:
        raise OptionError(f"the task file {str(path)!r} holds no puzzle")
    return tuple(puzzles)


def _csv_row(header: Sequence[str], fields: Sequence[str]) -> _Row:
    row = dict(zip(header, fields, strict=False))
    if "Puzzles" not in row:
        raise ValueError(f"no value in a column 'Puzzles'; the columns are {', '.join(header)}")
    rank = row.get("Rank")
    return _Row(numbers=list(row["Puzzles"].split()), target=24, rank=int(rank) if rank else None)


def _puzzle(row: _Row) -> Puzzle:
    entries = [evaluate(str(entry)) for entry in (*row.numbers, row.target)]
    if not 2 <= len(row.numbers) <= MOST_NUMBERS:
        raise ValueError(f"a puzzle has 2 to {MOST_NUMBERS} numbers, got {len(row.numbers)}")
    for entry in entries:
        if abs(entry.numerator) > _ENTRY_LIMIT or entry.denominator > _ENTRY_LIMIT:
            raise ValueError(f"the number {entry} is too great: numerator and denominator are at most {_ENTRY_LIMIT:,}")
    return Puzzle(tuple(sorted(entries[:-1])), entries[-1], row.integers_only, row.rank)

"""Exact distances to the goal in puzzles of planning. To add one, write its module and a line in `PUZZLES`."""

from typing import Protocol

from prm_gym.planning.sokoban import Sokoban


class Puzzle(Protocol):
    """The rules of a puzzle with an exact oracle; states are texts."""

    def distance(self, state: str) -> int | None:
        """The least number of steps to the goal; None when it is out of reach for good. Raises `ProblemError` where it cannot tell."""
        ...

    def is_step(self, before: str, after: str) -> bool:
        """Whether the rules allow a step from the one state to the other. Raises `ProblemError` for what is no state."""
        ...


PUZZLES: dict[str, Puzzle] = {"sokoban": Sokoban()}

__all__ = ["PUZZLES", "Puzzle", "Sokoban"]

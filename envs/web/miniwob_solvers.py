"""Scripts that do tasks of MiniWoB, from what is asked and what is seen alone."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from prm_gym.web import Acted, Action, Sight

class View:
    def __init__(self, said: str, sight: Sight) -> None:
        self.said, self.sight = said, sight
    def see(self, acted: Acted) -> None:
        self.sight = acted.sight

Solver: TypeAlias = Callable[[View], Iterator[Action]]
SOLVERS: dict[str, Solver] = {}

"""How far a task of MiniWoB has come, where its page shows it: pure functions of what is asked and what is seen."""

import re
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from prm_gym.web import Item, Sight


class Counted(NamedTuple):
    """How many of the wanted things hold, less those that hold and should not; and how many are wanted."""

    held: int
    wanted: int


Count: TypeAlias = Callable[[str, Sight], Counted | None]
PROGRESS: dict[str, Count] = {}

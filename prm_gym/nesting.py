"""How deep lists and objects of JSON stand within one another: a bound of our own, since Python's differs from version to version."""

from collections.abc import Iterable
from typing import Any, cast

MOST_DEPTH = 64  # of what an agent or a client writes


def deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand within one another on more than so many levels.

    Args:
        value: of JSON.
        levels: >= 0; a list of numbers has one.

    >>> deeper([[1], 2], 1), deeper([[1], 2], 2)
    (True, False)
    """
    if not isinstance(value, dict | list):
        return False
    inner = cast("Iterable[Any]", value.values() if isinstance(value, dict) else value)
    return levels == 0 or any(deeper(each, levels - 1) for each in inner)

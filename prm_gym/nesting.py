"""How deep lists and objects of JSON stand within one another: a bound of our own, since Python's differs from version to version."""

from collections.abc import Iterable
from typing import Any, cast


def deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand within one another on more than so many levels.

    Args:
        value: of JSON.
        levels: >= 0; a list of numbers has one.

    >>> deeper([[1], 2], 1), deeper([[1], 2], 2)
    (True, False)
    """
    layer: list[Any] = [value]
    for _ in range(levels):
        layer = [part for each in layer for part in _parts(each)]
        if not layer:
            return False
    return any(isinstance(each, dict | list) for each in layer)


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return cast("dict[str, Any]", value).values()
    return cast("list[Any]", value) if isinstance(value, list) else ()

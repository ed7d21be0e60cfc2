"""How deep lists and objects of JSON stand within one another: a bound of our own, since Python's differs from version to version."""

from typing import Any, cast


def deeper(value: Any, levels: int) -> bool:
    """Whether lists and objects stand within one another on more than so many levels.

    Args:
        value: of JSON.
        levels: >= 0; a list of numbers has one.

    >>> deeper([[1], 2], 1), deeper([[1], 2], 2)
    (True, False)
    """
    layer = [value] if isinstance(value, dict | list) else []
    for _ in range(levels):
        if not layer:
            return False
        layer = [each for outer in layer for each in _parts(outer) if isinstance(each, dict | list)]
    return bool(layer)


def _parts(value: Any) -> Any:
    return cast("dict[str, Any]", value).values() if isinstance(value, dict) else value

"""Fields of rows that go by several names."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from prm_gym.errors import OptionError


def field(row: Mapping[str, Any], names: Sequence[str], what: str) -> Any:
    """The value under the first of the names that the row has.

    Raises:
        OptionError: it has none of them.
    """
    for name in names:
        if row.get(name) is not None:
            return row[name]
    raise OptionError(f"{what} is missing: expected one of the fields {', '.join(names)}; there are {', '.join(sorted(row)) or 'none'}")


def text_of(row: Mapping[str, Any], names: Sequence[str], what: str) -> str:
    """Likewise, a text.

    Raises:
        OptionError: there is none, or it is no text.
    """
    value = field(row, names, what)
    if not isinstance(value, str):
        raise OptionError(f"{what} is a text, got {type(value).__name__}")
    return value


def texts(value: object, what: str) -> list[str]:
    """A list of texts, without the empty ones.

    Raises:
        OptionError: it is something else.
    """
    if isinstance(value, list | tuple):
        items = cast("Sequence[object]", value)
        found = [item.strip() for item in items if isinstance(item, str)]
        if len(found) == len(items):
            return [text for text in found if text]
    raise OptionError(f"{what} is a text or a list of texts")

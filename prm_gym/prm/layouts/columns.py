"""Columns of rows of step labels, read strictly."""

import math
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from prm_gym.errors import OptionError
from prm_gym.task import content_key


def text_of(row: Mapping[str, Any], name: str) -> str:
    """The text under a name.

    Raises:
        OptionError: there is none, or it is no text.
    """
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise OptionError(f"{name} is a text that is not empty, got {_shown(value)}")
    return value


def list_of(row: Mapping[str, Any], name: str) -> list[Any]:
    """The list under a name.

    Raises:
        OptionError: it is something else.
    """
    value = row.get(name)
    if not isinstance(value, list | tuple):
        raise OptionError(f"{name} is a list, got {_shown(value)}")
    return list(cast("list[Any]", value))


def object_of(value: Any, what: str) -> Mapping[str, Any]:
    """A value that is an object.

    Raises:
        OptionError: it is something else.
    """
    if not isinstance(value, Mapping):
        raise OptionError(f"{what} is an object, got {_shown(value)}")
    return cast("Mapping[str, Any]", value)


def label_of(value: Any) -> float | None:
    """A label as P(step is right): a bool, a number in [0, 1], or None where nothing is known.

    Raises:
        OptionError: it is something else; -1 is no probability.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):  # how tables say that there is nothing
        return None
    if not isinstance(value, bool | int | float) or not 0.0 <= value <= 1.0:
        raise OptionError(f"a label is true, false, null or a number in [0, 1], got {_shown(value)}")
    return float(value)


def outcome_of(value: Any) -> bool | None:
    """Whether the final answer is right: a bool, 1 or 0; None for anything else."""
    return bool(value) if isinstance(value, bool | int | float) and value in (0, 1) else None


def identity(row: Mapping[str, Any]) -> str:
    """The `id` of a row where it has one, else a key of its content."""
    named = row.get("id")
    if isinstance(named, str | int) and not isinstance(named, bool) and str(named):
        return str(named)
    return content_key(msgspec.json.encode(row, enc_hook=str, order="sorted").decode("utf-8", "replace"))


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"{value!r:.60}"

"""Checks of an assigner's options; each error says what was expected and what came."""

import difflib
import math
from collections.abc import Iterable

from prm_gym.errors import OptionError


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside [low, high].

    Raises:
        OptionError: it is outside, or not a number.
    """
    if not low <= value <= high:
        raise OptionError(f"{name} must be in [{low:g}, {high:g}], got {value!r}.")


def require_finite(name: str, value: float) -> None:
    """Refuse NaN and infinity.

    Raises:
        OptionError: it is one of them.
    """
    if not math.isfinite(value):
        raise OptionError(f"{name} must be a finite number, got {value!r}.")


def require_at_least(name: str, value: float, low: float) -> None:
    """Refuse a number below low, NaN and infinity.

    Raises:
        OptionError: it is one of them.
    """
    if not low <= value < math.inf:
        raise OptionError(f"{name} must be a finite number of {low:g} or more, got {value!r}.")


def require_above(name: str, value: float, low: float) -> None:
    """Refuse a number that is not above low, and NaN; infinity is above.

    Raises:
        OptionError: it is one of them.
    """
    if not value > low:
        raise OptionError(f"{name} must be above {low:g}, got {value!r}.")


def require_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Refuse a value that is none of the choices.

    Raises:
        OptionError: it is not; the message lists them and names the near miss.
    """
    known = list(choices)
    if value not in known:
        listed = ", ".join(repr(choice) for choice in known)
        raise OptionError(f"{name} must be one of {listed}, got {value!r}.{near_miss(value, known)}")


def near_miss(value: object, known: Iterable[str]) -> str:
    """The sentence that names the known text nearest to the value, with a space before it, or nothing."""
    near = difflib.get_close_matches(str(value), list(known), n=1, cutoff=0.5)
    return f" Did you mean {near[0]!r}?" if near else ""

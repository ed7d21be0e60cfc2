"""Where the mistakes of a solution are, in the ways that data sets say it.

Two count from zero (ProcessBench, BIG-Bench-Mistake), two from one (PRMBench, MR-GSM8K), one by the index of a message (AgentProcessBench). A reader turns
them into labels of steps, and refuses an index that lies outside the solution: the trap of counting from the wrong number ends there.
"""

import re
from collections.abc import Iterable
from typing import Any

from prm_gym.errors import OptionError

_WHOLE = re.compile(r"\s*(-?\d{1,9})\s*\Z")


def integer_of(value: Any, what: str) -> int:
    """A whole number: an integer, a float without a fraction, or a text that is one, as tables hold them.

    >>> integer_of("3", "label"), integer_of(-1.0, "label")
    (3, -1)

    Raises:
        OptionError: it is something else; True and False are no numbers.
    """
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = _WHOLE.match(value) if isinstance(value, str) else None
    if found is None:
        raise OptionError(f"{what} is a whole number, got {value!r:.60}")
    return int(found[1])


def until_first_error(error: int, steps: int) -> tuple[float | None, ...]:
    """Labels of a solution of which the first wrong step is known: 1 before it, 0 there, None after it. All 1 where there is none.

    >>> until_first_error(1, 4)
    (1.0, 0.0, None, None)

    Args:
        error: index of the first wrong step, from 0; -1 for none.
        steps: how many there are.

    Raises:
        OptionError: the index lies outside.
    """
    if not -1 <= error < steps:
        raise OptionError(f"the first wrong step of {steps} has an index from 0 to {steps - 1}, or -1 for none; got {error}")
    return tuple(1.0 for _ in range(steps)) if error < 0 else (*(1.0 for _ in range(error)), 0.0, *(None for _ in range(steps - error - 1)))


def wrong_at(errors: Iterable[int], steps: int) -> tuple[float | None, ...]:
    """Labels of a solution of which every wrong step is known: 0 there, 1 elsewhere.

    >>> wrong_at([2], 3)
    (1.0, 0.0, 1.0)

    Args:
        errors: which steps are wrong, counted from 1.
        steps: how many there are.

    Raises:
        OptionError: one lies outside.
    """
    wrong = set(errors)
    if not all(1 <= at <= steps for at in wrong):
        raise OptionError(f"wrong steps of {steps} are counted from 1 to {steps}, got {sorted(wrong)}")
    return tuple(float(at not in wrong) for at in range(1, steps + 1))


def steps_of(value: Any, what: str) -> list[str]:
    """The steps of a solution, without blanks around them.

    Raises:
        OptionError: no list of texts, or an empty one. An empty step stays, for indices count it.
    """
    if not isinstance(value, list | tuple) or not value or not all(isinstance(step, str) for step in value):  # pyright: ignore[reportUnknownVariableType]
        raise OptionError(f"{what} is a list of texts that is not empty, got {value!r:.60}")  # pyright: ignore[reportUnknownArgumentType]
    return [str(step).strip() for step in value]  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]

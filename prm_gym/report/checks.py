"""Checks of the figures of a report."""

import math

from prm_gym.errors import OptionError


def check_share(name: str, value: float) -> None:
    """Refuse what is no share.

    Raises:
        OptionError: it does not lie in [0, 1].
    """
    if not 0.0 <= value <= 1.0:
        raise OptionError(f"{name} must lie in [0, 1], got {value}.")


def check_counts(**counts: float) -> None:
    """Refuse what can be no count and no duration.

    Raises:
        OptionError: one is negative or not finite.
    """
    for name, value in counts.items():
        if not (math.isfinite(value) and value >= 0):
            raise OptionError(f"{name} must be finite and not negative, got {value}.")

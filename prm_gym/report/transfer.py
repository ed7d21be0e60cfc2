"""Transfer: how trained agents do where the environment has other options than in training, such as a real browser in place of a text mode."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from prm_gym.errors import OptionError
from prm_gym.report.checks import check_counts, check_share
from prm_gym.report.statistics import Interval


class Transferred(msgspec.Struct, frozen=True, kw_only=True):
    """An agent on the same tasks with the options of the transfer and, once more, with those of training. Pairs of episodes, one of each, are compared.

    Attributes:
        transfer_success: mean outcome with the options of the transfer, in [0, 1]; None where nothing was measured.
        transfer_difference: that, minus the mean outcome of the same tasks with the options of training, in [-1, 1]; None with transfer_success.
        transfer_same: share of the pairs with one outcome and, step by step, the same actions, in [0, 1]; None with transfer_success. 1 where the options
            choose between twins.
        transfer_invalid: pairs with an episode that infrastructure has spoilt; they are left out of the other figures.
    """

    transfer_success: float | None = None
    transfer_difference: float | None = None
    transfer_same: float | None = None
    transfer_invalid: int = 0

    def check_transfer(self) -> None:
        """Refuse figures that cannot be.

        Raises:
            OptionError: a share outside [0, 1], a negative count, or one figure without the others.
        """
        figures = (self.transfer_success, self.transfer_difference, self.transfer_same)
        if len({figure is None for figure in figures}) != 1:
            raise OptionError(f"Success, difference and same of a transfer go together, got {figures}.")
        check_counts(transfer_invalid=self.transfer_invalid)
        for name, figure in zip(("transfer_success", "size of transfer_difference", "transfer_same"), figures, strict=True):
            if figure is not None:
                check_share(name, abs(figure) if "size" in name else figure)


@dataclass(frozen=True, slots=True)
class TransferCell:
    """The transfer of one combination, summed up over its seeds.

    Attributes:
        success: with the options of the transfer: mean over seeds with its 95% bootstrap interval, in [0, 1].
        difference: likewise, that minus the success on the same tasks with the options of training, in [-1, 1].
        same: share of the pairs that are the same step by step, mean over seeds, in [0, 1].
        invalid: spoilt pairs of all seeds.
    """

    success: Interval
    difference: Interval
    same: float
    invalid: int

    @property
    def before(self) -> float:
        """Mean success on the same tasks with the options of training, in [0, 1]."""
        return self.success.mean - self.difference.mean


def options_in_words(options: Mapping[str, Any]) -> str:
    """The options as they are written on a command line.

    >>> options_in_words({"mode": "browser", "difficulty": 3})
    'mode=browser difficulty=3'
    """
    return " ".join(f"{name}={value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}" for name, value in options.items())


def same_in_words(value: float) -> str:
    """A share rounded down, so that 100.0% is said of all alone.

    >>> same_in_words(1.0), same_in_words(0.9999)
    ('100.0%', '99.9%')
    """
    return f"{math.floor(1000.0 * value + 1e-9) / 10.0:.1f}%"

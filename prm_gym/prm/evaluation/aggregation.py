"""From the scores of steps to that of a solution.

    min, product, mean, last     as most process reward models declare one of them
    soft-min                     sum_t w_t s_t,  w = softmax(-s / 0.1)        PURE: nearly the minimum, and smooth

No aggregator is best for all models, and each can be gamed in a way of its own: product and min prefer few steps, mean and last bury a mistake under what
follows. `sum` is no score of a solution but what dense rewards add up to; it is there for the probes.

Source: Cheng et al. 2025 (PURE), section 3; the table of aggregators follows Zhang et al. 2025 (Qwen2.5-Math-PRM).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TypeAlias

from prm_gym.errors import UnknownNameError
from prm_gym.prm.evaluation.first_error import Undecided

Aggregator: TypeAlias = Callable[[Sequence[float]], float]

TEMPERATURE = 0.1
"""Of PURE's soft minimum."""


def soft_min(scores: Sequence[float]) -> float:
    """PURE's soft minimum, between the minimum and the mean.

    >>> round(soft_min([0.9, 0.1]), 3), soft_min([0.5, 0.5])
    (0.1, 0.5)
    """
    lowest = min(scores)
    weights = [math.exp((lowest - score) / TEMPERATURE) for score in scores]
    return math.fsum(weight * score for weight, score in zip(weights, scores, strict=True)) / math.fsum(weights)


def _mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores)


AGGREGATORS: Mapping[str, Aggregator] = MappingProxyType(
    {"min": min, "product": math.prod, "mean": _mean, "last": lambda scores: scores[-1], "soft-min": soft_min}
)
"""Those of solutions, in [0, 1] for scores in [0, 1]."""

RETURNS: Mapping[str, Aggregator] = MappingProxyType({**AGGREGATORS, "sum": math.fsum})
"""Likewise, and what dense rewards add up to."""


def aggregate(scores: Sequence[float | None], aggregator: str, undecided: Undecided = "miss") -> float | None:
    """The score of a solution; None for one without steps, and where it cannot be told.

    >>> aggregate([0.5, 0.4], "product"), aggregate([0.5, None], "min"), aggregate([0.5, None], "min", undecided="right")
    (0.2, None, 0.5)

    Args:
        scores: [T] of its steps; None where the verifier cannot tell.
        aggregator: a name of `RETURNS`.
        undecided: "miss": one step without a score leaves the solution without; "right": such steps are passed over.

    Raises:
        UnknownNameError: no such aggregator.
    """
    if aggregator not in RETURNS:
        raise UnknownNameError("aggregator", aggregator, RETURNS)
    known = [score for score in scores if score is not None]
    if not known or (undecided == "miss" and len(known) < len(scores)):
        return None
    return RETURNS[aggregator](known)

"""From the scores of steps to that of a solution.

    min, product, mean, last     as most process reward models declare one of them
    soft-min                     sum_t w_t s_t,  w = softmax(-s / 0.1)        PURE: nearly the minimum, and smooth

No aggregation is best for all models, and each can be gamed in a way of its own: product and min prefer few steps, mean and last bury a mistake under what
follows. Two more are no scores of solutions: `sum` is what dense rewards add up to; `sum-log` orders as the product does where that is too small for a float.

Source: Cheng et al. 2025 (PURE), section 3; the table of aggregations follows Zhang et al. 2025 (Qwen2.5-Math-PRM).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, TypeAlias, get_args

from prm_gym.errors import OptionError, UnknownNameError

Aggregation: TypeAlias = Literal["min", "product", "mean", "last", "soft-min"]
Aggregator: TypeAlias = Callable[[Sequence[float]], float]

Undecided: TypeAlias = Literal["miss", "right"]
"""What a step without a score comes to. "miss": nothing can be told of the solution from there on, which counts as a miss. "right": it is passed over, as
befits a verifier that refutes some steps and is silent about the others; a model that fails is then paid for its silence on right solutions."""

TEMPERATURE = 0.1
"""Of PURE's soft minimum."""
LEAST = 1e-12
"""What `sum-log` takes a smaller score for."""


def soft_min(scores: Sequence[float], temperature: float = TEMPERATURE) -> float:
    """PURE's soft minimum: the mean of the scores, each weighted by how low it is; between the minimum and the mean.

    >>> round(soft_min([0.9, 0.1]), 3), soft_min([0.5, 0.5])
    (0.1, 0.5)
    """
    lowest = min(scores)
    weights = [math.exp((lowest - score) / temperature) for score in scores]
    return math.fsum(weight * score for weight, score in zip(weights, scores, strict=True)) / math.fsum(weights)


def _mean(scores: Sequence[float]) -> float:
    return math.fsum(scores) / len(scores)


def _sum_log(scores: Sequence[float]) -> float:
    return math.fsum(math.log(max(score, LEAST)) for score in scores)


AGGREGATORS: Mapping[Aggregation, Aggregator] = MappingProxyType(
    {"min": min, "product": math.prod, "mean": _mean, "last": lambda scores: scores[-1], "soft-min": soft_min}
)
"""Those of solutions, in [0, 1] for scores in [0, 1]."""

RETURNS: Mapping[str, Aggregator] = MappingProxyType({**AGGREGATORS, "sum": math.fsum})
"""Likewise, and what dense rewards add up to."""

_KNOWN: Mapping[str, Aggregator] = MappingProxyType({**RETURNS, "sum-log": _sum_log})


def check_undecided(undecided: str) -> None:
    """Raise unless it is one of the ways.

    Raises:
        OptionError: it is none.
    """
    if undecided not in get_args(Undecided):
        raise OptionError(f"undecided is one of {', '.join(get_args(Undecided))}, got {undecided!r}")


def aggregate(scores: Sequence[float | None], how: str, undecided: Undecided = "miss") -> float | None:
    """The score of a solution; None for one without steps, and where a score that it needs is not there.

    >>> aggregate([0.5, 0.4], "product"), aggregate([0.5, None], "min"), aggregate([0.5, None], "min", undecided="right")
    (0.2, None, 0.5)

    Args:
        scores: [T] of its steps, in time order; None where the verifier cannot tell.
        how: a name of `RETURNS`, or "sum-log".
        undecided: "miss": one needed step without a score leaves the solution without; "right": such steps are passed over.

    Raises:
        UnknownNameError: no such aggregation.
        OptionError: no such way with steps without a score.
    """
    check_undecided(undecided)
    if how not in _KNOWN:
        raise UnknownNameError("aggregation of step scores", how, _KNOWN)
    needed = scores[-1:] if how == "last" and undecided == "miss" else scores
    known = [score for score in needed if score is not None]
    if not known or (undecided == "miss" and len(known) < len(needed)):
        return None
    return _KNOWN[how](known)

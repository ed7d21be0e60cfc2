"""From the scores of steps to that of a solution."""

import math
from collections.abc import Sequence

from prm_gym.errors import OptionError
from prm_gym.prm.family import Aggregation

AGGREGATIONS: tuple[Aggregation, ...] = ("min", "product", "mean", "last")


def aggregated(scores: Sequence[float | None], how: Aggregation) -> float | None:
    """The score of a solution, in [0, 1]; None where a score that it needs is None, and of no steps.

    >>> aggregated([0.5, 0.5, 1.0], "product")
    0.25

    Args:
        scores: of its steps, in time order.
        how: "min", "product", "mean" or "last".

    Raises:
        OptionError: there is no such aggregation.
    """
    if how not in AGGREGATIONS:
        raise OptionError(f"aggregation is one of {', '.join(AGGREGATIONS)}, got {how!r}")
    if how == "last":
        return scores[-1] if scores else None
    known = [score for score in scores if score is not None]
    if not scores or len(known) < len(scores):
        return None
    return min(known) if how == "min" else math.prod(known) if how == "product" else math.fsum(known) / len(known)

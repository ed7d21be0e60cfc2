"""Length bias: whether scores follow the number of steps.

    bias of selection = mean steps of the best of n - mean steps of the pool
    correlation       = Spearman's, of the score of a solution and its number of steps

The correlation over all solutions mixes two things, for wrong solutions may simply be longer: it is given within right and within wrong ones as well.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from prm_gym.prm.evaluation.bootstrap import FloatArray


class LengthBias(msgspec.Struct, frozen=True):
    """Correlations of score and length.

    Attributes:
        solutions: with a score.
        overall: Spearman's correlation, in [-1, 1]; None where there are too few solutions, or all have one length or one score.
        among_right: within solutions whose final answer is right.
        among_wrong: within the others.
    """

    solutions: int
    overall: float | None
    among_right: float | None
    among_wrong: float | None


def length_bias(scores: Sequence[float | None], lengths: Sequence[int], right: Sequence[bool | None]) -> LengthBias:
    """Correlations of the scores of solutions and their lengths.

    Args:
        scores: [N] of solutions; None where they have none.
        lengths: [N] steps of each.
        right: [N] whether the final answer is right; None where that is not known.
    """
    rows = [(score, length, ok) for score, length, ok in zip(scores, lengths, right, strict=True) if score is not None]
    groups = [rows, [row for row in rows if row[2] is True], [row for row in rows if row[2] is False]]
    found = [spearman([row[0] for row in group], [float(row[1]) for row in group]) for group in groups]
    return LengthBias(len(rows), found[0], found[1], found[2])


def spearman(one: Sequence[float], other: Sequence[float]) -> float | None:
    """Spearman's rank correlation, equal values having their mean rank; None for fewer than three pairs or a constant.

    >>> spearman([1, 2, 3], [10, 30, 20])
    0.5
    """
    if len(one) < 3:
        return None
    x, y = (_centred_ranks(np.asarray(values, dtype=np.float64)) for values in (one, other))
    scale = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / scale if scale else None


def _centred_ranks(values: FloatArray) -> FloatArray:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return ranks - ranks.mean()

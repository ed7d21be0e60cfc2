"""How far a figure can be trusted: bootstrap intervals over problems.

Steps of one solution, and solutions of one problem, are not independent: what is resampled is the problem, with all that belongs to it.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from prm_gym.errors import OptionError
from prm_gym.report.statistics import Interval

FloatArray: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]

RESAMPLES = 2000
CHUNK = 200
FEWEST_DEFINED = 0.95


def sums_interval(groups: Sequence[str], counts: FloatArray, value: Callable[[FloatArray], FloatArray], seed: int = 0, resamples: int = RESAMPLES) -> Interval:
    """A figure that is a function of sums over items, with its 95% percentile bootstrap interval over groups.

        total_r = sum_g w_rg * (sum of the counts of the items of g),   w_r ~ Multinomial(G, 1/G),   r = 1..resamples

    Args:
        groups: [N] which problem an item belongs to.
        counts: [N, K] float64: what is summed.
        value: from sums [..., K] to figures [...]; nan where a figure is not defined.
        seed: of the resampling.
        resamples: how many.

    Returns:
        The figure over all items; without ends, and with the reason, for one group and where the figure is not defined on many resamples.

    Raises:
        OptionError: there is no item, or the shapes do not fit.
    """
    if counts.ndim != 2 or len(counts) != len(groups) or not len(groups):
        raise OptionError(f"counts are [N, K] for N groups, at least one; got {counts.shape} and {len(groups)}")
    index = group_index(groups)
    size = int(index.max()) + 1
    summed = np.zeros((size, counts.shape[1]))
    np.add.at(summed, index, counts)
    point = float(value(summed.sum(axis=0)))
    if size == 1:
        return Interval(point, None, None, 1, reason="one problem")
    rng = np.random.default_rng(seed)
    found: list[FloatArray] = []
    for start in range(0, resamples, CHUNK):
        weights = rng.multinomial(size, np.full(size, 1.0 / size), size=min(CHUNK, resamples - start))
        found.append(np.asarray(value(weights @ summed), dtype=np.float64))
    return _interval(point, np.concatenate(found), size)


def weights_interval(groups: Sequence[str], value: Callable[[FloatArray], float], seed: int = 0, resamples: int = 200) -> Interval:
    """Likewise for a figure that is a function of weights of the items.

    Args:
        groups: [N] which problem an item belongs to.
        value: from weights [N] float64 to the figure; nan where it is not defined.
        seed: of the resampling.
        resamples: how many; each calls `value`.
    """
    if not len(groups):
        raise OptionError("an interval needs at least one item")
    index = group_index(groups)
    size = int(index.max()) + 1
    point = value(np.ones(len(index)))
    if size == 1:
        return Interval(point, None, None, 1, reason="one problem")
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(size, np.full(size, 1.0 / size), size=resamples).astype(np.float64)
    return _interval(point, np.array([value(weights[index]) for weights in drawn]), size)


def ratio_of_sums(sums: FloatArray) -> FloatArray:
    """The first sum [..., 0] over the second [..., 1]; nan or inf where that is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return sums[..., 0] / sums[..., 1]


def group_index(groups: Sequence[str]) -> IntArray:
    """[N] int64: the number of the group of every item, in order of their first appearance."""
    known: dict[str, int] = {}
    return np.array([known.setdefault(group, len(known)) for group in groups], dtype=np.int64)


def _interval(point: float, found: FloatArray, size: int) -> Interval:
    if not np.isfinite(point):
        return Interval(point, None, None, size, reason="not defined")
    defined = found[np.isfinite(found)]
    if len(defined) < FEWEST_DEFINED * len(found):
        return Interval(point, None, None, size, reason="not defined on many resamples")
    low, high = np.quantile(defined, [0.025, 0.975])
    return Interval(point, float(low), float(high), size)

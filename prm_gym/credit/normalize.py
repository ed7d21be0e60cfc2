"""Centring and scaling of values within their groups."""

from typing import Literal, TypeAlias, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.grouping import Grouping, group_first, group_maxima, group_sums
from prm_gym.credit.options import require_between, require_choice

Centre: TypeAlias = Literal["mean", "leave_one_out", "none"]
Scale: TypeAlias = Literal["none", "std"]
Singleton: TypeAlias = Literal["zero", "raw"]

NOISE = 1e-12
"""Deviations below this share of the group's largest magnitude are rounding, not signal: summing a thousand float64 leaves about 1e-13."""


def deviations(values: FloatArray, groups: Grouping) -> FloatArray:
    """Each value minus the mean of its group; exactly 0.0 throughout a group whose values are all equal. O(N).

    Equal means equal up to `NOISE`. Without this rule seven rewards of 0.7 leave a deviation of 1e-16, and division by a standard deviation
    of the same size makes an advantage of order one out of nothing.

    Args:
        values: [N] float64.
        groups: of the N rows.

    Returns:
        [N] float64.
    """
    values = np.asarray(values, dtype=np.float64)  # lengths and flags of a plug-in are integers and booleans
    # Measured from the group's first value: adding up a million equal values would err by more than `NOISE`.
    centred = group_first(values, groups).take(groups.codes)
    np.subtract(values, centred, out=centred)
    scratch = (group_sums(centred, groups) / groups.sizes).take(groups.codes)
    centred -= scratch
    # A group without any spread is 0 already, and one whose spread is no rounding of the largest value of all is none of its own. A spread is the size of one
    # of the deviations, so that the extremes of the groups are looked for only where one of those is so small.
    noise = NOISE * max(values.max(initial=0.0), -values.min(initial=0.0))
    sizes = np.abs(centred, out=scratch)
    if _within(sizes, noise):
        spreads = group_maxima(sizes, groups)
        if _within(spreads, noise):
            equal = spreads <= NOISE * group_maxima(np.abs(values), groups)
            centred[equal[groups.codes]] = 0.0
    return centred


def _within(sizes: FloatArray, limit: float) -> bool:
    """Whether one of them is in (0, limit]."""
    return bool(((sizes > 0.0) & (sizes <= limit)).any())


def group_stds(centred: FloatArray, groups: Grouping, ddof: int = 1) -> FloatArray:
    """[count] float64, standard deviation in each group, from values that are centred already; 0 for a group of one. O(N).

        std = sqrt(sum (x - mean)**2 / (n - ddof))

    Args:
        centred: [N] float64, from `deviations`; squaring before centring would cancel.
        groups: of the N rows.
        ddof: 1 as torch.std has it, 0 for the standard deviation of the population.
    """
    return np.sqrt(group_sums(centred * centred, groups) / np.maximum(groups.sizes - ddof, 1))


def whitened(values: FloatArray) -> FloatArray:
    """The values of a batch, centred and divided by their standard deviation; all 0.0 where they are all equal, or one alone. O(N).

        y = (x - mean) / sqrt(var + 1e-8),    var with ddof 1

    Args:
        values: [N] float64; every one counts once, so long trajectories count for more.

    Source: PPO as verl and VL-DAC have it, with the constant inside the root.
    """
    if values.size == 0:
        return values.copy()
    everything = Grouping(np.zeros(values.size, dtype=np.int64), 1)
    centred = deviations(values, everything)
    return centred / np.sqrt(group_stds(centred, everything) ** 2 + 1e-8)[0]


def normalized(
    values: FloatArray,
    groups: Grouping,
    *,
    centre: Centre = "mean",
    scale: Scale = "none",
    ddof: int = 1,
    eps: float = 1e-6,
    singleton: Singleton = "zero",
) -> FloatArray:
    """The values, centred and scaled within their groups. O(N).

        y = (x - b) / (std + eps)

        centre "mean":           b = mean of the group
        centre "leave_one_out":  b = mean of the other members, so that x - b = n/(n-1) * (x - mean)
        centre "none":           b = 0
        scale "none":            no division

    The values of a group that are all equal come out of both centres as exactly 0.0.

    Args:
        values: [N] float64.
        groups: of the N rows.
        centre: which baseline is subtracted.
        scale: whether to divide by the group's standard deviation. Where that is 0 or undefined (one member) it counts as 1.
        ddof: 1 as torch.std has it, 0 for the standard deviation of the population.
        eps: added to the standard deviation, outside the root.
        singleton: what a group of one gets in place of a difference from a baseline that it cannot have: "zero" (no signal) or "raw" (b = 0,
            plain REINFORCE). Without a centre there is nothing to replace.

    Returns:
        [N] float64.

    Raises:
        OptionError: an option is none of its choices.
    """
    require_choice("centre", centre, get_args(Centre))
    require_choice("scale", scale, get_args(Scale))
    require_choice("singleton", singleton, get_args(Singleton))
    require_between("eps", eps, 0.0, np.inf)
    sizes = groups.sizes
    centred = deviations(values, groups)
    std = group_stds(centred, groups, ddof) if scale == "std" else None
    if centre == "none":
        result = np.array(values, dtype=np.float64)
    else:
        result = centred
        if centre == "leave_one_out":
            result *= (sizes / np.maximum(sizes - 1, 1)).take(groups.codes)
        alone = sizes == 1
        if singleton == "raw" and alone.any():
            result = np.where(alone.take(groups.codes), values, result)
    if std is not None:
        result /= (np.where(std > 0.0, std, 1.0) + eps).take(groups.codes)
    return result

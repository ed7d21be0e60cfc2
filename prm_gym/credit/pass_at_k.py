"""Pass@k: credit for what an attempt adds to the best of k."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.grouping import Grouping, factorise, group_maxima, group_sums
from prm_gym.credit.normalize import Scale, deviations, group_stds
from prm_gym.credit.options import require_between, require_choice
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, linear_recurrence, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import OptionError

Baseline = Literal["leave_one_out", "group"]


@assigner()
def pass_at_k(
    batch: StepBatch, *, k: int | None = None, baseline: Baseline = "leave_one_out", scale: Scale = "std", eps: float = 1e-6, ddof: int = 1
) -> Credit:
    """What the trajectory adds to the best of k attempts, on each of its steps.

        "leave_one_out":  A_i = mean over S with i in S of [max_S R - max_{S without i} R]
        "group":          A_i = mean over S with i in S of max_S R  -  mean over all S of max_S R

    S runs over the sets of k of the n trajectories of the group; both are exact, from the sorted rewards and binomial coefficients, without enumeration. Where
    n is k, "leave_one_out" gives the best attempt its lead over the second, and the others 0 (and two that share the first place 0 too): pass@k as verl has it,
    and the default. Neither depends on the sign or the zero of the rewards. With rewards 0 and 1, max_S R is whether one of k passes.

    With scale "std" A is divided by std + eps: that of the n rewards (ddof as given) for "leave_one_out"; that of max_S R over all S for "group". Where it is 0
    it counts as 1.

    A group of fewer than k (for "leave_one_out" than 2) has no best of k: its steps get 0 and keep False. verl raises there.

    Args:
        batch: N steps; no columns needed.
        k: attempts of which the best counts, from 2 ("leave_one_out") or 1 ("group", where k = 1 is GRPO with ddof 0); None for all of the group, which "group"
            cannot tell apart.
        baseline: see above.
        scale: "std" or "none".
        eps: added to the standard deviation, outside the root.
        ddof: of the standard deviation of the rewards.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories, and `too_small_share`, share in [0, 1] of the trajectories
        in groups that are too small.

    Raises:
        OptionError: k is too small or missing, or another option is impossible.

    Source: "leave_one_out": verl (commit b178a3cd), `grpo_passk`, after Tang et al. (2025), arXiv 2503.19595, where n is k; for k below n the estimator of
    Walder and Karkhanis (2025), arXiv 2505.15201. "group": Chen et al. (2025), arXiv 2508.10751, extended from rewards 0 and 1 to any. Confidence: medium. The
    default is verl's; the two for k below n are derived here from the papers' definitions, and tested by enumeration, not compared with the authors' code.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([1, 0.25, 0], [0, 1, 2, 3], ["task"] * 3, [1, 0, 0], [False] * 3)
    >>> pass_at_k(batch, scale="none").advantages.tolist()
    [0.75, 0.0, 0.0]
    """
    require_choice("baseline", baseline, get_args(Baseline))
    require_choice("scale", scale, get_args(Scale))
    require_between("eps", eps, 0.0, np.inf)
    least = 2 if baseline == "leave_one_out" else 1
    if k is None and baseline == "group":
        raise OptionError("baseline='group' needs k: of all n attempts the best is the same whoever is in the set.")
    if k is not None and k < least:
        raise OptionError(f"k must be {least} or more with baseline={baseline!r}, got {k!r}.")
    totals = trajectory_returns(batch.rewards, batch.offsets)
    tasks = batch.tasks
    large = (tasks.sizes >= (least if k is None else k))[tasks.codes]
    found = np.zeros(totals.size)
    members = factorise(tasks.codes[large])
    found[large] = _contributions(totals[large], members, k, baseline, scale, eps, ddof)
    owner = batch.trajectory_of_step
    return Credit(
        advantages=found[owner],
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=large[owner],
        diagnostics=group_diagnostics(tasks, found) | {"too_small_share": float(1.0 - large.mean()) if large.size else 0.0},
    )


def _contributions(values: FloatArray, groups: Grouping, k: int | None, baseline: Baseline, scale: Scale, eps: float, ddof: int) -> FloatArray:
    """[N] float64, A of each of the N attempts; every group has k or more.

    The attempts of a group are sorted, r_1 <= ... <= r_n, and everything is a sum over the gaps d_m = r_{m+1} - r_m >= 0, so that ties are exact. With
    F_m = C(m, k) / C(n, k), the chance that no member of S ranks above m:

        leave one out:  A_i = sum_{m < i} d_m C(m, k-1) / C(n-1, k-1)       a gap counts where i is above it and the k - 1 others are not
        group:          A_i = sum_m d_m F_m - sum_{m >= i} d_m F_m n / m    since P(none above m | i in S) = F_m n / m for i <= m, else 0
    """
    centred = deviations(values, groups)
    order = np.lexsort((centred, groups.codes))
    ranked, within = centred[order], Grouping(groups.codes[order], groups.count)
    size, codes = within.sizes[within.codes], within.codes
    rank = np.arange(codes.size) - (np.cumsum(within.sizes) - within.sizes)[codes] + 1
    last = rank == size
    gaps = np.where(last, 0.0, np.append(ranked[1:], 0.0) - ranked)
    result = np.empty(codes.size)
    if baseline == "leave_one_out":
        terms = gaps * _chances(rank, size - 1, None if k is None else k - 1)
        below = np.where(rank == 1, 0.0, np.append(0.0, terms[:-1]))
        result[order] = linear_recurrence(below[::-1], (rank > 1)[::-1].astype(np.float64))[::-1]
        std = group_stds(centred, groups, ddof)
    else:
        chances = _chances(rank, size, k)
        above = linear_recurrence(gaps * chances * size / rank, (~last).astype(np.float64))
        result[order] = group_sums(gaps * chances, within)[codes] - above
        std = _std_of_best(ranked, chances - _chances(rank - 1, size, k), within)
    return result / (np.where(std > 0.0, std, 1.0) + eps)[groups.codes] if scale == "std" else result


def _chances(ranks: IntArray, sizes: IntArray, drawn: int | None) -> FloatArray:
    """[N] float64, C(m, k) / C(n, k): the chance that none of k drawn from n ranks above m. k is `drawn`, or n where that is None; m above n counts as n."""
    distinct = np.unique(sizes)
    # One table of m = 0 to n for each n, from the top: F_n = 1, F_{m-1} = F_m (m - k) / m.
    tables: list[FloatArray] = []
    for n in distinct.tolist():
        m = np.arange(n, 0, -1, dtype=np.float64)
        shrink: FloatArray = np.maximum(m - (n if drawn is None else drawn), 0.0) / m
        tables.append(np.cumprod(np.concatenate([np.ones(1), shrink]), dtype=np.float64)[::-1])
    starts = np.cumsum([0, *(table.size for table in tables)])
    return np.concatenate([*tables, np.zeros(0)])[starts[np.searchsorted(distinct, sizes)] + np.minimum(ranks, sizes)]


def _std_of_best(ranked: FloatArray, chances: FloatArray, groups: Grouping) -> FloatArray:
    """[count] float64, standard deviation over all S of max_S R, where `chances` are those of each attempt to be the best."""
    below_top = ranked - group_maxima(ranked, groups)[groups.codes]
    mean = group_sums(chances * below_top, groups)
    return np.sqrt(group_sums(chances * np.square(below_top - mean[groups.codes]), groups))

"""HGPO: visits to a state compared by how much of the way to it they share."""

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.episode_term import Normalize, episode_advantages, scale_of
from prm_gym.credit.grouping import Grouping, group_maxima
from prm_gym.credit.keys import by_state, with_history
from prm_gym.credit.normalize import NOISE, Scale, deviations, normalized
from prm_gym.credit.options import require_between, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch


@assigner(needs=("state_key",))
def hgpo(
    batch: StepBatch,
    *,
    gamma: float = 0.95,
    history_length: int = 2,
    alpha: float = 1.0,
    normalize: Normalize = "mean_std",
    base_group: bool = False,
    eps: float = 1e-6,
) -> Credit:
    """Weighted mean of group-relative advantages among steps that share the last 1, 2, ... states, the longer shares weighing more.

        A_{i,t} = sum_k w_k a_{i,t,k} / (sum_k w_k + eps),    w_k = (k + 1)**alpha,    over the levels k with a_{i,t,k} != 0
        a_{i,t,k} = (G_{i,t} - mean G) / F over the steps of the task with the same last k states, the current one included,    k = 1 .. history_length + 1

    A level counts for a step that has k states behind it (t >= k - 1) and shares them with another step; a step without any gets 0. F is 1 ("mean") or the
    standard deviation with ddof 0, plus eps ("mean_std"). With base_group the episode term of GiGPO (per row) is one more level, k = 0, of weight 1.

    The condition a != 0 makes the weights jump where an advantage is exactly 0; deviations that are rounding count as 0 here, so that rounding does not decide.

    Args:
        batch: N steps with the column `state_key`.
        gamma: discount, in [0, 1].
        history_length: K, states before the current one that may have to agree, from 0; the authors use 2 and 4.
        alpha: from 0 (all levels weigh the same) on.
        normalize: "mean_std" (the authors' default) or "mean".
        base_group: whether the trajectory's own advantage is a level too.
        eps: added to standard deviations and to the sum of the weights.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over steps and for the level k with the prefix `level_k_`.

    Source: HGPO (2026), arXiv 2602.22817, ICLR 2026; verl-agent, `recipe/hgpo/core_hgpo.py`, for the weights, whose k begins with 1 (2, 3, 4 with alpha = 1;
    notes on the paper begin with 0), ddof and the condition. Confidence: high for the code.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([1, 0], [0, 1, 2], ["task", "task"], [1, 0], [False, False], {"state_key": ["s", "s"]})
    >>> hgpo(batch, eps=0.0).advantages.tolist()
    [1.0, -1.0]
    """
    require_between("alpha", alpha, 0.0, np.inf)
    require_finite("alpha", alpha)
    scale = scale_of(normalize)
    states, returns = by_state(batch), discounted_returns(batch.rewards, batch.offsets, gamma)
    sizes = discounted_returns(np.abs(batch.rewards), batch.offsets, gamma)
    total, weights = np.zeros(returns.size), np.zeros(returns.size)
    diagnostics: dict[str, float] = {}
    if base_group:
        tasks = batch.tasks
        base = episode_advantages(batch, tasks, scale=scale, baseline="per_row", eps=eps)
        total = _beyond_rounding(base, batch, tasks)
        weights = (total != 0.0).astype(np.float64)
    with_history(states, batch, history_length)  # refuses a negative length
    for level in _levels(history_length, batch):
        groups = with_history(states, batch, level - 1)
        advantages = _level(returns, sizes, groups, batch.time_of_step >= level - 1, scale, eps)
        weight = (level + 1.0) ** alpha * (advantages != 0.0)
        total, weights = total + weight * advantages, weights + weight
        diagnostics |= group_diagnostics(groups, advantages, prefix=f"level_{level}_")
    return Credit(
        advantages=total / np.where(weights > 0.0, weights + eps, 1.0),
        returns=returns,
        keep=np.ones(returns.size, dtype=np.bool_),
        diagnostics=diagnostics,
    )


def _beyond_rounding(base: FloatArray, batch: StepBatch, tasks: Grouping) -> FloatArray:
    """[N] float64, the episode term with 0 for a trajectory that is off the mean of its task by no more than rounding; one alone keeps its reward."""
    rows = tasks.rows(batch.trajectory_of_step)
    totals, sizes = (trajectory_returns(rewards, batch.offsets)[batch.trajectory_of_step] for rewards in (batch.rewards, np.abs(batch.rewards)))
    rounding = np.abs(deviations(totals, rows)) <= NOISE * group_maxima(sizes, rows)[rows.codes]
    return np.where(rounding & (rows.sizes > 1)[rows.codes], 0.0, base)


def _levels(history_length: int, batch: StepBatch) -> range:
    """1 to history_length + 1, as far as any trajectory reaches."""
    return range(1, min(history_length + 1, int(batch.lengths.max(initial=1))) + 1)


def _level(returns: FloatArray, sizes: FloatArray, groups: Grouping, eligible: BoolArray, scale: Scale, eps: float) -> FloatArray:
    """[N] float64, group-relative advantages; 0 for a step without the history, alone in its group, or off its mean by no more than rounding.

    `sizes` are the returns of the rewards' magnitudes: where rewards cancel, rounding is as large as they were, not as what is left of them.
    """
    rounding = np.abs(deviations(returns, groups)) <= NOISE * group_maxima(sizes, groups)[groups.codes]
    return np.where(rounding | ~eligible, 0.0, normalized(returns, groups, scale=scale, ddof=0, eps=eps))

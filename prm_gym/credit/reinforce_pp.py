"""REINFORCE++: returns, whitened over the whole batch instead of within groups."""

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.normalize import Singleton, normalized, whitened
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch


@assigner()
def reinforce_pp(batch: StepBatch, *, gamma: float = 1.0) -> Credit:
    """Return-to-go of the step, centred and scaled over all steps of the batch.

        A_{i,t} = (G_{i,t} - mean G) / sqrt(var G + 1e-8),    G_t = r_t + gamma * G_{t+1}

    mean and variance (ddof 1) over the N steps, so a long trajectory counts for more. A batch whose returns are all equal, or of one step, gets exactly 0
    (verl refuses one step). Groups play no part.

    Args:
        batch: N steps; no columns needed.
        gamma: discount, in [0, 1].

    Returns:
        advantages [N] float64, per step; returns G.

    Source: Hu et al. (2025), arXiv 2501.03262; verl (commit b178a3cd), `reinforce_plus_plus`. Its penalty for leaving the reference policy belongs to the
    rewards or the loss. Confidence: high.

    >>> from prm_gym.credit import StepBatch
    >>> reinforce_pp(StepBatch([1, 0], [0, 1, 2], ["a", "b"], [1, 0], [False, False])).advantages.round(6).tolist()
    [0.707107, -0.707107]
    """
    returns = discounted_returns(batch.rewards, batch.offsets, gamma)
    return Credit(whitened(returns), returns, np.ones(returns.size, dtype=np.bool_), {})


@assigner()
def reinforce_pp_baseline(batch: StepBatch, *, singleton: Singleton = "raw") -> Credit:
    """The trajectory's reward minus the mean of its group, centred and scaled over all steps of the batch.

        A_{i,t} = (D_i - mean D) / sqrt(var D + 1e-8),    D_i = R_i - mean_j R_j,    R_i = sum_t r_{i,t}

    mean_j over the trajectories of the group; mean D and var D (ddof 1) over the N steps of the batch.

    Args:
        batch: N steps; no columns needed.
        singleton: D of a trajectory that is alone in its group: "raw", R_i; "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories and of D.

    Source: as `reinforce_pp`; verl (commit b178a3cd), `reinforce_plus_plus_baseline`, also for a group of one. Confidence: high.
    """
    tasks = batch.tasks
    centred = normalized(trajectory_returns(batch.rewards, batch.offsets), tasks, singleton=singleton)
    return Credit(
        advantages=whitened(centred[batch.trajectory_of_step]),
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(batch.rewards.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, centred),
    )

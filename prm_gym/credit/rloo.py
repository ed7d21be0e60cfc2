"""RLOO: the trajectory's return against the mean of the other attempts at the task."""

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.normalize import Singleton, normalized
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch


@assigner()
def rloo(batch: StepBatch, *, singleton: Singleton = "raw") -> Credit:
    """The trajectory's reward minus the mean of the others in its group, on each of its steps.

        A_{i,t} = R_i - mean_{j != i} R_j = n/(n-1) * (R_i - mean_j R_j),    R_i = sum_t r_{i,t}

    over the n trajectories of the group; every trajectory counts once, whatever its length.

    Args:
        batch: N steps; no columns needed.
        singleton: advantage of a trajectory that is alone in its group: "raw", R_i; "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories.

    Source: Ahmadian et al. (2024), arXiv 2402.14740; verl, `rloo`, for a group of one (its vectorised variant gives 0 there). Confidence: high.
    """
    totals = trajectory_returns(batch.rewards, batch.offsets)
    tasks = batch.tasks
    advantages = normalized(totals, tasks, centre="leave_one_out", singleton=singleton)
    return Credit(
        advantages=advantages[batch.trajectory_of_step],
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(batch.rewards.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, advantages),
    )

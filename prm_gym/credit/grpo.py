"""GRPO and Dr. GRPO: the trajectory's return against the mean of its group."""

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.normalize import Scale, Singleton, normalized
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch


@assigner()
def grpo(batch: StepBatch, *, eps: float = 1e-6, ddof: int = 1, singleton: Singleton = "raw") -> Credit:
    """The trajectory's reward, centred and scaled within its group, on each of its steps.

        A_{i,t} = (R_i - mean_j R_j) / (std_j R_j + eps),    R_i = sum_t r_{i,t}

    over the trajectories of the group; every trajectory counts once, whatever its length. A group whose rewards are all equal gets exactly 0.

    Args:
        batch: N steps; no columns needed.
        eps: added to the standard deviation, outside the root.
        ddof: of the standard deviation; 1 as torch.std has it.
        singleton: advantage of a trajectory that is alone in its group: "raw", R_i / (1 + eps); "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories.

    Source: Shao et al. (2024), arXiv 2402.03300, outcome supervision; verl, `grpo`, for ddof, eps and a group of one. Confidence: high. The
    paper's length factor belongs to the loss.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False])
    >>> grpo(batch, eps=0.0, ddof=0).advantages.tolist()
    [1.0, 1.0, -1.0]
    """
    return _group_relative(batch, scale="std", eps=eps, ddof=ddof, singleton=singleton)


@assigner()
def dr_grpo(batch: StepBatch, *, singleton: Singleton = "raw") -> Credit:
    """The trajectory's reward minus the mean of its group, on each of its steps.

        A_{i,t} = R_i - mean_j R_j,    R_i = sum_t r_{i,t}

    GRPO without the division, which favours tasks that are nearly always or nearly never solved.

    Args:
        batch: N steps; no columns needed.
        singleton: advantage of a trajectory that is alone in its group: "raw", R_i; "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories.

    Source: Liu et al. (2025), arXiv 2503.20783. Confidence: high. Its other change, dropping the length factor, belongs to the loss.
    """
    return _group_relative(batch, scale="none", eps=0.0, ddof=1, singleton=singleton)


def _group_relative(batch: StepBatch, *, scale: Scale, eps: float, ddof: int, singleton: Singleton) -> Credit:
    totals = trajectory_returns(batch.rewards, batch.offsets)
    tasks = batch.tasks
    advantages = normalized(totals, tasks, scale=scale, eps=eps, ddof=ddof, singleton=singleton)
    return Credit(
        advantages=advantages[batch.trajectory_of_step],
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(batch.rewards.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, advantages),
    )

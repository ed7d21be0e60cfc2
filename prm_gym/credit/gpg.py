"""GPG: the group's mean as baseline, stretched for the attempts that teach nothing."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.normalize import Singleton, deviations, normalized
from prm_gym.credit.options import require_above, require_choice, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch

Counted = Literal["nonzero_rewards", "informative"]


@assigner()
def gpg(batch: StepBatch, *, counted: Counted = "nonzero_rewards", f_norm: float = 1.0, singleton: Singleton = "raw") -> Credit:
    """The trajectory's reward minus the mean of its group, times the batch's size over the number of attempts that count.

        A_{i,t} = alpha * (R_i - mean_j R_j) / f_norm,    alpha = M / max(1, m),    R_i = sum_t r_{i,t}

    M is the number of trajectories of the whole batch; m those whose reward is not 0 ("nonzero_rewards", as verl has it), or those of groups whose rewards are
    not all equal ("informative": the gradient is then a mean over the attempts that have one). alpha is one number for the batch: it scales the gradient, which
    an agent that scales advantages itself does not see.

    Args:
        batch: N steps; no columns needed.
        counted: what m counts.
        f_norm: divisor, > 0.
        singleton: advantage of a trajectory that is alone in its group: "raw", alpha R_i / f_norm; "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories, and `alpha`.

    Raises:
        OptionError: an option is none of its choices, or f_norm is not above 0.

    Source: Chu et al. (2025), arXiv 2504.02546; verl (commit b178a3cd), `gpg`, for m, f_norm and a group of one. Confidence: high for "nonzero_rewards".
    "informative" is our own count, after the paper's purpose: to correct for groups without a gradient.

    >>> from prm_gym.credit import StepBatch
    >>> gpg(StepBatch([1, 0], [0, 1, 2], ["task", "task"], [1, 0], [False, False])).advantages.tolist()
    [1.0, -1.0]
    """
    require_choice("counted", counted, get_args(Counted))
    require_above("f_norm", f_norm, 0.0)
    require_finite("f_norm", f_norm)
    totals = trajectory_returns(batch.rewards, batch.offsets)
    tasks = batch.tasks
    alpha = totals.size / max(1, int(np.count_nonzero(_counts(totals, tasks, counted))))
    advantages = alpha * normalized(totals, tasks, singleton=singleton) / f_norm
    return Credit(
        advantages=advantages[batch.trajectory_of_step],
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(batch.rewards.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, advantages) | {"alpha": alpha},
    )


def _counts(totals: FloatArray, tasks: Grouping, counted: Counted) -> FloatArray:
    """[M], not 0 for the trajectories that count."""
    if counted == "nonzero_rewards":
        return totals
    moved = np.bincount(tasks.codes[deviations(totals, tasks) != 0.0], minlength=tasks.count)
    return moved[tasks.codes].astype(np.float64)

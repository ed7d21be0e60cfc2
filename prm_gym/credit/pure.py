"""PURE: the worst step of a trajectory is what it is worth."""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.grouping import Grouping, factorise
from prm_gym.credit.normalize import normalized
from prm_gym.credit.options import require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import change, min_form_weights, prm_margins
from prm_gym.credit.stepwise import process_credit, trajectory_means


@assigner(needs=("score",))
def pure(batch: StepBatch, *, temperature: float = 0.1, process_weight: float = 1.0, outcome_weight: float = 1.0, gamma: float = 1.0) -> Credit:
    """Leave-one-out advantage of the outcome, plus that of process rewards which sum to nearly the least of their trajectory.

        r_t = 2 score_t - 1,    w_t = exp(-r_t / T) / sum_u exp(-r_u / T),    r*_t = w_t r_t
        A_{i,t} = process_weight * sum_{u >= t} gamma^(u-t) (r*_{i,u} - mean_{j != i} mean_u r*_{j,u}) + outcome_weight * (R_i - mean_{j != i} R_j)

    The sum of all r* is nearly the least r of the trajectory: the steps up to the worst one are held to account for it, those after it hardly. T -> 0 is
    that minimum exactly. A task with one attempt has no baseline, and 0 in both terms.

    Args:
        batch: N steps with the column `score`, in [0, 1]; NaN where not known: such a step has no weight and no baseline.
        temperature: T, at least 0.
        process_weight: finite.
        outcome_weight: finite.
        gamma: discount of the process rewards, in [0, 1].

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories by their outcome; `unknown_share`.

    Source: PURE (Cheng et al. 2025), arXiv 2504.15275, and its code (commit 41f9363b) for the margin p1 - p0, T = .1, and the baseline a step. Confidence:
    high. Its trainer whitens advantages afterwards, which is left out here; so is its other baseline, by tokens.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 0, 1], [0, 2, 3], ["task", "task"], [0, 1], [False, False], {"score": [1.0, 0.0, 1.0]})
    >>> pure(batch, temperature=0.0, outcome_weight=0.0).advantages.tolist()
    [-3.0, -2.0, 1.5]
    """
    require_finite("process_weight", process_weight)
    require_finite("outcome_weight", outcome_weight)
    tasks = batch.tasks
    owner = batch.trajectory_of_step
    outcome = normalized(trajectory_returns(batch.rewards, batch.offsets), tasks, centre="leave_one_out", singleton="zero")
    margins = prm_margins(batch)
    known = ~np.isnan(margins)
    rewards = min_form_weights(margins, batch.offsets, temperature) * np.where(known, margins, 0.0)
    process = discounted_returns(against_mean_of_others(np.where(known, rewards, np.nan), batch, tasks), batch.offsets, gamma)
    figures = group_diagnostics(tasks, outcome) | unknown_share(known)
    return process_credit(batch, process_weight * process + outcome_weight * outcome[owner], figures)


def against_mean_of_others(rewards: FloatArray, batch: StepBatch, tasks: Grouping) -> FloatArray:
    """[N] float64, the reward of each step less the mean, over the other attempts at the task, of their mean reward a step. O(N).

    Args:
        rewards: [N] float64; a step that is NaN counts nowhere, and gets 0, as do the steps of an attempt without others.
        batch: of the N steps.
        tasks: of the M trajectories.
    """
    means = trajectory_means(rewards, batch)
    counted = ~np.isnan(means)
    members = factorise(tasks.codes[counted])
    # n/(n-1) (m_i - mean m) = m_i - mean of the others, exactly 0 where all are equal. Without others there is no baseline.
    others = np.full(means.size, np.nan)
    alone = (members.sizes == 1)[members.codes]
    others[counted] = np.where(alone, np.nan, means[counted] - normalized(means[counted], members, centre="leave_one_out", singleton="zero"))
    return np.nan_to_num(change(rewards, others[batch.trajectory_of_step]))

"""iStar and PRIME: the outcome's advantage plus one from an implicit reward of steps.

    r_t = beta * log pi_phi(a_t|s_t) / pi_ref(a_t|s_t)

is the column `implicit_reward`, which the learned signal of that name fills:

    signal = make_signal("implicit_reward:CHECKPOINT")                             # or signal.follow(agent), to begin as the policy
    signal.fit(batch)
    batch = batch.with_columns({"implicit_reward": signal.column(batch)})

A step without one (its chain is longer than the model's context) has no part in the term that is
made of it, and gets 0 from it.
"""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.grouping import Grouping, factorise, group_means
from prm_gym.credit.normalize import Singleton, normalized, whitened
from prm_gym.credit.options import require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import change
from prm_gym.credit.stepwise import outcome_and_steps, trajectory_means


@assigner(needs=("implicit_reward",))
def istar(batch: StepBatch, *, step_weight: float = 1.0, eps: float = 1e-6, ddof: int = 1, singleton: Singleton = "raw") -> Credit:
    """Group-relative advantage of the trajectory plus that of the step's implicit reward among all steps of the task.

        A_{i,t} = A^E_i + step_weight * A^S_{i,t},    A^E_i = (R_i - mean_g R) / (std_g R + eps),    A^S_{i,t} = (r_{i,t} - mean_g r) / (std_g r + eps)

    mean_g R is over the n trajectories of the task, mean_g r over all their steps; both standard deviations with ddof 1 unless said. A task with one
    trajectory has A^E = R_i / (1 + eps) unless said, a task with one step A^S = 0. Implicit rewards are used as they are: they are not summed over the steps
    that follow.

    Args:
        batch: N steps with the column `implicit_reward`; NaN where not known.
        step_weight: of the step term, finite.
        eps: added to standard deviations, outside the root.
        ddof: of both standard deviations; 1 as torch.std has it.
        singleton: A^E of a trajectory that is alone in its task: "raw", R_i / (1 + eps); "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`: over trajectories, and over the steps whose reward is known with the prefix
        `step_`; `unknown_share`, share in [0, 1] of the others.

    Source: iStar (2025), arXiv 2509.19199. Confidence: medium; from two accounts of the paper that agree. The authors' code takes mean and n over the first
    step of each trajectory alone, which is not built here. Its implicit reward is that of the signal `implicit_reward?objective=dpo&reference=policy`; with no
    options that signal is PRIME's.
    """
    signal = batch.numbers("implicit_reward")
    return outcome_and_steps(batch, signal, step_weight=step_weight, eps=eps, ddof=ddof, singleton=singleton)


@assigner(needs=("implicit_reward",))
def prime(batch: StepBatch, *, implicit_weight: float = 1.0, outcome_weight: float = 1.0, whiten: bool = True) -> Credit:
    """Leave-one-out advantage of the outcome plus the implicit rewards still to come, each against the mean reward of the other attempts.

        A_{i,t} = outcome_weight * (R_i - mean_{j != i} R_j) + implicit_weight * sum_{u >= t} (n r_{i,u} - sum_j mean_u r_{j,u}) / (n - 1)

    over the n trajectories of the task; mean_u r_{j,u} is the mean over the steps of trajectory j, so long attempts do not outweigh short ones. Then, with
    `whiten`, A is centred over the batch and divided by its standard deviation. A task with one trajectory has no baseline, and 0 in both terms.

    Args:
        batch: N steps with the column `implicit_reward`; NaN where not known.
        implicit_weight: of the implicit rewards, finite.
        outcome_weight: of the outcome, finite.
        whiten: as in the source; a step that nothing is known of then still gets minus the mean.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories; `unknown_share`, share in [0, 1] of the steps without an
        implicit reward.

    Source: PRIME (Cui et al. 2025), arXiv 2502.01456, and its code (commit 18ad596f) for the baseline. There a step is a token, and rewards are first divided
    by their greatest sum; here a step is one of the environment, and the two weights stand instead: a reading. Confidence: medium.
    """
    require_finite("implicit_weight", implicit_weight)
    require_finite("outcome_weight", outcome_weight)
    owner = batch.trajectory_of_step
    tasks = batch.tasks
    outcome = normalized(trajectory_returns(batch.rewards, batch.offsets), tasks, centre="leave_one_out", singleton="zero")
    rewards = batch.numbers("implicit_reward")
    known = ~np.isnan(rewards)
    implicit = discounted_returns(_from_mean_of_means(rewards, batch, tasks), batch.offsets, gamma=1.0)
    advantages = outcome_weight * outcome[owner] + implicit_weight * implicit
    return Credit(
        advantages=whitened(advantages) if whiten else advantages,
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(owner.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, outcome) | unknown_share(known),
    )


def _from_mean_of_means(rewards: FloatArray, batch: StepBatch, tasks: Grouping) -> FloatArray:
    """[N] float64, n / (n - 1) times the difference of each known step's reward from the mean of the trajectories' means.

    n counts the trajectories with a known step. `pure.against_mean_of_others` is another baseline: there the step's own reward keeps its scale, and the
    means are those of the others alone.
    """
    means = trajectory_means(rewards, batch)
    counted = ~np.isnan(means)
    members = factorise(tasks.codes[counted])
    baseline, stretch = np.full(means.size, np.nan), np.zeros(means.size)
    baseline[counted] = group_means(means[counted], members)[members.codes]
    stretch[counted] = np.where(members.sizes > 1, members.sizes / np.maximum(members.sizes - 1, 1), 0.0)[members.codes]
    owner = batch.trajectory_of_step
    # n/(n-1) (r - mean m) = (n r - sum m) / (n-1), exactly 0 where all are equal.
    return np.where(np.isnan(rewards), 0.0, stretch[owner] * change(rewards, baseline[owner]))

"""What assigners over step signals share: a signal against the rest of its task where it is known, and the credit of it.

A step that nothing is known of has no part in means and standard deviations, gets 0 from the term, and is counted: the share of such steps stands in the
diagnostics as `unknown_share`.
"""

from typing import NamedTuple

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.grouping import Grouping, factorise, group_means
from prm_gym.credit.normalize import Centre, Scale, Singleton, normalized
from prm_gym.credit.options import require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch


class Relative(NamedTuple):
    """A signal against the rest of its group.

    Attributes:
        values: [N] float64; 0 where nothing is known.
        known: [N] bool.
        members: which of the known rows belong together.
    """

    values: FloatArray
    known: BoolArray
    members: Grouping


def normalized_known(
    signal: FloatArray, groups: Grouping, *, centre: Centre = "mean", scale: Scale = "none", ddof: int = 1, eps: float = 1e-6, singleton: Singleton = "zero"
) -> Relative:
    """The signal, centred and scaled within its groups as `normalized` does it, over the rows where it is known; 0 on the others.

    Args:
        signal: [N] float64; NaN where not known.
        groups: of the N rows.
        centre: see `normalized`, as for the other options.
        scale: likewise.
        ddof: likewise.
        eps: likewise.
        singleton: likewise; a row is alone when no other of its group is known.
    """
    known = ~np.isnan(signal)
    members = factorise(groups.codes[known])
    values = np.zeros_like(signal)
    values[known] = normalized(signal[known], members, centre=centre, scale=scale, ddof=ddof, eps=eps, singleton=singleton)
    return Relative(values, known, members)


def trajectory_means(signal: FloatArray, batch: StepBatch) -> FloatArray:
    """[M] float64, mean of the signal over the steps of each trajectory of which it is known, exact where these are all equal; NaN where it is on none.

    Args:
        signal: [N] float64; NaN where not known.
        batch: of N steps.
    """
    known, owner = ~np.isnan(signal), batch.trajectory_of_step
    members = factorise(owner[known])
    means = np.full(batch.lengths.size, np.nan)
    means[np.unique(owner[known])] = group_means(signal[known], members)
    return means


def outcome_and_steps(batch: StepBatch, signal: FloatArray, *, step_weight: float, eps: float, ddof: int, singleton: Singleton) -> Credit:
    """GRPO's advantage of the trajectory, plus that of a signal among all steps of the task where it is known.

        A_{i,t} = (R_i - mean_g R) / (std_g R + eps) + step_weight * (x_{i,t} - mean_g x) / (std_g x + eps)

    Args:
        batch: N steps.
        signal: [N] float64, x; NaN where not known: the second term is then 0, as it is for a step that is alone.
        step_weight: of the second term, finite.
        eps: see `normalized`.
        ddof: likewise.
        singleton: likewise, of a trajectory that is alone in its task.

    Raises:
        OptionError: the weight is not finite, or an option is none of its choices.
    """
    require_finite("step_weight", step_weight)
    tasks = batch.tasks
    owner = batch.trajectory_of_step
    episode = normalized(trajectory_returns(batch.rewards, batch.offsets), tasks, scale="std", eps=eps, ddof=ddof, singleton=singleton)
    relative = normalized_known(signal, tasks.rows(owner), scale="std", eps=eps, ddof=ddof)
    figures = group_diagnostics(relative.members, relative.values[relative.known], prefix="step_") | unknown_share(relative.known)
    return process_credit(batch, episode[owner] + step_weight * relative.values, group_diagnostics(tasks, episode) | figures)


def process_credit(batch: StepBatch, advantages: FloatArray, figures: dict[str, float]) -> Credit:
    """The credit of an assigner that keeps every step and has no discount of its own."""
    return Credit(advantages, discounted_returns(batch.rewards, batch.offsets, gamma=1.0), np.ones(batch.rewards.size, dtype=np.bool_), figures)

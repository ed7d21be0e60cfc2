"""Process rewards of whole trajectories, made of the scores of their steps."""

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.grouping import group_sums
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.stepwise import trajectory_means


def mean_scores(batch: StepBatch) -> FloatArray:
    """[M] float64, mean of the scores of a trajectory's steps that have one; NaN where none has."""
    return trajectory_means(batch.numbers("score"), batch)


def process_rewards(batch: StepBatch, among: BoolArray) -> FloatArray:
    """Rewards that sum over a trajectory to the mean of its scores: each step with a score gets its share.

        r_t = score_t / (number of steps with a score),    R = mean score

    A trajectory of which no score is known gets, on its last step, the mean R of those of its task that have one, so that it is neither favoured nor punished
    among them; 0 where none has.

    Args:
        batch: of N steps and M trajectories, with the column `score`; NaN where not known.
        among: [M] bool, the trajectories that get a process reward; the others get 0, and no part in any mean.

    Returns:
        [N] float64, per step.
    """
    scores = batch.numbers("score")
    known = ~np.isnan(scores)
    counts = trajectory_returns(known.astype(np.float64), batch.offsets)
    rewards = np.where(known & among[batch.trajectory_of_step], scores, 0.0) / np.maximum(counts, 1.0)[batch.trajectory_of_step]
    tasks = batch.tasks
    told = among & (counts > 0)
    sums = group_sums(np.where(told, trajectory_returns(rewards, batch.offsets), 0.0), tasks)
    means = sums / np.maximum(group_sums(told.astype(np.float64), tasks), 1.0)
    blind = among & (counts == 0)
    rewards[batch.offsets[1:][blind] - 1] = means[tasks.codes][blind]
    return rewards

"""Trust weights: process rewards that count for as much as they agree with the outcome, and for less as training goes on (Trust-GRPO)."""

import math
from dataclasses import replace

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.grouping import Grouping, group_maxima, group_sums
from prm_gym.credit.grpo import grpo
from prm_gym.credit.normalize import Singleton
from prm_gym.credit.options import require_above, require_at_least, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import batch_transform
from prm_gym.credit.transforms.process_rewards import process_rewards

CORRECT, ASKED = 0.5, 0.2
"""An attempt is right from this outcome on, and its process is asked for from that one on."""
SOLVED, FAILED = 0.9, 0.1
"""A task whose attempts all earn this or more, or that or less, has no process rewards: alone they would decide."""


@batch_transform(needs=("score",))
def trust_weights(batch: StepBatch, *, weight: float = 0.3, decay: float = 500.0, training_step: int = 0) -> StepBatch:
    """Adds the mean score of its steps to the reward of every attempt, weighted by how far the scores of the task can be trusted.

        R'_i = R_i + w p_i,    p_i = mean_t score_{i,t}   (0 where outcome_i < 0.2)
        w = weight * exp(-training_step / decay) * trust_g
        trust_g = exp(min(0, mean of p over the right attempts - mean of p over the others)),   1 where the task has none that is right
        trust_g = 0 where all outcomes of the task are 0.9 or more, or all are 0.1 or less

    An attempt is right with an outcome of 0.5 or more; the mean over no others counts as 0. Every step with a score gets its share of p, score_t over their
    number (see `process_rewards`, also for attempts without any score). An attempt whose outcome is not known keeps its rewards and has no part in w.

    A training run says its step itself. A loop of one's own passes it: `assign("trust_weights|grpo", batch, training_step=batches)`.

    Args:
        batch: with the column `score`, in [0, 1]; NaN where not known. Its rewards should be those of the scheme "outcome".
        weight: of the process reward at the beginning, finite.
        decay: training steps after which 1/e of it is left, > 0; infinite for no decay.
        training_step: how many batches were learned from before this one, from 0.

    Returns:
        The batch with other rewards.

    Raises:
        OptionError: an option is out of its range.

    Source: SophiaVL-R1 (Fan et al. 2025), arXiv 2505.17018; its code (kxfan2002/SophiaVL-R1, commit 4fd36a8c, `verl/workers/reward/custom.py`), for every
    constant. Confidence: high for the code's formula; there p is one score of a whole thought, for which the mean over steps stands here.
    """
    require_finite("weight", weight)
    require_above("decay", decay, 0.0)
    require_at_least("training_step", training_step, 0)
    tasks = batch.tasks
    shares = process_rewards(batch, batch.outcomes >= ASKED)
    trust = _trust(trajectory_returns(shares, batch.offsets), batch.outcomes, tasks)
    scale = weight * math.exp(-training_step / decay) * trust[tasks.codes]
    return replace(batch, rewards=batch.rewards + scale[batch.trajectory_of_step] * shares)


def _trust(process: FloatArray, outcomes: FloatArray, tasks: Grouping) -> FloatArray:
    """[count] float64 in [0, 1], of each task."""
    known = ~np.isnan(outcomes)
    right = outcomes >= CORRECT
    wrong = known & ~right

    def mean(members: FloatArray) -> FloatArray:
        return group_sums(process * members, tasks) / np.maximum(group_sums(members, tasks), 1.0)

    agreement = mean(right.astype(np.float64)) - mean(wrong.astype(np.float64))
    some_right = group_sums(right.astype(np.float64), tasks) > 0
    highest = group_maxima(np.where(known, outcomes, -np.inf), tasks)
    lowest = -group_maxima(np.where(known, -outcomes, -np.inf), tasks)
    decided = (lowest >= SOLVED) | (highest <= FAILED)
    return np.where(decided, 0.0, np.where(some_right, np.exp(np.minimum(agreement, 0.0)), 1.0))


@assigner(needs=("score",))
def trust_grpo(
    batch: StepBatch,
    *,
    weight: float = 0.3,
    decay: float = 500.0,
    training_step: int = 0,
    eps: float = 1e-6,
    ddof: int = 1,
    singleton: Singleton = "raw",
) -> Credit:
    """GRPO on the outcome and on a process reward that is trusted less and less: the pipeline `trust_weights|grpo`.

        R'_i = R_i + w_g(training_step) * mean_t score_{i,t},    A_{i,t} = (R'_i - mean_j R'_j) / (std_j R'_j + eps)

    Args:
        batch: N steps with the column `score`; NaN where not known.
        weight: of the process reward at the beginning; see `trust_weights`.
        decay: training steps after which 1/e of it is left.
        training_step: how many batches were learned from before this one; a training run fills it.
        eps: see `grpo`.
        ddof: see `grpo`.
        singleton: see `grpo`.

    Returns:
        advantages [N] float64, per step; diagnostics as of `grpo`.

    Source: as `trust_weights`. Confidence: high.
    """
    return grpo(trust_weights(batch, weight=weight, decay=decay, training_step=training_step), eps=eps, ddof=ddof, singleton=singleton)

"""The filter of groups without a gradient, as in dynamic sampling (DAPO)."""

from typing import Literal, TypeAlias, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray
from prm_gym.credit.normalize import deviations
from prm_gym.credit.options import require_choice
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import trajectory_filter

Of: TypeAlias = Literal["rewards", "outcomes"]
Alone: TypeAlias = Literal["keep", "drop"]


@trajectory_filter()
def zero_variance(batch: StepBatch, *, of: Of = "rewards", singleton: Alone = "keep") -> BoolArray:
    """Takes out the tasks whose attempts all earned the same.

    GRPO gives these 0 in any case; taken out, they also have no part in the mean of a loss, in what whitening sees, and in the step terms of other assigners.
    Dynamic sampling also draws other tasks in their place, which is up to the loop (`refills` of a training run).

    Args:
        batch: of M trajectories.
        of: what must differ: "rewards", the sums R_i = sum_t r_{i,t}, rounding aside; "outcomes".
        singleton: whether an attempt that is alone at its task stays: "keep" or "drop".

    Returns:
        [M] bool. A task with an outcome that is not known stays: it cannot be told.

    Raises:
        OptionError: an option is none of its choices.

    Source: DAPO (Yu et al. 2025), arXiv 2503.14476, section 3.2; verl's recipe for it, for an attempt alone. Confidence: high.
    """
    require_choice("of", of, get_args(Of))
    require_choice("singleton", singleton, get_args(Alone))
    values = trajectory_returns(batch.rewards, batch.offsets) if of == "rewards" else batch.outcomes
    unknown = np.isnan(values)
    tasks = batch.tasks
    moved = (deviations(np.where(unknown, 0.0, values), tasks) != 0.0) | unknown
    stays = np.bincount(tasks.codes[moved], minlength=tasks.count) > 0
    return np.where(tasks.sizes == 1, singleton == "keep", stays)[tasks.codes]

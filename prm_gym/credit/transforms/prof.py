"""PROF: the attempts whose process agrees with their outcome, as many right as wrong ones."""

from typing import Literal, TypeAlias, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray, IntArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.draws import generator_of
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.grpo import grpo
from prm_gym.credit.normalize import Singleton
from prm_gym.credit.options import require_above, require_at_least, require_between, require_choice
from prm_gym.credit.pipeline import assign_kept
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import trajectory_filter
from prm_gym.credit.transforms.process_rewards import mean_scores

Wrong: TypeAlias = Literal["consistency", "random"]


@trajectory_filter(needs=("score",))
def prof(
    batch: StepBatch,
    *,
    keep: float = 0.5,
    penalty: float = 10.0,
    longest: int = 30,
    success: float = 1.0,
    wrong: Wrong = "consistency",
    seed: int = 0,
    training_step: int = 0,
) -> BoolArray:
    """Keeps the right attempts of high mean score and the wrong ones of low, as many of one as of the other where there are enough.

        c_i = (mean_t score_{i,t} - penalty * [T_i = 1 or T_i >= longest]) * (1 if outcome_i >= success else -1)

    Of the n attempts at a task m = keep * n stay, halves rounded up, at least one: ceil(m / 2) right and the other wrong ones, or more of one kind where the
    other has fewer. Of each kind those of highest c. What learns from them takes the outcome alone, so a process reward model that errs costs samples, not
    gradients in a wrong direction.

    By the formula the penalty puts right attempts of one step, or of many, last among the right ones, and wrong ones first among the wrong: they are surely
    wrong.

    Of equal c the earlier stays. An attempt without any score goes before those with one; one whose outcome is not known is left out.

    Args:
        batch: with the column `score`, in [0, 1]; NaN where not known.
        keep: share of the attempts that stay, in (0, 1].
        penalty: of attempts of one step, or of many, 0 or more.
        longest: steps from which on it is paid.
        success: outcome from which on an attempt counts as right, in [0, 1].
        wrong: "consistency", by c; "random", the paper's variant in which scores choose among right attempts alone.
        seed: of that choice, from 0.
        training_step: how many batches were learned from before this one, from 0; a training run fills it, a loop of one's own counts its updates. The choice
            is another one in every update.

    Returns:
        [M] bool, the attempts that stay.

    Raises:
        OptionError: an option is out of its range.

    Source: Ye et al. (2025), arXiv 2509.03403, from accounts of it (8 attempts, 4 kept; penalty 10 from 30 steps on). Confidence: medium. How many right and
    wrong ones stay (equation 2) was not found: as equal as possible is our reading.
    """
    require_above("keep", keep, 0.0)
    require_between("keep", keep, 0.0, 1.0)
    require_at_least("penalty", penalty, 0.0)
    require_between("success", success, 0.0, 1.0)
    require_at_least("longest", longest, 1)
    require_choice("wrong", wrong, get_args(Wrong))
    right, told = batch.outcomes >= success, ~np.isnan(batch.outcomes)
    odd = (batch.lengths == 1) | (batch.lengths >= longest)
    consistency = (mean_scores(batch) - penalty * odd) * np.where(right, 1.0, -1.0)
    if wrong == "random":
        drawn = generator_of(seed, training_step).random(right.size)
        consistency = np.where(right, consistency, drawn)
    tasks = batch.tasks
    rank = _ranks(np.where(np.isnan(consistency), -np.inf, consistency), tasks.codes * 3 + np.where(told, right, 2))
    kinds = [np.bincount(tasks.codes[told & kind], minlength=tasks.count) for kind in (right, ~right)]
    quotas = _quotas(kinds[0], kinds[1], tasks, keep)
    return told & (rank < np.where(right, quotas[0][tasks.codes], quotas[1][tasks.codes]))


def _ranks(values: FloatArray, kinds: IntArray) -> IntArray:
    """[N] int64, how many of the same kind stand before each: larger ones, and of equal ones those in earlier places."""
    order = np.lexsort((-values, kinds))
    sizes = np.bincount(kinds[order])
    starts = np.cumsum(sizes) - sizes
    ranks = np.empty(values.size, dtype=np.int64)
    ranks[order] = np.arange(values.size) - starts[kinds[order]]
    return ranks


def _quotas(right: IntArray, wrong: IntArray, tasks: Grouping, keep: float) -> tuple[IntArray, IntArray]:
    """[count] each, how many right and wrong attempts stay; all attempts at a task count for m, those of unknown outcome too."""
    wanted = np.minimum(np.maximum(np.floor(keep * tasks.sizes + 0.5), 1.0).astype(np.int64), right + wrong)
    first = np.minimum(right, (wanted + 1) // 2)
    second = np.minimum(wrong, wanted - first)
    return wanted - second, second


@assigner(needs=("score",))
def prof_grpo(
    batch: StepBatch,
    *,
    keep: float = 0.5,
    penalty: float = 10.0,
    longest: int = 30,
    success: float = 1.0,
    eps: float = 1e-6,
    ddof: int = 1,
    singleton: Singleton = "raw",
) -> Credit:
    """GRPO over the attempts whose process agrees with their outcome: the pipeline `prof|grpo`.

        A_{i,t} = (R_i - mean_j R_j) / (std_j R_j + eps)   over the attempts that `prof` keeps;   0, and keep False, for the others

    Args:
        batch: N steps with the column `score`; NaN where not known.
        keep: share of the attempts that stay; see `prof`.
        penalty: of attempts of one step, or of many.
        longest: steps from which on it is paid.
        success: outcome from which on an attempt counts as right.
        eps: see `grpo`.
        ddof: see `grpo`.
        singleton: see `grpo`; of a group of which one attempt stays.

    Returns:
        advantages [N] float64, per step; keep False for what the filter takes out; diagnostics as of `grpo`, over what stays, and `dropped_share`.

    Source: as `prof`. Confidence: medium, with the same reading.

    >>> from prm_gym.credit import StepBatch
    >>> columns = {"score": [0.9, 0.2, 0.8, 0.1]}
    >>> batch = StepBatch([1, 1, 0, 0], [0, 1, 2, 3, 4], ["task"] * 4, [1, 1, 0, 0], [False] * 4, columns)
    >>> prof_grpo(batch, eps=0.0, ddof=0).advantages.tolist()
    [1.0, 0.0, 0.0, -1.0]
    """
    kept = prof(batch, keep=keep, penalty=penalty, longest=longest, success=success)
    return assign_kept(batch, kept, lambda chosen: grpo(chosen, eps=eps, ddof=ddof, singleton=singleton))

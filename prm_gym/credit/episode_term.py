"""The episode term of GiGPO, which its descendants share: the reward of a trajectory against those of its task."""

from typing import Literal, TypeAlias, get_args

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.normalize import Scale, Singleton, normalized
from prm_gym.credit.options import require_choice
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch

Normalize: TypeAlias = Literal["mean", "mean_std"]
EpisodeBaseline: TypeAlias = Literal["per_trajectory", "per_row"]


def episode_advantages(
    batch: StepBatch,
    tasks: Grouping,
    *,
    scale: Scale,
    baseline: EpisodeBaseline = "per_trajectory",
    eps: float = 1e-6,
    ddof: int = 1,
    singleton: Singleton = "raw",
) -> FloatArray:
    """[N] float64, A^E of `gigpo`: the reward of the trajectory against those of its task, the same on all its steps.

    Args:
        batch: N steps.
        tasks: of the M trajectories.
        scale: "none" or "std".
        baseline: whether a trajectory counts once, or once a step.
        eps: added to the standard deviation.
        ddof: of the standard deviation.
        singleton: what one alone in its task gets, see `gigpo`.

    Raises:
        OptionError: the baseline is none of its choices.
    """
    require_choice("episode_baseline", baseline, get_args(EpisodeBaseline))
    owner = batch.trajectory_of_step
    totals = trajectory_returns(batch.rewards, batch.offsets)
    if baseline == "per_row":
        return normalized(totals[owner], tasks.rows(owner), scale=scale, eps=eps, ddof=ddof, singleton=singleton)
    return normalized(totals, tasks, scale=scale, eps=eps, ddof=ddof, singleton=singleton)[owner]


def scale_of(normalize: Normalize) -> Scale:
    """The scale that the name in the authors' code stands for."""
    require_choice("normalize", normalize, get_args(Normalize))
    return "none" if normalize == "mean" else "std"

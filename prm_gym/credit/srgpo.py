"""SRGPO: an episode term, and a step term between steps drawn together at random."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.draws import generator_of
from prm_gym.credit.episode_term import EpisodeBaseline, Normalize, episode_advantages, scale_of
from prm_gym.credit.grouping import Grouping, factorise
from prm_gym.credit.keys import by_task, random_groups
from prm_gym.credit.normalize import normalized
from prm_gym.credit.options import require_choice, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError

Within = Literal["batch", "task"]
StepSignal = Literal["reward", "score"]


@assigner(uses=("score",))
def srgpo(  # noqa: PLR0913 - the options of its source, and two that say what it draws
    batch: StepBatch,
    *,
    step_weight: float = 0.5,
    group_size: int = 16,
    within: Within = "batch",
    signal: StepSignal = "reward",
    normalize: Normalize = "mean_std",
    episode_baseline: EpisodeBaseline = "per_trajectory",
    seed: int = 0,
    training_step: int = 0,
    eps: float = 1e-6,
) -> Credit:
    """Group-relative advantage of the trajectory plus that of the step's own reward in a random group of steps.

        A_{i,t} = A^E_i + step_weight * (r_{i,t} - mean_S r) / (std_S r + eps),    S a random group of group_size steps

    A^E is that of `gigpo`. The steps of the batch are shuffled and cut into groups, the last of which may be smaller; a group of one gets 0. The reward of the
    step is taken as it is, not with what follows. No state key is needed, but rewards of steps have to mean the same everywhere: with within="batch" also in
    different tasks.

    Args:
        batch: N steps, and with signal="score" the column `score`.
        step_weight: of the step term.
        group_size: steps in a random group, from 1; a number above N makes one group of all.
        within: "batch" groups across tasks, "task" within each.
        signal: "reward" of the environment, or "score" of a verifier (its probability that the step is right); steps without a score are in no group and get 0
            from the step term.
        normalize: "mean_std" (the authors' default) or "mean"; of both terms.
        episode_baseline: see `gigpo`; the authors' code has "per_row".
        seed: of the shuffles, from 0.
        training_step: how many batches were learned from before this one, from 0; a training run fills it, and every update shuffles anew: groups that were
            the same in all of them would not average out. A loop of one's own counts its updates: `assign("srgpo", batch, training_step=updates)`.
        eps: added to standard deviations.

    Returns:
        advantages [N] float64, per step; returns without discount; diagnostics as in `group_diagnostics`: over trajectories, and over steps with the prefix
        `step_`.

    Source: SeeNav-Agent (SRGPO), its code at commit 9b7d94ef. There the option for groups within tasks falls through to groups across the batch; here it does
    what it says. Confidence: high for the code.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([1, 0], [0, 1, 2], ["a", "b"], [1, 0], [False, False])
    >>> srgpo(batch, normalize="mean", step_weight=2.0).advantages.tolist()
    [2.0, -1.0]
    """
    require_finite("step_weight", step_weight)
    require_choice("within", within, get_args(Within))
    require_choice("signal", signal, get_args(StepSignal))
    scale = scale_of(normalize)
    tasks = batch.tasks
    episode = episode_advantages(batch, tasks, scale=scale, baseline=episode_baseline, eps=eps)
    values = batch.rewards if signal == "reward" else _scores(batch)
    known = ~np.isnan(values)
    pools = factorise(by_task(batch).codes[known]) if within == "task" else Grouping(np.zeros(int(known.sum()), dtype=np.int64), 1)
    groups = random_groups(pools, group_size, generator_of(seed, training_step))
    step = np.zeros_like(values)
    step[known] = normalized(values[known], groups, scale=scale, eps=eps, singleton="zero")
    return Credit(
        advantages=episode + step_weight * step,
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(values.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, episode[batch.offsets[:-1]]) | group_diagnostics(groups, step[known], prefix="step_"),
    )


def _scores(batch: StepBatch) -> FloatArray:
    if "score" not in batch.columns:
        raise CreditError('srgpo with signal="score" needs the column score; the batch does not have it. Give the environment a verifier that scores steps.')
    return batch.numbers("score")

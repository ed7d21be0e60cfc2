"""ReMax: the return against the reward of the greedy attempt at the same task."""

from collections.abc import Iterable

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import unknown_share
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.trajectory import Trajectory


def greedy_returns(batch: StepBatch, greedy: Iterable[Trajectory]) -> dict[str, FloatArray]:
    """The column `greedy_return` of a batch: what attempts without sampling earned at the same tasks.

        greedy = rollouts.play(agent.greedy(), groups(seeds, 1))
        batch = batch.with_columns(greedy_returns(batch, greedy))

    Args:
        batch: of M trajectories.
        greedy: one valid attempt or more a task, with the `group_id` of its sampled ones; of several the mean counts, and spoilt ones do not.

    Returns:
        `greedy_return`, [N] float64: total reward of the greedy attempt, on every step of the task; NaN where there is none.
    """
    earned: dict[object, list[float]] = {}
    for trajectory in greedy:
        if trajectory.valid:
            earned.setdefault(trajectory.group_id, []).append(sum(step.reward for step in trajectory.steps))
    means = {group: sum(rewards) / len(rewards) for group, rewards in earned.items()}
    found = np.array([means.get(group, np.nan) for group in batch.group_ids.tolist()], dtype=np.float64)
    return {"greedy_return": found[batch.trajectory_of_step]}


@assigner(needs=("greedy_return",))
def remax(batch: StepBatch, *, gamma: float = 1.0) -> Credit:
    """Return-to-go of the step minus the reward of the greedy attempt at the same task.

        A_{i,t} = G_{i,t} - b_g,    G_t = r_t + gamma * G_{t+1},    b_g = total reward of the greedy attempt

    Unbiased with any sampling, since b_g does not depend on the sampled actions; a group of one has a baseline too. It costs one attempt more a task.

    Args:
        batch: N steps with the column `greedy_return` (of the signal of that name, or see `greedy_returns`); NaN where not known.
        gamma: discount, in [0, 1].

    Returns:
        advantages [N] float64, per step; returns G; keep False, and advantage 0, where the greedy attempt is not known; diagnostics `unknown_share`, share in
        [0, 1] of these steps, and `greedy_mean`, mean over the other steps, left out where there are none.

    Source: Li et al. (2024), arXiv 2310.10505; verl (commit b178a3cd), `remax`, with gamma 1. Confidence: high.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1], [0, 2], ["task"], [1], [False], {"greedy_return": [0.25, 0.25]})
    >>> remax(batch).advantages.tolist()
    [0.75, 0.75]
    """
    returns = discounted_returns(batch.rewards, batch.offsets, gamma)
    greedy = batch.numbers("greedy_return")
    known = ~np.isnan(greedy)
    return Credit(
        advantages=np.where(known, returns - greedy, 0.0),
        returns=returns,
        keep=known,
        diagnostics=unknown_share(known) | ({"greedy_mean": float(greedy[known].mean())} if known.any() else {}),
    )

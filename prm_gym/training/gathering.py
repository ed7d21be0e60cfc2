"""Gathering a batch: groups at tasks that a curriculum chooses; groups that teach nothing may be replaced.

A group whose attempts all earn the same has no advantage to give. Dynamic sampling plays new tasks in place of such groups until the batch is full of groups
that differ, or the rounds are used up; then it is smaller. What was played for nothing counts as played.

Source: Yu et al. 2025 (DAPO, arXiv 2503.14476), section 3.2. There the rounds are not bounded, or running out of them is an error.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from prm_gym.agent import Agent
from prm_gym.rollout import Episode
from prm_gym.training.curricula import Curriculum
from prm_gym.training.ground import Ground
from prm_gym.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Gathered:
    """A batch.

    Attributes:
        trajectories: what is learned from, group by group.
        played: all that was played, what teaches nothing included.
        rounds: how often tasks were drawn.
    """

    trajectories: list[Trajectory]
    played: list[Trajectory]
    rounds: int


def gather(ground: Ground, agent: Agent, curriculum: Curriculum, rng: np.random.Generator, *, tasks: int, attempts: int, refills: int, prefix: str) -> Gathered:
    """Play a batch, and tell the curriculum how it went.

    Args:
        ground: where.
        agent: acts.
        curriculum: shares the tasks out.
        rng: decides the tasks.
        tasks: groups in the batch.
        attempts: episodes of each.
        refills: rounds of replacing groups that teach nothing, >= 0.
        prefix: of the group ids.
    """
    shares = curriculum.shares()
    episodes = ground.draw(rng, shares, tasks, attempts, prefix)
    played = ground.play(agent, episodes)
    kept, rounds = played, 1
    if refills:
        kept = telling(played)
        while _groups(kept) < tasks and rounds <= refills:
            more: list[Episode] = ground.draw(rng, shares, tasks - _groups(kept), attempts, prefix, [each.seed for each in played if each.seed is not None])
            new = ground.play(agent, more)
            played, kept, rounds = [*played, *new], [*kept, *telling(new)], rounds + 1
    curriculum.learn(ground.success(played))
    return Gathered(kept, played, rounds)


def telling(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """Those of groups whose valid attempts differ in reward or outcome."""
    earned: defaultdict[str, set[tuple[float, float | None]]] = defaultdict(set)
    for trajectory in trajectories:
        if trajectory.valid:
            earned[trajectory.group_id].add((trajectory.total_reward, trajectory.outcome))
    return [trajectory for trajectory in trajectories if len(earned[trajectory.group_id]) > 1]


def _groups(trajectories: Sequence[Trajectory]) -> int:
    return len({trajectory.group_id for trajectory in trajectories})

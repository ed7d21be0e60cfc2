"""Shards of a rollout: whole groups of episodes that are played together, and the worker that plays them.

A shard is the unit of work of every engine. Its size depends neither on the engine nor on the number of workers, its agent draws every action from a seed
of the episode and the step, and a model sees the same batches wherever it is played. So the trajectories are the same.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from prm_gym.agent import Agent
from prm_gym.engines.engine import Report
from prm_gym.errors import OptionError
from prm_gym.rollout import Episode, Rollouts
from prm_gym.trajectory import Trajectory

SIZE = 32
"""Episodes of a shard at least, but for the last one; as many as run at once."""


class Shard(msgspec.Struct, frozen=True):
    """Episodes that are played together.

    Attributes:
        episodes: of whole groups.
        seed: that the agent's choices are drawn from, with the episode and the step.
    """

    episodes: tuple[Episode, ...]
    seed: int

    def __str__(self) -> str:
        return f"episodes {self.episodes[0].id} to {self.episodes[-1].id}"


def shards(episodes: Iterable[Episode], size: int = SIZE) -> list[list[Episode]]:
    """The episodes in their order, cut where a group ends and there are `size` of them or more.

    Args:
        episodes: group after group.
        size: >= 1.

    Raises:
        OptionError: the size is below 1.

    >>> [len(shard) for shard in shards([Episode(seed, str(seed), attempt) for seed in range(5) for attempt in range(3)], 5)]
    [6, 6, 3]
    """
    if size < 1:
        raise OptionError(f"a shard has at least 1 episode, got {size}")
    found: list[list[Episode]] = []
    for episode in episodes:
        if not found or (len(found[-1]) >= size and episode.group_id != found[-1][-1].group_id):
            found.append([])
        found[-1].append(episode)
    return found


def require_seeded(agent: Agent, what: str) -> None:
    """Refuse an agent that cannot be played in several processes.

    Args:
        agent: that is to act.
        what: is to be done, for the message.

    Raises:
        OptionError: it does not keep to the seeds that it is given: in every process it would draw the same from its own generator, or never the same again.
    """
    if not agent.seeded:
        raise OptionError(
            f"the agent {agent.id!r} does not draw its actions from the seeds that it is given (`Agent.seeded`), so {what} in several processes would neither "
            "be the same again nor independent: use --engine local without --workers"
        )


class ShardWorker:
    """Plays shards; environments, verifiers and agent are made once."""

    def __init__(self, agent: Callable[[], Agent], env_id: str, env_options: Mapping[str, Any]) -> None:
        """Make them.

        Args:
            agent: makes it.
            env_id: a registered id.
            env_options: keyword options of the environment.
        """
        self.agent = agent()
        self.rollouts = Rollouts(env_id, env_options, SIZE)

    def run(self, job: Shard, report: Report) -> Sequence[Trajectory]:
        """The trajectories of a shard, in order."""
        return self.rollouts.play(self.agent, job.episodes, report, seed=job.seed)

    def close(self) -> None:
        """Close environments and verifiers; the agent is closed by whoever made it, or ends with its process."""
        self.rollouts.close()

"""Ground: where a run plays. The environments of its domains, tasks that are not held out, and what all of it has cost."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec
import numpy as np

from prm_gym.agent import Agent, TrainableAgent
from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.errors import OptionError
from prm_gym.rollout import Episode, Rollouts, success_rate
from prm_gym.tools import Tool
from prm_gym.trajectory import Trajectory

HOME = -1
"""The place of the environments that evaluation is played in; domains have the places from 0 on."""

MOST_DRAWS = 100
"""Seeds that are tried for every task that is wanted, before a domain is given up as too small."""


class Shards(Protocol):
    """Plays episodes in shards (see `prm_gym.training.sharded`)."""

    def play(self, rollouts: Rollouts, place: int, agent: Agent, episodes: Sequence[Episode], greedy: bool = False) -> list[Trajectory]:
        """The trajectories of the episodes, in order, counted in `rollouts`.

        Args:
            rollouts: the environments here.
            place: which ones they are (see `Ground.at`).
            agent: acts; where it is trainable and `greedy`, with its most probable actions.
            episodes: group after group.
            greedy: see there.
        """
        ...

    def close(self) -> None:
        """Close what plays elsewhere."""
        ...


class Ground:
    """Plays episodes of D domains; one object serves a whole run.

    Attributes:
        home: the environments that evaluation is played in; those of the only domain where there is one.
        held_out: keys and questions of tasks that are not drawn.
        shards: plays episodes in shards, by an engine where there is one; None for all that are wanted at once.
        watch: called with the number of steps just taken, after every batch of them, where there are no shards.
    """

    def __init__(self, env_id: str, options: Mapping[str, Any], domains: Sequence[Mapping[str, Any]] = (), num_envs: int = 64) -> None:
        """Make the environments.

        Args:
            env_id: registered id.
            options: of the environment.
            domains: options over these, one set a domain; () for one domain without any.
            num_envs: episodes played at once, in each domain.
        """
        self.env_id = env_id
        self.home = Rollouts(env_id, options, num_envs)
        self.rollouts = [self._domain({**options, **domain}, num_envs) for domain in domains] or [self.home]
        self.held_out: set[str] = set()
        self.shards: Shards | None = None
        self.watch: Callable[[int], None] | None = None
        self._domain_of: dict[str, int] = {}

    def _domain(self, options: dict[str, Any], num_envs: int) -> Rollouts:
        """The environments of a domain; its verifiers are those of home, for a model would be loaded once more."""
        rollouts = Rollouts(self.env_id, {**options, "verifiers": self.home.envs.verifiers}, num_envs)
        rollouts.env_options = options  # what is stored with trajectories: specifications, as they were given
        return rollouts

    @property
    def domains(self) -> int:
        """D, at least 1."""
        return len(self.rollouts)

    @property
    def env_steps(self) -> int:
        """Steps taken so far in the environments, evaluations and demonstrations included."""
        return sum(rollouts.steps_taken for rollouts in self._all())

    @property
    def verdicts(self) -> int:
        """Verdicts given so far, likewise."""
        return sum(sum(rollouts.verdicts_given.values()) for rollouts in self._all())

    @property
    def abstentions(self) -> int:
        """How many of them came without a score."""
        return sum(sum(rollouts.abstentions.values()) for rollouts in self._all())

    @property
    def verdict_counts(self) -> Counter[str]:
        """What the verifiers have done so far, likewise, by kind and verifier (see `prm_gym.verdict_ledger.uses`)."""
        counts: Counter[str] = Counter()
        for rollouts in self._all():
            counts.update(rollouts.ledger.counts)
        if self.shards is None:  # else some of them have answered in other processes
            counts.update({f"remembered:{verifier.id}": verifier.hits for verifier in self.home.envs.verifiers if verifier.hits is not None})
        return counts

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that an action may call, once a task has been drawn."""
        return self.rollouts[0].envs.envs[0].tools

    def _all(self) -> list[Rollouts]:
        return self.rollouts if self.rollouts[0] is self.home else [self.home, *self.rollouts]

    def forget(self) -> None:
        """Forget which groups were drawn: their names may be used again."""
        self._domain_of.clear()

    def draw(self, rng: np.random.Generator, shares: FloatArray, count: int, attempts: int, prefix: str, taken: Iterable[int] = ()) -> list[Episode]:
        """Groups at new tasks, none of them held out.

        Args:
            rng: decides the tasks.
            shares: [D] of each domain, sum 1.
            count: groups.
            attempts: episodes of each.
            prefix: of the group ids.
            taken: seeds that are not to be drawn again.

        Raises:
            OptionError: a domain has too few tasks beside those that are held out.
        """
        used = set(taken)
        episodes: list[Episode] = []
        for domain, wanted in enumerate(_counts(rng, shares, count).tolist()):
            name = prefix if self.domains == 1 else f"{prefix}d{domain}-"
            for seed in self._seeds(rng, domain, wanted, used):
                self._domain_of[f"{name}{seed}"] = domain
                episodes += [Episode(seed, f"{name}{seed}", attempt) for attempt in range(attempts)]
        return episodes

    def _seeds(self, rng: np.random.Generator, domain: int, count: int, used: set[int]) -> list[int]:
        found: list[int] = []
        for _ in range(MOST_DRAWS * count):
            if len(found) == count:
                break
            seed = int(rng.integers(1 << 31))
            task = self.rollouts[domain].task(seed)
            if seed not in used and self.held_out.isdisjoint((task.key, task.question)):
                found.append(seed)
                used.add(seed)
        if len(found) < count:
            raise OptionError(f"{self.env_id} has too few tasks beside the {len(self.held_out)} held-out ones; lower eval_tasks or raise the difficulty")
        return found

    def play(self, agent: Agent, episodes: Sequence[Episode], greedy: bool = False) -> list[Trajectory]:
        """The trajectories of drawn episodes, in order.

        Args:
            agent: acts; where it is trainable and `greedy`, with its most probable actions.
            episodes: group after group.
            greedy: see there.
        """
        acting = agent.greedy() if greedy and isinstance(agent, TrainableAgent) else agent
        played: dict[str, Trajectory] = {}
        for domain, rollouts in enumerate(self.rollouts):
            part = [episode for episode in episodes if self._domain_of[episode.group_id] == domain]
            if part and self.shards is not None:
                played |= {trajectory.id: trajectory for trajectory in self.shards.play(rollouts, domain, agent, part, greedy)}
            elif part:
                played |= {trajectory.id: trajectory for trajectory in rollouts.play(acting, part, self.watch)}
        return [played[episode.id] for episode in episodes]

    def evaluate(self, agent: TrainableAgent, episodes: Sequence[Episode]) -> list[Trajectory]:
        """The trajectories of episodes at home, with the most probable actions, in order."""
        if self.shards is not None:
            return self.shards.play(self.home, HOME, agent, episodes, greedy=True)
        return self.home.play(agent.greedy(), episodes, self.watch)

    def at(self, place: int) -> Rollouts:
        """The environments of a domain, or those of home."""
        return self.home if place == HOME else self.rollouts[place]

    def again(self, agent: Agent, originals: Sequence[Trajectory], mark: str) -> list[Trajectory]:
        """One more episode at the task of each trajectory, in order; the id and the group's id of its own have the mark behind them.

        Args:
            agent: acts.
            originals: of drawn episodes, with distinct ids.
            mark: one that these trajectories were not played again with.
        """
        return self.play(agent, [self._anew(original, f"{original.id}{mark}") for original in originals])

    def greedily(self, agent: TrainableAgent, originals: Sequence[Trajectory]) -> list[Trajectory]:
        """One more episode at the task of each trajectory, in order and with its `group_id`, with the most probable actions of the agent.

        Args:
            agent: acts.
            originals: of drawn episodes, no two of one group.
        """
        episodes = [self._anew(original, f"{original.group_id}~greedy") for original in originals]
        played = self.play(agent, episodes, greedy=True)
        return [msgspec.structs.replace(one, group_id=original.group_id) for one, original in zip(played, originals, strict=True)]

    def _anew(self, original: Trajectory, group: str) -> Episode:
        """An episode at the task of a drawn one."""
        if original.seed is None:  # of episodes that were drawn there is always one
            raise OptionError(f"trajectory {original.id!r} has no seed, so its task cannot be begun once more")
        self._domain_of[group] = self._domain_of[original.group_id]
        return Episode(original.seed, group)

    def success(self, trajectories: Iterable[Trajectory]) -> FloatArray:
        """[D] float64, mean outcome in each domain; NaN where there is none."""
        parts: list[list[Trajectory]] = [[] for _ in self.rollouts]
        for trajectory in trajectories:
            parts[self._domain_of[trajectory.group_id]].append(trajectory)
        return np.array([success_rate(part) for part in parts], dtype=np.float64)

    def close(self) -> None:
        """Close environments and verifiers, and what plays elsewhere."""
        if self.shards is not None:
            self.shards.close()
        for rollouts in self._all():
            rollouts.close()


def _counts(rng: np.random.Generator, shares: FloatArray, count: int) -> IntArray:
    """[D] int64, sum `count`: each domain gets its share rounded up or down, by systematic sampling, so that its mean is exact."""
    if shares.size == 1:
        return np.array([count], dtype=np.int64)
    ends = np.floor(np.cumsum(shares / shares.sum()) * count + rng.random()).astype(np.int64)
    ends[-1] = count  # the last end lies at count + u, which rounding may push either way
    return np.diff(np.minimum(ends, count), prepend=0)

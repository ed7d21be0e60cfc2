"""The column `greedy_return`: what an attempt without sampling earns at the task of each step, by playing it.

    signal = make_signal("greedy_return")
    signal.follow(agent)
    batch = batch.with_columns({"greedy_return": signal.column(batch)})
    credit = assign("remax", batch)

A run makes one for an assigner that needs the column. It plays where the run plays: in the same environments, with the same verifiers, shards and processes.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from prm_gym.agent import Agent, TrainableAgent, make_agent
from prm_gym.credit import Signal, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.remax import greedy_returns
from prm_gym.credit.signal import PlayGround
from prm_gym.errors import CheckpointError, ContractError, CreditError, OptionError
from prm_gym.rollout import Episode, Rollouts
from prm_gym.trajectory import Trajectory


class GreedyReturns(Signal):
    """Plays the task of each group once more with the agent's most probable actions; the column is the total reward of that attempt.

    Nothing is learned. Tasks are begun by the seeds of their trajectories. A group without a seed, whose seed gives another task here, or whose greedy attempt
    the infrastructure spoilt, is not known (NaN): `remax` leaves its steps out.

    Attributes:
        env_steps: steps taken so far in environments of its own; those that a run lends it count there.
    """

    name = "greedy_return"

    def __init__(self, agent: str | Agent = "", *, seed: int = 0, num_envs: int = 64) -> None:
        """Choose who plays.

        Args:
            agent: that plays, or its specification; "" for the one that is followed. One that cannot be trained has no most probable actions to ask for: it
                plays as it is.
            seed: from which an agent that leaves something to chance all the same draws its actions, >= 0.
            num_envs: episodes at once in environments of its own, >= 1.

        Raises:
            OptionError: an option out of range.
            UnknownNameError: no agent has that name.
        """
        for name, value, least in (("seed", seed, 0), ("num_envs", num_envs, 1)):
            if type(value) is not int or value < least:
                raise OptionError(f"{name} of greedy_return is a number from {least} on, got {value!r}")
        self.seed, self.num_envs = seed, num_envs
        self.agent = make_agent(agent) if agent else None
        self._followed: Agent | None = None
        self._ground: PlayGround | None = None
        self._rollouts: dict[bytes, Rollouts] = {}
        self._played: tuple[StepBatch, FloatArray, int] | None = None

    @property
    def env_steps(self) -> int:
        """See the class."""
        return sum(rollouts.steps_taken for rollouts in self._rollouts.values())

    def follow(self, agent: object) -> None:
        """Play with this agent, where none was given."""
        if not isinstance(agent, Agent):
            raise ContractError(f"greedy_return follows an agent, got {type(agent).__name__}")
        self._followed, self._played = agent, None

    def enter(self, ground: PlayGround) -> None:
        """Play there, where the agent is the one that is followed."""
        self._ground = ground

    def cost(self, batch: StepBatch) -> int:
        """As many episodes as there are groups, of the mean length of those in the batch."""
        tasks = len(set(batch.group_ids.tolist()))
        return round(tasks * float(batch.lengths.mean())) if tasks else 0

    def fit(self, batch: StepBatch) -> dict[str, float]:
        """Play the tasks of a batch; nothing is learned.

        Returns:
            `env_steps` that it took, `return_mean` of the greedy attempts over the steps where it is known (left out where it is on none), and `unknown_share`,
            share in [0, 1] of the steps of tasks whose greedy attempt is not known.

        Raises:
            CreditError: as `column`.
        """
        self._played = None
        column = self.column(batch)
        known = ~np.isnan(column)
        steps = 0 if self._played is None else self._played[2]
        metrics = {"env_steps": float(steps), "unknown_share": float(1.0 - known.mean()) if known.size else 0.0}
        return metrics | ({"return_mean": float(column[known].mean())} if known.any() else {})

    def column(self, batch: StepBatch) -> FloatArray:
        """[N] float64, total reward of the greedy attempt at the task, on all of its steps; NaN where it is not known.

        Raises:
            CreditError: the batch was made from arrays: its tasks cannot be begun.
            ContractError: there is no agent.
        """
        if self._played is None or self._played[0] is not batch:
            self._played = (batch, *self._earned(batch))
        return self._played[1].copy()

    def _earned(self, batch: StepBatch) -> tuple[FloatArray, int]:
        """The column, and how many steps were taken for it."""
        if not batch.rewards.size:
            return np.empty(0), 0
        if batch.trajectories is None:
            raise CreditError("greedy_return begins the tasks of whole trajectories (StepBatch.from_trajectories) once more; from arrays it cannot.")
        first: dict[str, Trajectory] = {}
        for trajectory in batch.trajectories:
            first.setdefault(trajectory.group_id, trajectory)
        originals = [trajectory for trajectory in first.values() if trajectory.seed is not None]
        played = self._play(originals)
        same = [one for one, original in zip(played, originals, strict=True) if one.task_key == original.task_key]
        return greedy_returns(batch, same)["greedy_return"], sum(len(one.steps) for one in played)

    def _play(self, originals: Sequence[Trajectory]) -> list[Trajectory]:
        """One episode at the task of each, with its `group_id`."""
        if self._ground is not None and self.agent is None and self._followed is not None:
            return self._ground.greedily(self._followed, originals)
        agent = self.agent or self._followed
        if agent is None:
            raise ContractError("greedy_return needs an agent that plays: 'greedy_return:AGENT', or follow(agent)")
        acting = agent.greedy() if isinstance(agent, TrainableAgent) else agent
        members: dict[bytes, list[int]] = {}
        for place, original in enumerate(originals):
            members.setdefault(msgspec.json.encode((original.env_id, original.env_options), order="deterministic"), []).append(place)
        played: dict[int, Trajectory] = {}
        for key, places in members.items():
            if key not in self._rollouts:
                self._rollouts[key] = Rollouts(originals[places[0]].env_id, originals[places[0]].env_options, self.num_envs)
            episodes = [Episode(seed, originals[place].group_id) for place in places if (seed := originals[place].seed) is not None]
            played |= dict(zip(places, self._rollouts[key].play(acting, episodes, seed=self.seed), strict=True))
        return [played[place] for place in range(len(originals))]

    def save(self, directory: Path) -> None:
        """Write a note: all that the column depends on is in the options and in the agent."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "greedy_return.json").write_bytes(msgspec.json.encode({"signal": self.name}))

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote: nothing.

        Raises:
            CheckpointError: it is of another signal.
        """
        if not (directory / "greedy_return.json").is_file():
            raise CheckpointError(f"{directory} holds no greedy_return")

    def close(self) -> None:
        """Close the environments that are its own."""
        for rollouts in self._rollouts.values():
            rollouts.close()

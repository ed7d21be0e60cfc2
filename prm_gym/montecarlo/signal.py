"""The column `mc_value`: what an agent makes of every state that it came through, by fresh roll-outs from there.

    values = RolloutValues("random", k=9)                  # or make_signal("mc_value:random?k=9")
    batch = batch.with_columns({"mc_value": values.column(batch)})
    credit = assign("vineppo", batch)

A run makes one for an assigner that needs the column, and it follows the agent that learns.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, TypeAlias, get_args

import msgspec
import numpy as np

from prm_gym.agent import Agent, make_agent
from prm_gym.credit import Signal, StepBatch
from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.credit.grouping import rows_text
from prm_gym.credit.signal import PlayGround
from prm_gym.errors import CheckpointError, ContractError, CreditError, OptionError
from prm_gym.montecarlo.estimate import SUCCESS, Estimate
from prm_gym.montecarlo.estimator import RolloutEstimator
from prm_gym.montecarlo.prefix import Prefix, prefixes_of
from prm_gym.montecarlo.search import first_errors
from prm_gym.rollout import make_envs
from prm_gym.trajectory import Trajectory

Visits: TypeAlias = Literal["all", "search"]


class RolloutValues(Signal):
    """Estimates the value of the state before every step, as the mean outcome of k roll-outs from there.

        V(s) = (1/k) sum_j outcome of roll-out j from s

    The environment of each trajectory is brought back to each of its states, by snapshots and replays, and the agent plays on from there; the roll-outs of the
    whole batch run together. Roll-out j of a state depends on the seed, the beginning of the episode, all that was done since, and j alone: with an agent
    that is `seeded` the values are the same in every batch. Equal beginnings are rolled out once.

    Values are of outcomes: rewards must be outcomes alone, or their sum would be something else than what is estimated. Of a run that torchrun has started
    every process draws all of them.

    A truncated episode is over for its environment too: its limit of steps is a part of the task, and a state at the limit is worth nothing. With `beyond` it
    is none: roll-outs take place in environments whose limit is so many steps later, from the states at which episodes were cut too, whose values are the
    column `bootstrap_mc_value` on the last rows (`vineppo?bootstrap=true`). All values are then those of the longer episodes. Where an environment shows how
    many steps are left, its states cannot be reached with another limit, and there are no values.

    Attributes:
        also: `bootstrap_mc_value` with `beyond`, else nothing.
        env_steps: steps taken so far by roll-outs, and on the way to where they begin.
        rollouts: that were begun so far.
    """

    name = "mc_value"
    rewards: ClassVar[tuple[str, ...]] = ("outcome",)

    def __init__(
        self,
        agent: str | Agent = "",
        *,
        k: int = 9,
        seed: int = 0,
        visits: Visits = "all",
        share_states: bool = False,
        beyond: int = 0,
        num_envs: int = 64,
    ) -> None:
        """Choose what is rolled out.

        Args:
            agent: that plays on, or its specification; "" for the one that is followed.
            k: roll-outs of a state, >= 1.
            seed: of all roll-outs, >= 0.
            visits: "all" states, or those that a binary search for the first error of failed trajectories comes by ("search", OmegaPRM): the beginning and
                about log2 T others. The rest is NaN, and so are trajectories that succeed.
            share_states: states of one task with the same `state_key` are rolled out once, from the beginning whose key is the least. Right where the key says
                all that matters for what is to come; the steps that are left before an episode is cut are mostly not in it.
            beyond: steps by which roll-outs may go beyond the limit at which an episode is cut, >= 0; see the class.
            num_envs: roll-outs that run at once, >= 1.

        Raises:
            OptionError: an option out of range, or they do not go together.
            UnknownNameError: no agent has that name.
        """
        if visits not in get_args(Visits):
            raise OptionError(f"visits is one of {', '.join(get_args(Visits))}, got {visits!r}")
        for name, value, least in (("k", k, 1), ("seed", seed, 0), ("beyond", beyond, 0), ("num_envs", num_envs, 1)):
            if type(value) is not int or value < least:
                raise OptionError(f"{name} of mc_value is a number from {least} on, got {value!r}")
        if share_states and visits == "search":
            raise OptionError("a search follows one trajectory; leave share_states out, or visit all states")
        if beyond and visits == "search":
            raise OptionError("a search takes a truncated trajectory for a failed one; leave beyond out, or visit all states")
        self.beyond, self.also = beyond, ("bootstrap_mc_value",) if beyond else ()
        self.k, self.seed, self.visits, self.share_states, self.num_envs = k, seed, visits, share_states, num_envs
        self.agent = make_agent(agent) if agent else None
        self._followed: Agent | None = None
        self._estimators: dict[bytes, RolloutEstimator] = {}
        self._ground: PlayGround | None = None
        self._drawn: tuple[StepBatch, dict[str, FloatArray]] | None = None

    @property
    def env_steps(self) -> int:
        """See the class."""
        return sum(each.spent.steps + each.spent.replayed for each in self._estimators.values())

    @property
    def rollouts(self) -> int:
        """See the class."""
        return sum(each.spent.rollouts for each in self._estimators.values())

    def follow(self, agent: object) -> None:
        """Roll out this agent, where none was given."""
        if not isinstance(agent, Agent):
            raise ContractError(f"mc_value follows an agent, got {type(agent).__name__}")
        self._followed, self._drawn = agent, None

    def enter(self, ground: PlayGround) -> None:
        """Say there how far the roll-outs are; their environments are others all the same, without verifiers."""
        self._ground = ground

    def cost(self, batch: StepBatch) -> int:
        """Those of k roll-outs from every state that is visited, each as long as what was left of the episode there, and a step on the way to each.

        A search that finds no success from a beginning, or that comes by the same states in several attempts, takes far less.
        """
        left: dict[object, int] = {}
        halves = 0.0
        for trajectory in batch.trajectories or ():
            length = len(trajectory.steps)
            if self.visits == "search":
                if trajectory.outcome is not None and trajectory.outcome < SUCCESS:
                    left[trajectory.group_id] = length
                    halves += math.ceil(math.log2(length)) * length / 2
                continue
            for place, name in enumerate(self._names(trajectory)):
                left[name] = max(length - place, 0) + (self.beyond if trajectory.truncated else 0)
        return round(self.k * (sum(left.values()) + halves)) + len(left)

    def fit(self, batch: StepBatch) -> dict[str, float]:
        """Draw the roll-outs of a batch; nothing is learned.

        Returns:
            `rollouts` that were begun, `env_steps` that they took, and `unknown_share`, share in [0, 1] of the steps without a value.

        Raises:
            CreditError: as `column`.
        """
        before = self.rollouts, self.env_steps
        self._drawn = None
        unknown = np.isnan(self.column(batch))
        return {
            "rollouts": float(self.rollouts - before[0]),
            "env_steps": float(self.env_steps - before[1]),
            "unknown_share": float(unknown.mean()) if unknown.size else 0.0,
        }

    def column(self, batch: StepBatch) -> FloatArray:
        """[N] float64, mean outcome from the state before each step, in [0, 1]; NaN where it was not visited or could not be reached again.

        Raises:
            CreditError: the batch was made from arrays, is a tree, or its rewards are not outcomes alone; names the rows.
            ContractError: there is no agent.
            UnknownNameError: an environment that is not registered here.
        """
        return self.columns(batch)[self.name]

    def columns(self, batch: StepBatch) -> dict[str, FloatArray]:
        """`mc_value`, and `bootstrap_mc_value` where there is a `beyond`: NaN but on the last rows of truncated trajectories. Raises as `column`."""
        if self._drawn is None or self._drawn[0] is not batch:
            self._drawn = batch, self._values(batch)
        return {name: values.copy() for name, values in self._drawn[1].items()}

    def _values(self, batch: StepBatch) -> dict[str, FloatArray]:
        columns = {name: np.full(batch.rewards.size, np.nan) for name in (self.name, *self.also)}
        if not batch.rewards.size:
            return columns
        if batch.trajectories is None or "parent" in batch.columns:
            raise CreditError("mc_value is estimated from whole trajectories (StepBatch.from_trajectories): the episodes are begun once more.")
        _require_outcomes(batch)
        members: dict[bytes, list[int]] = {}
        for row, trajectory in enumerate(batch.trajectories):
            members.setdefault(msgspec.json.encode((trajectory.env_id, trajectory.env_options), order="deterministic"), []).append(row)
        for key, rows in members.items():
            estimator = self._estimator(key, batch.trajectories[rows[0]])
            played = [batch.trajectories[row] for row in rows]
            estimates = self._searched(estimator, played) if self.visits == "search" else self._all(estimator, played)
            for row, found in zip(rows, estimates, strict=True):
                length = len(batch.trajectories[row].steps)
                for place, estimate in found.items():
                    name, at = (self.name, place) if place < length else ("bootstrap_mc_value", length - 1)
                    columns[name][batch.offsets[row] + at] = np.nan if estimate.mean is None else estimate.mean
        return columns

    def _estimator(self, key: bytes, trajectory: Trajectory) -> RolloutEstimator:
        agent = self.agent or self._followed
        if agent is None:
            raise ContractError("mc_value needs an agent that plays on: 'mc_value:AGENT', or follow(agent)")
        if key not in self._estimators:
            options = self._options(trajectory)
            self._estimators[key] = RolloutEstimator(agent, trajectory.env_id, options, num_envs=self.num_envs, seed=self.seed)
        estimator = self._estimators[key]
        estimator.watch = None if self._ground is None else self._ground.watch
        estimator.agent = agent
        estimator.forget()  # or a run that was stopped, and has no snapshots, would count other steps than one that was not
        return estimator

    def _options(self, trajectory: Trajectory) -> dict[str, Any]:
        """Those of the environment that roll-outs take place in."""
        options = trajectory.env_options
        if not self.beyond:
            return options
        probe = make_envs(trajectory.env_id, 1, {**options, "verifiers": [], "reward": "outcome"})
        limit = probe.envs[0].max_steps
        probe.close()
        return {**options, "max_steps": limit + self.beyond}

    def _all(self, estimator: RolloutEstimator, trajectories: Sequence[Trajectory]) -> list[dict[int, Estimate]]:
        """Estimates of all states by the number of steps before them; with `beyond` of the end of a truncated trajectory too."""
        names: list[object] = []
        visited: list[int] = []
        standing: dict[object, tuple[str, Prefix]] = {}
        for trajectory in trajectories:
            chain = prefixes_of(trajectory)
            own = self._names(trajectory, chain)
            names += own
            visited.append(len(own))
            for name, key, prefix in zip(own, chain[-1].keys, chain, strict=False):  # the end is mostly not visited
                if name not in standing or key < standing[name][0]:
                    standing[name] = key, prefix
        drawn = estimator.estimate([prefix for _, prefix in standing.values()], self.k)
        found = dict(zip(standing, drawn, strict=True))
        flat = iter(names)
        return [{place: found[next(flat)] for place in range(count)} for count in visited]

    def _names(self, trajectory: Trajectory, chain: Sequence[Prefix] = ()) -> list[object]:
        """Of the states that are visited, in order: the same name for what is rolled out once.

        Args:
            trajectory: that came through them.
            chain: its prefixes, where they are known already.
        """
        ends = int(bool(self.beyond) and trajectory.truncated)
        if not self.share_states:
            return list((chain or prefixes_of(trajectory))[-1].keys[: len(trajectory.steps) + ends])
        states = [step.state_key for step in trajectory.steps] + [trajectory.steps[-1].next_state_key] * ends
        return [(trajectory.task_key, state) for state in states]

    def _searched(self, estimator: RolloutEstimator, trajectories: Sequence[Trajectory]) -> list[dict[int, Estimate]]:
        """Estimates of the states that were visited by the number of steps before them; the end is none of them."""
        errors = first_errors(estimator, [prefixes_of(trajectory) for trajectory in trajectories], self.k, until_success=False)
        return [
            {place: estimate for place, estimate in error.estimates.items() if place < len(trajectory.steps)}
            for error, trajectory in zip(errors, trajectories, strict=True)
        ]

    def save(self, directory: Path) -> None:
        """Write a note: all that the values depend on is in the options and in the agent."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "mc_value.json").write_bytes(msgspec.json.encode({"signal": self.name}))

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote: nothing.

        Raises:
            CheckpointError: it is of another signal.
        """
        if not (directory / "mc_value.json").is_file():
            raise CheckpointError(f"{directory} holds no mc_value")

    def close(self) -> None:
        """Close the environments."""
        for estimator in self._estimators.values():
            estimator.close()


def _require_outcomes(batch: StepBatch) -> None:
    last: IntArray = batch.offsets[1:] - 1
    expected = np.zeros_like(batch.rewards)
    expected[last] = batch.outcomes
    wrong = ~np.isclose(batch.rewards, expected, rtol=0.0, atol=1e-9)
    if wrong.any():
        raise CreditError(
            f"mc_value is the mean outcome of roll-outs, and the rewards are not outcomes alone in {rows_text(wrong)}; play with reward='outcome', or fill "
            "mc_value with the expected sums of your rewards."
        )

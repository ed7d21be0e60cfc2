"""Rollouts: groups of trajectories from an environment and an agent.

A group is several attempts at one task, which is what group baselines are taken over. All running episodes act in one batch, step in one batch, and each
verifier is called once on it; a slot that ends takes the next episode at once.
"""

import importlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import gymnasium
import msgspec
import numpy as np
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode

from prm_gym.agent import Action, Agent, Prompt, prompt_of, take
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError, UnknownNameError
from prm_gym.random_state import derived_seed
from prm_gym.recording import OpenEpisode
from prm_gym.task import Task
from prm_gym.trajectory import Trajectory
from prm_gym.vector import StepVectorEnv
from prm_gym.verdict_ledger import VerdictLedger


class Episode(msgspec.Struct, frozen=True):
    """One episode to be played.

    Attributes:
        seed: given to `reset`.
        group_id: shared by the attempts at one task.
        attempt: number within the group.
        options: given to `reset`.
    """

    seed: int
    group_id: str
    attempt: int = 0
    options: dict[str, Any] = {}

    @property
    def id(self) -> str:
        """`<group>/<attempt>`."""
        return f"{self.group_id}/{self.attempt}"


def groups(seeds: Iterable[int], attempts: int, prefix: str = "") -> list[Episode]:
    """Episodes of one group a seed, `attempts` each.

    Args:
        seeds: one task each.
        attempts: how many episodes of every task, >= 1.
        prefix: put before the group ids, so that they stay distinct across calls.
    """
    if attempts < 1:
        raise OptionError(f"attempts must be at least 1, got {attempts}")
    return [Episode(int(seed), f"{prefix}{seed}", attempt) for seed in seeds for attempt in range(attempts)]


class Rollouts:
    """Plays episodes in `num_envs` environments at once.

    One object can be used again and again; environments and verifiers are made once.
    """

    def __init__(self, env_id: str, env_options: Mapping[str, Any] | None = None, num_envs: int = 32) -> None:
        """Make the environments.

        Args:
            env_id: a registered id.
            env_options: keyword options of the environment.
            num_envs: how many episodes run at once, >= 1.

        Raises:
            UnknownNameError: no environment has that id; says the near miss.
        """
        self.env_id = env_id
        self.env_options = dict(env_options or {})
        self.envs = make_envs(env_id, num_envs, self.env_options)
        self.steps_taken = 0
        self.ledger = VerdictLedger(verifier.id for verifier in self.envs.verifiers)

    def close(self) -> None:
        """Close environments and verifiers."""
        self.envs.close()

    def task(self, seed: int) -> Task:
        """The task of a seed."""
        self.envs.envs[0].reset(seed=seed)
        return self.envs.envs[0].task

    def play(self, agent: Agent, episodes: Sequence[Episode], progress: Callable[[int], None] | None = None, *, seed: int | None = None) -> list[Trajectory]:
        """The trajectories of the episodes, in the order given.

        Args:
            agent: acts for all of them.
            episodes: with distinct ids.
            progress: called with the number of steps just taken, after every batch.
            seed: from which, with the episode's id and the step's place, a `seeded` agent draws every action, whatever was played before; None leaves it to
                the agent's own generator.

        Raises:
            OptionError: two episodes have one id.
        """
        distinct = len({episode.id for episode in episodes})
        if distinct != len(episodes):
            raise OptionError(f"{len(episodes)} episodes have only {distinct} distinct ids")
        by_id = {trajectory.id: trajectory for trajectory in self.stream(agent, episodes, progress, seed=seed)}
        return [by_id[episode.id] for episode in episodes]

    def stream(
        self, agent: Agent, episodes: Iterable[Episode], progress: Callable[[int], None] | None = None, *, seed: int | None = None
    ) -> Iterator[Trajectory]:
        """The trajectories as they end; see `play`."""
        waiting = deque(episodes)
        free = list(range(self.envs.num_envs - 1, -1, -1))
        running: dict[int, _Running] = {}
        while waiting or running:
            begun: list[_Running] = []
            while waiting and free:
                slot, episode = free.pop(), waiting.popleft()
                running[slot] = _Running(episode, self.envs.envs[slot], seed)
                begun.append(running[slot])
            StepEnv.reset_batch([run.env for run in begun], [run.episode.seed for run in begun], [run.episode.options for run in begun])
            slots = list(running)
            actions = _act(agent, list(running.values()))
            self._step(running, slots, actions)
            if progress is not None:
                progress(len(slots))
            for slot in slots:
                if running[slot].ended:
                    trajectory = self._finished(running.pop(slot), agent)
                    free.append(slot)
                    self.count([trajectory])
                    yield trajectory

    def count(self, trajectories: Iterable[Trajectory]) -> None:
        """Count the steps and verdicts of these episodes, which were played here or, in an engine's worker, elsewhere."""
        for trajectory in trajectories:
            self.steps_taken += len(trajectory.steps)
            self.ledger.add(trajectory)

    @property
    def verdicts_given(self) -> dict[str, int]:
        """Verdicts so far, by verifier."""
        return self.ledger.total("calls")

    @property
    def abstentions(self) -> dict[str, int]:
        """How many of them came without a score, by verifier."""
        kinds = [self.ledger.total(kind) for kind in ("abstain", "timeout", "error")]
        return {verifier: sum(kind[verifier] for kind in kinds) for verifier in self.ledger.verifiers}

    def _step(self, running: "Mapping[int, _Running]", slots: Sequence[int], actions: Sequence[Action]) -> None:
        before = [running[slot].env.situation for slot in slots]
        results = take([running[slot].env for slot in slots], actions, self.envs.verifiers)
        for slot, action, situation, result in zip(slots, actions, before, results, strict=True):
            running[slot].record(situation, action, result)

    def _finished(self, run: "_Running", agent: Agent) -> Trajectory:
        episode = run.episode
        return run.as_trajectory(episode.id, episode.group_id, seed=episode.seed, env_id=self.env_id, env_options=self.env_options, agent=agent.id)


class _Running(OpenEpisode):
    """An episode under way."""

    def __init__(self, episode: Episode, env: StepEnv, seed: int | None) -> None:
        super().__init__(env)
        self.episode = episode
        self.seed = None if seed is None else derived_seed(seed, episode.id)

    def prompt(self, privileged: bool) -> Prompt:
        # A number of its own for every step: the agent's generator mixes it.
        seed = None if self.seed is None else self.seed + 1 + len(self.steps)
        return prompt_of(self.env, privileged, seed=seed, episode=self.episode.id)


def make_envs(env_id: str, num_envs: int, env_options: Mapping[str, Any]) -> StepVectorEnv:
    """The batched environments of a registered id, with autoreset off.

    Args:
        env_id: as Gymnasium takes it: "prm_gym/Deduction-v0", or "my_package:mine/Puzzle-v0", which imports `my_package` first.
        num_envs: how many.
        env_options: their options.

    Raises:
        UnknownNameError: no such id; says the near miss.
        OptionError: the module before the colon cannot be imported.
        ContractError: the id belongs to something else than a step environment.
    """
    step_env_spec(env_id)
    envs = gymnasium.make_vec(env_id, num_envs=num_envs, vectorization_mode="vector_entry_point", autoreset_mode=AutoresetMode.DISABLED, **env_options)
    if not isinstance(envs, StepVectorEnv):
        raise ContractError(f"{env_id} makes a {type(envs).__name__}, not a StepVectorEnv")
    return envs


def step_env_spec(env_id: str) -> EnvSpec:
    """What Gymnasium's registry holds of a step environment.

    Args:
        env_id: see `make_envs`.

    Raises:
        UnknownNameError: no such id; says the near miss.
        OptionError: the module before the colon cannot be imported.
        ContractError: the id belongs to something else than a step environment.
    """
    module, separator, name = env_id.rpartition(":")
    if separator:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise OptionError(f"the module of {env_id!r} cannot be imported: {error}") from error
    if name not in gymnasium.registry:
        raise UnknownNameError("environment", name, [known for known, spec in gymnasium.registry.items() if _is_ours(spec)])
    if not _is_ours(gymnasium.registry[name]):
        raise ContractError(f"{env_id} is no step environment: register it with prm_gym.register")
    return gymnasium.registry[name]


def _is_ours(spec: Any) -> bool:
    return str(spec.vector_entry_point).startswith("prm_gym.vector:")


def _act(agent: Agent, runs: "Sequence[_Running]") -> list[Action]:
    prompts = [run.prompt(agent.privileged) for run in runs]
    actions = agent.act(prompts)
    if len(actions) != len(prompts):
        raise ContractError(f"agent {agent.id!r} gave {len(actions)} actions for {len(prompts)} prompts")
    return actions


def success_rate(trajectories: Sequence[Trajectory]) -> float:
    """Mean outcome of the valid trajectories; NaN without any."""
    outcomes = [trajectory.outcome for trajectory in trajectories if trajectory.valid and trajectory.outcome is not None]
    return float(np.mean(outcomes)) if outcomes else float("nan")

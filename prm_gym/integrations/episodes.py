"""Episodes that another program plays: it hands in one action after the other, and takes the trajectory in the end."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from prm_gym.agent import Action
from prm_gym.env import StepEnv
from prm_gym.errors import EnvironmentFault, OptionError
from prm_gym.recording import OpenEpisode
from prm_gym.rollout import make_envs
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Verdict
from prm_gym.verifier import badness

SCHEMA = 1  # of `PlayedEpisode.as_json`
_TOLD = ("index", "observation", "action", "reward", "state_key", "next_state_key", "terminated", "truncated")


class EnvironmentPool:
    """Environments of one kind, as many as are asked for, which share their verifiers.

    Attributes:
        verifiers: of all of them.
    """

    def __init__(self, env_id: str, env_options: Mapping[str, Any] | None = None) -> None:
        """Make the first.

        Args:
            env_id: a registered id.
            env_options: keyword options.

        Raises:
            UnknownNameError: there is no such environment.
        """
        self._env_id, self._env_options = env_id, dict(env_options or {})
        first = make_envs(env_id, 1, self._env_options)
        self._envs, self.verifiers = list(first.envs), first.verifiers

    def take(self, count: int) -> list[StepEnv]:
        """The first `count` of them; missing ones are made."""
        if count > len(self._envs):
            shared = {**self._env_options, "verifiers": list(self.verifiers)}
            self._envs.extend(make_envs(self._env_id, count - len(self._envs), shared).envs)
        return self._envs[:count]

    def close(self) -> None:
        """Close them and the verifiers."""
        for env in reversed(self._envs):  # the first owns the verifiers
            env.close()


def begin(envs: Sequence[StepEnv], seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]) -> list[str]:
    """Begin episodes in distinct environments.

    Args:
        envs: the environments.
        seeds: one for each.
        options: one for each, for `reset`.

    Returns:
        [len(envs)] why the infrastructure could not begin it; empty where it did.
    """
    try:
        StepEnv.reset_batch(envs, seeds, options)
    except EnvironmentFault:  # which one it was nobody says
        return [_fault(env, seed, given) for env, seed, given in zip(envs, seeds, options, strict=True)]
    return [""] * len(envs)


def _fault(env: StepEnv, seed: int | None, options: dict[str, Any] | None) -> str:
    try:
        StepEnv.reset_batch([env], [seed], [options])
    except EnvironmentFault as fault:
        return f"the infrastructure failed: {fault}"
    return ""


class PlayedEpisode(OpenEpisode):
    """An episode that another program plays, step by step."""

    def __init__(self, env: StepEnv, env_id: str, env_options: Mapping[str, Any], seed: int | None, agent: str) -> None:
        """Record an episode that has just begun, or is to.

        Args:
            env: in which it runs.
            env_id: as it is registered.
            env_options: that it was made with.
            seed: of `reset`.
            agent: who plays it.
        """
        super().__init__(env)
        self._env_id, self._env_options, self._seed, self._agent = env_id, env_options, seed, agent

    def step(self, text: str) -> Step:
        """Take a step.

        Raises:
            gymnasium.error.ResetNeeded: the episode has ended, or none has begun.
        """
        before = self.env.situation
        self.record(before, Action(text=text), self.env.step(text))
        return self.steps[-1]

    @property
    def total_reward(self) -> float | None:
        """What it has earned: the rewards so far, and of one that nobody has ended what it is worth when it is cut here; None where it is not valid."""
        if not self.valid:
            return None
        return sum(step.reward for step in self.steps) + (0.0 if self.ended else self.env.truncation_outcome())

    def as_json(self) -> list[dict[str, Any]]:
        """Every step as JSON values, with what of it its player may keep: no claims, which may hold the answer.

        A score that nobody can tell is None; so is `outcome` but at the end of a valid episode, and `valid` is False of the step that was spoilt.
        """
        last = len(self.steps) - 1
        return [
            {
                **{name: getattr(step, name) for name in _TOLD},
                "verdicts": msgspec.to_builtins(step.verdicts),
                "outcome": self.outcome if place == last else None,
                "valid": self.valid or place != last,
            }
            for place, step in enumerate(self.steps)
        ]

    def trajectory(self, identity: str, group: str, turns: Sequence[Sequence[int]] | None = None) -> Trajectory | None:
        """What happened, or None where nothing did or it is not valid. An episode that nobody has ended was cut: `truncated`, and paid accordingly.

        Args:
            identity: id of the trajectory.
            group: which attempts share the task.
            turns: where a turn of the agent may be several steps, or none: of each turn the places of its steps, in order. A turn is then one step of the
                trajectory; what came after the end of the episode is left out. None: every step is a turn.

        Raises:
            OptionError: the turns are not those of the steps.
        """
        steps = list(self.steps) if turns is None else self._merged(turns)
        if not self.valid or not steps:
            return None
        played = self.as_trajectory(identity, group, seed=self._seed, env_id=self._env_id, env_options=self._env_options, agent=self._agent)
        if self.ended:
            return msgspec.structs.replace(played, steps=tuple(steps))
        outcome = self.env.truncation_outcome()
        steps[-1] = msgspec.structs.replace(steps[-1], truncated=True, reward=steps[-1].reward + outcome)
        return msgspec.structs.replace(played, steps=tuple(steps), outcome=outcome, final=self.env.situation)

    def _merged(self, turns: Sequence[Sequence[int]]) -> list[Step]:
        if [place for turn in turns for place in turn] != list(range(len(self.steps))):
            raise OptionError(f"the turns hold the steps {[list(turn) for turn in turns]}, and there are {len(self.steps)}")
        merged: list[Step] = []
        at = 0
        for index, turn in enumerate(turns):
            if self.ended and at == len(self.steps):
                break
            if turn:
                merged.append(_together(index, self.steps[at : at + len(turn)]))
                at += len(turn)
            else:
                now = self.steps[at] if at < len(self.steps) else None
                observation, key = (self.env.situation.observation, self.env.situation.state_key) if now is None else (now.observation, now.state_key)
                merged.append(Step(index=index, observation=observation, action="", state_key=key, next_state_key=key, reward=0.0))
        return merged


def _together(index: int, taken: Sequence[Step]) -> Step:
    """Steps of one turn as one step: the worst verdict of each verifier, the sum of the rewards."""
    verdicts: dict[str, Verdict] = {}
    for step in taken:
        for name, verdict in step.verdicts.items():
            if name not in verdicts or badness(verdict) > badness(verdicts[name]):
                verdicts[name] = verdict
    last = taken[-1]
    return msgspec.structs.replace(
        taken[0],
        index=index,
        action="\n".join(step.action for step in taken),
        claims=tuple(claim for step in taken for claim in step.claims),
        next_state_key=last.next_state_key,
        reward=sum(step.reward for step in taken),
        verdicts=verdicts,
        terminated=last.terminated,
        truncated=last.truncated,
    )

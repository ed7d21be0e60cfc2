"""Prefixes: how an episode began and what was done since, which is all that an environment needs to stand there again."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import msgspec

from prm_gym.claims import Malformed
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError
from prm_gym.task import Origin, content_key
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verifier import PastStep, StepContext


class Prefix(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The beginning of an episode.

    Attributes:
        origin: how the episode began; None where it is not known, and the task must be found among those that the environment lists.
        task_key: of the task that must come of it; empty where any will do.
        actions: taken since.
        observations: what was seen before each of them, which must be seen again; empty where that is not to be held against it.
        reseeds: (place, seed): before the action of this place the environment's generator was seeded anew, as roll-outs do.
        unread: places of texts that the environment could not read as a step, and must not read now: what is stored of a text that was too long or could not be
            encoded is another text.
    """

    origin: Origin | None
    task_key: str = ""
    actions: tuple[str, ...] = ()
    observations: tuple[str, ...] = ()
    reseeds: tuple[tuple[int, int], ...] = ()
    unread: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def key(self) -> str:
        """Equal exactly when the beginning and all that was done and seen since are equal."""
        return self.keys[-1]

    @property
    def keys(self) -> list[str]:
        """[len + 1] the keys of this prefix cut after 0, 1, ... actions."""
        seeds = dict(self.reseeds)
        first = "" if self.origin is None else content_key(self.origin.random_state, msgspec.json.encode(self.origin.options, order="deterministic").decode())
        shown = self.observations or [""] * len(self)
        steps = (
            content_key(action, seen, str(seeds.get(place, "")), "unread" if place in self.unread else "")
            for place, (action, seen) in enumerate(zip(self.actions, shown, strict=True))
        )
        return list(accumulate(steps, content_key, initial=content_key(self.task_key, first)))

    def cut(self, steps: int) -> "Prefix":
        """The first steps alone.

        Args:
            steps: from 0 to its length.
        """
        reseeds, unread = tuple(pair for pair in self.reseeds if pair[0] < steps), tuple(place for place in self.unread if place < steps)
        return msgspec.structs.replace(self, actions=self.actions[:steps], observations=self.observations[:steps], reseeds=reseeds, unread=unread)

    def extended(self, actions: Sequence[str], observations: Sequence[str] = (), seed: int | None = None) -> "Prefix":
        """With more steps after it.

        Args:
            actions: that follow.
            observations: what was seen before each of them; () where that is not known.
            seed: with which the environment's generator was seeded before them, if so.
        """
        if not actions:
            return self
        whole = len(self.observations) == len(self.actions) and len(observations) == len(actions)
        return msgspec.structs.replace(
            self,
            actions=(*self.actions, *actions),
            observations=(*self.observations, *observations) if whole else (),
            reseeds=self.reseeds if seed is None else (*self.reseeds, (len(self.actions), seed)),
        )


def prefix_before(step: StepContext) -> Prefix:
    """Where a step was taken."""
    return _prefix(step.origin, step.task.key, step.previous)


def prefix_after(step: StepContext) -> Prefix:
    """Where a step led."""
    return _prefix(step.origin, step.task.key, (*step.previous, PastStep(step.observation, step.action, step.claims)))


def prefixes_of(trajectory: Trajectory) -> list[Prefix]:
    """[T + 1] the beginnings of a trajectory: before its first step, and after each.

    Args:
        trajectory: with the seed that it was begun with, or its origin. That the options of a `reset` with a seed are not stored does no harm where they chose
            a listed task.
    """
    origin = trajectory.origin if trajectory.seed is None else Origin.of_seed(trajectory.seed)
    whole = _prefix(origin, trajectory.task_key, trajectory.steps)
    return [whole.cut(steps) for steps in range(len(whole) + 1)]


def prefix_of(env: StepEnv) -> Prefix:
    """Where an environment stands, if nothing but its steps has changed it since its reset.

    Args:
        env: with an episode.

    Raises:
        ContractError: it does not say how its episode began.
    """
    if env.origin is None:
        raise ContractError(f"{type(env).__name__} does not say how its episode began: reset it first, with options that are JSON values")
    return _prefix(env.origin, env.task.key, env.past_steps)


def _prefix(origin: Origin | None, task_key: str, steps: Sequence[PastStep | Step]) -> Prefix:
    return Prefix(
        origin=origin,
        task_key=task_key,
        actions=tuple(step.action for step in steps),
        observations=tuple(step.observation for step in steps),
        unread=tuple(place for place, step in enumerate(steps) if any(isinstance(claim, Malformed) for claim in step.claims)),
    )


def cuts(prefix: Prefix) -> Iterator[Prefix]:
    """The prefix after 0, 1, ... of its steps, itself at last."""
    return (prefix.cut(steps) for steps in range(len(prefix) + 1))

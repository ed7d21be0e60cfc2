"""Bringing environments to where a prefix ends: by a snapshot of it, or of its nearest beginning, and by replaying the rest."""

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from prm_gym.claims import Malformed
from prm_gym.env import MOST_TRIES, StepEnv
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, PrmGymError
from prm_gym.montecarlo.prefix import Prefix
from prm_gym.task import Origin

_Result = TypeVar("_Result")

MOST_BYTES, MOST_ENDS = 1 << 28, 100_000  # of all snapshots that are kept; ended prefixes whose outcomes are


class UnreachableError(PrmGymError):
    """A prefix at whose end no environment can be brought to stand; the message says why."""


class SpoiltError(UnreachableError):
    """The infrastructure failed; another try may do better."""


class Standing(msgspec.Struct, frozen=True):
    """How an environment stands after it was brought to a prefix.

    Attributes:
        outcome: the episode ended with it; None while it goes on.
        replayed: steps that were taken to get there.
    """

    outcome: float | None = None
    replayed: int = 0


class Places:
    """Brings environments to prefixes, and keeps snapshots so that the next one gets there faster.

    An environment that cannot save its state is replayed from the beginning each time. A replay that does not show what was seen then, or that makes
    another task, is an error: the environment is not the same, or leaves to chance what no seed decides.
    """

    def __init__(self, snapshots: int = 4_096) -> None:
        """Set how many snapshots are kept; 0 replays always.

        Args:
            snapshots: the least recently used goes first.
        """
        self.limit = snapshots
        self.can_save = snapshots > 0
        self._saved: OrderedDict[str, bytes] = OrderedDict()
        self._bytes = 0
        self._ended: dict[str, float] = {}
        self._origins: dict[str, Origin] = {}  # of tasks that were found by their number in a list

    def bring(self, env: StepEnv, prefix: Prefix) -> Standing:
        """Bring an environment to the end of a prefix.

        Args:
            env: is given this episode, whatever it was doing.
            prefix: where it is to stand.

        Raises:
            UnreachableError: it cannot be brought there; says why.
        """
        return _tried(lambda: self._bring(env, prefix))

    def _bring(self, env: StepEnv, prefix: Prefix) -> Standing:
        keys = prefix.keys
        if keys[-1] in self._ended:
            return Standing(self._ended[keys[-1]])
        known = next((place for place in range(len(prefix), -1, -1) if keys[place] in self._saved), None)
        if known is not None:
            self._saved.move_to_end(keys[known])
            try:
                _restored(env, self._saved[keys[known]])
            except SpoiltError:
                self._bytes -= len(self._saved.pop(keys[known]))  # the next try begins further back: a server keeps snapshots as long as it has room
                raise
        else:
            self._begin(env, prefix)
            known = 0
            self._save(env, keys[0])
        outcome = self._replay(env, prefix, known)
        if outcome is not None:
            if len(self._ended) >= MOST_ENDS:
                self._ended.clear()
            self._ended[keys[-1]] = outcome
        elif known < len(prefix):
            self._save(env, keys[-1])
        return Standing(outcome, len(prefix) - known)

    def _begin(self, env: StepEnv, prefix: Prefix) -> None:
        origin = self._origins.get(prefix.task_key, prefix.origin)
        if origin is not None:
            _rewound(env, origin)
        if origin is None or (prefix.task_key and env.task.key != prefix.task_key):
            self._search(env, prefix)

    def _search(self, env: StepEnv, prefix: Prefix) -> None:
        """Find the task among those that the environment lists: which one a `reset` was asked for is not stored with its trajectory."""
        count = env.task_count
        if count is None or not prefix.task_key:
            missing = "the step does not say how its episode began" if prefix.origin is None else "the environment draws another task from this beginning"
            raise UnreachableError(f"{missing}, and lists none to choose from; is it the same environment, with the same options?")
        given = {} if prefix.origin is None else prefix.origin.options
        state = Origin.of_seed(0).random_state if prefix.origin is None else prefix.origin.random_state
        for index in range(count):
            origin = Origin(state, {**given, "task_index": index})
            with suppress(EnvironmentFault):
                env.rewind(origin)
            self._origins.setdefault(env.task.key, origin)
            if env.task.key == prefix.task_key:
                return
        raise UnreachableError(f"none of the {count} tasks that the environment lists is this one")

    def _replay(self, env: StepEnv, prefix: Prefix, start: int) -> float | None:
        """Take the steps from a place on; the outcome if the last one ends the episode."""
        reseeds = dict(prefix.reseeds)
        outcome: float | None = None
        for place in range(start, len(prefix)):
            if outcome is not None:
                raise UnreachableError(f"the episode ended at step {place} of {len(prefix)} when it was replayed")
            if place in reseeds:
                reseed(env, reseeds[place])
            if prefix.observations and env.situation.observation != prefix.observations[place]:
                raise UnreachableError(f"step {place} was not shown what it was shown then: the environment is another one, or cannot be replayed")
            outcome = self._step(env, prefix.actions[place])
            if place in prefix.unread and not any(isinstance(claim, Malformed) for claim in env.past_steps[-1].claims):
                raise UnreachableError(f"step {place} was no step then, and what is stored of it is one")
        return outcome

    @staticmethod
    def _step(env: StepEnv, action: str) -> float | None:
        _, _, terminated, truncated, info = StepEnv.step_batch([env], [action], ())[0]
        if not info["valid"]:
            raise SpoiltError("the infrastructure failed while the prefix was replayed")
        return info["outcome"] if terminated or truncated else None

    def _save(self, env: StepEnv, key: str) -> None:
        if not self.can_save:
            return
        try:
            snapshot = env.snapshot()
        except ContractError:  # it says so itself: a live site
            self.can_save = False
            return
        except EnvironmentFault:  # it stands here all the same
            return
        self._bytes += len(snapshot) - len(self._saved.get(key, b""))
        self._saved[key] = snapshot
        while len(self._saved) > self.limit or self._bytes > MOST_BYTES:
            self._bytes -= len(self._saved.popitem(last=False)[1])


def put_back(env: StepEnv, snapshot: bytes) -> None:
    """Restore a snapshot; where the infrastructure fails, once more.

    Args:
        env: is given this episode, whatever it was doing.
        snapshot: of an environment of the same class and options.

    Raises:
        SpoiltError: it failed each time; says why.
        ContractError: the bytes are no snapshot of it.
    """
    _tried(lambda: _restored(env, snapshot))


def reseed(env: StepEnv, seed: int) -> None:
    """Have an environment draw from another generator.

    Args:
        env: see `StepEnv.reseed`.
        seed: likewise.

    Raises:
        SpoiltError: the infrastructure failed.
    """
    try:
        env.reseed(seed)
    except EnvironmentFault as fault:
        raise SpoiltError(f"the infrastructure failed: the generator could not be seeded: {fault}") from fault


def _tried(bring: Callable[[], _Result]) -> _Result:
    for _ in range(MOST_TRIES - 1):
        with suppress(SpoiltError):
            return bring()
    return bring()


def _restored(env: StepEnv, snapshot: bytes) -> None:
    try:
        env.restore(snapshot)
    except EnvironmentFault as fault:
        raise SpoiltError(f"the infrastructure failed: the state could not be put back: {fault}") from fault


def _rewound(env: StepEnv, origin: Origin) -> Any:
    """Begin an episode once more."""
    try:
        return env.rewind(origin)
    except EnvironmentFault as fault:
        raise SpoiltError(f"the episode could not be begun once more: {fault}") from fault
    except (ContractError, OptionError) as error:
        raise UnreachableError(f"the episode cannot be begun once more: {error}") from error

"""Recording: what is played in environments as trajectories, whoever plays it.

env = gym.make("prm_gym/Countdown-v0", verifiers=["arithmetic"])
with Recorder(env, "episodes.jsonl", agent="mine"):
    ...  # any loop over env.reset and env.step: prm-gym view episodes.jsonl shows what it did

A recorder stands at the environments themselves, beneath every wrapper: it keeps the text that reached the environment, with the verdicts on it and the
reward that the environment gave.
"""

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self, cast
from uuid import uuid4

from prm_gym._version import VERSION
from prm_gym.agent import Action, recorded
from prm_gym.env import StepEnv, StepResult, option_names
from prm_gym.errors import OptionError, StoreError
from prm_gym.options import stored_options
from prm_gym.store import TrajectoryWriter
from prm_gym.trajectory import Step, Trajectory
from prm_gym.transition import Situation

_LETTERS = 8  # of a task's key in an id; two tasks that share them share the numbers
_UNSAID = Action(text="")  # the environment knows the text, nobody the tokens


class OpenEpisode:
    """An episode under way, and what has been recorded of it.

    Attributes:
        env: in which it runs.
        steps: that were taken.
        outcome: in [0, 1] once it has ended; None before, and where it is not valid.
        valid: False once the infrastructure has spoilt it.
        ended: whether it has.
    """

    def __init__(self, env: StepEnv) -> None:
        """Record an episode that has just begun, or is to.

        Args:
            env: in which it runs.
        """
        self.env = env
        self.steps: list[Step] = []
        self.outcome: float | None = None
        self.valid, self.ended = True, False

    def record(self, before: Situation, action: Action, result: StepResult) -> None:
        """Record the step that was just taken.

        Args:
            before: the situation in which the action was chosen.
            action: that was chosen.
            result: of `gymnasium.Env.step`.
        """
        _, _, terminated, truncated, info = result
        self.steps.append(recorded(self.env, before, action, result))
        self.outcome, self.valid = info["outcome"], info["valid"]
        self.ended = terminated or truncated

    def as_trajectory(self, identity: str, group: str, *, seed: int | None, env_id: str, env_options: Mapping[str, Any], agent: str) -> Trajectory:
        """What was recorded so far.

        Args:
            identity: id of the trajectory.
            group: which attempts share the task.
            seed: of `reset`.
            env_id: as it is registered.
            env_options: that the environment was made with.
            agent: id of the agent.
        """
        return Trajectory(
            id=identity,
            group_id=group,
            task=self.env.task,
            seed=seed,
            env_id=env_id,
            env_options=stored_options(env_options),
            agent=agent,
            outcome=self.outcome,
            valid=self.valid,
            steps=tuple(self.steps),
            library_version=VERSION,
            final=self.env.situation if self.valid and self.steps and self.steps[-1].truncated else None,
            origin=self.env.origin if seed is None else None,
        )


class RecordingFault(RuntimeWarning):
    """A recorder could not write."""


class Recorder:
    """Keeps every episode that ends in some environments as a `Trajectory`, whatever loop plays it.

    Attempts at one task form a group, which is named by the task's key. Ids are `<first letters of the key>/<letters of this recorder>-<number>`, so that
    several recorders can follow one another in one file. Episodes that are left before their end are not kept, as by Gymnasium's `RecordEpisodeStatistics`:
    those that a `TimeLimit` cuts from outside are among them (`max_steps` of the environment cuts them itself), and one in which a snapshot was put back.

    A trainer is not ended because a disk is full: what cannot be written is said once, as a `RecordingFault`, and `close` raises it.

    Attributes:
        kept: episodes that ended, and are valid.
        spoilt: episodes that ended since the infrastructure failed; they are kept too, marked as not valid.
        left: episodes that were left before their end.
    """

    def __init__(
        self,
        env: Any,
        path: Path | str | None = None,
        *,
        agent: str = "unnamed",
        in_memory: bool | None = None,
        env_id: str | None = None,
        env_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin with the next episode of each environment.

        Args:
            env: an environment of `gymnasium.make` or `make_vec`, or a vector of them in this process (Gymnasium's `SyncVectorEnv`, `DummyVecEnv` of
                Stable-Baselines3), however it is wrapped. Nothing of what it does changes.
            path: each trajectory is appended to this file as it ends. One recorder writes to it at a time.
            agent: who plays, as trajectories say it.
            in_memory: keep them for `take`; None: where there is no path.
            env_id: as it is registered; None: as `gymnasium.make` noted it, else the name of the class.
            env_options: that the environment was made with; None: as `gymnasium.make` noted them, else none.

        Raises:
            OptionError: these are no step environments of this process, or one of them is recorded already.
            StoreError: the file cannot be opened.
        """
        self._envs, vector = _step_envs(env)
        for each in self._envs:
            if each.watcher is not None:
                raise OptionError("this environment is recorded already: close that recorder first")
        noted = {each: _source(each, vector) for each in self._envs}
        self._sources = {each: (env_id or name, options if env_options is None else dict(env_options)) for each, (name, options) in noted.items()}
        self._agent, self._in_memory = agent, path is None if in_memory is None else in_memory
        self._lock = Lock()  # episodes of one batch may begin in several threads
        self._running: dict[StepEnv, tuple[OpenEpisode, Situation, int | None]] = {}
        self._ended: list[Trajectory] = []
        self._letters, self._numbers = uuid4().hex[:6], Counter[str]()
        self._fault: StoreError | None = None
        self._path, self._writer, self._is_new = path, None, path is not None and not Path(path).exists()
        if path is not None:
            try:
                self._writer = TrajectoryWriter(path)
            except OSError as error:
                raise StoreError(f"{path} cannot be written: {error}") from error
        self.kept = self.spoilt = self.left = 0
        for each in self._envs:
            each.watcher = self

    def take(self) -> list[Trajectory]:
        """Those that have ended since the last call, in the order in which they ended.

        Raises:
            OptionError: they are not kept in memory.
        """
        if not self._in_memory:
            raise OptionError("the trajectories were written and not kept: Recorder(..., in_memory=True) does both")
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def close(self) -> None:
        """Leave the environments, which belong to the caller, and close the file; one that is new and empty is taken away.

        Raises:
            StoreError: not everything could be written.
        """
        for env in self._envs:
            if env.watcher is self:
                env.watcher = None
        with self._lock:
            self.left += sum(bool(record.steps) for record, _, _ in self._running.values())
            self._running.clear()
            writer, self._writer = self._writer, None
            if writer is not None:
                self._close(writer)
            fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    def _close(self, writer: TrajectoryWriter) -> None:
        try:
            if self._is_new and not writer.size:
                writer.path.unlink(missing_ok=True)
            writer.close()
        except OSError as error:
            self._fault = self._fault or StoreError(f"{writer.path} cannot be written: {error}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy of an environment, and one in another process, is not recorded."""
        return _nobody, ()

    # What the environments tell (`prm_gym.env.Watcher`).

    def begun(self, env: StepEnv, seed: int | None) -> None:
        """An episode has begun."""
        with self._lock:
            self._leave(env)
            if env in self._sources:  # and is no shallow copy
                self._running[env] = OpenEpisode(env), env.situation, seed

    def stepped(self, env: StepEnv, result: StepResult) -> None:
        """A step was taken, or the episode was spoilt."""
        running = self._running.get(env)
        if running is None:  # it had begun before
            return
        record, before, seed = running
        record.record(before, _UNSAID, result)
        if not record.ended:
            self._running[env] = record, env.situation, seed
            return
        with self._lock:
            if self._running.pop(env, None) is not None:
                self._keep(env, record, seed)

    def moved(self, env: StepEnv) -> None:
        """A snapshot was put back: what follows is another episode, whose beginning nobody has seen."""
        with self._lock:
            self._leave(env)

    def _leave(self, env: StepEnv) -> None:
        open_now = self._running.pop(env, None)
        self.left += int(open_now is not None and bool(open_now[0].steps))

    def _keep(self, env: StepEnv, record: OpenEpisode, seed: int | None) -> None:
        key, (env_id, options) = env.task.key, self._sources[env]
        name = f"{key[:_LETTERS]}/{self._letters}"
        trajectory = record.as_trajectory(f"{name}-{self._numbers[name]}", key, seed=seed, env_id=env_id, env_options=options, agent=self._agent)
        self._numbers[name] += 1
        if trajectory.valid:
            self.kept += 1
        else:
            self.spoilt += 1
        if self._in_memory:
            self._ended.append(trajectory)
        if self._writer is not None:
            try:
                self._writer.write([trajectory])
            except (OSError, StoreError) as error:
                self._missed(error)

    def _missed(self, error: Exception) -> None:
        if self._fault is None:
            self._fault = StoreError(f"not every episode could be written to {self._path}: {error}")
            warnings.warn(str(self._fault), RecordingFault, stacklevel=2)


def _nobody() -> None:
    """What stands in a copy for a recorder."""


def _step_envs(env: Any) -> tuple[list[StepEnv], Any]:
    """The environments beneath, and what holds them."""
    base = getattr(env, "unwrapped", env)
    held = [base] if isinstance(base, StepEnv) else [getattr(each, "unwrapped", each) for each in cast("Sequence[Any]", getattr(base, "envs", ()))]
    if not held or not all(isinstance(each, StepEnv) for each in held):
        said = "those of AsyncVectorEnv and SubprocVecEnv run in other processes: make a recorder there" if not held else "each must be a StepEnv"
        raise OptionError(f"a recorder needs step environments in this process, and {type(base).__name__} holds none; {said}")
    return held, base


def _source(env: StepEnv, vector: Any) -> tuple[str, dict[str, Any]]:
    """Id and options of an environment."""
    spec = env.spec or getattr(vector, "spec", None)
    if spec is None:
        return type(env).__name__, {}
    known = option_names(type(env))
    return spec.id, {name: value for name, value in spec.kwargs.items() if name in known}

"""StepEnv: the base class of environments whose every step is checked.

An environment says what happens (`begin`, `advance`) and what it claims about each step; this class does the rest: Gymnasium's contract, the call of
the verifiers, the reward scheme, the step limit, snapshots, and the guard against actions that are no text an environment should see.

A step has two halves, `_take` and `_settle`, with the verifiers between them. `StepEnv.step` runs them for one environment, `StepEnv.step_batch` (and so
`prm_gym.vector.StepVectorEnv` and the rollouts) for many, where each verifier is called once on the whole batch.
"""

import inspect
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, ClassVar, Protocol, TypeAlias, cast

import gymnasium
import msgspec
import numpy as np

from prm_gym.claims import Json, Malformed, Spoilt
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, UnknownNameError
from prm_gym.random_state import generator_of, random_state_of
from prm_gym.rewards import JudgedStep, RewardSpec, make_reward
from prm_gym.snapshot import Snapshot
from prm_gym.spaces import TextSpace, recordable
from prm_gym.task import Origin, Task
from prm_gym.tools import Tool
from prm_gym.transition import Situation, Transition
from prm_gym.verdict import Verdict, failed
from prm_gym.verifier import PastStep, StepContext, Verifier, VerifierSpec, make_verifiers, unjudged, verify_batch

OBSERVATION_LENGTH = 1 << 20
ACTION_LENGTH = 1 << 14
MOST_THREADS, MOST_TRIES = 32, 3  # of episodes that are begun at once; of beginning one
MALFORMED_LENGTH = 1_000  # of what is said of a text that is no step

StepResult: TypeAlias = tuple[str, float, bool, bool, dict[str, Any]]


# A step between the transition and the verdicts: observation before, action as recorded, transition, truncated, outcome, valid.
_Taken: TypeAlias = tuple[str, str, Transition, bool, float | None, bool]


class Watcher(Protocol):
    """Is told what happens in an environment, after it has happened, and raises nothing; a `prm_gym.recording.Recorder` is one."""

    def begun(self, env: "StepEnv", seed: int | None) -> None:
        """An episode has begun, with this seed of `reset`."""

    def stepped(self, env: "StepEnv", result: StepResult) -> None:
        """A step was taken and judged, or the episode was spoilt in place of one."""

    def moved(self, env: "StepEnv") -> None:
        """A snapshot was put back, or was to be."""


class StepEnv(gymnasium.Env[str, str], ABC):
    """A Gymnasium environment that emits verdicts on every step.

    `info` of `reset` and `step` has the keys

    - `task_key` (str): same task, same key.
    - `state_key` (str): key of the state that the agent now sees.
    - `actions` (tuple of str): admissible actions now; empty where they cannot be listed.
    - `verdicts` (dict of str to `Verdict`): on the step just taken; empty after `reset`. For the trainer, not for the agent.
    - `outcome` (float in [0, 1] or None): at the end of a valid episode, else None.
    - `valid` (bool): False when the infrastructure spoilt the episode; it ends truncated, with reward 0, and trains nobody.

    `constant_action` is the single action that does best when it is always taken, where there is one: comparisons show it beside the random agent.

    To write one: implement `begin`, `advance`, `save_state`, `load_state` and `solution`; take your own options as keywords in `__init__` and pass
    `**options` on to `super().__init__`. Draw from `self.np_random` alone.
    """

    metadata: dict[str, Any] = {"render_modes": ["ansi"], "render_fps": 1}  # noqa: RUF012 - Gymnasium declares it so
    default_verifiers: ClassVar[tuple[str, ...]] = ()
    default_max_steps: ClassVar[int] = 32
    constant_action: ClassVar[str | None] = None
    watcher: Watcher | None = None

    def __init__(
        self,
        *,
        verifiers: Sequence[VerifierSpec] | None = None,
        reward: RewardSpec = "outcome",
        max_steps: int | None = None,
        render_mode: str | None = None,
        **unknown: Any,
    ) -> None:
        """Set up verifiers, reward and limits; see `StepOptions`.

        Raises:
            OptionError: an option that no class of this environment knows, or a value that cannot be honoured.
            UnknownNameError: no verifier or reward scheme has that name.
        """
        for name in unknown:
            raise OptionError(str(UnknownNameError(f"option of {type(self).__name__}", name, option_names(type(self)))))
        self.max_steps = self.default_max_steps if max_steps is None else max_steps
        if not isinstance(self.max_steps, int) or self.max_steps < 1:
            raise OptionError(f"max_steps must be an integer from 1 on, got {self.max_steps!r}")
        if render_mode not in (None, "ansi"):
            raise OptionError(f"render_mode is None or 'ansi', got {render_mode!r}")
        self.render_mode = render_mode
        specs = self.default_verifiers if verifiers is None else verifiers
        self.verifiers: tuple[Verifier, ...] = make_verifiers(specs)
        self._owned = tuple(v for v, spec in zip(self.verifiers, specs, strict=True) if v is not spec)
        self.reward_scheme = make_reward(reward, self.max_steps)
        ids = [verifier.id for verifier in self.verifiers]
        for verifier_id in self.reward_scheme.verifier_ids:
            if verifier_id not in ids:
                raise OptionError(str(UnknownNameError(f"verifier of this environment for the reward {self.reward_scheme.id!r}", verifier_id, ids)))
        self.observation_space: gymnasium.Space[str] = TextSpace(OBSERVATION_LENGTH)
        self.action_space: gymnasium.Space[str] = TextSpace(ACTION_LENGTH)
        self._task: Task | None = None
        self._origin: Origin | None = None
        self._situation = Situation(observation="", state_key="")
        self._past: list[PastStep] = []
        self._judged: list[JudgedStep] = []
        self._running = False

    # What an environment implements.

    @abstractmethod
    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a task from `self.np_random` and set the state to its beginning.

        Args:
            options: what was given to `reset(options=...)`.
        """

    @abstractmethod
    def advance(self, action: str) -> Transition:
        """Apply an action text: encodable Unicode of at most ACTION_LENGTH characters.

        A text that is no step must change nothing and claim `Malformed`; nothing that an agent writes may raise.

        Raises:
            EnvironmentFault: the infrastructure failed; the episode ends truncated and invalid.
        """

    @classmethod
    def prepare(cls, envs: "Sequence[StepEnv]", actions: Sequence[str]) -> None:
        """Do together, before any of them advances, what the environments of a batch would do one after the other; nothing unless overridden.

        Called by `step_batch` once a class, never by `step`. What it finds, an environment keeps together with all that it depends on (the program, the
        state); `advance` uses it only where that is the same still, and does the work itself where nothing is kept. So a step gives the same with and
        without it. It must not raise: what fails is left to `advance`.

        Args:
            envs: environments of exactly this class, about to step.
            actions: one for each, as the agent wrote them: of any length, and with any characters.
        """

    @classmethod
    def prepare_resets(cls, envs: "Sequence[StepEnv]", seeds: Sequence[int | None], options: Sequence[Mapping[str, Any]]) -> None:
        """The same for episodes that `reset_batch` is about to begin; nothing unless overridden.

        Args:
            envs: environments of exactly this class.
            seeds: of `reset`, one for each.
            options: of `reset`, one for each.
        """

    @classmethod
    def make_many(cls, count: int, **options: Any) -> "list[StepEnv]":
        """Environments that are going to step together: alike, with the same verifiers, which the first one closes.

        Args:
            count: how many, >= 1.
            **options: of the class.
        """
        first: StepEnv = cls(**options)
        alike: dict[str, Any] = {**options, "verifiers": list(first.verifiers)}
        return [first, *(cls(**alike) for _ in range(count - 1))]

    @abstractmethod
    def save_state(self) -> Json:
        """The environment's own state beside the task, as JSON values."""

    @abstractmethod
    def load_state(self, state: Any) -> None:
        """Put back what `save_state` gave; `self.task` is already that of the snapshot."""

    @abstractmethod
    def solution(self) -> list[str]:
        """Actions that earn the outcome 1 from the beginning of the current task: the proof that it is solvable."""

    @property
    def tells_solutions(self) -> bool:
        """Whether `solution` can be asked; one that is played elsewhere may keep it to itself."""
        return True

    def malformed(self, reason: str) -> Transition:
        """What comes of a text that is no step: nothing changes. Where actions call tools, the observation says what is wrong with it.

        Args:
            reason: in one sentence, for the agent too.
        """
        situation = self._situation
        if self.tools:
            situation = msgspec.structs.replace(situation, observation=f"Error: {reason}"[:MALFORMED_LENGTH])
        return Transition(situation=situation, claims=(Malformed(reason),))

    def truncation_outcome(self) -> float:
        """The outcome of an episode that runs into the step limit; 0 unless the environment says otherwise."""
        return 0.0

    def more_info(self) -> dict[str, Any]:
        """What stands in `info` beside the keys that every environment has; called after each reset and step."""
        return {}

    @property
    def tools(self) -> tuple[Tool, ...]:
        """The tools that an action may call, where actions are calls of tools; an agent with native tool calls is given their schemas."""
        return ()

    @property
    def task_count(self) -> int | None:
        """How many tasks the environment chooses from, where they are listed (a task file): `reset(options={"task_index": i})` then takes one."""
        return None

    def choose_task(self, options: Mapping[str, Any]) -> int | None:
        """The place of the task to take among those that are listed: what `options["task_index"]` names, else drawn evenly.

        Returns:
            None where no tasks are listed.

        Raises:
            OptionError: another option, no such place, or a place where no tasks are listed.
        """
        for name in options:
            if name != "task_index":
                raise OptionError(str(UnknownNameError(f"reset option of {type(self).__name__}", name, ["task_index"])))
        count = self.task_count
        if count is None:
            if options:
                raise OptionError("task_index chooses a task of a file: make the environment with tasks=PATH")
            return None
        drawn = int(self.np_random.integers(count))
        given: Any = options.get("task_index", drawn)
        try:
            index = operator.index(given)
        except TypeError:
            index = -1
        if not 0 <= index < count:
            raise OptionError(f"task_index must be an integer from 0 to {count - 1}, got {given!r}")
        return index

    # Gymnasium's side.

    @property
    def task(self) -> Task:
        """The current task, with its sealed part.

        Raises:
            ContractError: before the first `reset`.
        """
        if self._task is None:
            raise ContractError("there is no task before the first reset()")
        return self._task

    @property
    def situation(self) -> Situation:
        """What the agent faces now."""
        return self._situation

    @property
    def past_steps(self) -> tuple[PastStep, ...]:
        """The steps of the episode so far."""
        return tuple(self._past)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin an episode; the same seed gives the same episode in any process."""
        super().reset(seed=seed)
        self._origin = Origin.of_generator(self.np_random, options)
        self._task, self._situation = self.begin(options or {})
        self._past.clear()
        self._judged.clear()
        self._running = True
        if self.watcher is not None:
            self.watcher.begun(self, seed)
        return self._situation.observation, self._info({}, None, True)

    @property
    def origin(self) -> Origin | None:
        """How the episode began; None before the first `reset`, and where its options are no JSON values."""
        return self._origin

    def rewind(self, origin: Origin) -> tuple[str, dict[str, Any]]:
        """Begin the episode of an origin once more: the same task, and the same chance in what follows.

        Args:
            origin: of an environment of the same class and options.

        Raises:
            ContractError: its random state cannot be read.
        """
        self.np_random = generator_of(origin.random_state)
        return self.reset(options=dict(origin.options) or None)

    def reseed(self, seed: int) -> None:
        """From here on, draw from another generator: what is left to chance after this is independent of what came before.

        Args:
            seed: >= 0.
        """
        self.np_random = np.random.Generator(np.random.PCG64(seed))

    @property
    def resets_wait(self) -> bool:
        """Whether a reset waits for something outside of this process, so that many are begun at once."""
        return False

    @staticmethod
    def reset_batch(envs: "Sequence[StepEnv]", seeds: Sequence[int | None], options: Sequence[dict[str, Any] | None]) -> list[tuple[str, dict[str, Any]]]:
        """Begin episodes in distinct environments: one after the other, or at once in threads where they wait for something outside.

        Args:
            envs: the environments.
            seeds: one for each.
            options: one for each.

        Returns:
            [len(envs)] results of `gymnasium.Env.reset`, in order.

        Raises:
            EnvironmentFault: an episode could not be begun, several times.
        """
        for kind in set(map(type, envs)):
            if cast("Any", kind.prepare_resets).__func__ is not _UNPREPARED_RESETS:
                rows = [row for row, env in enumerate(envs) if type(env) is kind]
                kind.prepare_resets([envs[row] for row in rows], [seeds[row] for row in rows], [options[row] or {} for row in rows])
        if len(envs) < 2 or not all(env.resets_wait for env in envs):
            return [_begun(env, seed, option) for env, seed, option in zip(envs, seeds, options, strict=True)]
        with ThreadPoolExecutor(min(len(envs), MOST_THREADS)) as pool:
            return list(pool.map(_begun, envs, seeds, options))

    def step(self, action: str) -> StepResult:
        """Take one step and have it verified.

        Raises:
            gymnasium.error.ResetNeeded: the episode has ended, or none has begun.
            ContractError: the action is no `str`.
        """
        self._require_ready(action)
        taken = self._take(action)
        verdicts = verify_batch(self.verifiers, (self._context(taken),))[0] if self.verifiers else {}
        return self._watched(self._settle(taken, verdicts))

    def spoil(self, reason: str, verifiers: Sequence[Verifier] = ()) -> StepResult:
        """End the episode in place of a step, since something that is not the environment's has failed: truncated, not valid, reward 0, no outcome.

        Args:
            reason: what failed, for a person.
            verifiers: those that would have judged the step; their verdicts say that there was none.

        Raises:
            gymnasium.error.ResetNeeded: the episode has ended, or none has begun.
        """
        self._require_ready("")
        self._running = False
        spoilt = Transition(situation=self._situation, claims=(Spoilt(reason),))
        return self._watched(self._settle((self._situation.observation, "", spoilt, True, None, False), unjudged(reason, verifiers)))

    def render(self) -> str | None:
        """The current observation in the mode "ansi"."""
        return self._situation.observation if self.render_mode == "ansi" else None

    def close(self) -> None:
        """Close the verifiers that were made from specifications; those given as objects belong to the caller."""
        for verifier in self._owned:
            verifier.close()

    # Snapshots.

    def snapshot(self) -> bytes:
        """The whole episode as it stands: task, state, random generator, history. `restore` puts it back, in any process."""
        return Snapshot(
            env=type(self).__name__,
            task=self.task,
            state=self.save_state(),
            random_state=random_state_of(self.np_random),
            situation=self._situation,
            past=tuple(self._past),
            judged=tuple(self._judged),
            running=self._running,
            origin=self._origin,
        ).encode()

    def restore(self, snapshot: bytes) -> None:
        """Put back an episode that `snapshot` saved from an environment of the same class and options.

        Raises:
            ContractError: the bytes are no snapshot, or one of another environment.
            EnvironmentFault: what the episode lives on (a browser, a server) failed; the snapshot may be good. In either case no episode is running.
        """
        saved = Snapshot.decode(snapshot, type(self).__name__)
        if self.watcher is not None:
            self.watcher.moved(self)
        try:
            self._put_back(saved)
        except (ContractError, EnvironmentFault):
            self._running = False  # part of one episode, part of another
            raise
        except Exception as error:  # bytes of another version, or changed on the way
            self._running = False
            raise ContractError(f"these bytes are no snapshot of this environment: {type(error).__name__}: {error}") from error

    def _put_back(self, saved: Snapshot) -> None:
        self.np_random = generator_of(saved.random_state)
        self._task, self._situation, self._running, self._origin = saved.task, saved.situation, saved.running, saved.origin
        self._past, self._judged = list(saved.past), list(saved.judged)
        self.load_state(saved.state)

    @staticmethod
    def step_batch(envs: "Sequence[StepEnv]", actions: Sequence[str], verifiers: Sequence[Verifier]) -> list[StepResult]:
        """Step all environments, then call each verifier once on the whole batch.

        Args:
            envs: distinct environments with a running episode.
            actions: one for each.
            verifiers: shared by all of them.

        Returns:
            [len(envs)] results of `gymnasium.Env.step`, in order.
        """
        for env, action in zip(envs, actions, strict=True):  # before any of them changes
            env._require_ready(action)
        for kind in set(map(type, envs)):
            if cast("Any", kind.prepare).__func__ is not _UNPREPARED:
                rows = [row for row, env in enumerate(envs) if type(env) is kind]
                kind.prepare([envs[row] for row in rows], [actions[row] for row in rows])
        taken = [env._take(action) for env, action in zip(envs, actions, strict=True)]
        verdicts: list[dict[str, Verdict]] = [{} for _ in envs]
        if verifiers:
            verdicts = verify_batch(verifiers, [env._context(step) for env, step in zip(envs, taken, strict=True)])
        results = [env._settle(step, judged) for env, step, judged in zip(envs, taken, verdicts, strict=True)]
        return [env._watched(result) for env, result in zip(envs, results, strict=True)]

    # The two halves of a step; `step_batch` puts the verifiers between them. Plain tuples, because this is the hot path.

    def _require_ready(self, action: str) -> None:
        if not self._running:
            raise gymnasium.error.ResetNeeded("the episode has ended or has not begun: call reset() before step()")
        if not isinstance(action, str):
            raise ContractError(f"an action is a str, got {type(action).__name__}")

    def _take(self, action: str) -> _Taken:
        before, valid, defect = self._situation, True, None
        if len(action) > ACTION_LENGTH or not action.isascii():
            action, defect = recordable(action, ACTION_LENGTH)
        try:
            transition = self.advance(action) if defect is None else self.malformed(defect)
        except EnvironmentFault as fault:
            valid = False
            transition = Transition(situation=before, claims=(Spoilt(f"the infrastructure failed: {fault}"),))
        outcome, terminated = transition.outcome, transition.terminated
        if (outcome is None) is terminated:
            raise ContractError(f"{type(self).__name__}.advance must give an outcome exactly when it terminates, got {transition!r}")
        truncated = not terminated and (not valid or len(self._past) + 1 >= self.max_steps)
        if truncated and valid:
            outcome = self.truncation_outcome()
        self._situation = transition.situation
        self._running = not (terminated or truncated)
        return before.observation, action, transition, truncated, outcome, valid

    def _context(self, taken: _Taken) -> StepContext:
        observation, action, transition, truncated, outcome, _ = taken
        return StepContext(
            task=self.task,
            observation=observation,
            action=action,
            claims=transition.claims,
            previous=self.past_steps,
            terminated=transition.terminated,
            truncated=truncated,
            outcome=outcome,
            origin=self._origin,
        )

    def _settle(self, taken: _Taken, verdicts: dict[str, Verdict]) -> StepResult:
        observation, action, transition, truncated, outcome, valid = taken
        terminated = transition.terminated
        if not valid:  # whatever the verifiers make of a step that did not take place
            verdicts = {name: msgspec.structs.replace(failed(_reason(transition)), verifier=name, version=v.version) for name, v in verdicts.items()}
        judged = JudgedStep(verdicts, outcome, terminated or truncated)
        reward = float(self.reward_scheme.reward(judged, self._judged)) if valid else 0.0
        self._past.append(PastStep(observation, action, transition.claims))
        self._judged.append(judged)
        return self._situation.observation, reward, terminated, truncated, self._info(verdicts.copy(), outcome, valid)

    def _watched(self, result: StepResult) -> StepResult:
        if self.watcher is not None:
            self.watcher.stepped(self, result)
        return result

    def _info(self, verdicts: dict[str, Verdict], outcome: float | None, valid: bool) -> dict[str, Any]:
        situation = self._situation
        return {
            "task_key": self._task.key if self._task is not None else "",
            "state_key": situation.state_key,
            "actions": situation.actions,
            "verdicts": verdicts,
            "outcome": outcome,
            "valid": valid,
            **self.more_info(),
        }


_UNPREPARED: Any = cast("Any", StepEnv.prepare).__func__
_UNPREPARED_RESETS: Any = cast("Any", StepEnv.prepare_resets).__func__


def _begun(env: StepEnv, seed: int | None, options: dict[str, Any] | None) -> tuple[str, dict[str, Any]]:
    """Begin an episode; where the infrastructure fails, once more."""
    for _ in range(MOST_TRIES - 1):
        with suppress(EnvironmentFault):
            return env.reset(seed=seed, options=options)
    return env.reset(seed=seed, options=options)


def option_names(env_class: type[StepEnv]) -> list[str]:
    """Every keyword option that an environment class and its bases take."""
    names: set[str] = set()
    for kind in env_class.__mro__:
        if issubclass(kind, StepEnv):
            parameters = inspect.signature(kind.__init__).parameters.values()
            names.update(p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY)
    return sorted(names)


def _reason(spoilt: Transition) -> str:
    return "; ".join(claim.reason for claim in spoilt.claims if isinstance(claim, Spoilt))

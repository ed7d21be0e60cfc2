"""An environment of ours as a conversation, which is what the loops of other projects hold: messages out, replies in, and a record of every step."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import gymnasium
import msgspec

from prm_gym.env import StepEnv
from prm_gym.judging.reading import without_thoughts
from prm_gym.rollout import step_env_spec
from prm_gym.verdict import Verdict

T = TypeVar("T")
Message = dict[str, str]

SCHEMA = 1  # of the records
LISTED = "Admissible actions, one a line:"


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one step.

    Attributes:
        index: from 0.
        observation: what was seen before it.
        action: what was done.
        reward: what `step` returned.
        verdicts: verdict by verifier id; a score that nobody can tell is None.
        state_key: of the state in which it was taken.
        next_state_key: of the state that it led to.
        terminated: the task ended here.
        truncated: the episode was cut here.
        outcome: in [0, 1] where a valid episode ended here, else None.
        valid: False where the infrastructure spoilt the episode.
    """

    index: int
    observation: str
    action: str
    reward: float
    verdicts: dict[str, Verdict]
    state_key: str
    next_state_key: str
    terminated: bool
    truncated: bool
    outcome: float | None
    valid: bool

    @property
    def ended(self) -> bool:
        """Whether it is the last one."""
        return self.terminated or self.truncated

    @property
    def scores(self) -> dict[str, float | None]:
        """P(the step is right) by verifier, in [0, 1]; None where it cannot tell."""
        return {name: verdict.score for name, verdict in self.verdicts.items()}

    def as_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return msgspec.to_builtins(self)


def make_env(env_id: str, options: Mapping[str, Any] | None = None) -> StepEnv:
    """One of our environments, without Gymnasium's wrappers.

    Args:
        env_id: as `gymnasium.make` takes it: "prm_gym/Deduction-v0", or "my_package:mine/Puzzle-v0".
        options: its keyword options.

    Raises:
        UnknownNameError: no environment has that id; says the near miss.
        OptionError: it does not take such an option, or the module before the colon cannot be imported.
        ContractError: the id belongs to something else than a step environment.
    """
    step_env_spec(env_id)
    return cast("StepEnv", gymnasium.make(env_id, disable_env_checker=True, **(options or {})).unwrapped)


class Conversation:
    """Episodes of one environment, driven by replies in text; used again and again.

        episode = Conversation("prm_gym/Countdown-v0", {"reward": "dense"})
        messages = episode.begin(seed=3)          # a system message with the instructions, a user message with what is seen
        while not episode.ended:
            text = ask(messages)
            episode.reply(text)                   # a StepRecord
            messages += [{"role": "assistant", "content": text}, {"role": "user", "content": episode.seen()}]

    The environment and its verifiers are made and used in one thread of their own, since some of them are bound to the thread that made them; the coroutine
    methods wait for it, the others block.

    Attributes:
        records: of the steps so far.
    """

    def __init__(self, env_id: str, options: Mapping[str, Any] | None = None, *, list_actions: bool = True) -> None:
        """Make the environment.

        Args:
            env_id: as `gymnasium.make` takes it.
            options: keyword options of the environment.
            list_actions: admissible actions are shown after what is seen, where the environment lists them.

        Raises:
            UnknownNameError: no environment has that id; says the near miss.
            OptionError: it does not take such an option.
        """
        self.env_id, self.options, self.list_actions = env_id, dict(options or {}), list_actions
        self.records: list[StepRecord] = []
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prm_gym episode")
        try:
            self._env = self._thread.submit(make_env, env_id, self.options).result()
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    @property
    def env(self) -> StepEnv:
        """The environment. It must not be stepped from another thread while the episode runs."""
        return self._env

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to do."""
        return bool(self.records) and self.records[-1].ended

    @property
    def outcome(self) -> float | None:
        """In [0, 1] at the end of a valid episode, else None."""
        return self.records[-1].outcome if self.records else None

    @property
    def valid(self) -> bool:
        """False where the infrastructure spoilt it; it then trains nobody."""
        return not self.records or self.records[-1].valid

    @property
    def total_reward(self) -> float:
        """Sum of the rewards so far."""
        return sum(record.reward for record in self.records)

    def begin(self, seed: int | None = None, options: dict[str, Any] | None = None) -> list[Message]:
        """Begin an episode.

        Args:
            seed: of `reset`.
            options: of `reset`.

        Returns:
            The system message, which says how an action is written, and the user's, which holds what is seen.
        """
        return self._thread.submit(self._begin, seed, options).result()

    def reply(self, text: str) -> StepRecord:
        """Take the step that a reply names: what it says after its thoughts; all of it where a thought is not ended, which is no step.

        Raises:
            gymnasium.error.ResetNeeded: the episode has ended, or none has begun.
        """
        return self.act(action_of(text))

    def act(self, action: str) -> StepRecord:
        """Take a step.

        Args:
            action: as it is.

        Raises:
            gymnasium.error.ResetNeeded: the episode has ended, or none has begun.
        """
        return self._thread.submit(self._act, action).result()

    async def begin_async(self, seed: int | None = None, options: dict[str, Any] | None = None) -> list[Message]:
        """`begin`, without blocking the event loop."""
        return await self._within(self._begin, seed, options)

    async def reply_async(self, text: str) -> StepRecord:
        """`reply`, without blocking the event loop."""
        return await self._within(self._act, action_of(text))

    def seen(self) -> str:
        """What the agent sees now, as the content of a user message."""
        situation = self._env.situation
        if not (self.list_actions and situation.actions):
            return situation.observation
        return "\n".join([situation.observation, "", LISTED, *situation.actions])

    def close(self) -> None:
        """Close the environment and end the thread. May be called twice."""
        try:
            self._thread.submit(self._env.close).result()
        except RuntimeError:  # it is shut down
            return
        self._thread.shutdown()

    async def close_async(self) -> None:
        """`close`, without blocking the event loop."""
        await asyncio.get_running_loop().run_in_executor(None, self.close)

    def __enter__(self) -> "Conversation":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def _within(self, work: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, functools.partial(work, *arguments))

    def _begin(self, seed: int | None, options: dict[str, Any] | None) -> list[Message]:
        self._env.reset(seed=seed, options=options)
        self.records = []
        return [{"role": "system", "content": self._env.task.instructions}, {"role": "user", "content": self.seen()}]

    def _act(self, action: str) -> StepRecord:
        before = self._env.situation
        _, reward, terminated, truncated, info = self._env.step(action)
        self.records.append(
            StepRecord(
                index=len(self.records),
                observation=before.observation,
                action=self._env.past_steps[-1].action,
                reward=reward,
                verdicts=info["verdicts"],
                state_key=before.state_key,
                next_state_key=info["state_key"],
                terminated=terminated,
                truncated=truncated,
                outcome=info["outcome"],
                valid=info["valid"],
            )
        )
        return self.records[-1]


def action_of(reply: str) -> str:
    """The action of a model's reply: what comes after its thoughts, without blanks around it; all of it where a thought is not ended, which is no step.

    >>> action_of("<think>3 * 8 = 24</think> 3 * 8")
    '3 * 8'
    """
    said = without_thoughts(reply)
    return (reply if said is None else said).strip()

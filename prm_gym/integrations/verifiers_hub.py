"""Our environments in Prime Intellect's `verifiers`, and its rewards as verifiers of ours.

`verifiers` finds a taskset by the name of an installed module that exports its classes. Put this into a module of yours, say `steps.py`:

    from prm_gym.integrations.verifiers_hub import StepHarness, StepRun, StepTaskset

    __all__ = ["StepHarness", "StepRun", "StepTaskset"]

and evaluate (or train with prime-rl):

    vf-eval steps --env.taskset.env-id prm_gym/Countdown-v0 --env.taskset.seeds 50 -m MODEL

Source: verifiers 0.4, https://github.com/PrimeIntellect-ai/verifiers (`v1/env.py`, `v1/taskset.py`, `v1/task.py`, `v1/trace.py`).
"""

# verifiers has an environment of its own and is not installed where types are checked: what comes of it is unknown there.
# pyright: basic, reportMissingImports=false

import asyncio
import importlib
import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

from prm_gym.errors import ContractError, MissingExtraError, OptionError
from prm_gym.integrations.conversation import Conversation
from prm_gym.integrations.episodes import SCHEMA, PlayedEpisode
from prm_gym.integrations.own_thread import OwnThread, own_thread
from prm_gym.integrations.verifiers_credit import KEY
from prm_gym.verdict import Verdict, abstained, failed, judged
from prm_gym.verifier import StepContext, Verifier

try:
    import httpx
    import verifiers.v1 as vf
    from pydantic import Field
    from verifiers.v1.dialects.chat import message_to_wire
except ImportError as error:
    raise MissingExtraError("verifiers", "verifiers") from error

TRANSPORT_FAILED = 97  # exit code by which verifiers knows that the endpoint could not be reached


class StepData(vf.TaskData):
    """An episode that is to be played.

    Attributes:
        env_id: of the environment.
        env_options: its keyword options.
        seed: of the reset.
        task_key: same task, same key.
    """

    env_id: str
    env_options: dict[str, Any] = Field(default_factory=dict)
    seed: int
    task_key: str


class StepTask(vf.Task[StepData]):
    """What is asked at a seed. The episode itself scores it (`StepRun`)."""

    async def validate(self, runtime: Any) -> bool | None:
        """Whether the environment's own solution earns the outcome 1; None where it has none."""
        async with own_thread(lambda: Conversation(self.data.env_id, self.data.env_options)) as talk:
            await talk.wait(Conversation.begin, self.data.seed)
            try:
                solution = await talk.wait(lambda held: held.env.solution())
            except ContractError:
                return None
            for action in solution:
                if not talk.held.episode.ended:
                    await talk.wait(Conversation.reply, action)
            return talk.held.episode.outcome == 1.0


class StepTasksetConfig(vf.TasksetConfig):
    """Which episodes: `--env.taskset.*`.

    Attributes:
        env_id: as `gymnasium.make` takes it.
        env_options: its keyword options.
        seeds: how many tasks, one a seed.
        first_seed: of the first one.
    """

    env_id: str = "prm_gym/Deduction-v0"
    env_options: dict[str, Any] = Field(default_factory=dict)
    seeds: int = Field(100, ge=1)
    first_seed: int = Field(0, ge=0)


class StepTaskset(vf.Taskset[StepTask, StepTasksetConfig]):
    """One task a seed of one of our environments."""

    def load(self) -> Iterator[StepTask]:
        """The tasks, as they are drawn."""
        config = self.config
        with OwnThread(lambda: Conversation(config.env_id, config.env_options)) as talk:
            for seed in range(config.first_seed, config.first_seed + config.seeds):
                system, user = talk.call(Conversation.begin, seed)
                data = StepData(
                    name=f"{config.env_id}#{seed}",
                    prompt=user["content"],
                    system_prompt=system["content"],
                    env_id=config.env_id,
                    env_options=config.env_options,
                    seed=seed,
                    task_key=talk.held.env.task.key,
                )
                yield StepTask(data, config.task)


class StepHarnessConfig(vf.HarnessConfig):
    """Nothing to choose."""


class StepHarness(vf.Harness[StepHarnessConfig]):
    """Asks the model for one reply a turn, in this process: an agent without tools needs no program in a sandbox, and starts none at every step."""

    APPENDS_SYSTEM_PROMPT = True
    SUPPORTS_RESUME = True
    EXECUTES_CODE = False
    NEEDS_CONTAINER = False

    async def launch(self, ctx: Any, trace: Any, runtime: Any, endpoint: str, secret: str, mcp_urls: Any, data: Any) -> Any:
        """Send the conversation to the endpoint, which records the reply in the trace."""
        system, prompt = self.resolve_prompt(data)
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [message_to_wire(message) for message in prompt or []]
        if system is not None:
            messages.insert(0, {"role": "system", "content": system})
        body = {"model": ctx.model, "messages": messages}
        try:
            async with httpx.AsyncClient(timeout=None) as client:  # verifiers bounds the whole turn
                answer = await client.post(f"{endpoint.rstrip('/')}/chat/completions", json=body, headers={"authorization": f"Bearer {secret}"})
        except httpx.HTTPError as error:
            return vf.ProgramResult(TRANSPORT_FAILED, "", f"{type(error).__name__}: {error}")
        return vf.ProgramResult(0 if answer.is_success else 1, "", "" if answer.is_success else answer.text[:2000])


class StepRunConfig(vf.EnvConfig):
    """Who plays: `--env.player.*`."""

    player: vf.AgentConfig = vf.AgentConfig(runtime={"type": "subprocess"})


class StepRun(vf.Env[StepRunConfig]):
    """Plays an episode: each reply of the model is a step, and what it led to the next message of the user.

    In the trace: the reward "return", the sum of the rewards of all steps; the metrics "outcome" and "steps", and "verdict/ID", the mean score that a verifier
    gave to the steps which it could judge; and in `info["prm_gym"]["steps"]` every step with its reward, its verdicts, its state keys and the place of its
    message in `trace.nodes`, since a trace has no slot for the reward of a step. What nobody can tell is None: so are the reward and the outcome of an
    episode that the infrastructure spoilt, which is an error of the episode besides.
    """

    async def run(self, task: Any, agents: Any) -> None:
        """Play it.

        Raises:
            EnvError: the environment's infrastructure failed.
        """
        data = task.data
        nodes: list[int] = []
        async with own_thread(lambda: Conversation(data.env_id, data.env_options)) as talk:
            await talk.wait(Conversation.begin, data.seed)
            episode = talk.held.episode
            async with agents.player.interaction(task) as interaction:
                trace = interaction.trace
                trace.rewards["return"] = trace.metrics["outcome"] = None
                segment = await interaction.turn()
                while not segment.terminated:
                    nodes.append(max(place for place, node in enumerate(trace.nodes) if node.sampled))
                    await talk.wait(Conversation.reply, segment.last_reply)
                    _note(trace, episode, nodes)
                    if episode.ended:
                        break
                    segment = await interaction.turn(talk.held.seen())
            if not trace.errors and episode.valid:
                trace.record_reward("return", episode.total_reward)
                trace.record_metric("outcome", episode.outcome if episode.ended else episode.env.truncation_outcome())
        if not episode.valid:
            raise vf.EnvError(f"the infrastructure of {data.env_id} spoilt the episode after {len(nodes)} steps")


def _note(trace: Any, episode: PlayedEpisode, nodes: Sequence[int]) -> None:
    """Keep what is known of the steps so far."""
    trace.info[KEY] = {"schema": SCHEMA, "steps": [{"node": node, **told} for node, told in zip(nodes, episode.as_json(), strict=True)]}
    trace.record_metric("steps", len(episode.steps))
    for name in episode.steps[-1].verdicts:
        scores = [score for step in episode.steps if name in step.verdicts and (score := step.verdicts[name].score) is not None]
        trace.metrics[f"verdict/{name}"] = sum(scores) / len(scores) if scores else None


class TheirRewards(Verifier):
    """The rewards of a `verifiers` task, as a verdict on an episode of ours.

    The episode is shown to them as a trace: instructions, what was seen, what was written. Its score is their weighted sum, brought from [low, high] to [0, 1].
    A reward that raises, or pays something outside of the range, is a verdict with the status `error`; rewards that need a runtime are not asked, and where
    there is no other it abstains.

    A reward that hangs hangs whoever asks: `prm_gym.workers.Isolated(functools.partial(TheirRewards, "my_package:MyTask"))` asks it in a killable process.
    """

    version = "1"

    def __init__(self, task: str | type[Any], *, low: float = 0.0, high: float = 1.0, at: Literal["end", "step"] = "end", id: str = "verifiers") -> None:
        """Take the task.

        Args:
            task: a subclass of `verifiers.v1.Task`, or where it stands: "my_package.module:MyTask". Of its data, `prompt` is the question of our task, and what
                else it declares is looked up by its name in the sealed part and in the metadata of our task.
            low: the least that its rewards can pay together.
            high: the most.
            at: whether it judges the end of an episode, or every step with those before it.
            id: of the verifier.

        Raises:
            OptionError: the range is empty, or there is no such task.
        """
        if not low < high or at not in ("end", "step"):
            raise OptionError(f"low is less than high, and at is 'end' or 'step'; got {low!r}, {high!r} and {at!r}")
        self.id, self.low, self.high, self.at = id, low, high, at
        self._task = _task_class(task)
        self.pure = not self._task.config_type()().judges  # a judge is a model, and may say something else the next time

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """One verdict per step, in order."""
        with ThreadPoolExecutor(1) as thread:  # whoever calls may run an event loop of their own
            return thread.submit(asyncio.run, self._all(steps)).result()

    async def _all(self, steps: Sequence[StepContext]) -> list[Verdict]:
        return list(await asyncio.gather(*map(self._one, steps)))

    async def _one(self, step: StepContext) -> Verdict:
        if self.at == "end" and not (step.terminated or step.truncated):
            return abstained("it judges whole episodes, and this step ends none")
        try:
            task = self._task(_data_of(self._task.data_type(), step))
            trace = _trace_of(task, step)
            await task.score(trace)
        except Exception as error:  # of a plug-in, which may raise anything
            cause = error.__cause__ or error
            return failed(f"the rewards of {self._task.__name__} raised {type(cause).__name__}: {cause}")
        paid = {name: None if reward is None else {"score": reward.score, "weight": reward.weight} for name, reward in trace.rewards.items()}
        if not paid or None in paid.values():
            return abstained("no reward could be given without a runtime" if not paid else "a reward was not given", rewards=paid)
        total = trace.reward
        if not (math.isfinite(total) and self.low <= total <= self.high):
            return failed(f"the rewards sum to {total:g}, outside of [{self.low:g}, {self.high:g}]")
        score = (total - self.low) / (self.high - self.low)
        return judged("correct" if score >= 0.5 else "incorrect", score, f"the rewards of {self._task.__name__} sum to {total:g}", rewards=paid)


def _task_class(task: str | type[Any]) -> type[Any]:
    found: Any = task
    if isinstance(task, str):
        module, _, name = task.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise OptionError(f"a task is written as 'package.module:Class', and {task!r} cannot be imported: {error}") from error
    if not (isinstance(found, type) and issubclass(found, vf.Task)):
        raise OptionError(f"a task is a subclass of verifiers.v1.Task, got {found!r}")
    return found


def _data_of(kind: type[Any], step: StepContext) -> Any:
    """The data of their task, with what ours knows under the same names."""
    known = {**step.task.metadata, **step.task.sealed}
    fields = {name: known[name] for name in kind.model_fields if name in known and name not in vf.TaskData.model_fields}
    return kind(prompt=step.task.question, system_prompt=step.task.instructions, **fields)


def _trace_of(task: Any, step: StepContext) -> Any:
    """The episode up to and with the step as a finished trace."""
    written = [vf.SystemMessage(content=step.task.instructions)]
    for past in (*step.previous, step):
        written += [vf.UserMessage(content=past.observation), vf.AssistantMessage(content=past.action)]
    nodes = [
        vf.MessageNode(parent=place - 1 if place else None, message=message, sampled=isinstance(message, vf.AssistantMessage))
        for place, message in enumerate(written)
    ]
    about = vf.TraceTask(type=type(task).__name__, data=task.data)
    return vf.Trace(task=about, agent=vf.AgentInfo(config=vf.AgentConfig()), nodes=nodes, is_completed=True, ok=True)

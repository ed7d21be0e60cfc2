"""Agents: prompts in, actions out, in batches.

class Mine(Agent):
    id = "mine"

    def act(self, prompts):
        return [Action(text=prompt.actions[0]) for prompt in prompts]
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

import msgspec

from prm_gym._version import VERSION
from prm_gym.credit import Credit, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.env import StepEnv, StepResult
from prm_gym.errors import CheckpointError, ContractError, OptionError
from prm_gym.plugins import Registry, make, split_options
from prm_gym.saved_agents import SavedAgent, saved_agent
from prm_gym.tools import Tool
from prm_gym.trajectory import Step
from prm_gym.transition import Situation
from prm_gym.verifier import PastStep, Verifier


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent acts on.

    Attributes:
        instructions: how an action is written.
        observation: what it sees now.
        actions: admissible actions, where the environment lists them.
        history: what was seen and written at the earlier steps of the episode. Without the claims: they hold what only verifiers may see.
        tools: the tools that an action may call, where actions are calls of tools; `Tool.openai` gives the schema for native calls.
        environment: the environment itself, for privileged agents alone (scripted solvers); None for all others.
        seed: where it is given, the action is to be drawn from this seed alone, whatever else is in the batch or came before (see `Agent.seeded`).
        episode: the same for all steps of one episode and for no other that runs at the time, so that an agent may keep what it has read of it (tokens, keys
            and values); empty where nobody says. An agent must not need it: what it kept may be gone, and an episode may be put back and go on otherwise.
        task_key: the same for the same task, as in `info`; empty where nobody says. For agents that keep what they have seen of tasks, so that what is kept of
            a task is not shown to whoever is to solve it.
    """

    instructions: str
    observation: str
    actions: tuple[str, ...] = ()
    history: tuple[PastStep, ...] = ()
    tools: tuple[Tool, ...] = ()
    environment: Any = None
    seed: int | None = None
    episode: str = ""
    task_key: str = ""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """What an agent does.

    Attributes:
        text: the action.
        token_ids: its tokens, if the agent has them.
        logprobs: log-probability of each token under the acting policy; one entry for the whole action when it chose among candidates.
        policy_version: which weights wrote it, as the agent counts its updates; None where nobody says.
        failure: why there is no action: what the agent stands on has failed (a server that died), which says nothing of the agent. The episode is spoilt:
            it ends truncated and invalid and trains nobody (see `take`). Empty for an action, however bad.
    """

    text: str
    token_ids: tuple[int, ...] | None = None
    logprobs: tuple[float, ...] | None = None
    policy_version: int | None = None
    failure: str = ""


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """Two actions in one situation, one of them better: what Step-DPO and its kin learn from.

    Attributes:
        prompt: the situation.
        chosen: the better action.
        rejected: the worse one.
        weight: of the pair in a loss, >= 0.
    """

    prompt: Prompt
    chosen: Action
    rejected: Action
    weight: float = 1.0


class Agent(ABC):
    """Acts in batches.

    Attributes:
        id: its name, stored with its trajectories.
        privileged: it is given the environment (see `Prompt.environment`); only for floors, ceilings and demonstrations.
        seeded: it keeps to `Prompt.seed`: the same prompt with the same seed gets the same action, alone or in any batch. So does an agent that leaves nothing
            to chance. Roll-outs of such an agent can be made again.
    """

    id: str
    privileged: ClassVar[bool] = False
    seeded: bool = False

    @abstractmethod
    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt, in order."""

    def report(self) -> dict[str, float]:
        """What acting has taken so far, by name (requests, tokens, money); empty for an agent that counts nothing."""
        return {}

    def close(self) -> None:  # noqa: B027 - most agents hold nothing
        """Free what the agent holds."""


class TrainableAgent(Agent):
    """An agent that learns from advantages and can be saved.

    Attributes:
        together: it learns in all processes that torchrun has started: each calls `update`, `imitate`, `prefer`, `save` and `load` in the same order with the
            same arguments, the agent shares the work out, and the first process alone writes.
    """

    together: bool = False

    @abstractmethod
    def update(self, batch: StepBatch, credit: Credit) -> dict[str, float]:
        """Learn from a batch of steps and one advantage for each.

        Args:
            batch: N steps with their trajectories.
            credit: advantages [N] and which steps to keep [N].

        Returns:
            Metrics by name.
        """

    def imitate(self, batch: StepBatch, weights: FloatArray | None = None) -> dict[str, float]:
        """Learn to choose what was chosen in these steps (SFT, rejection sampling, corrections): weighted maximum likelihood.

        Args:
            batch: N steps with their trajectories.
            weights: [N] float64 >= 0, of each step in the loss; steps of weight 0 are only what came before the others. None: 1 for all.

        Returns:
            Metrics by name.

        Raises:
            ContractError: it cannot.
        """
        _ = batch, weights
        raise ContractError(f"agent {self.id!r} cannot imitate: it has no imitate()")

    def prefer(self, pairs: Sequence[Preference]) -> dict[str, float]:
        """Learn to choose the better of two actions (Step-DPO and its kin).

        Returns:
            Metrics by name.

        Raises:
            ContractError: it cannot.
        """
        _ = pairs
        raise ContractError(f"agent {self.id!r} cannot learn from preferences: it has no prefer()")

    @property
    def gives(self) -> tuple[str, ...]:
        """The columns of a `StepBatch` that `columns` fills: "value" and "bootstrap_value" of an agent with a critic, "entropy" ...; none by default."""
        return ()

    def columns(self, batch: StepBatch, names: Sequence[str]) -> dict[str, FloatArray]:
        """What it says of the steps of a batch as it is now, before it learns from them.

        Args:
            batch: N steps with their trajectories.
            names: of `gives`.

        Returns:
            [N] float64 each, by name (see `StepBatch`); NaN where it cannot tell.

        Raises:
            ContractError: it has no such column.
        """
        _ = batch
        raise ContractError(f"agent {self.id!r} cannot fill the columns {', '.join(names)}: it fills {', '.join(self.gives) or 'none'}")

    @abstractmethod
    def save(self, directory: Path) -> None:
        """Write everything that is needed to go on exactly as now (weights, optimiser, random states).

        And which agent it is, by `prm_gym.saved_agents.describe`: the folder then names it wherever an agent is named.
        """

    @abstractmethod
    def load(self, directory: Path) -> None:
        """Put back what `save` wrote."""

    def save_acting(self, directory: Path) -> None:
        """Write what acting needs, for copies that play elsewhere; equal files for an agent that would act alike. All that `save` writes, by default."""
        self.save(directory)

    def load_acting(self, directory: Path) -> None:
        """Put back what `save_acting` wrote; the copy is not learned with any more."""
        self.load(directory)

    @abstractmethod
    def greedy(self) -> Agent:
        """This agent with its most probable action instead of a sampled one, for evaluation; shares the weights."""


AgentFactory: TypeAlias = Callable[..., Agent]

AGENTS: Registry[AgentFactory] = Registry("prm_gym.agents", "agent")


def prompt_of(env: StepEnv, privileged: bool = False, seed: int | None = None, episode: str = "") -> Prompt:
    """What an agent is shown of the environment as it stands.

    Args:
        env: with a running episode.
        privileged: the agent is given the environment itself.
        seed: of the agent's choice, where that is to be made again.
        episode: a name for the episode that runs (see `Prompt.episode`).
    """
    situation, task = env.situation, env.task
    return Prompt(
        instructions=task.instructions,
        observation=situation.observation,
        actions=situation.actions,
        history=tuple(PastStep(step.observation, step.action) for step in env.past_steps),
        tools=env.tools,
        environment=env if privileged else None,
        seed=seed,
        episode=episode,
        task_key=task.key,
    )


def take(envs: Sequence[StepEnv], actions: Sequence[Action], verifiers: Sequence[Verifier] = ()) -> list[StepResult]:
    """Take a batch of steps; where there is no action (`Action.failure`), the episode is spoilt instead.

    Args:
        envs: distinct environments with a running episode.
        actions: one for each.
        verifiers: shared by all of them; each is called once.

    Returns:
        [len(envs)] results of `gymnasium.Env.step`, in order.
    """
    acting = [at for at, action in enumerate(actions) if not action.failure]
    stepped = StepEnv.step_batch([envs[at] for at in acting], [actions[at].text for at in acting], verifiers) if acting else []
    results = dict(zip(acting, stepped, strict=True))
    return [results[at] if at in results else env.spoil(f"the agent failed: {actions[at].failure}", verifiers) for at, env in enumerate(envs)]


def recorded(env: StepEnv, before: Situation, action: Action, result: StepResult) -> Step:
    """The step that was just taken, as it is stored.

    Args:
        env: in which it was taken; it has not gone on since.
        before: the situation in which the action was chosen.
        action: of the agent.
        result: of `gymnasium.Env.step`.
    """
    _, reward, terminated, truncated, info = result
    past = env.past_steps[-1]
    return Step(
        index=len(env.past_steps) - 1,
        observation=before.observation,
        action=past.action,
        actions=before.actions,
        claims=past.claims,
        state_key=before.state_key,
        next_state_key=info["state_key"],
        reward=reward,
        verdicts=dict(info["verdicts"]),
        terminated=terminated,
        truncated=truncated,
        token_ids=action.token_ids,
        logprobs=action.logprobs,
        policy_version=action.policy_version,
    )


def make_agent(spec: str | Agent, **options: Any) -> Agent:
    """The agent that a specification names.

    Args:
        spec: a name ("random"), a name with an argument and options ("constant:UNKNOWN", "openai:MODEL?temperature=0.2"), the folder of a saved agent
            ("runs/first/agent", with options too), or an agent. A name goes before a folder of that name, which is then written "./random".
        **options: keyword options of the agent; of a saved one over those that it was made with.

    Raises:
        UnknownNameError: no agent has that name; says the near miss.
        OptionError: an option does not fit, or is given twice.
        CheckpointError: no agent lies in the folder, or it cannot be loaded.
        ContractError: what came out is no agent.
    """
    if isinstance(spec, Agent):
        return spec
    plain, given = split_options(spec)
    twice = sorted(given.keys() & options.keys())
    if twice:
        raise OptionError(f"{', '.join(twice)} of the agent {plain!r} stands in the specification and beside it")
    saved = find_saved(spec)
    if saved is not None:
        return _loaded(saved, {**given, **options})
    name, separator, argument = plain.partition(":")
    agent: Any = make("agent", name, AGENTS.load(name), *([argument] if separator else []), **given, **options)
    if not isinstance(agent, Agent):
        raise ContractError(f"the agent {name!r} made a {type(agent).__name__}, not a prm_gym Agent")
    return agent


def find_saved(spec: str) -> SavedAgent | None:
    """The saved agent that a specification names; None where it names another.

    Raises:
        CheckpointError: it is a path, and no agent lies there.
    """
    plain = split_options(spec)[0]
    return None if plain.partition(":")[0] in AGENTS.names() else saved_agent(plain)


def _loaded(saved: SavedAgent, options: Mapping[str, Any]) -> TrainableAgent:
    """The agent of a folder."""
    try:
        made: Any = make("agent", saved.id, AGENTS.load(saved.id), **saved.with_options(options))
        if not isinstance(made, TrainableAgent):
            raise ContractError(f"{saved.folder} is said to hold the agent {saved.id!r}, which cannot be saved")
        made.load(saved.folder)
    except (OptionError, CheckpointError) as error:
        if saved.version == VERSION:
            raise
        by = f"prm_gym {saved.version}" if saved.version else "an unknown version"
        raise CheckpointError(f"the agent in {saved.folder} was saved by {by}, and this is {VERSION}: {error}") from error
    return made

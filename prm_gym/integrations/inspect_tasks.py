"""Our environments and verifiers in evaluations of Inspect (inspect_ai).

    inspect eval prm_gym/episodes -T env_id=prm_gym/Countdown-v0 -T seeds=50 --model openai/MODEL

    Task(dataset=..., solver=generate(), scorer=[answer(), step_verdicts("arithmetic")])     # of a task of your own

What nobody can tell is unscored (NaN, left out of Inspect's metrics), never 0: a verifier that abstains or fails, an episode that the infrastructure spoilt.

Source: Inspect 0.3.285, https://inspect.aisi.org.uk (scorers, solvers, extensions).
"""

# Inspect has an environment of its own and is not installed where types are checked: what comes of it is unknown there.
# pyright: basic, reportMissingImports=false

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import msgspec

from prm_gym.errors import MissingExtraError, OptionError
from prm_gym.integrations.completions import Scored, TextScorer
from prm_gym.integrations.conversation import Conversation
from prm_gym.integrations.own_thread import OwnThread, own_thread
from prm_gym.labelling.written import MAX_STEPS

try:
    from inspect_ai import Task, task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser
    from inspect_ai.scorer import Score, Scorer, Target, mean, scorer, stderr
    from inspect_ai.solver import Generate, Solver, TaskState, solver
except ImportError as error:
    raise MissingExtraError("inspect_ai", "inspect") from error

Aggregate = Literal["min", "mean", "last"]
STORED = "prm_gym"  # key of the store of a sample


@scorer(metrics=[mean(), stderr()])
def step_verdicts(verifier: str = "arithmetic", aggregate: Aggregate = "min", steps: Literal["completion", "messages"] = "completion") -> Scorer:
    """What a verifier says of the steps of a solution: one number in [0, 1], NaN where it could judge none of them.

    The verdict on every step stands in the score's metadata. A solution that is too long to be judged scores 0, as a malformed step does.

    Args:
        verifier: a specification (`make_verifier`) of one that judges text, or claims of equations and final answers.
        aggregate: of the steps that it could judge the least, the mean or the last score.
        steps: the completion is split into steps; or each message of the assistant is one.

    Raises:
        OptionError: an argument is none of these.
        UnknownNameError: no verifier has that name.
    """
    if aggregate not in get_args(Aggregate) or steps not in ("completion", "messages"):
        raise OptionError(f"aggregate is one of {', '.join(get_args(Aggregate))} and steps 'completion' or 'messages', got {aggregate!r} and {steps!r}")
    judge = _judge([verifier])

    async def score(state: TaskState, target: Target) -> Score:
        trajectory, pieces, reason = await _judged(judge, state, target, state.output.completion if steps == "completion" else _messages(state))
        if trajectory is None and pieces:  # too long to be judged: the writer's doing, like any malformed step
            return Score(value=0.0, answer=state.output.completion, explanation=reason)
        if trajectory is None:  # there is no step
            return Score.unscored(reason="unreadable", answer=state.output.completion, explanation=reason)
        verdicts = [next(iter(step.verdicts.values())) for step in trajectory.steps]
        scores = [verdict.score for verdict in verdicts if verdict.score is not None]
        told = {"steps": [{"text": step.action, "verdict": msgspec.to_builtins(v)} for step, v in zip(trajectory.steps, verdicts, strict=True)]}
        wrong = next((f"step {place}: {v.reason}" for place, v in enumerate(verdicts) if v.score is not None and v.score < 0.5), "")
        if not scores:
            why = next((verdict.reason for verdict in verdicts if verdict.reason), "")
            return Score.unscored(reason="undecided", answer=state.output.completion, explanation=f"no step could be judged: {why}", metadata=told)
        value = {"min": min(scores), "mean": sum(scores) / len(scores), "last": scores[-1]}[aggregate]
        said = f"{len(scores)} of {len(verdicts)} steps could be judged" + (f"; {wrong}" if wrong else "")
        return Score(value=value, answer=state.output.completion, explanation=said, metadata=told)

    return score


@scorer(metrics=[mean(), stderr()])
def answer() -> Scorer:
    """Whether the final answer of a completion is the target: 1 or 0, NaN where `prm_gym.answers` cannot tell. Nothing written is no answer: 0."""
    judge = _judge([])

    async def score(state: TaskState, target: Target) -> Score:
        trajectory, _, reason = await _judged(judge, state, target, state.output.completion)
        if trajectory is None:  # nothing was written, or far too much: no answer
            return Score(value=0.0, answer=state.output.completion, explanation=reason)
        if trajectory.outcome is None:
            return Score.unscored(reason="undecided", answer=state.output.completion, explanation="the answer cannot be compared with the target")
        return Score(value=trajectory.outcome, answer=state.output.completion)

    return score


def _judge(verifiers: Sequence[str]) -> OwnThread[TextScorer]:
    """Inspect may ask from any event loop."""
    return OwnThread(lambda: TextScorer(verifiers, most_steps=MAX_STEPS))


async def _judged(judge: OwnThread[TextScorer], state: TaskState, target: Target, written: str | Sequence[str]) -> Scored:
    (judged,) = await judge.wait(TextScorer.judge, [state.input_text], [written], [target.text])
    return judged


def _messages(state: TaskState) -> list[str]:
    """What the model wrote, message by message."""
    return [message.text for message in state.messages if isinstance(message, ChatMessageAssistant) and message.text.strip()]


@solver
def play(env_id: str, env_options: Mapping[str, Any] | None = None) -> Solver:
    """Play the episode of the sample: each reply of the model is a step, and what it led to the next message of the user.

    The seed is `metadata["seed"]` of the sample, its other options of the reset `metadata["options"]`. The records of all steps (reward, verdicts, state keys)
    are kept in the sample's store under "prm_gym", as they come, so that they are there where a limit of Inspect's cuts the episode.

    Args:
        env_id: as `gymnasium.make` takes it.
        env_options: its keyword options.
    """

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        async with own_thread(lambda: Conversation(env_id, env_options)) as talk:
            system, user = await talk.wait(Conversation.begin, state.metadata.get("seed"), state.metadata.get("options"))
            state.messages = [ChatMessageSystem(content=system["content"]), ChatMessageUser(content=user["content"])]
            state.store.set(STORED, [])
            episode = talk.held.episode
            while not episode.ended:
                state = await generate(state)
                await talk.wait(Conversation.reply, state.output.completion)
                state.store.set(STORED, episode.as_json())
                if state.completed:
                    break
                if not episode.ended:
                    state.messages.append(ChatMessageUser(content=talk.held.seen()))
        return state

    return solve


@scorer(metrics=[mean(), stderr()])
def outcome() -> Scorer:
    """The outcome of the episode that `play` played: in [0, 1]; NaN where the infrastructure spoilt it; 0 where a limit of Inspect's cut it."""

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001 - Inspect's signature
        steps = state.store.get(STORED, [])
        if not steps or not (steps[-1]["terminated"] or steps[-1]["truncated"]):
            return Score(value=0.0, reason="cut", explanation=f"cut after {len(steps)} steps, before the episode ended")
        last = steps[-1]
        if last["outcome"] is None:
            return Score.unscored(reason="spoilt", explanation="the infrastructure spoilt the episode")
        told = {"total_reward": sum(step["reward"] for step in steps), "steps": steps}
        return Score(value=last["outcome"], answer=last["action"], explanation=f"{len(steps)} steps{', truncated' if last['truncated'] else ''}", metadata=told)

    return score


@scorer(metrics=[mean(), stderr()])
def right_steps(verifier: str) -> Scorer:
    """The mean score that a verifier of the environment gave to the steps of the episode which it could judge; NaN where it could judge none.

    Args:
        verifier: its id, as in `info["verdicts"]`.
    """

    async def score(state: TaskState, target: Target) -> Score:  # noqa: ARG001 - Inspect's signature
        steps = state.store.get(STORED, [])
        scores = [score for step in steps if verifier in step["verdicts"] and (score := step["verdicts"][verifier]["score"]) is not None]
        if not scores:
            return Score.unscored(reason="undecided", explanation=f"{verifier!r} could judge none of the {len(steps)} steps")
        return Score(value=sum(scores) / len(scores), explanation=f"{len(scores)} of {len(steps)} steps could be judged")

    return score


@task
def episodes(env_id: str, seeds: int = 20, first_seed: int = 0, env_options: Mapping[str, Any] | None = None, verifiers: str = "") -> Task:
    """Episodes of one of our environments, one a seed, scored by their outcomes and by the environment's verifiers.

    Args:
        env_id: as `gymnasium.make` takes it.
        seeds: how many, >= 1.
        first_seed: of the first one, >= 0.
        env_options: keyword options of the environment.
        verifiers: ids of verifiers of the environment, separated by commas, each of which scores the steps.

    Raises:
        OptionError: a number out of range, or the environment has no such verifier.
        UnknownNameError: no environment has that id; says the near miss.
    """
    if seeds < 1 or first_seed < 0:
        raise OptionError(f"seeds is at least 1 and first_seed at least 0, got {seeds} and {first_seed}")
    named = [name.strip() for name in verifiers.split(",") if name.strip()]
    with OwnThread(lambda: Conversation(env_id, env_options)) as trial:
        known = [verifier.id for verifier in trial.held.env.verifiers]
        for name in named:
            if name not in known:
                raise OptionError(f"{env_id} has no verifier {name!r}; it has {', '.join(known) or 'none'}")
        samples = []
        for seed in range(first_seed, first_seed + seeds):
            _, user = trial.call(Conversation.begin, seed)
            samples.append(Sample(input=user["content"], id=f"{env_id}#{seed}", metadata={"seed": seed, "task_key": trial.held.env.task.key}))
    return Task(
        dataset=MemoryDataset(samples, name=env_id),
        solver=play(env_id, env_options),
        scorer=[outcome(), *(right_steps(name) for name in named)],
        version=0,
    )

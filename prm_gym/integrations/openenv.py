"""Our environments behind an OpenEnv server: what its clients and the trainers that speak its protocol can step.

    from prm_gym.integrations.openenv import app_of

    app = app_of("prm_gym/Countdown-v0", {"reward": "dense"}, max_sessions=16)     # uvicorn my_server:app

OpenEnv sends what an observation declares and may drop its `metadata`; it knows one `done`, and no truncation. So verdicts, the rewards of all steps so far,
`terminated`, `truncated` and `outcome` are declared fields here. The agent is to be shown `text` (and `actions`) alone: the rest is the trainer's.

`prm_gym/OpenEnv-v0` is the other side: any OpenEnv server as one of our environments. `VerifierRubric` is a verifier of ours as the reward of theirs.

Source: OpenEnv 0.10, https://github.com/huggingface/OpenEnv (`core/env_server/interfaces.py`, `types.py`, `http_server.py`, `core/rubrics/base.py`).
"""

# OpenEnv has an environment of its own and is not installed where types are checked: what comes of it is unknown there.
# pyright: basic, reportMissingImports=false

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from prm_gym._version import VERSION
from prm_gym.claims import Claim, FinalAnswer
from prm_gym.errors import ContractError, MissingExtraError, OptionError
from prm_gym.integrations.conversation import Conversation
from prm_gym.integrations.episodes import SCHEMA
from prm_gym.integrations.own_thread import OwnThread
from prm_gym.task import Task, content_key
from prm_gym.text_claims import equalities
from prm_gym.trajectory import Step
from prm_gym.verdict import Verdict
from prm_gym.verifier import PastStep, StepContext, VerifierSpec, make_verifier, verify_batch

try:
    from openenv.core.env_server import create_app
    from openenv.core.env_server.interfaces import Environment
    from openenv.core.env_server.types import Action, ConcurrencyConfig, EnvironmentMetadata, Observation, State
    from openenv.core.rubrics import Rubric
    from pydantic import Field
except ImportError as error:
    raise MissingExtraError("openenv", "openenv") from error


class StepAction(Action):
    """An action.

    Attributes:
        text: as the instructions say that it is written.
    """

    text: str = Field(description="the action, as the instructions say that it is written")


class StepObservation(Observation):
    """What came of a reset or a step. `reward` and `done` are OpenEnv's own fields; `reward` is None after a reset.

    Attributes:
        prm_gym: version of these fields.
        text: what the agent sees.
        instructions: how an action is written; the same all through an episode.
        actions: admissible actions, where the environment lists them.
        task_key: same task, same key.
        state_key: of the state that the agent now sees.
        verdicts: verdict by verifier id, on the step just taken; a score that nobody can tell is None.
        step_rewards: of all steps so far, in order.
        terminated: the task ended.
        truncated: the episode was cut.
        outcome: in [0, 1] at the end of a valid episode, else None.
        valid: False where the infrastructure spoilt the episode.
    """

    prm_gym: int = SCHEMA
    text: str
    instructions: str = ""
    actions: list[str] = Field(default_factory=list)
    task_key: str = ""
    state_key: str = ""
    verdicts: dict[str, dict[str, Any]] = Field(default_factory=dict)
    step_rewards: list[float] = Field(default_factory=list)
    terminated: bool = False
    truncated: bool = False
    outcome: float | None = None
    valid: bool = True


class StepEnvironment(Environment[StepAction, StepObservation, State]):
    """One of our environments as an OpenEnv `Environment`; every session has one of its own.

    A reset takes `seed` and `options` (those of `gymnasium.Env.reset`). `timeout_s` of a step is not honoured: verifiers have deadlines of their own.
    """

    SUPPORTS_CONCURRENT_SESSIONS = True

    def __init__(self, env_id: str, options: Mapping[str, Any] | None = None) -> None:
        """Make the environment.

        Args:
            env_id: as `gymnasium.make` takes it.
            options: its keyword options.

        Raises:
            UnknownNameError: no environment has that id; says the near miss.
            OptionError: it does not take such an option.
        """
        super().__init__()
        self._talk = OwnThread(lambda: Conversation(env_id, options))  # the server steps in whichever thread is free
        self._state = State()

    def reset(self, seed: int | None = None, episode_id: str | None = None, **others: Any) -> StepObservation:
        """Begin an episode.

        Raises:
            OptionError: something else than `options` came beside the seed, or no mapping.
        """
        options = others.pop("options", None)
        if others or not (options is None or isinstance(options, dict)):
            raise OptionError(f"a reset takes seed, episode_id and options (a JSON object), got also {sorted(others) or repr(options)}")
        self._talk.call(Conversation.begin, seed, options)
        self._state = State(episode_id=episode_id)
        return self._observed(None)

    def step(self, action: StepAction, timeout_s: float | None = None, **others: Any) -> StepObservation:
        """Take one step.

        Raises:
            ContractError: no episode runs.
        """
        episode = self._talk.held.episode
        if episode.env.origin is None or episode.ended:
            raise ContractError("the episode has ended or has not begun: reset before a step")
        step = self._talk.call(lambda _: episode.step(action.text))
        self._state.step_count = len(episode.steps)
        return self._observed(step)

    @property
    def state(self) -> State:
        """Which episode runs, and how many steps it has taken."""
        return self._state

    def get_metadata(self) -> EnvironmentMetadata:
        """The environment's id and what it asks for."""
        said = (type(self._talk.held.env).__doc__ or "").partition("\n")[0]
        return EnvironmentMetadata(name=self._talk.held.env_id, description=said, version=VERSION)

    def close(self) -> None:
        """Close the environment."""
        self._talk.close()

    def _observed(self, step: Step | None) -> StepObservation:
        episode, env, situation = self._talk.held.episode, self._talk.held.env, self._talk.held.env.situation
        return StepObservation(
            text=situation.observation,
            instructions=env.task.instructions,
            actions=list(situation.actions),
            task_key=env.task.key,
            state_key=situation.state_key,
            verdicts={} if step is None else msgspec.to_builtins(step.verdicts),
            step_rewards=[each.reward for each in episode.steps],
            reward=None if step is None else step.reward,
            done=episode.ended,
            terminated=step is not None and step.terminated,
            truncated=step is not None and step.truncated,
            outcome=episode.outcome,
            valid=episode.valid,
        )


class VerifierRubric(Rubric):
    """What a verifier of ours says of the steps of an OpenEnv environment, as its reward: P(the step is right), in [0, 1].

        class MyEnvironment(Environment):
            def __init__(self):
                super().__init__(rubric=VerifierRubric("judge:MODEL"))

            def reset(self, ...):
                self.rubric.pose("How many pens?", "17")

            def step(self, action, ...):
                observation.reward = self._apply_rubric(action, observation)

    It judges the text of an action after those before it, by what it says or by the equations in it, and at the end of an episode the answer. OpenEnv tells a
    rubric nothing of the reset: what is asked, it is told by `pose`.

    Attributes:
        last_verdict: on the last step, with its reason; None before the first.
    """

    def __init__(self, verifier: VerifierSpec, *, undecided: float | None = None) -> None:
        """Make the verifier.

        Args:
            verifier: a specification.
            undecided: what a step earns that it cannot judge. None is a reward that OpenEnv passes on; its containers of rubrics need a number.

        Raises:
            UnknownNameError: no verifier has that name.
            OptionError: the specification cannot be read.
        """
        super().__init__()
        self.undecided = undecided
        self._judge = OwnThread(lambda: make_verifier(verifier))
        self.pose()

    def pose(self, question: str = "", answer: str | None = None) -> None:
        """Begin an episode.

        Args:
            question: what is asked; empty where nobody knows.
            answer: the right answer; the agent is not shown it.
        """
        sealed = {} if answer is None else {"answer": answer}
        self._task = Task(key=content_key("openenv", question), instructions="", question=question, sealed=sealed)
        self._past: list[PastStep] = []
        self._seen = question
        self.last_verdict: Verdict | None = None

    def reset(self) -> None:
        """Begin an episode with the same question."""
        self.pose(self._task.question, self._task.sealed.get("answer"))

    def forward(self, action: Any, observation: Any) -> float | None:
        """The score of the step that led to the observation.

        Args:
            action: whose `text` is judged, or what else it holds.
            observation: what is seen then; `done` at the end.
        """
        text, question = _text_of(action), self._task.question
        claims: tuple[Claim, ...] = equalities(text, [past.action for past in self._past], question)
        if observation.done and "answer" in self._task.sealed:
            claims = (*claims, FinalAnswer(answer=text, gold=self._task.sealed["answer"], question=question))
        step = StepContext(task=self._task, observation=self._seen, action=text, claims=claims, previous=tuple(self._past), terminated=bool(observation.done))
        ((self.last_verdict,),) = [verdicts.values() for verdicts in self._judge.call(lambda verifier: verify_batch([verifier], [step]))]
        self._past.append(PastStep(self._seen, text, claims))
        self._seen = _text_of(observation)
        return self.undecided if self.last_verdict.score is None else self.last_verdict.score

    def close(self) -> None:
        """Close the verifier."""
        self._judge.close()


def _text_of(said: Any) -> str:
    """Of an action or an observation its `text`, or the only text in it, or its JSON."""
    own = said.model_dump(mode="json", exclude={"reward", "done", "metadata"})
    texts = [own["text"]] if isinstance(own.get("text"), str) else [value for value in own.values() if isinstance(value, str)]
    return texts[0] if len(texts) == 1 else json.dumps(own, ensure_ascii=False, sort_keys=True)


def app_of(env_id: str, options: Mapping[str, Any] | None = None, *, max_sessions: int = 16, session_timeout: float | None = 600.0) -> Any:
    """The FastAPI application that serves an environment, made by OpenEnv's own `create_app`.

    Anyone who reaches it can step the environment and reads the verdicts: put it on the loopback interface, or behind what lets only your trainer in.

    Args:
        env_id: as `gymnasium.make` takes it.
        options: its keyword options.
        max_sessions: sessions at once, each with an environment of its own; one more is refused with CAPACITY_REACHED.
        session_timeout: seconds after which a session that is silent is closed; None for never.

    Raises:
        UnknownNameError: no environment has that id; says the near miss.
        OptionError: it does not take such an option.
    """
    StepEnvironment(env_id, options).close()  # what cannot be made is said now, not to the first client
    return create_app(
        lambda: StepEnvironment(env_id, options),
        StepAction,
        StepObservation,
        env_name=env_id.rpartition("/")[2],
        concurrency_config=ConcurrencyConfig(max_concurrent_envs=max_sessions, session_timeout=session_timeout),
    )

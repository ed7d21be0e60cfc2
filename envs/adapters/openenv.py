"""prm_gym/OpenEnv-v0: an environment that an OpenEnv server serves, ours or anybody's.

    env = gym.make("prm_gym/OpenEnv-v0", base_url="http://127.0.0.1:8000")

Source: OpenEnv 0.10, https://github.com/huggingface/OpenEnv (`core/env_client.py`, `core/env_server/serialization.py`).
"""

import contextlib
import copy
import importlib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any, ClassVar, cast

import msgspec
import numpy as np

from prm_gym.claims import Json, StateStep
from prm_gym.env import StepEnv, StepResult
from prm_gym.errors import ContractError, EnvironmentFault, MissingExtraError, OptionError
from prm_gym.rewards import RewardSpec
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition
from prm_gym.verdict import Verdict

SERVER = "server"  # the reward that the server pays
SEED = "server_seed"  # reset option: the seed that the server is given
LONGEST_SCHEMA, LONGEST_CALL = 1 << 20, 500
_OWN = ("reward", "done", "metadata")  # of every observation: no part of what is seen


class Served(msgspec.Struct, frozen=True):
    """The fields of an observation of a server of ours (`prm_gym.integrations.openenv`)."""

    prm_gym: int
    text: str
    instructions: str
    actions: tuple[str, ...]
    task_key: str
    state_key: str
    verdicts: dict[str, Verdict]
    terminated: bool
    truncated: bool
    outcome: float | None
    valid: bool


class Answer(msgspec.Struct, frozen=True):
    """What a server said of a reset or a step.

    Attributes:
        observation: as it came.
        reward: of the step; None where the server says nothing.
        done: the episode is over.
        served: the observation read, where the server is one of ours.
    """

    observation: dict[str, Any]
    reward: float | None
    done: bool
    served: Served | None


class OpenEnvEnv(StepEnv):
    """Do what an environment behind an OpenEnv server asks.

    Observation: of a server of ours the text that the environment there shows; of another one the only text in its observation, or else its JSON.

    Action: of a server of ours the text that the environment there takes. Of another one a JSON object that fits its action schema, as the instructions say;
    where that asks for a single text, the bare text will do. What is no such object changes nothing and is claimed `Malformed`.

    Reward: with `reward="server"` (the default) what the server pays for the step, 0 where it pays nothing (`info["server"]["reward"]` is None then); any
    other reward is one of our schemes over the verdicts and the outcome.

    Verdicts: those that a server of ours gives, with those of `verifiers` here, which see a `StateStep` without a goal.

    Outcome: what a server of ours says. Of another one, which knows only when an episode is done: 1 where the sum of its rewards is at least `success`, else 0;
    with `success=None` that sum, cut to [0, 1].

    `info["server"]` holds the server's `reward` and, where it is not one of ours, its whole `observation`.

    **When something goes wrong there**: a server that is gone, does not answer within `deadline` seconds or reports an error of its own spoils the episode
    (`info["valid"]` False); a reset that fails raises `EnvironmentFault`, so that it is tried again.

    **Seeds** are passed on; whether the same seed gives the same episode is the server's affair. Other reset options go to the server as `options`.
    **Snapshots** cannot be taken: the state is there.

    state_key: the server's, or the observation's content.
    """

    default_max_steps: ClassVar[int] = 100

    def __init__(
        self,
        *,
        base_url: str = "",
        reward: RewardSpec = SERVER,
        success: float | None = 1.0,
        deadline: float = 60.0,
        reset_options: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        """Ask the server what its actions are.

        Args:
            base_url: of the server: "http://127.0.0.1:8000".
            reward: "server", or one of our reward schemes.
            success: sum of rewards from which the outcome is 1; None for the sum itself. Of a server that says the outcome nothing is asked.
            deadline: seconds for any answer.
            reset_options: what is sent with every reset, beside the seed: JSON values.
            **options: see `StepOptions`.

        Raises:
            OptionError: an option out of range, or no OpenEnv server answers there.
            MissingExtraError: openenv is not installed (`pip install 'prm-gym[openenv]'`).
        """
        self.pays = reward == SERVER
        super().__init__(reward="outcome" if self.pays else reward, **options)
        if not base_url.startswith(("http://", "https://")):
            raise OptionError(f"base_url is the address of an OpenEnv server, such as 'http://127.0.0.1:8000', got {base_url!r}")
        if not isinstance(deadline, int | float) or not deadline > 0:
            raise OptionError(f"deadline is a number of seconds, got {deadline!r}")
        try:
            self.reset_options: dict[str, Any] = json.loads(json.dumps(dict(reset_options or {}), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise OptionError(f"reset_options holds JSON values: {error}") from error
        self.base_url, self.success, self.deadline = base_url.rstrip("/"), success, deadline
        self.action_schema = _action_schema(self.base_url, deadline)
        self._client: Any = None
        self._answer: Answer | None = None
        self._earned = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """Without the connection: an environment that was sent elsewhere begins with `reset`."""
        return {**self.__dict__, "_client": None, "_answer": None, "_running": False}

    @property
    def resets_wait(self) -> bool:
        """The server does the work."""
        return True

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Begin an episode there."""
        theirs = dict(options)
        drawn = int(self.np_random.integers(1 << 31))
        seed = int(theirs.pop(SEED, drawn))
        sent = {**self.reset_options, **({"options": theirs} if theirs else {}), "seed": seed}
        self._earned = 0.0
        self._answer = answer = self._asked("reset", sent)
        return self._task_of(answer, seed), _situation_of(answer)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin an episode; the seed goes to the server as it is, and without one another is drawn."""
        given = {} if seed is None else {SEED: seed}  # as an option, so that `rewind` finds it in the episode's origin
        return super().reset(seed=seed, options={**given, **(options or {})} or None)

    def advance(self, action: str) -> Transition:
        """Have the server do something."""
        sent = self._sent(action)
        if isinstance(sent, str):
            return self.malformed(sent)
        before = self.situation.state_key
        self._answer = answer = self._asked("step", sent)
        self._earned += answer.reward or 0.0
        if answer.served is not None and not answer.served.valid:
            raise EnvironmentFault("the server says that its infrastructure spoilt the episode")
        situation = _situation_of(answer)
        outcome = self._outcome(answer) if answer.done else None
        claim = StateStep(
            kind="read" if outcome is None else "end",
            call=action[:LONGEST_CALL],
            idle=situation.state_key == before,
            lacking=("the server pays too little",) if outcome is not None and outcome < 1 else (),
            ends_well=True,
            goal_unknown=outcome is None,
        )
        return Transition(situation=situation, claims=(claim,), terminated=answer.done, outcome=outcome)

    def more_info(self) -> dict[str, Any]:
        """What the server said beside what everybody says."""
        answer = self._answer
        if answer is None:
            return {}
        return {"server": {"reward": answer.reward} | ({} if answer.served is not None else {"observation": copy.deepcopy(answer.observation)})}

    def save_state(self) -> Json:
        """Nothing.

        Raises:
            ContractError: always.
        """
        raise ContractError("the state of an episode is the server's, and OpenEnv has no way to save it")

    def load_state(self, state: Any) -> None:
        """Nothing.

        Raises:
            ContractError: always.
        """
        raise ContractError("the state of an episode is the server's, and OpenEnv has no way to put it back")

    def solution(self) -> list[str]:
        """Nobody knows one here.

        Raises:
            ContractError: always.
        """
        raise ContractError("OpenEnv serves no solutions")

    def close(self) -> None:
        """End the session and close the verifiers."""
        self._disconnect()
        super().close()

    def _sent(self, action: str) -> dict[str, Any] | str:
        """The action as the server takes it; or what is wrong with it."""
        if self._answer is not None and self._answer.served is not None:
            return {"text": action}
        with contextlib.suppress(ValueError):
            read = json.loads(action)
            if isinstance(read, dict):
                return cast("dict[str, Any]", read)
        only = _only_text(self.action_schema)
        return {only: action} if only else f"an action is a JSON object that fits this schema: {json.dumps(self.action_schema)}"

    def _asked(self, what: str, sent: dict[str, Any]) -> Answer:
        """What the server answers.

        Raises:
            EnvironmentFault: it does not, or reports an error.
        """
        try:
            if self._client is None:
                self._client = _client(self.base_url, self.deadline)
            result = self._client.reset(**sent) if what == "reset" else self._client.step(sent)
            return _read(result.observation, result.reward, result.done)
        except MissingExtraError:
            raise
        except Exception as error:  # of sockets, of the protocol, or what the server reports: in each case the session is in no state that anybody knows
            self._disconnect()
            raise EnvironmentFault(f"the server at {self.base_url} does not {what}: {type(error).__name__}: {str(error)[:LONGEST_CALL]}") from error

    def _disconnect(self) -> None:
        client, self._client = getattr(self, "_client", None), None
        if client is not None:
            with contextlib.suppress(Exception):  # it may be gone
                client.close()

    def _outcome(self, answer: Answer) -> float:
        if answer.served is not None:
            return answer.served.outcome or 0.0
        if not np.isfinite(self._earned):
            raise EnvironmentFault(f"the server pays {self._earned}")
        return float(np.clip(self._earned, 0.0, 1.0)) if self.success is None else float(self._earned >= self.success)

    def _task_of(self, answer: Answer, seed: int) -> Task:
        if answer.served is not None:
            served = answer.served
            return Task(key=served.task_key, instructions=served.instructions, question=served.text)
        text = _seen(answer.observation)
        said = f"A step is a JSON object that fits this schema, or the bare text where it asks for a single one: {json.dumps(self.action_schema)}"
        return Task(key=content_key("OpenEnv-v0", self.base_url, json.dumps(self.reset_options, sort_keys=True), str(seed)), instructions=said, question=text)

    def _settle(self, taken: Any, verdicts: dict[str, Verdict]) -> StepResult:
        """The step with the server's verdicts and, where it pays, its reward; one that was cut there is truncated here."""
        served = self._answer.served if self._answer is not None else None
        valid = taken[5]
        judged = {**(served.verdicts if served is not None and valid else {}), **verdicts}
        observation, reward, terminated, truncated, info = super()._settle(taken, judged)
        if self.pays:
            reward = float(self._answer.reward or 0.0) if valid and self._answer is not None else 0.0
        if served is not None and served.truncated and terminated:
            terminated, truncated = False, True
        return observation, reward, terminated, truncated, info


def _client(base_url: str, deadline: float) -> Any:
    try:
        openenv: Any = importlib.import_module("openenv")
    except ImportError as error:
        raise MissingExtraError("openenv", "openenv") from error
    client = openenv.GenericEnvClient(base_url=base_url, connect_timeout_s=deadline, message_timeout_s=deadline).sync()
    client.connect()
    return client


def _action_schema(base_url: str, deadline: float) -> dict[str, Any]:
    """The JSON schema of the server's actions.

    Raises:
        OptionError: no OpenEnv server answers.
    """
    try:
        with urllib.request.urlopen(f"{base_url}/schema", timeout=deadline) as answer:
            schema = json.loads(answer.read(LONGEST_SCHEMA))["action"]
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError) as error:
        raise OptionError(f"no OpenEnv server answers at {base_url}/schema: {type(error).__name__}: {error}") from error
    if not isinstance(schema, dict):
        raise OptionError(f"{base_url}/schema holds no schema of actions")
    return cast("dict[str, Any]", schema)


def _only_text(schema: Mapping[str, Any]) -> str:
    """The field of an action that needs a single text; empty where it needs something else."""
    required: Any = schema.get("required", [])
    properties: Any = schema.get("properties", {})
    if isinstance(required, list) and len(cast("list[Any]", required)) == 1 and properties.get(required[0], {}).get("type") == "string":
        return str(cast("list[Any]", required)[0])
    return ""


def _read(observation: Any, reward: Any, done: Any) -> Answer:
    if not isinstance(observation, dict):
        raise ContractError(f"an observation is a JSON object, got {type(observation).__name__}")
    told = cast("dict[str, Any]", observation)
    paid = None if reward is None else float(reward)
    if paid is not None and not np.isfinite(paid):
        raise ContractError(f"the server pays {paid}")
    return Answer(told, paid, bool(done), msgspec.convert(told, Served) if "prm_gym" in told else None)


def _situation_of(answer: Answer) -> Situation:
    if answer.served is not None:
        return Situation(observation=answer.served.text, state_key=answer.served.state_key, actions=answer.served.actions)
    seen = _seen(answer.observation)
    return Situation(observation=seen, state_key=content_key(seen, str(answer.done)))


def _seen(observation: Mapping[str, Any]) -> str:
    """The only text of an observation, or else its JSON."""
    told = {name: value for name, value in observation.items() if name not in _OWN}
    values = list(told.values())
    return values[0] if len(values) == 1 and isinstance(values[0], str) else json.dumps(told, ensure_ascii=False, sort_keys=True)

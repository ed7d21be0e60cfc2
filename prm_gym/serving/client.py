"""RemoteEnv: an environment of a server, again as a Gymnasium environment."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from prm_gym.claims import Claim, Malformed, claim_types
from prm_gym.env import ACTION_LENGTH, StepEnv, StepResult
from prm_gym.errors import ContractError, EnvironmentFault, OptionError, ServingError
from prm_gym.rewards import JudgedStep, RewardScheme, RewardSpec
from prm_gym.serving.block import Block
from prm_gym.serving.connection import Connection
from prm_gym.serving.wire import (
    Done,
    Info,
    OpenRequest,
    ReseedRequest,
    ResetReply,
    ResetRequest,
    RestoreRequest,
    RewardCard,
    SlotRequest,
    SnapshotReply,
    SolutionReply,
    StepReply,
    VerifierCard,
    packed,
)
from prm_gym.task import Task
from prm_gym.tools import Tool
from prm_gym.transition import Situation, Transition
from prm_gym.verdict import Verdict, abstained
from prm_gym.verifier import StepContext, Verifier, VerifierSpec

_PREFIX = "the infrastructure failed: "
_FAULTS = ("unreachable", "timeout", "bad_answer", "no_session", "environment_fault", "closing", "session_busy", "too_slow", "too_many_requests", "no_snapshot")
"""What is no refusal: it may go better, or would have gone well before; so are answers of somebody in between (`http_502`)."""
_REFUSALS = ("bad_option", "not_offered", "bad_request")


class ServedVerifier(Verifier):
    """A verifier that judges on the server, where the claims and the sealed part of the task are. Its verdicts come with the steps."""

    def __init__(self, card: VerifierCard) -> None:
        """Take what the server says of it."""
        self.id, self.version, self.pure = card.id, card.version, card.pure
        self.claims = types_of(card)  # pyright: ignore[reportAttributeAccessIssue] - those of the served one
        self._wants_claims = card.wants_claims

    @property
    def wants_claims(self) -> bool:
        """Whether the served one judges claims."""
        return self._wants_claims

    def verify(self, steps: Sequence[StepContext]) -> list[Verdict]:
        """No verdict: it judges what has happened on the server alone."""
        return [abstained("the server judges steps as they are taken there, and no others") for _ in steps]


class ServedReward(RewardScheme):
    """A scheme that works on the server.

    Attributes:
        arrived: what it gave for the step that is being settled.
    """

    def __init__(self, card: RewardCard) -> None:
        """Take what the server says of it."""
        infinite = float("inf")
        self.id, self.needs_verdicts, self.verifier_ids = card.id, card.needs_verdicts, card.verifier_ids
        self.reward_range = (-infinite if card.low is None else card.low, infinite if card.high is None else card.high)
        self.arrived: float | None = None

    def reward(self, step: JudgedStep, previous: Sequence[JudgedStep]) -> float:
        """What the server gave.

        Raises:
            ContractError: the step has not been taken there.
        """
        if self.arrived is None:
            raise ContractError("the reward of a served environment is known of the step that was taken there alone")
        return self.arrived


class RemoteEnv(StepEnv):
    """An environment that a server runs: the same observations, rewards and `info` as beside it.

    Without the sealed part: `task` has none, and steps have no claims but `Malformed` and `Spoilt`, so nothing of them can be judged anew here. Verifiers,
    reward and step limit are the server's; those that are given here are asked of it. A lost connection is made again, and a step that was taken is not
    taken twice; where the server, or the process of the session, is gone, the episode ends truncated and not valid. Snapshots are kept by the server and
    hold as long as it lives and has room. `solution` is told where the operator allows it. `origin` is None.

    The vector form is one session: all environments step in one request, and each verifier is asked once about all of them.

        env = gym.make("prm_gym/Remote-v0", url="http://127.0.0.1:8000", env="prm_gym/Deduction-v0", env_options={"difficulty": 2})

    Attributes:
        block: the session that it has a place in.
    """

    def __init__(
        self,
        *,
        url: str,
        env: str,
        env_options: Mapping[str, Any] | None = None,
        token_file: str | None = None,
        timeout: float = 120.0,
        verifiers: Sequence[VerifierSpec] | None = None,
        reward: RewardSpec | None = None,
        max_steps: int | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Open a session.

        Args:
            url: of the server.
            env: id of an environment there.
            env_options: of the environment, among those that the server lets clients choose.
            token_file: see `prm_gym.serving.connection.Connection`.
            timeout: seconds to wait for an answer.
            verifiers: names that the server offers; None for the environment's own.
            reward: name or mapping of a scheme there; None for the server's.
            max_steps: step limit; None for the server's.
            render_mode: None or "ansi".

        Raises:
            OptionError: an option is refused.
            ServingError: the server cannot be reached, or refuses for another reason (`code`).
        """
        special = {"verifiers": verifiers, "reward": reward, "max_steps": max_steps}
        request = _open_request(env, env_options, special, 1)
        self._sit(_opened(Connection(url, token_file=token_file, timeout=timeout), request), 0, render_mode)

    @classmethod
    def make_many(cls, count: int, **options: Any) -> list[StepEnv]:
        """Environments of one session; see the class for the options."""
        url, env, given = options.pop("url", None), options.pop("env", None), options.pop("env_options", None)
        render_mode = options.pop("render_mode", None)
        line = {name: options.pop(name) for name in ("token_file", "timeout") if name in options}
        special = {name: options.pop(name, None) for name in ("verifiers", "reward", "max_steps")}
        if options or not isinstance(url, str) or not isinstance(env, str):
            cls(url=url, env=env, **options)  # says what is wrong
        block = _opened(Connection(url, **line), _open_request(env, given, special, count))
        made = [cls.__new__(cls) for _ in range(count)]
        for slot, each in enumerate(made):
            each._sit(block, slot, render_mode)
        return list(made)

    def _sit(self, block: Block, slot: int, render_mode: str | None) -> None:
        """Take a place in a session."""
        self.block, self._slot = block, slot
        described = block.session.description
        self._served = ServedReward(described.reward)
        verifiers = [ServedVerifier(card) for card in described.verifiers]
        super().__init__(verifiers=verifiers, reward=self._served, max_steps=described.max_steps, render_mode=render_mode)
        self.constant_action = described.constant_action  # pyright: ignore[reportAttributeAccessIssue] - that of the served class
        self._asked: tuple[int | None, dict[str, Any]] = (None, {})
        self._begun: ResetReply | ServingError | None = None
        self._reply: StepReply | str | None = None
        self._tools: tuple[Tool, ...] = ()
        self._more: dict[str, Any] = {}
        self._closed = False

    # Episodes.

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin an episode on the server; the same seed gives the same episode as beside it."""
        self._asked = (seed, dict(options or {}))
        begun = super().reset(seed=seed, options=options)
        self._origin = None  # the generator here is not the one that drew the task
        return begun

    @classmethod
    def prepare_resets(cls, envs: Sequence[StepEnv], seeds: Sequence[int | None], options: Sequence[Mapping[str, Any]]) -> None:
        """Begin all episodes of a session in one request."""
        remote = cast("Sequence[RemoteEnv]", envs)
        for rows in _by_block(remote):
            try:
                requests = [ResetRequest(slot=remote[row]._slot, seed=seeds[row], options=dict(options[row])) for row in rows]
                found: Sequence[ResetReply | ServingError] = remote[rows[0]].block.reset(requests)
            except ServingError as error:
                found = [error] * len(rows)
            for row, reply in zip(rows, found, strict=True):
                remote[row]._begun = reply

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """What the server has begun."""
        seed, given = self._asked
        begun, self._begun = self._begun, None
        try:
            if isinstance(begun, ServingError) and begun.code != "generator_lost":
                raise begun
            reply = begun if isinstance(begun, ResetReply) else self._ask_for_episode(seed, given)
        except ServingError as error:
            if error.code in _REFUSALS:
                raise OptionError(error.message) from error
            raise EnvironmentFault(error.message) from error
        return self._stand(reply)

    def _ask_for_episode(self, seed: int | None, options: dict[str, Any]) -> ResetReply:
        """One episode; where the server's generator was lost with its process or session, of a seed that the generator here draws."""
        try:
            return self.block.reset([ResetRequest(slot=self._slot, seed=seed, options=options)])[0]
        except ServingError as error:
            if error.code != "generator_lost":
                raise
        drawn = int(self.np_random.integers(1 << 62))
        return self.block.reset([ResetRequest(slot=self._slot, seed=drawn, options=options)])[0]

    def _stand(self, reply: ResetReply) -> tuple[Task, Situation]:
        self._tools, self._reply, self._more = reply.tools, None, _more(reply.info)
        return reply.task.task(), Situation(observation=reply.observation, state_key=reply.info.state_key, actions=reply.info.actions)

    # Steps: all of a batch are sent before any of them advances.

    def step(self, action: str) -> StepResult:
        """Take one step on the server, which has it verified."""
        return StepEnv.step_batch([self], [action], self.verifiers)[0]

    @classmethod
    def prepare(cls, envs: Sequence[StepEnv], actions: Sequence[str]) -> None:
        """Take the steps of a session in one request."""
        remote = cast("Sequence[RemoteEnv]", envs)
        for rows in _by_block(remote):
            asked = [packed(actions[row], ACTION_LENGTH, slot=remote[row]._slot, index=len(remote[row]._past)) for row in rows]
            try:
                found: Sequence[StepReply | str] = remote[rows[0]].block.step(asked)
            except ServingError as error:
                found = [error.message] * len(rows)
            for row, reply in zip(rows, found, strict=True):
                remote[row]._reply = reply

    def advance(self, action: str) -> Transition:
        """What the server has done."""
        return self._arrived()

    def malformed(self, reason: str) -> Transition:
        """What the server says of a text that is none of the action space."""
        return self._arrived()

    def _arrived(self) -> Transition:
        reply = self._reply
        if not isinstance(reply, StepReply):
            raise EnvironmentFault(reply or "the step was not sent to the server")
        if reply.spoilt is not None:
            self._more = _more(reply.info)
            raise EnvironmentFault(reply.spoilt.removeprefix(_PREFIX))
        cut = not reply.terminated and len(self._past) + 1 >= self.max_steps
        if reply.truncated is not cut or reply.steps != len(self._past) + 1:
            raise EnvironmentFault(f"the server is at step {reply.steps} of this episode, and not at {len(self._past) + 1}")
        self._more = _more(reply.info)
        return Transition(
            situation=Situation(observation=reply.observation, state_key=reply.info.state_key, actions=reply.info.actions),
            claims=() if reply.malformed is None else (Malformed(reply.malformed),),
            terminated=reply.terminated,
            outcome=reply.info.outcome if reply.terminated else None,
        )

    def truncation_outcome(self) -> float:
        """What the server says."""
        reply = self._reply
        if not isinstance(reply, StepReply) or reply.info.outcome is None:
            raise ContractError("the server gives no outcome of an episode that it has cut")
        return reply.info.outcome

    def _settle(self, taken: Any, verdicts: dict[str, Verdict]) -> StepResult:
        reply, self._reply = self._reply, None
        if isinstance(reply, StepReply) and reply.spoilt is None:
            self._served.arrived = reply.reward
            verdicts = {**verdicts, **reply.info.verdicts}
        try:
            return super()._settle(taken, verdicts)
        finally:
            self._served.arrived = None

    def more_info(self) -> dict[str, Any]:
        """What the served environment adds."""
        return dict(self._more)

    @property
    def tools(self) -> tuple[Tool, ...]:
        """Those of the served environment; known after `reset`."""
        return self._tools

    @property
    def task_count(self) -> int | None:
        """That of the served environment."""
        return self.block.session.description.task_count

    # What stays on the server.

    def save_state(self) -> dict[str, Any]:
        """The name of a snapshot."""
        return {"snapshot": self._told("snapshot", SlotRequest(slot=self._slot), SnapshotReply).snapshot}

    def load_state(self, state: Any) -> None:
        """Have a snapshot put back."""
        self._stand(self._told("restore", RestoreRequest(snapshot=state["snapshot"], slot=self._slot), ResetReply))

    def reseed(self, seed: int) -> None:
        """From here on, the server draws from another generator."""
        super().reseed(seed)
        self._told("reseed", ReseedRequest(seed=seed, slot=self._slot), Done)

    @property
    def tells_solutions(self) -> bool:
        """Whether the operator lets the server tell them."""
        return self.block.session.solutions

    def solution(self) -> list[str]:
        """A solution, where the operator lets the server tell it.

        Raises:
            ContractError: it does not.
        """
        return self._told("solution", SlotRequest(slot=self._slot), SolutionReply).actions

    def _told(self, what: str, message: msgspec.Struct, kind: type[Any]) -> Any:
        """The server's answer.

        Raises:
            EnvironmentFault: the server, the session or what it stands on is gone, or has no time now.
            ContractError: the server refuses what is asked.
        """
        try:
            return self.block.call(what, message, kind)
        except ServingError as error:
            if error.code in _FAULTS or error.code.startswith("http_"):
                raise EnvironmentFault(f"{what}: {error.message}") from error
            raise ContractError(error.message) from error

    def close(self) -> None:
        """Leave the session; the last one closes it."""
        if not self._closed:
            self._closed = True
            self.block.leave()

    def __getstate__(self) -> dict[str, Any]:
        """A copy opens a session of its own, and goes on there with what a snapshot saved."""
        request = msgspec.structs.replace(self.block.request, num_envs=1)
        saved = None if self._task is None else self.snapshot()
        return {"connection": self.block.connection, "request": request, "render_mode": self.render_mode, "spec": self.spec, "saved": saved}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._sit(_opened(state["connection"], state["request"]), 0, state["render_mode"])
        self.spec = state["spec"]
        if state["saved"] is not None:
            self.restore(state["saved"])


def types_of(card: VerifierCard) -> tuple[type[Claim], ...]:
    """The claims that a served verifier understands, among those that are known here."""
    known = claim_types()
    return tuple(cast("type[Claim]", known[tag]) for tag in card.claims if tag in known)


def _open_request(env: str, env_options: Mapping[str, Any] | None, special: Mapping[str, Any], count: int) -> OpenRequest:
    """The request for some environments.

    Raises:
        OptionError: an option is given twice, or is nothing that can be sent.
    """
    options = dict(env_options or {})
    for name, value in special.items():
        if value is not None and name in options:
            raise OptionError(f"{name} is given beside env_options and in them")
        if value is not None:
            options[name] = list(value) if name == "verifiers" and not isinstance(value, str) else value
    try:
        return OpenRequest(env=env, options=msgspec.to_builtins(options), num_envs=count)
    except (TypeError, ValueError) as error:
        raise OptionError(f"options of a served environment are names, numbers and lists, which can be sent: {error}") from error


def _opened(connection: Connection, request: OpenRequest) -> Block:
    try:
        return Block(connection, request)
    except ServingError as error:
        if error.code in _REFUSALS:
            raise OptionError(error.message) from error
        raise


def _by_block(envs: "Sequence[RemoteEnv]") -> list[list[int]]:
    """Rows of the environments of each session."""
    rows: dict[int, list[int]] = {}
    for row, env in enumerate(envs):
        rows.setdefault(id(env.block), []).append(row)
    return list(rows.values())


def _more(info: Info) -> dict[str, Any]:
    return {**info.more, **info.more_bytes}

"""What runs in the process of a session, and in those of a verifier. The server sends jobs and passes on the JSON that comes back.

A process may hang or die over a job: the server's pool then kills it and starts another, which makes the environments anew, without episodes.
"""

import math
import os
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import gymnasium
import msgspec

from prm_gym.claims import Malformed, Spoilt
from prm_gym.env import StepEnv, StepResult
from prm_gym.errors import ContractError, EnvironmentFault, MissingExtraError, OptionError, PrmGymError, UnknownNameError
from prm_gym.rewards import RewardScheme
from prm_gym.rollout import make_envs
from prm_gym.serving.wire import (
    Description,
    Info,
    PublicTask,
    ResetReply,
    ResetRequest,
    RewardCard,
    StepReply,
    StepRequest,
    VerifierCard,
    unpacked,
)
from prm_gym.vector import StepVectorEnv
from prm_gym.verdict import Verdict
from prm_gym.verifier import StepContext, Verifier, make_verifier, verify_batch

_ENCODER = msgspec.json.Encoder()

Kind: TypeAlias = Literal["describe", "reset", "step", "snapshot", "restore", "reseed", "solution", "close"]


class Job(msgspec.Struct, frozen=True):
    """What a session is asked.

    Attributes:
        kind: of the question.
        argument: the requests of `reset` and `step`, a slot, or a slot with a snapshot or a seed.
    """

    kind: Kind
    argument: Any = None


class Answer(msgspec.Struct, frozen=True):
    """What comes back.

    Attributes:
        parts: JSON of each result, in the order of the requests; a snapshot as it is.
        code: of the refusal (see `prm_gym.serving.problems`); empty where there is none.
        detail: of the refusal.
        log: for the operator alone.
        process: that answers; another one has none of the episodes.
    """

    parts: tuple[bytes, ...] = ()
    code: str = ""
    detail: str = ""
    log: str = ""
    process: int = 0


class Host:
    """The environments of one session."""

    def __init__(self, env_id: str, num_envs: int, options: dict[str, Any]) -> None:
        """Take what is to be made; it is made by the first job, whose answer says what is wrong with it."""
        self._made = env_id, num_envs, options
        self._envs: StepVectorEnv | None = None
        self._jobs: dict[Kind, Callable[[Any], tuple[bytes, ...]]] = {
            "describe": self._describe,
            "reset": self._reset,
            "step": self._step,
            "snapshot": self._snapshot,
            "restore": self._restore,
            "reseed": self._reseed,
            "solution": self._solution,
            "close": self._close,
        }

    def __call__(self, job: Job) -> Answer:
        """Do one job; a refusal is an answer."""
        return msgspec.structs.replace(self._answer(job), process=os.getpid())

    def _answer(self, job: Job) -> Answer:
        try:
            return Answer(self._jobs[job.kind](job.argument))
        except EnvironmentFault as error:
            return Answer(code="environment_fault", detail=str(error))
        except gymnasium.error.ResetNeeded as error:
            return Answer(code="reset_needed", detail=str(error))
        except (OptionError, UnknownNameError, MissingExtraError) as error:
            return Answer(code="bad_option", detail=str(error))
        except _RefusalError as error:
            return Answer(code=error.code, detail=str(error))
        except Exception as error:  # a bug, whose message may show what is sealed: the operator reads it, the client its type
            detail = f"{self._made[0]} raised {type(error).__name__}; the server's log has more"
            return Answer(code="environment_error", detail=detail, log=traceback.format_exc())

    @property
    def envs(self) -> StepVectorEnv:
        """The environments; made when they are first needed."""
        if self._envs is None:
            self._envs = make_envs(*self._made)
        return self._envs

    def _env(self, slot: int) -> StepEnv:
        if slot >= self.envs.num_envs:
            raise _RefusalError("bad_request", f"the session has the slots 0 to {self.envs.num_envs - 1}, got {slot}")
        return self.envs.envs[slot]

    def _distinct(self, slots: Sequence[int]) -> list[StepEnv]:
        if len(set(slots)) < len(slots):
            raise _RefusalError("bad_request", "a slot stands twice in one request")
        return [self._env(slot) for slot in slots]

    def _describe(self, _: None) -> tuple[bytes, ...]:
        env = self.envs.envs[0]
        description = Description(
            max_steps=env.max_steps,
            verifiers=tuple(card_of(verifier) for verifier in env.verifiers),
            reward=_reward_card(env.reward_scheme),
            task_count=env.task_count,
            constant_action=env.constant_action,
        )
        return (_ENCODER.encode(description),)

    def _reset(self, requests: Sequence[ResetRequest]) -> tuple[bytes, ...]:
        envs = self._distinct([request.slot for request in requests])
        infos = StepEnv.reset_batch(envs, [request.seed for request in requests], [dict(request.options) or None for request in requests])
        replies = zip(requests, envs, infos, strict=True)
        return tuple(_ENCODER.encode(_standing(request.slot, env, info)) for request, env, (_, info) in replies)

    def _step(self, requests: Sequence[StepRequest]) -> tuple[bytes, ...]:
        envs = self._distinct([request.slot for request in requests])
        for request, env in zip(requests, envs, strict=True):
            taken = len(env.past_steps)
            if request.index is not None and request.index != taken:
                raise _RefusalError("out_of_step", f"slot {request.slot} has taken {taken} steps of its episode, and not {request.index}")
        try:
            actions = [unpacked(request) for request in requests]
        except ValueError as error:
            raise _RefusalError("bad_request", str(error)) from error
        results = StepEnv.step_batch(envs, actions, self.envs.verifiers)
        return tuple(_ENCODER.encode(_stepped(request.slot, env, result)) for request, env, result in zip(requests, envs, results, strict=True))

    def _snapshot(self, slot: int) -> tuple[bytes, ...]:
        return (_asked(self._env(slot).snapshot),)

    def _restore(self, argument: tuple[int, bytes]) -> tuple[bytes, ...]:
        slot, snapshot = argument
        env = self._env(slot)
        _asked(lambda: env.restore(snapshot))
        return (_ENCODER.encode(_standing(slot, env, _asked(lambda: info_now(env)))),)

    def _reseed(self, argument: tuple[int, int]) -> tuple[bytes, ...]:
        slot, seed = argument
        self._env(slot).reseed(seed)
        return ()

    def _solution(self, slot: int) -> tuple[bytes, ...]:
        return (_ENCODER.encode(_asked(self._env(slot).solution)),)

    def _close(self, _: None) -> tuple[bytes, ...]:
        if self._envs is not None:
            self._envs.close()
        return ()


class _RefusalError(Exception):
    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def _asked(work: Callable[[], Any]) -> Any:
    """What an environment does on demand, or why it does not."""
    try:
        return work()
    except EnvironmentFault:
        raise
    except PrmGymError as error:
        raise _RefusalError("cannot", str(error)) from error


def info_now(env: StepEnv) -> dict[str, Any]:
    """The `info` of an environment as it stands after `restore`: without verdicts."""
    situation = env.situation
    return {
        "task_key": env.task.key,
        "state_key": situation.state_key,
        "actions": situation.actions,
        "verdicts": {},
        "outcome": None,
        "valid": True,
        **env.more_info(),
    }


def card_of(verifier: Verifier) -> VerifierCard:
    """What a client is told of a verifier."""
    tags = tuple(str(kind.__struct_config__.tag) for kind in verifier.claims if issubclass(kind, msgspec.Struct))
    return VerifierCard(id=verifier.id, version=verifier.version, pure=verifier.pure, claims=tags, wants_claims=verifier.wants_claims)


def _reward_card(scheme: RewardScheme) -> RewardCard:
    low, high = (bound if math.isfinite(bound) else None for bound in scheme.reward_range)
    return RewardCard(id=scheme.id, low=low, high=high, needs_verdicts=scheme.needs_verdicts, verifier_ids=scheme.verifier_ids)


def _info(info: dict[str, Any]) -> Info:
    known = {name: info[name] for name in ("task_key", "state_key", "actions", "verdicts", "outcome", "valid")}
    more = {name: value for name, value in info.items() if name not in known}
    raw = {name: value for name, value in more.items() if isinstance(value, bytes)}
    return Info(**known, more={name: value for name, value in more.items() if name not in raw}, more_bytes=raw)


def _standing(slot: int, env: StepEnv, info: dict[str, Any]) -> ResetReply:
    return ResetReply(
        slot=slot, observation=env.situation.observation, info=_info(info), task=PublicTask.of(env.task), steps=len(env.past_steps), tools=env.tools
    )


def _stepped(slot: int, env: StepEnv, result: StepResult) -> StepReply:
    observation, reward, terminated, truncated, info = result
    if not math.isfinite(reward):
        raise ContractError(f"a reward is a finite number, got {reward!r}")
    claims = env.past_steps[-1].claims
    return StepReply(
        slot=slot,
        observation=observation,
        reward=reward,
        terminated=terminated,
        truncated=truncated,
        info=_info(info),
        steps=len(env.past_steps),
        malformed=next((claim.reason for claim in claims if isinstance(claim, Malformed)), None),
        spoilt=next((claim.reason for claim in claims if isinstance(claim, Spoilt)), None),
    )


def judge(spec: str) -> Callable[[list[StepContext] | None], VerifierCard | list[Verdict]]:
    """The function of a verifier's process: the verdicts on a chunk of steps; what it is, for None."""
    verifier = make_verifier(spec)

    def judged(steps: list[StepContext] | None) -> VerifierCard | list[Verdict]:
        if steps is None:
            return card_of(verifier)
        return [row[verifier.id] for row in verify_batch([verifier], steps)]

    return judged

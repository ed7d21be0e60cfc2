"""What goes over the wire: one struct a message, as JSON. What a client does not know is None; there is no NaN.

A message never holds anything of a task's sealed part: `PublicTask` has none, and of a step's claims only `Malformed` and `Spoilt` are told, as their reasons.
"""

import base64
import binascii
from typing import Annotated, Any, Literal, TypeAlias

import msgspec

from prm_gym.claims import Claim
from prm_gym.env import ACTION_LENGTH
from prm_gym.nesting import deeper
from prm_gym.spaces import recordable
from prm_gym.task import Task
from prm_gym.tools import Tool
from prm_gym.verdict import Verdict
from prm_gym.verifier import StepContext

MOST_LENGTH = 1 << 24  # of a cut action, as its length is told
MOST_DEPTH = 64  # of lists and objects within one another in the options of a reset

Slot: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=1 << 20, description="which environment of the session")]
Seed: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]


class Received(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a client sends; a field that is not known is refused."""


class OpenRequest(Received, frozen=True, kw_only=True):
    """Open a session.

    Attributes:
        env: id of a served environment.
        options: those that the server lets clients choose.
        num_envs: environments of the session, which step together: slots 0 to num_envs - 1.
    """

    env: str
    options: dict[str, Any] = {}
    num_envs: Annotated[int, msgspec.Meta(ge=1)] = 1


class ResetRequest(Received, frozen=True, kw_only=True):
    """Begin an episode.

    Attributes:
        slot: of the session.
        seed: same seed, same episode; null goes on with the slot's generator.
        options: as for `reset`.
    """

    slot: Slot = 0
    seed: Seed | None = None
    options: dict[str, Any] = {}

    def __post_init__(self) -> None:
        """Refuse options that could not be handed on to the process of a session, whose episodes would be lost over them."""
        if deeper(self.options, MOST_DEPTH):
            raise ValueError(f"options have at most {MOST_DEPTH} levels of lists and objects within one another")


class StepRequest(Received, frozen=True, kw_only=True):
    """Take a step.

    Attributes:
        action: the action's text; of one that is longer than the action space allows, the beginning will do.
        slot: of the session.
        index: how many steps the client has taken in this episode; another number than the server's is refused (`out_of_step`). Null is not compared.
        length: of the whole action, in characters, where only its beginning is sent.
        encoding: "base64" for a text that JSON cannot carry (lone surrogates): its bytes in UTF-8 with surrogates passed.
    """

    action: str
    slot: Slot = 0
    index: Annotated[int, msgspec.Meta(ge=0)] | None = None
    length: Annotated[int, msgspec.Meta(ge=0)] | None = None
    encoding: Literal["text", "base64"] = "text"


class SlotRequest(Received, frozen=True, kw_only=True):
    """Name a slot."""

    slot: Slot = 0


class RestoreRequest(Received, frozen=True, kw_only=True):
    """Put back what a snapshot saved.

    Attributes:
        snapshot: its name.
        slot: of the session; of any session with the same environment and options.
    """

    snapshot: str
    slot: Slot = 0


class ReseedRequest(Received, frozen=True, kw_only=True):
    """Draw from another generator from here on."""

    seed: Seed
    slot: Slot = 0


class BatchReset(Received, frozen=True):
    """Begin episodes in several slots."""

    resets: Annotated[list[ResetRequest], msgspec.Meta(min_length=1)]


class BatchStep(Received, frozen=True):
    """Take a step in several slots; each verifier is asked once about all of them."""

    steps: Annotated[list[StepRequest], msgspec.Meta(min_length=1)]


class VerifyRequest(Received, frozen=True, kw_only=True):
    """Have steps judged, or claims alone. The sealed part of a task is given by whoever asks.

    Attributes:
        verifier: name of a served verifier.
        steps: what it may know of each step.
        claims: statements alone, each with its "type"; one of `steps` and `claims` is given.
    """

    verifier: str
    steps: list[StepContext] | None = None
    claims: list[Claim] | None = None


class PublicTask(msgspec.Struct, frozen=True):
    """A task without its sealed part."""

    key: str
    instructions: str
    question: str
    metadata: dict[str, Any] = {}

    @classmethod
    def of(cls, task: Task) -> "PublicTask":
        """The public part of a task."""
        return cls(task.key, task.instructions, task.question, task.metadata)

    def task(self) -> Task:
        """A task with nothing sealed."""
        return Task(self.key, self.instructions, self.question, {}, self.metadata)


class Info(msgspec.Struct, frozen=True, kw_only=True):
    """The `info` of Gymnasium's `reset` and `step`.

    Attributes:
        task_key: same task, same key.
        state_key: of the state that the agent now sees.
        actions: admissible actions now; empty where they cannot be listed.
        verdicts: on the step just taken, by verifier.
        outcome: in [0, 1] at the end of a valid episode, else null.
        valid: false when the infrastructure spoilt the episode.
        more: what the environment adds.
        more_bytes: likewise, where the value is bytes (in base64).
    """

    task_key: str
    state_key: str
    actions: tuple[str, ...]
    verdicts: dict[str, Verdict]
    outcome: float | None
    valid: bool
    more: dict[str, Any] = {}
    more_bytes: dict[str, bytes] = {}


class ResetReply(msgspec.Struct, frozen=True, kw_only=True):
    """Where an episode begins; or where it stands after `restore`.

    Attributes:
        slot: of the session.
        observation: what the agent sees.
        info: as of Gymnasium.
        task: without its sealed part.
        steps: taken so far.
        tools: that an action may call.
    """

    slot: int
    observation: str
    info: Info
    task: PublicTask
    steps: int = 0
    tools: tuple[Tool, ...] = ()


class StepReply(msgspec.Struct, frozen=True, kw_only=True):
    """What a step did.

    Attributes:
        slot: of the session.
        observation: what the agent now sees.
        reward: finite.
        terminated: the task ended here.
        truncated: the episode was cut here.
        info: as of Gymnasium.
        steps: taken so far.
        malformed: why the action was no step; null where it was one.
        spoilt: what failed, where the infrastructure spoilt the episode; else null.
    """

    slot: int
    observation: str
    reward: float
    terminated: bool
    truncated: bool
    info: Info
    steps: int
    malformed: str | None = None
    spoilt: str | None = None


class ResetReplies(msgspec.Struct, frozen=True):
    """One result a request, in order."""

    results: list[ResetReply]


class StepReplies(msgspec.Struct, frozen=True):
    """One result a request, in order."""

    results: list[StepReply]


class SnapshotReply(msgspec.Struct, frozen=True):
    """The name of a snapshot. The server keeps what it stands for, which holds sealed parts."""

    snapshot: str


class SolutionReply(msgspec.Struct, frozen=True):
    """Actions that earn the outcome 1."""

    actions: list[str]


class Done(msgspec.Struct, frozen=True):
    """It is done."""

    done: bool = True


class VerifierCard(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier: its id and version, whether its verdicts may be had again, and the tags of the claims that it understands (none: the step's text)."""

    id: str
    version: str
    pure: bool
    claims: tuple[str, ...] = ()
    wants_claims: bool = False


class RewardCard(msgspec.Struct, frozen=True, kw_only=True):
    """A reward scheme; a null in its range is no bound."""

    id: str
    low: float | None
    high: float | None
    needs_verdicts: bool
    verifier_ids: tuple[str, ...] = ()


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """An environment as it was made.

    Attributes:
        max_steps: after so many steps an episode is truncated.
        verifiers: that judge every step.
        reward: what makes the number.
        task_count: of tasks that are listed, where they are.
        constant_action: the single action that does best when it is always taken.
    """

    max_steps: int
    verifiers: tuple[VerifierCard, ...]
    reward: RewardCard
    task_count: int | None = None
    constant_action: str | None = None


class SessionReply(msgspec.Struct, frozen=True, kw_only=True):
    """A session.

    Attributes:
        session: its name; whoever has it (and the token) may use it.
        env: id of its environment.
        num_envs: number of slots.
        description: of the environment.
        idle_seconds: after which it is closed when nothing is asked of it.
        request_seconds: that a request may take; then its episodes are spoilt.
        solutions: whether the server tells solutions.
    """

    session: str
    env: str
    num_envs: int
    description: Description
    idle_seconds: float
    request_seconds: float
    solutions: bool


class OfferedEnvironment(msgspec.Struct, frozen=True, kw_only=True):
    """An environment that sessions can be opened of, with what a client may choose: true for any number or truth value, else the values."""

    id: str
    summary: str
    description: Description
    options: dict[str, Any]
    verifiers: tuple[str, ...]


class Environments(msgspec.Struct, frozen=True):
    """The environments of a server."""

    environments: list[OfferedEnvironment]


class OfferedVerifier(msgspec.Struct, frozen=True, kw_only=True):
    """A verifier that can be asked, under the name by which it is asked."""

    name: str
    card: VerifierCard


class Verifiers(msgspec.Struct, frozen=True):
    """The verifiers of a server."""

    verifiers: list[OfferedVerifier]


class Verdicts(msgspec.Struct, frozen=True):
    """One verdict a step, in order."""

    verdicts: list[Verdict]


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """The server answers."""

    status: Literal["ok"]
    version: str
    sessions: int
    most_sessions: int


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was refused (RFC 9457, with a `code` for programs)."""

    type: str
    title: str
    status: int
    code: str
    detail: str


def packed(action: str, limit: int, **rest: Any) -> StepRequest:
    """The request for an action, whatever it is: a long one is cut, and what JSON cannot carry is wrapped.

    Args:
        action: any text.
        limit: length of the longest action, in characters.
        **rest: fields of the request.
    """
    length = len(action) if len(action) > limit else None
    kept = action[:limit]
    if recordable(kept, limit)[1] is None:
        return StepRequest(action=kept, length=length, **rest)
    data = base64.b64encode(kept.encode("utf-8", "surrogatepass")).decode()
    return StepRequest(action=data, length=length, encoding="base64", **rest)


class CutText(str):
    """The beginning of a text that is too long to be an action; its length is that of the whole, of which nobody reads more than that it is too long.

    >>> cut = CutText("abc", 20_000_000)
    >>> len(cut), cut[:2], type(cut[:2])
    (20000000, 'ab', <class 'str'>)
    """

    __slots__ = ("whole",)

    def __new__(cls, beginning: str, whole: int) -> "CutText":
        """Take the beginning, and the length of the whole in characters."""
        made = super().__new__(cls, beginning)
        made.whole = whole
        return made

    def __len__(self) -> int:
        return self.whole

    def __reduce__(self) -> tuple[type["CutText"], tuple[str, int]]:
        return CutText, (str(self[:]), self.whole)


def unpacked(request: StepRequest) -> str:
    """The action of a request; one that was cut is as long as it was, as far as anybody tells.

    Raises:
        ValueError: it is no base64 of a text.
    """
    action = request.action
    if request.encoding == "base64":
        try:
            action = base64.b64decode(action, validate=True).decode("utf-8", "surrogatepass")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError(f"the action is no base64 of a text in UTF-8: {error}") from error
    whole = min(request.length or 0, MOST_LENGTH)
    if whole > max(len(action), ACTION_LENGTH):
        return CutText(action, whole)
    return action.ljust(whole)

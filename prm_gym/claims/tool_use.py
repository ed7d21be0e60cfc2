"""Claims about calls of tools, whatever the tools are."""

import msgspec

from prm_gym.claims.claim import Claim


class PastCall(msgspec.Struct, frozen=True, gc=False):
    """A call and what came of it.

    Attributes:
        call: the call in a form that is equal for equal calls (`prm_gym.tools.ToolCall.key`).
        answer: what was answered, or a key of it.
    """

    call: str
    answer: str


class ToolUse(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="tool_use"):
    """A call of a tool did something: it did not fail, and does not repeat what was done before.

    Attributes:
        now: the call and what came of it.
        earlier: the calls before it, in order.
        failed: the tool refused it, or it went wrong.
        reads: the tool is known to change nothing.
        idempotent: it is known that the same call a second time changes nothing more.
        outcome: in [0, 1], where the call ends the task; how well it was done.
    """

    now: PastCall
    earlier: tuple[PastCall, ...] = ()
    failed: bool = False
    reads: bool = False
    outcome: float | None = None
    idempotent: bool = False

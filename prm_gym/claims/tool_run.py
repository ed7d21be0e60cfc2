"""Claims about calls of a tool that runs code."""

from typing import Literal, TypeAlias

import msgspec

from prm_gym.claims.claim import Claim

RunStatus: TypeAlias = Literal["ok", "exception", "timeout", "memory", "output", "crash"]
AnswerOrigin: TypeAlias = Literal["computed", "typed", "none"]


class ToolRun(Claim, msgspec.Struct, frozen=True, gc=False, omit_defaults=True, tag="tool_run"):
    """Code was run, came to its end, and was of use.

    Attributes:
        status: how the run ended.
        error: the last line of the traceback, or how it ended; empty for "ok".
        printed: it printed something.
        echoed: all that it printed are literals of its own source, and no name that it leaves behind was computed.
        repeated: the same code (layout and comments aside) was run before, with the same result.
        defined: names that it leaves behind for later calls.
        used: what is seen to reach its output of earlier calls, and of no call before: names ("name total") and printed values ("value 1834").
        credited: how many earlier calls of the episode have printed something that is made of such a use.
    """

    status: RunStatus
    error: str = ""
    printed: bool = False
    echoed: bool = False
    repeated: bool = False
    defined: tuple[str, ...] = ()
    used: tuple[str, ...] = ()
    credited: int = 0


class AnswerSupport(Claim, msgspec.Struct, frozen=True, gc=False, tag="answer_support"):
    """Where a final answer comes from. Whether it is right is another claim.

    Attributes:
        origin: "computed" (its numbers, or its words where it has none, stand in outputs, and one at least in no code that was written up to then),
            "typed" (they stand in outputs, and all of them were written into code before), "none" (some stand in no output).
        runs: how often code was run before.
    """

    origin: AnswerOrigin
    runs: int

"""What goes into the sandbox beside the code, and what comes out."""

import math
from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.claims import Json
from prm_gym.errors import OptionError

Status: TypeAlias = Literal["ok", "exception", "timeout", "memory", "output", "crash", "fault"]
Tier: TypeAlias = Literal["A", "B", "C", "D"]


MOST = 1 << 40  # of bytes, or MiB


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a job may use.

    Attributes:
        wall_seconds: from the moment at which it starts, in (0, 600].
        cpu_seconds: of all its threads; None for `wall_seconds` rounded up.
        memory_mb: MiB of address space beyond what the interpreter has, from 8 on.
        output_bytes: what stdout, stderr, the results of calls and any file may hold, each; a job that writes more ends with the status "output".
        kept_bytes: how much of stdout and of stderr is kept: half of it from the beginning, half from the end.
    """

    wall_seconds: float = 5.0
    cpu_seconds: float | None = None
    memory_mb: int = 256
    output_bytes: int = 1 << 20
    kept_bytes: int = 1 << 16

    def __post_init__(self) -> None:
        for name in ("wall_seconds", "cpu_seconds"):
            seconds = getattr(self, name)
            if not (name == "cpu_seconds" and seconds is None) and not (isinstance(seconds, float | int) and 0 < seconds <= 600):
                raise OptionError(f"{name} is a number above 0 and at most 600, got {seconds!r}")
        for name, least in (("memory_mb", 8), ("output_bytes", 1024), ("kept_bytes", 64)):
            size = getattr(self, name)
            if not (isinstance(size, int) and least <= size <= MOST):
                raise OptionError(f"{name} is a whole number from {least} to {MOST:,}, got {size!r}")

    @property
    def cpu_limit(self) -> int:
        """Whole seconds of CPU time, rounded up."""
        return math.ceil(self.wall_seconds if self.cpu_seconds is None else self.cpu_seconds)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """How a job ended. What it printed is what the code claims; the rest is what the host saw.

    Attributes:
        status: "ok" (came to its end), "exception" (an exception or sys.exit with a code ended it), "timeout" (wall or CPU time), "memory", "output" (wrote too
            much), "crash" (killed by a signal of its own making, or left without a result), "fault" (the sandbox itself failed: nothing is known of the code).
        stdout: what was printed, undecodable bytes replaced. Of more than `kept_bytes`, the beginning and the end, so many in all, and a line between them
            that says how many are left out.
        stderr: likewise; the traceback, where there is one.
        error: the last line of the traceback, or how it ended, in one sentence; empty for "ok".
        truncated: whether stdout or stderr was cut.
        wall_seconds: that it ran.
        cpu_seconds: that it used.
        peak_mb: of resident memory, the interpreter's own included.
        tier: at which it ran.
        finished: a program that was run says that it came to its end, by whatever exception: it did not leave by `os._exit`. Like the output it is a claim.
    """

    status: Status
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    truncated: bool = False
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_mb: float = 0.0
    tier: Tier = "A"
    finished: bool = False


class CallResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one call of a function. All of it is what the code claims.

    Attributes:
        status: "returned", "raised" (an exception, SystemExit too), or "missing" (the job ended before it came to this call, or its record cannot be read).
        value: what was returned, in the encoding of `prm_gym.sandbox.values`; compare it with `values.same`.
        error: name of the exception's class and its message; empty where none was raised.
        nearest: the exception of Python's own that was raised, or that its class derives from first ("ValueError" for a JSONDecodeError).
    """

    status: Literal["returned", "raised", "missing"]
    value: Json = None
    error: str = ""
    nearest: str = ""


class Calls(msgspec.Struct, frozen=True, kw_only=True):
    """What came of the calls of a function.

    Attributes:
        results: one a case, in order.
        run: how the job ended. Its status says nothing of the results before the end.
    """

    results: tuple[CallResult, ...]
    run: Run


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test source.

    Attributes:
        passed: the tests came to their end without an exception. The host saw it: the candidate ran in another process.
        failure: what failed, as the tests say it; empty where they passed.
        carried: everything that they asked for could be carried between the processes; where not, that they failed says nothing of the program. What a
            program gives where plain data is expected is wrong, not uncarried.
        on_word: they came to their end, but on the word of the program's own objects (that two of them are equal, that one is true or contains something), or
            only with what it did to its arguments done to theirs.
        run: how the process of the tests ended.
        candidate: how the process of the candidate ended; None where it did not start.
    """

    passed: bool
    failure: str = ""
    carried: bool = True
    on_word: bool = False
    run: Run
    candidate: Run | None = None


class Rows(msgspec.Struct, frozen=True, kw_only=True):
    """What a query gave.

    Attributes:
        status: "ok", "error" (the database refused it: see `error`), "timeout", "memory", "crash", "fault".
        columns: names of the columns.
        rows: values in the encoding of `prm_gym.sandbox.values` (a blob is {"bytes": hex}).
        truncated: there are more rows than were asked for.
        error: in one sentence; empty for "ok".
        run: how the job ended.
    """

    status: Literal["ok", "error", "timeout", "memory", "crash", "fault"]
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Json, ...], ...] = ()
    truncated: bool = False
    error: str = ""
    run: Run


class Doctor(msgspec.Struct, frozen=True, kw_only=True):
    """What a sandbox can do here.

    Attributes:
        tier: the best tier that the machine offers and whose self-test passed; None where there is none.
        reasons: for each better tier, why it is not offered.
        details: what the machine offers (namespaces, Landlock's ABI, seccomp), JSON values.
    """

    tier: Tier | None
    reasons: dict[str, str]
    details: dict[str, Any]

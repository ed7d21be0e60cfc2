"""What is asked of a pool and what comes of it: one call with its jobs, one result a job."""

import contextlib
import socket
import time
from collections import deque
from typing import Any, Literal, TypeAlias

import msgspec

JobStatus: TypeAlias = Literal["ok", "timeout", "error", "crash", "memory"]


class JobResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one job.

    Attributes:
        status: `ok`; `timeout` (not done within the deadline, the worker was killed); `error` (the function raised, or the job or its result
            cannot be sent); `crash` (the worker died over it, as C code may do for want of memory); `memory` (it raised MemoryError).
        value: what the function returned if the status is `ok`, else None.
        reason: one sentence for a person; empty if the status is `ok`.
        run_seconds: time of the work, as the worker measured it; as the pool saw it where the worker did not survive.
        queued_seconds: time from the call until the work began.
    """

    status: JobStatus
    value: Any = None
    reason: str = ""
    run_seconds: float = 0.0
    queued_seconds: float = 0.0


class Call:
    """One `map` in progress.

    Attributes:
        jobs: what to do.
        began: when it was asked, on the monotonic clock.
        pending: places of the jobs that are still to be handed out.
        results: by place.
        over: nobody waits for it any more.
        ear: becomes readable when another thread wakes it.
    """

    def __init__(self, jobs: list[Any]) -> None:
        self.jobs = jobs
        self.began = time.monotonic()
        self.pending = deque(range(len(jobs)))
        self.results: dict[int, JobResult] = {}
        self.over = False
        self.ear, self._mouth = socket.socketpair()
        self.ear.setblocking(False)
        self._mouth.setblocking(False)

    @property
    def unfinished(self) -> bool:
        """Whether some job has no result yet."""
        return len(self.results) < len(self.jobs)

    def wake(self) -> None:
        """Make it look round; from any thread."""
        with contextlib.suppress(OSError):  # full, which wakes as well; or closed, when nobody listens any more
            self._mouth.send(b"!")

    def listen(self) -> None:
        """Forget that it was woken."""
        with contextlib.suppress(BlockingIOError):
            self.ear.recv(4096)

    def close(self) -> None:
        """Wake it no more."""
        self.ear.close()
        self._mouth.close()

"""The host's side of a zygote: a process started by exec, orders with memory files out, reports of a fixed size in."""

import contextlib
import json
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from prm_gym.errors import SandboxError
from prm_gym.sandbox.inside.protocol import ORDER, REPORT, SPOILT, TIMED_OUT
from prm_gym.sandbox.result import Limits, Tier
from prm_gym.sandbox.visible import Profile, described

START_SECONDS = 30.0
# A zygote answers when the wall time of a job is over; the host waits so much longer before it kills the zygote.
GRACE_SECONDS = 2.0
# Orders that a zygote may hold: one that it works on, and the next.
DEPTH = 2
INSIDE = Path(__file__).parent / "inside"


class Settings(msgspec.Struct, frozen=True):
    """What makes a zygote what it is.

    Attributes:
        tier: what stands between it and the host.
        profile: what is imported beforehand.
        scratch_mb: size of the folder that jobs may write in, at tier A.
    """

    tier: Tier
    profile: Profile = "bare"
    scratch_mb: int = 16


class Job(msgspec.Struct, eq=False):
    """A job with its memory files, which exist from `open` to `close`.

    Attributes:
        task: JSON values for the child.
        limits: what it may use.
        stdin: what it is given.
        peer: descriptor of the socket to the other process of a test; -1 for none. It belongs to the caller.
        attempts: how often it was given to a zygote that died.
    """

    task: dict[str, Any]
    limits: Limits
    stdin: bytes = b""
    peer: int = -1
    attempts: int = 0
    files: tuple[int, ...] = ()

    def open(self) -> list[int]:
        """The descriptors for the child, in order: stdin, stdout, stderr, channel, and the peer."""
        data = marshal.dumps(self.task)
        files: list[int] = []
        try:
            for name in ("stdin", "stdout", "stderr", "channel"):
                files.append(os.memfd_create(name, os.MFD_CLOEXEC))
        except OSError:
            for descriptor in files:
                os.close(descriptor)
            raise
        self.files = tuple(files)
        for descriptor, content in ((self.files[0], self.stdin), (self.files[3], data)):
            written = 0
            while written < len(content):
                written += os.pwrite(descriptor, content[written:], written)
        return [*self.files, *([self.peer] if self.peer >= 0 else [])]

    def close(self) -> None:
        """Give the memory files back."""
        for descriptor in self.files:
            os.close(descriptor)
        self.files = ()


class Report(msgspec.Struct, frozen=True):
    """What a zygote says of a job, and what the job left in its files.

    Attributes:
        timed_out: it was killed at the wall limit.
        status: wait status; None when the zygote died.
        seconds: wall time.
        cpu_seconds: user and system time.
        peak_kib: of resident memory.
        sizes: bytes in stdout, stderr and the channel.
        stdout: what was printed: beginning and end, as far as they are kept.
        stderr: likewise.
        channel: the records.
    """

    timed_out: bool
    status: int | None
    seconds: float
    cpu_seconds: float
    peak_kib: int
    sizes: tuple[int, int, int]
    stdout: bytes
    stderr: bytes
    channel: bytes


class Zygote:
    """One zygote process; used by one thread at a time."""

    def __init__(self, settings: Settings) -> None:
        """Start the process; `wait_until_ready` waits for it.

        Raises:
            SandboxError: no process can be started.
        """
        self.settings = settings
        self.served = 0
        self.spoilt = False  # a job left something that could not be cleared away, or the process is gone
        self._orders: deque[tuple[int, Job]] = deque()
        self._head_since = 0.0
        self._next = 0
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        file = os.memfd_create("settings", os.MFD_CLOEXEC)
        os.pwrite(file, json.dumps(described(settings.tier, settings.profile, settings.scratch_mb)).encode(), 0)
        try:
            self._process = subprocess.Popen(
                [_interpreter(), "-S", "-s", "-P", str(INSIDE / "zygote.py"), str(theirs.fileno()), str(file)],
                pass_fds=[theirs.fileno(), file],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            self._control.close()
            raise SandboxError(f"no process for the sandbox can be started: {error}") from error
        finally:
            theirs.close()
            os.close(file)

    def fileno(self) -> int:
        """Of the socket on which reports come in."""
        return self._control.fileno()

    @property
    def pid(self) -> int:
        """Of the process that was started (at tier A, its child is the zygote)."""
        return self._process.pid

    @property
    def room(self) -> int:
        """How many orders more it can take."""
        return DEPTH - len(self._orders)

    @property
    def fit(self) -> bool:
        """Whether it can be given to somebody else: it lives, and has nothing to do."""
        return not self._orders and not self.spoilt

    @property
    def deadline(self) -> float:
        """On the monotonic clock: when the job that it works on should have been reported."""
        if not self._orders:
            return float("inf")
        return self._head_since + self._orders[0][1].limits.wall_seconds + GRACE_SECONDS

    def wait_until_ready(self) -> None:
        """Wait until it stands behind its walls.

        Raises:
            SandboxError: it cannot, and says why.
        """
        reply = b""
        if select.select([self._control], [], [], START_SECONDS)[0]:
            with contextlib.suppress(OSError):
                reply = self._control.recv(1 << 16)
        try:
            said = json.loads(reply)
        except ValueError:
            said = {"ready": False, "reason": "it did not start" if reply == b"" else "it does not speak"}
        if not said.get("ready"):
            self.kill()
            raise SandboxError(f"tier {self.settings.tier} of the sandbox cannot be had: {said.get('reason')}")

    def give(self, job: Job) -> bool:
        """Order a job; False when the zygote is gone."""
        limits = job.limits
        number, self._next = self._next, self._next + 1
        order = ORDER.pack(number, job.peer >= 0, limits.wall_seconds, limits.cpu_limit, limits.memory_mb << 20, limits.output_bytes)
        if not job.files:
            job.open()
        descriptors = [*job.files, *([job.peer] if job.peer >= 0 else [])]
        try:
            socket.send_fds(self._control, [order], descriptors)
        except OSError:
            self.spoilt = True
            return False
        if not self._orders:
            self._head_since = time.monotonic()
        self._orders.append((number, job))
        return True

    def take(self) -> tuple[Job, Report]:
        """The job that has been done, and its report.

        Raises:
            EOFError: the zygote is gone.
        """
        try:
            data = self._control.recv(1 << 12)
        except OSError as error:
            raise EOFError from error
        if len(data) != REPORT.size or not self._orders:  # a zygote that gives up says so in words
            raise EOFError
        number, flags, status, seconds, cpu_seconds, peak = REPORT.unpack(data)
        expected, job = self._orders[0]
        if number != expected:
            raise EOFError
        self._orders.popleft()
        self.spoilt = self.spoilt or flags & SPOILT != 0
        self._head_since = time.monotonic()
        self.served += 1
        return job, report_of(job, flags & TIMED_OUT != 0, status, seconds, cpu_seconds, peak)

    def leave(self) -> list[Job]:
        """End it; returns the jobs that it had and has not done, in order."""
        self.kill()
        return [job for _, job in self._orders]

    def kill(self) -> None:
        """End the process, and with it (at tier A) everything in its namespace."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def disown(self) -> None:
        """Forget it in a forked process: it is the parent's."""
        self._control.close()
        self._process.returncode = 0


def report_of(job: Job, timed_out: bool, status: int | None, seconds: float, cpu_seconds: float = 0.0, peak: int = 0) -> Report:
    """The report of a job, with what is in its files; closes them."""
    sizes = tuple(os.fstat(descriptor).st_size for descriptor in job.files[1:])
    kept, limit = job.limits.kept_bytes, job.limits.output_bytes
    stdout, stderr = (_ends(descriptor, min(size, limit), kept) for descriptor, size in zip(job.files[1:3], sizes[:2], strict=True))
    channel = os.pread(job.files[3], min(sizes[2], limit), 0)
    job.close()
    return Report(timed_out, status, seconds, cpu_seconds, peak, (sizes[0], sizes[1], sizes[2]), stdout, stderr, channel)


def _ends(descriptor: int, size: int, kept: int) -> bytes:
    """The whole of a file, or its beginning and end with a mark between them."""
    if size <= kept:
        return os.pread(descriptor, size, 0)
    half = kept // 2
    return os.pread(descriptor, half, 0) + f"\n... {size - 2 * half:,} bytes left out ...\n".encode() + os.pread(descriptor, half, size - half)


@lru_cache(maxsize=1)
def _interpreter() -> str:
    """Python itself, not the link of a virtual environment."""
    return os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)


def _environment() -> dict[str, str]:
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "MALLOC_ARENA_MAX": "1", **threads}

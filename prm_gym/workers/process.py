"""One worker process as its pool sees it: start it, send it a job, hear what it says, kill it."""

import contextlib
import os
import pickle
import signal
import socket
import subprocess
import sys
import time
from typing import Any

import msgspec

from prm_gym.errors import WorkerError
from prm_gym.workers.call import Call
from prm_gym.workers.child import HEADER, KINDS, LENGTH, MAX_FRAME_BYTES

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "child.py")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker of a pool is told at its start; see `WorkerPool`."""

    function: str
    setup: bytes | None
    deadline: float
    memory_mb: int | None
    recycle_after: int
    start_seconds: float
    environment: dict[str, str]


class Frame(msgspec.Struct, frozen=True, gc=False):
    """What a worker says.

    Attributes:
        kind: one of `prm_gym.workers.child.KINDS`.
        worn: the worker asks to be replaced.
        started: when the work began, on the monotonic clock that all processes of a machine share.
        seconds: time of the work.
        body: a pickle if the kind is "ok", else the reason in UTF-8.
    """

    kind: str
    worn: bool
    started: float
    seconds: float
    body: bytes


class Worker:
    """A process with one job at a time.

    Attributes:
        owner: the call that it works for, None when it is free. Only the owner may touch the channel.
        claimed: when the owner got it, on the monotonic clock.
        job: index of its job in the owner's batch, None when it has none.
        ready: its function has been imported.
    """

    def __init__(self, settings: Settings) -> None:
        """Start the process; it imports its function while the caller goes on.

        Raises:
            WorkerError: the system starts no process.
        """
        self.settings = settings
        self.owner: Call | None = None
        self.claimed = 0.0
        self.job: int | None = None
        self.ready = False
        self._inbox = bytearray()
        self._outbox = memoryview(b"")
        self._untouched = False
        if not sys.executable:
            raise WorkerError("worker processes need a Python interpreter, and sys.executable is empty (an embedded interpreter?)")
        try:
            self._start()
        except OSError as error:
            raise WorkerError(f"no worker process could be started: {error}") from error
        words = {name: getattr(settings, name) for name in ("function", "setup", "memory_mb", "recycle_after", "deadline")}
        self._put(pickle.dumps({**words, "path": sys.path}))
        with contextlib.suppress(EOFError):  # whoever works with it will notice
            self.push()

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair()
        end, leash = os.pipe()
        # As a file: its close() may be called twice, and nothing can come between the closing and the knowing of it.
        self._leash = open(leash, "wb", buffering=0)  # noqa: SIM115 - closed in _hang_up
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", SCRIPT, str(theirs.fileno()), str(end)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), end),
                env={**os.environ, **self.settings.environment},
                start_new_session=True,  # a group to be killed as a whole, and out of reach of Ctrl-C
            )
        except OSError:
            self._hang_up()
            raise
        finally:
            theirs.close()
            os.close(end)
        self._channel.setblocking(False)

    @property
    def process_id(self) -> int:
        """Of the worker."""
        return self._process.pid

    @property
    def descriptor(self) -> int:
        """To poll on."""
        return self._channel.fileno()

    @property
    def sending(self) -> bool:
        """Something has still to be sent, as soon as the channel takes it."""
        return bool(self._outbox)

    @property
    def due(self) -> float:
        """When its time is up, on the monotonic clock: a job counts from the moment at which the worker has it, or has last moved some of it."""
        if not self.ready:
            return self._moved + self.settings.start_seconds
        return self._moved + self.settings.deadline if self.job is not None else float("inf")

    @property
    def running(self) -> float:
        """Seconds since the worker was given its job."""
        return time.monotonic() - self._moved

    def give(self, job: int, payload: bytes) -> bool:
        """Hand it a job.

        Args:
            job: index in the owner's batch.
            payload: the pickled argument.

        Returns:
            False when the worker is gone and has seen nothing of the job.
        """
        self.job = job
        self._put(payload)
        try:
            self.push()
        except EOFError:
            return not self._untouched
        return True

    def _put(self, payload: bytes) -> None:
        self._outbox = memoryview(LENGTH.pack(len(payload)) + payload)
        self._untouched = True
        self._moved = time.monotonic()

    def push(self) -> None:
        """Send as much as the channel takes.

        Raises:
            EOFError: the worker is gone.
        """
        while self._outbox:
            try:
                count = self._channel.send(self._outbox)
            except BlockingIOError:
                return
            except OSError as error:
                raise EOFError from error
            self._untouched = False
            self._moved = time.monotonic()
            self._outbox = self._outbox[count:]

    def hear(self) -> Frame | None:
        """The frame that has come, None while it is incomplete.

        Raises:
            EOFError: the worker is gone, or sends what is no frame.
        """
        try:
            data = self._channel.recv(65536)
        except BlockingIOError:
            return None
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        self._inbox += data
        self._moved = time.monotonic()
        if len(self._inbox) < HEADER.size:
            return None
        fields: tuple[int, int, int, float, float] = HEADER.unpack_from(self._inbox)
        length, kind, worn, started, seconds = fields
        if length > MAX_FRAME_BYTES or kind >= len(KINDS):
            raise EOFError
        if len(self._inbox) < HEADER.size + length:
            return None
        body = bytes(memoryview(self._inbox)[HEADER.size : HEADER.size + length])
        self._inbox = bytearray()
        return Frame(KINDS[kind], bool(worn), started, seconds, body)

    def kill(self) -> None:
        """Kill it and what it has started; leaves the channel to its owner. The process must not have been waited for."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def bury(self, patience: float) -> str | None:
        """Kill it, close what belongs to it, and wait for its end.

        Args:
            patience: seconds to wait; a process can die slowly while the system takes back its memory.

        Returns:
            How it ended, in words for a person; None when it has not ended yet: bury it again later.
        """
        self.kill()
        self._hang_up()
        try:
            code = self._process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        if code >= 0:
            return f"exited with code {code}"
        try:
            return f"was killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"was killed by signal {-code}"

    def disown(self) -> None:
        """Forget it in a forked process: it is the parent's."""
        self._hang_up()
        self._process.returncode = 0

    def _hang_up(self) -> None:
        self._channel.close()
        self._leash.close()


def pickled(job: Any) -> bytes:
    """A job as bytes.

    Raises:
        ValueError: it is too large.
        Exception: whatever pickling raises.
    """
    payload = pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
    if len(payload) > MAX_FRAME_BYTES:
        raise ValueError(f"it has {len(payload):,} bytes pickled; at most {MAX_FRAME_BYTES:,} are allowed")
    return payload

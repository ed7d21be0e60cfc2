"""What runs in a worker process: run as a script, from the standard library alone, so that it starts within milliseconds.

The worker reads frames (8 bytes of length, a pickle) from its channel and answers each with one frame (`HEADER`, a body). It is bound to its parent by
the leash, a pipe that nobody writes to: when the last writing end is closed, which the parent's death does, the worker's process group is killed.
"""

import contextlib
import fcntl
import importlib
import os
import pickle
import resource
import select
import signal
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, NoReturn

# Length of the body, place in `KINDS`, whether the worker should be replaced, start of the work on the monotonic clock, seconds of work.
HEADER = struct.Struct("<QBBdd")
LENGTH = struct.Struct("<Q")
KINDS = ("ready", "failed", "ok", "error", "memory")
# Larger jobs and results are errors: what is so large belongs into a file.
MAX_FRAME_BYTES = 256 * 2**20
# Reasons are for persons; some libraries put whole expressions into their messages.
MAX_REASON = 500
# Descriptors are moved up here, where a job's `os.closerange(3, 100)` does not reach.
HIGH_DESCRIPTOR = 500


class Limits:
    """When a worker has had enough: jobs served, or memory held."""

    def __init__(self, memory_mb: int | None, recycle_after: int, deadline: float) -> None:
        """Set the caps; whatever has been imported by now does not count.

        Args:
            memory_mb: headroom of address space, in MiB, over what is in use now; None for no cap.
            recycle_after: jobs after which the worker asks to be replaced, >= 1.
            deadline: seconds a job may take; fences the CPU time of a worker that has lost its parent and its leash.
        """
        self.jobs_left = recycle_after
        self.resident = float("inf")
        self.cpu_seconds = min(deadline * (os.cpu_count() or 1) + 60, 1e9)
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("500")  # when the machine runs out of memory, the worker goes before its parent
        if memory_mb is None or not os.path.exists("/proc/self/statm"):
            return
        size, resident = _memory()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        cap = size + memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (cap if hard == resource.RLIM_INFINITY else min(cap, hard), hard))
        self.resident = resident + memory_mb * 2**19

    def job_begins(self) -> None:
        """Move the fence of CPU time; it is far beyond what the parent's deadline allows."""
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        soft = int(time.process_time() + self.cpu_seconds)
        resource.setrlimit(resource.RLIMIT_CPU, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))

    def worn(self) -> bool:
        """Whether this was the last job: so many have been served, or half of the headroom is still held."""
        self.jobs_left -= 1
        if self.jobs_left <= 0:
            return True
        # The peak is cheap to ask for; what is held now is read only if the peak was high.
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return peak > self.resident and _memory()[1] > self.resident


def _memory() -> tuple[int, int]:
    """Bytes of address space and bytes resident."""
    with open("/proc/self/statm", "rb") as file:
        size, resident = file.read().split()[:2]
    return int(size) * resource.getpagesize(), int(resident) * resource.getpagesize()


def _moved_up(descriptor: int) -> int:
    try:
        copy = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR)
    except OSError:  # beyond the limit of open files
        os.set_inheritable(descriptor, False)
        return descriptor
    os.close(descriptor)
    return copy


def follow(leash: int) -> None:
    """Die with the parent, and take the process group along.

    On Linux the kernel sends SIGKILL when the pipe is hung up: no Python code has to run, so a job in C code that holds the GIL dies as well.
    `PR_SET_PDEATHSIG` would fire when the parent's *thread* ends that started the worker. Elsewhere a thread waits, which needs the GIL.
    """
    try:
        fcntl.fcntl(leash, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(leash, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(leash, fcntl.F_SETFL, fcntl.fcntl(leash, fcntl.F_GETFL) | os.O_ASYNC)
    except (AttributeError, OSError):
        threading.Thread(target=_wait_for_end, args=(leash,), daemon=True).start()
    poller = select.poll()
    poller.register(leash, select.POLLIN)
    if poller.poll(0):  # the parent was gone before the signal was asked for
        os.killpg(0, signal.SIGKILL)


def _wait_for_end(leash: int) -> None:
    os.read(leash, 1)
    os.killpg(0, signal.SIGKILL)


def receive(channel: socket.socket) -> bytearray:
    """The next frame's body.

    Raises:
        EOFError: the other end is closed.
    """
    (length,) = LENGTH.unpack(_exactly(channel, LENGTH.size))
    return _exactly(channel, length)


def _exactly(channel: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = channel.recv_into(view)
        if count == 0:
            raise EOFError
        view = view[count:]
    return data


def answer(channel: socket.socket, kind: str, body: bytes, worn: bool = False, started: float = 0.0, seconds: float = 0.0) -> None:
    """Send one frame."""
    header = HEADER.pack(len(body), KINDS.index(kind), worn, started, seconds)
    if len(body) < 65536:
        channel.sendall(header + body)
    else:
        channel.sendall(header)
        channel.sendall(body)


def described(error: BaseException) -> str:
    """Type and message, cut to `MAX_REASON` characters."""
    try:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    except BaseException:  # a message may be computed, and fail
        text = type(error).__name__
    return text if len(text) <= MAX_REASON else text[:MAX_REASON] + " ..."


def work(function: Callable[[Any], Any], job: bytearray) -> tuple[str, bytes]:
    """Do one job.

    Returns:
        "ok" and the pickled result, or "error" or "memory" and the reason.
    """
    doing = "reading the job"
    try:
        argument = pickle.loads(job)
        doing = ""
        value = function(argument)
        doing = "pickling the result"
        body = pickle.dumps(value, pickle.HIGHEST_PROTOCOL)
    except MemoryError:
        return "memory", b""
    except BaseException as error:  # a job may raise anything, SystemExit and KeyboardInterrupt too, and the worker lives on
        return "error", (f"{doing}: " * bool(doing) + described(error)).encode("utf-8", "replace")
    if len(body) > MAX_FRAME_BYTES:
        return "error", f"the result has {len(body):,} bytes pickled; at most {MAX_FRAME_BYTES:,} are allowed".encode()
    return "ok", body


def load(path: str, setup: bytes | None) -> Callable[[Any], Any]:
    """The function named "package.module:function"; with a setup (a pickled tuple of arguments), what that function makes of it."""
    module, _, name = path.partition(":")
    function: Any = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    if setup is not None:
        function = function(*pickle.loads(setup))
    if not callable(function):
        raise TypeError(f"{path} is no function but {type(function).__name__}")
    return function


def serve(channel: socket.socket) -> None:
    """Import what the first frame names, then do the jobs of the frames that follow.

    Raises:
        EOFError: the parent has closed the channel.
        OSError: the channel is broken.
    """
    settings: dict[str, Any] = pickle.loads(receive(channel))
    sys.path[:] = settings["path"]
    try:
        function = load(settings["function"], settings["setup"])
        limits = Limits(settings["memory_mb"], settings["recycle_after"], settings["deadline"])
    except BaseException as error:  # importing runs whatever the module does
        answer(channel, "failed", described(error).encode("utf-8", "replace"))
        return
    answer(channel, "ready", b"")
    process = os.getpid()
    while True:
        try:
            job = receive(channel)
        except MemoryError:  # the rest of the frame stays unread: wait for the end that it asks for
            answer(channel, "memory", b"", True, time.monotonic())
            signal.pause()
            return
        started = time.monotonic()
        limits.job_begins()
        kind, body = work(function, job)
        seconds = time.monotonic() - started
        if os.getpid() != process:  # the job forked, and its child came back as well
            return
        answer(channel, kind, body, limits.worn() or kind == "memory", started, seconds)


def main() -> NoReturn:
    """Serve until the parent closes the channel; leaves without running what jobs have registered for the exit."""
    number, leash = (_moved_up(int(text)) for text in sys.argv[1:3])
    follow(leash)
    with socket.socket(fileno=number) as channel:
        # A job's children must not hold the channel open when the worker dies.
        os.register_at_fork(after_in_child=channel.close)
        try:
            serve(channel)
        except (EOFError, OSError):
            os._exit(0)
    os._exit(0)


if __name__ == "__main__":
    main()

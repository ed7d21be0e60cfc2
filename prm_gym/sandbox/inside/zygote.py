"""The zygote: goes behind the walls once, then forks a child for every job, waits for it, and says how it ended.

Started as a script with Python's standard library alone. It never reads what a job has written; its socket is closed in every child. It takes orders of a
fixed size with the descriptors of the job's memory files, and answers each with a record of a fixed size.
"""

import contextlib
import gc
import importlib
import io
import json
import os
import resource
import signal
import socket
import stat
import sys
import time
from typing import Any, NamedTuple, NoReturn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import kernel
import selfpipe
from exits import EXIT_UNFIT
from protocol import ORDER, REPORT, SPOILT, TIMED_OUT

OPEN_FILES = 64
THREADS = 64
FORK_ATTEMPTS = 20


class Ready(NamedTuple):
    """What a zygote behind its walls needs for its jobs. Its children can look at all of it."""

    work: Any
    guard: Any
    memory: int
    scratch: bool


def start(control: socket.socket, settings: dict[str, Any]) -> Ready:
    """Go behind the walls of a tier."""
    tier = settings["tier"]
    own = os.getuid()
    user = kernel.nameless_user() if own == 0 and tier != "D" else own
    if tier == "A":
        import walls

        walls.enter_namespaces(user)
        child = os.fork()
        if child:
            control.close()
            _, status = os.waitpid(child, 0)
            os._exit(os.waitstatus_to_exitcode(status) & 255)
    sys.path += settings["folders"]
    for name in settings["preload"]:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    import work

    if settings["sql"]:
        import database

        work.KINDS["sql"] = lambda task: database.answer(task, work.record)
    if settings["duckdb"]:
        import duck

        work.KINDS["sql"] = lambda task: duck.answer(task, work.record)
    if "sympy" in sys.modules:
        import warming

        warming.warm()
    memory = _address_space()
    guard = _guard(settings, user)
    if tier == "A":  # once more: it is forgotten where the user changes
        kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _reset_signals()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    _cover_tracks()
    selfpipe.stand_in()
    _limit_all(os.getuid() == user != own or (tier == "A" and _counts_apart()))
    work.seed()
    gc.collect()
    gc.freeze()
    return Ready(work, guard, memory, tier == "A")


def _reset_signals() -> None:
    """Answer signals as Python does at its start, however the host was started: a shell's background jobs ignore some."""
    for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _cover_tracks() -> None:
    """Let a program see the standard library alone: none of our modules, paths and arguments."""
    own = os.path.dirname(os.path.abspath(__file__))
    for name, module in list(sys.modules.items()):
        if name != "__main__" and (getattr(module, "__file__", None) or "").startswith(own + os.sep):
            del sys.modules[name]
    sys.path[:] = [path for path in sys.path if path != own]
    sys.path_importer_cache.clear()
    sys.argv[:] = sys.orig_argv[:] = [""]
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # so that what was printed survives a kill


def _counts_apart() -> bool:
    """Whether the kernel counts the processes of a user in each user namespace apart: from Linux 5.14 on."""
    return [int(part) for part in os.uname().release.split("-")[0].split(".")[:2]] >= [5, 14]


def _guard(settings: dict[str, Any], user: int) -> Any:
    """Put up the walls; returns the filter for the children, None at tier D.

    Root becomes the other user where that one can still read the standard library: the kernel bounds no number of processes and threads of root's.
    """
    tier = settings["tier"]
    if tier == "D":
        return None
    import filter as filters
    import walls

    if tier == "A":
        walls.enter_root(settings["trees"], settings["covers"], settings["packages"], settings["scratch_mb"])
    if tier in ("A", "B"):
        walls.restrict_files(settings["rules"], settings["listings"], walls.SCRATCH if tier == "A" else None)
    if user != os.getuid() and not kernel.may_become(user, os.__file__ if tier != "C" else "/"):
        user = os.getuid()
    if tier == "A":
        os.chown(walls.SCRATCH, user, -1)
    kernel.drop_capabilities(user)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    # DuckDB opens no file once it is connected; and where a file of the system may be named but not read, it crashes.
    naming = tier in ("A", "B") and not settings["duckdb"]
    return filters.Filter(naming=naming, writing=tier == "A" and naming)


def _address_space() -> int:
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 30


def serve(control: socket.socket, ready: Ready) -> NoReturn:
    """Do one job after another until the host hangs up."""
    while True:
        spoilt = _serve_one(control, ready)
        if spoilt:  # the next job gets a fresh zygote; an order left unread here would take the report away from the host
            while control.recv(ORDER.size):
                pass
            os._exit(0)


def _serve_one(control: socket.socket, ready: Ready) -> bool:
    """Do one job; says whether it has spoilt the zygote. Nothing of the job before stands in a frame that its child can see."""
    order, descriptors, _, _ = socket.recv_fds(control, ORDER.size, 5)
    if len(order) != ORDER.size:
        os._exit(0)
    started = time.monotonic()
    child = _fork()
    if child == 0:
        become(control, ready, order, descriptors)
    for descriptor in descriptors:
        os.close(descriptor)
    job, _, wall, _, _, _ = ORDER.unpack(order)
    flags, status, usage = _wait(child, started + wall)
    if os.getpid() == 1:
        flags |= _sweep()
    if ready.scratch and not _emptied():
        flags |= SPOILT
    seconds = time.monotonic() - started
    control.sendall(REPORT.pack(job, flags, status, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))
    return flags & SPOILT != 0


def _fork() -> int:
    """Fork, with patience: the machine may want for processes for a moment.

    Raises:
        OSError: it goes on wanting.
    """
    for _ in range(FORK_ATTEMPTS):
        try:
            return kernel.fork()
        except OSError:
            time.sleep(0.05)
    return kernel.fork()


def _wait(child: int, deadline: float) -> tuple[int, int, Any]:
    flags = 0
    while True:
        pid, status, usage = os.wait4(child, os.WNOHANG)
        if pid:
            return flags, status, usage
        left = deadline - time.monotonic()
        if left <= 0 and not flags:
            flags = TIMED_OUT
            os.kill(child, signal.SIGKILL)
        signal.sigtimedwait([signal.SIGCHLD], left if left > 0 else 0.1)


def _sweep() -> int:
    """Kill whatever else lives in the namespace; there should be nothing."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)
    flags = 0
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-1, 0)
            flags = SPOILT
    return flags


def _emptied() -> bool:
    """Whether the working directory is empty again."""
    try:
        if not os.listdir("."):
            return True
        _remove(os.open(".", os.O_RDONLY | os.O_DIRECTORY), 0)
        return not os.listdir(".")
    except (OSError, RecursionError):
        return False


def _remove(folder: int, depth: int) -> None:
    if depth > 200:
        raise RecursionError("folders in the scratch folder are nested too deeply")
    for entry in os.listdir(folder):
        if stat.S_ISDIR(os.stat(entry, dir_fd=folder, follow_symlinks=False).st_mode):
            os.chmod(entry, 0o700, dir_fd=folder)
            inner = os.open(entry, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            _remove(inner, depth + 1)
            os.rmdir(entry, dir_fd=folder)
        else:
            os.unlink(entry, dir_fd=folder)
    os.close(folder)


def become(control: socket.socket, ready: Ready, order: bytes, descriptors: list[int]) -> NoReturn:
    """Turn the forked child into the job: its own descriptors, limits and filter, then its work."""
    code = EXIT_UNFIT
    try:
        _, _, _, seconds, headroom, output = ORDER.unpack(order)
        control.detach()
        os.setsid()
        if os.getppid() != 1:  # at tier A all end with the zygote, which is the first process
            kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
        _take_places(descriptors)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        _limit(ready.memory + headroom, seconds, output)
        if ready.guard is not None:
            ready.guard.install(os.getpid())
        code = ready.work.work(ready.work.read_task())
    finally:
        os._exit(code)


def _take_places(descriptors: list[int]) -> None:
    """Make the descriptors 0, 1, 2 ... and close all others. They came in ascending order above 2, so that none is overwritten before it is copied."""
    for place, descriptor in enumerate(descriptors):
        if descriptor <= place:
            raise OSError("the descriptors of a job came in a strange order")
        os.dup2(descriptor, place)
    os.closerange(len(descriptors), 1 << 16)


def _limit(memory: int, seconds: int, output: int) -> None:
    """What differs from job to job; the child is nicer than its zygote, which has to be on time."""
    os.nice(5)
    for kind, soft, hard in ((resource.RLIMIT_AS, memory, memory), (resource.RLIMIT_CPU, seconds, seconds + 1), (resource.RLIMIT_FSIZE, output, output)):
        top = _TOPS[kind]
        resource.setrlimit(kind, (min(soft, top), min(hard, top)))


def _limit_all(threads: bool) -> None:
    """What is the same for every job, and does the zygote no harm; threads too, where they can be counted apart from other processes of the user."""
    for kind, most in (
        *([(resource.RLIMIT_NPROC, THREADS)] if threads else []),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        resource.setrlimit(kind, (most, most))


def _top(kind: int) -> int:
    hard = resource.getrlimit(kind)[1]
    return (1 << 63) - 1 if hard == resource.RLIM_INFINITY else hard


_TOPS = {kind: _top(kind) for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE)}


def _prepared(control: socket.socket) -> Ready:
    """The zygote behind its walls, as the file of the second argument describes it; tells the host why not, where it cannot be."""
    with open(int(sys.argv[2]), "rb") as file:
        settings = json.load(file)
    try:
        return start(control, settings)
    except BaseException as error:  # whatever keeps it from standing behind the walls
        _give_up(control, error)


def _give_up(control: socket.socket, error: BaseException) -> NoReturn:
    with contextlib.suppress(OSError):
        control.sendall(json.dumps({"ready": False, "reason": f"{type(error).__name__}: {error}"}).encode())
    os._exit(1)


def main() -> NoReturn:
    """Serve the socket whose descriptor is the first argument."""
    if kernel.without_random_addresses():  # once more, for it takes hold with the next program
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    control = socket.socket(fileno=int(sys.argv[1]))
    ready = _prepared(control)
    control.sendall(json.dumps({"ready": True, "pid": os.getpid()}).encode())
    try:
        serve(control, ready)
    except BaseException as error:  # it cannot fork any more, or the host is gone
        _give_up(control, error)


if __name__ == "__main__":
    main()

"""What the workers in these tests are asked to do; imported by name in the worker processes."""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
import time


def echo(job):
    return job


def work(job):
    """A job is a name with its arguments."""
    name, *arguments = job
    return globals()[name](*arguments)


def process_id():
    return os.getpid()


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def raise_error(text):
    raise ValueError(text)


def leave(code):
    sys.exit(code)


def interrupt():
    raise KeyboardInterrupt


class UnspeakableError(Exception):
    def __str__(self):
        raise RuntimeError("no words")


def raise_unspeakable():
    raise UnspeakableError


def die(code):
    os._exit(code)


def segfault():
    ctypes.string_at(0)


def hang_in_c():
    """Holds the GIL for minutes: no signal handler and no thread of this process gets to run."""
    return 10**10**9


def hang_deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        with contextlib.suppress(BaseException):
            time.sleep(60)


def hold(megabytes, seconds=0.0):
    block = bytearray(megabytes * 2**20)
    for place in range(0, len(block), 4096):
        block[place] = 1
    time.sleep(seconds)
    return len(block)


KEPT = []


def keep(megabytes):
    KEPT.append(b"x" * (megabytes * 2**20))
    return os.getpid()


def blob(size):
    return b"x" * size


def unpicklable():
    return threading.Lock()


class Traitor:
    """Can be pickled, and not unpickled."""

    def __reduce__(self):
        return (raise_error, ("changed its mind",))


def traitor():
    return Traitor()


class Slow:
    """Takes for ever to be pickled."""

    def __reduce__(self):
        time.sleep(60)
        return (int, ())


def slow():
    return Slow()


def chatter():
    """Print a lot, through Python and past it."""
    for stream in (sys.stdout, sys.stderr):
        print("x" * 100_000, file=stream, flush=True)
    os.write(1, b"y" * 100_000)
    os.write(2, b"y" * 100_000)
    subprocess.run(["echo", "z" * 1000], check=True)
    return sys.stdin.read()


def close_low_descriptors():
    os.closerange(0, 100)
    return "closed"


def close_everything():
    os.closerange(0, 1024)
    return "closed"


def fork():
    """Both come back."""
    return "parent" if os.fork() else "child"


def fork_and_die():
    """Leaves a child behind that keeps whatever it has inherited."""
    if os.fork() == 0:
        time.sleep(60)
    os._exit(7)


def child_then_hang(path):
    """Starts a process, writes its id down and hangs."""
    child = subprocess.Popen(["sleep", "60"])
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{child.pid}")
    hang_in_c()


def nested(job):
    from prm_gym.workers import WorkerPool

    with WorkerPool("worker_jobs:echo", workers=1) as pool:
        return pool.run(job).value


def make(prefix):
    pid = os.getpid()
    return lambda job: (prefix, pid, job)


def make_nothing():
    return None


def record(path):
    with open(path, "a", encoding="utf-8") as file:
        file.write("x")
    os._exit(1)


NO_FUNCTION = 3

"""Starts processes under torchrun, in a session of their own, and ends all of them whatever happens."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path

LONGEST = 600


def start(processes, *command):
    """The process of torchrun; `command` is a script or "-m" and a module, with arguments."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = ["--nproc-per-node", str(processes), "--master-addr", "127.0.0.1", "--master-port", str(port)]
    line = [sys.executable, "-m", "torch.distributed.run", *place, *map(str, command)]
    return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def ended(process):
    """Its exit status and what it wrote on standard output and standard error, once it has ended."""
    with ending(process):
        out, err = process.communicate(timeout=LONGEST)
    return process.returncode, out, err


@contextmanager
def ending(process):
    """Whatever happens inside, the processes do not outlive it."""
    try:
        yield
    except BaseException:
        process.send_signal(signal.SIGTERM)  # torchrun hands it on to its children, and kills those that stay
        process.communicate()
        raise


def process_of_rank(process, rank):
    """The id of the child with that rank; None while it is not there."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        with suppress(OSError):  # it has ended meanwhile
            if f"RANK={rank}" in Path(f"/proc/{child}/environ").read_text().split("\0"):
                return int(child)
    return None

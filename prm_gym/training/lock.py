"""A lock on the folder of a run, so that no two processes write one run.

The lock is `flock` of the kernel: it ends with the process that holds it, however that ends, so no lock of a dead process is left behind. On a network file
system it is as good as `flock` there: NFS of Linux since 2.6.12 and Lustre mounted with `flock` hold it between machines; where locks are local to each
machine (Lustre with `localflock`, some FUSE mounts), it holds between the processes of one machine alone.
"""

import fcntl
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from prm_gym.errors import OptionError

NAME = "run.lock"


class LockedError(OptionError):
    """Another process writes the run."""


@contextmanager
def locked(directory: Path) -> Generator[None]:
    """Hold the lock of a folder, which is made if need be, and is gone again where nothing was written into it.

    Raises:
        LockedError: another process holds it; says which.
        OptionError: the folder cannot be made, or not be locked.
    """
    path = directory / NAME
    held = _held(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)  # before it is let go: whoever has opened it by then finds that its name is gone, and opens it anew
        with suppress(OSError):  # it holds something, or somebody has just begun there
            directory.rmdir()
        os.close(held)


def _held(path: Path) -> int:
    """The descriptor of a file that is locked and is the one that its name leads to."""
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # whoever held it has just taken the empty folder away
            continue
        except OSError as error:
            raise OptionError(f"the folder {path.parent} cannot be made or written: {error}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _leads_to(path, descriptor):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode())
                return descriptor
        except BlockingIOError as error:
            holder = os.read(descriptor, 200).decode(errors="replace") or "another process"
            os.close(descriptor)
            raise LockedError(f"{path.parent} is being written by {holder}; wait for it, end it, or choose another directory") from error
        except OSError as error:  # a file system without locks
            os.close(descriptor)
            raise OptionError(f"{path} cannot be locked ({error}); choose a directory on another file system") from error
        os.close(descriptor)


def _leads_to(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False

"""The workers of these tests find `worker_jobs`, and none of them outlives its test."""

import os
import time
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def alive(pid):
    """Whether a process runs; one that is dead and not yet reaped does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"


def children(pid):
    """Ids of the processes whose parent is `pid`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            # multiprocessing keeps one process of its own until the interpreter exits
            if int(fields[1]) == pid and fields[0] not in "ZX" and b"resource_tracker" not in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
    return found


def gone(pids, seconds=2.0):
    """Whether all of them end within the time."""
    limit = time.monotonic() + seconds
    while any(alive(pid) for pid in pids):
        if time.monotonic() > limit:
            return False
        time.sleep(0.005)
    return True


@pytest.fixture(name="gone")
def _gone():
    return gone


@pytest.fixture(name="alive")
def _alive():
    return alive


@pytest.fixture(name="children")
def _children():
    return children


@pytest.fixture(autouse=True)
def jobs(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    before = set(children(os.getpid()))
    yield
    assert gone(set(children(os.getpid())) - before), "a test left a process behind"

"""What every part measures with. It runs in the peers' own environments, so it needs Python's library alone.

    ENV/bin/python PART.py MEASURE WORK      prints one line of JSON

MEASURE is a name in the part's table of measures, WORK a file that `run.py` has written: answers to be graded, seconds to measure for, groups of rewards.
"""

import gc
import importlib
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Work = dict[str, Any]
Measure = Callable[[Work], dict[str, Any]]

MEBI = 2**20
MOST_MEMORY = 12 * 2**30
"""Bytes of address space that a grader's process may have."""


def package(name: str) -> Any:
    """A module of a peer, which is installed in its environment alone."""
    return importlib.import_module(name)


def memory() -> float:
    """MiB that this process and those that it has started keep in memory; what they share is counted once (PSS)."""
    return sum(_pss(pid) for pid in (os.getpid(), *_descendants(os.getpid()))) / MEBI


def _descendants(parent: int) -> list[int]:
    """Processes that a process has started, with all that those have started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has ended
    found, waiting = list[int](), [parent]
    while waiting:
        over = waiting.pop()
        below = [pid for pid, above in parents.items() if above == over]
        found += below
        waiting += below
    return found


def _pss(pid: int) -> int:
    """Bytes of one process; 0 of one that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def rate(once: Callable[[], int], seconds: float) -> dict[str, float]:
    """Units a second, after a quarter of the time to warm up.

    Args:
        once: does some work, and returns how many units it was.
        seconds: to measure for.
    """
    warm = time.perf_counter() + seconds / 4
    while time.perf_counter() < warm:
        once()
    done, began = 0, time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        done += once()
    return {"per_second": done / spent, "units": done, "seconds": spent}


def graded(grade_all: Callable[[list[dict[str, str]]], list[bool | None]], work: Work) -> dict[str, Any]:
    """What a grader says of the answers of the work, in batches of 64, and how fast; five others have warmed it up.

    Args:
        grade_all: says of answers ("gold", "answer") whether each is right; None where it cannot tell.
        work: with "pairs" and "warm".
    """
    grade_all(work["warm"])
    said: list[bool | None] = []
    began = time.perf_counter()
    for start in range(0, len(work["pairs"]), 64):
        said += grade_all(work["pairs"][start : start + 64])
    spent = time.perf_counter() - began
    return {"per_second": len(said) / spent, "seconds": spent, "said": said}


def hostile(grade: Callable[[dict[str, str]], bool | None], work: Work) -> dict[str, Any]:
    """Grades the hostile answers one by one, each in a line of its own, so that whoever reads sees which one hangs.

    Args:
        grade: see `graded`.
        work: with "hostile", "first" and "warm".
    """
    grade(work["warm"][0])
    print(json.dumps({"ready": True}), flush=True)
    for place, pair in enumerate(work["hostile"][work["first"] :], start=work["first"]):
        began = time.perf_counter()
        try:
            said: bool | str | None = grade(pair)
        except Exception as error:  # of whatever kind: it is what the measure is about
            said = f"{type(error).__name__}"
        print(json.dumps({"place": place, "said": said, "seconds": time.perf_counter() - began}), flush=True)
    return {"done": True}


def cold(load: Callable[[], Callable[[], Any]]) -> dict[str, float]:
    """Import time, time from nothing to the first step, and memory after both; of a process that has imported nothing of the peer yet.

    Args:
        load: imports what is needed, and returns a function that makes an environment, begins an episode and takes a step.
    """
    bare, began = memory(), time.perf_counter()
    first = load()
    imported = time.perf_counter()
    loaded = memory()
    kept = first()
    stepped = time.perf_counter()
    found = {
        "import_seconds": imported - began, "first_step_seconds": stepped - began, "import_mib": loaded - bare, "first_step_mib": memory() - bare,
    }  # fmt: skip
    del kept
    return found


def per_environment(make: Callable[[], Any], count: int) -> dict[str, float]:
    """KiB that an environment takes on top of the first one.

    Args:
        make: makes an environment, and begins an episode.
        count: how many.
    """
    kept = [make()]
    gc.collect()
    before = memory()
    kept += [make() for _ in range(count)]
    gc.collect()
    return {"kib": (memory() - before) * 1024 / count, "count": count}


def main(measures: Mapping[str, Measure]) -> None:
    """Take the measure that the command line names."""
    name, path = sys.argv[1:3]
    if name in ("answers", "hostile"):
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    work = json.loads(Path(path).read_text(encoding="utf-8"))
    print(json.dumps(measures[name](work)), flush=True)

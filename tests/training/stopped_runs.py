"""Runs that are stopped on purpose, and what a run leaves behind, to be compared."""

import msgspec

from prm_gym.report.comparison import RunResult
from prm_gym.store import read_trajectories


class StopError(Exception):
    """The interruption."""


def stopping_after(calls):
    """A progress that interrupts the run at the call of that number; the first call says where the run stands."""
    seen = []

    def progress(steps):
        seen.append(steps)
        if len(seen) == calls:
            raise StopError

    return progress


def timeless(result):
    """A result, or a point of its curve, without the seconds that it took."""
    data = msgspec.to_builtins(result)
    for point in (data, *data.get("curve", ())):
        point.pop("wall_seconds", None)
    for use in data.get("verifiers", ()):
        del use["seconds"], use["queued_seconds"]
    return data


def left_behind(directory):
    """What every run leaves behind, seconds aside: its result, its trajectories, the bytes of its metrics."""
    result = msgspec.json.decode((directory / "result.json").read_bytes(), type=RunResult)
    return timeless(result), list(read_trajectories(directory / "trajectories.jsonl")), (directory / "metrics.jsonl").read_bytes()

"""Rollouts per second with Ray workers, against one process without Ray in the same run.

    python benchmarks/agents/scaling/run.py [--workers 1 2 4] [--rounds 3] [--seconds 20] [--json]

Every way is the public command, `prm-gym rollout`, in a process of its own. It is run with few and with many tasks; the difference is what episodes cost, and
what is left of the shorter run is the start: Python, Ray, the workers, their imports. Ways take turns, the medians of the rounds are shown. All ways must
store the same trajectories, timings of verdicts aside, or the benchmark ends with an error.
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from prm_gym.store import read_trajectories

# Environment, its options, and the agent. Both have a verifier that works: Z3, and the sandbox.
WORLDS: dict[str, list[str]] = {
    "Deduction, z3": ["--env", "prm_gym/Deduction-v0", "--agent", "random"],
    "CodeSteps, execution": ["--env", "prm_gym/CodeSteps-v0", "--agent", "random"],
}
ATTEMPTS, SHARD = 4, 32
FEW = 8  # tasks of the short run: one shard
MOST = 65_536
SECONDS_A_COMMAND = 900


class Run(msgspec.Struct, frozen=True):
    """One command.

    Attributes:
        seconds: of wall clock, from the start of the process to its end.
        episodes: that it played.
        steps: that they had.
        digest: of the trajectories, without the timings of their verdicts.
    """

    seconds: float
    episodes: int
    steps: int
    digest: str


class Row(msgspec.Struct, frozen=True):
    """What one way came to, medians over the rounds.

    Attributes:
        world: what was played.
        way: "one process" or the number of Ray workers.
        start_seconds: of the command, without its episodes.
        episodes_per_second: once it runs.
        against_one_process: ratio of that to one process without Ray.
        ms_per_shard: by which a shard of 32 episodes costs more than in one process, times the workers at work; None for one process.
    """

    world: str
    way: str
    start_seconds: float
    episodes_per_second: float
    against_one_process: float
    ms_per_shard: float | None


def command(world: str, way: Sequence[str], tasks: int) -> Run:
    """Play so many tasks in one way."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "trajectories.jsonl"
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "prm_gym", "rollout", *WORLDS[world], *way, f"--tasks={tasks}", f"--attempts={ATTEMPTS}", f"--out={out}", "--json"],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=SECONDS_A_COMMAND,
            check=False,
        )
        seconds = time.perf_counter() - began
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(done.args)}\n{done.stderr}")
        said: Any = json.loads(done.stdout)
        record = said[0] if isinstance(said, list) else said
        if record["invalid"] or record["episodes"] != tasks * ATTEMPTS:
            raise SystemExit(f"{world}, {way}: {record}")
        return Run(seconds, record["episodes"], record["steps"], _digest(out))


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for trajectory in read_trajectories(path):
        for step in trajectory.steps:
            verdicts = {name: msgspec.structs.replace(verdict, run_seconds=0.0, queued_seconds=0.0) for name, verdict in sorted(step.verdicts.items())}
            digest.update(repr(msgspec.structs.replace(step, verdicts=verdicts)).encode())
        digest.update(repr(msgspec.structs.replace(trajectory, steps=())).encode())
    return digest.hexdigest()


def tasks_for(world: str, seconds: float) -> int:
    """As many tasks as one process plays in about so many seconds, in whole shards."""
    few, more = command(world, (), FEW), command(world, (), 8 * FEW)
    per_task = max((more.seconds - few.seconds) / (7 * FEW), 1e-4)
    return min(max(round(seconds / per_task / FEW) * FEW, 8 * FEW), MOST)


def measure(world: str, workers: Sequence[int], rounds: int, seconds: float) -> list[Row]:
    """All ways in turn."""
    ways = {"one process": (), **{f"{count} Ray worker{'s' * (count > 1)}": ("--engine=ray", f"--workers={count}") for count in workers}}
    many = tasks_for(world, seconds)
    starts: dict[str, list[float]] = {way: [] for way in ways}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    digests: set[tuple[str, str]] = set()
    for _ in range(rounds):
        for way, options in ways.items():
            short, long = command(world, options, FEW), command(world, options, many)
            if long.seconds <= short.seconds:
                raise SystemExit(f"{world}, {way}: {long.episodes} episodes took no longer than {short.episodes}: give more --seconds")
            rate = (long.episodes - short.episodes) / (long.seconds - short.seconds)
            rates[way].append(rate)
            starts[way].append(short.seconds - short.episodes / rate)
            digests.add((short.digest, long.digest))
    if len(digests) != 1:
        raise SystemExit(f"{world}: the ways played different trajectories")
    alone = statistics.median(rates["one process"])
    rows: list[Row] = []
    for way, found in rates.items():
        rate = statistics.median(found)
        at_work = next((count for count in workers if way.startswith(f"{count} ")), 0)
        extra = 1e3 * SHARD * (min(at_work, os.cpu_count() or 1) / rate - 1 / alone) if at_work else None
        rows.append(Row(world, way, statistics.median(starts[way]), rate, rate / alone, extra))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="that one process plays, about")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    rows = [row for world in WORLDS for row in measure(world, arguments.workers, arguments.rounds, arguments.seconds)]
    if arguments.json:
        print(json.dumps({"cores": os.cpu_count(), "rows": msgspec.to_builtins(rows)}, indent=1))
        return
    print(f"{os.cpu_count()} cores\n\n| | | start, s | episodes/s | against one process | more a shard, ms |\n|---|---|---|---|---|---|")
    for row in rows:
        extra = "" if row.ms_per_shard is None else f"{row.ms_per_shard:.1f}"
        print(f"| {row.world} | {row.way} | {row.start_seconds:.1f} | {row.episodes_per_second:,.1f} | {row.against_one_process:.2f} | {extra} |")


if __name__ == "__main__":
    main()

"""What a job in a killable worker costs, and what a job that hangs costs the others.

    python benchmarks/workers/run.py [--json]

1. Cost: batches of jobs of 0, 20 and 1,000 microseconds, in microseconds of wall clock a job, the work included: calls in this process;
   `WorkerPool.map`; `concurrent.futures.ProcessPoolExecutor`, one future a job, which is what a deadline for each job needs; the same in chunks of 64, which
   can have no deadline; a fresh Python process a job. Both pools have two workers that are warm.
2. Latency: one job of 0 microseconds at a time, `WorkerPool.run` against `ProcessPoolExecutor.submit(...).result()`.
3. Hangs: 300 jobs of 1 millisecond of which three hang, deadline 0.1 s: `WorkerPool.map`; `ProcessPoolExecutor` with `result(timeout=0.1)`; the same, where
   after each timeout the processes are killed, a new executor is made and everything that is not done is submitted again.
"""

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from jobs import work

import prm_gym
from prm_gym.workers import WorkerPool

WORKERS = 2
REPEATS = 3
JOBS = {0: 4_000, 20: 4_000, 1_000: 1_000}  # microseconds of work: how many jobs
FRESH = 10
LATENCIES = 1_000
HANGING, DEADLINE = (50, 150, 250), 0.1
MIXED = [-1.0 if place in HANGING else 1_000.0 for place in range(300)]


def timed(do: Callable[[], Any]) -> float:
    """Seconds."""
    started = time.perf_counter()
    do()
    return time.perf_counter() - started


def fresh(microseconds: float) -> None:
    """One job in a Python process of its own."""
    program = f"from jobs import work; work({microseconds})"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=os.path.dirname(os.path.abspath(__file__)))


def costs(pool: WorkerPool, executor: ProcessPoolExecutor, microseconds: int) -> dict[str, float]:
    """Microseconds a job."""
    jobs = [float(microseconds)] * JOBS[microseconds]
    ways: dict[str, Callable[[], Any]] = {
        "in this process": lambda: [work(job) for job in jobs],
        "WorkerPool": lambda: pool.map(jobs),
        "ProcessPoolExecutor, a future a job": lambda: [future.result() for future in [executor.submit(work, job) for job in jobs]],
        "ProcessPoolExecutor, chunks of 64": lambda: list(executor.map(work, jobs, chunksize=64)),
    }
    rows = {name: [timed(way) for _ in range(REPEATS)] for name, way in ways.items()}
    found = {name: 1e6 * statistics.median(seconds) / len(jobs) for name, seconds in rows.items()}
    found["a process a job"] = 1e6 * timed(lambda: [fresh(microseconds) for _ in range(FRESH)]) / FRESH
    return found


def latencies(pool: WorkerPool, executor: ProcessPoolExecutor) -> dict[str, float]:
    """Microseconds, median, of one job at a time."""
    ways: dict[str, Callable[[], Any]] = {"WorkerPool": lambda: pool.run(0.0), "ProcessPoolExecutor": lambda: executor.submit(work, 0.0).result()}
    return {name: 1e6 * statistics.median(timed(way) for _ in range(LATENCIES)) for name, way in ways.items()}


def kill(executor: ProcessPoolExecutor) -> None:
    """There is no public way; without it a job that hangs would never end."""
    processes: Any = list(getattr(executor, "_processes", {}).values())
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)
    executor.shutdown(wait=True, cancel_futures=True)


def outcome(seconds: float, done: int) -> dict[str, float]:
    """Seconds, and the share of the jobs that do not hang which have a result."""
    return {"seconds": seconds, "done": done / (len(MIXED) - len(HANGING))}


def hangs_ours() -> dict[str, float]:
    """Killed and replaced."""
    with WorkerPool("jobs:work", workers=WORKERS, deadline=DEADLINE) as pool:
        pool.map([1_000.0] * 200)
        started = time.perf_counter()
        results = pool.map(MIXED)
        return outcome(time.perf_counter() - started, sum(result.status == "ok" for result in results))


def hangs_waiting() -> dict[str, float]:
    """A timeout for each future, and nothing is killed until the end."""
    executor = ProcessPoolExecutor(WORKERS)
    list(executor.map(work, [1_000.0] * 200))
    started = time.perf_counter()
    done = 0
    for future in [executor.submit(work, job) for job in MIXED]:
        try:
            future.result(timeout=DEADLINE)
            done += 1
        except TimeoutError:
            pass
    seconds = time.perf_counter() - started
    kill(executor)
    return outcome(seconds, done)


def hangs_rebuilding() -> dict[str, float]:
    """A timeout for each future; when one is late, everything is killed and begun anew without it."""
    executor = ProcessPoolExecutor(WORKERS)
    list(executor.map(work, [1_000.0] * 200))
    started = time.perf_counter()
    left, done = list(range(len(MIXED))), 0
    while left:
        futures: dict[int, Future[float]] = {place: executor.submit(work, MIXED[place]) for place in left}
        late = None
        for place, future in futures.items():
            try:
                future.result(timeout=DEADLINE)
            except (TimeoutError, BrokenProcessPool):
                late = place
                break
        finished = {place for place, future in futures.items() if future.done() and not future.cancelled() and future.exception() is None}
        done += len(finished)
        left = [place for place in left if place not in finished and place != late]
        if late is not None:
            kill(executor)
            executor = ProcessPoolExecutor(WORKERS)
    seconds = time.perf_counter() - started
    kill(executor)
    return outcome(seconds, done)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with WorkerPool("jobs:work", workers=WORKERS) as pool, ProcessPoolExecutor(WORKERS) as executor:
        for _ in range(2):  # until everybody is there
            pool.map([1_000.0] * 500)
            list(executor.map(work, [1_000.0] * 500))
        cost = {microseconds: costs(pool, executor, microseconds) for microseconds in JOBS}
        latency = latencies(pool, executor)
    hangs = {
        "WorkerPool": hangs_ours(),
        "ProcessPoolExecutor, a timeout a future": hangs_waiting(),
        "ProcessPoolExecutor, killed and rebuilt": hangs_rebuilding(),
    }
    if as_json:
        print(json.dumps({"version": prm_gym.__version__, "microseconds_a_job": cost, "latency_microseconds": latency, "hangs": hangs}, indent=1))
        return
    print(
        "Microseconds a job (against WorkerPool):\n\n| | " + " | ".join(f"work {microseconds:,} µs" for microseconds in cost) + " |\n|---|" + "---|" * len(cost)
    )
    for name in cost[0]:
        print(f"| {name} | " + " | ".join(f"{row[name]:,.1f} ({row[name] / row['WorkerPool']:.2f})" for row in cost.values()) + " |")
    print("\n| one job at a time | microseconds, median | against WorkerPool |\n|---|---|---|")
    for name, value in latency.items():
        print(f"| {name} | {value:.0f} | {value / latency['WorkerPool']:.2f} |")
    print("\n| three jobs of 300 hang | seconds | against WorkerPool | of the others done |\n|---|---|---|---|")
    for name, row in hangs.items():
        print(f"| {name} | {row['seconds']:.2f} | {row['seconds'] / hangs['WorkerPool']['seconds']:.1f} | {row['done']:.1%} |")


if __name__ == "__main__":
    main()

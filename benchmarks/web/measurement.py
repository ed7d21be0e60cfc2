"""What is measured of a stack, and how environments that are called synchronously are run side by side. Standard library only."""

import argparse
import json
import multiprocessing
import os
import re
import statistics
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workload import TASKS, Episode, Stack, episodes_of, play

PATIENCE = 300.0


def arguments(*modes: str) -> argparse.Namespace:
    """What every stack's script is called with; the first mode is the default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--envs", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--first", type=int, default=0, help="where in the list of seeds the episodes begin")
    parser.add_argument("--mode", choices=modes, default=modes[0])
    return parser.parse_args()


def tell(result: dict[str, Any]) -> None:
    """The one line that a stack's script prints."""
    print(json.dumps(result), flush=True)


def processes_below(root: int) -> list[int]:
    """The processes that descend from `root`, without it."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = list(children.get(root, []))
    for pid in found:
        found += children.get(pid, [])
    return found


def usage(pids: list[int]) -> tuple[float, float]:
    """Proportional set size in MB, and seconds of processor time, of these processes (the latter with their children that have ended)."""
    memory = cpu = 0.0
    for pid in pids:
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            cpu += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue
        memory += sum(int(kilobytes) for kilobytes in re.findall(r"^Pss:\s+(\d+)", rollup, re.MULTILINE)) / 1024
    return memory, cpu / os.sysconf("SC_CLK_TCK")


def figures(episodes: list[Episode], envs: int, processes: int, memory: float, cpu: float) -> dict[str, Any]:
    """What one window tells.

    Rates give every task the same number of episodes, whatever mix the window had: with s steps, r seconds of reset and e seconds in all in the mean
    episode of a task, N environments that are always busy make N * sum(s) / sum(e) steps a second, resets included.
    """
    tasks = [[episode for episode in episodes if episode.task == task] for task in TASKS]
    if not all(tasks):
        sys.exit(f"no episode of {[task for task, played in zip(TASKS, tasks, strict=True) if not played]}: the window is too short")
    means = [[statistics.fmean(column) for column in zip(*((len(e.steps), e.reset, sum(e.steps), e.seconds) for e in played), strict=True)] for played in tasks]
    steps, resets, stepping, seconds = (sum(column) for column in zip(*means, strict=True))
    latencies = sorted(1000 * step for episode in episodes for step in episode.steps)
    return {
        "envs": envs,
        "episodes": len(episodes),
        "steps": len(latencies),
        "steps_s": envs * steps / seconds,
        "steps_s_between_resets": envs * steps / stepping,
        "resets_s": envs * len(TASKS) / resets,
        "step_ms": statistics.median(latencies),
        "step_ms_p95": latencies[int(0.95 * (len(latencies) - 1))],
        "reset_ms": 1000 * statistics.median(episode.reset for episode in episodes),
        "pss_mb": memory,
        "processes": processes,
        "cpu_ms_per_step": 1000 * cpu / len(latencies),
        "success": statistics.fmean(episode.success for episode in episodes),
    }


def _phases(make: Callable[[str | None], Stack], env: int, call: argparse.Namespace, phases: int, gate: Any, out: Any) -> None:
    """Plays the phases of environment `env` in step with the others."""
    todo = episodes_of(env, call.envs, call.first)
    for phase in range(phases):
        only = TASKS[(phase + env) % len(TASKS)] if phases > 1 else None
        stack = make(only)
        try:
            play(stack, only or TASKS[0], call.first)
            gate.wait(PATIENCE)
            end, least = time.perf_counter() + call.seconds / phases, len(TASKS) if call.envs == phases == 1 else 1
            played: list[Episode] = []
            while len(played) < least or time.perf_counter() < end:
                task, seed = next(todo)
                played.append(play(stack, only or task, seed))
            out.put(played)
            gate.wait(PATIENCE)
            gate.wait(PATIENCE)  # the parent has looked at the memory
        finally:
            stack.close()


def _worker(make: Callable[[str | None], Stack], env: int, call: argparse.Namespace, phases: int, gate: Any, out: Any) -> None:
    """Environment `env`, in a process of its own; a failure is told to the parent."""
    try:
        _phases(make, env, call, phases, gate, out)
    except threading.BrokenBarrierError:
        pass
    except BaseException:
        gate.abort()
        out.put(traceback.format_exc())


def in_processes(make: Callable[[str | None], Stack], call: argparse.Namespace, phases: int = 1) -> dict[str, Any]:
    """Measures a synchronous stack, a process an environment.

    With several phases, `make` is called anew in each, for an environment of one task; otherwise once, with None, for an environment of all tasks.
    """
    fork = multiprocessing.get_context("fork")
    gate, out = fork.Barrier(call.envs + 1), fork.SimpleQueue()
    workers = [fork.Process(target=_worker, args=(make, env, call, phases, gate, out)) for env in range(call.envs)]
    for worker in workers:
        worker.start()
    episodes: list[Episode] = []
    processes, memory, cpu = 0, 0.0, 0.0
    try:
        for _ in range(phases):
            gate.wait(PATIENCE)
            before = usage(processes_below(os.getpid()))[1]
            for _ in workers:
                played = out.get()
                if isinstance(played, str):
                    raise RuntimeError(played)
                episodes += played
            gate.wait(PATIENCE)
            pids = processes_below(os.getpid())
            used, after = usage(pids)
            processes, memory, cpu = max(processes, len(pids)), max(memory, used), cpu + after - before
            gate.wait(PATIENCE)
    except threading.BrokenBarrierError:
        raise RuntimeError(out.get()) from None
    finally:
        gate.abort()
        for worker in workers:
            worker.join(PATIENCE)
    return figures(episodes, call.envs, processes, memory, cpu)

"""What it costs to have environments and verifiers behind HTTP.

    python benchmarks/serving/run.py [--seconds 4] [--json]

The server is a process of its own (`prm-gym serve`); client and server share the machine. Every figure stands beside that of the same work without a server.

1. Episodes: a random agent plays `Rollouts` of Countdown and Deduction, 1, 8 and 64 environments at once: in this process, and as one session of the server,
   where every batch of steps is one request. Environment steps a second.
2. Single steps: 1, 4, 16 and 64 sessions, each with one environment and a thread of this process that steps it, one request a step. Steps a second of all
   together, and the time of a step: median, 90th and 99th percentile. Beside it the time of a request that does nothing (`/health`).
3. Sessions: seconds until one is open and its first episode has begun, and what its process holds: memory of its own (private) and its share of all (PSS).
4. Verdicts: `arithmetic` on claims, 1, 64 and 512 a request, here and through `remote`. Verdicts a second.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import prm_gym
from prm_gym.agent import make_agent
from prm_gym.claims import Equality
from prm_gym.rollout import Rollouts, groups
from prm_gym.serving.connection import Connection
from prm_gym.serving.wire import Health
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier

ENVS = ("prm_gym/Countdown-v0", "prm_gym/Deduction-v0")
TOGETHER, SESSIONS, BATCHES = (1, 8, 64), (1, 4, 16, 64), (1, 64, 512)
SEED = 0


@contextmanager
def served() -> Generator[tuple[str, int]]:
    """Address and process of a server."""
    command = [sys.executable, "-m", "prm_gym", "serve", "--port", "0", "--sessions", "80", "--client-option", "difficulty"]
    process = subprocess.Popen([*command, "--env", *ENVS, "--verifier", "arithmetic"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1], process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()


def steps_per_second(env_id: str, options: dict[str, Any], num_envs: int, seconds: float) -> float:
    """Environment steps a second of a random agent."""
    rollouts = Rollouts(env_id, options, num_envs=num_envs)
    agent = make_agent("random")
    try:
        rollouts.play(agent, groups(range(num_envs), 1, "warm-"), seed=SEED)
        before, started, first = rollouts.steps_taken, time.perf_counter(), num_envs
        while time.perf_counter() - started < seconds:
            rollouts.play(agent, groups(range(first, first + 4 * num_envs), 1), seed=SEED)
            first += 4 * num_envs
        return (rollouts.steps_taken - before) / (time.perf_counter() - started)
    finally:
        rollouts.close()


def episodes(url: str, seconds: float) -> list[dict[str, Any]]:
    """Part 1."""
    rows: list[dict[str, Any]] = []
    for env_id in ENVS:
        for num_envs in TOGETHER:
            here = steps_per_second(env_id, {"difficulty": 1}, num_envs, seconds)
            options = {"url": url, "env": env_id, "env_options": {"difficulty": 1}}
            there = steps_per_second("prm_gym/Remote-v0", options, num_envs, seconds)
            rows.append({"environment": env_id, "environments": num_envs, "here": round(here), "served": round(there), "served / here": round(there / here, 3)})
    return rows


def step_for(env: gym.Env[str, str], ends: float, times: list[float]) -> None:
    """Step one environment until the time is up, noting the seconds of each step."""
    seed = SEED
    _, info = env.reset(seed=seed)
    while time.perf_counter() < ends:
        action = info["actions"][0] if info["actions"] else ""
        started = time.perf_counter()
        _, _, terminated, truncated, info = env.step(action)
        times.append(time.perf_counter() - started)
        if terminated or truncated:
            seed += 1
            _, info = env.reset(seed=seed)


def single_steps(url: str, process: int, seconds: float) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Parts 2 and 3."""
    steps: list[dict[str, Any]] = []
    sessions: list[dict[str, Any]] = []
    local = gym.make(ENVS[0], difficulty=1)
    steps.append({"sessions": "none: in this process", **measured(lambda ends, times: step_for(local, ends, times), seconds)})
    line = Connection(url)

    def healthy(ends: float, times: list[float]) -> None:
        while time.perf_counter() < ends:
            started = time.perf_counter()
            line.get("/health", Health)
            times.append(time.perf_counter() - started)

    steps.append({"sessions": "none: /health", **measured(healthy, seconds)})
    for count in SESSIONS:
        known = set(children(process))
        started = time.perf_counter()
        envs = [gym.make("prm_gym/Remote-v0", url=url, env=ENVS[0], env_options={"difficulty": 1}) for _ in range(count)]
        for env in envs:
            env.reset(seed=SEED)
        opening = (time.perf_counter() - started) / count
        steps.append({"sessions": count, **measured(lambda ends, times, envs=envs: together(envs, ends, times), seconds)})
        held = [memory(child) for child in children(process) if child not in known]
        private, share = (float(np.mean([each[name] for each in held])) for name in ("private", "share"))
        row = {"sessions": count, "seconds to the first episode, each": round(opening, 3), "private MiB": round(private, 1), "PSS MiB": round(share, 1)}
        sessions.append({**row, "server's own MiB": round(memory(process)["private"], 1)})
        for env in envs:
            env.close()
    return steps, sessions


def together(envs: list[gym.Env[str, str]], ends: float, times: list[float]) -> None:
    """Step all environments, each in a thread."""
    threads = [threading.Thread(target=step_for, args=(env, ends, times)) for env in envs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measured(work: Callable[[float, list[float]], None], seconds: float) -> dict[str, Any]:
    """How many a second, and how long each, in milliseconds."""
    times: list[float] = []
    started = time.perf_counter()
    work(started + seconds, times)
    took = time.perf_counter() - started
    median, ninety, most = (float(np.percentile(times, share)) * 1e3 for share in (50, 90, 99))
    return {"a second": round(len(times) / took), "median ms": round(median, 2), "90% ms": round(ninety, 2), "99% ms": round(most, 2)}


def children(process: int) -> list[int]:
    """Processes that a process has started."""
    found: list[int] = []
    for entry in os.scandir("/proc"):
        try:
            if int(Path("/proc", str(int(entry.name)), "stat").read_text().rpartition(")")[2].split()[1]) == process:
                found.append(int(entry.name))
        except (OSError, ValueError):  # no process, or gone by now
            continue
    return found


def memory(process: int) -> dict[str, float]:
    """MiB of a process: what it has alone, and its share of everything."""
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines}
    return {"private": sizes["Private_Clean:"] + sizes["Private_Dirty:"], "share": sizes["Pss:"]}


def verdicts(url: str, seconds: float) -> list[dict[str, Any]]:
    """Part 4."""
    rows: list[dict[str, Any]] = []
    nowhere = Task(key="", instructions="", question="")
    for batch in BATCHES:
        row: dict[str, Any] = {"verdicts a request": batch}
        for name, spec in (("here", "arithmetic"), ("served", f"remote:{url}?verifier=arithmetic")):
            verifier = make_verifier(spec)
            count, number, started = 0, 0, time.perf_counter()
            while time.perf_counter() - started < seconds:
                number += 1  # other claims each time: nothing is remembered
                claims = [Equality(f"{number} + {place}", str(number + place)) for place in range(batch)]
                verifier.verify([StepContext(task=nowhere, observation="", action="", claims=(claim,)) for claim in claims])
                count += batch
            row[name] = round(count / (time.perf_counter() - started))
            verifier.close()
        rows.append({**row, "served / here": round(row["served"] / row["here"], 4)})
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """Rows in Markdown."""
    names = list(rows[0])
    lines = [names, ["---"] * len(names), *([f"{row[name]:,}" if isinstance(row[name], int) else str(row[name]) for name in names] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Run all parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each measurement")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with served() as (url, process):
        found: dict[str, list[dict[str, Any]]] = {"Episodes, steps a second": episodes(url, options.seconds)}
        found["Single steps"], found["Sessions"] = single_steps(url, process, options.seconds)
        found["Verdicts a second"] = verdicts(url, options.seconds)
    if options.json:
        print(json.dumps({"version": prm_gym.__version__, "seconds": options.seconds, **found}, indent=1))
        return
    for name, rows in found.items():
        print(f"**{name}**\n\n{table(rows)}\n")


if __name__ == "__main__":
    main()

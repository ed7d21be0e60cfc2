"""What a step of an environment costs, and what its own verifiers add, as ratios in one run.

    python benchmarks/stepping/environments.py [--json]

The solutions of the same tasks are played, one environment at a time, with the verifiers of the environment and with none, in turns: once on tasks that the
process has not seen before (everything is worked out), and then on the same tasks again, as the attempts of a group take them (what is a function of the
state alone is remembered). The time is the processor's, so that other work on the machine counts for less. Resets are timed apart.
"""

import argparse
import json
import statistics
import time
from typing import Any

import gymnasium

import prm_gym

ENVIRONMENTS: dict[str, dict[str, Any]] = {
    "Sudoku, 9x9, 30 empty cells": {"env_id": "prm_gym/Sudoku-v0", "difficulty": 3},
    "Sudoku, 9x9, 52 empty cells, search needed": {"env_id": "prm_gym/Sudoku-v0", "difficulty": 5},
    "Countdown": {"env_id": "prm_gym/Countdown-v0"},
    "Algebra": {"env_id": "prm_gym/Algebra-v0"},
    "Deduction": {"env_id": "prm_gym/Deduction-v0"},
}
TASKS, ROUNDS, AGAIN = 10, 9, 3  # tasks of a round, which no other has; rounds; how often the tasks of a round are played again
Times = tuple[float, float]
"""Seconds of a reset and of a step."""


def played(env: gymnasium.Env[str, str], plans: dict[int, list[str]]) -> Times:
    """Each task once, from its beginning to its end."""
    resets, spent, steps, clock = 0.0, 0.0, 0, time.process_time
    for seed, plan in plans.items():
        began = clock()
        env.reset(seed=seed)
        resets, began, ended, info = resets + clock() - began, clock(), False, {}
        for action in plan:
            _, _, ended, _, info = env.step(action)
            steps += 1
        spent += clock() - began
        if not ended or info["outcome"] != 1.0:
            raise SystemExit(f"{env.spec}: the solution of seed {seed} did not earn 1")
    return resets / len(plans), spent / steps


def measured(env_id: str, **options: Any) -> dict[str, float]:
    """Medians of the rounds, in microseconds."""
    kinds: dict[str, dict[str, Any]] = {"verified": {}, "not verified": {"verifiers": []}}
    envs = {name: gymnasium.make(env_id, **options, **more) for name, more in kinds.items()}
    found: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        for place, name in enumerate(list(envs)[:: 1 if turn % 2 else -1]):
            # Another environment must not have worked out the tasks before: it would find them remembered.
            seeds = range((2 * turn + place) * TASKS, (2 * turn + place + 1) * TASKS)
            plans = {seed: _plan(envs[name], seed) for seed in seeds}
            _, step = played(envs[name], plans)
            found.setdefault(f"{name}, new tasks", []).append(step)
            again = [played(envs[name], plans) for _ in range(AGAIN)]
            found.setdefault(f"{name}, again", []).append(statistics.median(step for _, step in again))
            found.setdefault("reset, again", []).append(statistics.median(reset for reset, _ in again))
    for env in envs.values():
        env.close()
    return {name: 1e6 * statistics.median(seconds) for name, seconds in found.items()}


def _plan(env: gymnasium.Env[str, str], seed: int) -> list[str]:
    env.reset(seed=seed)
    step_env: Any = env.unwrapped
    return step_env.solution()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    rows = {name: measured(**options) for name, options in ENVIRONMENTS.items()}
    if as_json:
        print(json.dumps({"version": prm_gym.__version__, "microseconds": rows}, indent=1))
        return
    print("| environment | tasks | a step, verified, µs | not verified, µs | ratio |\n|---|---|---|---|---|")
    for name, row in rows.items():
        for tasks in ("new tasks", "again"):
            verified, bare = row[f"verified, {tasks}"], row[f"not verified, {tasks}"]
            print(f"| {name} | {tasks.removesuffix(' tasks')} | {verified:.0f} | {bare:.0f} | {verified / bare:.1f} |")


if __name__ == "__main__":
    main()

"""Twenty thousand steps in a real browser: does memory stay flat, is no process left over, is every episode accounted for?

    python benchmarks/web/soak.py [--steps 20000] [--envs 8] [--json FILE]

Random agents in a vector environment; after every tenth of the steps the memory (proportional set size) of this process and of the browser's processes, and
their number.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
from faults import drawn
from measurement import processes_below, usage

from prm_gym.env import StepEnv
from prm_gym.rollout import make_envs
from prm_gym.web import WorldEnv


def main() -> None:
    """Run it, and print a line for each tenth."""
    call = _arguments()
    rng = np.random.default_rng(call.seed)
    vector = make_envs(call.env, call.envs, {"mode": "browser", "browser": {"driver": call.driver}, "reward": "dense"})
    envs = [cast("WorldEnv", env) for env in vector.envs]
    begun = ended = invalid = steps = 0
    rows: list[dict[str, Any]] = []
    running, began = [False] * len(envs), time.monotonic()
    while steps < call.steps or any(running):
        free = [row for row, runs in enumerate(running) if not runs] if steps < call.steps else []
        if free:
            StepEnv.reset_batch([envs[row] for row in free], [call.seed * 100_000 + begun + place for place in range(len(free))], [None] * len(free))
            begun += len(free)
            for row in free:
                running[row] = True
        stepping = [row for row, runs in enumerate(running) if runs]
        actions = [drawn(envs[row], rng) for row in stepping]
        results = StepEnv.step_batch([envs[row] for row in stepping], actions, vector.verifiers)
        steps += len(stepping)
        for row, (_, _, terminated, truncated, info) in zip(stepping, results, strict=True):
            if terminated or truncated:
                running[row] = False
                ended, invalid = ended + 1, invalid + (not info["valid"])
        if steps * 10 >= call.steps * (len(rows) + 1):
            rows.append({"steps": steps, "seconds": round(time.monotonic() - began), **_usage()})
            print(rows[-1], file=sys.stderr, flush=True)
    pool = cast("Any", envs[0].live.browser).pool
    statistics = pool.statistics()
    for env in envs:
        env.close()
    pool.close()
    time.sleep(1)
    result = {
        "env": call.env,
        "driver": call.driver,
        "envs": call.envs,
        "seed": call.seed,
        "steps": steps,
        "steps_per_second": round(steps / (time.monotonic() - began), 1),
        "episodes_begun": begun,
        "episodes_ended": ended,
        "invalid": invalid,
        "tenths": rows,
        "pool": statistics,
        "processes_left": len(processes_below(os.getpid())),
    }
    print(json.dumps(result, indent=2))
    if call.json:
        Path(call.json).write_text(json.dumps(result, indent=2) + "\n")


def _usage() -> dict[str, int]:
    """Memory and processes now."""
    below = processes_below(os.getpid())
    return {"own_mb": round(usage([os.getpid()])[0]), "browser_mb": round(usage(below)[0]), "processes": len(below)}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--env", default="prm_gym/Shop-v0")
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--envs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--driver", choices=["playwright", "pipe"], default="pipe")
    parser.add_argument("--json", default="")
    return parser.parse_args()


if __name__ == "__main__":
    main()

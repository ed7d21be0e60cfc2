"""The worlds with and without a browser: steps and resets a second of the same tasks and the same actions.

    python benchmarks/web/worlds.py [--seconds 8] [--json FILE]

Random agents with the same seeds; what an agent takes to choose is not timed, what the verifiers take is. Windows of both modes are interleaved, and the
median of three counts.
"""

import argparse
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
from measurement import processes_below

from prm_gym.env import StepEnv
from prm_gym.rollout import make_envs
from prm_gym.vector import StepVectorEnv
from prm_gym.web import WorldEnv

WORLDS = ("prm_gym/Shop-v0", "prm_gym/Mail-v0", "prm_gym/Tracker-v0")
ROUNDS, LONGEST = 3, 12  # windows; steps of an episode


def window(vector: StepVectorEnv, seconds: float, first_seed: int) -> dict[str, float]:
    """Steps and resets a second of random agents, for about so many seconds."""
    rng, envs = np.random.default_rng(first_seed), vector.envs
    resets = steps = 0
    resetting = stepping = 0.0
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        StepEnv.reset_batch(envs, [first_seed + resets + place for place in range(len(envs))], [None] * len(envs))
        resetting += time.perf_counter() - start
        resets += len(envs)
        for _ in range(LONGEST):
            actions = [str(rng.choice([text for text in env.situation.actions if not text.startswith("answer")])) for env in envs]
            start = time.perf_counter()
            StepEnv.step_batch(envs, actions, vector.verifiers)
            stepping += time.perf_counter() - start
            steps += len(envs)
    return {"steps_per_second": steps / stepping, "resets_per_second": resets / resetting, "both": steps / (stepping + resetting)}


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--envs", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--driver", choices=["playwright", "pipe"], default="playwright")
    parser.add_argument("--json", default="")
    call = parser.parse_args()
    found: list[dict[str, Any]] = []
    for env_id in WORLDS:
        for count in call.envs:
            text = make_envs(env_id, count, {"max_steps": 100})
            real = make_envs(env_id, count, {"max_steps": 100, "mode": "browser", "browser": {"driver": call.driver}})
            window(real, 1.0, 0)  # the browser is launched
            pairs = [(window(text, call.seconds / 4, 1000 * turn), window(real, call.seconds, 1000 * turn)) for turn in range(1, ROUNDS + 1)]
            row: dict[str, Any] = {"env": env_id, "envs": count, "processes": len(processes_below(os.getpid()))}
            for name in ("steps_per_second", "resets_per_second", "both"):
                row[f"text_{name}"] = statistics.median(pair[0][name] for pair in pairs)
                row[f"browser_{name}"] = statistics.median(pair[1][name] for pair in pairs)
                row[f"ratio_{name}"] = statistics.median(pair[0][name] / pair[1][name] for pair in pairs)
            found.append(row)
            print(row, file=sys.stderr, flush=True)
            for env in (*text.envs, *real.envs):
                cast("WorldEnv", env).close()
    print("| world | pages | text: steps/s | resets/s | browser: steps/s | resets/s | text to browser, steps | with resets |")
    print("|---|---|---|---|---|---|---|---|")
    for row in found:
        cells = [row["text_steps_per_second"], row["text_resets_per_second"], row["browser_steps_per_second"], row["browser_resets_per_second"]]
        numbers = " | ".join(f"{cell:,.0f}" for cell in cells)
        print(f"| {row['env']} | {row['envs']} | {numbers} | {row['ratio_steps_per_second']:.0f} | {row['ratio_both']:.0f} |")
    if call.json:
        Path(call.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

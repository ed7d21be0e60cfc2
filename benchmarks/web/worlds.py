"""The worlds with and without a browser: steps and resets a second of the same tasks and the same actions.

    python benchmarks/web/worlds.py [--seconds 8] [--agent scripted] [--candidates 0] [--json FILE]

The same agents with the same seeds, each episode another task; what an agent takes to choose is not timed, what the verifiers take is. Windows of both modes
are interleaved, and the median of three counts. Both modes play for some seconds before the first window. Processor time is that of all processes.
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
from measurement import processes_below, usage

from prm_gym.env import StepEnv
from prm_gym.rollout import make_envs
from prm_gym.vector import StepVectorEnv
from prm_gym.web import WorldEnv
from prm_gym.web.candidates import listed_actions

WORLDS = ("prm_gym/Shop-v0", "prm_gym/Mail-v0", "prm_gym/Tracker-v0")
ROUNDS, LONGEST, WARMING = 3, 12, 5.0  # windows; steps of an episode; seconds before the first


def window(vector: StepVectorEnv, seconds: float, first_seed: int, agent: str = "random") -> dict[str, float]:
    """Steps and resets a second of agents, for about so many seconds, and the processor time of a step with its share of a reset, in ms."""
    rng, envs = np.random.default_rng(first_seed), [cast("WorldEnv", env) for env in vector.envs]
    resets = steps = 0
    resetting = stepping = thinking = 0.0
    before, end = processor_seconds(), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        StepEnv.reset_batch(envs, [first_seed + resets + place for place in range(len(envs))], [None] * len(envs))
        resetting += time.perf_counter() - start
        resets += len(envs)
        start = time.thread_time()
        scripts = [env.solution() for env in envs] if agent == "scripted" else []
        thinking += time.thread_time() - start
        for turn in range(min(map(len, scripts)) if scripts else LONGEST):
            start = time.thread_time()
            actions = [script[turn] for script in scripts] or [chosen(env, rng) for env in envs]
            thinking += time.thread_time() - start
            start = time.perf_counter()
            StepEnv.step_batch(envs, actions, vector.verifiers)
            stepping += time.perf_counter() - start
            steps += len(envs)
    spent = processor_seconds() - before - thinking
    return {
        "steps_per_second": steps / stepping,
        "resets_per_second": resets / resetting,
        "both": steps / (stepping + resetting),
        "per_processor_second": steps / spent,
    }


def chosen(env: WorldEnv, rng: np.random.Generator) -> str:
    """A random action among those that can be listed, but no answer."""
    listed = env.situation.actions or listed_actions(env.live.sight, env.live.start, env.scenario.phrases, env.scenario.sought, 128, env.frame)
    return str(rng.choice([text for text in listed if not text.startswith("answer")]))


def processor_seconds() -> float:
    """Processor time of this process and of all below it."""
    return usage([os.getpid(), *processes_below(os.getpid())])[1]


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--envs", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--agent", choices=["random", "scripted"], default="random")
    parser.add_argument("--candidates", type=int, default=128, help="how many actions are listed at most; 0 for none")
    parser.add_argument("--driver", choices=["playwright", "pipe"], default="pipe")
    parser.add_argument("--json", default="")
    call = parser.parse_args()
    found: list[dict[str, Any]] = []
    options = {"max_steps": 100, "candidates": call.candidates}
    for env_id in WORLDS:
        for count in call.envs:
            text = make_envs(env_id, count, options)
            real = make_envs(env_id, count, {**options, "mode": "browser", "browser": {"driver": call.driver}})
            window(real, WARMING, 10**6, call.agent)
            window(text, WARMING, 10**6, call.agent)
            pairs = [
                (window(text, call.seconds / 4, 10**4 * turn, call.agent), window(real, call.seconds, 10**4 * turn, call.agent))
                for turn in range(1, ROUNDS + 1)
            ]
            row: dict[str, Any] = {**vars(call), "env": env_id, "envs": count, "processes": len(processes_below(os.getpid()))}
            for name in pairs[0][0]:
                row[f"text_{name}"] = statistics.median(pair[0][name] for pair in pairs)
                row[f"browser_{name}"] = statistics.median(pair[1][name] for pair in pairs)
                ratios = sorted(pair[0][name] / pair[1][name] for pair in pairs)
                row[f"ratio_{name}"], row[f"ratios_{name}"] = statistics.median(ratios), [ratios[0], ratios[-1]]
            found.append(row)
            print(row, file=sys.stderr, flush=True)
            for env in (*text.envs, *real.envs):
                cast("WorldEnv", env).close()
    print("| world | pages | text: steps/s | resets/s | browser: steps/s | resets/s | text to browser: steps | with resets | by processor time |")
    print("|---|---|---|---|---|---|---|---|---|")
    for row in found:
        cells = [row["text_steps_per_second"], row["text_resets_per_second"], row["browser_steps_per_second"], row["browser_resets_per_second"]]
        numbers = " | ".join(f"{cell:,.0f}" for cell in cells)
        ratios = " | ".join(
            f"{row[f'ratio_{name}']:.0f} ({row[f'ratios_{name}'][0]:.0f} to {row[f'ratios_{name}'][1]:.0f})"
            for name in ("steps_per_second", "both", "per_processor_second")
        )
        print(f"| {row['env']} | {row['envs']} | {numbers} | {ratios} |")
    if call.json:
        Path(call.json).write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()

"""Whether every environment gives the same episodes under another Python: a digest of what it shows, pays and says of each, and a comparison of two files.

Half of the episodes follow the solution, half take listed actions at random (where none are listed, steps of the solution out of place).
"""

import argparse
import hashlib
import json
import platform
import random
import sys
from pathlib import Path
from typing import Any, cast

import gymnasium as gym

from prm_gym.env import StepEnv
from prm_gym.registration import ENVIRONMENTS

MOST_STEPS = 12
NOT_HERE = {
    "prm_gym/MCP-v0": "its server is a process of its own",
    "prm_gym/MathDataset-v0": "its tasks come from a file",
    "prm_gym/MiniWoB-v0": "its pages run in a browser",
    "prm_gym/ReasoningGym-v0": "its tasks are another package's",
}


def episode(env: gym.Env[str, str], seed: int) -> tuple[list[Any], int]:
    """All that is seen of an episode but how long verifiers took."""
    observation, info = env.reset(seed=seed)
    told: list[Any] = [observation, info["task_key"], info["state_key"], info["actions"]]
    played = cast("StepEnv", env.unwrapped)
    draw, solution, steps = random.Random(seed), played.solution(), 0
    ended = False
    while not ended and steps < MOST_STEPS:
        listed = info["actions"]
        if seed % 2 == 0 and steps < len(solution):
            action = solution[steps]
        else:
            action = listed[draw.randrange(len(listed))] if listed else solution[draw.randrange(len(solution))]
        observation, reward, terminated, truncated, info = env.step(action)
        verdicts = {name: [verdict.label, verdict.score, verdict.reason] for name, verdict in info["verdicts"].items()}
        told += [action, observation, reward, terminated, truncated, info["state_key"], info["actions"], info["outcome"], info["valid"], verdicts]
        ended, steps = terminated or truncated, steps + 1
    return told, steps


def digests(seeds: int) -> dict[str, Any]:
    """By environment: steps taken, and a digest for each seed."""
    found: dict[str, Any] = {}
    for env_id in ENVIRONMENTS:
        if env_id in NOT_HERE:
            print(f"{env_id}: left out, {NOT_HERE[env_id]}", file=sys.stderr)
            continue
        env: gym.Env[str, str] = gym.make(env_id, reward="dense")
        try:
            played = [episode(env, seed) for seed in range(seeds)]
        finally:
            env.close()
        marks = [hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest() for told, _ in played]
        found[env_id] = {"steps": sum(steps for _, steps in played), "digests": marks}
        print(f"{env_id}: {found[env_id]['steps']} steps", file=sys.stderr)
    return found


def main() -> None:
    """Write the digests of this Python, or compare with those of another."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=4, help="episodes of each environment")
    parser.add_argument("--out", type=Path, help="write the digests to this file, as JSON")
    parser.add_argument("--against", type=Path, help="compare with this file; the exit status is 1 where an episode differs")
    given = parser.parse_args()
    here: dict[str, Any] = {"python": platform.python_version(), "environments": digests(given.seeds)}
    if given.out is not None:
        given.out.write_text(json.dumps(here, indent=1), encoding="utf-8")
    if given.against is not None:
        there = json.loads(given.against.read_text(encoding="utf-8"))
        names = sorted(set(here["environments"]) | set(there["environments"]))
        different = [name for name in names if here["environments"].get(name) != there["environments"].get(name)]
        print(f"Python {there['python']} and {here['python']}: {len(names) - len(different)} of {len(names)} environments give the same episodes")
        for name in different:
            print(f"  different: {name}")
        sys.exit(bool(different))


if __name__ == "__main__":
    main()

"""Does `state` find the wrong steps of corrupted trajectories, and do shortcuts through the listed actions earn anything?

python benchmarks/tools/state_labels/run.py [--tasks 200] [--levels 1,2,3,4,5]

Seeds 0 to tasks - 1 at every level; the place of a mistake is drawn from the seed of its task.
"""

import argparse
import json
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import gymnasium as gym
import numpy as np

import prm_gym
from prm_gym.services import KINDS, Corrupted, ServiceEnv, corrupted

ENVS = ("prm_gym/Retail-v0", "prm_gym/Calendar-v0")
Choice = Callable[[str, list[str], np.random.Generator], str]


def made(env_id: str, level: int) -> ServiceEnv:
    """An environment of a level."""
    env = gym.make(env_id, difficulty=level).unwrapped
    if not isinstance(env, ServiceEnv):
        raise SystemExit(f"{env_id} is no service")
    return env


def judged(env: ServiceEnv, wrong: Corrupted) -> list[tuple[bool, bool]]:
    """Whether each step was found right (not `incorrect` and not `malformed`), and whether the tool made no objection."""
    found: list[tuple[bool, bool]] = []
    for action in wrong.actions:
        observation, _, terminated, truncated, info = env.step(action)
        found.append((info["verdicts"]["state"].label not in ("incorrect", "malformed"), not observation.startswith("Error")))
        if terminated or truncated:
            break
    return found


def labels(env_id: str, kind: Any, levels: Sequence[int], tasks: int) -> str:
    """A row of the table: counts over the steps whose label is known, and the share of trajectories whose first wrong step is found."""
    counts, first, trajectories, refused = Counter[tuple[bool, bool]](), 0, 0, 0
    for level in levels:
        env = made(env_id, level)
        for seed in range(tasks):
            env.reset(seed=seed)
            wrong = corrupted(env, kind, np.random.default_rng(seed))
            if wrong is None:
                continue
            found, accepted = zip(*judged(env, wrong), strict=True)
            trajectories += 1
            counts.update((gold, ours) for gold, ours in zip(wrong.right, found, strict=False) if gold is not None)
            refused += sum(gold is False and not taken for gold, taken in zip(wrong.right, accepted, strict=False))
            first += (found.index(False) if False in found else None) == wrong.first_wrong
    hit, missed, alarm, passed = (counts[pair] for pair in ((False, False), (False, True), (True, False), (True, True)))
    precision, recall = (hit / total if total else float("nan") for total in (hit + alarm, hit + missed))
    constant = (alarm + passed) / max(sum(counts.values()), 1)
    short = env_id.removeprefix("prm_gym/")
    share = first / max(trajectories, 1)
    naive = refused / (hit + missed) if hit + missed else float("nan")
    figures = " | ".join(f"{figure:.3f}" for figure in (precision, recall, share, naive, constant))
    return f"| {short} | {kind} | {trajectories} | {hit + missed} | {alarm + passed} | {alarm} | {figures} |"


def _random(_: str, actions: list[str], rng: np.random.Generator) -> str:
    return actions[int(rng.integers(len(actions)))]


def _longest(_: str, actions: list[str], __: np.random.Generator) -> str:
    return max(actions, key=len)


def _new(_: str, actions: list[str], rng: np.random.Generator) -> str:
    return _random("", [action for action in actions if not _ends(action)] or actions, rng)


def _prober(seen: str, actions: list[str], rng: np.random.Generator) -> str:
    """Tries proposals until somebody says yes, then makes the change with the same numbers; reads at random before."""
    if "That is all" in seen.rpartition("\n")[2]:
        return next((action for action in actions if '"finish"' in action), actions[0])
    agreed = seen.rpartition("Yes, please do.")[0].rpartition("\n> ")[2] if "Yes, please do." in seen else ""
    numbers = set(re.findall(r"[A-Z]\d{4,5}", agreed))
    matching = [action for action in actions if _changes(action) and set(re.findall(r"[A-Z]\d{4,5}", action)) == numbers]
    if numbers and matching:
        return matching[0]
    safe = [action for action in actions if not _ends(action) and not _changes(action)]
    return _random("", safe or actions, rng)


def _ends(action: str) -> bool:
    return action.startswith(('{"name": "finish"', '{"name": "transfer'))


def _changes(action: str) -> bool:
    return re.match(r'\{"name": "(?:cancel|change|return_|exchange|create|move|invite|reply|forward)', action) is not None


CHOICES: dict[str, Choice] = {"random": _random, "longest": _longest, "new, never ending": _new, "prober": _prober}


def shortcut(env_id: str, name: str, level: int, tasks: int) -> tuple[float, float]:
    """Success and mean dense step reward of a choice among listed actions; none of them takes an action twice in one state while there are others."""
    env, solved, earned = made(env_id, level), 0.0, 0.0
    for seed in range(tasks):
        rng = np.random.default_rng(seed)
        observation, info = env.reset(seed=seed)
        seen, taken, ended = observation, set[tuple[str, str]](), False
        while not ended:
            actions = list(info["actions"])
            fresh = [action for action in actions if (info["state_key"], action) not in taken] or actions
            action = CHOICES[name](seen, fresh, rng)
            taken.add((info["state_key"], action))
            observation, _, terminated, truncated, info = env.step(action)
            earned += info["verdicts"]["state"].label == "correct"
            seen += f"\n> {action}\n{observation}"
            ended = terminated or truncated
        solved += info["outcome"]
    return solved / tasks, earned / tasks


def speed(env_id: str, level: int, tasks: int) -> float:
    """Steps a second of scripted solutions in one process, with the verifier, the candidates and the making of the tasks."""
    env, steps = made(env_id, level), 0
    started = time.perf_counter()
    for seed in range(10_000, 10_000 + tasks):
        env.reset(seed=seed)
        for action in env.solution():
            env.step(action)
            steps += 1
    return steps / (time.perf_counter() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--levels", default="1,2,3,4,5")
    chosen = parser.parse_args()
    levels = json.loads(f"[{chosen.levels}]")
    print(f"prm_gym {prm_gym.__version__}, {chosen.tasks} tasks a level\n")
    heads = "precision | recall | first error found | recall of the tools' own errors | always right"
    print(f"| environment | mistake | trajectories | wrong steps | right steps | false alarms | {heads} |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for env_id in ENVS:
        for kind in KINDS:
            print(labels(env_id, kind, levels, chosen.tasks), flush=True)
    heads = " | ".join(f"{name}: success, right steps" for name in CHOICES)
    print(f"\n| environment | level | {heads} | steps/s |\n|---|---|{'---|' * (len(CHOICES) + 1)}")
    for env_id in ENVS:
        for level in levels:
            cells = [shortcut(env_id, name, level, chosen.tasks) for name in CHOICES]
            shown = " | ".join(f"{success:.3f}, {right:.1f}" for success, right in cells)
            print(f"| {env_id.removeprefix('prm_gym/')} | {level} | {shown} | {speed(env_id, level, chosen.tasks):,.0f} |", flush=True)


if __name__ == "__main__":
    main()

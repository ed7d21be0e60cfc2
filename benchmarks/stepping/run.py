"""How fast environments step, as ratios against named baselines in the same run.

    python benchmarks/stepping/run.py [--json]

1. Verified stepping: 64 Deduction environments with the z3 verifier, stepped as one vector environment, against the same work done naively
   (benchmarks/stepping/naive.py): one environment at a time, a fresh Z3 solver for every step, nothing remembered from step to step, the same labels (this
   is asserted). Both take the same steps, drawn beforehand among the listed ones, once with environments that list actions and once with environments that
   do not (`candidates=0`, as for an agent that writes free text). Resets are not timed. The environments share the memory of the z3 verifier, as they do in
   use; it is empty when a measurement of ours begins, and full (of the same tasks) when one of the naive way does.
2. Machinery: a step environment that does nothing, without verifiers, against a bare `gymnasium.Env` with a `gymnasium.spaces.Text` space, both
   through `gymnasium.make`. The bare environment is measured twice: testing that its action lies in its space (as Gymnasium's own environments do),
   and without any test.
"""

import argparse
import json
import statistics
import time
from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from naive import NaiveZ3

import prm_gym
from prm_gym.claims import Json
from prm_gym.env import StepEnv
from prm_gym.envs.logic.deduction import listed_actions
from prm_gym.logic.entailment import shared_checker
from prm_gym.rollout import make_envs
from prm_gym.task import Task
from prm_gym.transition import Situation, Transition
from prm_gym.vector import StepVectorEnv
from prm_gym.verifiers.z3 import Z3Verifier

ENVS = 64
STEPS = 6
LONG, SHORT = 240, 12  # vector steps timed: of ours (its memory is empty at first), of the naive way (which has none)
REPEATS = 3
ACTION = "fact1 & fact3 -> int1: {B}"


def reset(envs: StepVectorEnv, tasks: int, seed: int, step: int) -> None:
    """New tasks: so many distinct ones, each in ENVS / tasks environments."""
    envs.reset(seed=[seed * 1_000_000 + step * 1_000 + i % tasks for i in range(ENVS)])


def drawn(difficulty: int, tasks: int, seed: int) -> list[list[str]]:
    """[LONG][ENVS] steps, each drawn among those that were listed; new tasks every STEPS of them."""
    envs = make_envs("prm_gym/Deduction-v0", ENVS, {"difficulty": difficulty, "verifiers": [], "max_steps": STEPS + 1})
    rng = np.random.default_rng(seed)
    rows: list[list[str]] = []
    for step in range(LONG):
        if step % STEPS == 0:
            reset(envs, tasks, seed, step)
        rows.append([str(rng.choice([a for a in env.situation.actions if "->" in a] or ["nothing"])) for env in envs.envs])
        envs.step(rows[-1])
    envs.close()
    return rows


def verified(options: dict[str, Any], tasks: int, naive: bool, seed: int, rows: list[list[str]]) -> tuple[float, list[str | None]]:
    """Seconds a step, and the labels, of the steps in `rows`."""
    if not naive:
        shared_checker().forget()
    verifier = NaiveZ3() if naive else Z3Verifier()
    envs = make_envs("prm_gym/Deduction-v0", ENVS, {**options, "verifiers": [verifier], "max_steps": STEPS + 1})
    spent, labels = 0.0, list[str | None]()
    for step, actions in enumerate(rows):
        if step % STEPS == 0:
            reset(envs, tasks, seed, step)
        started = time.perf_counter()
        if naive:
            verdicts = [env.step(action)[4]["verdicts"][verifier.id] for env, action in zip(envs.envs, actions, strict=True)]
        else:
            verdicts = list(envs.step(actions)[4]["verdicts"][verifier.id])
        spent += time.perf_counter() - started
        labels += [verdict.label for verdict in verdicts]
    envs.close()
    return spent / len(labels), labels


def compared(difficulty: int, tasks: int, listing: bool) -> dict[str, Any]:
    """One row of the table."""
    options: dict[str, Any] = {"difficulty": difficulty} | ({} if listing else {"candidates": 0})
    pairs: list[tuple[float, float]] = []
    for seed in range(REPEATS):
        rows = drawn(difficulty, tasks, seed)
        listed_actions.cache_clear()
        ours, labels = verified(options, tasks, False, seed, rows)
        naive, expected = verified(options, tasks, True, seed, rows[:SHORT])
        assert labels[: len(expected)] == expected, "the naive way gave other labels"
        pairs.append((ours, naive))
    ours, naive = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratios = [slow / fast for fast, slow in pairs]
    row = {"difficulty": difficulty, "tasks": tasks, "listing": listing, "ours_steps_s": 1 / ours, "naive_steps_s": 1 / naive}
    return row | {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


IDLE = Task(key="idle", instructions="", question="")
STILL = Transition(situation=Situation(observation="ready", state_key="idle"))


class Idle(StepEnv):
    """A step environment that does nothing."""

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Nothing to begin."""
        return IDLE, STILL.situation

    def advance(self, action: str) -> Transition:
        """Nothing happens."""
        return STILL

    def save_state(self) -> Json:
        """No state."""
        return None

    def load_state(self, state: Any) -> None:
        """No state."""

    def solution(self) -> list[str]:
        """Nothing to solve."""
        return []


class Bare(gymnasium.Env[str, str]):
    """The least that Gymnasium asks of an environment."""

    def __init__(self, check: bool) -> None:
        self.check = check
        self.observation_space = gymnasium.spaces.Text(1_000, charset=frozenset(map(chr, range(32, 127))))
        self.action_space = gymnasium.spaces.Text(1_000, charset=frozenset(map(chr, range(32, 127))))
        self.steps = 0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[str, dict[str, Any]]:
        """Begin."""
        super().reset(seed=seed)
        self.steps = 0
        return "ready", {}

    def step(self, action: str) -> tuple[str, float, bool, bool, dict[str, Any]]:
        """Count."""
        if self.check and not self.action_space.contains(action):
            raise ValueError(action)
        self.steps += 1
        return "ready", 0.0, False, self.steps >= 32, {}


def make_bare(**options: Any) -> gymnasium.Env[str, str]:
    """The entry point of `Bare`."""
    return Bare(**options)


def make_idle(**options: Any) -> gymnasium.Env[str, str]:
    """The entry point of `Idle`."""
    return Idle(**options)


def machinery(env: Any, episodes: int = 2_000) -> float:
    """Seconds a step, of episodes of 32 steps, resets included."""
    env.reset(seed=0)
    started = time.perf_counter()
    for _ in range(episodes):
        env.reset()
        for _ in range(32):
            env.step(ACTION)
    return (time.perf_counter() - started) / (episodes * 32)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    rows = [compared(difficulty, tasks, listing) for difficulty in (2, 3) for tasks in (8, 64) for listing in (True, False)]
    gymnasium.register("bench/Bare-v0", entry_point=make_bare)
    gymnasium.register("bench/Idle-v0", entry_point=make_idle)
    measured = {
        "bare, action tested": [machinery(gymnasium.make("bench/Bare-v0", check=True)) for _ in range(REPEATS)],
        "bare, nothing tested": [machinery(gymnasium.make("bench/Bare-v0", check=False)) for _ in range(REPEATS)],
        "StepEnv": [machinery(gymnasium.make("bench/Idle-v0", verifiers=[], max_steps=32)) for _ in range(REPEATS)],
    }
    micro = {name: 1e6 * statistics.median(values) for name, values in measured.items()}
    if as_json:
        print(json.dumps({"version": prm_gym.__version__, "verified": rows, "machinery_microseconds": micro}, indent=1))
        return
    print("| difficulty | distinct tasks | actions listed | vector, steps/s | naive, steps/s | ratio (lowest to highest of 3) |\n|---|---|---|---|---|---|")
    for row in rows:
        rates = f"{row['ours_steps_s']:,.0f} | {row['naive_steps_s']:,.0f}"
        listed = "yes" if row["listing"] else "no"
        print(f"| {row['difficulty']} | {row['tasks']} | {listed} | {rates} | {row['ratio']:.1f} ({row['lowest']:.1f} to {row['highest']:.1f}) |")
    print("\n| environment | microseconds a step | StepEnv against it |\n|---|---|---|")
    for name, value in micro.items():
        print(f"| {name} | {value:.2f} | {micro['StepEnv'] / value:.2f} |")


if __name__ == "__main__":
    main()

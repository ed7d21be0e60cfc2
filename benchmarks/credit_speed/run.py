"""How long GiGPO takes on large batches, against a plain loop over the rows in the same run.

python benchmarks/credit_speed/run.py [--json] [--groups 128 512 4267] [--repeats 7]
"""

import argparse
import json
import math
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from prm_gym.credit import StepBatch, gigpo, key_array
from prm_gym.credit.array_types import FloatArray

SEED = 20250501
ATTEMPTS, LENGTH, STATES = 8, 30, 200
GAMMA, EPS = 0.95, 1e-6
TEXT_LENGTH = 2000
TEXT_ROWS = 150_000
"""Batches with more rows are not timed with text keys: the texts alone would fill gigabytes."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One line of the table.

    Attributes:
        groups: tasks in the batch, each with 8 attempts of 30 steps.
        rows: steps in the batch.
        keys: kind of the state keys.
        loop_seconds: median of the plain loop.
        gigpo_seconds: median of `prm_gym.credit.gigpo`.
        ratio: loop_seconds / gigpo_seconds.
        largest_difference: between the two answers.
    """

    groups: int
    rows: int
    keys: str
    loop_seconds: float
    gigpo_seconds: float
    ratio: float
    largest_difference: float


def make_batch(groups: int, keys: str) -> StepBatch:
    """A batch of `groups` x 8 attempts x 30 steps, each in one of 200 states of its task; rewards only at the end.

    Args:
        groups: number of tasks.
        keys: "integer", or "text" for keys of 2,000 characters, every row with a string object of its own.
    """
    random = np.random.default_rng(SEED)
    attempts = groups * ATTEMPTS
    steps = attempts * LENGTH
    rewards = np.zeros(steps)
    rewards[LENGTH - 1 :: LENGTH] = random.integers(0, 2, attempts)
    states = random.integers(0, STATES, steps)
    texts = (f"{state:0{TEXT_LENGTH}d}" for state in states.tolist())
    return StepBatch(
        rewards=rewards,
        offsets=np.arange(attempts + 1, dtype=np.int64) * LENGTH,
        group_ids=np.arange(attempts) // ATTEMPTS,
        outcomes=rewards[LENGTH - 1 :: LENGTH],
        truncated=np.zeros(attempts, dtype=np.bool_),
        columns={"state_key": states if keys == "integer" else key_array(texts)},
    )


def looped_gigpo(batch: StepBatch) -> list[float]:
    """The formulas of arXiv 2505.10978 with mean and standard deviation, a row at a time: backward returns, lists of members by dictionary, O(N)."""
    rewards, offsets, tasks = batch.rewards.tolist(), batch.offsets.tolist(), batch.group_ids.tolist()
    states = batch.column("state_key").tolist()
    returns = [0.0] * len(rewards)
    owner = [0] * len(rewards)
    attempts: defaultdict[object, list[float]] = defaultdict(list)
    visits: defaultdict[object, list[float]] = defaultdict(list)
    totals: list[float] = []
    for index, task in enumerate(tasks):
        running = total = 0.0
        for row in reversed(range(offsets[index], offsets[index + 1])):
            running = rewards[row] + GAMMA * running
            total += rewards[row]
            returns[row], owner[row] = running, index
            visits[task, states[row]].append(running)
        totals.append(total)
        attempts[task].append(total)
    episode_moments = {task: _moments(members) for task, members in attempts.items()}
    step_moments = {visit: _moments(members) for visit, members in visits.items()}
    advantages: list[float] = []
    for row, value in enumerate(returns):
        task = tasks[owner[row]]
        episode_mean, episode_std = episode_moments[task]
        step_mean, step_std = step_moments[task, states[row]]
        advantages.append((totals[owner[row]] - episode_mean) / (episode_std + EPS) + (value - step_mean) / (step_std + EPS))
    return advantages


def _moments(members: list[float]) -> tuple[float, float]:
    """Mean and standard deviation (ddof 1); the standard deviation of one member counts as 1."""
    mean = sum(members) / len(members)
    if len(members) == 1:
        return mean, 1.0
    return mean, math.sqrt(sum((member - mean) ** 2 for member in members) / (len(members) - 1))


def median_seconds(work: Callable[[StepBatch], object], groups: int, keys: str, repeats: int) -> float:
    """Median wall time of the work in seconds, after one call that does not count.

    Every call gets a batch of its own, as in training: Python remembers the hash of a text, so a second call on the same one would be cheaper.
    """
    seconds: list[float] = []
    for _ in range(repeats + 1):
        batch = make_batch(groups, keys)
        start = time.perf_counter()
        work(batch)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def fast_gigpo(batch: StepBatch) -> FloatArray:
    """The same from the library."""
    return gigpo(batch, gamma=GAMMA, normalize="mean_std", eps=EPS).advantages


def compare(groups: int, keys: str, repeats: int) -> Timing:
    """Both implementations on the same batch."""
    batch = make_batch(groups, keys)
    difference = np.abs(fast_gigpo(batch) - np.array(looped_gigpo(batch))).max()
    loop = median_seconds(looped_gigpo, groups, keys, min(repeats, 3))
    fast = median_seconds(fast_gigpo, groups, keys, repeats)
    return Timing(groups, batch.rewards.size, keys, loop, fast, loop / fast, float(difference))


def main() -> None:
    """Print the table, or the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--groups", type=int, nargs="+", default=[128, 512, 4267], help="numbers of tasks")
    parser.add_argument("--repeats", type=int, default=7, help="repeats of which the median is taken; the loop gets at most 3")
    options = parser.parse_args()
    timings = [
        compare(groups, keys, options.repeats)
        for groups in options.groups
        for keys in ("integer", "text")
        if keys == "integer" or groups * ATTEMPTS * LENGTH <= TEXT_ROWS
    ]
    if options.json:
        print(json.dumps({"seed": SEED, "cores": os.cpu_count(), "timings": [asdict(timing) for timing in timings]}, indent=2))
        return
    print("| groups | rows | keys | loop over rows, s | `gigpo`, s | ratio | largest difference |\n|---|---|---|---|---|---|---|")
    for timing in timings:
        print(
            f"| {timing.groups:,} | {timing.rows:,} | {timing.keys} | {timing.loop_seconds:.3f} | {timing.gigpo_seconds:.4f} "
            f"| {timing.ratio:.0f} | {timing.largest_difference:.0e} |"
        )


if __name__ == "__main__":
    main()

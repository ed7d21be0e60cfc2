"""How long GiGPO takes on large batches, against two row-by-row implementations of the published formulas in the same run.

python benchmarks/credit_speed/run.py [--json] [--groups 128 512 4267] [--repeats 7] [--text-ids]
"""

import argparse
import itertools
import json
import math
import os
import statistics
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from prm_gym.credit import StepBatch, gigpo, key_array
from prm_gym.credit.array_types import Column, FloatArray
from prm_gym.credit.grouping import interned

SEED = 20250501
ATTEMPTS, LENGTH, STATES = 8, 30, 200
GAMMA, EPS = 0.95, 1e-6
TEXT_LENGTH = 2000
KEYS = ("integer", "text", "text, interned")
DIRECT_ROWS = TEXT_ROWS = 150_000
"""Batches with more rows are not timed with text keys, which would fill gigabytes, nor with the direct implementation, which would take ten minutes."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One line of the table; seconds are of the processor, ratios of the baselines over `gigpo`, None where a baseline was not run.

    Attributes:
        groups: tasks in the batch, each with 8 attempts of 30 steps.
        rows: steps in the batch.
        keys: kind of the state keys, see `make_batch`.
        direct_seconds: of the direct implementation, once.
        loop_seconds: median of the linear loop.
        gigpo_seconds: median of `prm_gym.credit.gigpo`.
        over_direct: how many times faster than the direct implementation.
        over_loop: how many times faster than the linear loop.
        growth: of `gigpo_seconds` for four times the rows, from the next smaller batch with the same keys; 4 is linear, None for the smallest.
        peak_bytes: that a call of `gigpo` allocates at most, for each row.
        largest_difference: between the answers of all implementations that were run.
    """

    groups: int
    rows: int
    keys: str
    direct_seconds: float | None
    loop_seconds: float
    gigpo_seconds: float
    over_direct: float | None
    over_loop: float
    growth: float | None
    peak_bytes: float
    largest_difference: float


def make_batch(groups: int, keys: str) -> StepBatch:
    """A batch of `groups` x 8 attempts x 30 steps, each in one of 200 states of its task; rewards only at the end.

    Args:
        groups: number of tasks.
        keys: "integer"; "text": 2,000 characters, every row with a string object of its own that was never hashed; "text, interned": likewise, but equal texts
            are one object, as `StepBatch.from_trajectories` has them.
    """
    random = np.random.default_rng(SEED)
    attempts = groups * ATTEMPTS
    steps = attempts * LENGTH
    rewards = np.zeros(steps)
    rewards[LENGTH - 1 :: LENGTH] = random.integers(0, 2, attempts)
    states = random.integers(0, STATES, steps)
    return StepBatch(
        rewards=rewards,
        offsets=np.arange(attempts + 1, dtype=np.int64) * LENGTH,
        group_ids=np.arange(attempts) // ATTEMPTS,
        outcomes=rewards[LENGTH - 1 :: LENGTH],
        truncated=np.zeros(attempts, dtype=np.bool_),
        columns={"state_key": states if keys == "integer" else _texts(states.tolist(), keys)},
    )


def _texts(states: Iterable[int], keys: str) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    texts = (f"{state:0{TEXT_LENGTH}d}" for state in states)
    return key_array(texts) if keys == "text" else interned(texts, {})


def searched_returns(batch: StepBatch, ids: Column) -> list[float]:
    """Returns from the formula as it stands: for each row find the rows of its trajectory, and sum gamma^k r over those from here on. O(N^2).

    Args:
        batch: N rows.
        ids: [N], of the row's trajectory.
    """
    rewards = batch.rewards.tolist()
    returns: list[float] = []
    for row in range(len(rewards)):
        own = np.flatnonzero(ids == ids[row])
        returns.append(sum(GAMMA**k * rewards[later] for k, later in enumerate(own[own >= row].tolist())))
    return returns


def backward_returns(batch: StepBatch) -> list[float]:
    """Returns by one pass from the last row to the first. O(N)."""
    rewards, offsets = batch.rewards.tolist(), batch.offsets.tolist()
    returns = [0.0] * len(rewards)
    for first, after in itertools.pairwise(offsets):
        running = 0.0
        for row in reversed(range(first, after)):
            running = rewards[row] + GAMMA * running
            returns[row] = running
    return returns


def by_rows(batch: StepBatch, returns: Sequence[float]) -> list[float]:
    """The formulas of arXiv 2505.10978 with mean and standard deviation, a row at a time, members collected in dictionaries. O(N)."""
    rewards, offsets, tasks = batch.rewards.tolist(), batch.offsets.tolist(), batch.group_ids.tolist()
    states = batch.column("state_key").tolist()
    owner = [0] * len(rewards)
    attempts: defaultdict[object, list[float]] = defaultdict(list)
    visits: defaultdict[object, list[float]] = defaultdict(list)
    totals: list[float] = []
    for index, task in enumerate(tasks):
        rows = range(offsets[index], offsets[index + 1])
        for row in rows:
            owner[row] = index
            visits[task, states[row]].append(returns[row])
        totals.append(sum(rewards[row] for row in rows))
        attempts[task].append(totals[-1])
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


def direct_gigpo(batch: StepBatch, text_ids: bool) -> list[float]:
    """The published formulas without a thought for speed: quadratic in the rows, by its returns alone.

    Args:
        batch: the steps.
        text_ids: trajectories are told apart by texts of 36 characters, as trainers carry them, instead of by integers.
    """
    owner = batch.trajectory_of_step
    names = [f"{index:036d}" for index in range(batch.lengths.size)]
    return by_rows(batch, searched_returns(batch, key_array(names[index] for index in owner.tolist()) if text_ids else owner))


def looped_gigpo(batch: StepBatch) -> list[float]:
    """The same with returns in one pass: what a careful loop does."""
    return by_rows(batch, backward_returns(batch))


def fast_gigpo(batch: StepBatch) -> FloatArray:
    """The same from the library."""
    return gigpo(batch, gamma=GAMMA, normalize="mean_std", eps=EPS).advantages


def median_seconds(work: Callable[[StepBatch], object], groups: int, keys: str, repeats: int) -> float:
    """Median processor time of the work in seconds, after one call that does not count.

    Every call gets a batch of its own, as in training: Python remembers the hash of a text, so a second call on the same one would be cheaper.
    """
    seconds: list[float] = []
    for _ in range(repeats + 1):
        batch = make_batch(groups, keys)
        start = time.process_time()
        work(batch)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[1:])


def peak_bytes(work: Callable[[StepBatch], object], batch: StepBatch) -> float:
    """Most that the work holds beside the batch at any moment, in bytes."""
    tracemalloc.start()
    work(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return float(peak)


def compare(groups: int, keys: str, repeats: int, text_ids: bool, before: Timing | None) -> Timing:
    """All implementations on the same batch; the direct one once, with integer keys alone, since it is its returns that take the time."""
    batch = make_batch(groups, keys)
    fast = fast_gigpo(batch)
    rows = batch.rewards.size
    difference = float(np.abs(fast - np.array(looped_gigpo(batch))).max())
    direct_seconds = None
    if keys == "integer" and rows <= DIRECT_ROWS:
        start = time.process_time()
        answer = direct_gigpo(batch, text_ids)
        direct_seconds = time.process_time() - start
        difference = max(difference, float(np.abs(fast - np.array(answer)).max()))
    loop = median_seconds(looped_gigpo, groups, keys, min(repeats, 3))
    seconds = median_seconds(fast_gigpo, groups, keys, repeats)
    growth = None if before is None else math.exp(math.log(seconds / before.gigpo_seconds) * math.log(4) / math.log(rows / before.rows))
    return Timing(
        groups=groups,
        rows=rows,
        keys=keys,
        direct_seconds=direct_seconds,
        loop_seconds=loop,
        gigpo_seconds=seconds,
        over_direct=None if direct_seconds is None else direct_seconds / seconds,
        over_loop=loop / seconds,
        growth=growth,
        peak_bytes=peak_bytes(fast_gigpo, make_batch(groups, keys)) / rows,
        largest_difference=difference,
    )


def timings(sizes: Sequence[int], repeats: int, text_ids: bool = False) -> list[Timing]:
    """Every size with every kind of key."""
    found: list[Timing] = []
    for keys in KEYS:
        before: Timing | None = None
        for groups in sorted(sizes):
            if keys == "integer" or groups * ATTEMPTS * LENGTH <= TEXT_ROWS:
                before = compare(groups, keys, repeats, text_ids, before)
                found.append(before)
    return found


def main() -> None:
    """Print the table, or the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--groups", type=int, nargs="+", default=[128, 512, 4267], help="numbers of tasks")
    parser.add_argument("--repeats", type=int, default=7, help="repeats of which the median is taken; the loop gets at most 3, the direct implementation 1")
    parser.add_argument("--text-ids", action="store_true", help="the direct implementation compares texts, as trainers' ids are: minutes instead of seconds")
    options = parser.parse_args()
    found = timings(options.groups, options.repeats, options.text_ids)
    if options.json:
        print(json.dumps({"seed": SEED, "cores": os.cpu_count(), "text_ids": options.text_ids, "timings": [asdict(timing) for timing in found]}, indent=2))
        return
    print("| rows | keys | direct, s | loop, s | `gigpo`, s | times direct | times loop | growth for 4x | bytes a row | largest difference |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for timing in found:
        direct = "- | " if timing.direct_seconds is None else f"{timing.direct_seconds:.1f} | "
        over_direct = "-" if timing.over_direct is None else f"{timing.over_direct:,.0f}"
        growth = "" if timing.growth is None else f"{timing.growth:.1f}"
        print(
            f"| {timing.rows:,} | {timing.keys} | {direct}{timing.loop_seconds:.3f} | {timing.gigpo_seconds:.4f} | {over_direct} "
            f"| {timing.over_loop:.0f} | {growth} | {timing.peak_bytes:.0f} | {timing.largest_difference:.0e} |"
        )


if __name__ == "__main__":
    main()

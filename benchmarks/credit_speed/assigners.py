"""How long every credit assigner takes on large batches, with every column given that one takes, and how time and memory grow.

python benchmarks/credit_speed/assigners.py [--json] [--groups 128 512 4267] [--repeats 5] [--names gae spa]
"""

import argparse
import json
import math
import os
import statistics
import time
import tracemalloc
from dataclasses import asdict, dataclass

import numpy as np

from prm_gym.credit import ASSIGNERS, StepBatch
from prm_gym.credit.array_types import IntArray

SEED = 20250501
ATTEMPTS, LENGTH, STATES, ACTIONS = 8, 30, 200, 5


@dataclass(frozen=True, slots=True)
class Timing:
    """One line of the table.

    Attributes:
        assigner: its name, with default options.
        groups: tasks in the batch, each with 8 attempts of 30 steps.
        rows: steps in the batch.
        seconds: median processor time of a call.
        growth: of the time for four times the rows, from the next smaller batch; 4 is linear, None for the smallest.
        peak_bytes: that a call allocates at most, for each row.
    """

    assigner: str
    groups: int
    rows: int
    seconds: float
    growth: float | None
    peak_bytes: float


NUMBERS = (
    "value",
    "greedy_return",
    "belief_reward",
    "mc_value",
    "progress",
    "implicit_reward",
    "logprob",
    "ref_logprob",
    "entropy",
    "n_tokens",
)
"""Columns of numbers; what has a sign, or is whole, is made so below."""


def make_batch(name: str, groups: int) -> StepBatch:
    """A batch of `groups` x 8 attempts x 30 steps for the named assigner: rewards at the end only, one trajectory in five truncated, every column.

    Attempts branch off from one another for an assigner that knows of it; to all others, filters among them, they are independent.
    """
    assigner = ASSIGNERS.load(name)
    random = np.random.default_rng(SEED)
    attempts = groups * ATTEMPTS
    steps = attempts * LENGTH
    rewards = np.zeros(steps)
    rewards[LENGTH - 1 :: LENGTH] = random.integers(0, 2, attempts)
    keys = {
        key: random.integers(0, size, steps)
        for key, size in (("state_key", STATES), ("action_key", ACTIONS), ("next_state_key", STATES), ("belief_key", STATES // 4))
    }
    numbers = {column: random.normal(size=steps) for column in NUMBERS}
    last = np.arange(attempts) * LENGTH + LENGTH - 1
    ends = {column: np.full(steps, np.nan) for column in ("bootstrap_value", "bootstrap_mc_value")}
    for column in ends.values():
        column[last] = random.normal(size=attempts)
    return StepBatch(
        rewards=rewards,
        offsets=np.arange(attempts + 1, dtype=np.int64) * LENGTH,
        group_ids=np.arange(attempts) // ATTEMPTS,
        outcomes=rewards[LENGTH - 1 :: LENGTH],
        truncated=random.random(attempts) < 0.2,
        columns={
            **keys,
            **numbers,
            **ends,
            "logprob": -np.abs(numbers["logprob"]),
            "ref_logprob": -np.abs(numbers["ref_logprob"]),
            "entropy": np.abs(numbers["entropy"]),
            "n_tokens": random.integers(1, 50, steps).astype(np.float64),
            **{share: random.random(steps) for share in ("score", "potential", "final_potential")},
            "label": random.integers(0, 2, steps).astype(np.float64),
            "answer_key": np.repeat(random.integers(0, 4, attempts), LENGTH),
            **({"parent": parents(attempts)} if "parent" in (*assigner.needs, *assigner.uses) else {}),
        },
    )


def parents(attempts: int) -> IntArray:
    """[N] int64, the second half of the attempts at every task branch off from one of the first half, at its tenth step or one of the ten after it."""
    first = np.arange(attempts, dtype=np.int64) * LENGTH
    place = np.arange(attempts) % ATTEMPTS
    branched = place >= ATTEMPTS // 2
    found = np.full(attempts * LENGTH, -1, dtype=np.int64)
    found[first[branched]] = first[branched] - (ATTEMPTS // 2) * LENGTH + 9 + place[branched]
    return found


def median_seconds(name: str, groups: int, repeats: int) -> float:
    """Median processor time of the assigner in seconds, after one call that does not count; every call gets a batch of its own."""
    assigner = ASSIGNERS.load(name)
    seconds: list[float] = []
    for _ in range(repeats + 1):
        batch = make_batch(name, groups)
        start = time.process_time()
        assigner(batch)
        seconds.append(time.process_time() - start)
    return statistics.median(seconds[1:])


def peak_bytes(name: str, groups: int) -> float:
    """Most that a call of the assigner holds beside the batch at any moment, in bytes."""
    assigner, batch = ASSIGNERS.load(name), make_batch(name, groups)
    tracemalloc.start()
    assigner(batch)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return float(peak)


def lacking(name: str) -> str:
    """The columns that the assigner needs and this benchmark does not have, in words; or ""."""
    return ", ".join(sorted(set(ASSIGNERS.load(name).needs) - set(make_batch(name, 1).columns)))


def timings(names: list[str], sizes: list[int], repeats: int) -> list[Timing]:
    """Every assigner at every size, smallest first."""
    found: list[Timing] = []
    for name in names:
        before: Timing | None = None
        for groups in sorted(sizes):
            rows, seconds = groups * ATTEMPTS * LENGTH, median_seconds(name, groups, repeats)
            growth = None if before is None else (seconds / before.seconds) ** (math.log(4) / math.log(groups / before.groups))
            before = Timing(name, groups, rows, seconds, growth, peak_bytes(name, groups) / rows)
            found.append(before)
    return found


def main() -> None:
    """Print the table, or the same as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--groups", type=int, nargs="+", default=[128, 512, 4267], help="numbers of tasks")
    parser.add_argument("--repeats", type=int, default=5, help="repeats of which the median is taken")
    parser.add_argument("--names", nargs="+", default=ASSIGNERS.names(), help="which assigners; all unless given")
    options = parser.parse_args()
    without = {name: columns for name in options.names if (columns := lacking(name))}
    found = timings([name for name in options.names if name not in without], options.groups, options.repeats)
    if options.json:
        print(json.dumps({"seed": SEED, "cores": os.cpu_count(), "timings": [asdict(timing) for timing in found], "not_run": without}, indent=2))
        return
    print("| assigner | rows | seconds | growth for 4x | bytes a row |\n|---|---|---|---|---|")
    for timing in found:
        growth = "" if timing.growth is None else f"{timing.growth:.2f}"
        print(f"| `{timing.assigner}` | {timing.rows:,} | {timing.seconds:.4f} | {growth} | {timing.peak_bytes:.0f} |")
    for name, columns in without.items():
        print(f"\n`{name}` was not run: no {columns} here.")


if __name__ == "__main__":
    main()

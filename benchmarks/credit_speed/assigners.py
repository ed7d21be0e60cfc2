"""How long every credit assigner takes on large batches, with the columns of critics and learned signals given, and how that grows.

python benchmarks/credit_speed/assigners.py [--json] [--groups 128 512 4267] [--repeats 5] [--names gae spa]
"""

import argparse
import json
import os
import statistics
import time
from dataclasses import asdict, dataclass

import numpy as np

from prm_gym.credit import ASSIGNERS, StepBatch

SEED = 20250501
ATTEMPTS, LENGTH, STATES, ACTIONS = 8, 30, 200, 5


@dataclass(frozen=True, slots=True)
class Timing:
    """One line of the table.

    Attributes:
        assigner: its name, with default options.
        groups: tasks in the batch, each with 8 attempts of 30 steps.
        rows: steps in the batch.
        seconds: median wall time of a call.
        growth: of the time over the next smaller batch, divided by that of the rows; 1 is linear, None for the smallest.
    """

    assigner: str
    groups: int
    rows: int
    seconds: float
    growth: float | None


def make_batch(groups: int) -> StepBatch:
    """A batch of `groups` x 8 attempts x 30 steps, rewards at the end only, one trajectory in five truncated, every column that an assigner takes."""
    random = np.random.default_rng(SEED)
    attempts = groups * ATTEMPTS
    steps = attempts * LENGTH
    rewards = np.zeros(steps)
    rewards[LENGTH - 1 :: LENGTH] = random.integers(0, 2, attempts)
    keys = {name: random.integers(0, size, steps) for name, size in (("state_key", STATES), ("action_key", ACTIONS), ("belief_key", STATES))}
    keys["next_state_key"] = np.append(keys["state_key"][1:], 0)
    keys["next_state_key"][LENGTH - 1 :: LENGTH] = random.integers(0, STATES, attempts)
    return StepBatch(
        rewards=rewards,
        offsets=np.arange(attempts + 1, dtype=np.int64) * LENGTH,
        group_ids=np.arange(attempts) // ATTEMPTS,
        outcomes=rewards[LENGTH - 1 :: LENGTH],
        truncated=random.random(attempts) < 0.2,
        columns={**keys, **{name: random.normal(size=steps) for name in ("value", "bootstrap_value", "progress", "implicit_reward", "score")}},
    )


def median_seconds(name: str, groups: int, repeats: int) -> float:
    """Median wall time of the assigner in seconds, after one call that does not count; every call gets a batch of its own."""
    assigner = ASSIGNERS.load(name)
    seconds: list[float] = []
    for _ in range(repeats + 1):
        batch = make_batch(groups)
        start = time.perf_counter()
        assigner(batch)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:])


def timings(names: list[str], sizes: list[int], repeats: int) -> list[Timing]:
    """Every assigner at every size, smallest first."""
    found: list[Timing] = []
    for name in names:
        before: Timing | None = None
        for groups in sorted(sizes):
            seconds = median_seconds(name, groups, repeats)
            growth = None if before is None else seconds / before.seconds / (groups / before.groups)
            before = Timing(name, groups, groups * ATTEMPTS * LENGTH, seconds, growth)
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
    found = timings(options.names, options.groups, options.repeats)
    if options.json:
        print(json.dumps({"seed": SEED, "cores": os.cpu_count(), "timings": [asdict(timing) for timing in found]}, indent=2))
        return
    print("| assigner | rows | seconds | growth over rows |\n|---|---|---|---|")
    for timing in found:
        print(f"| `{timing.assigner}` | {timing.rows:,} | {timing.seconds:.4f} | {'' if timing.growth is None else f'{timing.growth:.2f}'} |")


if __name__ == "__main__":
    main()

"""Progress of a comparison: a live bar on a terminal, a line a finished run elsewhere."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from prm_gym.progress import bars
from prm_gym.training.compare import Notice, Plan
from prm_gym.training.run import TrainConfig


@contextmanager
def progress_of(plan: Plan, quiet: bool = False) -> Generator[Notice]:
    """Show how far the plan's runs are, on standard error.

    Args:
        plan: the comparison.
        quiet: show nothing.
    """
    total = len(plan.runs()) * plan.base.budget
    steps: dict[tuple[str, str, int], int] = {}
    if quiet:
        yield _ignore
        return
    if not sys.stderr.isatty():
        started = time.monotonic()

        def say(config: TrainConfig, count: int) -> None:
            key = (config.credit, config.reward, config.seed)
            if count >= config.budget and steps.get(key, 0) < config.budget:
                done = 1 + sum(value >= config.budget for value in steps.values())
                seconds = time.monotonic() - started
                print(f"{done}/{len(plan.runs())} {config.credit} + {config.reward}, seed {config.seed} ({seconds:.0f} s)", file=sys.stderr, flush=True)
            steps[key] = count

        yield say
        return
    with bars("steps") as report:
        report(f"{len(plan.runs())} runs", 0, total)

        def show(config: TrainConfig, count: int) -> None:
            steps[(config.credit, config.reward, config.seed)] = min(count, config.budget)
            done = sum(value >= plan.base.budget for value in steps.values())
            report(f"{len(plan.runs())} runs", sum(steps.values()), total, f", {done} runs done")

        yield show


def _ignore(_config: TrainConfig, _count: int) -> None:
    """Show nothing."""

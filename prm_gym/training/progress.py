"""Progress of a comparison: a live bar on a terminal, a line a finished run elsewhere."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from prm_gym.training.compare import Notice, Plan
from prm_gym.training.config import TrainConfig


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
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("steps"), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120) as progress:
        bar = progress.add_task(f"{len(plan.runs())} runs", total=total)

        def show(config: TrainConfig, count: int) -> None:
            steps[(config.credit, config.reward, config.seed)] = min(count, config.budget)
            done = sum(value >= plan.base.budget for value in steps.values())
            progress.update(bar, completed=sum(steps.values()), description=f"{done}/{len(plan.runs())} runs")

        yield show


def _ignore(_config: TrainConfig, _count: int) -> None:
    """Show nothing."""

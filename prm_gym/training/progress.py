"""Progress of a comparison and of one run: a live table or bar on a terminal; elsewhere a line for every finished run, or for every evaluation."""

import sys
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from prm_gym.progress import SECONDS, Report, bars
from prm_gym.training.compare import Notice, Plan
from prm_gym.training.config import TrainConfig
from prm_gym.training.live_table import comparison_table
from prm_gym.training.metrics import Sink

REFRESH_SECONDS = 0.5


@contextmanager
def progress_of(plan: Plan, quiet: bool = False) -> Generator[Notice]:
    """Show how far the plan's runs are, on standard error.

    Args:
        plan: the comparison.
        quiet: show nothing.
    """
    if quiet:
        yield _ignore
        return
    if not sys.stderr.isatty():
        steps: dict[tuple[str, str, int], int] = {}
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
    from rich.console import Console
    from rich.live import Live

    began, shown, taken = time.monotonic(), 0.0, StepCount()
    with Live(comparison_table(plan, taken.steps, 0.0), console=Console(stderr=True), auto_refresh=False, transient=True) as live:

        def show(config: TrainConfig, count: int) -> None:
            nonlocal shown
            now = time.monotonic()
            taken.tell(config, count)
            if now - shown > REFRESH_SECONDS or count >= config.budget:
                shown = now
                live.update(comparison_table(plan, taken.steps, now - began, taken.before), refresh=True)

        yield show


class StepCount:
    """Environment steps of runs, and how many of them are older than the count.

    Attributes:
        steps: by credit, reward and seed of a run.
        before: those that runs had when they were first heard of: a run says where it stands before it takes a step, one that was finished its whole budget.
    """

    def __init__(self) -> None:
        """Begin at nothing."""
        self.steps: dict[tuple[str, str, int], int] = {}
        self.before = 0

    def tell(self, config: TrainConfig, count: int) -> None:
        """A run has taken so many steps by now."""
        key = (config.credit, config.reward, config.seed)
        if key not in self.steps:
            self.before += min(count, config.budget)
        self.steps[key] = count


def _ignore(_config: TrainConfig, _count: int) -> None:
    """Show nothing."""


class _Quiet(Sink):
    def record(self, figures: Mapping[str, float]) -> None:
        """Show nothing."""


class _Lines(Sink):
    """A line for every evaluation, and every ten seconds one that says how far the run is."""

    def __init__(self, config: TrainConfig) -> None:
        self.config, self.said = config, time.monotonic()

    def begin(self, batches: int) -> None:
        """Say what is to be done."""
        config = self.config
        shown = f"{config.demonstrations} demonstrations, " if config.demonstrations and not batches else ""
        self._say(f"{config.env_id}, {config.agent}: {shown}evaluation on {config.eval_tasks} held-out tasks, then {config.budget:,} environment steps")

    def notice(self, text: str) -> None:
        """Print it."""
        self._say(text)

    def record(self, figures: Mapping[str, float]) -> None:
        """Print it."""
        if "held_out_success" in figures:
            self._say(f"{int(figures['env_steps'])} steps: held-out success {figures['held_out_success']:.3f}")
        elif time.monotonic() - self.said > SECONDS:
            self._say(f"{int(figures['env_steps'])} steps: success {figures['success']:.3f} in batch {int(figures['batch'])}")

    def playing(self, what: str, steps: int) -> None:
        """Say that something goes on."""
        if time.monotonic() - self.said > SECONDS:
            self._say(f"{what}: {steps} steps so far")

    def _say(self, line: str) -> None:
        self.said = time.monotonic()
        print(line, file=sys.stderr, flush=True)


class _Bar(Sink):
    """A bar over the budget, with the last batch's and the last evaluation's success."""

    def __init__(self, report: Report, budget: int) -> None:
        self.report, self.budget = report, budget
        self.done = 0
        self.batch = self.held_out = "-"

    def begin(self, batches: int) -> None:
        """Show it."""
        self._show("beginning")

    def notice(self, text: str) -> None:
        """Print it above the bar."""
        print(text, file=sys.stderr, flush=True)

    def record(self, figures: Mapping[str, float]) -> None:
        """Move it."""
        if "held_out_success" in figures:
            self.held_out = f"{figures['held_out_success']:.3f}"
        else:
            self.batch = f"{figures['success']:.3f}"
        self.done = min(int(figures["env_steps"]), self.budget)
        self._show("learning")

    def playing(self, what: str, steps: int) -> None:
        """Say what goes on."""
        self._show(f"{what}, step {steps}")

    def _show(self, now: str) -> None:
        self.report("training", self.done, self.budget, f", success {self.batch}, held out {self.held_out}, {now}")


@contextmanager
def progress_of_run(config: TrainConfig, quiet: bool = False) -> Generator[Sink]:
    """Show how far one run is, on standard error.

    Args:
        config: of the run.
        quiet: show nothing.
    """
    if quiet:
        yield _Quiet()
    elif not sys.stderr.isatty():
        yield _Lines(config)
    else:
        with bars("steps") as report:
            yield _Bar(report, config.budget)

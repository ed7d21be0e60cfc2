"""What came out of a rollout so far, shown while it goes on: a table on a terminal; elsewhere a line every ten seconds."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from prm_gym.commands.tally import Tally
from prm_gym.progress import lines
from prm_gym.report.formatting import duration

if TYPE_CHECKING:
    from rich.table import Table


@contextmanager
def live_tally(tally: Tally, total: int, quiet: bool = False) -> Generator[Callable[[], None]]:
    """Show the tally on standard error whenever what comes back is called.

    Args:
        tally: is counted up elsewhere; what it holds already was played before.
        total: episodes in the end.
        quiet: show nothing.
    """
    began, held, steps = time.monotonic(), tally.episodes, tally.steps
    if quiet:
        yield _nothing
    elif not sys.stderr.isatty():
        say = lines("episodes")
        yield lambda: say("rollout", tally.episodes, total, f", {_success(tally)}")
    else:
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), refresh_per_second=4, transient=True) as live:
            yield lambda: live.update(tally_table(tally, total, time.monotonic() - began, held, steps))


def _nothing() -> None:
    """Show nothing."""


def tally_table(tally: Tally, total: int, seconds: float, held: int = 0, steps: int = 0) -> "Table":
    """The tally as a table: how far it is and how fast, success and reward so far, and the share of every verdict by verifier.

    Args:
        tally: so far.
        total: episodes in the end.
        seconds: since the beginning.
        held: episodes that were there before.
        steps: of these.
    """
    from rich.markup import escape
    from rich.table import Table

    played = tally.episodes - held
    left = duration(seconds * (total - tally.episodes) / played) if played else "-"
    rate = (tally.steps - steps) / seconds if seconds > 0 else 0.0
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("episodes", f"{tally.episodes:,} of {total:,}" + (f", {tally.invalid:,} spoilt" if tally.invalid else ""))
    table.add_row("steps", f"{tally.steps:,}, {rate:,.0f}/s")
    table.add_row("time", f"{duration(seconds)}, about {left} left")
    table.add_row("so far", _success(tally))
    by_verifier: dict[str, Counter[str]] = {}
    for name, count in tally.labels.items():
        verifier, _, label = name.rpartition(": ")
        by_verifier.setdefault(verifier, Counter())[label] += count
    for verifier, labels in sorted(by_verifier.items()):
        shares = ", ".join(f"{label} {count / labels.total():.0%}" for label, count in sorted(labels.items(), key=lambda item: (-item[1], item[0])))
        table.add_row(escape(verifier), escape(shares))
    return table


def _success(tally: Tally) -> str:
    """Success and reward of what was played, in words."""
    found = tally.record()
    success, reward = (found[name] for name in ("success", "mean_reward"))
    return f"success {'-' if success is None else f'{success:.3f}'}, mean reward {'-' if reward is None else f'{reward:.3f}'}"

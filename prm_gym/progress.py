"""Progress of long work on standard error: bars on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

SECONDS = 10.0  # between two lines


class Report(Protocol):
    """Is told how far the work is."""

    def __call__(self, what: str, done: int, total: int, note: str = "") -> None:
        """Show it.

        Args:
            what: the work, in a word or two; each has a bar of its own.
            done: units that are done.
            total: of all.
            note: what else is known now.
        """
        ...


@contextmanager
def progress(unit: str, quiet: bool = False) -> Generator[Report]:
    """Show how far the work inside is: a bar on a terminal; elsewhere a line every ten seconds, and one at the end.

    Args:
        unit: of what is counted, in the plural.
        quiet: show nothing.
    """
    if quiet:
        yield _ignore
    elif sys.stderr.isatty():
        with bars(unit) as show:
            yield show
    else:
        yield lines(unit)


@contextmanager
def bars(unit: str) -> Generator[Report]:
    """Show a bar for each work.

    Args:
        unit: of what is counted, in the plural.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit + "{task.fields[note]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), speed_estimate_period=120) as shown:
        known: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int, note: str = "") -> None:
            if what not in known:
                known[what] = shown.add_task(what, note="")
            shown.update(known[what], completed=done, total=total, note=note)

        yield show


def lines(unit: str) -> Report:
    """Print a line on standard error every ten seconds, and one at the end.

    Args:
        unit: of what is counted, in the plural.
    """
    began = said = time.monotonic()

    def say(what: str, done: int, total: int, note: str = "") -> None:
        nonlocal said
        now = time.monotonic()
        if now - said > SECONDS or done == total:
            said = now
            print(f"{what}: {done}/{total} {unit}{note} ({now - began:.0f} s)", file=sys.stderr, flush=True)

    return say


def _ignore(what: str, done: int, total: int, note: str = "") -> None:
    """Show nothing."""

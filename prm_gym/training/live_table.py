"""A comparison under way as a table: how far every combination is, and how its last batches went."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from prm_gym.report.formatting import duration
from prm_gym.training.compare import Plan

if TYPE_CHECKING:
    from rich.table import Table

Key = tuple[str, str, int]
"""Credit, reward and seed of a run."""
WIDTH = 20
_LAST_BYTES = 4096


class _Batch(msgspec.Struct):
    """What is read of a line of `metrics.jsonl`."""

    success: float | None = None


def comparison_table(plan: Plan, steps: Mapping[Key, int], seconds: float, before: int = 0) -> "Table":
    """A row a combination: finished seeds, how far the steps are, success in the last batch of every seed that trains; below, rate and time left.

    Args:
        plan: of the comparison.
        steps: environment steps by run, so far.
        seconds: since the beginning.
        before: environment steps that were there already.
    """
    from rich.markup import escape
    from rich.table import Table

    budget, seeds = plan.base.budget, len(plan.seeds)
    done = {key: min(count, budget) for key, count in steps.items()}
    table = Table(box=None, padding=(0, 2, 0, 0), caption_justify="left", header_style="dim")
    for heading, justify in (("credit", "left"), ("reward", "left"), ("seeds", "right"), ("steps", "left"), ("success in the last batch", "left")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]  # one of rich's words
    folders = {(config.credit, config.reward, config.seed): directory for config, directory in plan.runs()}
    for reward in plan.rewards:
        for credit in plan.credits:
            keys = [(credit, reward, seed) for seed in plan.seeds]
            share = sum(done.get(key, 0) for key in keys) / max(1, budget * seeds)
            finished = sum(done.get(key, 0) >= budget for key in keys)
            found = [value for key in keys if key in done and (value := last_success(folders[key] / "metrics.jsonl")) is not None]
            success = f"{np.mean(found):.3f} over {len(found)}" if found else "-"
            table.add_row(escape(credit), escape(reward), f"{finished}/{seeds}", f"{bar(share)} {share:4.0%}", success)
    total, taken = budget * len(folders), sum(done.values())
    rate = (taken - before) / seconds if seconds > 0 else 0.0
    left = duration((total - taken) / rate) if rate > 0 else "-"
    table.caption = f"{taken:,} of {total:,} steps, {rate:,.0f}/s, {duration(seconds)}, about {left} left"
    return table


def bar(share: float, width: int = WIDTH) -> str:
    """A bar of a share in [0, 1].

    >>> bar(0.5, 4)
    '━━──'
    """
    full = round(width * min(1.0, max(0.0, share)))
    return "━" * full + "─" * (width - full)


def last_success(path: Path) -> float | None:
    """Success in the last batch that a file of metrics holds; None where there is none yet."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _LAST_BYTES))
            whole = file.read().rpartition(b"\n")[0]
    except OSError:
        return None
    try:
        return msgspec.json.decode(whole.rpartition(b"\n")[2], type=_Batch).success
    except msgspec.DecodeError:  # nothing yet, or a line longer than what was read
        return None

"""The comparison as a table for the terminal, and as plain text for a log or a pipe."""

import io
from typing import Literal

from rich.box import Box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from prm_gym.report.comparison import Comparison, contrasts, summarise
from prm_gym.report.findings import findings
from prm_gym.report.formatting import MISSING, count, duration, ends, interval, share
from prm_gym.report.transfer import options_in_words, same_in_words

RULES = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
PLAIN_RULES = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)
"""Columns apart by space, one rule under the header and one between the trained and the fixed agents."""

COLUMNS: tuple[tuple[str, Literal["left", "right"]], ...] = (
    ("seeds", "right"), ("final success", "left"), ("area under curve", "left"), ("verifier calls", "right"), ("wall time", "right")
)  # fmt: skip


def comparison_table(comparison: Comparison) -> Table:
    """Final success, area under the curve, verifier calls and wall time of every combination; the fixed agents below a rule.

    Readable at 100 columns. Names are shown as they are: no console markup in them is obeyed.
    """
    table = Table(box=RULES, padding=0, title=Text(comparison.title), title_justify="left", caption_justify="left", pad_edge=False)
    table.caption = Text("mean over seeds [95% bootstrap interval]; of the fixed agents, over episodes")
    table.add_column("credit", overflow="fold")
    table.add_column("reward", overflow="fold")
    for heading, justify in COLUMNS:
        table.add_column(heading, justify=justify, no_wrap=True)
    cells = summarise(comparison)
    for cell in cells:
        figures = (interval(cell.final_success), interval(cell.auc), count(cell.verifier_calls), duration(cell.wall_seconds))
        table.add_row(Text(cell.credit), Text(cell.reward), str(len(cell.seeds)), *figures, end_section=cell is cells[-1])
    for reference in comparison.references:
        success = share(reference.success) + ("" if reference.low is None else " " + ends(reference.low, reference.high, ""))
        table.add_row(Text(reference.agent), Text(f"({reference.role})"), MISSING, success, MISSING, MISSING, MISSING, style="dim")
    return table


def transfer_table(comparison: Comparison) -> Table | None:
    """Success with other options of the environment beside that with the options of training; None where it was not measured."""
    table = Table(
        box=RULES, padding=0, title=Text("Evaluated with other options of the environment"), title_justify="left", caption_justify="left", pad_edge=False
    )
    table.caption = Text("same: pairs of episodes with one outcome and the same actions; spoilt: pairs that infrastructure has ended, left out")
    table.add_column("credit", overflow="fold")
    table.add_column("reward", overflow="fold")
    table.add_column("as in training", justify="right")
    table.add_column(Text(options_in_words(comparison.transfer_options)), overflow="fold")
    for heading in ("difference", "same", "spoilt"):
        table.add_column(heading, justify="right", no_wrap=True)
    measured = [(cell, cell.transfer) for cell in summarise(comparison) if cell.transfer is not None]
    for cell, moved in measured:
        figures = (share(moved.before), interval(moved.success), f"{moved.difference.mean:+.3f}", same_in_words(moved.same), count(moved.invalid))
        table.add_row(Text(cell.credit), Text(cell.reward), *figures, end_section=cell is measured[-1][0])
    for reference in comparison.references:
        if reference.transfer_success is not None and reference.transfer_difference is not None:
            before = reference.transfer_success - reference.transfer_difference
            figures = (share(before), share(reference.transfer_success), f"{reference.transfer_difference:+.3f}", same_in_words(reference.transfer_same or 0.0))
            table.add_row(Text(reference.agent), Text(f"({reference.role})"), *figures, count(reference.transfer_invalid), style="dim")
    return table if table.row_count else None


def plain_text(comparison: Comparison, width: int = 100) -> str:
    """The table and the findings as text without colours or control codes, for a log, a file or a pipe.

    Args:
        comparison: the results.
        width: columns to stay within.
    """
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        for table in _tables(comparison):
            table.box = PLAIN_RULES
            console.print(table)
            console.print()
        console.print(_findings(comparison))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table and the findings: with colours and rules on a terminal, as plain text elsewhere."""
    if not console.is_terminal:
        console.file.write(plain_text(comparison, width=max(console.width, 100)))
        return
    for table in _tables(comparison):
        console.print(table)
        console.print()
    console.print(_findings(comparison))


def _tables(comparison: Comparison) -> list[Table]:
    """The tables that there are."""
    moved = transfer_table(comparison)
    return [comparison_table(comparison)] + ([moved] if moved is not None else [])


def _findings(comparison: Comparison) -> Text:
    """The findings as one paragraph, with no markup obeyed."""
    return Text(" ".join(findings(comparison, summarise(comparison), contrasts(comparison))))

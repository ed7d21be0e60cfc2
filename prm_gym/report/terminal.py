"""The comparison as a table for the terminal, and as plain text for a log or a pipe."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.box import Box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from prm_gym.report.comparison import Comparison, contrasts, summarise
from prm_gym.report.findings import findings
from prm_gym.report.formatting import MISSING, count, duration, ends, interval, share
from prm_gym.report.name_lines import WITHIN_WORDS, lines, name_widths
from prm_gym.report.transfer import options_in_words, same_in_words

RULES = Box("    \n    \n ── \n    \n ── \n ── \n    \n    \n")
PLAIN_RULES = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)
"""Columns apart by space, one rule under the header and one between the trained and the fixed agents."""

READABLE = 100
"""Columns of a terminal or a log, where nothing says otherwise."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of figures, or of texts that are broken at their spaces.

    Attributes:
        heading: in one line; on a narrow terminal broken at its spaces.
        justify: on which side its cells stand.
    """

    heading: str
    justify: Literal["left", "right"] = "right"


@dataclass(frozen=True, slots=True)
class Row:
    """A row: what it is of, then its figures.

    Attributes:
        credit: assigner, or the fixed agent.
        reward: scheme, or the role of the fixed agent.
        figures: as text.
        fixed: whether it is of an agent that does not learn.
    """

    credit: str
    reward: str
    figures: tuple[str, ...]
    fixed: bool = False


COLUMNS = (Column("seeds"), Column("final success", "left"), Column("area under curve", "left"), Column("verifier calls"), Column("wall time"))


def comparison_table(comparison: Comparison, width: int = READABLE) -> Table:
    """Final success, area under the curve, verifier calls and wall time of every combination; the fixed agents below a rule.

    Names are shown as they are: no console markup in them is obeyed. They are broken before bars and options; where there is little room, intervals stand below
    their means.

    Args:
        comparison: the results.
        width: columns to stay within; from 80 on that can be done with the names of this package.
    """
    rows = [
        Row(cell.credit, cell.reward, (str(len(cell.seeds)), interval(cell.final_success), interval(cell.auc), count(cell.verifier_calls), wall))
        for cell in summarise(comparison)
        for wall in (duration(cell.wall_seconds),)
    ]
    for reference in comparison.references:
        success = share(reference.success) + ("" if reference.low is None else " " + ends(reference.low, reference.high, ""))
        rows.append(Row(reference.agent, f"({reference.role})", (MISSING, success, MISSING, MISSING, MISSING), fixed=True))
    caption = "mean over seeds [95% bootstrap interval]; of the fixed agents, over episodes"
    return _table(comparison.title, caption, COLUMNS, rows, width)


def transfer_table(comparison: Comparison, width: int = READABLE) -> Table | None:
    """Success with other options of the environment beside that with the options of training; None where it was not measured."""
    headings = ("as in training", options_in_words(comparison.transfer_options), "difference", "same", "spoilt")
    rows: list[Row] = []
    for cell in summarise(comparison):
        if (moved := cell.transfer) is not None:
            figures = (share(moved.before), interval(moved.success), f"{moved.difference.mean:+.3f}", same_in_words(moved.same), count(moved.invalid))
            rows.append(Row(cell.credit, cell.reward, figures))
    for reference in comparison.references:
        if reference.transfer_success is not None and reference.transfer_difference is not None:
            before = reference.transfer_success - reference.transfer_difference
            figures = (share(before), share(reference.transfer_success), f"{reference.transfer_difference:+.3f}", same_in_words(reference.transfer_same or 0.0))
            rows.append(Row(reference.agent, f"({reference.role})", (*figures, count(reference.transfer_invalid)), fixed=True))
    caption = "same: pairs of episodes with one outcome and the same actions; spoilt: pairs that infrastructure has ended, left out"
    columns = tuple(Column(heading, "left" if index == 1 else "right") for index, heading in enumerate(headings))
    return _table("Evaluated with other options of the environment", caption, columns, rows, width) if rows else None


def _table(title: str, caption: str, columns: Sequence[Column], rows: Sequence[Row], width: int) -> Table:
    """The table, in the widest form that fits: figures on one line, or intervals below their means; then names at the best places."""
    credits, rewards = ["credit", *(row.credit for row in rows)], ["reward", *(row.reward for row in rows)]
    for narrow, worst in ((False, WITHIN_WORDS - 1), (True, WITHIN_WORDS)):
        headings = [column.heading.replace(" ", "\n") if narrow else column.heading for column in columns]
        figures = [tuple(_below(figure) if narrow else figure for figure in row.figures) for row in rows]
        widths = [max(len(line) for text in texts for line in text.split("\n")) for texts in zip(headings, *figures, strict=True)]
        room = width - sum(widths) - len(widths) - 3  # a space between columns, and one on either side
        chosen = name_widths(credits, rewards, room, worst)
        if chosen is not None:
            break
    else:
        chosen = (max(room - room // 3, 1), max(room // 3, 1))
    table = Table(box=RULES, padding=0, title=Text(title), title_justify="left", caption_justify="left", pad_edge=False)
    table.caption = Text(caption)
    for heading in ("credit", "reward"):
        table.add_column(heading, overflow="fold")
    for column, heading, wide in zip(columns, headings, widths, strict=True):
        table.add_column(escape(heading), justify=column.justify, min_width=min(wide, width))
    for place, (row, figure) in enumerate(zip(rows, figures, strict=True)):
        names = Text(lines(row.credit, chosen[0])), Text(lines(row.reward, chosen[1]))
        last = not row.fixed and (place + 1 == len(rows) or rows[place + 1].fixed)
        table.add_row(*names, *(Text(text) for text in figure), end_section=last, style="dim" if row.fixed else None)
    return table


def _below(figure: str) -> str:
    """An interval, or the reason for having none, below its mean."""
    return figure.replace(" [", "\n[").replace(" (", "\n(")


def plain_text(comparison: Comparison, width: int = READABLE) -> str:
    """The table and the findings as text without colours or control codes, for a log, a file or a pipe.

    Args:
        comparison: the results.
        width: columns to stay within.
    """
    console = Console(file=io.StringIO(), width=width, force_terminal=False, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        for table in _tables(comparison, width):
            table.box = PLAIN_RULES
            console.print(table)
            console.print()
        console.print(_findings(comparison))
    return "\n".join(line.rstrip() for line in capture.get().splitlines()) + "\n"


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the table and the findings: with colours and rules on a terminal, as plain text elsewhere."""
    if not console.is_terminal:
        console.file.write(plain_text(comparison, width=max(console.width, READABLE)))
        return
    for table in _tables(comparison, console.width):
        console.print(table)
        console.print()
    console.print(_findings(comparison))


def _tables(comparison: Comparison, width: int) -> list[Table]:
    """The tables that there are."""
    moved = transfer_table(comparison, width)
    return [comparison_table(comparison, width)] + ([moved] if moved is not None else [])


def _findings(comparison: Comparison) -> Text:
    """The findings as one paragraph, with no markup obeyed."""
    return Text(" ".join(findings(comparison, summarise(comparison), contrasts(comparison))))

"""Sections and sortable tables of the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from prm_gym.report.markup import Html, element


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        heading: what the header says.
        kind: what its cells hold, which is their class in the style sheet: "text" (left), "number" (right) or "drawn" (centred).
        sortable: whether the script may sort by it.
    """

    heading: str
    kind: Literal["text", "number", "drawn"] = "text"
    sortable: bool = True


@dataclass(frozen=True, slots=True)
class Figure:
    """A cell of a table that sorts by a number.

    Attributes:
        text: what it shows.
        value: what it sorts by; None sorts last.
    """

    text: str
    value: float | None


def section(name: str, heading: str, *children: Html) -> Html:
    """A section with its heading."""
    return element("section", element("h2", heading, id=name), *children, aria_labelledby=name)


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[Html | Figure | str]],
    fixed: Sequence[Sequence[Html | Figure | str]] = (),
    show_caption: bool = False,
) -> Html:
    """A table whose rows the script can sort; the fixed ones stay below. Its frame scrolls on a narrow screen.

    Args:
        caption: what the table holds, for a screen reader and, with `show_caption`, for everyone.
        columns: from the left; the first cell of each row is the row's header.
        rows: cells by row.
        fixed: further rows, set apart and never sorted.
        show_caption: whether the caption is visible.
    """
    heads = [
        element("th", column.heading, scope="col", class_=None if column.kind == "text" else column.kind, data_sort="" if column.sortable else None)
        for column in columns
    ]
    foot = (element("tbody", *(_row(columns, row) for row in fixed), class_="fixed"),) if fixed else ()
    made = element(
        "table",
        element("caption", caption, class_=None if show_caption else "unseen"),
        element("thead", element("tr", *heads)),
        element("tbody", *(_row(columns, row) for row in rows)),
        *foot,
    )
    return element("div", made, class_="scroll", role="region", aria_label=caption, tabindex=0)


def _row(columns: Sequence[Column], cells: Sequence[Html | Figure | str]) -> Html:
    """One row; its first cell is its header."""
    made: list[Html] = []
    for index, (column, cell) in enumerate(zip(columns, cells, strict=True)):
        content = cell.text if isinstance(cell, Figure) else cell
        if index == 0:
            content = element("span", content, class_="named")
        made.append(
            element(
                "td" if index else "th", content, scope=None if index else "row", class_=None if column.kind == "text" else column.kind,
                data_value=cell.value if isinstance(cell, Figure) else None,
            )
        )  # fmt: skip
    return element("tr", *made)

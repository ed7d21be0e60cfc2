"""An evaluation as a page, as Markdown and as tables for the terminal."""

import math
import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.panels import panels
from prm_gym.prm.evaluation.result import Cell, Evaluation, Table
from prm_gym.report.formatting import MINUS, MISSING, count, counted, ends, share
from prm_gym.report.markup import Html, element, join
from prm_gym.report.shell import page_of
from prm_gym.report.statistics import Interval
from prm_gym.report.tables import Column, Figure, section, table
from prm_gym.report.terminal import PLAIN_RULES, RULES
from prm_gym.store import write_json, write_whole

UNDECIDED = {
    "miss": "a step without a score counts as a miss, and leaves its solution without one",
    "right": "a step without a score counts as no objection, and is passed over",
}
_WIDEST = 10_000  # columns that a table could have
_REASONS, _LONGEST_REASON = 3, 160
RESULT, PAGE, MARKDOWN = "evaluation.json", "report.html", "report.md"


def write_reports(evaluation: Evaluation, directory: Path) -> tuple[Path, ...]:
    """Write the result, the page and the Markdown; each old file stays whole until the new one is.

    Returns:
        The files.
    """
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / RESULT, evaluation)
    for name, text in ((PAGE, page(evaluation)), (MARKDOWN, markdown(evaluation))):
        write_whole(directory / name, text.encode(errors="replace"))
    return tuple(directory / name for name in (PAGE, MARKDOWN, RESULT))


def read_result(path: Path) -> Evaluation:
    """A stored evaluation.

    Raises:
        OptionError: the file holds none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except (OSError, msgspec.DecodeError) as error:
        raise OptionError(f"{path} holds no evaluation: {error}") from error


def cell_text(cell: Cell) -> str:
    """A cell as it is shown.

    >>> cell_text(0.25), cell_text(1200), cell_text(None), cell_text(Interval(0.5, 0.25, 0.75, 5))
    ('0.250', '1,200', '-', '0.500 [0.250, 0.750]')
    """
    match cell:
        case None:
            return MISSING
        case str():
            return cell
        case Interval():
            if math.isnan(cell.mean):
                return MISSING
            return share(cell.mean) + (f" {ends(cell.low, cell.high, '')}" if cell.low is not None else "")
        case int():
            return count(cell)
        case _:
            return MISSING if math.isnan(cell) else share(cell).replace("-", MINUS)


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print the tables; names and notes are shown as they are, with no markup in them obeyed."""
    console.print(Text(" ".join(summary(evaluation))), soft_wrap=not console.is_terminal)
    width = console.width
    for own in evaluation.tables:
        made = _rich(own, console, whole=True)
        needed = Measurement.get(console, console.options.update(max_width=_WIDEST), made).maximum
        console.print()
        if needed > width and console.is_terminal:
            made = _rich(own, console, whole=False)
        elif needed > width:  # a file or a pipe is as wide as what it holds
            console.width = needed
        console.print(made)
        console.width = width


def _rich(own: Table, console: Console, whole: bool) -> RichTable:
    """A table for the terminal; one that is not whole leaves out intervals and what is said in words, for a narrow terminal."""
    made = RichTable(
        box=RULES if console.is_terminal else PLAIN_RULES, padding=0, title=Text(own.title), title_justify="left", caption_justify="left", pad_edge=False
    )
    made.caption = Text(own.note)
    wordy = [any(isinstance(row.cells[place], str) for row in own.rows) for place in range(len(own.columns))]
    shown = [place for place in range(len(own.columns)) if place == 0 or whole or not wordy[place]]
    for place in shown:
        text = place == 0 or wordy[place]
        made.add_column(Text(own.columns[place]), justify="left" if text else "right", overflow="fold", no_wrap=whole and not text)
    for place, row in enumerate(own.rows):
        ends_part = place + 1 < len(own.rows) and row.kind == "verifier" != own.rows[place + 1].kind
        cells = [row.cells[at] for at in shown]
        texts = [cell_text(cell if whole or not isinstance(cell, Interval) else cell.mean) for cell in cells]
        made.add_row(*map(Text, texts), style="dim" if row.kind == "baseline" else None, end_section=ends_part)
    return made


def summary(evaluation: Evaluation) -> list[str]:
    """What was evaluated and how scores are read, in sentences."""
    what = [counted(evaluation.solutions, "solution") + f" of {counted(evaluation.steps, 'step')}"] if evaluation.solutions else []
    what += [counted(evaluation.pairs, "pair")] if evaluation.pairs else []
    said = [
        f"{evaluation.specification}, version {evaluation.version}, on {' and '.join(what)}.",
        f"A step below {evaluation.threshold:g} counts as wrong ({evaluation.threshold_from}); {UNDECIDED[evaluation.undecided]}.",
        f"The score of a solution is the {evaluation.aggregation} of its steps' ({evaluation.aggregation_from}).",
        *evaluation.notes,
    ]
    failed = sum(evaluation.failures.values())
    if failed:
        said.append(f"{counted(failed, 'verdict')} failed and were not kept: the same command asks for them again.")
    if evaluation.silences:
        most = list(evaluation.silences.items())[:_REASONS]
        said.append("Why there was no score, most often: " + "; ".join(f"{_short(reason)} ({counted(number, 'step')})" for reason, number in most) + ".")
    left_out = sum(len(source.left_out) for source in evaluation.sources)
    if left_out:
        said.append(f"{counted(left_out, 'row')} could not be read and were left out.")
    return said


def _short(reason: str) -> str:
    """A reason on one line, of a bounded length."""
    line = " ".join(reason.split()) or "no reason given"
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 4] + " ..."


def markdown(evaluation: Evaluation) -> str:
    """The evaluation in Markdown."""
    lines = [f"# {_plain(_title(evaluation))}", "", _plain(" ".join(summary(evaluation))), ""]
    for own in evaluation.tables:
        lines += [f"## {_plain(own.title)}", "", _row([column or " " for column in own.columns]), _row(["---", *("---:" for _ in own.columns[1:])])]
        lines += [_row([cell_text(cell) for cell in row.cells]) for row in own.rows]
        lines += ["", _plain(own.note), ""]
    lines += ["## How to reproduce", "", *(f"    {line}" for line in evaluation.command.splitlines()), ""]
    lines += [f"- {_plain(term)}: {_plain(text)}" for term, text in _facts(evaluation)]
    return "\n".join(lines) + "\n"


def page(evaluation: Evaluation) -> str:
    """The evaluation as a page."""
    line = join(
        element("span", evaluation.verifier), element("span", f"prm_gym {evaluation.library_version}"),
        element("time", re.sub(r"^([-\d]+)T([:\d]+)Z$", r"\1 \2 UTC", evaluation.created), datetime=evaluation.created),
    )  # fmt: skip
    header = element("header", element("h1", _title(evaluation)), element("p", line, class_="byline"))
    sections: list[Html] = []
    for name in dict.fromkeys(own.name for own in evaluation.tables):
        tables = [own for own in evaluation.tables if own.name == name]
        parts = [part for place, own in enumerate(tables) for part in _table(own, place > 0)]
        sections.append(section(name, tables[0].title, *parts))
    drawn = panels(evaluation.figures)
    if drawn:
        figures = [element("figure", element("figcaption", heading), drawing) for heading, drawing in drawn]
        said = "Of the verifier, on judged steps with a label. The area of a mark grows with how many steps or solutions it stands for."
        sections.insert(min(1, len(sections)), section("figures", "Figures", element("div", *figures, class_="panels"), element("p", said, class_="caption")))
    main = element("main", header, element("p", " ".join(summary(evaluation)), class_="summary"), *sections, _silences(evaluation), _reproduction(evaluation))
    return page_of(_title(evaluation), main, evaluation.library_version)


def _title(evaluation: Evaluation) -> str:
    return f"How good are the step scores of {evaluation.specification}?"


def _table(own: Table, captioned: bool) -> tuple[Html, Html]:
    kinds = [all(not isinstance(row.cells[place], str) for row in own.rows) for place in range(len(own.columns))]
    columns = [Column(heading, kind="number" if number else "text") for heading, number in zip(own.columns, kinds, strict=True)]
    rows = [[_figure(cell) for cell in row.cells] for row in own.rows if row.kind == "verifier"]
    fixed = [[_figure(cell) for cell in row.cells] for row in own.rows if row.kind == "baseline"]
    return table(own.title, columns, rows, fixed, show_caption=captioned), element("p", own.note, class_="caption")


def _figure(cell: Cell) -> Figure | str:
    text = cell_text(cell)
    if isinstance(cell, str):
        return text
    value = cell.mean if isinstance(cell, Interval) else cell
    return Figure(text, None if value is None or math.isnan(value) else float(value))


def _silences(evaluation: Evaluation) -> Html:
    """Why there was no score, the most frequent reasons."""
    rows = [(reason or "(no reason)", Figure(count(number), float(number))) for reason, number in evaluation.silences.items()]
    if not rows:
        return join()
    columns = (Column("Reason"), Column("Steps", kind="number"))
    left_out = [line for source in evaluation.sources for line in source.left_out][:20]
    rest = (element("p", "Rows that were left out:", class_="caption"), element("ul", *(element("li", line) for line in left_out))) if left_out else ()
    return section("silences", "Why there was no score", table("Most frequent reasons", columns, rows), *rest)


def _reproduction(evaluation: Evaluation) -> Html:
    terms = [element("div", element("dt", term), element("dd", text)) for term, text in _facts(evaluation)]
    command = element("pre", element("code", evaluation.command), tabindex=0, aria_label="Command")
    return section("reproduce", "How to reproduce", command, element("dl", *terms))


def _facts(evaluation: Evaluation) -> list[tuple[str, str]]:
    data = [
        f"{source.name} ({', '.join(source.layouts)}, {counted(source.rows, 'row')}{f', sha256 {source.sha256[:16]}' if source.sha256 else ''})"
        for source in evaluation.sources
    ]
    return [
        ("Verifier", f"{evaluation.specification}, id {evaluation.verifier}, version {evaluation.version}"),
        *((("Data" if place == 0 else ""), text) for place, text in enumerate(data)),
        ("Threshold", f"{evaluation.threshold:g}, {evaluation.threshold_from}"),
        ("Without a score", UNDECIDED[evaluation.undecided]),
        ("Aggregation", f"{evaluation.aggregation}, {evaluation.aggregation_from}"),
        ("Intervals", "95% percentile bootstrap over problems, seeded"),
        ("Asked in this run", f"{counted(evaluation.judged, 'step')}; {count(evaluation.kept)} were kept from before"),
        ("Versions", ", ".join([f"prm_gym {evaluation.library_version}", *(f"{name} {version}" for name, version in evaluation.versions.items())])),
        ("Written", evaluation.created),
    ]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def _plain(text: str) -> str:
    return text.replace("\n", " ").replace("<", "&lt;")

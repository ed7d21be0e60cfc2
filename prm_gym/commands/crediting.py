"""`credit`: assigners, the transforms and filters that stand around them, learned signals, and where columns come from."""

import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import tyro

_HEADINGS = {
    "credit assigner": "Credit assigners: --credit NAME, or one in a pipeline with bars between its parts",
    "batch transform": "Batch transforms: before the assigner, NAME|grpo",
    "trajectory filter": "Trajectory filters: before the assigner, NAME|grpo",
    "credit transform": "Credit transforms: after the assigner, grpo|NAME",
    "learned signal": "Learned signals: they fill the column of their name where an assigner needs it; options by --signal 'NAME?OPTION=VALUE'",
}


def credit(name: Annotated[tuple[str, ...], tyro.conf.Positional] = (), json: bool = False) -> None:
    """List the credit assigners, the transforms of pipelines and learned signals: how sure their formulas are, the columns they need, and their options.

    Options stand after a question mark, parts of a pipeline between bars: `posterior_gate|gigpo?gamma=0.9&step_weight=0.5|aem`. Named ones are shown with their
    equations and sources; a pipeline with its parts, and what their options are set to.

    Args:
        name: which, with options or as a pipeline where wanted; all of them unless given.
        json: print JSON.
    """
    from prm_gym.commands.credit_rows import listed_rows, row_of

    rows = [row_of(each) for each in name] if name else listed_rows(load_signals=json)
    if json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif name:
        print("\n\n".join(_pipeline(row) if row["kind"] == "pipeline" else _alone(row) for row in rows))
        _print_columns(rows)
    else:
        for kind, heading in _HEADINGS.items():
            _print_kind(heading, [row for row in rows if row["kind"] == kind])
        _print_columns(rows)
        said = (
            "In brackets: how sure the formula is; a reading is one that a source does not spell out. `prm-gym credit NAME` shows equation, source and options."
        )
        print("\n" + _indented(said, ""))


def _title(row: dict[str, Any]) -> str:
    """`salt  [medium, a reading]`; nothing in brackets where the docstring does not say how sure it is."""
    sure = ", ".join(part for part in (row.get("confidence") or "", "a reading" if row.get("reading") else "") if part)
    return f"{row['name']}  [{sure}]" if sure else row["name"]


def _alone(row: dict[str, Any]) -> str:
    """One of them: what its options are set to, then all that its docstring says; of a signal, its options with their meanings."""
    options: list[dict[str, Any]] = row["options"] or []
    changed = [_set(option) for option in options if "set" in option]
    lines = [_title(row), *([_indented(f"set: {', '.join(changed)}", "    ")] if changed else []), "", row["doc"] or row.get("reason", "")]
    if row["kind"] == "learned signal" and options:
        order = "A run fits it to a batch, then takes its column." if row["learns_first"] else "A run takes its column, then fits it to the batch."
        lines += ["", order, "", "Options:", *(_indented(f"{option['name']}={option['default']}: {option['meaning']}", "    ") for option in options)]
    return "\n".join(lines)


def _pipeline(row: dict[str, Any]) -> str:
    """The parts in their order, each with all its options as they are set."""
    lines = [f"{row['name']}", ""]
    for number, part in enumerate(row["parts"], 1):
        lines += [f"{number}. {_title(part)}, a {part['kind']}", _indented(part["summary"], "    ")]
        for field in ("needs", "uses", "makes"):
            if part[field]:
                lines.append(_indented(f"{field}: {', '.join(part[field])}", "    "))
        if part["options"]:
            lines.append(_indented(f"options: {', '.join(_set(option) for option in part['options'])}", "    "))
    needs = ", ".join(row["needs"]) or "no column beside rewards, outcomes and groups"
    names = " ".join(dict.fromkeys(part["name"] for part in row["parts"]))
    return "\n".join([*lines, "", _indented(f"Together they need {needs}. Equations and sources: prm-gym credit {names}", "")])


def _set(option: dict[str, Any]) -> str:
    """`gamma=0.9 (default 0.95)`, or `gamma=0.95`."""
    if "set" not in option or repr(option["set"]) == option["default"]:
        return f"{option['name']}={option['default']}"
    return f"{option['name']}={option['set']!r} (default {option['default']})"


def _print_kind(heading: str, rows: Sequence[dict[str, Any]]) -> None:
    print(f"{heading}\n")
    for row in rows:
        print(f"  {_title(row)}\n{_indented(row['summary'], '    ')}")
        for field in ("needs", "uses", "makes", "needed by"):
            if row.get(field):
                print(_indented(f"{field}: {', '.join(row[field])}", "    "))
        if row.get("options"):
            print(_indented(f"options: {', '.join(_set(option) for option in row['options'])}", "    "))
    print()


def _print_columns(rows: Sequence[dict[str, Any]]) -> None:
    """Where the columns that are needed come from, each once."""
    sources = sorted({source for row in rows for source in row["from"]})
    if sources:
        print("\nColumns that trajectories do not hold\n" + "".join(f"\n{_indented(source, '  ')}" for source in sources))


def _indented(text: str, indent: str) -> str:
    """The text behind an indent; in a terminal it is broken at its width, and what follows stands further in. Elsewhere it is one line, to be searched."""
    if not sys.stdout.isatty():
        return indent + text
    width = shutil.get_terminal_size().columns
    return textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False)

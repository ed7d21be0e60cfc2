"""`credit`: assigners, the transforms and filters that stand around them, and where their columns come from."""

import inspect
import shutil
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import tyro

if TYPE_CHECKING:
    from prm_gym.credit.stage import Stage

_HEADINGS = {
    "credit assigner": "Credit assigners: --credit NAME, or one in a pipeline with bars between its parts",
    "batch transform": "Batch transforms: before the assigner, NAME|grpo",
    "trajectory filter": "Trajectory filters: before the assigner, NAME|grpo",
    "credit transform": "Credit transforms: after the assigner, grpo|NAME",
}


def credit(name: Annotated[tuple[str, ...], tyro.conf.Positional] = (), json: bool = False) -> None:
    """List the credit assigners and the transforms of pipelines: how sure their formulas are, the columns they need, and their options.

    Options stand after a question mark, parts of a pipeline between bars: `posterior_gate|gigpo?gamma=0.9&step_weight=0.5|aem`. Named ones are shown with their
    equations and sources.

    Args:
        name: which; all of them unless given.
        json: print JSON.
    """
    from prm_gym.credit import ASSIGNERS, TRANSFORMS
    from prm_gym.errors import UnknownNameError

    registries: dict[str, Any] = {each: registry for registry in (ASSIGNERS, TRANSFORMS) for each in registry.names()}
    for each in name:
        if each not in registries:
            raise UnknownNameError("credit assigner or transform", each, registries)
    rows = [_row(each, registries[each].load(each)) for each in name or registries]  # no more than is asked for: a plug-in may be broken
    if json:
        print(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif name:
        print("\n\n".join(f"{_title(row)}\n\n{row['doc']}" for row in rows))
        _print_columns(rows)
    else:
        for kind, heading in _HEADINGS.items():
            _print_kind(heading, [row for row in rows if row["kind"] == kind])
        _print_columns(rows)
        print()
        print(
            _indented(
                "In brackets: how sure the formula is; a reading is one that a source does not spell out. `prm-gym credit NAME` shows equation and source.", ""
            )
        )


def _row(name: str, stage: "Stage") -> dict[str, Any]:
    from prm_gym.credit.columns import SOURCES

    return {
        "name": name,
        "kind": stage.kind,
        "summary": stage.summary,
        "confidence": stage.confidence,
        "reading": stage.is_reading,
        "needs": list(stage.needs),
        "uses": list(stage.uses),
        "makes": list(stage.makes),
        "from": [f"{column}: {SOURCES[column]}" for column in stage.needs if column in SOURCES],
        "options": [f"{option}={default!r}" for option, default in stage.options.items()],
        "doc": inspect.getdoc(stage) or "",
    }


def _title(row: dict[str, Any]) -> str:
    """`salt  [medium, a reading]`; nothing in brackets where the docstring does not say how sure it is."""
    sure = ", ".join(part for part in (row["confidence"] or "", "a reading" if row["reading"] else "") if part)
    return f"{row['name']}  [{sure}]" if sure else row["name"]


def _print_kind(heading: str, rows: Sequence[dict[str, Any]]) -> None:
    print(f"{heading}\n")
    for row in rows:
        print(f"  {_title(row)}\n{_indented(row['summary'], '    ')}")
        for field in ("needs", "uses", "makes", "options"):
            if row[field]:
                print(_indented(f"{field}: {', '.join(row[field])}", "    "))
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

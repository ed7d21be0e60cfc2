"""A page for every credit assigner, transform and learned signal: equation, source, needs, options, and what it makes of one small batch."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from prm_gym.commands.credit_rows import SIGNAL, listed_rows
from prm_gym.credit import StepBatch, assign, key_array
from prm_gym.errors import CreditError
from site_pages.writing import code, docstring, fenced, line, link, option_table, table

HEADINGS = {
    "credit assigner": "Assigners",
    "batch transform": "Transforms of the batch, before an assigner",
    "trajectory filter": "Filters of trajectories, before an assigner",
    "credit transform": "Transforms of the credit, behind an assigner",
    SIGNAL: "Learned signals",
}
FEW = 12
INTRODUCTION = """# Credit assigners

An assigner makes one advantage a step of a group of trajectories: `assign("gigpo?gamma=0.9", batch)`, `--credit gigpo`. Filters and transforms stand around it,
with bars between: `zero_variance|grpo|clip?limit=2`. [How to use them](../credit.md); [how to write one](../write_an_assigner.md).
*Sure* says how far the formula is that of its source; a *reading* is one that the source does not spell out.
"""


def pages() -> dict[str, str]:
    """The pages by their places in the site."""
    rows = listed_rows(load_signals=True)
    return {"assigners/index.md": _index(rows), **{f"assigners/{row['name']}.md": _page(row) for row in rows}}


def _index(rows: Sequence[dict[str, Any]]) -> str:
    text = INTRODUCTION
    for kind, heading in HEADINGS.items():
        own = [row for row in rows if row["kind"] == kind]
        cells = [(link(row["name"], f"{row['name']}.md"), line(row["summary"]), _sure(row), ", ".join(map(code, row.get("needs", ())))) for row in own]
        text += f"\n## {heading}\n\n{table(('name', 'what it says', 'sure', 'needs'), cells)}"
    return text


def _sure(row: dict[str, Any]) -> str:
    return ", ".join(part for part in (row.get("confidence") or "", "a reading" if row.get("reading") else "") if part)


def _page(row: dict[str, Any]) -> str:
    title = f"# {row['name']}{' (signal)' if row['kind'] == SIGNAL else ''}\n"
    about = [f"A {row['kind']}." + (f" How sure the formula is: {_sure(row)}." if _sure(row) else "")]
    about += [f"It {field} {', '.join(map(code, row[field]))}." for field in ("needs", "uses", "makes") if row.get(field)]
    if "learns_first" in row:
        about.append(
            "It learns from a batch before it says something of it." if row["learns_first"] else "It says something of a batch before it learns from it."
        )
    parts = [title, " ".join(about), docstring(row["doc"], leave_out=["Args"]) if row["doc"] else line(row.get("reason", ""))]
    parts += ["## Options\n", option_table((option["name"], option["default"], option["meaning"]) for option in row["options"] or ())]
    if row["from"]:
        parts.append("## Where its columns come from\n\n" + "\n".join(f"- {line(source)}" for source in row["from"]))
    return "\n\n".join([*parts, _tried(row)])


def _tried(row: dict[str, Any]) -> str:
    """What it makes of the example; nothing of a signal, which learns."""
    name = row["name"]
    if row["kind"] == SIGNAL:
        return ""
    spec = {"credit assigner": name, "credit transform": f"grpo|{name}"}.get(row["kind"], f"{name}|grpo")
    columns = list(dict.fromkeys((*row["needs"], *row["uses"])))
    batch = example(columns)
    try:
        credit = assign(spec, batch)
    except CreditError as error:
        return f"## Tried\n\nOf the batch of these pages it says: {line(str(error))}\n"
    owner = np.repeat(np.arange(batch.outcomes.size), np.diff(batch.offsets))
    shown = [each for each in columns if each in batch.columns]
    heads = ("attempt", "outcome", "reward", *shown, "advantage", "kept")
    body = [
        (
            f"{owner[i] + 1}",
            f"{batch.outcomes[owner[i]]:g}",
            f"{batch.rewards[i]:g}",
            *(_cell(each, i) for each in shown),
            f"{credit.advantages[i]:+.3f}",
            "yes" if credit.keep[i] else "no",
        )
        for i in range(batch.rewards.size)
    ]
    return (
        f'## Tried\n\n`assign("{spec}", batch)`, of four attempts at one task, made up, with the columns that it reads:\n\n'
        + table(heads, [[code(cell) if place >= 3 and place < 3 + len(shown) else cell for place, cell in enumerate(each)] for each in body])
        + (
            "\nDiagnostics:\n\n" + fenced("\n".join(f"{key}: {value:.4g}" for key, value in list(credit.diagnostics.items())[:FEW]))
            if credit.diagnostics
            else ""
        )
    )


_STATES = ("start", "a", "b", "start", "a", "c", "start", "d", "start", "a", "b", "e")
_NEXT = ("a", "b", "solved", "a", "c", "lost", "d", "lost", "a", "b", "e", "solved")
_COLUMNS: dict[str, Any] = {
    "state_key": key_array(_STATES),
    "next_state_key": key_array(_NEXT),
    "action_key": key_array(f"to {state}" for state in _NEXT),
    "belief_key": key_array(f"belief {state}" for state in _STATES),
    "belief_reward": [0.1, 0.2, 0.3, 0.1, 0.1, 0.0, 0.1, 0.0, 0.1, 0.2, 0.2, 0.3],
    "answer_key": key_array(["12"] * 3 + ["9"] * 3 + ["9"] * 2 + ["12"] * 4),
    "value": [0.5, 0.7, 0.8, 0.5, 0.7, 0.2, 0.5, 0.1, 0.5, 0.7, 0.8, 0.9],
    "bootstrap_value": [0.0] * 12,
    "score": [0.9, 0.8, 0.9, 0.9, 0.2, 0.1, 0.3, 0.2, 0.9, 0.8, 0.6, 0.9],
    "label": [1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 0, 1],
    "potential": [0.0, 0.25, 0.5, 0.0, 0.25, 0.25, 0.0, 0.0, 0.0, 0.25, 0.5, 0.5],
    "final_potential": [1.0] * 3 + [0.25] * 3 + [0.0] * 2 + [1.0] * 4,
    "mc_value": [0.5, 0.75, 0.875, 0.5, 0.75, 0.125, 0.5, 0.0, 0.5, 0.75, 0.875, 0.75],
    "bootstrap_mc_value": [0.0] * 12,
    "progress": [0.1, 0.4, 0.5, 0.1, 0.1, 0.0, 0.1, 0.0, 0.1, 0.4, 0.1, 0.4],
    "implicit_reward": [0.2, 0.3, 0.4, 0.2, -0.3, -0.4, -0.2, -0.3, 0.2, 0.3, -0.1, 0.4],
    "greedy_return": [1.0] * 12,
    "entropy": [0.9, 0.4, 0.2, 0.9, 0.4, 1.1, 0.9, 0.8, 0.9, 0.4, 0.2, 0.3],
    "logprob": [-0.5, -0.3, -0.2, -0.5, -1.6, -1.1, -2.3, -0.7, -0.5, -0.3, -1.2, -0.4],
    "ref_logprob": [-0.6, -0.5, -0.5, -0.6, -1.2, -0.9, -1.9, -0.7, -0.6, -0.5, -1.3, -0.6],
    "n_tokens": [5, 4, 3, 5, 6, 4, 8, 3, 5, 4, 9, 3],
    "parent": [-1] * 12,
}


def example(columns: Sequence[str]) -> StepBatch:
    """Four attempts at one task, two of which succeed; N = 12 steps, with these columns."""
    return StepBatch(
        rewards=np.array([0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1], dtype=np.float64),
        offsets=np.array([0, 3, 6, 8, 12]),
        group_ids=key_array(["task"] * 4),
        outcomes=np.array([1.0, 0.0, 0.0, 1.0]),
        truncated=np.zeros(4, dtype=np.bool_),
        columns={name: _COLUMNS[name] for name in columns if name in _COLUMNS},
    )


def _cell(column: str, place: int) -> str:
    value = _COLUMNS[column][place]
    return f"{value:g}" if isinstance(value, int | float) else _STATES[place] if column == "state_key" else str(_named(column, place))


def _named(column: str, place: int) -> str:
    """The text of a key."""
    names = {"next_state_key": _NEXT, "action_key": [f"to {each}" for each in _NEXT], "belief_key": [f"belief {each}" for each in _STATES]}
    return names[column][place] if column in names else ("12" if place < 3 or place > 7 else "9")

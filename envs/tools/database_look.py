"""What the tools of database environments answer: calls read, queries run in the sandbox, results as text."""

from collections.abc import Sequence
from typing import Any

import msgspec

from prm_gym.errors import EnvironmentFault, SandboxError
from prm_gym.sandbox.result import Rows
from prm_gym.sql import literal, run_queries
from prm_gym.task import content_key

MOST_SHOWN_ROWS, MOST_SHOWN_CELL, MOST_SHOWN = 20, 60, 4_000
MOST_HEADS = 200
QUERY_LENGTH = 8_000
QUERY: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": QUERY_LENGTH, "description": "One SELECT in SQLite's dialect."}
_TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY rowid"


class Look(msgspec.Struct, frozen=True):
    """What a call of a tool showed.

    Attributes:
        text: the answer, for the agent.
        error: why there is none; empty where there is one.
        reads: the database was read; a query of constants does not read it.
        cells: the texts that were shown.
        heads: what stands in the first column of all rows, as SQL writes it, in order, as long as there are at most 200 rows.
        key: same result, same key.
    """

    text: str = ""
    error: str = ""
    reads: bool = True
    cells: frozenset[str] = frozenset()
    heads: tuple[str, ...] = ()
    key: str = ""


def run(queries: Sequence[tuple[str, str]]) -> list[Rows]:
    """What queries give on databases.

    Raises:
        EnvironmentFault: the sandbox failed.
    """
    try:
        found = run_queries(queries)
    except SandboxError as error:
        raise EnvironmentFault(str(error)) from error
    if any(rows.status == "fault" for rows in found):
        raise EnvironmentFault("the sandbox failed")
    return found


def table_names(script: str) -> tuple[str, ...]:
    """The tables and views of a database, in the order in which they were made.

    Raises:
        EnvironmentFault: the sandbox failed.
    """
    (rows,) = run([(_TABLES, script)])
    return tuple(str(row[0]) for row in rows.rows)


def schema(script: str) -> str:
    """The statements that declare the tables of a database.

    Raises:
        EnvironmentFault: the sandbox failed.
    """
    (rows,) = run([("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL", script)])
    return "\n".join(str(row[0]) for row in rows.rows)


def look_at_table(table: str, script: str) -> Look:
    """How a table was declared, and how many rows it has."""
    quoted, counted = literal(table), table.replace('"', '""')
    declared, number = run([(f"SELECT sql FROM sqlite_master WHERE name = {quoted}", script), (f'SELECT count(*) FROM "{counted}"', script)])
    if declared.status != "ok" or not declared.rows or number.status != "ok":
        return Look(error=f"the table cannot be read: {declared.error or number.error}")
    text = str(declared.rows[0][0])
    return Look(text=cut(f"{text}\nRows: {number.rows[0][0]}"), key=content_key("table", table))


def look(query: str, script: str) -> Look:
    """What a query gives; the plan that SQLite makes for it tells whether it reads a table at all."""
    rows, plan = run([(query, script), (f"EXPLAIN {query}", script)])
    if rows.status != "ok":
        return Look(error=rows.error)
    reads = plan.status == "ok" and any(len(step) > 1 and step[1] in ("OpenRead", "VOpen") for step in plan.rows)
    cells = frozenset(value for row in rows.rows[:MOST_SHOWN_ROWS] for value in row if isinstance(value, str) and len(value) <= MOST_SHOWN_CELL)
    key = content_key("rows", str(len(rows.columns)), str(rows.truncated), *(literal(value) for row in rows.rows for value in row))
    heads = tuple(literal(row[0]) for row in rows.rows) if len(rows.rows) <= MOST_HEADS else ()
    return Look(text=shown(rows), reads=reads, cells=cells, heads=heads, key=key)


def shown(rows: Rows) -> str:
    """A result as text: the names of the columns, then rows of values as SQL writes them, cut and counted."""
    lines = [" | ".join(_short(name) for name in rows.columns)]
    lines += [" | ".join(_short(literal(value)) for value in row) for row in rows.rows[:MOST_SHOWN_ROWS]]
    count = f"more than {len(rows.rows):,}" if rows.truncated else f"{len(rows.rows):,}"
    left = f"; the first {MOST_SHOWN_ROWS} are shown" if len(rows.rows) > MOST_SHOWN_ROWS else ""
    return cut("\n".join([*lines, f"({count} row{'' if count == '1' else 's'}{left})"]))


def cut(text: str) -> str:
    """The text, cut with a mark where it is too long."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\n... cut here: {len(text) - MOST_SHOWN:,} characters are left out"


def _short(text: str) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= MOST_SHOWN_CELL else text[:MOST_SHOWN_CELL] + " ..."

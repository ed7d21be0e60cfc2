"""What the tools of database environments answer: calls read, queries run in the sandbox, results as text."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from prm_gym.errors import EnvironmentFault, SandboxError
from prm_gym.sandbox.result import Rows
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.sql import literal, run_queries
from prm_gym.task import content_key

MOST_SHOWN_ROWS, MOST_SHOWN_CELL, MOST_SHOWN = 20, 60, 4_000
MOST_HEADS = 200
QUERY_LENGTH = 8_000
DIALECTS: dict[Dialect, str] = {"sqlite": "SQLite", "duckdb": "DuckDB"}
# Name and declaration of tables and views, in the order in which they were made.
_TABLES: dict[Dialect, str] = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%' ORDER BY rowid",
    "duckdb": "SELECT table_name, sql FROM (SELECT table_name, sql, table_oid AS place FROM duckdb_tables() UNION ALL "
    "SELECT view_name, sql, view_oid FROM duckdb_views() WHERE NOT internal) ORDER BY place",
}
# In DuckDB's syntax trees.
_READ = re.compile(r'"type":"BASE_TABLE".*?"table_name":"((?:[^"\\]|\\.)*)"')
_DEFINED = re.compile(r'"key":"((?:[^"\\]|\\.)*)"')
_CATALOGUE = re.compile(r'"type":"SHOW_REF"|"function_name":"(?:duckdb|pragma)_')


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


def query_tool(dialect: Dialect) -> dict[str, Any]:
    """The schema of a query in a dialect."""
    return {"type": "string", "minLength": 1, "maxLength": QUERY_LENGTH, "description": f"One SELECT in {DIALECTS[dialect]}'s dialect."}


def run(queries: Sequence[tuple[str, str]], dialect: Dialect = "sqlite") -> list[Rows]:
    """What queries give on databases.

    Raises:
        EnvironmentFault: the sandbox failed.
    """
    try:
        found = run_queries(queries, dialect)
    except SandboxError as error:
        raise EnvironmentFault(str(error)) from error
    if any(rows.status == "fault" for rows in found):
        raise EnvironmentFault("the sandbox failed")
    return found


def table_names(script: str, dialect: Dialect = "sqlite") -> tuple[str, ...]:
    """The tables and views of a database, in the order in which they were made.

    Raises:
        EnvironmentFault: the sandbox failed.
    """
    (rows,) = run([(_TABLES[dialect], script)], dialect)
    return tuple(str(row[0]) for row in rows.rows)


def schema(script: str, dialect: Dialect = "sqlite") -> str:
    """The statements that declare the tables of a database.

    Raises:
        EnvironmentFault: the sandbox failed.
    """
    (rows,) = run([(_TABLES[dialect], script)], dialect)
    return "\n".join(str(row[1]) for row in rows.rows)


def look_at_table(table: str, script: str, dialect: Dialect = "sqlite") -> Look:
    """How a table was declared, and how many rows it has."""
    counted = table.replace('"', '""')
    declared, number = run([(_TABLES[dialect], script), (f'SELECT count(*) FROM "{counted}"', script)], dialect)
    text = next((str(row[1]) for row in declared.rows if row[0] == table), None)
    if text is None or number.status != "ok":
        return Look(error=f"the table cannot be read: {declared.error or number.error}")
    return Look(text=cut(f"{text}\nRows: {number.rows[0][0]}"), key=content_key("table", table))


def look(query: str, script: str, dialect: Dialect = "sqlite") -> Look:
    """What a query gives, and whether it reads a table at all: told by SQLite's plan for it, or by its syntax in DuckDB."""
    plan_query = f"EXPLAIN {query}" if dialect == "sqlite" else f"SELECT json_serialize_sql({literal(query)})"
    rows, plan = run([(query, script), (plan_query, script)], dialect)
    if rows.status != "ok":
        return Look(error=rows.error)
    reads = plan.status == "ok" and (_plan_reads(plan) if dialect == "sqlite" else _tree_reads(str(plan.rows[0][0])))
    cells = frozenset(value for row in rows.rows[:MOST_SHOWN_ROWS] for value in row if isinstance(value, str) and len(value) <= MOST_SHOWN_CELL)
    key = content_key("rows", str(len(rows.columns)), str(rows.truncated), *(literal(value) for row in rows.rows for value in row))
    heads = tuple(literal(row[0]) for row in rows.rows) if len(rows.rows) <= MOST_HEADS else ()
    return Look(text=shown(rows), reads=reads, cells=cells, heads=heads, key=key)


def _plan_reads(plan: Rows) -> bool:
    return any(len(step) > 1 and step[1] in ("OpenRead", "VOpen") for step in plan.rows)


def _tree_reads(tree: str) -> bool:
    """Whether a table is named that the query does not define itself, or a function that lists the catalogue."""
    defined = {name.casefold() for name in _DEFINED.findall(tree)}
    return _CATALOGUE.search(tree) is not None or any(name.casefold() not in defined for name in _READ.findall(tree))


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

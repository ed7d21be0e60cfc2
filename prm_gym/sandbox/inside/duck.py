"""A query on a DuckDB database in memory: a copy for every job, read by the query, cut off from files and the network. Runs inside the sandbox.

The database is opened before the walls stand, because opening it looks at the machine; every job has it to itself, because it is forked.
"""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
from encoding import encode

MEMORY_MB = 128
MAX_TEXT = 1_000  # of a value that is no number, text or blob
# In this order; the last one locks the others.
SETTINGS = (
    f"SET memory_limit = '{MEMORY_MB}MB'",
    "SET temp_directory = ''",
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET python_enable_replacements = false",
    "SET lock_configuration = true",
)
# What DuckDB looks up when it first needs it, and random numbers that are the same in every job.
FIRST = (
    "CREATE TABLE first (a INTEGER, b VARCHAR)",
    "INSERT INTO first VALUES (1, 'x')",
    "SELECT b, sum(a) FROM first GROUP BY b ORDER BY b",
    "DROP TABLE first",
    "SELECT setseed(0.5)",
)

Record = Callable[[list[Any]], None]


def connected() -> Any:
    """An empty database without a thread of its own, its settings locked."""
    try:
        connection = duckdb.connect(":memory:", config={"threads": 1, "async_threads": 0})
    except duckdb.Error:  # a version that has no such threads
        connection = duckdb.connect(":memory:", config={"threads": 1})
    for statement in (*SETTINGS, *FIRST):
        connection.execute(statement).fetchall()
    return connection


CONNECTION = connected()


def answer(task: dict[str, Any], record: Record) -> None:
    """Make the database, run the query, and write the records that `database.answer` writes."""
    try:
        CONNECTION.execute(task["script"])
    except (duckdb.Error, RuntimeError, ValueError) as error:
        record(["database", str(error)[:500]])
        return
    try:
        statements = duckdb.extract_statements(task["query"])
        if len(statements) != 1:
            record(["error", f"one statement is allowed, got {len(statements)}"])
            return
        if statements[0].type != duckdb.StatementType.SELECT:
            record(["error", "only SELECT is allowed"])
            return
        cursor = CONNECTION.execute(task["query"])
        record(["columns", [str(column[0])[:200] for column in cursor.description or ()]])
        for _ in range(task["max_rows"]):
            row = cursor.fetchone()
            if row is None:
                record(["end", False])
                return
            record(["row", [_plain(value) for value in row]])
        record(["end", cursor.fetchone() is not None])
    except (duckdb.Error, RuntimeError, ValueError) as error:
        said, _, _ = str(error).partition("\nTraceback")  # of a module that is not here
        record(["error", f"{type(error).__name__}: {said}"[:500]])


def _plain(value: Any) -> Any:
    """A value in SQLite's types: a number, a text, a blob or NULL."""
    if isinstance(value, Decimal):
        return encode(float(value))
    if isinstance(value, bool):
        return int(value)
    if value is None or isinstance(value, int | float | str | bytes):
        return encode(value)
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else str(value)[:MAX_TEXT]

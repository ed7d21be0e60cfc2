"""A query on a database in memory: a copy for every job, read by the query, written by nothing. Runs inside the sandbox.

The database is opened before the jobs are forked, and every job has it to itself.
"""

import contextlib
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from encoding import encode

MAX_LENGTH, MAX_SQL, MAX_COLUMNS, MAX_DEPTH, MAX_COMPOUND, MAX_OPS, MAX_PATTERN = 1_000_000, 100_000, 200, 200, 50, 1_000_000, 500
STEPS_BETWEEN_LOOKS = 20_000
# Functions that load code, read files, or tell one run from another.
FORBIDDEN = frozenset(
    {
        "load_extension",
        "readfile",
        "writefile",
        "edit",
        "fts3_tokenizer",
        "random",
        "randomblob",
        "current_date",
        "current_time",
        "current_timestamp",
        "zipfile",
        "sqlite_compileoption_get",
    }
)

Record = Callable[[list[Any]], None]


def connected() -> sqlite3.Connection:
    """An empty database."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA temp_store=MEMORY")  # great sorts would be written to files, and there are none
    with contextlib.suppress(sqlite3.Error):  # these tables are made known by a statement that no query may contain
        connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
    return connection


CONNECTION = connected()


def answer(task: dict[str, Any], record: Record) -> None:
    """Make the database, run the query, and write records: ["columns", names], ["row", values] ..., ["end", more] or ["error", message]."""
    connection = CONNECTION
    try:
        connection.executescript(task["script"])
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        record(["database", str(error)[:500]])
        return
    _confine(connection, task)
    try:
        cursor = connection.execute(task["query"])
        if cursor.description is None:
            record(["error", "the statement gives no rows: only queries are allowed"])
            return
        record(["columns", [str(column[0])[:200] for column in cursor.description]])
        for number, row in enumerate(cursor):
            if number == task["max_rows"]:
                record(["end", True])
                return
            record(["row", [encode(value) for value in row]])
        record(["end", False])
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
        record(["error", _said(error)])


def _said(error: Exception) -> str:
    """What went wrong; a refused statement is a plain DatabaseError, a refused function or table within a query is not."""
    if type(error) is sqlite3.DatabaseError and "authoriz" in str(error):
        return "only SELECT is allowed"
    if str(error) == "not authorized":
        return "a table or function in the query is not allowed"
    return f"{type(error).__name__}: {error}"[:500]


def _confine(connection: sqlite3.Connection, task: dict[str, Any]) -> None:
    for limit, value in (
        (sqlite3.SQLITE_LIMIT_LENGTH, MAX_LENGTH),
        (sqlite3.SQLITE_LIMIT_SQL_LENGTH, MAX_SQL),
        (sqlite3.SQLITE_LIMIT_COLUMN, MAX_COLUMNS),
        (sqlite3.SQLITE_LIMIT_EXPR_DEPTH, MAX_DEPTH),
        (sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, MAX_COMPOUND),
        (sqlite3.SQLITE_LIMIT_VDBE_OP, MAX_OPS),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, MAX_PATTERN),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 0),
    ):
        connection.setlimit(limit, value)
    for pragma in ("query_only=1", "trusted_schema=0", "hard_heap_limit=67108864", "cell_size_check=1"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    connection.set_authorizer(_allowed)
    deadline = time.monotonic() + task["seconds"]
    connection.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)


def _allowed(action: int, _: str | None, second: str | None, *__: str | None) -> int:
    if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in FORBIDDEN:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY

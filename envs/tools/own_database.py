"""A database in this process, for the queries of our own generators; what an agent writes never comes near it."""

import sqlite3
from decimal import Decimal
from typing import Any

from prm_gym.errors import MissingExtraError
from prm_gym.sandbox.result import Rows, Run
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.sql import difference

MOST_ROWS = 2_000
_RAN = Run(status="ok")


class OwnDatabase:
    """A database made by a script; results are remembered."""

    def __init__(self, script: str, dialect: Dialect = "sqlite") -> None:
        """Make it.

        Raises:
            MissingExtraError: the dialect is DuckDB's, which is not installed.
        """
        self.script = script
        self._connection, self._errors = (_duckdb if dialect == "duckdb" else _sqlite)(script)
        self._found: dict[str, Rows | None] = {}

    def __del__(self) -> None:
        """Close it; Python 3.13 warns of one that is left open."""
        self._connection.close()

    def add(self, script: str) -> None:
        """Run more of the script."""
        self.script = f"{self.script}\n{script}"
        self._connection.executescript(script)

    def rows(self, query: str) -> Rows | None:
        """What a query gives; None where it fails."""
        if query not in self._found:
            try:
                cursor = self._connection.execute(query)
                names = tuple(str(column[0]) for column in cursor.description)
                rows = tuple(tuple(float(value) if isinstance(value, Decimal) else value for value in row) for row in cursor.fetchmany(MOST_ROWS))
                self._found[query] = Rows(status="ok", columns=names, rows=rows, run=_RAN)
            except self._errors:
                self._found[query] = None
        return self._found[query]

    def filled(self, query: str) -> bool:
        """Whether it gives a row."""
        found = self.rows(query)
        return found is not None and bool(found.rows)

    def tells(self, query: str, gold: str, ordered: bool = False) -> bool:
        """Whether a query gives other rows than the right one, or fails."""
        right, found = self.rows(gold), self.rows(query)
        return right is None or found is None or difference(right, found, ordered) is not None


def _sqlite(script: str) -> tuple[Any, type[Exception]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(script)
    return connection, sqlite3.Error


def _duckdb(script: str) -> tuple[Any, type[Exception]]:
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtraError("duckdb", "duckdb") from error
    connection = duckdb.connect(":memory:", config={"threads": 1})
    connection.execute(script)
    return connection, duckdb.Error

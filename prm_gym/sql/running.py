"""Queries run in the sandbox, equal ones once, their results kept for a while."""

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

from prm_gym.errors import OptionError
from prm_gym.sandbox import Limits, Sandbox
from prm_gym.sandbox.result import Rows, Run
from prm_gym.sandbox.sandbox import Dialect

MOST_ROWS = 10_000
LIMITS = Limits(wall_seconds=5.0, memory_mb=256, output_bytes=4 << 20)
PATIENT = Limits(wall_seconds=10.0, memory_mb=256, output_bytes=4 << 20)
_KEPT = 512
_MOST_KEPT_ROWS = 2_000  # of one result


_TEXT = re.compile(r"'(?:[^']|'')*'")
_NOW = re.compile(r"""['"]\s*now\s*['"]""", re.IGNORECASE)
_DATES = re.compile(r"\b(?:date|time|datetime|julianday|unixepoch|strftime|timediff)\s*\(", re.IGNORECASE)
_DATES_OF_NOTHING = re.compile(r"\b(?:(?:date|time|datetime|julianday|unixepoch)\s*\(\s*\)|strftime\s*\(\s*''\s*\))", re.IGNORECASE)
_CLOCKS_OF_DUCKDB = re.compile(r"\b(?:(?:now|today|get_current_\w+|transaction_timestamp)\s*\(|current_(?:date|time|timestamp)\b)", re.IGNORECASE)
_CLOCK_ERROR = "the query reads the clock: it would not give the same again"


def reads_clock(query: str, dialect: Dialect = "sqlite") -> bool:
    """Whether a query asks for the day or the time, as far as its text tells.

    >>> reads_clock("SELECT date('now')"), reads_clock("SELECT date('2024-01-31') WHERE 'now' <> 'then'"), reads_clock("SELECT datetime()")
    (True, True, True)
    >>> reads_clock("SELECT state FROM t WHERE state = 'now'"), reads_clock("SELECT date(day) FROM t")
    (False, False)
    """
    bare = _TEXT.sub("''", query)
    if dialect == "duckdb":
        return _CLOCKS_OF_DUCKDB.search(bare) is not None
    return _DATES.search(bare) is not None and (_NOW.search(query) is not None or _DATES_OF_NOTHING.search(bare) is not None)


def run_queries(queries: Sequence[tuple[str, str]], dialect: Dialect = "sqlite", patient: bool = False) -> list[Rows]:
    """What each query gives on its database: at most MOST_ROWS rows, within five seconds.

    Results are deterministic, so that they are remembered; what a machine under load may spoil is not. A query that reads the clock is an error.

    Args:
        queries: query and script of the database, of each.
        dialect: of all of them.
        patient: they have ten seconds.

    Raises:
        MissingExtraError: the dialect is DuckDB's, which is not installed.
        SandboxError: no sandbox can be had here.
    """
    return _shared(dialect).run(queries, PATIENT if patient else LIMITS)


class _Queries:
    """A sandbox and the results that it gave lately, in one dialect; safe in threads."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect: Dialect = dialect
        self._sandbox = Sandbox()
        self._found: OrderedDict[tuple[str, str], Rows] = OrderedDict()
        self._lock = threading.Lock()

    def run(self, queries: Sequence[tuple[str, str]], limits: Limits) -> list[Rows]:
        found = {pair: _failed(_CLOCK_ERROR) for pair in queries if reads_clock(pair[0], self._dialect)}
        with self._lock:
            for pair in queries:
                if pair in self._found:
                    self._found.move_to_end(pair)
                    found[pair] = self._found[pair]
        pending = [pair for pair in dict.fromkeys(queries) if pair not in found]
        for pair, rows in zip(pending, self._run(pending, limits), strict=True):
            found[pair] = rows
            if rows.status in ("ok", "error") and len(rows.rows) <= _MOST_KEPT_ROWS:
                with self._lock:
                    self._found[pair] = rows
                    if len(self._found) > _KEPT:
                        self._found.popitem(last=False)
        return [found[pair] for pair in queries]

    def _run(self, pending: Sequence[tuple[str, str]], limits: Limits) -> list[Rows]:
        if not pending:
            return []
        try:
            return self._sandbox.sql_all(pending, limits=limits, max_rows=MOST_ROWS, dialect=self._dialect)
        except OptionError as error:  # one of them is longer than is read
            if len(pending) == 1:
                return [_failed(str(error))]
            return [self._run([pair], limits)[0] for pair in pending]


def _failed(error: str) -> Rows:
    return Rows(status="error", error=error, run=Run(status="exception", error=error))


@lru_cache(maxsize=2)
def _shared(dialect: Dialect) -> _Queries:
    return _Queries(dialect)

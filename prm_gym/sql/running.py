"""Queries run in the sandbox, equal ones once, their results kept for a while."""

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


def run_queries(queries: Sequence[tuple[str, str]], dialect: Dialect = "sqlite", patient: bool = False) -> list[Rows]:
    """What each query gives on its database: at most MOST_ROWS rows, within five seconds.

    Results are deterministic, so that they are remembered; what a machine under load may spoil is not.

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
        found: dict[tuple[str, str], Rows] = {}
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
                return [Rows(status="error", error=str(error), run=Run(status="exception", error=str(error)))]
            return [self._run([pair], limits)[0] for pair in pending]


@lru_cache(maxsize=2)
def _shared(dialect: Dialect) -> _Queries:
    return _Queries(dialect)

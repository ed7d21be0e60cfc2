"""Queries: run in the sandbox, their results compared, on one database or a suite of them.

difference(gold_rows, rows)          # None, or what differs
judge([Trial(query, gold, (database, *variants))])   # right, wrong, or not to be told
"""

from prm_gym.sql.comparison import Difference, difference, same_conclusion
from prm_gym.sql.running import MOST_ROWS, run_queries
from prm_gym.sql.script import literal, table_script
from prm_gym.sql.ties import BACKWARDS
from prm_gym.sql.trial import Finding, Trial, judge, left_open

__all__ = [
    "BACKWARDS",
    "MOST_ROWS",
    "Difference",
    "Finding",
    "Trial",
    "difference",
    "judge",
    "left_open",
    "literal",
    "run_queries",
    "same_conclusion",
    "table_script",
]

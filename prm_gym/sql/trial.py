"""A query beside the right one, on several databases.

One database does not tell a right query from a lucky one: `SELECT 'Anna'` is right where Anna is the answer. So both run on databases with the same tables
and other rows, and the query is right when it gives the right rows on every one.

Source: test-suite accuracy, Zhong, Yu, Klein 2020 (arXiv 2010.02840), "Semantic Evaluation for Text-to-SQL with Distilled Test Suites".
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym.claims import Json
from prm_gym.sandbox.result import Rows
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.sql.comparison import difference
from prm_gym.sql.running import MOST_ROWS, run_queries

Outcome: TypeAlias = Literal["right", "wrong", "failed", "undecided", "fault"]


class Trial(msgspec.Struct, frozen=True):
    """A query to be judged.

    Attributes:
        query: what was written.
        gold: a query that gives the right rows.
        databases: scripts, at least one.
        ordered: the order of the rows counts.
        dialect: what runs them.
    """

    query: str
    gold: str
    databases: tuple[str, ...]
    ordered: bool = False
    dialect: Dialect = "sqlite"


class Finding(msgspec.Struct, frozen=True):
    """What came of it.

    Attributes:
        outcome: "right" (the right rows on every database), "wrong" (other rows on one), "failed" (an error, or beyond the limits, on one), "undecided" (the
            gold query gives nothing to compare with), "fault" (the sandbox failed).
        reason: one sentence for a person.
        evidence: JSON values: the database's number, from 0 on, and what differs there.
    """

    outcome: Outcome
    reason: str
    evidence: dict[str, Json] = {}


def judge(trials: Sequence[Trial]) -> list[Finding]:
    """One finding a trial, in order: the first database of all of them at once, then the others of those that are right there.

    Args:
        trials: to be judged.

    Raises:
        SandboxError: no sandbox can be had here.
        MissingExtraError: a trial is in DuckDB's dialect, which is not installed.
    """
    dialects = get_args(Dialect)
    found = {
        place: Finding("undecided", f"a dialect is one of {', '.join(dialects)}, got {trial.dialect!r}")
        for place, trial in enumerate(trials)
        if trial.dialect not in dialects
    }
    filled: set[int] = set()  # trials whose right result had a row
    for first in (True, False):
        places = [place for place in range(len(trials)) if place not in found]
        chosen = [(place, number) for place in places for number in range(len(trials[place].databases)) if (number == 0) is first]
        for (place, number), (gold, rows) in zip(chosen, _results(trials, chosen), strict=True):
            finding = _compared(gold, rows, trials[place].ordered)
            if gold.rows:
                filled.add(place)
            if finding is not None and place not in found:
                found[place] = Finding(finding.outcome, _placed(finding.reason, number), {"database": number, **finding.evidence})
    return [found.get(place) or _right(trial, place in filled) for place, trial in enumerate(trials)]


def _results(trials: Sequence[Trial], chosen: Sequence[tuple[int, int]]) -> list[tuple[Rows, Rows]]:
    """What the right query and the other one give, for each trial and number of a database."""
    found: dict[tuple[int, int], tuple[Rows, Rows]] = {}
    for dialect in get_args(Dialect):
        own = [(place, number) for place, number in chosen if trials[place].dialect == dialect]
        pairs = [(text, trials[place].databases[number]) for place, number in own for text in (trials[place].gold, trials[place].query)]
        results = run_queries(pairs, dialect) if own else []
        slow = [place for place in range(0, len(pairs), 2) if results[place].status == "timeout"]
        again = run_queries([pairs[place] for place in slow], dialect, patient=True) if slow else []
        golds = {**dict(enumerate(results)), **dict(zip(slow, again, strict=True))}
        found.update((key, (golds[2 * place], results[2 * place + 1])) for place, key in enumerate(own))
    return [found[key] for key in chosen]


def _right(trial: Trial, filled: bool) -> Finding:
    if not filled:
        return Finding("undecided", "the right result is empty on every database: any query that finds nothing would pass")
    count = len(trial.databases)
    return Finding("right", "the right rows" if count == 1 else f"the right rows on {count} databases", {"databases": count})


def _placed(reason: str, number: int) -> str:
    return reason if number == 0 else f"on another database with the same tables, {reason}"


def _compared(gold: Rows, rows: Rows, ordered: bool) -> Finding | None:
    """What is to be said of one database; None where the result is right."""
    if "fault" in (gold.status, rows.status):
        return Finding("fault", "the sandbox failed")
    if gold.status != "ok":
        return Finding("undecided", f"the gold query cannot be run: {gold.error}")
    if gold.truncated:
        return Finding("undecided", f"the gold query gives more than {MOST_ROWS:,} rows")
    if rows.status != "ok":
        return Finding("failed", f"the query fails: {rows.error}", {"error": rows.error, "status": rows.status})
    if rows.truncated:
        return Finding("wrong", f"the result has more than {MOST_ROWS:,} rows instead of {len(gold.rows):,}", {"expected_rows": len(gold.rows)})
    found = difference(gold, rows, ordered)
    return None if found is None else Finding("wrong", found.reason, found.evidence)

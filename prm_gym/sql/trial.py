"""A query beside the right one, on several databases.

One database does not tell a right query from a lucky one: `SELECT 'Anna'` is right where Anna is the answer. So both run on databases with the same tables
and other rows, and the query is right when it gives the right rows on every one. Where the right query leaves something open, as the order of rows of one
rank, whatever it may give is right (SQLite only; see `ties`).

Source: test-suite accuracy, Zhong, Yu, Klein 2020 (arXiv 2010.02840), "Semantic Evaluation for Text-to-SQL with Distilled Test Suites".
"""

import re
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym.claims import Json
from prm_gym.sandbox.result import Rows
from prm_gym.sandbox.sandbox import Dialect
from prm_gym.sql.comparison import difference
from prm_gym.sql.running import MOST_ROWS, run_queries
from prm_gym.sql.ties import BACKWARDS, Order, Ranks, fits, ranked_query, ranks, read_order, turned

_MAY_BE_OPEN = re.compile(r"\b(?:order|limit|group)\b", re.IGNORECASE)

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
            gold query gives nothing to compare with, or leaves open what it gives), "fault" (the sandbox failed).
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
        results = _results(trials, chosen)
        findings = [_compared(gold, rows, trials[place].ordered) for (place, _), (gold, rows) in zip(chosen, results, strict=True)]
        for (place, number), (gold, _), finding in zip(chosen, results, _reconsidered(trials, chosen, results, findings), strict=True):
            if gold.rows:
                filled.add(place)
            if finding is not None and place not in found:
                found[place] = Finding(finding.outcome, _placed(finding.reason, number), {"database": number, **finding.evidence})
    return [found.get(place) or _right(trial, place in filled) for place, trial in enumerate(trials)]


def left_open(trials: Sequence[Trial]) -> list[list[bool]]:
    """Whether what the right query gives depends on the order in which rows are read, by more than rows of one rank; for each database of each trial.

    Args:
        trials: in SQLite's dialect.

    Raises:
        SandboxError: no sandbox can be had here.
    """
    keys = [(trial, database) for trial in trials for database in trial.databases]
    golds = run_queries([(trial.gold, database) for trial, database in keys])
    others = iter(_other_results([(trial.gold, database, gold) for (trial, database), gold in zip(keys, golds, strict=True)]))
    found = iter([_is_open(trial, gold, *next(others)) for (trial, _), gold in zip(keys, golds, strict=True)])
    return [[next(found) for _ in trial.databases] for trial in trials]


def _reconsidered(
    trials: Sequence[Trial], chosen: Sequence[tuple[int, int]], results: Sequence[tuple[Rows, Rows]], findings: Sequence[Finding | None]
) -> list[Finding | None]:
    """The findings, those once more where the right query leaves open which rows it gives, or in which order."""
    found = list(findings)
    again = [
        i
        for i, (place, _) in enumerate(chosen)
        if (finding := findings[i]) is not None and finding.outcome == "wrong" and _may_be_right(trials[place], *results[i])
    ]
    keys = [(trials[chosen[i][0]], trials[chosen[i][0]].databases[chosen[i][1]], results[i][0]) for i in again]
    others = _other_results([(trial.gold, database, gold) for trial, database, gold in keys])
    for i, (trial, _, gold), (given, right) in zip(again, keys, others, strict=True):
        if right is not None and fits(right, results[i][1], trial.ordered):
            found[i] = None
        elif _is_open(trial, gold, given, right):
            found[i] = Finding("undecided", "what the right query gives depends on the order in which it reads the rows")
    return found


def _may_be_right(trial: Trial, gold: Rows, rows: Rows) -> bool:
    """Whether other rows than those of the right query could be right too: as many, where no LIMIT takes some of them."""
    if trial.dialect != "sqlite" or not _MAY_BE_OPEN.search(trial.gold) or len(gold.columns) != len(rows.columns):
        return False
    return len(gold.rows) == len(rows.rows) or "limit" in trial.gold.casefold()


def _other_results(golds: Sequence[tuple[str, str, Rows]]) -> list[tuple[list[Rows], Ranks | None]]:
    """What right queries may give as well, where rows are read in another order, and the ranks of what they give; of each query, database and result."""
    pairs: dict[int, list[tuple[str, str]]] = {}
    ranked: dict[int, tuple[Order, tuple[int, ...]]] = {}
    for place, (query, database, gold) in enumerate(golds):
        if gold.status != "ok" or gold.truncated or not _MAY_BE_OPEN.search(query):
            continue
        pairs[place] = [(text, f"{BACKWARDS}{database}") for text in turned(query)]
        order = read_order(query)
        written = None if order is None else ranked_query(order, gold.columns)
        if order is not None and written is not None:
            pairs[place].insert(0, (written[0], database))
            ranked[place] = order, written[1]
    results = iter(run_queries([pair for own in pairs.values() for pair in own]))
    given = {place: [next(results) for _ in own] for place, own in pairs.items()}
    return [
        (given.get(place, [])[place in ranked :], ranks(gold, given[place][0], *ranked[place]) if place in ranked else None)
        for place, (_, _, gold) in enumerate(golds)
    ]


def _is_open(trial: Trial, gold: Rows, others: Sequence[Rows], right: Ranks | None) -> bool:
    given = [rows for rows in others if rows.status == "ok"]
    return any(difference(gold, rows, trial.ordered) is not None if right is None else not fits(right, rows, trial.ordered) for rows in given)


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

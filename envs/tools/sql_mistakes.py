"""Queries that are nearly right: one edit of the right one away, as people and models write them.

Source: the neighbours of a query by which Zhong, Yu, Klein 2020 (arXiv 2010.02840) distil test suites.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from prm_gym.sandbox.sandbox import Dialect


class Edit(NamedTuple):
    """A change of a query.

    Attributes:
        start: of the text that is changed.
        end: of it.
        text: what stands there instead.
    """

    start: int
    end: int
    text: str


_COMPARED = r"(?:(?:COUNT|SUM)\([\w.*]+\)|[\w.]+) (?:=|<>|>=|>|<=|<) (?=['\d]|\(SELECT)"  # a term and what it is compared with
_OPPOSITE = {"=": "<>", "<>": "=", ">=": "<", "<": ">=", ">": "<=", "<=": ">"}

# What is found, and what stands there instead. Some make a query longer and some shorter, see `styled`.
_CHANGES: tuple[tuple[str, str], ...] = (
    (r" >= ", " > "),
    (r" > ", " >= "),
    (r" <= ", " < "),
    (r" < ", " <= "),
    (r" <> ", " = "),
    (r" DESC\b", " ASC"),
    (r" ASC\b", " DESC"),
    (r"\bSELECT DISTINCT ", "SELECT "),
    (rf"\b(WHERE|AND|OR|HAVING) (?={_COMPARED})", r"\1 NOT "),
    (rf"\b(WHERE|AND|OR|HAVING) NOT (?={_COMPARED})", r"\1 "),
    (r"^SELECT (?=\w+\.(?!id\b)\w+(?:, \w+\.(?!id\b)\w+)* FROM (?!.* (?:GROUP BY|EXCEPT)))", "SELECT DISTINCT "),
    (r"\b(AVG|SUM)\((?=[\w.]+\))", r"\1(DISTINCT "),
    (r" BETWEEN ", " NOT BETWEEN "),
    (r"(?<= ON )(\w+)\.id = (\w+)\.\w+_id\b", r"\1.id = \2.id"),
    (r"\bLEFT JOIN\b", "JOIN"),
    (r"\bCOUNT\(DISTINCT ([\w.]+)\)", r"COUNT(\1)"),
    (r"\bCOUNT\((?!DISTINCT)[\w.]+\)", "COUNT(*)"),
    (r"\bAVG\(", "SUM("),
    (r"\bSUM\(", "AVG("),
    (r"\bSUM\(", "COUNT("),
    (r"\bMIN\(", "MAX("),
    (r"\bMAX\(", "MIN("),
    (r"\bCOALESCE\((.*?), 0\)", r"\1"),
    (r"\bIS NOT NULL\b", "IS NULL"),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r"\bNOT EXISTS\b", "EXISTS"),
    (r"\bNOT IN\b", "IN"),
    (r"\bINTERSECT\b", "UNION"),
    (r"\bEXCEPT\b", "INTERSECT"),
    (r"\bEXCEPT\b", "UNION"),
    (r"\bRANK\(\)", "ROW_NUMBER()"),
    (r"\bPARTITION BY [\w.]+ ", ""),
    (r" \* 100\.0 ", " * 100 "),
    (r"(?<=\d)-01-01'", "-02-01'"),
    (r" OR ", " AND "),
    (r" AND (?!'\d{4}-\d\d-\d\d' AND|'\d{4}-\d\d-\d\d' GROUP)(?![^']*'\s*$)", " OR "),
    (r"(?<=WHERE )(?:NOT )?[\w.]+ (?:=|<>|>=|>|<=|<) (?:'[^']*'|\d+) AND ", ""),
    (r" AND (?:NOT )?[\w.]+ (?:=|<>|>=|>|<=|<|IS NOT) (?:'[^']*'|\d+|NULL)(?= ORDER| GROUP|$)", ""),
    (r" WHERE (?:NOT )?[\w.]+ (?:=|<>|>=|>|<=|<|IS) (?:'[^']*'|\d+|NULL)(?= ORDER| GROUP|\)|$)", ""),
    (r"(?<= AND )'(\d{4})-(\d\d)-\d\d'", r"'\1-\2-01'"),
    (r", [\w.]+ (?:ASC|DESC)(?= LIMIT|$)", ""),
    (r" ORDER BY [\w., ]+?(?= LIMIT|$)", ""),
    (r"(?<=SELECT )([\w.]+), ([\w.]+)(?= FROM|,)", r"\2, \1"),
    (r"(?<=SELECT )([\w.]+), ((?:COUNT|SUM|AVG)\([\w.* ]+\))", r"\2, \1"),
)
_CONDITION = re.compile(r" WHERE (?:NOT )?[\w.]+ (?:(?:=|<>|>=|>|<=|<) (?:'[^']*'|\d+)|BETWEEN '[^']*' AND '[^']*'|IS NULL)")
_LITERAL = re.compile(r"'[^']*'|\d+")
_NUMBER = re.compile(r"(?<=LIMIT )\d+|(?<=> )\d+|(?<=>= )\d+|(?<=< )\d+|(?<=<= )\d+")


def edits(query: str, replacements: Sequence[tuple[str, str]] = (), nullable: Sequence[str] = (), dialect: Dialect = "sqlite") -> list[Edit]:
    """The edits of a query.

    Args:
        query: the right one.
        replacements: constants, each with another one.
        nullable: columns with unknown values that the query does not name.
        dialect: DuckDB divides whole numbers exactly, so that 100 for 100.0 is no mistake there.
    """
    found: list[Edit] = []
    for pattern, text in _CHANGES:
        found += [Edit(match.start(), match.end(), match.expand(text)) for match in re.finditer(pattern, query)]
    found += [Edit(match.start(), match.end(), str(int(match[0]) + 1)) for match in _NUMBER.finditer(query)]
    for old, new in replacements:
        found += [Edit(match.start(), match.end(), f"'{new}'") for match in re.finditer(re.escape(f"'{old}'"), query)]
    condition, group = _CONDITION.search(query), re.search(r" GROUP BY [\w.]+(?= |$)", query)
    for column in nullable:
        found += [Edit(match.start(), match.end(), f"COUNT({column})") for match in re.finditer(r"\bCOUNT\((?!DISTINCT)[\w.*]+\)", query)]
        if condition is not None:
            found.append(Edit(condition.end(), condition.end(), f" AND {column} IS NOT NULL"))
        if group is not None and f" {column.split('.')[0]}.id" not in group[0]:
            found.append(Edit(group.end(), group.end(), f", {column}"))
        if group is not None and " WHERE " not in query:
            found.append(Edit(group.start(), group.start(), f" WHERE {column} IS NOT NULL"))
    same = " * 100 " if dialect == "duckdb" else None
    return [edit for edit in dict.fromkeys(found) if edit.text not in (query[edit.start : edit.end], same)]


def styled(query: str, rng: np.random.Generator) -> str:
    """The query with about half of its comparisons written in another way, a > 5 as NOT a <= 5, so that the mistakes are as often shorter as longer.

    Args:
        query: to be written.
        rng: draws which comparisons.
    """

    def written(match: re.Match[str]) -> str:
        before, term, sign = match.groups()
        return match[0] if rng.random() < 0.5 else f"{before} NOT {term} {_OPPOSITE[sign]} "

    if rng.random() < 0.5:
        query = re.sub(r"([\w.]+) BETWEEN ('[^']*') AND ('[^']*')", r"\1 >= \2 AND \1 <= \3", query)
    return re.sub(r"\b(WHERE|AND|OR|HAVING) ((?:COUNT|SUM)\([\w.*]+\)|[\w.]+) (=|<>|>=|>|<=|<) (?=['\d]|\(SELECT)", written, query)


def spells_alike(query: str, edit: Edit) -> bool:
    """Whether an edit leaves the numbers and texts of a query as they are, which can be looked up in the question."""
    changed = edited(query, [edit])
    return _LITERAL.findall(query) == _LITERAL.findall(changed)


def edited(query: str, changes: Sequence[Edit]) -> str:
    """The query with edits that do not overlap."""
    for edit in sorted(changes, reverse=True):
        query = query[: edit.start] + edit.text + query[edit.end :]
    return query


def apart(changes: Sequence[Edit]) -> bool:
    """Whether no two of the edits overlap or touch."""
    places = sorted(changes)
    return all(one.end < other.start for one, other in pairwise(places))

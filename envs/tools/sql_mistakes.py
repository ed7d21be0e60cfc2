"""Queries that are nearly right: one edit of the right one away, as people and models write them.

Source: the neighbours of a query by which Zhong, Yu, Klein 2020 (arXiv 2010.02840) distil test suites.
"""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


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


# What is found, and what stands there instead.
_CHANGES: tuple[tuple[str, str], ...] = (
    (r" >= ", " > "),
    (r" > ", " >= "),
    (r" <= ", " < "),
    (r" < ", " <= "),
    (r" <> ", " = "),
    (r" DESC\b", " ASC"),
    (r" ASC\b", " DESC"),
    (r"\bSELECT DISTINCT ", "SELECT "),
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
    (r"\bROW_NUMBER\(\)", "RANK()"),
    (r"\bRANK\(\)", "ROW_NUMBER()"),
    (r"\bPARTITION BY [\w.]+ ", ""),
    (r" \* 100\.0 ", " * 100 "),
    (r"(?<=\d)-01-01'", "-02-01'"),
    (r" OR ", " AND "),
    (r" AND (?!'\d{4}-\d\d-\d\d' AND|'\d{4}-\d\d-\d\d' GROUP)(?![^']*'\s*$)", " OR "),
    (r"(?<=WHERE )[\w.]+ (?:=|<>|>=|>|<=|<) (?:'[^']*'|\d+) AND ", ""),
    (r" AND [\w.]+ (?:=|<>|>=|>|<=|<|IS NOT) (?:'[^']*'|\d+|NULL)(?= ORDER| GROUP|$)", ""),
    (r" WHERE [\w.]+ (?:=|<>|>=|>|<=|<|IS) (?:'[^']*'|\d+|NULL)(?= ORDER| GROUP|\)|$)", ""),
    (r"(?<= AND )'(\d{4})-(\d\d)-\d\d'", r"'\1-\2-01'"),
    (r"(?<=SELECT )([\w.]+), ([\w.]+)(?= FROM|,)", r"\2, \1"),
    (r"(?<=SELECT )([\w.]+), ((?:COUNT|SUM|AVG)\([\w.*]+\))", r"\2, \1"),
)
_NUMBER = re.compile(r"(?<=LIMIT )\d+|(?<=> )\d+|(?<=>= )\d+|(?<=< )\d+|(?<=<= )\d+")


def edits(query: str, replacements: Sequence[tuple[str, str]] = ()) -> list[Edit]:
    """The edits of a query.

    Args:
        query: the right one.
        replacements: constants, each with another one.
    """
    found: list[Edit] = []
    for pattern, text in _CHANGES:
        found += [Edit(match.start(), match.end(), match.expand(text)) for match in re.finditer(pattern, query)]
    found += [Edit(match.start(), match.end(), str(int(match[0]) + 1)) for match in _NUMBER.finditer(query)]
    for old, new in replacements:
        found += [Edit(match.start(), match.end(), f"'{new}'") for match in re.finditer(re.escape(f"'{old}'"), query)]
    return list(dict.fromkeys(found))


def edited(query: str, changes: Sequence[Edit]) -> str:
    """The query with edits that do not overlap."""
    for edit in sorted(changes, reverse=True):
        query = query[: edit.start] + edit.text + query[edit.end :]
    return query


def apart(changes: Sequence[Edit]) -> bool:
    """Whether no two of the edits overlap or touch."""
    places = sorted(changes)
    return all(one.end < other.start for one, other in pairwise(places))

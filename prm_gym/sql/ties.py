"""What an ORDER BY or LIMIT leaves open: rows of one rank, which two right queries may give in different orders, or of which they may give different ones.

SELECT name FROM people ORDER BY height DESC LIMIT 2      of three of the greatest height any two are right

The terms of the ORDER BY are added to the columns, and the LIMIT is left out; then rows in a row that have equal terms are of one rank.
"""

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import groupby, pairwise

import msgspec

from prm_gym.claims import Json
from prm_gym.sandbox.result import Rows
from prm_gym.sql.comparison import row_keys

BACKWARDS = "PRAGMA reverse_unordered_selects = 1;\n"  # before a script: rows come in another order wherever none is asked for

_TOKEN = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|--[^\n]*|/\*.*?(?:\*/|\Z)|\w+|[^\w\s]", re.DOTALL)
_DIRECTION = re.compile(r"(?:\s+(?:ASC|DESC))?(?:\s+NULLS\s+(?:FIRST|LAST))?\s*$", re.IGNORECASE)
_COMPOUND = frozenset(("UNION", "INTERSECT", "EXCEPT"))


class Order(msgspec.Struct, frozen=True):
    """How a query ends.

    Attributes:
        body: the query without its LIMIT.
        columns_end: where its list of columns ends in the body; None where no column can be added.
        terms: of the ORDER BY, without their directions.
        first: rows that are left out at the beginning.
        most: rows that are given; None for all.
    """

    body: str
    columns_end: int | None
    terms: tuple[str, ...]
    first: int
    most: int | None


class Ranks(msgspec.Struct, frozen=True):
    """The rows of a query without its LIMIT, in order.

    Attributes:
        rows: all of them.
        ends: where each rank ends.
        first: the first row that the query gives.
        last: one after the last.
    """

    rows: tuple[tuple[Json, ...], ...]
    ends: tuple[int, ...]
    first: int
    last: int


def read_order(query: str) -> Order | None:
    """The ORDER BY and LIMIT of a query, outside of strings and parentheses; None where it has neither, or they cannot be read.

    >>> read_order("SELECT a FROM t ORDER BY b DESC, 1 LIMIT 5").terms
    ('b', '1')
    """
    query = _TOKEN.sub(lambda match: " " if match[0].startswith(("--", "/*")) else match[0], query)
    outer, depth = list[tuple[str, int]](), 0
    for match in _TOKEN.finditer(query):
        depth -= match[0] == ")"
        if depth == 0:
            outer.append((match[0].upper(), match.start()))
        depth += match[0] == "("
    words = [word for word, _ in outer]
    if "SELECT" not in words or not {"ORDER", "LIMIT"} & set(words):
        return None
    limit = words.index("LIMIT") if "LIMIT" in words else len(words)
    order = next((place for place in range(limit) if words[place : place + 2] == ["ORDER", "BY"]), limit)
    bounds = _bounds(words[limit + 1 :])
    if bounds is None or "COLLATE" in words[order:limit]:
        return None
    commas = [outer[place][1] for place in range(order + 2, limit) if words[place] == ","]
    end = outer[limit][1] if limit < len(outer) else len(query)
    starts = [outer[order + 1][1] + 2, *(place + 1 for place in commas)] if order < limit else []
    terms = tuple(_DIRECTION.sub("", query[start:stop].strip()) for start, stop in zip(starts, [*commas, end], strict=False))
    source = words.index("FROM") if "FROM" in words[:order] and not _COMPOUND & set(words) else None
    return Order(query[:end], None if source is None else outer[source][1], terms, *bounds)


def turned(query: str) -> tuple[str, ...]:
    """The query, twice if it holds a nested ORDER BY with a LIMIT: of rows of one rank it takes the one with the smaller first column, and the greater.

    >>> turned("SELECT (SELECT a FROM t ORDER BY b LIMIT 1)")[0]
    'SELECT (SELECT a FROM t ORDER BY b , 1 ASC LIMIT 1)'
    """
    ordered, limits = [False], list[int]()
    for match in _TOKEN.finditer(query):
        word = match[0].upper()
        if word == "(":
            ordered.append(False)
        elif word == ")":
            ordered = ordered[:-1] or [False]
        elif word == "ORDER":
            ordered[-1] = True
        elif word == "LIMIT" and ordered[-1] and len(ordered) > 1:
            limits.append(match.start())
    if not limits:
        return (query,)
    parts = [query[start:end] for start, end in pairwise([0, *limits, len(query)])]
    return tuple(f", 1 {direction} ".join(parts) for direction in ("ASC", "DESC"))


def _bounds(words: Sequence[str]) -> tuple[int, int | None] | None:
    """The numbers of a LIMIT: rows left out, and rows given."""
    numbers = [int(word) for word in words if word.isdecimal() and len(word) < 10]
    others = [word for word in words if not word.isdecimal()]
    if not words:
        return 0, None
    if len(numbers) == 1 and not others:
        return 0, numbers[0]
    if len(numbers) == 2 and others in (["OFFSET"], [","]):
        return (numbers[1], numbers[0]) if others == ["OFFSET"] else (numbers[0], numbers[1])
    return None


def ranked_query(order: Order, names: Sequence[str]) -> tuple[str, tuple[int, ...]] | None:
    """The query with the terms of its ORDER BY among its columns, and where they stand; None where that cannot be written.

    Args:
        order: of the query.
        names: of its columns.
    """
    own = [name.casefold() for name in names]
    added: list[str] = []
    places: list[int] = []
    for term in order.terms:
        name = term.strip('"`[]').casefold()
        if term.isdecimal():
            places.append(int(term) - 1)
        elif name in own:
            places.append(own.index(name))
        elif order.columns_end is None:
            return None
        else:
            places.append(len(own) + len(added))
            added.append(term)
    if not added:
        return order.body, tuple(places)
    return f"{order.body[: order.columns_end]}, {', '.join(added)} {order.body[order.columns_end :]}", tuple(places)


def ranks(gold: Rows, ranked: Rows, order: Order, places: Sequence[int]) -> Ranks | None:
    """The ranks of the rows that a query gives; None where they are not to be had.

    Args:
        gold: what the query gives.
        ranked: what its ranked query gives.
        order: of the query.
        places: of the terms in the columns of `ranked`.
    """
    width = len(gold.columns)
    if ranked.status != "ok" or ranked.truncated or any(place >= len(ranked.columns) for place in places):
        return None
    ends: list[int] = []
    for _, group in groupby(ranked.rows, key=lambda row: [row[place] for place in places]):
        ends.append((ends[-1] if ends else 0) + sum(1 for _ in group))
    rows = tuple(row[:width] for row in ranked.rows)
    last = len(rows) if order.most is None else min(order.first + order.most, len(rows))
    found = Ranks(rows, tuple(ends), min(order.first, last), last)
    return found if fits(found, gold, ordered=bool(order.terms)) else None


def fits(right: Ranks, found: Rows, ordered: bool) -> bool:
    """Whether a result is one of those that the right query may give.

    Args:
        right: rows and their ranks.
        found: the result.
        ordered: the order of the ranks counts.
    """
    if len(found.rows) != right.last - right.first or (right.rows and found.rows and len(right.rows[0]) != len(found.columns)):
        return False
    expected, came = row_keys(right.rows, found.rows)
    needed, allowed = Counter[Hashable](), Counter[Hashable]()
    start = 0
    for end in right.ends:
        low, high = max(start, right.first), min(end, right.last)
        if low < high:
            rank = Counter[Hashable](expected[start:end])
            if ordered and Counter[Hashable](came[low - right.first : high - right.first]) - rank:
                return False
            allowed += rank
            needed += rank if (low, high) == (start, end) else Counter()
        start = end
    own = Counter[Hashable](came)
    return not (own - allowed or needed - own)

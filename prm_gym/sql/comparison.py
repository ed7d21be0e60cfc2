"""Whether two results of queries are the same: bags of rows, or lists where the order counts."""

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TypeAlias, cast

import msgspec

from prm_gym.claims import Json
from prm_gym.sandbox.result import Rows

TOLERANCE = 1e-9  # relative
_NOTHING = 1e-13  # what rounding leaves of a sum that is 0
_SHOWN = 200
_LONGEST_WHOLE = 64  # digits
_EXACT = 1 << 53  # from here on not every whole number is a float

_Row: TypeAlias = tuple[Json, ...]
_Key: TypeAlias = tuple[Hashable, ...]


class Difference(msgspec.Struct, frozen=True):
    """Why a result is not the right one.

    Attributes:
        reason: one sentence for a person.
        evidence: JSON values: numbers of rows and columns, the first row that is missing and the first that should not be there.
    """

    reason: str
    evidence: dict[str, Json]


def difference(gold: Rows, found: Rows, ordered: bool = False) -> Difference | None:
    """What differs between the right result and another one; None where they are the same.

    Rows count as often as they stand there. Their order counts only where it is asked for; then equal rows may not change places with others. The order of the
    columns counts, their names do not. NULL is equal to NULL alone. A number is equal to a number of the same value, 1 to 1.0, because SQLite gives the one
    or the other by affinity; where one of them is a float they may differ by 1e-9 of the greater one, and by 1e-13 in any case, so that what rounding leaves of
    a sum is 0. A text is no number ("1" is not 1) and no blob, and capital letters and spaces count.

    Args:
        gold: a complete result.
        found: likewise.
        ordered: the order of the rows counts.
    """
    counts: dict[str, Json] = {"rows": len(found.rows), "expected_rows": len(gold.rows)}
    if len(gold.columns) != len(found.columns):
        return Difference(
            f"the result has {_number(len(found.columns), 'column')} instead of {len(gold.columns)}",
            {"columns": len(found.columns), "expected_columns": len(gold.columns), **counts},
        )
    if gold.rows == found.rows:  # Python takes 1 and 1.0 for equal, as we do
        return None
    expected, came = row_keys(gold.rows, found.rows)
    if ordered and len(expected) == len(came):
        for place, (one, other) in enumerate(zip(expected, came, strict=True)):
            if one != other:
                rows: dict[str, Json] = {"row": place + 1, "found": _shown(found.rows[place]), "expected": _shown(gold.rows[place])}
                same_bag = Counter(expected) == Counter(came)
                return Difference(f"row {place + 1} is another one" + (": the rows are right, and their order is not" if same_bag else ""), {**counts, **rows})
        return None
    missing, extra = Counter(expected), Counter(came)
    missing.subtract(Counter(came))
    extra.subtract(Counter(expected))
    lost = next((row for row, key in zip(gold.rows, expected, strict=True) if missing[key] > 0), None)
    added = next((row for row, key in zip(found.rows, came, strict=True) if extra[key] > 0), None)
    if lost is None and added is None:
        return None
    evidence = dict(counts)
    if lost is not None:
        evidence["missing"] = _shown(lost)
    if added is not None:
        evidence["unexpected"] = _shown(added)
    if len(gold.rows) != len(found.rows):
        return Difference(f"the result has {_number(len(found.rows), 'row')} instead of {len(gold.rows)}", evidence)
    return Difference(f"{_number(sum(count for count in missing.values() if count > 0), 'row')} of {len(gold.rows)} differ", evidence)


def row_keys(one: Sequence[_Row], other: Sequence[_Row]) -> tuple[list[_Key], list[_Key]]:
    """The rows of both results, of as many columns, such that equal rows are equal: numbers within the tolerance of each other get the same place."""
    columns = zip(*one, *other, strict=True)
    keyed = list(zip(*[_column(cast("Sequence[Json]", column)) for column in columns], strict=True))
    return keyed[: len(one)], keyed[len(one) :]


def _column(encoded: Sequence[Json]) -> list[Hashable]:
    values = [_great(value) for value in encoded]
    numbers = sorted({value for value in values if isinstance(value, int | float)})
    places: dict[int | float, int] = {}
    place, last, whole = 0, None, False
    for number in numbers:
        near = last is not None and math.isclose(number, last, rel_tol=TOLERANCE, abs_tol=_NOTHING)
        is_whole = isinstance(number, int) or (number.is_integer() and abs(number) < _EXACT)
        if not near or (is_whole and whole):  # one whole number is never another one
            place, whole = place + 1, False
        whole = whole or is_whole
        places[number], last = place, number
    return [_cell(value, places) for value in values]


def _great(value: Json) -> Json:
    """A whole number beyond 64 bits, which is encoded, as a number; other values as they are."""
    body = value.get("int") if isinstance(value, dict) else None
    return int(body, 16) if isinstance(body, str) and len(body) <= _LONGEST_WHOLE else value


def _cell(value: Json, places: dict[int | float, int]) -> Hashable:
    if isinstance(value, int | float):
        return places[value]
    if isinstance(value, dict):  # a blob or an infinity, encoded
        return ("tagged", repr(sorted(value.items())))
    return ("text", value) if isinstance(value, str) else None


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _shown(row: _Row) -> list[Json]:
    """The row for a person: texts and blobs cut."""
    return [value[:_SHOWN] + " ..." if isinstance(value, str) and len(value) > _SHOWN else _blob(value) for value in row[:50]]


def _blob(value: Json) -> Json:
    if isinstance(value, dict):
        return {tag: str(body)[:_SHOWN] for tag, body in value.items()}
    return value


def same_conclusion(values: Sequence[Json], gold: Sequence[Json], tolerance: float) -> bool:
    """Whether two lists of values say the same.

    Args:
        values: texts are compared without regard to case and outer spaces.
        gold: likewise.
        tolerance: numbers may differ by it, absolutely or relative to the greater one; taken as 0 where it is negative, infinite or no number.
    """
    allowed = tolerance if 0.0 <= tolerance < math.inf else 0.0
    return len(values) == len(gold) and all(_same_value(one, other, allowed) for one, other in zip(values, gold, strict=True))


def _same_value(one: Json, other: Json, tolerance: float) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.strip().casefold() == other.strip().casefold()
    if isinstance(one, bool) or isinstance(other, bool) or not (isinstance(one, int | float) and isinstance(other, int | float)):
        return one is None and other is None
    try:
        return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    except OverflowError:  # a whole number beyond the floats
        return one == other

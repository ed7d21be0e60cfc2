"""Values of programs on the host: encoded as JSON, compared strictly, never evaluated."""

import json
import math
from decimal import Decimal
from typing import Any, cast

from prm_gym.claims import Json
from prm_gym.sandbox.inside.encoding import TooLarge, decode, encode

__all__ = ["TooLarge", "decode", "encode", "same", "shown"]

MAX_SHOWN = 200
MAX_DECODED = 4_000  # bytes of JSON


def same(left: Json, right: Json, tolerance: float = 0.0) -> bool:
    """Whether two encoded values are equal in type and value: `True` is not 1, 1.0 is not 1, a tuple is no list, and nan, inf and objects equal nothing.

    What `encode` takes for its plain value equals that: a `Counter`, `defaultdict` or `OrderedDict` its dict, a named tuple its tuple, a scalar of numpy
    Python's own. A generator, an array and what is of a class of the program's own are objects. Dictionaries and sets are equal in any order, decimals as
    numbers (1.0 is 1.00; in sets and keys as they are written).

    Args:
        left: an encoded value.
        right: likewise.
        tolerance: floats are equal when they differ by at most this, absolutely or relative to the greater one. Not within sets and keys.
    """
    if type(left) is not type(right):
        return False
    if isinstance(left, float) and isinstance(right, float):
        return left == right or (tolerance > 0 and math.isclose(left, right, rel_tol=tolerance, abs_tol=tolerance))
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(same(one, other, tolerance) for one, other in zip(left, right, strict=True))
    if isinstance(left, dict) and isinstance(right, dict):
        return _same_tagged(left, right, tolerance)
    return left == right


def _same_tagged(left: dict[str, Json], right: dict[str, Json], tolerance: float) -> bool:
    if len(left) != 1 or left.keys() != right.keys():
        return False
    ((tag, one),) = left.items()
    other = right[tag]
    if tag in ("float", "object"):
        return False
    if tag == "decimal" and isinstance(one, str) and isinstance(other, str) and max(len(one), len(other)) < 1000:
        return one == other or _is_one_number(one, other)
    if tag in ("set", "frozenset"):
        return same(one, other)
    if tag != "dict":
        return same(one, other, tolerance)
    return _same_entries(one, other, tolerance)


def _is_one_number(one: str, other: str) -> bool:
    try:
        return Decimal(one) == Decimal(other)
    except ArithmeticError:
        return False


def _same_entries(one: Json, other: Json, tolerance: float) -> bool:
    """Whether two lists of [key, value] are one dictionary, in whatever order."""
    if not (isinstance(one, list) and isinstance(other, list) and len(one) == len(other)):
        return False
    found: dict[str, Any] = {}
    for entry in other:
        if not (isinstance(entry, list) and len(entry) == 2):
            return False
        found[repr(entry[0])] = entry[1]
    missing = object()
    for entry in one:
        if not (isinstance(entry, list) and len(entry) == 2):
            return False
        partner = found.pop(repr(entry[0]), missing)
        if partner is missing or not same(entry[0], entry[0]) or not same(entry[1], cast("Json", partner), tolerance):
            return False
    return True


def shown(data: Json) -> str:
    """An encoded value as a person writes it, cut after 200 characters; what cannot be decoded is shown as it is."""
    try:
        text = json.dumps(data)
        if len(text) <= MAX_DECODED:  # or a claimed fraction could take minutes to reduce, a claimed set to build
            text = repr(decode(data))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, ArithmeticError):
        text = repr(data)[: MAX_SHOWN + 1]
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + " ..."

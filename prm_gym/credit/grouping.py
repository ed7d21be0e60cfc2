"""Group codes for keys of any kind, and sums, means and extremes by group.

Keys become dense integers once (`factorise`), combined keys are made from the integers (`intersection`), and everything after that is a
`bincount`. Long string keys never enter a fixed-width array, which would spend 8 kB on every row of a 2,000-character key.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from typing import cast

import numpy as np
import numpy.typing as npt

from prm_gym.credit.array_types import Column, FloatArray, IntArray
from prm_gym.errors import CreditError

DENSE_RANGE = 4
"""Integer codes that span at most this many times their number are compressed through a table instead of a sort."""


@dataclass(frozen=True, eq=False)  # not slotted: cached properties keep what they work out in the object's __dict__
class Grouping:
    """Which rows belong together.

    Attributes:
        codes: [N] int64, group of each row, in [0, count); not to be written to, as what follows from them is worked out once.
        count: number of groups; each has at least one row.
    """

    codes: IntArray
    count: int

    @cached_property
    def sizes(self) -> IntArray:
        """[count] int64, number of rows in each group."""
        sizes = np.bincount(self.codes, minlength=self.count).astype(np.int64, copy=False)
        sizes.flags.writeable = False
        return sizes

    @cached_property
    def first_rows(self) -> IntArray:
        """[count] int64, the first row of each group."""
        begins = np.ones(self.codes.size, dtype=np.bool_)  # of a run of rows of one group: few where attempts at a task stand side by side
        np.not_equal(self.codes[1:], self.codes[:-1], out=begins[1:])
        runs = np.flatnonzero(begins)[::-1]
        first = np.zeros(self.count, dtype=np.int64)
        first[self.codes[runs]] = runs  # of several assignments to one place numpy keeps the last
        first.flags.writeable = False
        return first

    def rows(self, index: IntArray) -> "Grouping":
        """The grouping of rows that each point at a member of this one (trajectories to their steps, say).

        Args:
            index: [K] int64, row of this grouping for each new row; every group must be pointed at.
        """
        return Grouping(self.codes[index], self.count)


def key_array(keys: Iterable[Hashable]) -> npt.NDArray[np.object_]:
    """[N] object array of the keys as they are, tuples included.

    `numpy.asarray` would pad strings to the longest one, strip trailing zeros of bytes and turn tuples into a second axis.
    """
    return np.fromiter(keys, dtype=np.object_)


def interned(keys: Iterable[Hashable], known: dict[Hashable, Hashable]) -> npt.NDArray[np.object_]:
    """[N] object array of the keys, with one object for all that are equal.

    A text remembers its hash, and a dictionary compares an object with itself at no cost: grouping texts of 2,000 characters then takes as long as grouping
    short ones. What is spent here is one hash of each object, once a batch.

    Args:
        keys: strings, say, each perhaps an object of its own.
        known: the objects so far; filled. Columns that share keys share it.
    """
    listed = list(keys)
    return key_array(map(known.setdefault, listed, listed))


def factorise(keys: Column, name: str = "keys") -> Grouping:
    """Dense integer codes of the keys: equal keys, equal code.

    Integer keys are sorted, O(N log N); keys of any other kind go through one dictionary, O(N). Keys are equal when Python says so:
    `1` and `1.0` are one key, `"1"` and `1` are two.

    Args:
        keys: [N] any dtype, one key a row; object arrays hold any hashable.
        name: of the column, for the error messages.

    Returns:
        The grouping of the N rows.

    Raises:
        CreditError: a key is None, NaN or not hashable; the message names the rows.
    """
    if keys.dtype.kind in "iub":
        return _factorise_integers(keys)
    if keys.dtype.kind == "f" and np.isnan(keys.astype(np.float64)).any():
        raise CreditError(f"{name} needs a key on every row, got NaN in {rows_text(np.isnan(keys.astype(np.float64)))}.")
    listed = cast("list[Hashable]", keys.tolist())
    table: defaultdict[Hashable, int] = defaultdict(count().__next__)
    try:
        codes = np.fromiter(map(table.__getitem__, listed), dtype=np.int64, count=len(listed))
    except TypeError as error:
        row, kind = _first_unhashable(listed)
        raise CreditError(
            f"{name} needs hashable keys (strings, bytes, integers, tuples), got a {kind} in row {row}. Give a text or a digest of it."
        ) from error
    if None in table:
        missing = np.fromiter((key is None for key in listed), dtype=np.bool_, count=len(listed))
        raise CreditError(f"{name} needs a key on every row, got None in {rows_text(missing)}. Unknown states must not be merged into one.")
    if any(issubclass(kind, float | np.floating) for kind in set(map(type, table))):  # tables of texts say NaN where one is missing
        unknown = np.fromiter((isinstance(key, float | np.floating) and math.isnan(cast("float", key)) for key in listed), dtype=np.bool_, count=len(listed))
        if unknown.any():
            raise CreditError(f"{name} needs a key on every row, got NaN in {rows_text(unknown)}. Unknown states must not be merged into one.")
    return Grouping(codes, len(table))


def intersection(first: Grouping, *others: Grouping) -> Grouping:
    """The finest grouping: two rows are together when all the given groupings have them together. O(N log N).

    Args:
        first: grouping of N rows.
        others: further groupings of the same rows.
    """
    result = first
    for other in others:
        # Both counts are at most N, so the product stays below 2**63 for any batch that fits into memory.
        pairs = result.codes * np.int64(other.count)
        pairs += other.codes
        result = _factorise_integers(pairs)
    return result


def group_sums(values: FloatArray, groups: Grouping) -> FloatArray:
    """[count] float64, sum of the values in each group. O(N).

    Args:
        values: [N] float64.
        groups: of the N rows.
    """
    # Without rows bincount forgets its weights and returns integers.
    return np.bincount(groups.codes, weights=values, minlength=groups.count).astype(np.float64, copy=False)


def group_first(values: FloatArray, groups: Grouping) -> FloatArray:
    """[count] float64, value of the first row of each group. O(count), and O(N) once for each grouping.

    Args:
        values: [N] float64.
        groups: of the N rows.
    """
    if not values.size:
        return np.zeros(groups.count)
    return values.take(groups.first_rows).astype(np.float64, copy=False)


def group_means(values: FloatArray, groups: Grouping) -> FloatArray:
    """[count] float64, mean of the values in each group; exact where they are all equal. O(N).

    Args:
        values: [N] float64.
        groups: of the N rows.
    """
    # Measured from the group's first value: equal values then have an exact mean, and large offsets cost no digits.
    first = group_first(values, groups)
    return first + group_sums(values - first.take(groups.codes), groups) / groups.sizes


def group_maxima(values: FloatArray, groups: Grouping) -> FloatArray:
    """[count] float64, largest value in each group. O(N).

    Args:
        values: [N] float64.
        groups: of the N rows.
    """
    largest = np.full(groups.count, -np.inf)
    np.maximum.at(largest, groups.codes, values)
    return largest


def rows_text(wrong: npt.NDArray[np.bool_], shown: int = 5) -> str:
    """The marked rows in words, the first few of them: "rows 3, 7 and 9", "rows 0, 1, 2, 3, 4 and 12 more".

    Args:
        wrong: [N] bool, the rows to name.
        shown: how many are named before they are only counted.
    """
    rows = [str(row) for row in np.flatnonzero(wrong)]
    if len(rows) == 1:
        return f"row {rows[0]}"
    if len(rows) > shown:
        return f"rows {', '.join(rows[:shown])} and {len(rows) - shown} more"
    return f"rows {', '.join(rows[:-1])} and {rows[-1]}"


def _factorise_integers(keys: Column) -> Grouping:
    if keys.size == 0:
        return Grouping(np.zeros(0, dtype=np.int64), 0)
    lowest, highest = int(keys.min()), int(keys.max())
    if highest - lowest < DENSE_RANGE * keys.size:
        # Before they are widened small integers would run over, and large unsigned ones would not fit.
        places = keys - keys.min() if keys.dtype.kind == "u" else keys
        shifted = places.astype(np.int64, copy=False)
        if lowest and keys.dtype.kind != "u":
            shifted = shifted - lowest
        present = np.zeros(highest - lowest + 1, dtype=np.bool_)
        present[shifted] = True
        table = np.cumsum(present, dtype=np.int64)
        table -= 1
        return Grouping(table[shifted], int(table[-1]) + 1)
    distinct, codes = np.unique(keys, return_inverse=True)
    return Grouping(codes.astype(np.int64, copy=False), distinct.size)


def _first_unhashable(keys: list[Hashable]) -> tuple[int, str]:
    for row, key in enumerate(keys):
        try:
            hash(key)
        except TypeError:
            return row, type(key).__name__
    return -1, "value"

import time
import tracemalloc
from functools import reduce
from operator import add

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.credit.grouping import (
    Grouping,
    factorise,
    group_first,
    group_maxima,
    group_means,
    group_sums,
    intersection,
    key_array,
    rows_text,
)
from prm_gym.errors import CreditError


def same_partition(groups, keys):
    """Whether two rows share a code exactly when their keys are equal, and the codes are dense."""
    pairs = set(zip(groups.codes.tolist(), keys, strict=True))
    distinct = set(keys)
    return len(pairs) == len(distinct) == groups.count == len({code for code, _ in pairs}) and {code for code, _ in pairs} == set(range(groups.count))


@pytest.mark.parametrize(
    "keys",
    [
        ["b", "a", "b", "c"],
        [b"\x00", b"", b"\x00\x00", b""],
        [7, -3, 7, 10**12],
        [2**70, 1, 2**70],
        [("s", 1), ("s", 2), ("s", 1)],
        ["1", 1, "1", b"1"],
        ["", " ", ""],
        [],
    ],
    ids=["text", "bytes", "integers", "huge integers", "tuples", "mixed kinds", "empty text", "nothing"],
)
def test_equal_keys_have_equal_codes(keys):
    assert same_partition(factorise(key_array(keys)), keys)


@pytest.mark.parametrize(
    "keys",
    [
        np.array([5, 5, 9]),
        np.array([-(2**63), 2**63 - 1, 0, -(2**63)]),
        np.array([2**64 - 1, 2**64 - 2, 2**64 - 1], dtype=np.uint64),
        np.array([True, False, True]),
        np.array([0.5, 0.25, 0.5]),
        np.array(["x", "yy", "x"]),
        np.array([3, 1, 3], dtype=np.int8),
    ],
    ids=["integers", "the ends of int64", "uint64", "bool", "floats", "fixed-width text", "int8"],
)
def test_arrays_of_any_dtype_are_keys(keys):
    assert same_partition(factorise(keys), keys.tolist())


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(st.lists(st.tuples(st.integers(-3, 3), st.sampled_from(["p", "q", "r"]), st.integers(0, 10**9)), max_size=40))
def test_an_intersection_is_the_grouping_of_the_tuples(keys):
    columns = [factorise(key_array(row[place] for row in keys)) for place in range(3)]
    assert same_partition(intersection(*columns), keys)


def test_long_keys_take_no_fixed_width_memory():
    # 20,000 rows of 2,000 characters: 160 MB as fixed-width unicode; as objects, 8 bytes a row for the list and for the codes.
    distinct = ["x" * 1990 + f"{number:010d}" for number in range(500)]
    keys = key_array(distinct[row % 500] for row in range(20_000))
    tracemalloc.start()
    groups = factorise(keys)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert groups.count == 500
    assert peak < 2_000_000


def test_twenty_thousand_long_keys_take_a_fraction_of_a_second():
    distinct = ["x" * 1990 + f"{number:010d}" for number in range(1000)]
    keys = key_array((distinct[row % 1000] + "!")[:-1] for row in range(20_000))  # equal texts, different objects
    start = time.process_time()
    assert factorise(keys).count == 1000
    assert time.process_time() - start < 0.5


def test_group_statistics_by_hand():
    groups = Grouping(np.array([1, 0, 1, 1]), 2)
    values = np.array([4.0, 7.0, 1.0, -2.0])
    assert groups.sizes.tolist() == [1, 3]
    assert group_sums(values, groups).tolist() == [7.0, 3.0]
    assert group_means(values, groups).tolist() == [7.0, 1.0]
    assert group_first(values, groups).tolist() == [7.0, 4.0]
    assert group_maxima(values, groups).tolist() == [7.0, 4.0]
    assert group_maxima(-values, groups).tolist() == [-7.0, 2.0]


@pytest.mark.parametrize(
    ("keys", "first"),
    [([4, 4, 7, 7], [0, 2]), ([7, 4, 7, 4, 9], [1, 0, 4]), ([7, 7, 4], [2, 0]), ([3], [0]), ([], [])],
    ids=["side by side", "interleaved", "in falling order", "one row", "nothing"],
)
def test_the_first_rows_of_groups(keys, first):
    # Integer keys are numbered in rising order.
    groups = factorise(np.array(keys, dtype=np.int64))
    assert groups.first_rows.tolist() == first
    if keys:
        with pytest.raises(ValueError, match="read-only"):
            groups.first_rows[0] = 1


def test_the_mean_of_equal_values_is_the_value():
    # 0.7 added seven times (Python 3.12's `sum` makes up for the rounding) and divided by seven is not 0.7 in floating point.
    assert reduce(add, [0.7] * 7) / 7 != 0.7
    assert group_means(np.full(7, 0.7), Grouping(np.zeros(7, dtype=np.int64), 1)).tolist() == [0.7]


def test_no_rows_no_groups():
    groups = factorise(key_array([]))
    nothing = np.zeros(0)
    assert groups.count == 0
    assert intersection(groups, groups).count == 0
    for statistic in (group_sums, group_means, group_first, group_maxima):
        assert statistic(nothing, groups).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int64, np.uint8, np.uint64, np.bool_])
def test_the_codes_are_not_the_keys_own_memory(dtype):
    keys = np.array([0, 1, 1, 0]).astype(dtype)
    groups = factorise(keys)
    assert not np.shares_memory(groups.codes, keys)
    assert groups.sizes is groups.sizes
    with pytest.raises(ValueError, match="read-only"):
        groups.sizes[0] = 1


def test_missing_keys_are_refused_by_row():
    with pytest.raises(CreditError, match=r"state_key needs a key on every row, got None in rows 1 and 3"):
        factorise(key_array(["a", None, "b", None]), "state_key")
    with pytest.raises(CreditError, match=r"state_key needs a key on every row, got NaN in row 1"):
        factorise(np.array([1.0, np.nan]), "state_key")
    # A table of texts has NaN where one is missing, and there it is one object, which is equal to itself for a dictionary.
    with pytest.raises(CreditError, match=r"state_key needs a key on every row, got NaN in rows 1, 2 and 3"):
        factorise(key_array(["s", np.nan, np.nan, np.float32("nan")]), "state_key")
    assert factorise(key_array(["s", 0.5, 0.5]), "state_key").codes.tolist() == [0, 1, 1]


def test_keys_that_cannot_be_hashed_are_refused_by_row():
    with pytest.raises(CreditError, match=r"state_key needs hashable keys .* got a list in row 1"):
        factorise(np.array([(1,), [2], (3, 4)], dtype=object), "state_key")


def test_rows_in_words():
    assert rows_text(np.array([False, True])) == "row 1"
    assert rows_text(np.array([True, True])) == "rows 0 and 1"
    assert rows_text(np.ones(17, dtype=bool)) == "rows 0, 1, 2, 3, 4 and 12 more"


def test_a_group_without_rows_reads_no_memory_that_nobody_wrote():
    assert Grouping(np.array([0, 2]), 3).first_rows.tolist() == [0, 0, 1]
    assert group_first(np.zeros(0), Grouping(np.zeros(0, dtype=np.int64), 1)).tolist() == [0.0]

"""Values of programs: what is written is read, and only what is equal in type and value is the same."""

import math
from collections import Counter, OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.sandbox.values import TooLarge, decode, encode, same, shown

HASHABLE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
    st.binary(),
    st.fractions(),
    st.complex_numbers(allow_nan=False, allow_infinity=False),
)
PLAIN = st.recursive(
    st.one_of(HASHABLE, st.decimals(allow_nan=False, allow_infinity=False), st.binary().map(bytearray)),
    lambda inner: st.one_of(
        st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(HASHABLE, inner), st.sets(HASHABLE), st.frozensets(HASHABLE), st.tuples(inner, inner)
    ),
    max_leaves=20,
)


def identical(one, other):
    """Whether two values are equal and of the same types all the way down; a slow independent version."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(identical, one, other))
    if isinstance(one, dict):
        return len(one) == len(other) and all(any(identical(key, k) and identical(part, p) for k, p in other.items()) for key, part in one.items())
    if isinstance(one, set | frozenset):
        return len(one) == len(other) and all(any(identical(part, p) for p in other) for part in one)
    return one == other


@given(PLAIN)
@settings(max_examples=300, deadline=None)
def test_what_is_written_is_read(value):
    assert identical(decode(encode(value)), value)
    assert same(encode(value), encode(value))


@given(PLAIN, PLAIN)
@settings(max_examples=300, deadline=None)
def test_the_same_is_what_is_identical(one, other):
    assert same(encode(one), encode(other)) == identical(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (True, 1),
        (1, 1.0),
        ([1], (1,)),
        ({1}, frozenset({1})),
        ({1: 2}, {True: 2}),
        (b"a", bytearray(b"a")),
        ("1", 1),
        (None, False),
        (Fraction(1), 1),
        (1 + 0j, 1.0),
        (1, [1]),
    ],
)
def test_values_of_different_types_are_not_the_same(one, other):
    assert not same(encode(one), encode(other))
    assert not same(encode([one]), encode([other]))


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, object(), int, len, type("I", (int,), {})(1), [math.nan], {1: object()}, complex(math.inf, 0)]
)
def test_nan_infinity_and_objects_equal_nothing(value):
    assert not same(encode(value), encode(value))


def test_order_matters_where_it_is_part_of_the_value():
    assert same(encode({1: 2, 3: 4}), encode({3: 4, 1: 2}))
    assert same(encode({3, 1, 2}), encode({2, 3, 1}))
    assert not same(encode([1, 2]), encode([2, 1]))


def test_a_tolerance_is_for_floats_alone():
    assert same(encode([0.1 + 0.2]), encode([0.3]), tolerance=1e-9)
    assert not same(encode(0.1 + 0.2), encode(0.3))
    assert not same(encode(1.1), encode(1.0), tolerance=0.01)
    assert not same(encode(3), encode(3.0), tolerance=1.0)
    assert same(encode({"x": 1.0}), encode({"x": 1.0 + 1e-12}), tolerance=1e-9)


def test_what_is_too_large_or_too_deep_is_refused():
    deep = []
    for _ in range(100):
        deep = [deep]
    endless = []
    endless.append(endless)
    for value in (deep, endless, list(range(300_000))):
        with pytest.raises(TooLarge):
            encode(value)


@pytest.mark.parametrize(
    "claim",
    [
        {"object": "x"},
        {"fraction": 5},
        {"fraction": "1/0"},
        {"int": "zz"},
        {"set": [[1]]},
        {"dict": [1]},
        {"x": 1, "y": 2},
        {},
        {"decimal": "x"},
        {"bytes": "zz"},
        {"complex": [1]},
        {"tuple": 3},
    ],
)
def test_claims_that_are_no_values_are_shown_as_they_are(claim):
    assert shown(claim) == repr(claim)


def test_a_claim_that_is_dear_to_decode_is_not_decoded():
    claim = {"fraction": "0x" + "f1" * 200_000 + "/0x" + "9d" * 200_000}  # minutes of division
    assert len(shown(claim)) < 300
    collisions = {"set": [{"int": hex(((1 << 61) - 1) * number)} for number in range(1, 30_000)]}  # all of one hash
    assert len(shown(collisions)) < 300


def test_values_are_shown_as_a_person_writes_them():
    assert shown(encode((1, {2: [3.5]}))) == "(1, {2: [3.5]})"
    assert shown(encode(Decimal("1.50"))) == "Decimal('1.50')"
    assert shown(encode("x" * 500)).endswith(" ...")


def test_what_stands_for_a_plain_value_is_encoded_as_that():
    pair = namedtuple("pair", "x y")(1, [2])
    assert same(encode(pair), encode((1, [2])))
    for mapping in (Counter("aab"), OrderedDict(b=1, a=2), defaultdict(int, {"a": 2, "b": 1})):
        assert same(encode([mapping]), encode([dict(mapping)]))
    assert same(encode([np.int64(5), np.float64(0.5), np.bool_(True), np.str_("a")]), encode([5, 0.5, True, "a"]))
    for other in (np.array([1]), type("D", (dict,), {})(), type("T", (tuple,), {})(), np.longdouble(1)):
        assert not same(encode(other), encode(other))


def test_decimals_are_equal_as_numbers():
    assert same(encode(Decimal("1.0")), encode(Decimal("1.00")))
    assert not same(encode(Decimal("1.0")), encode(Decimal("1.01")))
    assert not same(encode(Decimal("NaN")), encode(Decimal("1")))
    assert not same({"decimal": "x"}, {"decimal": "y"})

"""Which data are encoded values."""

import pytest

from prm_gym.programs import brief, comparable, encoded_json, is_encoding, plain_json
from prm_gym.sandbox.values import decode, encode

GOOD = [1, "a", None, True, 1.5, [1, [2]], {"a": {1, 2}}, (1, frozenset({(1, 2)})), 1 << 80, 2 + 1j, b"ab", {"k": bytearray(b"x")}, float("inf")]
# Each of these breaks a reader that trusts what it is given.
BAD = [
    {"set": [[1]]},
    {"dict": [[{"dict": []}, 1]]},
    {"dict": [[1]]},
    {"int": "1"},
    {"int": "0x" + "f" * 5_000},
    {"fraction": "0x1/0x0"},
    {"fraction": 5},
    {"complex": []},
    {"bytes": "abc"},
    {"decimal": "1e999999999"},
    {"tuple": 5},
    {"object": "f"},
    {"a": 1, "b": 2},
    {},
    1 << 63,
    float("nan"),
]


@pytest.mark.parametrize("value", GOOD)
def test_what_encode_writes_is_well_formed(value):
    assert is_encoding(encode(value))
    assert decode(encode(value)) == value


@pytest.mark.parametrize("data", BAD)
def test_what_is_none(data):
    assert not is_encoding(data)
    assert not is_encoding([data])
    assert isinstance(brief(data), str)


def test_depth_is_bounded():
    deep = 0
    for _ in range(100_000):
        deep = [deep]
    assert not is_encoding(deep)


def test_what_equals_nothing():
    assert comparable(encode([1, {"a": (2.5, "b")}]))
    assert not comparable({"float": "nan"})
    assert not comparable([{"float": "inf"}])
    assert not comparable({"object": "C"})


def test_json_and_back():
    value = {"a": [1, {"b": None}], "c": "d"}
    assert encoded_json(value) == encode(value)
    assert plain_json(encoded_json(value)) == value
    assert not is_encoding(encoded_json([[[1]]], depth=2))


def test_brief_is_brief():
    assert brief([1, {"tuple": ["a"]}]) == "[1, ('a',)]"
    assert brief({"object": "C"}) == "an object of the class 'C'"
    assert len(brief(["x" * 100_000])) < 300

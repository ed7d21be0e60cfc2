"""Literals against Python's own reader."""

import ast
import random

import pytest

from prm_gym.errors import ProblemError
from prm_gym.programs import literal
from prm_gym.sandbox.values import encode

RIGHT = [
    "1",
    " -2.5 ",
    "[1, 2,]",
    "()",
    "(1,)",
    "(1)",
    "{}",
    "{1, 2}",
    "{'a': [1], 2: (3,)}",
    r"'a\n\x41\'é\\'",
    "True",
    "None",
    "1e3",
    "0x1F",
    "[[]]",
    "{():1}",
]
WRONG = [
    "",
    "1 2",
    "[1",
    "1+1",
    "f()",
    "{[1]}",
    "{1:2,3}",
    "{1,2:3}",
    "(,)",
    "[,]",
    "01",
    "b''",
    "'a",
    "\\",
    "1.2.3",
    "nan",
    "x",
    "truE",
    "1_0",
    "'a''b'",
    "٣",
    "²",
]
HOSTILE = ["[" * 10_000, "9" * 10_000, "'" * 9_999, "{" * 19_000, "(" * 15 + "1,)" * 3_000, "\\" * 20_000, "1" * 30_000, "'\\U99999999'"]


def drawn(rng, depth):
    kind = rng.choice("nftbN" if depth == 0 else "nftbNltds")
    if kind == "n":
        return rng.choice((0, -7, 10**25, 255))
    if kind == "f":
        return rng.choice((0.5, -1e-9, 1e300, 3.0))
    if kind == "t":
        return "".join(rng.choice("ab'\"\\\n\t\x00é👩 ,]{") for _ in range(rng.randrange(6)))
    if kind in "bN":
        return rng.choice((True, False)) if kind == "b" else None
    parts = [drawn(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == "l":
        return parts
    if kind == "t":
        return tuple(parts)
    plain = [repr(part) for part in parts]
    return set(plain) if kind == "s" else dict(zip(plain, parts, strict=True))


@pytest.mark.parametrize("text", RIGHT)
def test_literals(text):
    assert literal(text) == encode(ast.literal_eval(text.strip()))


def test_whatever_repr_writes_is_read():
    rng = random.Random(1)
    for _ in range(2_000):
        value = drawn(rng, 3)
        assert literal(repr(value)) == encode(value)


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_literal(text):
    with pytest.raises(ProblemError):
        literal(text)


@pytest.mark.parametrize(
    "text", ["[" * 10_000, "9" * 10_000, "'" * 9_999, "{" * 19_000, "(" * 15 + "1,)" * 3_000, "\\" * 20_000, "1" * 30_000, "'\\U99999999'"]
)
def test_hostile_texts_are_refused_soon(text):
    with pytest.raises(ProblemError):
        literal(text)

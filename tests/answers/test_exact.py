import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.answers.exact import DividedByZeroError, exact, same
from prm_gym.answers.expression import Node, UnreadableError, number, read_expression


def _value(text):
    return exact(read_expression(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/2 + 1/3", Fraction(5, 6)),
        ("1/2/3", Fraction(1, 6)),
        ("2(3+4)", 14),
        ("-2^2", -4),
        ("(-2)^2", 4),
        ("2^-3", Fraction(1, 8)),
        (r"2\sqrt3 \cdot \sqrt{12}", 12),
        (r"\sqrt{50}/\sqrt2", 5),
        (r"(1+\sqrt2)(1-\sqrt2)", -1),
        (r"\frac{1}{\sqrt2-1} - \sqrt2", 1),
        (r"\sqrt[3]{-8}", -2),
        (r"\sqrt[3]{4}\sqrt[3]{2}", 2),
        (r"8^{2/3}", 4),
        (r"\sqrt{-4}\cdot i", -2),  # 2i times i
        ("(1+2i)(1-2i)", 5),
        ("i^{4003}/i", -1),  # i^4002
        (r"\frac{6\pi}{4\pi}", Fraction(3, 2)),
        ("5!/3!", 20),
        (r"\binom{10}{3}", 120),
        ("|-7/2|", Fraction(7, 2)),
        (r"\frac{x^2-1}{(x-1)(x+1)}", 1),
        ("0.1+0.2", Fraction(3, 10)),
        (r"0.1\overline{6}", Fraction(1, 6)),
        ("1e-8", Fraction(1, 10**8)),
        ("12,345.5", Fraction(24691, 2)),
        (r"3\frac12", Fraction(7, 2)),
        ("3 1/2", Fraction(7, 2)),
        ("1/2x - x/2", 0),  # a product binds from the left
    ],
)
def test_rational_values(text, value):
    assert _value(text).rational == value


@pytest.mark.parametrize("text", [r"\sqrt2", r"\pi", "e", "i", "x", r"1+\sqrt5", r"\sqrt2+\sqrt3", r"\sqrt[3]{2}"])
def test_what_is_not_rational(text):
    assert _value(text).rational is None


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (r"\sqrt2+\sqrt3", r"\sqrt5", False),
        (r"\sqrt2\sqrt3", r"\sqrt6", True),
        (r"\frac{1}{2}-\frac{1}{2004!}", r"\frac{1}{2}-\frac{1}{2006!}", False),  # they agree in 5,700 digits
        (r"\sin x", r"\sin x", True),
        (r"\sin x", r"\cos x", None),
        (r"\sin x + 1", r"\sin x", False),  # what is not understood cancels
        (r"\sqrt{2+\sqrt3}", r"\frac{\sqrt6+\sqrt2}{2}", None),
        ("2^x", "2^{x}", True),
        (r"\sqrt{x}\sqrt{x}", "x", True),
    ],
)
def test_equality_inequality_and_neither(one, other, expected):
    assert same(_value(one), _value(other)) is expected


@pytest.mark.parametrize("text", ["1/0", r"\frac{1}{\sqrt4-2}", "0^{-1}", r"\frac{1}{x-x}"])
def test_what_has_no_value(text):
    with pytest.raises(DividedByZeroError):
        _value(text)


@pytest.mark.parametrize(
    "text", ["9^{9^{9^9}}", "10^{10^{10}}", "(10^9)!", "(a+b+c+d+f)^{50}", "x" + "!" * 100, "x" + "/x" * 100, r"\sin" * 100 + " x", "+".join(["x"] * 900)]
)
def test_what_is_beyond_is_told_quickly(text):
    with pytest.raises(UnreadableError) as caught:
        _value(text)
    assert caught.value.kind == "beyond"


# Random expressions over integers, square roots and pi, with their values as floating-point numbers computed beside them.


def _leaf(name, value):
    return read_expression(name), value


LEAVES = st.one_of(
    st.integers(-5, 5).map(lambda n: (number(n), float(n))),
    st.sampled_from([2, 3, 5, 6, 12]).map(lambda n: _leaf(rf"\sqrt{{{n}}}", math.sqrt(n))),
    st.just(_leaf(r"\pi", math.pi)),
)


def _joined(children):
    return st.one_of(
        st.tuples(children, children).map(lambda pair: (Node("sum", (pair[0][0], pair[1][0])), pair[0][1] + pair[1][1])),
        st.tuples(children, children).map(lambda pair: (Node("product", (pair[0][0], pair[1][0])), pair[0][1] * pair[1][1])),
        children.map(lambda one: (Node("negative", (one[0],)), -one[1])),
        st.tuples(children, st.integers(1, 7)).map(lambda pair: (Node("quotient", (pair[0][0], number(pair[1]))), pair[0][1] / pair[1])),
    )


EXPRESSIONS = st.recursive(LEAVES, _joined, max_leaves=5)


@settings(max_examples=200, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS)
def test_exact_equality_is_that_of_floating_point(one, other):
    # Different values of this size that agree to nine digits do not come up: at most five leaves of height 12.
    assert same(exact(one[0]), exact(other[0])) is math.isclose(one[1], other[1], rel_tol=1e-9, abs_tol=1e-9)


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, EXPRESSIONS, EXPRESSIONS)
def test_rules_of_arithmetic(a, b, c):
    left = Node("product", (a[0], Node("sum", (b[0], c[0]))))
    right = Node("sum", (Node("product", (c[0], a[0])), Node("product", (b[0], a[0]))))
    assert same(exact(left), exact(right)) is True
    if abs(b[1]) > 1e-9:
        assert same(exact(Node("quotient", (Node("product", (a[0], b[0])), b[0]))), exact(a[0])) is True

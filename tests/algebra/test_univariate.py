from fractions import Fraction
from itertools import pairwise

import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.algebra.polynomial import BudgetSpentError
from prm_gym.algebra.univariate import (
    MAX_DEGREE,
    count_real_roots,
    greatest_common_divisor,
    least_common_multiple,
    rational_or_near,
    real_roots,
    sign_at,
    square_free,
)

X = sympy.Symbol("x")


def _poly(coefficients):
    return sympy.Poly(list(reversed(coefficients)), X)


def _up(poly):
    """Coefficients from the constant one up, without a common factor, the first positive sign aside."""
    primitive = poly.primitive()[1]
    return tuple(int(value) for value in reversed(primitive.all_coeffs()))


def _either_sign(coefficients):
    return {coefficients, tuple(-value for value in coefficients)}


SMALL = st.lists(st.integers(-6, 6), min_size=2, max_size=5).filter(lambda values: values[-1] != 0)
PRODUCTS = st.lists(SMALL, min_size=1, max_size=3).map(lambda parts: _up(sympy.prod([_poly(part) for part in parts], start=_poly([1]))))


@settings(max_examples=60, deadline=None)
@given(PRODUCTS, PRODUCTS)
def test_divisors_and_multiples_agree_with_sympy(one, other):
    assert greatest_common_divisor(one, other) in _either_sign(_up(sympy.gcd(_poly(one), _poly(other))))
    assert square_free(one) in _either_sign(_up(_poly(one).sqf_part()))
    multiple = sympy.lcm(_poly(one).sqf_part(), _poly(other).sqf_part())
    assert least_common_multiple([one, other]) in _either_sign(_up(multiple))


@settings(max_examples=80, deadline=None)
@given(PRODUCTS)
def test_real_roots_agree_with_sympy(coefficients):
    plain = square_free(coefficients)
    roots = real_roots(plain)
    assert count_real_roots(coefficients) == len(roots) == _poly(coefficients).sqf_part().count_roots()
    expected = sorted(sympy.real_roots(_poly(plain)), key=lambda root: root.evalf(30))
    for found, exact in zip(roots, expected, strict=True):
        near = rational_or_near(plain, found)
        if exact.is_Rational:
            assert near.low == near.high == Fraction(int(exact.p), int(exact.q))
        else:
            assert near.low < Fraction(str(exact.evalf(30))) < near.high
            assert sign_at(plain, found.low) * sign_at(plain, found.high) == -1
    for one, other in pairwise(roots):
        assert one.high <= other.low
        assert one.low < other.high


def test_roots_close_together_by_hand():
    # (1000x - 1)(1001x - 1): the roots 1/1000 and 1/1001 are about 1e-6 apart.
    low, high = real_roots((1, -2001, 1001000))
    assert low.low <= Fraction(1, 1001) <= low.high <= high.low <= Fraction(1, 1000) <= high.high
    # Wilkinson's polynomial of degree 20 has the roots 1 to 20.
    wilkinson = (1,)
    for root in range(1, 21):
        wilkinson = tuple(a - root * b for a, b in zip((0, *wilkinson), (*wilkinson, 0), strict=True))
    roots = real_roots(wilkinson)
    assert [rational_or_near(wilkinson, root).low for root in roots] == list(range(1, 21))


def test_degrees_are_bounded():
    with pytest.raises(BudgetSpentError):
        real_roots((1,) * (MAX_DEGREE + 2))

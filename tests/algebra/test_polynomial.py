from fractions import Fraction

import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from prm_gym.algebra.linear import LinearSystem
from prm_gym.algebra.polynomial import (
    Budget,
    BudgetSpentError,
    add,
    constant,
    constant_value,
    is_linear,
    multiply,
    polynomial_text,
    power,
    primitive,
    scaled,
    total_degree,
    value_at,
    variable,
)

X, Y = sympy.symbols("x y")
MONOMIALS = st.dictionaries(st.sampled_from("xy"), st.integers(1, 3)).map(lambda exponents: tuple(sorted(exponents.items())))
COEFFICIENTS = st.fractions(-5, 5, max_denominator=6).filter(bool).map(lambda value: value.numerator if value.denominator == 1 else value)
POLYNOMIALS = st.dictionaries(MONOMIALS, COEFFICIENTS, max_size=5)


def _sympy(polynomial):
    return sympy.Add(*(sympy.Rational(c.numerator, c.denominator) * sympy.Mul(*({"x": X, "y": Y}[n] ** e for n, e in m)) for m, c in polynomial.items()))


@given(POLYNOMIALS, POLYNOMIALS, st.integers(0, 3))
def test_arithmetic_agrees_with_sympy(one, other, exponent):
    first, second = _sympy(one), _sympy(other)
    assert sympy.expand(_sympy(add(one, other, -2)) - first + 2 * second) == 0
    assert sympy.expand(_sympy(multiply(one, other, Budget())) - first * second) == 0
    assert sympy.expand(_sympy(power(one, exponent, Budget())) - first**exponent) == 0
    product = multiply(one, other, Budget())
    assert all(product.values())
    assert all(isinstance(value, int) or value.denominator > 1 for value in product.values())
    point = {"x": Fraction(2, 3), "y": -3}
    assert value_at(product, point) == value_at(one, point) * value_at(other, point)


@given(POLYNOMIALS.filter(bool), COEFFICIENTS)
def test_the_primitive_multiple_is_one_for_all_multiples(polynomial, factor):
    plain = primitive(polynomial)
    assert primitive(scaled(polynomial, factor)) == plain
    assert all(isinstance(value, int) for value in plain.values())


def test_by_hand():
    square = power(add(variable("x"), constant(1)), 2, Budget())
    assert polynomial_text(square) == "x^2 + 2*x + 1"
    assert polynomial_text(scaled(square, Fraction(-1, 2))) == "-(1/2)*x^2 - x - 1/2"
    assert (total_degree(square), is_linear(square), constant_value(square)) == (2, False, None)
    assert constant_value({}) == 0
    assert polynomial_text({}) == "0"


def test_what_grows_too_large_is_told_at_once():
    many = {((f"x{place}", 1),): 1 for place in range(50)}
    with pytest.raises(BudgetSpentError):
        power(many, 4, Budget())
    with pytest.raises(BudgetSpentError):
        power(variable("x"), 1000, Budget())
    with pytest.raises(BudgetSpentError):
        power(constant(10**40), 100, Budget())


def test_row_reduction_by_hand():
    # x + y = 3, x - y = 1: x = 2, y = 1; a third equation says nothing new, a fourth contradicts.
    system = LinearSystem([{(("x", 1),): 1, (("y", 1),): 1, (): -3}])
    assert system.add({(("x", 1),): 1, (("y", 1),): -1, (): -1})
    assert system.solution({}) == {"x": 2, "y": 1}
    assert not system.add({(("x", 1),): 3, (("y", 1),): 1, (): -7})
    assert system.counterexample({(("x", 1),): 1, (): -2}) is None
    assert system.counterexample({(("z", 1),): 1}) == {"x": 2, "y": 1, "z": 1}
    assert system.add({(("x", 1),): 1, (): -5})
    assert not system.consistent
    assert system.counterexample({(("x", 1),): 1}) is None

"""Sparse polynomials in several names over the rationals, exact and bounded.

A polynomial is a dictionary from monomials to coefficients that are not 0, and is never changed once it is made. All work is counted against a `Budget`, so
that no text makes a long wait: what goes beyond is `BudgetSpentError`, which says that nothing is known.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import gcd, lcm
from typing import TypeAlias

from prm_gym.errors import PrmGymError

Rational: TypeAlias = int | Fraction
"""A rational number; a whole one is an `int`, which is several times faster."""

Monomial: TypeAlias = tuple[tuple[str, int], ...]
"""Names with their exponents, each from 1 on, sorted by name; () for 1."""

Polynomial: TypeAlias = dict[Monomial, Rational]
"""Coefficients, none 0, by monomial; {} for 0."""

MAX_WORK = 6_000  # products of two terms in one question
MAX_BITS = 1_200  # of a numerator or denominator
MAX_TOTAL_DEGREE = 200


class BudgetSpentError(PrmGymError):
    """The polynomials of a question grow beyond what is computed here."""


class Budget:
    """What one question may still spend."""

    __slots__ = ("left",)

    def __init__(self, work: int = MAX_WORK) -> None:
        """Set how many products of terms there may be."""
        self.left = work

    def spend(self, work: int) -> None:
        """Take some of it.

        Raises:
            BudgetSpentError: there is not so much left.
        """
        self.left -= work
        if self.left < 0:
            raise BudgetSpentError("the expressions are too large to be expanded")


def rational(value: Rational) -> Rational:
    """The same number, as an `int` where it is whole."""
    return value.numerator if value.denominator == 1 else value


def quotient(top: Rational, below: Rational) -> Rational:
    """`top / below`, exactly."""
    return rational(Fraction(top) / below)


def constant(value: Rational) -> Polynomial:
    """The polynomial of one number."""
    return {(): rational(value)} if value else {}


def variable(name: str) -> Polynomial:
    """The polynomial of one name."""
    return {((name, 1),): 1}


def constant_value(polynomial: Polynomial) -> Rational | None:
    """The number that it is; None when it has a name."""
    if not polynomial:
        return 0
    return polynomial.get(()) if len(polynomial) == 1 else None


def polynomial_names(polynomial: Polynomial) -> frozenset[str]:
    """The names in it."""
    return frozenset(name for monomial in polynomial for name, _ in monomial)


def total_degree(polynomial: Polynomial) -> int:
    """The greatest sum of exponents of a monomial; 0 for constants."""
    return max((sum(exponent for _, exponent in monomial) for monomial in polynomial), default=0)


def is_linear(polynomial: Polynomial) -> bool:
    """Whether its degree is at most 1."""
    return all(len(monomial) == 0 or (len(monomial) == 1 and monomial[0][1] == 1) for monomial in polynomial)


def add(one: Polynomial, other: Polynomial, scale: Rational = 1) -> Polynomial:
    """`one + scale * other`."""
    result = dict(one)
    for monomial, coefficient in other.items():
        value = result.get(monomial, 0) + scale * coefficient
        if value:
            result[monomial] = rational(value)
        else:
            del result[monomial]
    return result


def scaled(polynomial: Polynomial, scale: Rational) -> Polynomial:
    """`scale * polynomial`."""
    if scale == 1:
        return polynomial
    return {monomial: rational(coefficient * scale) for monomial, coefficient in polynomial.items()} if scale else {}


def multiply(one: Polynomial, other: Polynomial, budget: Budget) -> Polynomial:
    """The product.

    Raises:
        BudgetSpentError: it is too large.
    """
    for single, many in ((one, other), (other, one)):
        value = constant_value(single)
        if value is not None:
            budget.spend(len(many))
            return _bounded(scaled(many, value))
    budget.spend(len(one) * len(other))
    result: Polynomial = {}
    for left, a in one.items():
        for right, b in other.items():
            monomial = monomial_product(left, right)
            result[monomial] = result.get(monomial, 0) + a * b
    return _bounded({monomial: rational(coefficient) for monomial, coefficient in result.items() if coefficient})


def power(base: Polynomial, exponent: int, budget: Budget) -> Polynomial:
    """`base ^ exponent`, for an exponent from 0 on; by repeated multiplication, which for sparse polynomials is the faster way.

    Raises:
        BudgetSpentError: it is too large.
    """
    if exponent * max(1, total_degree(base)) > MAX_TOTAL_DEGREE or (base and exponent * max(map(_bits, base.values())) > 2 * MAX_BITS):
        raise BudgetSpentError("the expressions are too large to be expanded")
    result = constant(1)
    for _ in range(exponent):
        result = multiply(result, base, budget)
    return result


def monomial_product(left: Monomial, right: Monomial) -> Monomial:
    """The product of two monomials."""
    if not left:
        return right
    if not right:
        return left
    exponents = dict(left)
    for name, exponent in right:
        exponents[name] = exponents.get(name, 0) + exponent
    return tuple(sorted(exponents.items()))


def value_at(polynomial: Polynomial, point: Mapping[str, Rational]) -> Rational:
    """Its value where every name has one."""
    total: Rational = 0
    for monomial, coefficient in polynomial.items():
        term = coefficient
        for name, exponent in monomial:
            term = term * point[name] ** exponent
        total = total + term
    return rational(total)


def primitive(polynomial: Polynomial) -> Polynomial:
    """The multiple with whole coefficients without a common factor whose first monomial, in sorted order, has a positive one."""
    if not polynomial:
        return polynomial
    scale = content(polynomial.values())
    if polynomial[min(polynomial)] < 0:
        scale = -scale
    return {monomial: rational(coefficient / scale) for monomial, coefficient in polynomial.items()}


def content(coefficients: Iterable[Rational]) -> Fraction:
    """The positive number that divides all of them into whole numbers without a common factor; of at least one that is not 0."""
    values = list(coefficients)
    return Fraction(gcd(*(value.numerator for value in values)), lcm(*(value.denominator for value in values)))


def polynomial_text(polynomial: Polynomial) -> str:
    """The polynomial for a person: highest degrees first."""

    def order(item: tuple[Monomial, Rational]) -> tuple[int, Monomial]:
        return -sum(exponent for _, exponent in item[0]), item[0]

    parts: list[str] = []
    for monomial, coefficient in sorted(polynomial.items(), key=order):
        sign = "-" if coefficient < 0 else "+"
        size = abs(coefficient)
        names = "*".join(name if exponent == 1 else f"{name}^{exponent}" for name, exponent in monomial)
        digits = str(size) if isinstance(size, int) or not names else f"({size})"
        shown = digits if not names else names if size == 1 else f"{digits}*{names}"
        parts.append(f"{sign} {shown}" if parts else shown if sign == "+" else f"-{shown}")
    return " ".join(parts) or "0"


def _bits(value: Rational) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _bounded(polynomial: Polynomial) -> Polynomial:
    for monomial, coefficient in polynomial.items():
        if _bits(coefficient) > MAX_BITS or sum(exponent for _, exponent in monomial) > MAX_TOTAL_DEGREE:
            raise BudgetSpentError("the expressions are too large to be expanded")
    return polynomial

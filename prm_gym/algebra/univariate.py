"""Polynomials in one unknown with whole coefficients: greatest common divisors, Sturm's theorem, isolation of real roots.

A polynomial is a tuple of coefficients from the constant one up, the last not 0; () for 0.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from math import gcd, lcm
from typing import NamedTuple, TypeAlias

from prm_gym.algebra.polynomial import BudgetSpentError, Polynomial, Rational, quotient

Coefficients: TypeAlias = tuple[int, ...]

MAX_DEGREE = 24  # of a polynomial whose roots are isolated
MAX_HEIGHT = 4_000  # bits of a coefficient on the way


class Root(NamedTuple):
    """A real root: alone between `low` and `high`, neither of which is a root; or, where both are equal, the root itself."""

    low: Fraction
    high: Fraction


def coefficients(polynomial: Polynomial, name: str) -> Coefficients:
    """The positive multiple, with whole coefficients without a common factor, of a polynomial in this name alone.

    Raises:
        BudgetSpentError: the degree is beyond MAX_DEGREE.
    """
    degree = max((monomial[0][1] if monomial else 0 for monomial in polynomial), default=-1)
    if degree > MAX_DEGREE:
        raise BudgetSpentError(f"real roots are counted for degrees to {MAX_DEGREE}")
    values: list[Rational] = [0] * (degree + 1)
    for monomial, coefficient in polynomial.items():
        if monomial and monomial[0][0] != name:
            raise BudgetSpentError(f"a polynomial in more than {name}")
        values[monomial[0][1] if monomial else 0] = coefficient
    common = lcm(*(value.denominator for value in values))
    return _primitive([int(value * common) for value in values])


def _primitive(values: Sequence[int]) -> Coefficients:
    end = len(values)
    while end and values[end - 1] == 0:
        end -= 1
    divisor = gcd(*values[:end])
    if divisor.bit_length() > MAX_HEIGHT or (end and values[end - 1].bit_length() > MAX_HEIGHT):
        raise BudgetSpentError("the coefficients become too great")
    return tuple(value // divisor for value in values[:end]) if divisor > 1 else tuple(values[:end])


def derivative(polynomial: Coefficients) -> Coefficients:
    """Its derivative, made primitive."""
    return _primitive([place * value for place, value in enumerate(polynomial)][1:])


def _remainder(one: Coefficients, other: Coefficients) -> Coefficients:
    """A positive multiple of the remainder of `one` by `other`."""
    rest, degree, lead = list(one), len(other), other[-1]
    size, sign = abs(lead), 1 if lead > 0 else -1
    while len(rest) >= degree:
        top = rest[-1]
        if top:
            shift = len(rest) - degree
            rest = [value * size for value in rest]
            for place, value in enumerate(other):
                rest[shift + place] -= sign * top * value
        rest.pop()
    return _primitive(rest)


def greatest_common_divisor(one: Coefficients, other: Coefficients) -> Coefficients:
    """The greatest common divisor, primitive, up to its sign."""
    while other:
        one, other = other, _remainder(one, other)
    return one


def exact_quotient(one: Coefficients, other: Coefficients) -> Coefficients:
    """`one / other` where that is a polynomial, made primitive; its sign at a point is that of the true quotient."""
    rest: list[Rational] = list(one)
    result: list[Rational] = [0] * max(0, len(one) - len(other) + 1)
    for shift in range(len(result) - 1, -1, -1):
        factor = quotient(rest[shift + len(other) - 1], other[-1])
        result[shift] = factor
        for place, value in enumerate(other):
            rest[shift + place] = rest[shift + place] - factor * value
    common = lcm(*(value.denominator for value in result))
    return _primitive([int(value * common) for value in result])


@lru_cache(maxsize=1 << 10)
def square_free(polynomial: Coefficients) -> Coefficients:
    """The polynomial with each of its roots once."""
    if len(polynomial) < 3:
        return polynomial
    common = greatest_common_divisor(polynomial, derivative(polynomial))
    return exact_quotient(polynomial, common) if len(common) > 1 else polynomial


def least_common_multiple(polynomials: Iterable[Coefficients]) -> Coefficients:
    """A polynomial without repeated roots that has exactly the roots of all of these, none of which is 0.

    Raises:
        BudgetSpentError: its degree is beyond MAX_DEGREE.
    """
    result: Coefficients = (1,)
    for polynomial in dict.fromkeys(polynomials):
        factor = square_free(polynomial)
        common = greatest_common_divisor(result, factor)
        rest = exact_quotient(factor, common) if len(common) > 1 else factor
        product = [0] * (len(result) + len(rest) - 1)
        for i, a in enumerate(result):
            for j, b in enumerate(rest):
                product[i + j] += a * b
        if len(product) > MAX_DEGREE + 1:
            raise BudgetSpentError(f"real roots are counted for degrees to {MAX_DEGREE}")
        result = _primitive(product)
    return result


def sign_at(polynomial: Coefficients, point: Fraction) -> int:
    """The sign of its value: -1, 0 or 1."""
    total, top, below, scale = 0, point.numerator, point.denominator, 1
    for value in reversed(polynomial):  # Horner's rule, times a power of the denominator
        total = total * top + value * scale
        scale *= below
    return (total > 0) - (total < 0)


def sturm_chain(polynomial: Coefficients) -> tuple[Coefficients, ...]:
    """The polynomial, its derivative, and the negative remainders: between two points that are no roots, as many real roots as sign changes get lost."""
    chain = [polynomial, derivative(polynomial)]
    while len(chain[-1]) > 1:
        rest = _remainder(chain[-2], chain[-1])
        if not rest:
            break
        chain.append(tuple(-value for value in rest))
    return tuple(chain)


def _changes(chain: Iterable[Coefficients], point: Fraction) -> int:
    signs = [sign for polynomial in chain if (sign := sign_at(polynomial, point))]
    return sum(one != other for one, other in pairwise(signs))


def count_real_roots(polynomial: Coefficients) -> int:
    """How many different real roots it has; it is not 0."""
    return len(real_roots(square_free(polynomial)))


@lru_cache(maxsize=1 << 10)
def real_roots(polynomial: Coefficients) -> tuple[Root, ...]:
    """The real roots of a polynomial without repeated roots, isolated, in order.

    Source: Sturm's theorem; the bound on roots is Cauchy's.

    Raises:
        BudgetSpentError: the degree is beyond MAX_DEGREE.
    """
    if len(polynomial) < 2:
        return ()
    if len(polynomial) == 2:
        root = Fraction(-polynomial[0], polynomial[1])
        return (Root(root, root),)
    if len(polynomial) > MAX_DEGREE + 1:
        raise BudgetSpentError(f"real roots are counted for degrees to {MAX_DEGREE}")
    bound = Fraction(1 << (max(map(abs, polynomial)) // abs(polynomial[-1]) + 2).bit_length())
    chain = sturm_chain(polynomial)
    found: list[Root] = []
    pending = [(-bound, bound, _changes(chain, -bound), _changes(chain, bound))]
    while pending:
        low, high, below, above = pending.pop()
        if below - above == 1:
            found.append(Root(low, high))
        elif below > above:
            middle = (low + high) / 2
            if sign_at(polynomial, middle) == 0:
                found.append(Root(middle, middle))
                pending += _beside(chain, polynomial, (low, high, below, above), middle)
            else:
                between = _changes(chain, middle)
                pending += [(low, middle, below, between), (middle, high, between, above)]
    return tuple(sorted(found))


def _beside(
    chain: Sequence[Coefficients], polynomial: Coefficients, interval: tuple[Fraction, Fraction, int, int], root: Fraction
) -> list[tuple[Fraction, Fraction, int, int]]:
    """What is left of an interval, right and left of a root that was met: the gap around it holds no other."""
    low, high, below, above = interval
    gap = (high - low) / 4
    while True:
        left, right = root - gap, root + gap
        if sign_at(polynomial, left) and sign_at(polynomial, right):
            at_left, at_right = _changes(chain, left), _changes(chain, right)
            if at_left - at_right == 1:
                return [(low, left, below, at_left), (right, high, at_right, above)]
        gap /= 2


def refined(polynomial: Coefficients, root: Root, width: Fraction) -> Root:
    """The root in an interval of at most this width, or exactly where it is met; the polynomial has no repeated roots."""
    low, high = root
    at_low = sign_at(polynomial, low)
    while high - low > width:
        middle = (low + high) / 2
        sign = sign_at(polynomial, middle)
        if sign == 0:
            return Root(middle, middle)
        low, high = (middle, high) if sign == at_low else (low, middle)
    return Root(low, high)


def rational_or_near(polynomial: Coefficients, root: Root) -> Root:
    """The root exactly where it is rational, otherwise within 1e-8."""
    lead = abs(polynomial[-1])
    near = refined(polynomial, root, min(Fraction(1, 10**8), Fraction(1, 4 * lead * lead)) if lead < 10**12 else Fraction(1, 10**8))
    guess = ((near.low + near.high) / 2).limit_denominator(min(lead, 10**12))
    return Root(guess, guess) if near.low <= guess <= near.high and sign_at(polynomial, guess) == 0 else near

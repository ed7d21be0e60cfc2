"""Polynomials as they are written at school, and brackets multiplied out, rightly or with the mistakes of beginners."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, TypeAlias

from prm_gym.algebra import Expression
from prm_gym.algebra.expression import Name, Negative, Number, Power, Product, Quotient, Sum, decimal_text
from prm_gym.algebra.polynomial import Monomial, Polynomial, Rational, add, constant_value, monomial_product, quotient, rational

Term: TypeAlias = tuple[Monomial, Rational]
Mistake: TypeAlias = Literal["", "first", "sign"]
"""In multiplying out: none, only the first term of a bracket is multiplied, the sign of the later terms stays."""

X: Monomial = (("x", 1),)
Y: Monomial = (("y", 1),)

_MAX_TERMS = 64


def school_text(polynomial: Polynomial, decimals: bool = False) -> str:
    """A polynomial, highest powers first: `3x/4 - 1/2`, or with decimals `0.75x - 0.5`.

    >>> school_text({X: Fraction(3, 4), (): Fraction(-1, 2)})
    '3x/4 - 1/2'
    """
    return terms_text(sorted(polynomial.items(), key=lambda term: (-sum(e for _, e in term[0]), term[0])), decimals)


def terms_text(terms: Sequence[Term], decimals: bool = False) -> str:
    """Terms in the order given, not collected."""
    shown = ""
    for monomial, coefficient in terms:
        text = _term_text(monomial, abs(coefficient), decimals)
        shown += (" - " if coefficient < 0 else " + ") + text if shown else ("-" if coefficient < 0 else "") + text
    return shown or "0"


def _term_text(monomial: Monomial, size: Rational, decimals: bool) -> str:
    names = "*".join(name if exponent == 1 else f"{name}^{exponent}" for name, exponent in monomial)
    if size.denominator == 1 or (decimals and _is_decimal(size)):
        digits = decimal_text(Fraction(size))
        return names if names and digits == "1" else digits + names
    top = "" if size.numerator == 1 and names else str(size.numerator)
    return f"{top}{names}/{size.denominator}"


def _is_decimal(value: Rational) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def polynomial_of(expression: Expression) -> Polynomial | None:
    """The polynomial of an expression without roots and fractions in names; None for any other."""
    terms = multiplied_out(expression)
    if terms is None:
        return None
    result: Polynomial = {}
    for monomial, coefficient in terms:
        result = add(result, {monomial: coefficient})
    return result


def multiplied_out(expression: Expression, mistake: Mistake = "") -> list[Term] | None:
    """The terms of an expression with its brackets multiplied out, not collected, with or without a mistake; None for what is no polynomial."""
    match expression:
        case Number(value):
            return [((), rational(value))] if value else []
        case Name(text):
            return [(((text, 1),), 1)]
        case Negative(inner):
            return _times([((), -1)], multiplied_out(inner, mistake), mistake)
        case Sum(parts):
            lists = [multiplied_out(part, mistake) for part in parts]
            return None if None in lists else [term for terms in lists for term in terms or []]
        case Product(parts):
            result: list[Term] | None = [((), 1)]
            for part in parts:
                result = _times(result, multiplied_out(part, mistake), mistake)
            return result
        case Quotient(top, below):
            value = constant_value(polynomial_of(below) or {})
            return _times([((), quotient(1, value))], multiplied_out(top, mistake), "") if value else None
        case Power(base, exponent) if exponent in (1, 2, 3):
            result = [((), 1)]
            for _ in range(int(exponent)):
                result = _times(result, multiplied_out(base, mistake), mistake)
            return result
        case _:
            return None


def _times(one: list[Term] | None, other: list[Term] | None, mistake: Mistake) -> list[Term] | None:
    if one is None or other is None or len(one) * len(other) > _MAX_TERMS:
        return None
    terms: list[Term] = []
    for first, a in one:
        for place, (second, b) in enumerate(other):
            factor: Rational = a
            if place and mistake and len(other) > 1:
                factor = 1 if mistake == "first" else abs(a)
                first_shown = () if mistake == "first" and first else first
                terms.append((monomial_product(first_shown, second), rational(factor * b)))
            else:
                terms.append((monomial_product(first, second), rational(factor * b)))
    return terms

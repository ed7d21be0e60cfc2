"""From expressions to quotients of polynomials.

A square root or an absolute value becomes a name of its own, a generator: `√(x + 1)` with the rule that its square is `x + 1`. Numeric roots are split into
roots of primes, `sqrt(8) = 2 √(2)`, and squares are taken out of roots, `sqrt(4x^2 y) = 2 |x| √(y)`. Roots of different primes and their products are
linearly independent over the rationals (Besicovitch 1940), so with them an expression is 0 exactly when its expansion is. With other generators an
expansion of 0 still proves equality; anything else proves nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from prm_gym.algebra.expression import Absolute, Expression, Name, Negative, Number, Power, Product, Quotient, Sum
from prm_gym.algebra.polynomial import (
    Budget,
    BudgetSpentError,
    Monomial,
    Polynomial,
    Rational,
    add,
    constant,
    constant_value,
    content,
    multiply,
    polynomial_text,
    power,
    quotient,
    rational,
    scaled,
    variable,
)

MAX_RADICAND = 10**8  # of a numeric root that is split into primes


class NoValueError(Exception):
    """An expression has a value nowhere: it divides by 0, or takes an even root of a negative number, whatever the names stand for."""


class Ratio(NamedTuple):
    """`numerator / denominator`; the denominator is not the polynomial 0, and is 1 where it is constant."""

    numerator: Polynomial
    denominator: Polynomial


ONE: Polynomial = {(): 1}


class Generator(NamedTuple):
    """A root or an absolute value that stands for itself in polynomials.

    Attributes:
        degree: the power of it that has a polynomial in its place; 2 for an absolute value.
        replaced: that polynomial: the radicand, or the square of what stands between the bars.
        inner: the radicand, or what stands between the bars.
        is_absolute: an absolute value.
    """

    degree: int
    replaced: Polynomial
    inner: Polynomial
    is_absolute: bool


@dataclass(slots=True)
class Expander:
    """Expands the expressions of one question.

    Attributes:
        budget: what it may still spend.
        generators: roots and absolute values met so far, by their name; no name in an expression begins as theirs do.
        domain: polynomials that must not be 0 for what has been expanded to have a value; none constant.
        radicands: polynomials that must not be negative; none constant.
        values: what stands in the place of a name.
    """

    values: Mapping[str, Ratio] = field(default_factory=dict[str, Ratio])
    budget: Budget = field(default_factory=Budget)
    generators: dict[str, Generator] = field(default_factory=dict[str, Generator])
    domain: list[Polynomial] = field(default_factory=list[Polynomial])
    radicands: list[Polynomial] = field(default_factory=list[Polynomial])

    def expand(self, expression: Expression) -> Ratio:
        """The expression as a quotient of polynomials.

        Raises:
            NoValueError: it has a value nowhere.
            BudgetSpentError: it is too large, or has roots within roots that are not taken apart here.
        """
        match expression:
            case Number(value):
                return Ratio(constant(rational(value)), ONE)
            case Name(text):
                return self.values.get(text) or Ratio(variable(text), ONE)
            case Negative(inner):
                top, below = self.expand(inner)
                return Ratio(scaled(top, -1), below)
            case Sum(terms):
                return self._sum(terms)
            case Product(factors):
                result = self.expand(factors[0])
                for factor in factors[1:]:
                    result = self._times(result, self.expand(factor))
                return result
            case Quotient(numerator, denominator):
                return self._times(self.expand(numerator), self._inverse(self.expand(denominator)))
            case Power(Power(base, inner), exponent) if exponent.denominator % 2 == 0 and inner.denominator == 1 and inner.numerator % 2 == 0:
                return self._power(self._absolute(self.expand(base)), inner * exponent)  # sqrt(b^2) = |b|
            case Power(base, exponent):
                return self._power(self.expand(base), exponent)
            case Absolute(inner):
                return self._absolute(self.expand(inner))

    def difference(self, left: Expression, right: Expression) -> Ratio:
        """`left - right`.

        Raises:
            NoValueError: one of them has a value nowhere.
            BudgetSpentError: they are too large.
        """
        return self._plus(self.expand(left), self.expand(right), -1)

    def times(self, one: Polynomial, other: Polynomial) -> Polynomial:
        """The product, with powers of generators replaced.

        Raises:
            BudgetSpentError: it is too large.
        """
        product = multiply(one, other, self.budget)
        return self._replaced(product) if self.generators else product

    def substituted(self, polynomial: Polynomial) -> Ratio:
        """A polynomial with every name that has a value replaced by it.

        Raises:
            BudgetSpentError: it becomes too large.
        """
        result = Ratio({}, ONE)
        for monomial, coefficient in polynomial.items():
            term = Ratio(constant(coefficient), ONE)
            for name, exponent in monomial:
                value = self.values.get(name) or Ratio(variable(name), ONE)
                term = self._times(term, self._ratio(self._whole_power(value.numerator, exponent), self._whole_power(value.denominator, exponent)))
            result = self._plus(result, term, 1)
        return result

    def divided(self, one: Ratio, other: Ratio) -> Ratio:
        """The quotient.

        Raises:
            NoValueError: it divides by 0.
            BudgetSpentError: it becomes too large.
        """
        return self._times(one, self._inverse(other))

    def _sum(self, terms: tuple[Expression, ...]) -> Ratio:
        result = self.expand(terms[0])
        for term in terms[1:]:
            result = self._plus(result, self.expand(term.inner), -1) if isinstance(term, Negative) else self._plus(result, self.expand(term), 1)
        return result

    def _plus(self, one: Ratio, other: Ratio, sign: int) -> Ratio:
        self.budget.spend(len(one.numerator) + len(other.numerator))
        if one.denominator == other.denominator:
            return Ratio(add(one.numerator, other.numerator, sign), one.denominator)
        left, right = self.times(one.numerator, other.denominator), self.times(other.numerator, one.denominator)
        return self._ratio(add(left, right, sign), self.times(one.denominator, other.denominator))

    def _times(self, one: Ratio, other: Ratio) -> Ratio:
        return self._ratio(self.times(one.numerator, other.numerator), self.times(one.denominator, other.denominator))

    def _ratio(self, top: Polynomial, below: Polynomial) -> Ratio:
        value = constant_value(below)
        if value is None or value == 1:
            return Ratio(top, below)
        if value == 0:
            raise NoValueError("it divides by 0")
        return Ratio(scaled(top, quotient(1, value)), ONE)

    def _inverse(self, ratio: Ratio) -> Ratio:
        if not ratio.numerator:
            raise NoValueError("it divides by 0")
        if constant_value(ratio.numerator) is None:
            self.domain.append(ratio.numerator)
        return self._ratio(ratio.denominator, ratio.numerator)

    def _power(self, base: Ratio, exponent: Fraction) -> Ratio:
        top = exponent.numerator
        if exponent.denominator != 1:
            base = self._root(base, exponent.denominator)
        if top <= 0:  # 0^0 has no value here
            base = self._inverse(base)
            if top == 0:
                return Ratio(ONE, ONE)
            top = -top
        return self._ratio(self._whole_power(base.numerator, top), self._whole_power(base.denominator, top))

    def _whole_power(self, base: Polynomial, exponent: int) -> Polynomial:
        if not self.generators:
            return power(base, exponent, self.budget)
        result = ONE
        for _ in range(exponent):
            result = self.times(result, base)
        return result

    # Generators.

    def _replaced(self, polynomial: Polynomial) -> Polynomial:
        """The polynomial with every power of a generator, from its degree on, replaced."""
        while True:
            self.budget.spend(len(polynomial))
            high = next((monomial for monomial in polynomial if any(n in self.generators and e >= self.generators[n].degree for n, e in monomial)), None)
            if high is None:
                return polynomial
            rest, replacement = list[tuple[str, int]](), constant(polynomial[high])
            for name, exponent in high:
                generator = self.generators.get(name)
                if generator is not None and exponent >= generator.degree:
                    replacement = multiply(replacement, power(generator.replaced, exponent // generator.degree, self.budget), self.budget)
                    exponent %= generator.degree  # noqa: PLW2901
                if exponent:
                    rest.append((name, exponent))
            shifted = multiply(replacement, {tuple(rest): 1}, self.budget)
            polynomial = add({monomial: c for monomial, c in polynomial.items() if monomial != high}, shifted)

    def _generator(self, name: str, generator: Generator) -> Polynomial:
        if any(inner in self.generators for monomial in generator.inner for inner, _ in monomial):
            raise BudgetSpentError("roots and absolute values within one another are not taken apart here")
        self.generators.setdefault(name, generator)
        return variable(name)

    def _root(self, base: Ratio, degree: int) -> Ratio:
        """The root of a quotient: of `a/b` that of `a b^(degree - 1)`, divided by b; for even degrees by |b|, as b may be negative."""
        top, below = base
        value = constant_value(top) if below == ONE else None
        if value is not None:
            return Ratio(self._numeric_root(value, degree), ONE)
        if below != ONE and degree % 2:
            raise BudgetSpentError("an odd root of a quotient is not taken apart here")
        if below != ONE:
            radicand = self.times(top, self._whole_power(below, degree - 1))
            return self._ratio(self._root(Ratio(radicand, ONE), degree).numerator, self._absolute(Ratio(below, ONE)).numerator)
        self.radicands.append(top)
        scale = content(top.values())
        outer = self._numeric_root(rational(scale), degree)
        inner = scaled(top, 1 / scale)
        if degree == 2:
            taken, inner = _square_monomial(inner)
            for name, exponent in taken:
                absolute = self._absolute(Ratio(variable(name), ONE)).numerator
                outer = self.times(outer, self._whole_power(absolute, exponent))
            if inner == ONE:
                return Ratio(outer, ONE)
        name = f"√{degree if degree > 2 else ''}({polynomial_text(inner)})"
        return Ratio(self.times(outer, self._generator(name, Generator(degree, inner, inner, False))), ONE)

    def _numeric_root(self, value: Rational, degree: int) -> Polynomial:
        if value < 0 and degree % 2:
            raise BudgetSpentError("an odd root of a negative number has a value for some and none for others")
        if value < 0:
            raise NoValueError("it takes a root of a negative number")
        if value == 0:
            return {}
        # The root of n/d is that of n d^(degree - 1), divided by d.
        whole = value.numerator * value.denominator ** (degree - 1)
        if whole > MAX_RADICAND:
            raise BudgetSpentError("the root of so great a number is not taken apart here")
        result = constant(Fraction(1, value.denominator))
        for prime, exponent in _prime_factors(whole):
            result = multiply(result, constant(prime ** (exponent // degree)), self.budget)
            if exponent % degree:
                name = f"√{degree if degree > 2 else ''}({prime})"
                root = self._generator(name, Generator(degree, constant(prime), constant(prime), False))
                result = self.times(result, self._whole_power(root, exponent % degree))
        return result

    def _absolute(self, ratio: Ratio) -> Ratio:
        top, below = (self._absolute_polynomial(part) for part in ratio)
        return self._ratio(top, below)

    def _absolute_polynomial(self, inner: Polynomial) -> Polynomial:
        value = constant_value(inner)
        if value is not None:
            return constant(abs(value))
        scale = content(inner.values())
        if inner[min(inner)] < 0:
            scale = -scale
        plain = scaled(inner, 1 / scale)
        square = multiply(plain, plain, self.budget)
        return scaled(self._generator(f"|{polynomial_text(plain)}|", Generator(2, square, plain, True)), rational(abs(scale)))


def is_numeric(generator: Generator) -> bool:
    """Whether it is the square root of a prime: with such generators alone, what is not 0 as a polynomial is not 0."""
    return generator.degree == 2 and not generator.is_absolute and constant_value(generator.inner) is not None


def _square_monomial(polynomial: Polynomial) -> tuple[Monomial, Polynomial]:
    """The greatest monomial whose square divides a polynomial, and what is left."""
    least: dict[str, int] | None = None
    for monomial in polynomial:
        exponents = dict(monomial)
        least = exponents if least is None else {name: min(exponent, exponents[name]) for name, exponent in least.items() if name in exponents}
    taken = tuple(sorted((name, exponent // 2) for name, exponent in (least or {}).items() if exponent >= 2))
    if not taken:
        return (), polynomial
    lowered = {name: 2 * exponent for name, exponent in taken}
    rest = {
        tuple((name, exponent - lowered.get(name, 0)) for name, exponent in monomial if exponent > lowered.get(name, 0)): coefficient
        for monomial, coefficient in polynomial.items()
    }
    return taken, rest


@lru_cache(maxsize=1 << 10)
def _prime_factors(number: int) -> tuple[tuple[int, int], ...]:
    """Primes with their exponents, of a whole number from 1 to MAX_RADICAND."""
    factors: list[tuple[int, int]] = []
    divisor = 2
    while divisor * divisor <= number:
        exponent = 0
        while number % divisor == 0:
            number, exponent = number // divisor, exponent + 1
        if exponent:
            factors.append((divisor, exponent))
        divisor += 1 if divisor == 2 else 2
    return (*factors, (number, 1)) if number > 1 else tuple(factors)

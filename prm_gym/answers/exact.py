"""Exact values: quotients of polynomials whose generators are letters, pi, e, i and roots of primes.

    value = numerator / denominator,   each a sum of   rational * 2^(1/2) * 3^(2/3) * ... * pi^k * e^k * i^k * x^k * ...

Roots of primes with exponents in [0, 1) are linearly independent over the rationals (Besicovitch, 1940), so where nothing else occurs such a sum is
zero exactly when it is empty: equality and inequality are both proven. Whatever else occurs (`sin x`, a root of a sum, `2^x`) is a generator of its own, an
*opaque* one: equality is still proven, inequality is not. That different powers of e and pi are not equal to one another is taken for granted.
"""

import functools
import math
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeAlias

from prm_gym.answers.expression import Node, UnreadableError

Monomial: TypeAlias = tuple[tuple[str, Fraction], ...]
Polynomial: TypeAlias = dict[Monomial, Fraction]

MAX_BITS = 100_000  # of a numerator or denominator
MAX_TERMS = 200
MAX_STEPS = 10_000  # of work for one expression; a step takes some microseconds
MAX_FACTORIAL = 3_000
_TRIAL = 10_000  # primes up to here are found in a radicand

_OPAQUE = "?"  # first character of the name of an opaque generator
_ONE: Monomial = ()


class DividedByZeroError(UnreadableError):
    """The expression has no value."""


@dataclass(frozen=True, slots=True)
class Exact:
    """A value.

    Attributes:
        numerator: see the module.
        denominator: not zero.
    """

    numerator: Polynomial
    denominator: Polynomial

    @property
    def rational(self) -> Fraction | None:
        """The value where it is a rational number that was found to be one."""
        if not self.numerator:
            return Fraction(0)
        first = next(iter(self.denominator))
        ratio = self.numerator.get(first, Fraction(0)) / self.denominator[first]
        return ratio if ratio and self.numerator == {key: factor * ratio for key, factor in self.denominator.items()} else None

    @property
    def generators(self) -> frozenset[str]:
        """Names of everything that is no rational number."""
        return frozenset(name for part in (self.numerator, self.denominator) for key in part for name, _ in key)

    @property
    def letters(self) -> frozenset[str]:
        """Names of the letters in it; those within opaque generators are not among them."""
        return frozenset(name for name in self.generators if name[0] not in _OPAQUE + "0123456789" and name not in ("pi", "e", "i"))

    @property
    def opaque(self) -> bool:
        """Whether something in it is not understood."""
        return any(name[0] == _OPAQUE for name in self.generators)

    @property
    def key(self) -> str:
        """A text; equal keys are equal values, not the other way round."""
        lead = self.denominator[min(self.denominator)]
        return ":".join(repr(sorted((key, str(factor / lead)) for key, factor in part.items())) for part in (self.numerator, self.denominator))


def same(one: Exact, other: Exact) -> bool | None:
    """Whether two values are equal; None where that is not proven either way.

    Raises:
        UnreadableError: they are too large to be compared.
    """
    evaluation = Evaluation()
    difference = _combined(evaluation.times(one.numerator, other.denominator), evaluation.times(other.numerator, one.denominator), -1)
    if not difference:
        return True
    return None if any(name[0] == _OPAQUE for key in difference for name, _ in key) else False


def exact(node: Node) -> Exact:
    """The value of an expression.

    Raises:
        DividedByZeroError: it has none.
        UnreadableError: it is larger than what is computed here (`kind` is "beyond").
    """
    return Evaluation().value(node)


def of_rational(value: Fraction | int) -> Exact:
    """A rational number."""
    value = Fraction(value)
    return Exact({_ONE: value} if value else {}, {_ONE: Fraction(1)})


def _generator(name: str, exponent: Fraction | int = 1) -> Exact:
    return Exact({((name, Fraction(exponent)),): Fraction(1)}, {_ONE: Fraction(1)})


def _opaque(*parts: str) -> Exact:
    name = _OPAQUE + "(".join(parts)
    if len(name) > 4_000:
        raise UnreadableError("an expression that is too large", "beyond")
    return _generator(name)


def _combined(one: Polynomial, other: Polynomial, sign: int) -> Polynomial:
    result = dict(one)
    for key, factor in other.items():
        total = result.get(key, Fraction(0)) + sign * factor
        if total:
            result[key] = total
        else:
            del result[key]
    return result


def _joined(one: Monomial, other: Monomial) -> tuple[Monomial, Fraction]:
    """The product of two monomials, and the rational factor that is left over."""
    if not one or not other:
        return one or other, Fraction(1)
    exponents = dict(one)
    for name, exponent in other:
        exponents[name] = exponents.get(name, Fraction(0)) + exponent
    return _normal(exponents)


def _normal(exponents: dict[str, Fraction]) -> tuple[Monomial, Fraction]:
    """A monomial in which primes have exponents in [0, 1) and i one of 0 and 1, and the rational factor that is left over."""
    scale = Fraction(1)
    for name, exponent in list(exponents.items()):
        if name[0].isdigit():
            whole = math.floor(exponent)
            scale *= Fraction(int(name)) ** whole
            exponents[name] = exponent - whole
        elif name == "i" and exponent.denominator == 1:
            scale *= -1 if exponent % 4 >= 2 else 1
            exponents[name] = exponent % 2
    return tuple(sorted((name, exponent) for name, exponent in exponents.items() if exponent)), scale


def _inverse(value: Exact) -> Exact:
    if not value.numerator:
        raise DividedByZeroError("it divides by zero")
    if len(value.numerator) == 1 and len(value.denominator) == 1:  # of a monomial again a polynomial, so that 1/x + 1/x stays small
        ((key, factor),), ((under, weight),) = value.numerator.items(), value.denominator.items()
        exponents = {name: -exponent for name, exponent in key}
        for name, exponent in under:
            exponents[name] = exponents.get(name, Fraction(0)) + exponent
        inverse, scale = _normal(exponents)
        return Exact({inverse: weight / factor * scale}, {_ONE: Fraction(1)})
    return Exact(value.denominator, value.numerator)


class Evaluation:
    """Computes the values of one tree and of everything in it, within a budget of work.

    Attributes:
        values: of the nodes that have been asked for, by identity.
    """

    def __init__(self) -> None:
        self.values: dict[int, Exact] = {}
        self._steps = 0

    def value(self, node: Node) -> Exact:
        """The value of a node; see `exact`."""
        known = self.values.get(id(node))
        if known is None:
            known = self.values[id(node)] = self._computed(node, [self.value(part) for part in node.parts])
        return known

    def _spend(self, value: Fraction) -> Fraction:
        bits = max(value.numerator.bit_length(), value.denominator.bit_length())
        if bits > MAX_BITS:
            raise UnreadableError(f"a number of more than {MAX_BITS * 3 // 10:,} digits", "beyond")
        self._steps += 1 + (bits // 1_000) ** 2
        if self._steps > MAX_STEPS:
            raise UnreadableError("an expression that takes too long to compute", "beyond")
        return value

    def times(self, one: Polynomial, other: Polynomial) -> Polynomial:
        """The product of two polynomials."""
        result: Polynomial = {}
        for key, factor in one.items():
            for second, weight in other.items():
                product, scale = _joined(key, second)
                total = result.get(product, Fraction(0)) + self._spend(factor * weight * scale)
                if total:
                    result[product] = total
                else:
                    result.pop(product, None)
        if len(result) > MAX_TERMS:
            raise UnreadableError(f"a sum of more than {MAX_TERMS} terms", "beyond")
        return result

    def _plus(self, one: Exact, other: Exact) -> Exact:
        if one.denominator == other.denominator:
            for factor in other.numerator.values():
                self._spend(factor)
            return Exact(_combined(one.numerator, other.numerator, 1), one.denominator)
        left, right = self.times(one.numerator, other.denominator), self.times(other.numerator, one.denominator)
        return Exact(_combined(left, right, 1), self.times(one.denominator, other.denominator))

    def _product(self, one: Exact, other: Exact) -> Exact:
        return Exact(self.times(one.numerator, other.numerator), self.times(one.denominator, other.denominator))

    def _computed(self, node: Node, parts: list[Exact]) -> Exact:
        match node.kind:
            case "number":
                return of_rational(self._spend(node.value))
            case "name":
                if node.name == "infty":
                    raise UnreadableError("infinity within an expression")
                return _generator(node.name)
            case "negative":
                return self._product(of_rational(-1), parts[0])
            case "sum":
                return functools.reduce(self._plus, parts)
            case "product":
                return functools.reduce(self._product, parts)
            case "quotient":
                return self._product(parts[0], _inverse(parts[1]))
            case "root":
                degree = parts[0].rational
                if degree is None or degree.denominator != 1 or not 2 <= degree <= 100:
                    raise UnreadableError("a root whose degree is no whole number from 2 to 100", "beyond")
                return self._root(parts[1], Fraction(1, degree.numerator), real=True)
            case "power":
                return self._power(parts[0], parts[1])
            case "call":
                return _call(node.name, parts)

    def _power(self, base: Exact, exponent: Exact) -> Exact:
        power = exponent.rational
        if power is None:
            return _opaque("power", base.key, exponent.key)
        if power.denominator != 1:
            return self._root(base, power, real=False)
        value = base.rational
        if value is not None:
            return of_rational(_rational_power(value, power.numerator))
        times = abs(power.numerator)
        if times > 10_000:
            raise UnreadableError("an exponent that is too large", "beyond")
        result, square = of_rational(1), base
        while times:
            if times & 1:
                result = self._product(result, square)
            times >>= 1
            square = self._product(square, square) if times else square
        return _inverse(result) if power < 0 else result

    def _root(self, base: Exact, power: Fraction, real: bool) -> Exact:
        """A power that is no whole number: of a rational number, or of one letter; anything else is opaque."""
        value = base.rational
        if value is not None:
            return self._rational_root(value, power, real)
        single = len(base.numerator) == 1 and base.denominator == {_ONE: Fraction(1)}
        if single:
            ((key, factor),) = base.numerator.items()
            if factor == 1 and len(key) == 1 and key[0][0] == "e":
                return _generator("e", key[0][1] * power)
            if factor == 1 and len(key) == 1 and key[0][1] == 1 and not key[0][0][0].isdigit() and key[0][0] != "i":
                return _generator(key[0][0], power)
        return _opaque("power", base.key, str(power))

    def _rational_root(self, value: Fraction, power: Fraction, real: bool) -> Exact:
        if value == 0:
            if power < 0:
                raise DividedByZeroError("it divides by zero")
            return of_rational(0)
        sign = of_rational(1)
        if value < 0:
            if power == Fraction(1, 2):
                sign = _generator("i")
            elif real and power.numerator == 1 and power.denominator % 2:
                sign = of_rational(-1)
            else:
                return _opaque("power", str(value), str(power))
        result = sign
        for radicand, direction in ((abs(value.numerator), 1), (value.denominator, -1)):
            self._steps += 50
            primes = _factors(radicand)
            if primes is None or abs(power) > 1_000:
                return _opaque("power", str(value), str(power))
            for prime, times in primes.items():
                exponent = direction * times * power
                whole = math.floor(exponent)
                part = of_rational(_rational_power(Fraction(prime), whole))
                result = self._product(result, part if exponent == whole else self._product(part, _generator(str(prime), exponent - whole)))
        return result


def _rational_power(value: Fraction, power: int) -> Fraction:
    if value == 0 and power < 0:
        raise DividedByZeroError("it divides by zero")
    bits = max(value.numerator.bit_length(), value.denominator.bit_length())
    if abs(value) != 1 and value and bits * abs(power) > MAX_BITS:
        raise UnreadableError("a power that is too great", "beyond")
    if abs(value) == 1:
        power %= 2
    return value**power


def _factors(number: int) -> dict[int, int] | None:
    """Its prime factors; None where it is too large to find them quickly."""
    if number.bit_length() > 128:
        return None
    found: dict[int, int] = {}
    divisor = 2
    while divisor * divisor <= number and divisor < _TRIAL:
        while number % divisor == 0:
            number //= divisor
            found[divisor] = found.get(divisor, 0) + 1
        divisor += 1 if divisor == 2 else 2
    if number > 1:
        side = math.isqrt(number)
        if number >= _TRIAL * _TRIAL and not (side * side == number and side < _TRIAL * _TRIAL):
            return None
        if number >= _TRIAL * _TRIAL:
            found[side] = found.get(side, 0) + 2
        else:
            found[number] = found.get(number, 0) + 1
    return found


def _call(name: str, parts: list[Exact]) -> Exact:
    values = [part.rational for part in parts]
    first = values[0]
    if name == "factorial" and first is not None:
        if first.denominator != 1 or first < 0:
            return _opaque(name, str(first))
        if first > MAX_FACTORIAL:
            raise UnreadableError(f"the factorial of a number above {MAX_FACTORIAL:,}", "beyond")
        return of_rational(math.factorial(first.numerator))
    if name == "binom" and all(value is not None and value.denominator == 1 and 0 <= value <= 10_000 for value in values):
        above, below = (int(value or 0) for value in values)
        return of_rational(math.comb(above, below))
    if first is not None and len(values) == 1:
        if name == "abs":
            return of_rational(abs(first))
        if name in ("floor", "ceil"):
            return of_rational(math.floor(first) if name == "floor" else math.ceil(first))
    return _opaque(name, *(part.key for part in parts))

"""Systems of linear equations over the rationals: row reduction, and points that tell two systems apart."""

from collections.abc import Iterable
from typing import TypeAlias

from prm_gym.algebra.polynomial import Polynomial, Rational, add, quotient, rational, scaled

Point: TypeAlias = dict[str, Rational]
"""A value for each name."""


class LinearSystem:
    """Equations `polynomial = 0` of degree at most 1, reduced.

    Attributes:
        rows: by the name that each row is solved for: it has there the coefficient 1 and stands in no other row.
        consistent: whether the equations have a solution.
    """

    __slots__ = ("consistent", "rows")

    def __init__(self, equations: Iterable[Polynomial] = ()) -> None:
        """Reduce the equations."""
        self.rows: dict[str, Polynomial] = {}
        self.consistent = True
        for equation in equations:
            self.add(equation)

    def reduced(self, polynomial: Polynomial) -> Polynomial:
        """The polynomial, linear, modulo the equations: 0 exactly when it vanishes on every solution (of a system that has one)."""
        for monomial, coefficient in list(polynomial.items()):
            row = self.rows.get(monomial[0][0]) if monomial else None
            if row is not None:
                polynomial = add(polynomial, row, -coefficient)
        return polynomial

    def add(self, equation: Polynomial) -> bool:
        """Take in one more equation; whether it says something new. After a contradiction nothing does."""
        rest = self.reduced(equation)
        if not rest or not self.consistent:
            return False
        names = sorted(monomial for monomial in rest if monomial)
        if not names:
            self.consistent = False
            return True
        pivot = names[0]
        row = scaled(rest, quotient(1, rest[pivot]))
        for name, other in self.rows.items():
            if pivot in other:
                self.rows[name] = add(other, row, -other[pivot])
        self.rows[pivot[0][0]] = row
        return True

    def solution(self, free: Point) -> Point:
        """The solution with these values for the names that are not solved for; 0 for those that are not given.

        Only for a system that is consistent.
        """
        point = {monomial[0][0]: free.get(monomial[0][0], 0) for row in self.rows.values() for monomial in row if monomial}
        point.update({name: value for name, value in free.items() if name not in self.rows})
        for name, row in self.rows.items():
            value: Rational = 0
            for monomial, coefficient in row.items():
                if not monomial:
                    value = value - coefficient
                elif monomial[0][0] != name:
                    value = value - coefficient * point[monomial[0][0]]
            point[name] = rational(value)
        return point

    def counterexample(self, polynomial: Polynomial) -> Point | None:
        """A solution at which a linear polynomial is not 0, with a value for each of its names; None when it vanishes on all, or there is none."""
        rest = self.reduced(polynomial) if self.consistent else {}
        if not rest:
            return None
        free: Point = {monomial[0][0]: 0 for monomial in polynomial if monomial}
        if () not in rest:  # the rest has names alone, none of them solved for: one of them at 1 makes it its coefficient
            free[next(monomial[0][0] for monomial in sorted(rest))] = 1
        return self.solution(free)

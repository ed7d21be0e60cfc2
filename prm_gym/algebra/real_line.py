"""Relations in one unknown, decided on the real line.

The polynomials that occur cut the line into finitely many cells: their real roots, and the open intervals between them. On a cell every one of them has one
sign, so every relation is true on all of it or on none of it. The roots are algebraic numbers, isolated between rationals; all signs are exact. So
equations and inequalities, polynomial and rational, with absolute values and square roots, are decided in one way, domains included.

    sign(P + Q sqrt(u)) = sign(P) where P and Q sqrt(u) do not differ in sign,   sign(P) sign(P^2 - Q^2 u) otherwise.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from prm_gym.algebra.equation import Equation, expanded
from prm_gym.algebra.expansion import Expander, Generator
from prm_gym.algebra.expression import Relation, RelationSymbol, Statement
from prm_gym.algebra.polynomial import BudgetSpentError, Polynomial, add, multiply, polynomial_names, scaled
from prm_gym.algebra.univariate import Coefficients, Root, coefficients, least_common_multiple, rational_or_near, real_roots, sign_at, square_free

MAX_GENERATORS = 3  # different roots and absolute values in one relation

_HOLDS: dict[RelationSymbol, tuple[int, ...]] = {"=": (0,), "!=": (-1, 1), "<": (-1,), "<=": (-1, 0), ">": (1,), ">=": (0, 1)}


@dataclass(frozen=True, slots=True)
class Cell:
    """A part of the line: one root, or the open interval that a point between two roots stands for."""

    root: Root
    is_root: bool

    def sign(self, polynomial: Coefficients) -> int:
        """The sign that a polynomial whose roots are among those that cut the line has on this cell."""
        if not polynomial:
            return 0
        low, high = self.root
        if low == high:
            return sign_at(polynomial, low)
        plain = square_free(polynomial)
        return 0 if sign_at(plain, low) != sign_at(plain, high) else sign_at(polynomial, low)


@dataclass(frozen=True, slots=True)
class _Signs:
    """Which polynomials decide the sign of one with generators, and how."""

    name: str
    expander: Expander

    def critical(self, polynomial: Polynomial) -> list[Coefficients]:
        """The polynomials that must cut the line."""
        found = self._generator(polynomial)
        if found is None:
            plain = coefficients(polynomial, self.name)
            return [plain] if plain else []
        generator, parts = found
        return [*([inner] if (inner := coefficients(generator.inner, self.name)) else []), *(c for part in parts for c in self.critical(part))]

    def sign(self, polynomial: Polynomial, cell: Cell) -> int:
        """The sign on a cell where every radicand is at least 0."""
        found = self._generator(polynomial)
        if found is None:
            return cell.sign(coefficients(polynomial, self.name))
        generator, parts = found
        inner = cell.sign(coefficients(generator.inner, self.name))
        if generator.is_absolute:
            return self.sign(parts[0] if inner >= 0 else parts[1], cell)
        plain = self.sign(parts[0], cell)
        rooted = self.sign(parts[1], cell) if inner else 0
        if plain * rooted >= 0:
            return plain or rooted
        return plain * self.sign(parts[2], cell)

    def _generator(self, polynomial: Polynomial) -> tuple[Generator, tuple[Polynomial, ...]] | None:
        """A generator that a polynomial has, and the polynomials without it whose signs decide its own."""
        name = min((name for name in polynomial_names(polynomial) if name != self.name), default=None)
        if name is None:
            return None
        generator = self.expander.generators.get(name)
        if generator is None or generator.degree != 2 or len(self.expander.generators) > MAX_GENERATORS:
            raise BudgetSpentError("roots of this kind are not decided on the real line")
        plain = {monomial: c for monomial, c in polynomial.items() if all(other != name for other, _ in monomial)}
        factor = {tuple(part for part in monomial if part[0] != name): c for monomial, c in polynomial.items() if monomial not in plain}
        if generator.is_absolute:
            with_inner = multiply(factor, generator.inner, self.expander.budget)
            return generator, (add(plain, with_inner), add(plain, scaled(with_inner, -1)))
        times = self.expander.times
        return generator, (plain, factor, add(times(plain, plain), times(times(factor, factor), generator.inner), -1))


@dataclass(frozen=True, slots=True)
class _Condition:
    """One relation, ready to be asked on a cell."""

    equation: Equation
    symbol: RelationSymbol
    signs: _Signs

    def critical(self) -> list[Coefficients]:
        equation = self.equation
        polynomials = (equation.difference, equation.denominator, *equation.domain, *equation.radicands)
        return [critical for polynomial in polynomials for critical in self.signs.critical(polynomial)]

    def holds(self, cell: Cell) -> bool:
        equation, sign = self.equation, self.signs.sign
        if any(sign(radicand, cell) < 0 for radicand in equation.radicands) or any(sign(polynomial, cell) == 0 for polynomial in equation.domain):
            return False
        return sign(equation.difference, cell) * sign(equation.denominator, cell) in _HOLDS[self.symbol]


def _condition(relation: Relation, name: str) -> _Condition | None:
    """A relation ready to be asked; None where a side has a value nowhere, so that it never holds."""
    equation = expanded(relation)
    return None if equation is None else _Condition(equation, relation.symbol, _Signs(name, Expander(generators=dict(equation.generators))))


class Line:
    """The real line, cut by everything that occurs in some statements.

    Attributes:
        cells: in order.
    """

    def __init__(self, statements: Iterable[Statement], name: str) -> None:
        """Cut the line.

        Args:
            statements: in no other name than this one.
            name: the unknown.

        Raises:
            BudgetSpentError: they are beyond what is decided here.
        """
        relations = (relation for statement in statements for together in statement.alternatives for relation in together)
        self._conditions = {relation: _condition(relation, name) for relation in dict.fromkeys(relations)}
        self._polynomial = least_common_multiple(critical for condition in self._conditions.values() if condition for critical in condition.critical())
        self.cells = _cells(real_roots(self._polynomial))

    def truth(self, statements: Sequence[Statement], cell: Cell) -> bool:
        """Whether all the statements, of those the line was cut for, hold on a cell."""
        return all(any(all(self._holds(relation, cell) for relation in together) for together in statement.alternatives) for statement in statements)

    def _holds(self, relation: Relation, cell: Cell) -> bool:
        condition = self._conditions[relation]
        return condition is not None and condition.holds(cell)

    def example(self, cell: Cell) -> Root:
        """A point of a cell: exactly where it is rational, otherwise bounds that it lies between."""
        return cell.root if cell.root.low == cell.root.high else rational_or_near(self._polynomial, cell.root)


def _cells(roots: Sequence[Root]) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for place, root in enumerate(roots):
        point = root.low - 1 if place == 0 else _between(roots[place - 1], root)
        cells += [Cell(Root(point, point), False), Cell(root, True)]
    end = roots[-1].high + 1 if roots else Fraction(0)
    return (*cells, Cell(Root(end, end), False))


def _between(one: Root, other: Root) -> Fraction:
    """A point between two roots, with a small denominator where there is one; ends of intervals are no roots, unless they are the root itself."""
    low, high = one.high, other.low
    if low == high:
        return low
    whole = Fraction(low.numerator // low.denominator + 1)
    return whole if whole < high else (low + high) / 2


def root_text(root: Root) -> str:
    """A root as evidence: its value, or the bounds."""
    return str(root.low) if root.low == root.high else f"between {float(root.low):.10g} and {float(root.high):.10g}"

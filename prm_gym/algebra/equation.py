"""Equations as polynomials, and when two lines say the same in the same words."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from prm_gym.algebra.expansion import ONE, Expander, Generator, NoValueError
from prm_gym.algebra.expression import (
    Absolute,
    Expression,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Quotient,
    Relation,
    Statement,
    Sum,
    names_of,
    number,
    write,
    write_relation,
)
from prm_gym.algebra.polynomial import Polynomial, is_linear
from prm_gym.algebra.reading import read_expression, read_statement

_ZERO, _ONE = number(0), number(1)


@dataclass(frozen=True, slots=True)
class Equation:
    """One equation, expanded.

    Attributes:
        relation: as it was read.
        difference: numerator of left minus right.
        denominator: of the same.
        domain: polynomials that must not be 0 for it to have a meaning; none constant.
        radicands: polynomials that must not be negative.
        generators: the roots and absolute values in the polynomials.
    """

    relation: Relation
    difference: Polynomial
    denominator: Polynomial
    domain: tuple[Polynomial, ...]
    radicands: tuple[Polynomial, ...]
    generators: dict[str, Generator]

    @property
    def is_linear(self) -> bool:
        """Whether it is a linear equation with rational coefficients and nothing else."""
        return not (self.domain or self.radicands or self.generators or not is_linear(self.difference) or self.denominator != ONE)


@lru_cache(maxsize=1 << 12)
def expanded(relation: Relation) -> Equation | None:
    """The equation of a relation, whatever its sign; None when a side has a value nowhere.

    Raises:
        BudgetSpentError: it is too large.
    """
    expander = Expander()
    try:
        difference = expander.difference(relation.left, relation.right)
    except NoValueError:
        return None
    return Equation(relation, difference.numerator, difference.denominator, tuple(expander.domain), tuple(expander.radicands), expander.generators)


@lru_cache(maxsize=1 << 12)
def linear_equation(text: str) -> Polynomial | None:
    """The polynomial of a line that is a linear equation with rational coefficients; None when it is anything else.

    Raises:
        AlgebraError: the line is not read.
        BudgetSpentError: it is too large.
    """
    relation = read_statement(text).equation
    if relation is None:
        return None
    equation = expanded(relation)
    return equation.difference if equation is not None and equation.is_linear and "pi" not in _names_in(text) else None


@lru_cache(maxsize=1 << 12)
def single_relations(text: str) -> tuple[str, ...]:
    """A line without alternatives as its single relations; any other as it is.

    >>> single_relations("total = 3 * 4 = 12")
    ('total = 3*4', '3*4 = 12')

    Raises:
        AlgebraError: the line is not read.
    """
    first, *others = read_statement(text).alternatives
    return (text,) if others or len(first) == 1 else tuple(write_relation(relation) for relation in first)


def statement_names(statements: Iterable[Statement]) -> frozenset[str]:
    """The names in statements."""
    relations = (relation for statement in statements for together in statement.alternatives for relation in together)
    return frozenset[str]().union(*(names_of(side) for relation in relations for side in (relation.left, relation.right)))


def names_in(texts: Iterable[str]) -> frozenset[str]:
    """The names in lines.

    Raises:
        AlgebraError: one of them is not read.
    """
    return frozenset[str]().union(*map(_names_in, texts))


@lru_cache(maxsize=1 << 12)
def _names_in(text: str) -> frozenset[str]:
    return statement_names([read_statement(text)])


# The same in the same words.


@lru_cache(maxsize=1 << 12)
def restatement_key(text: str) -> str:
    """Equal for two lines that say the same in the same words: spacing, order, the sides of a relation, `+ 0`, `* 1`, `0.5` for `1/2`, spare parentheses aside.

    Raises:
        AlgebraError: the line is not read.
    """
    clauses = (" and ".join(sorted(_relation_key(relation) for relation in together)) for together in read_statement(text).alternatives)
    return " or ".join(sorted(clauses))


def is_restated(one: Expression, other: Expression) -> bool:
    """Whether two expressions are the same in the same words (see `restatement_key`)."""
    return normal(one) == normal(other)


@lru_cache(maxsize=1 << 10)
def normal_of(text: str) -> Expression:
    """The normal form of the expression that a text holds: equal for two that are the same in the same words.

    Raises:
        AlgebraError: the text is not read.
    """
    return normal(read_expression(text))


def _relation_key(relation: Relation) -> str:
    left, right, symbol = write(normal(relation.left)), write(normal(relation.right)), relation.symbol
    if symbol in (">", ">="):
        left, right, symbol = right, left, "<" if symbol == ">" else "<="
    if symbol in ("=", "!=") and right < left:
        left, right = right, left
    return f"{left} {symbol} {right}"


def normal(expression: Expression) -> Expression:
    """The expression with terms and factors in order, and without what changes nothing: `+ 0`, `* 1`, `/ 1`, `^1`, double signs. No arithmetic is done."""
    match expression:
        case Number(value):
            return number(value)
        case Name():
            return expression
        case Negative(inner):
            return _negated(normal(inner))
        case Sum(terms):
            return _gathered(Sum, [normal(term) for term in terms], _ZERO)
        case Product(factors):
            signs, plain = zip(*(_unsigned(normal(factor)) for factor in factors), strict=True)
            product = _gathered(Product, list(plain), _ONE)
            return _negated(product) if sum(signs) % 2 else product
        case Quotient(numerator, denominator):
            (minus, top), (other, below) = _unsigned(normal(numerator)), _unsigned(normal(denominator))
            quotient = top if below == _ONE else Quotient(top, below)
            return _negated(quotient) if minus != other else quotient
        case Power(base, exponent):
            return normal(base) if exponent == 1 else Power(normal(base), exponent)
        case Absolute(inner):
            return Absolute(_unsigned(normal(inner))[1])


def _negated(expression: Expression) -> Expression:
    return expression.inner if isinstance(expression, Negative) else expression if expression == _ZERO else Negative(expression)


def _unsigned(expression: Expression) -> tuple[bool, Expression]:
    return (True, expression.inner) if isinstance(expression, Negative) else (False, expression)


def _gathered(kind: type[Sum] | type[Product], parts: list[Expression], neutral: Expression) -> Expression:
    """Nested sums of sums, or products of products, as one, in order, without their neutral element."""
    flat: list[Expression] = []
    for part in parts:
        if isinstance(part, Sum) and kind is Sum:
            flat.extend(part.terms)
        elif isinstance(part, Product) and kind is Product:
            flat.extend(part.factors)
        elif part != neutral:
            flat.append(part)
    if not flat:
        return neutral
    return flat[0] if len(flat) == 1 else kind(tuple(sorted(flat, key=write)))

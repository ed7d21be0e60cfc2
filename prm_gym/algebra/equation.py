"""Equations as polynomials, and when two lines say the same in the same words."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from prm_gym.algebra.expansion import ONE, Expander, Generator, NoValueError
from prm_gym.algebra.expression import Absolute, Expression, Name, Negative, Number, Power, Product, Quotient, Relation, Statement, Sum, names_of
from prm_gym.algebra.polynomial import Polynomial, is_linear
from prm_gym.algebra.reading import read_statement

Form: TypeAlias = tuple[object, ...]
"""A tree with the order of terms and factors taken out; compares as the expression does, spacing and order aside."""


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
    return equation.difference if equation is not None and equation.is_linear and "pi" not in statement_names([read_statement(text)]) else None


def statement_names(statements: Iterable[Statement]) -> frozenset[str]:
    """The names in statements."""
    relations = (relation for statement in statements for together in statement.alternatives for relation in together)
    return frozenset[str]().union(*(names_of(side) for relation in relations for side in (relation.left, relation.right)))


# The same in the same words.


class _Flat(NamedTuple):
    """Terms or factors without their neutral element, and what the numbers among them come to where there is only one."""

    parts: list[Form]


@lru_cache(maxsize=1 << 12)
def restatement_key(text: str) -> tuple[Form, ...]:
    """Equal for two lines that say the same in the same words: spacing, order, the sides of a relation, `+ 0`, `* 1`, `0.5` for `1/2`, spare parentheses aside.

    Raises:
        AlgebraError: the line is not read.
    """
    statement = read_statement(text)
    return tuple(sorted((tuple(sorted((_relation_form(relation) for relation in together), key=repr)) for together in statement.alternatives), key=repr))


def expression_form(expression: Expression) -> Form:
    """Equal for two expressions that are the same in the same words (see `restatement_key`)."""
    match expression:
        case Number(value):
            return ("number", value)
        case Name(text):
            return ("name", text)
        case Negative(inner):
            return _negative_form(expression_form(inner))
        case Sum(terms):
            return _gathered("sum", terms, ("number", Fraction(0)))
        case Product(factors):
            return _gathered("product", factors, ("number", Fraction(1)))
        case Quotient(numerator, denominator):
            return _quotient_form(expression_form(numerator), expression_form(denominator))
        case Power(base, exponent):
            return expression_form(base) if exponent == 1 else ("power", expression_form(base), exponent)
        case Absolute(inner):
            return ("absolute", expression_form(inner))


def _relation_form(relation: Relation) -> Form:
    left, right, symbol = expression_form(relation.left), expression_form(relation.right), relation.symbol
    if symbol in (">", ">="):
        left, right, symbol = right, left, "<" if symbol == ">" else "<="
    if symbol in ("=", "!="):
        left, right = sorted((left, right), key=repr)
    return (symbol, left, right)


def _negative_form(inner: Form) -> Form:
    if inner[0] == "number" and isinstance(inner[1], Fraction):
        return ("number", -inner[1])
    if inner[0] == "negative" and isinstance(inner[1], tuple):
        return inner[1]
    return ("negative", inner)


def _quotient_form(top: Form, below: Form) -> Form:
    if below == ("number", Fraction(1)):
        return top
    if isinstance(top[1], Fraction) and isinstance(below[1], Fraction) and below[1]:
        return ("number", top[1] / below[1])
    return ("quotient", top, below)


def _gathered(kind: str, parts: tuple[Expression, ...], neutral: Form) -> Form:
    """Nested sums of sums as one, in order, without what changes nothing; signs of factors stand before the product."""
    forms: list[Form] = []
    negative = False
    for part in parts:
        form = expression_form(part)
        while kind == "product" and form[0] == "negative" and isinstance(form[1], tuple):
            negative, form = not negative, form[1]
        if kind == "product" and form[0] == "number" and isinstance(form[1], Fraction) and form[1] < 0:
            negative, form = not negative, ("number", -form[1])
        inner = form[1] if form[0] == kind else (form,)
        forms.extend(other for other in inner if other != neutral) if isinstance(inner, tuple) else None
    if not forms:
        result = neutral
    elif len(forms) == 1:
        result = forms[0]
    else:
        result = (kind, tuple(sorted(forms, key=repr)))
    return _negative_form(result) if negative else result

"""Expressions and relations of school algebra, as immutable trees, and how they are written.

Writing and reading (`prm_gym.algebra.reading`) undo one another: a tree that was read is read again from what `write` makes of it.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from prm_gym.errors import PrmGymError

Defect: TypeAlias = Literal["syntax", "bounds", "unsupported", "ambiguous"]
RelationSymbol: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]


class AlgebraError(PrmGymError, ValueError):
    """A text of algebra that is not read.

    Attributes:
        kind: `syntax` (it is no expression), `bounds` (beyond what is read here), `unsupported` (mathematics that is not read here: `sin`, `x!`, `2^x`) or
            `ambiguous` (people disagree on what it means: `1/2x`).
        position: of the character where reading stopped, from 0.
    """

    def __init__(self, message: str, kind: Defect = "syntax", position: int = 0) -> None:
        """Say what is wrong and where."""
        self.message = message
        self.kind: Defect = kind
        self.position = position
        super().__init__(message)

    def __reduce__(self) -> tuple[type["AlgebraError"], tuple[str, Defect, int]]:
        """Rebuild from the constructor's own arguments, so that the error crosses processes."""
        return (AlgebraError, (self.message, self.kind, self.position))


@dataclass(frozen=True, slots=True)
class Number:
    """A literal: a whole number or a finite decimal, not below 0."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Name:
    """An unknown or a quantity. `pi` is the number."""

    text: str


@dataclass(frozen=True, slots=True)
class Negative:
    """`-inner`."""

    inner: "Expression"


@dataclass(frozen=True, slots=True)
class Sum:
    """At least two terms; a term that is subtracted is `Negative`."""

    terms: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Product:
    """At least two factors."""

    factors: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Quotient:
    """`numerator / denominator`."""

    numerator: "Expression"
    denominator: "Expression"


@dataclass(frozen=True, slots=True)
class Power:
    """`base ^ exponent`; the exponent 1/2 is `sqrt`, which has a value where the base is not negative.

    Whether an odd root of a negative number has one, people disagree; nothing is decided that depends on it. `0^0` has none.
    """

    base: "Expression"
    exponent: Fraction


@dataclass(frozen=True, slots=True)
class Absolute:
    """`|inner|`."""

    inner: "Expression"


Expression: TypeAlias = Number | Name | Negative | Sum | Product | Quotient | Power | Absolute


@dataclass(frozen=True, slots=True)
class Relation:
    """Two expressions and how they compare."""

    left: Expression
    symbol: RelationSymbol
    right: Expression


@dataclass(frozen=True, slots=True)
class Statement:
    """What one line says: alternatives (`or`), each of them relations that hold together (`and`, and chains such as `1 < x < 3`)."""

    alternatives: tuple[tuple[Relation, ...], ...]

    @property
    def equation(self) -> Relation | None:
        """The equation that it is; None when it is anything else."""
        if len(self.alternatives) == 1 and len(self.alternatives[0]) == 1 and self.alternatives[0][0].symbol == "=":
            return self.alternatives[0][0]
        return None


ONE_HALF = Fraction(1, 2)


def children(expression: Expression) -> tuple[Expression, ...]:
    """The expressions that one is made of directly."""
    match expression:
        case Number() | Name():
            return ()
        case Negative(inner) | Absolute(inner):
            return (inner,)
        case Sum(parts) | Product(parts):
            return parts
        case Quotient(numerator, denominator):
            return (numerator, denominator)
        case Power(base):
            return (base,)


def names_of(expression: Expression) -> frozenset[str]:
    """The names in an expression."""
    found: set[str] = set()
    pending: list[Expression] = [expression]
    while pending:
        node = pending.pop()
        if isinstance(node, Name):
            found.add(node.text)
        pending.extend(children(node))
    return frozenset(found)


def size_of(expression: Expression) -> int:
    """How many numbers, names and operations an expression has."""
    count, pending = 0, [expression]
    while pending:
        parts = children(pending.pop())
        count += max(1, len(parts) - 1) if parts else 1
        pending.extend(parts)
    return count


def number(value: Fraction | int) -> Expression:
    """A rational number as an expression: `7`, `-7`, `7/2`, `-7/2`; quotients of whole numbers, not decimals."""
    value = Fraction(value)
    size = abs(value)
    shown: Expression = Number(Fraction(size.numerator))
    if size.denominator != 1:
        shown = Quotient(shown, Number(Fraction(size.denominator)))
    return Negative(shown) if value < 0 else shown


# Writing. The levels say what binds tighter: a part is put in parentheses when its own level is below the one that its place asks for.

_SUM, _SIGNED, _PRODUCT, _POWER, _ATOM = range(5)


def write(expression: Expression) -> str:
    """The expression in ASCII, as it is written at school: `3x + 2(x - 1)`.

    >>> write(Sum((Product((Number(Fraction(3)), Name("x"))), Negative(Number(Fraction(1, 2))))))
    '3x - 0.5'
    """
    return _written(expression)[0]


def write_relation(relation: Relation) -> str:
    """The relation in ASCII."""
    return f"{write(relation.left)} {relation.symbol} {write(relation.right)}"


def write_statement(statement: Statement) -> str:
    """The statement in ASCII; a chain is written with `and`."""
    return " or ".join(" and ".join(write_relation(relation) for relation in together) for together in statement.alternatives)


def decimal_text(value: Fraction) -> str:
    """A finite decimal, exactly.

    Raises:
        ValueError: it is none.
    """
    if value.denominator == 1:
        return str(value.numerator)
    twos, fives, rest = 0, 0, value.denominator
    while rest % 2 == 0:
        twos, rest = twos + 1, rest // 2
    while rest % 5 == 0:
        fives, rest = fives + 1, rest // 5
    if rest != 1:
        raise ValueError(f"{value} is no finite decimal")
    places = max(twos, fives)
    scaled = value.numerator * 10**places // value.denominator
    return f"{Decimal((scaled < 0, tuple(map(int, str(abs(scaled)))), -places)):f}"


def _written(expression: Expression) -> tuple[str, int]:
    match expression:
        case Number(value):
            return decimal_text(value), _ATOM
        case Name(text):
            return text, _ATOM
        case Negative(inner):
            return "-" + _part(inner, _PRODUCT), _SIGNED
        case Sum(terms):
            return _sum_text(terms), _SUM
        case Product(factors):
            return _product_text(factors), _PRODUCT
        case Quotient(numerator, denominator):
            return f"{_part(numerator, _PRODUCT)}/{_part(denominator, _POWER)}", _PRODUCT
        case Power(base, exponent):
            if exponent == ONE_HALF:
                return f"sqrt({write(base)})", _ATOM
            plain = exponent.denominator == 1 and exponent >= 0
            return f"{_part(base, _ATOM)}^{exponent}" if plain else f"{_part(base, _ATOM)}^({exponent})", _POWER
        case Absolute(inner):
            return f"abs({write(inner)})", _ATOM


def _part(expression: Expression, least: int) -> str:
    text, level = _written(expression)
    return text if level >= least else f"({text})"


def _sum_text(terms: tuple[Expression, ...]) -> str:
    texts = [_part(terms[0], _SIGNED)]
    for term in terms[1:]:
        texts.append(f"- {_part(term.inner, _PRODUCT)}" if isinstance(term, Negative) else f"+ {_part(term, _PRODUCT)}")
    return " ".join(texts)


def _product_text(factors: tuple[Expression, ...]) -> str:
    """`2x`, `3(x + 1)`, `x*y`: the sign of multiplication is left out after a number and between parentheses, where nothing else could be meant."""
    text = ""
    for place, factor in enumerate(factors):
        shown, level = _written(factor)
        bare = level >= _POWER
        if not bare or isinstance(factor, Product | Quotient):
            shown = f"({shown})"
        scientific = shown[0] in "eE" and shown[1:2].isdigit()
        silent = not shown[0].isdigit() and not scientific and (isinstance(factors[place - 1], Number) or text.endswith(")"))
        text += shown if place == 0 or silent else f"*{shown}"
    return text

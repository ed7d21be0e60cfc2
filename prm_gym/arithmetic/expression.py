"""Exact rational arithmetic on text.

Reading is bounded in every direction, so that any text may be handed to it: there is no power operator (towers of powers are an attack), no name, no
`eval`, and what is longer, deeper or greater than the bounds is an error that says so. The grammar:

    expression = term (("+" | "-") term)*
    term       = factor (("*" | "/" | "×" | "÷") factor)*
    factor     = ("+" | "-" | "−")* (number | "(" expression ")")
    number     = digits ["." digits], ASCII digits, thousands set off with commas or not at all
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Literal, TypeAlias

from prm_gym.errors import PrmGymError

Symbol: TypeAlias = Literal["+", "-", "*", "/"]
Defect: TypeAlias = Literal["syntax", "bounds", "zero"]

MAX_LENGTH = 1000  # characters of an expression
MAX_NESTING = 64  # parentheses within parentheses
MAX_DIGITS = 100  # of a number that is read, and of numerator and denominator of every result

_SHORT = 32  # characters of what is kept once it has been read: some kilobytes each at worst
_TOO_GREAT = 10**MAX_DIGITS
_TOKEN = re.compile(r"[ \t]*(?:([0-9][0-9,]*(?:\.[0-9]+)?)|([-+*/()×÷−]))")
_PLAIN_DIGITS = re.compile(r"[0-9]+|[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_ASCII_SYMBOL: dict[str, Symbol] = {"+": "+", "-": "-", "−": "-", "*": "*", "×": "*", "/": "/", "÷": "/"}


class ExpressionError(PrmGymError, ValueError):
    """A text that has no value as an expression.

    Attributes:
        kind: `syntax` (no expression), `bounds` (beyond what is read here; it may well be one) or `zero` (it divides by zero).
    """

    def __init__(self, message: str, kind: Defect = "syntax") -> None:
        """Say what is wrong and where."""
        self.message = message
        self.kind: Defect = kind
        super().__init__(message)

    def __reduce__(self) -> tuple[type["ExpressionError"], tuple[str, Defect]]:
        """Rebuild from the constructor's own arguments, so that the error crosses processes."""
        return (ExpressionError, (self.message, self.kind))


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression that was read. Two are equal when they are the same expression, spacing, spare parentheses and spelling of numbers aside.

    Attributes:
        value: its exact value.
        text: its canonical spelling, with all parentheses.
        symbol: the operation done last; None for a literal (a number, or the negative of a literal).
        operands: two expressions for an operation, none for a literal.
    """

    value: Fraction
    text: str
    symbol: Symbol | None = None
    operands: tuple["Expression", ...] = field(default=(), compare=False, repr=False)

    @property
    def is_literal(self) -> bool:
        """Whether it is a bare number, as `7`, `-7` or `0.5`."""
        return self.symbol is None

    @property
    def is_numeral(self) -> bool:
        """Whether it is how a number is written: a literal, or a quotient of two literals such as `8/3`."""
        return self.is_literal or (self.symbol == "/" and all(operand.is_literal for operand in self.operands))

    @property
    def in_lowest_terms(self) -> bool:
        """Whether it is the reduced fraction of two whole numbers, as `8/3` and not `16/6`."""
        return self.symbol == "/" and self.text == f"({self.value.numerator}/{self.value.denominator})"


def parse_expression(text: str) -> Expression:
    """The expression that a text holds.

    Args:
        text: any text at all.

    Raises:
        ExpressionError: it has no value; `kind` says in which way, the message where.
    """
    if len(text) <= _SHORT:
        return _read_before(text)
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"the expression has {len(text):,} characters; at most {MAX_LENGTH:,} are read", "bounds")
    return _Reader(text).read()


@lru_cache(maxsize=1 << 12)
def _read_before(text: str) -> Expression:
    """A short text, read once: a step is read by its environment and by its verifiers, and its numbers come again in the next one."""
    return _Reader(text).read()


def evaluate(text: str) -> Fraction:
    """The exact value of an expression.

    >>> evaluate("8 / (3 - 8/3)")
    Fraction(24, 1)

    Raises:
        ExpressionError: it has none.
    """
    return parse_expression(text).value


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(self._tokens())
        self.next = 0
        self.depth = 0

    def read(self) -> Expression:
        expression = self._expression()
        if self._token() is not None:
            raise self._error("an operator or the end")
        return expression

    def _tokens(self) -> Iterator[tuple[str, int]]:
        at, end = 0, len(self.text.rstrip(" \t"))
        while at < end:
            found = _TOKEN.match(self.text, at)
            if found is None:
                at += len(self.text[at:]) - len(self.text[at:].lstrip(" \t"))
                raise ExpressionError(f"column {at + 1}: {self.text[at]!r} belongs to no expression")
            group = 1 if found[1] else 2
            yield found[group], found.start(group)
            at = found.end()

    def _token(self) -> str | None:
        return self.tokens[self.next][0] if self.next < len(self.tokens) else None

    def _symbol(self, among: str) -> Symbol | None:
        token = self._token()
        symbol = _ASCII_SYMBOL.get(token) if token else None
        if symbol is None or symbol not in among:
            return None
        self.next += 1
        return symbol

    def _error(self, expected: str) -> ExpressionError:
        if self.next == len(self.tokens):
            return ExpressionError(f"the expression ends where {expected} should stand")
        token, at = self.tokens[self.next]
        return ExpressionError(f"column {at + 1}: expected {expected}, got {token[:20]!r}")

    def _expression(self) -> Expression:
        left = self._term()
        while symbol := self._symbol("+-"):
            left = _joined(left, symbol, self._term())
        return left

    def _term(self) -> Expression:
        left = self._factor()
        while symbol := self._symbol("*/"):
            left = _joined(left, symbol, self._factor())
        return left

    def _factor(self) -> Expression:
        negative = False
        while sign := self._symbol("+-"):
            negative ^= sign == "-"
        inner = self._parenthesised() if self._token() == "(" else self._number()
        return _negative(inner) if negative else inner

    def _parenthesised(self) -> Expression:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise ExpressionError(f"parentheses are nested deeper than {MAX_NESTING}", "bounds")
        self.next += 1
        inner = self._expression()
        if self._token() != ")":
            raise self._error("an operator or ')'")
        self.next += 1
        self.depth -= 1
        return inner

    def _number(self) -> Expression:
        token = self._token()
        if token is None or not token[0].isdigit():
            raise self._error("a number")
        whole, _, decimals = token.partition(".")
        if len(token) > MAX_DIGITS:
            raise ExpressionError(f"column {self.tokens[self.next][1] + 1}: a number longer than {MAX_DIGITS} digits", "bounds")
        if not _PLAIN_DIGITS.fullmatch(whole):
            raise self._error("thousands in groups of three, as in 12,500")
        self.next += 1
        digits, shown = whole.replace(",", ""), decimals.rstrip("0")
        text = (digits.lstrip("0") or "0") + ("." + shown if shown else "")
        return Expression(Fraction(int(digits + decimals), 10 ** len(decimals)), text)


def _negative(inner: Expression) -> Expression:
    if inner.value == 0:
        return inner
    if inner.is_literal:
        return Expression(-inner.value, inner.text.removeprefix("-") if inner.value < 0 else "-" + inner.text)
    if inner.is_numeral:  # -(8/3) is the number -8/3
        return _joined(_negative(inner.operands[0]), "/", inner.operands[1])
    return _joined(Expression(Fraction(-1), "-1"), "*", inner)


def _joined(left: Expression, symbol: Symbol, right: Expression) -> Expression:
    a, b = left.value, right.value
    if symbol == "+":
        value = a + b
    elif symbol == "-":
        value = a - b
    elif symbol == "*":
        value = a * b
    elif b == 0:
        raise ExpressionError(f"{_shortened(left.text)} is divided by zero", "zero")
    else:
        value = a / b
    if abs(value.numerator) >= _TOO_GREAT or value.denominator >= _TOO_GREAT:
        raise ExpressionError(f"a result has more than {MAX_DIGITS} digits", "bounds")
    return Expression(value, f"({left.text}{symbol}{right.text})", symbol, (left, right))


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."

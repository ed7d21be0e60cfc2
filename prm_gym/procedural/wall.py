"""The wall before the scorers of reasoning-gym: which answer texts they may see, and in what form.

Some scorers evaluate what they are given. An answer to their data sets is read here, by a grammar of our own, and written out again from what was read; the
scorer sees that, and never the text itself:

    expression = term (("+" | "-") term)*
    term       = factor (("*" | "/") factor)*
    factor     = ("+" | "-") factor | power
    power      = atom ["**" factor]
    atom       = number | name | function "(" expression ")" | "(" expression ")"

Names are those of the task, functions those of a fixed list; `countdown` has neither, and no powers and decimals either. There is no attribute, no
underscore, no quote, no bracket, no comma and no second argument, so no text that passes holds Python beyond arithmetic. Other scorers read the answer as
plain text (split, compared, `int`, `float`, `Decimal`, `Fraction`, JSON, regular expressions, simulators of games) and get it as it is.
"""

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from prm_gym.errors import PrmGymError
from prm_gym.procedural.catalogue import COMPARED, ENTRY_PARTS, EVALUATED, NUMBERS_ONLY, SERVED

MAX_LENGTH = 2000  # characters of an expression
MAX_NESTING = 40
MAX_DIGITS = 40  # of a number
MAX_EXPONENT = 100  # of an exponent that is a number, numerator and denominator
MAX_POWER_DIGITS = 1000  # of a number raised to a number

FUNCTIONS = frozenset({"acos", "asin", "atan", "cos", "cosh", "cot", "csc", "exp", "ln", "log", "sec", "sin", "sinh", "sqrt", "tan", "tanh"})

_TOKEN = re.compile(r"\s*(?:([0-9]+(?:\.[0-9]+)?)|([A-Za-z]+)|(\*\*|[-+*/()]))", re.ASCII)

Defect = Literal["incorrect", "malformed", "bounds"]


class AnswerError(PrmGymError, ValueError):
    """An answer that its scorer must not see.

    Attributes:
        kind: `incorrect` (it cannot be right), `malformed` (not in the notation that is read) or `bounds` (longer, deeper or greater than what is read; it
            may well be right).
    """

    def __init__(self, message: str, kind: Defect = "malformed") -> None:
        """Say what is wrong and where."""
        self.message = message
        self.kind: Defect = kind
        super().__init__(message)

    def __reduce__(self) -> tuple[type["AnswerError"], tuple[str, Defect]]:
        """Rebuild from the constructor's own arguments, so that the error crosses processes."""
        return (AnswerError, (self.message, self.kind))


def admitted(dataset: str, answer: str, entry: Mapping[str, Any]) -> str:
    """The text that the scorer of a data set may see for an answer.

    Args:
        dataset: a served data set.
        answer: any text.
        entry: the entry of the data set, with its `answer` and `metadata`.

    Raises:
        AnswerError: it may see none; `kind` says why.
        ValueError: the data set is not served, or the entry holds what its scorer would evaluate and must not; both may come from a file.
    """
    if dataset not in SERVED:
        raise ValueError(f"{dataset[:60]!r} is not served: nobody has read what its scorer evaluates")
    _require_harmless(dataset, entry)
    known = entry.get("answer")
    if dataset in COMPARED:
        return _compared(answer, entry["metadata"]["valid_answers"] if dataset == "n_queens" else [known])
    if isinstance(known, str) and answer.strip() == known.strip() and dataset not in EVALUATED:
        return known
    if dataset in NUMBERS_ONLY and not re.fullmatch(NUMBERS_ONLY[dataset], answer):
        raise AnswerError("an answer to this data set holds numbers and punctuation alone", "incorrect")
    if dataset in EVALUATED:
        return _Reader(answer, _names(dataset, entry["metadata"]), plain=dataset == "countdown").read()
    return answer


def _require_harmless(dataset: str, entry: Mapping[str, Any]) -> None:
    """Some scorers evaluate parts of the entry itself.

    Raises:
        ValueError: they are not what the package writes.
    """
    metadata = entry["metadata"]
    if dataset in ENTRY_PARTS:
        name, pattern = ENTRY_PARTS[dataset]
        if not re.fullmatch(pattern, entry["answer"] if name == "answer" else metadata[name]):
            raise ValueError(f"the {name} of the entry is not what {dataset} writes")
    text = metadata["integrand"] if dataset.endswith("_integration") else entry["answer"] if dataset == "polynomial_multiplication" else None
    if text is None:
        return
    try:
        _Reader(text, _names(dataset, metadata), plain=False).read()
    except AnswerError as error:
        raise ValueError(f"what {dataset} evaluates of its entry is no expression: {error}") from error


def _compared(answer: str, valid: Sequence[Any]) -> str:
    for text in valid:
        if isinstance(text, str) and answer.strip() == text.strip():
            return text
    raise AnswerError("it is not the known answer", "incorrect")


def _names(dataset: str, metadata: Mapping[str, Any]) -> frozenset[str]:
    if dataset == "countdown":
        return frozenset()
    if dataset == "polynomial_multiplication":
        return frozenset(map(str, metadata["variables"]))
    return frozenset({str(metadata["variable"]), "C", "E", "pi"})


class _Part(NamedTuple):
    """A part of an expression: how it is written out, and its value where it is made of numbers alone and small."""

    text: str
    value: Fraction | None


class _Reader:
    """Recursive descent over the tokens of one answer."""

    def __init__(self, text: str, names: frozenset[str], plain: bool) -> None:
        if len(text) > MAX_LENGTH:
            raise AnswerError(f"the expression has {len(text):,} characters; at most {MAX_LENGTH:,} are read", "bounds")
        self.names, self.plain = names, plain
        self.tokens = _tokens(text)
        self.next = 0
        self.depth = 0

    def read(self) -> str:
        part = self._expression()
        if self.next < len(self.tokens):
            raise self._error("an operator or the end")
        return part.text

    def _token(self) -> str:
        return self.tokens[self.next] if self.next < len(self.tokens) else ""

    def _take(self, *among: str) -> str:
        token = self._token()
        if token not in among:
            return ""
        self.next += 1
        return token

    def _error(self, expected: str) -> AnswerError:
        return AnswerError(f"token {self.next + 1}: expected {expected}, got {self._token()[:20] or 'the end'!r}")

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise AnswerError(f"it is nested deeper than {MAX_NESTING}", "bounds")

    def _expression(self) -> _Part:
        left = self._term()
        while symbol := self._take("+", "-"):
            left = _joined(left, symbol, self._term())
        return left

    def _term(self) -> _Part:
        left = self._factor()
        while symbol := self._take("*", "/"):
            left = _joined(left, symbol, self._factor())
        return left

    def _factor(self) -> _Part:
        sign = self._take("+", "-")
        if not sign:
            return self._power()
        self._deeper()
        inner = self._factor()
        self.depth -= 1
        return _Part(f"({sign}{inner.text})", inner.value if sign == "+" or inner.value is None else -inner.value)

    def _power(self) -> _Part:
        base = self._atom()
        if not self._take("**"):
            return base
        if self.plain:
            raise AnswerError("there are no powers in this data set", "incorrect")
        self._deeper()
        exponent = self._factor()
        self.depth -= 1
        return _raised(base, exponent)

    def _atom(self) -> _Part:
        token = self._token()
        if token == "(":
            return self._parenthesised("")
        if token[:1].isdigit():
            self.next += 1
            return _number(token, self.plain)
        if token in self.names:
            self.next += 1
            return _Part(token, None)
        if token in FUNCTIONS and not self.plain:
            self.next += 1
            return self._parenthesised(token)
        raise self._error("a number, a name of the task, a function or '('")

    def _parenthesised(self, function: str) -> _Part:
        if not self._take("("):
            raise self._error("'('")
        self._deeper()
        inner = self._expression()
        if not self._take(")"):
            raise self._error("an operator or ')'")
        self.depth -= 1
        return _Part(f"{function}({inner.text})", None if function else inner.value)


def _tokens(text: str) -> list[str]:
    tokens: list[str] = []
    at, text = 0, text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise AnswerError(f"{text[at:].strip()[:1]!r} belongs to no expression that is read here")
        tokens.append(found[found.lastindex or 0])
        at = found.end()
    return tokens


def _number(token: str, plain: bool) -> _Part:
    if len(token) > MAX_DIGITS:
        raise AnswerError(f"a number longer than {MAX_DIGITS} digits", "bounds")
    if len(token) > 1 and token[0] == "0" and token[1] != ".":
        raise AnswerError("a number begins with 0")
    if plain and "." in token:
        raise AnswerError("there are only whole numbers in this data set", "incorrect")
    return _Part(token, Fraction(token))


def _joined(left: _Part, symbol: str, right: _Part) -> _Part:
    return _Part(f"({left.text}{symbol}{right.text})", _value(left.value, symbol, right.value))


def _value(a: Fraction | None, symbol: str, b: Fraction | None) -> Fraction | None:
    if symbol == "/" and b == 0:
        raise AnswerError("it divides by zero", "incorrect")
    if a is None or b is None:
        return None
    if symbol == "/":
        return _small(a / b)
    return _small(a + b if symbol == "+" else a - b if symbol == "-" else a * b)


def _small(value: Fraction) -> Fraction:
    if _digits(value) > MAX_POWER_DIGITS:
        raise AnswerError(f"a number of more than {MAX_POWER_DIGITS} digits", "bounds")
    return value


def _digits(value: Fraction) -> float:
    return max(value.numerator.bit_length(), value.denominator.bit_length()) * 0.30103


def _raised(base: _Part, exponent: _Part) -> _Part:
    text, power = f"({base.text}**{exponent.text})", exponent.value
    if power is None:
        return _Part(text, None)
    if abs(power.numerator) > MAX_EXPONENT or power.denominator > MAX_EXPONENT:
        raise AnswerError(f"an exponent beyond {MAX_EXPONENT}", "bounds")
    if base.value is None:
        return _Part(text, None)
    if base.value == 0 and power < 0:
        raise AnswerError("it divides by zero", "incorrect")
    if _digits(base.value) * abs(power) > MAX_POWER_DIGITS:
        raise AnswerError(f"a number of more than {MAX_POWER_DIGITS} digits", "bounds")
    return _Part(text, base.value**power.numerator if power.denominator == 1 else None)

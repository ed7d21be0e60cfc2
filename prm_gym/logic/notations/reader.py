"""What the parsers of all notations share: a bounded list of tokens, read from left to right, and errors that say where."""

import re
from collections.abc import Callable, Sequence
from fractions import Fraction

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import Formula, Number, Term

MAX_LENGTH = 20_000
MAX_TOKENS = 8_000
MAX_DEPTH = 100
MAX_DIGITS = 40
MAX_NAME = 100
MAX_ARGUMENTS = 20


_NAMES = ("name", "variable", "defined")


class Reader:
    """Tokens of a text, one after the other."""

    def __init__(self, text: str, token: re.Pattern[str]) -> None:
        """Split the text.

        Args:
            text: what was written.
            token: a pattern of named groups; the group that matches is the token's kind. Space between tokens is skipped.

        Raises:
            FormulaError: it is too long, or holds a character that belongs to no token.
        """
        if len(text) > MAX_LENGTH:
            raise FormulaError(f"the formula has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
        self.text = text
        self.tokens: list[tuple[str, str, int]] = []
        position = 0
        while position < len(text):
            if text[position] in " \t\r\n":
                position += 1
                continue
            match = token.match(text, position)
            if match is None or match.lastgroup is None:
                raise FormulaError(f"{text[position : position + 20]!r} at character {position + 1} belongs to no formula")
            if match.lastgroup in _NAMES and match.end() - position > MAX_NAME:
                raise FormulaError(f"a name of {match.end() - position:,} characters at character {position + 1}; at most {MAX_NAME} are read")
            self.tokens.append((match.lastgroup, match.group(), position))
            position = match.end()
            if len(self.tokens) > MAX_TOKENS:
                raise FormulaError(f"the formula has more than {MAX_TOKENS:,} symbols")
        self.tokens.append(("end", "", len(text)))
        self.place = 0
        self.depth = 0
        self.bound: dict[str, str] = {}

    @property
    def kind(self) -> str:
        """Kind of the token that comes."""
        return self.tokens[self.place][0]

    @property
    def token(self) -> str:
        """The token that comes."""
        return self.tokens[self.place][1]

    def take(self) -> str:
        """The token that comes, which is then read."""
        token = self.token
        self.place += 1
        return token

    def expect(self, kind: str, what: str) -> str:
        """Take a token of a kind.

        Raises:
            FormulaError: another one comes.
        """
        if self.kind != kind:
            raise self.error(f"{what} is missing" + (f" before {self.token!r}" if self.token else ""))
        return self.take()

    def error(self, problem: str) -> FormulaError:
        """An error at the token that comes."""
        start = self.tokens[self.place][2]
        return FormulaError(f"{problem} at character {start + 1} of {self.text[:80]!r}")

    def enter(self) -> None:
        """Go one level deeper.

        Raises:
            FormulaError: that is too deep.
        """
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"nesting deeper than {MAX_DEPTH}")

    def leave(self) -> None:
        """Come back up."""
        self.depth -= 1

    def chained(self, left: Formula, kind: str, operand: Callable[[], Formula], made: Callable[[Formula, Formula], Formula]) -> Formula:
        """The operands of one connective after `left`, from the left; a chain is as high as it is long.

        Args:
            left: the first operand.
            kind: the connective's token.
            operand: reads another operand.
            made: puts two operands together.
        """
        depth = self.depth
        while self.kind == kind:
            self.take()
            left = made(left, operand())
            self.enter()
        self.depth = depth
        return left

    def listed(self, read: Callable[[], Term]) -> tuple[Term, ...]:
        """Terms in parentheses, with commas between them."""
        self.expect("open", "an opening parenthesis")
        found = [read()]
        while self.kind == "comma":
            self.take()
            found.append(read())
            self.require_few(found)
        self.expect("close", "a closing parenthesis")
        return tuple(found)

    def require_few(self, arguments: Sequence[Term]) -> None:
        """Refuse more arguments than anybody needs.

        Raises:
            FormulaError: there are more than MAX_ARGUMENTS.
        """
        if len(arguments) > MAX_ARGUMENTS:
            raise self.error(f"more than {MAX_ARGUMENTS} arguments")

    def finish(self) -> None:
        """Nothing may come any more.

        Raises:
            FormulaError: something comes.
        """
        if self.kind != "end":
            raise self.error(f"the formula ends before {self.token!r}")

    def number(self, token: str) -> Number:
        """A decimal or a fraction, exactly.

        Raises:
            FormulaError: it has too many digits, or a denominator of 0.
        """
        if len(token) > MAX_DIGITS:
            raise self.error(f"a number of more than {MAX_DIGITS} digits")
        try:
            value = Fraction(token)
        except ZeroDivisionError as error:
            raise self.error("a division by 0") from error
        return Number(value.numerator, value.denominator)

r"""A bounded reader of expressions as answers are written: LaTeX or plain text in, a tree out. Nothing is evaluated, no name is looked up.

    sum     = ["+" | "-"] product (("+" | "-") product)*
    product = factor (("*" | "/" | nothing) factor)*
    factor  = primary ("^" argument | "!")*
    primary = number | mixed number | letter ["_" argument] | "\frac" argument argument | "\sqrt" ... | function ... | "(" sum ")" | "|" sum "|"

A product binds from the left: `1/2x` is half of x.
"""

import re
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from prm_gym.errors import PrmGymError

NodeKind: TypeAlias = Literal["number", "name", "negative", "sum", "product", "quotient", "power", "root", "call"]
Defect: TypeAlias = Literal["syntax", "broken", "beyond", "operator"]

MAX_DEPTH = 40  # brackets and arguments within one another
MAX_NODES = 600
MAX_DIGITS = 2_000  # of a number as it is written
MAX_EXPONENT = 5_000  # of ten, in scientific notation

FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan arccot sinh cosh tanh log ln lg exp gcd lcm max min det arg deg".split()  # noqa: SIM905
)
GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi rho sigma tau phi chi psi omega "  # noqa: SIM905
    "Gamma Delta Theta Lambda Xi Sigma Phi Psi Omega ell hbar".split()
)
# Commands of something that is still to be computed.
COMPUTATIONS = frozenset("int iint iiint oint sum prod lim limsup liminf sup inf frown bigoplus pmod bmod mod".split())  # noqa: SIM905

_NUMBER = re.compile(r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+")
_REPEATING = re.compile(r"(\d{0,100})\.(\d{0,100})\\overline\s*(?:\{(\d{1,100})\}|(\d))")
_SCIENTIFIC = re.compile(r"[eE]([+-]?\d{1,6})(?![\d.])")
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_BOLD = re.compile(r"\\text\s*\{\s*([A-Za-z])\s*\}")
_WORD = re.compile(r"[a-zA-Z]+")
_PROPER_FRACTION = re.compile(r"\s*(?:\\frac\s*(?:\{\s*(\d{1,9})\s*\}|(\d))\s*(?:\{\s*(\d{1,9})\s*\}|(\d))|(?<=\s)(\d{1,9})\s*/\s*(\d{1,9})(?![\d.]))")


class UnreadableError(PrmGymError, ValueError):
    """A text that is no expression of the grammar.

    Attributes:
        kind: `syntax` (not of this grammar), `broken` (of no grammar: a bracket that is not closed, an item that is missing), `beyond` (larger than what
            is read or computed here) or `operator` (a sum, an integral, a limit: something that is still to be computed).
    """

    def __init__(self, message: str, kind: Defect = "syntax") -> None:
        """Say what is wrong."""
        super().__init__(message)
        self.kind: Defect = kind

    def __reduce__(self) -> tuple[type["UnreadableError"], tuple[str, Defect]]:
        """Rebuild from the constructor's own arguments."""
        return (UnreadableError, (str(self), self.kind))


@dataclass(frozen=True, slots=True)
class Node:
    """An expression as it was written.

    Attributes:
        kind: what it is; `root` has the degree and the radicand as parts, `call` a function's name and its arguments.
        parts: its operands.
        name: of a name or a function.
        value: of a number.
        depth: how deep its parts are nested.
    """

    kind: NodeKind
    parts: tuple["Node", ...] = ()
    name: str = ""
    value: Fraction = Fraction(0)
    depth: int = field(default=1, compare=False)

    def walk(self) -> list["Node"]:
        """The node and everything in it."""
        found: list[Node] = [self]
        for node in found:
            found.extend(node.parts)
        return found


def number(value: Fraction | int) -> Node:
    """The node of a number."""
    return Node("number", value=Fraction(value))


def read_expression(text: str) -> Node:
    r"""The tree of a spelled text.

    >>> read_expression(r"2\sqrt{3}").kind
    'product'

    Raises:
        UnreadableError: it is none.
    """
    return _Reader(text).read()


def _too_deep() -> UnreadableError:
    return UnreadableError(f"it is nested deeper than {MAX_DEPTH}", "beyond")


def _repeating(whole: str, decimals: str, period: str) -> Fraction:
    """The value of a number whose last digits are repeated without end."""
    return Fraction(int((whole or "0") + decimals), 10 ** len(decimals)) + Fraction(int(period), 10 ** len(decimals) * (10 ** len(period) - 1))


class _Reader:
    """Recursive descent over the characters of one text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at: int = 0
        self.depth = 0
        self.nodes = 0

    def read(self) -> Node:
        node = self._sum()
        if self._peek():
            raise self._error("an operator or the end")
        return node

    def _peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1
        return self.text[self.at] if self.at < len(self.text) else ""

    def _accept(self, *options: str) -> str:
        self._peek()
        for option in options:
            if self.text.startswith(option, self.at) and not (option[-1].isalpha() and self.text[self.at + len(option) : self.at + len(option) + 1].isalpha()):
                self.at += len(option)
                return option
        return ""

    def _error(self, expected: str) -> UnreadableError:
        rest = self.text[self.at : self.at + 20]
        if not rest:
            return UnreadableError(f"it ends where {expected} should stand", "broken")
        return UnreadableError(f"expected {expected}, got {rest!r}")

    def _node(self, kind: NodeKind, *parts: Node, name: str = "") -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise UnreadableError(f"an expression of more than {MAX_NODES} parts", "beyond")
        depth = 1 + max((part.depth for part in parts), default=0)
        if depth > MAX_DEPTH:
            raise _too_deep()
        return Node(kind, parts, name, depth=depth)

    def _sum(self) -> Node:
        terms = [self._signed(self._accept("+", "-"))]
        while sign := self._accept("+", "-"):
            terms.append(self._signed(sign))
        return terms[0] if len(terms) == 1 else self._node("sum", *terms)

    def _signed(self, sign: str) -> Node:
        product = self._product()
        return self._negative(product) if sign == "-" else product

    def _negative(self, node: Node) -> Node:
        return number(-node.value) if node.kind == "number" else self._node("negative", node)

    def _product(self) -> Node:
        left = self._factor()
        while True:
            if self._accept("*", r"\cdot", r"\times"):
                left = self._times(left, self._signed_factor())
            elif self._accept("/", r"\div"):
                left = self._node("quotient", left, self._signed_factor())
            elif self._starts_factor():
                left = self._times(left, self._factor())
            else:
                return left

    def _times(self, left: Node, right: Node) -> Node:
        parts = (*left.parts, right) if left.kind == "product" else (left, right)
        return self._node("product", *parts)

    def _signed_factor(self) -> Node:
        sign = self._accept("+", "-")
        factor = self._factor()
        return self._negative(factor) if sign == "-" else factor

    def _starts_factor(self) -> bool:
        """Whether a factor follows without a sign of multiplication; a number never does, `x 2` is no product."""
        here = self._peek()
        if here == "\\":
            found = _COMMAND.match(self.text, self.at)
            if found is not None and found[1] == "text":
                return _BOLD.match(self.text, self.at) is not None
            return found is not None and found[1] in {"frac", "sqrt", "pi", "binom", "infty"} | FUNCTIONS | GREEK | COMPUTATIONS
        return bool(here) and (here in "({" or (here.isascii() and here.isalpha()))

    def _factor(self) -> Node:
        node = self._primary()
        while True:
            if self._accept("^"):
                node = self._node("power", node, self._exponent())
            elif self._peek() == "!" and not self.text.startswith("!=", self.at):
                self.at += 1
                node = self._node("call", node, name="factorial")
            else:
                return node

    def _exponent(self) -> Node:
        found = re.compile(r"\s*(-?\d+)").match(self.text, self.at)
        if found is not None:
            self.at = found.end()
            return number(self._integer(found[1]))
        return self._argument()

    def _argument(self) -> Node:
        """What follows a command: a group in braces, or one digit, letter or command."""
        here = self._peek()
        if here in ("{", "("):
            return self._bracketed(here, "}" if here == "{" else ")")
        if here.isdigit() and here.isascii():
            self.at += 1
            return number(int(here))
        if here.isascii() and here.isalpha():
            self.at += 1
            return self._node("name", name=here)
        if here == "\\":
            return self._primary()
        raise self._error("an argument")

    def _bracketed(self, opening: str, closing: str) -> Node:
        if not self._accept(opening):
            raise self._error(repr(opening))
        inner = self._sum()
        if not self._accept(closing):
            raise self._error(repr(closing))
        return inner

    def _integer(self, digits: str) -> int:
        if len(digits) > MAX_DIGITS:
            raise UnreadableError(f"a number of more than {MAX_DIGITS:,} digits", "beyond")
        return int(digits)

    def _primary(self) -> Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _too_deep()
        node = self._undivided()
        self.depth -= 1
        return node

    def _undivided(self) -> Node:
        here = self._peek()
        if here and here in "0123456789.":
            return self._number()
        if here == "(":
            return self._bracketed("(", ")")
        if here == "{":
            return self._bracketed("{", "}")
        if here == "|":
            return self._node("call", self._bracketed("|", "|"), name="abs")
        if here == "\\":
            return self._command()
        if here.isascii() and here.isalpha():
            return self._letters()
        raise self._error("a number, a letter or a bracket")

    def _number(self) -> Node:
        repeating = _REPEATING.match(self.text, self.at)
        if repeating is not None:
            self.at = repeating.end()
            return number(_repeating(repeating[1], repeating[2], repeating[3] or repeating[4]))
        found = _NUMBER.match(self.text, self.at)
        if found is None:
            raise self._error("a number")
        self.at = found.end()
        whole, _, decimals = found[0].replace(",", "").partition(".")
        value = Fraction(self._integer((whole or "0") + decimals), 10 ** len(decimals))
        power = _SCIENTIFIC.match(self.text, self.at)
        if power is not None:
            exponent = int(power[1])
            if abs(exponent) > MAX_EXPONENT:
                raise UnreadableError(f"a power of ten beyond {MAX_EXPONENT:,}", "beyond")
            self.at = power.end()
            return number(value * Fraction(10) ** exponent)
        if not decimals:
            value += self._proper_fraction()
        return number(value)

    def _proper_fraction(self) -> Fraction:
        r"""Of a mixed number, `1\frac45` or `1 4/5`; 0 where none follows."""
        found = _PROPER_FRACTION.match(self.text, self.at)
        if found is None:
            return Fraction(0)
        numerator, denominator = int(found[1] or found[2] or found[5]), int(found[3] or found[4] or found[6])
        if not 0 < numerator < denominator:
            if found[5]:
                raise self._error("an operator between two numbers")
            return Fraction(0)
        self.at = found.end()
        return Fraction(numerator, denominator)

    def _command(self) -> Node:
        found = _COMMAND.match(self.text, self.at)
        if found is None:
            raise self._error("a command")
        name = found[1]
        if name in COMPUTATIONS:
            raise UnreadableError(f"\\{name} is still to be computed", "operator")
        if name in FUNCTIONS:
            self.at = found.end()
            return self._call(name)
        if name in GREEK or name in ("pi", "infty"):
            self.at = found.end()
            return self._subscripted(name)
        if name == "text" and (letter := _BOLD.match(self.text, self.at)):
            self.at = letter.end()
            return self._subscripted(letter[1])
        if name not in ("frac", "sqrt", "binom", "lfloor", "lceil"):
            raise self._error("a command that is known here")
        self.at = found.end()
        if name == "sqrt":
            return self._root()
        if name in ("lfloor", "lceil"):
            inner = self._sum()
            if not self._accept("\\r" + name[1:]):
                raise self._error(f"\\r{name[1:]}")
            return self._node("call", inner, name=name[1:])
        numerator, denominator = self._argument(), self._argument()
        if name == "binom":
            return self._node("call", numerator, denominator, name="binom")
        return self._node("quotient", numerator, denominator)

    def _root(self) -> Node:
        degree = self._bracketed("[", "]") if self._peek() == "[" else number(2)
        return self._node("root", degree, self._argument())

    def _letters(self) -> Node:
        """A known word (`sqrt`, `sin`, `pi`), or the next letter alone."""
        found = _WORD.match(self.text, self.at)
        run = found[0] if found else ""
        if run == "sqrt":
            self.at += 4
            return self._root()
        if (run in FUNCTIONS and len(run) > 2) or run in ("ln", "lg"):
            self.at += len(run)
            return self._call(run)
        if run in ("pi", "Pi"):
            self.at += 2
            return self._node("name", name="pi")
        if run.lower() in ("infinity", "oo", "infty"):
            self.at += len(run)
            return self._node("name", name="infty")
        if len(run) > 4:
            raise UnreadableError(f"the word {run[:20]!r} is no part of an expression")
        self.at += 1
        return self._subscripted(run[:1])

    def _subscripted(self, name: str) -> Node:
        while self._peek() == "'":
            self.at += 1
            name += "'"
        if self._accept("_"):
            found = re.compile(r"\s*(?:\{([A-Za-z0-9, ]{1,12})\}|([A-Za-z0-9]))").match(self.text, self.at)
            if found is None:
                raise self._error("a subscript")
            self.at = found.end()
            name += "_" + (found[1] or found[2]).replace(" ", "")
        return self._node("name", name=name)

    def _call(self, name: str) -> Node:
        r"""A function: of what stands in brackets, or of the product that follows without a sign of multiplication, as in `\\sin 2x`."""
        parts: list[Node] = []
        if name == "log" and self._accept("_"):
            parts.append(self._argument())
        exponent = self._exponent() if self._accept("^") else None
        if exponent is not None and exponent.value < 0:
            raise self._error("a function to a positive power: sin^{-1} may be the inverse")
        if self._peek() == "(":
            argument = self._bracketed("(", ")")
        else:
            argument = self._factor()
            while self._starts_factor() and not self._starts_call():
                argument = self._times(argument, self._factor())
        call = self._node("call", *parts, argument, name=name)
        return call if exponent is None else self._node("power", call, exponent)

    def _starts_call(self) -> bool:
        found = _COMMAND.match(self.text, self.at)
        if found is not None:
            return found[1] in FUNCTIONS
        word = _WORD.match(self.text, self.at)
        return word is not None and word[0] in FUNCTIONS

r"""Reading school algebra.

    statement  = clause ("or" clause)*
    clause     = chain ("and" chain)*
    chain      = sum relation sum (relation sum)*        relation: = == != < <= > >= ≤ ≥ ≠
    sum        = ["+" | "-"] term (("+" | "-") term)*
    term       = operand (("*" | "/" | × ÷ · −) operand | power)*         a power that follows without a sign is multiplied: 2x, 3(x + 1), x sqrt(2)
    operand    = ("+" | "-")* power
    power      = atom [("^" | "**") exponent | ²]
    exponent   = ["-"] integer | "(" ["-"] integer ["/" integer] ")"      braces as well as parentheses
    atom       = number | name | "(" sum ")" | "[" sum "]" | "|" sum "|" | abs(sum) | sqrt(sum) | √ atom

and of LaTeX `\frac{}{}` `\dfrac` `\tfrac` `\sqrt{}` `\sqrt[3]{}` `\cdot` `\times` `\div` `\left` `\right` `\boxed{}` `\le` `\ge` `\neq` `\pi` and Greek
letters.

Numbers are whole or decimal, ASCII digits, thousands set off with commas or not at all.

**Names.** A word is letters, then letters, digits and underscores (`x_{1}` is `x_1`). A word that is declared, or has a digit or an underscore, is one name.
Of the others a single letter is a name, two letters are a product (`xy`), and three or more are one name (`cost`) unless all of them are among a b c x y z
(`xyz`, `abc`: a product). `pi` is the number; `e` and `i` are names as any other. Where `lwh` stands beside `l`, `w` and `h`, see `two_ways`.

What has two readings is refused as `ambiguous` and never guessed: `1/2x`, `a/b(c + d)`, the mixed number `1\frac{1}{2}`. A tower of powers is refused.
Length, nesting, digits and exponents are bounded, and the time is linear in the length: any text may be handed in.
"""

import re
from collections.abc import Collection
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from prm_gym.algebra.expression import (
    ONE_HALF,
    Absolute,
    AlgebraError,
    Defect,
    Expression,
    Name,
    Negative,
    Number,
    Power,
    Product,
    Quotient,
    Relation,
    RelationSymbol,
    Statement,
    Sum,
    children,
)

MAX_LENGTH = 1000  # characters of a text
MAX_NESTING = 30  # parentheses within parentheses
MAX_DEPTH = 100  # of the tree
MAX_DIGITS = 40  # of a number
MAX_EXPONENT = 100  # numerator of an exponent
MAX_ROOT = 6  # denominator of an exponent
MAX_RELATIONS = 16  # of a statement

_LINE = 200  # characters of what is kept once it has been read

Kind: TypeAlias = str  # "number", "word", "symbol", "relation", "superscript"


class _Token(NamedTuple):
    kind: Kind
    text: str
    at: int


_TOKEN = re.compile(
    r"""(?P<space>[ \t\n~]+|\\[,;:! ]|\\(?:q?quad|boxed|displaystyle)(?![a-zA-Z])|\\left(?![a-zA-Z])|\\right(?![a-zA-Z]))
    |(?P<number>(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)
    |(?P<word>[A-Za-z][A-Za-z0-9]*(?:_(?:[A-Za-z0-9]+|\{[A-Za-z0-9]+\}))*|[α-ωΑ-Ω])
    |(?P<command>\\[a-zA-Z]+|\\[{}|])
    |(?P<relation><=|>=|!=|==|[=<>≤≥≠])
    |(?P<symbol>\*\*|[-+*/^()\[\]{}|×÷·⋅−–√!%±])
    |(?P<superscript>⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]+)""",
    re.VERBOSE,
)
_SCIENTIFIC = re.compile(r"[eE][0-9]+")
_SYMBOLS = {"×": "*", "·": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-", "**": "^"}
_RELATIONS: dict[str, RelationSymbol] = {
    "=": "=", "==": "=", "!=": "!=", "≠": "!=", "<": "<", ">": ">", "<=": "<=", "≤": "<=", ">=": ">=", "≥": ">=",
}  # fmt: skip
_COMMANDS: dict[str, tuple[Kind, str]] = {
    r"\cdot": ("symbol", "*"), r"\times": ("symbol", "*"), r"\div": ("symbol", "/"), r"\frac": ("symbol", "frac"), r"\dfrac": ("symbol", "frac"),
    r"\tfrac": ("symbol", "frac"), r"\sqrt": ("word", "sqrt"), r"\le": ("relation", "<="), r"\leq": ("relation", "<="), r"\ge": ("relation", ">="),
    r"\geq": ("relation", ">="), r"\ne": ("relation", "!="), r"\neq": ("relation", "!="), r"\lt": ("relation", "<"), r"\gt": ("relation", ">"),
    r"\{": ("symbol", "("), r"\}": ("symbol", ")"), r"\pi": ("word", "pi"), r"\vert": ("symbol", "|"), r"\lvert": ("symbol", "|"), r"\rvert": ("symbol", "|"),
    r"\pm": ("symbol", "±"),
}  # fmt: skip
_GREEK = frozenset({"alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda", "mu", "nu", "rho", "sigma", "tau", "phi", "omega"})
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_FUNCTIONS = frozenset(
    {"sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "sinh", "cosh", "tanh", "log", "ln", "lg",
     "exp", "min", "max", "floor", "ceil", "mod", "gcd", "lcm", "sum", "prod", "int", "lim", "cbrt", "root"}
)  # fmt: skip
_RESERVED = frozenset({"or", "and", "sqrt", "abs", "pi"})
_PRODUCT_LETTERS = frozenset("abcxyz")
_CLOSING = {"(": ")", "{": "}", "[": "]"}


def read_expression(text: str, names: Collection[str] = ()) -> Expression:
    """The expression that a text holds.

    >>> read_expression("3x") == read_expression("3 * x")
    True

    Args:
        text: any text at all.
        names: words that are one name though the rule would say otherwise.

    Raises:
        AlgebraError: it is not read; `kind` says in which way, the message where.
    """
    return (_read_before if len(text) <= _LINE else _read_expression)(text, frozenset(names))


@lru_cache(maxsize=1 << 12)
def _read_before(text: str, names: frozenset[str]) -> Expression:
    """An expression of usual length, read once: a step is read by its environment and by its verifiers, and stands before the next one."""
    return _read_expression(text, names)


def _read_expression(text: str, names: frozenset[str]) -> Expression:
    reader = _Reader(text, names)
    expression = reader.sum()
    reader.require_end()
    return _shallow(expression)


def read_statement(text: str, names: Collection[str] = ()) -> Statement:
    """The statement that a line holds: a relation, a chain, alternatives.

    Args:
        text: any text at all.
        names: as for `read_expression`.

    Raises:
        AlgebraError: it is not read.
    """
    return _read_statement(text, frozenset(names))


@lru_cache(maxsize=1 << 12)
def _read_statement(text: str, names: frozenset[str]) -> Statement:
    reader = _Reader(text, names)
    statement = reader.statement()
    reader.require_end()
    for together in statement.alternatives:
        for relation in together:
            _shallow(relation.left)
            _shallow(relation.right)
    return statement


def two_ways(names: frozenset[str]) -> str | None:
    """A name of several letters that may be meant as the product of names that stand beside it (`lwh` beside `l`, `w`, `h`); None when there is none."""
    long = sorted(name for name in names if len(name) > 1 and name.isalpha() and name not in _GREEK)
    return next((name for name in long if names.issuperset(name)), None)


def _shallow(expression: Expression) -> Expression:
    """The expression, if its tree is no deeper than others may walk recursively."""
    level, depth = [expression], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise AlgebraError(f"the expression is more than {MAX_DEPTH} operations deep", "bounds")
        level = [part for node in level for part in children(node)]
    return expression


def _tokens(text: str, names: frozenset[str]) -> list[_Token]:
    if len(text) > MAX_LENGTH:
        raise AlgebraError(f"the text has {len(text):,} characters; at most {MAX_LENGTH:,} are read", "bounds", MAX_LENGTH)
    tokens: list[_Token] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise AlgebraError(f"column {at + 1}: {text[at]!r} belongs to no expression", "syntax", at)
        kind, shown = str(found.lastgroup), found[0]
        if kind == "word":
            if tokens and tokens[-1].kind == "number" and at and text[at - 1].isdigit() and _SCIENTIFIC.fullmatch(shown):
                raise AlgebraError(f"column {at + 1}: {shown!r} after a number: a power of ten or a name?", "ambiguous", at)
            tokens.extend(_words(shown.replace("{", "").replace("}", ""), at, names))
        elif kind != "space":
            tokens.append(_token(kind, shown, at))
        at = found.end()
    return tokens


def _token(kind: str, shown: str, at: int) -> _Token:
    if kind == "command":
        if shown[1:] in _GREEK:
            return _Token("word", shown[1:], at)
        known = _COMMANDS.get(shown)
        if known is None:
            raise AlgebraError(f"column {at + 1}: {shown} is not read here", "unsupported", at)
        kind, shown = known
    if kind == "symbol" and shown in "!%±":
        raise AlgebraError(f"column {at + 1}: {shown!r} is not read here", "unsupported", at)
    return _Token(kind, _SYMBOLS.get(shown, shown) if kind == "symbol" else _RELATIONS[shown] if kind == "relation" else shown, at)


def _words(word: str, at: int, names: frozenset[str]) -> list[_Token]:
    """A word as one name, or as the product that it is by the rule above."""
    if word in names:
        return [_Token("word", word, at)]
    if word == "π":
        return [_Token("word", "pi", at)]
    letters = word.rstrip("0123456789")
    if letters in _FUNCTIONS or (letters in _RESERVED and letters != word):
        raise AlgebraError(f"column {at + 1}: {word!r} is not read here", "unsupported", at)
    product = len(word) > 1 and word.isalpha() and word not in _RESERVED and (len(word) == 2 or _PRODUCT_LETTERS.issuperset(word)) and word not in _GREEK
    return [_Token("word", letter, at + i) for i, letter in enumerate(word)] if product else [_Token("word", word, at)]


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.tokens = _tokens(text, names)
        self.names = names
        self.next = 0
        self.depth = 0
        self.bars = 0
        self.end = len(text)

    # Tokens.

    def _at(self, kind: Kind, *texts: str) -> bool:
        if self.next == len(self.tokens):
            return False
        token = self.tokens[self.next]
        return token.kind == kind and (not texts or token.text in texts)

    def _take(self, kind: Kind, *texts: str) -> str | None:
        if not self._at(kind, *texts):
            return None
        self.next += 1
        return self.tokens[self.next - 1].text

    def _require(self, symbol: str) -> None:
        if self._take("symbol", symbol) is None:
            raise self._error(f"{symbol!r}")

    def _error(self, expected: str, kind: Defect = "syntax") -> AlgebraError:
        if self.next == len(self.tokens):
            return AlgebraError(f"the text ends where {expected} should stand", kind, self.end)
        token = self.tokens[self.next]
        return AlgebraError(f"column {token.at + 1}: expected {expected}, got {token.text[:20]!r}", kind, token.at)

    def require_end(self) -> None:
        """Raise unless everything has been read."""
        if self.next < len(self.tokens):
            raise self._error("an operator or the end")

    # Relations.

    def statement(self) -> Statement:
        alternatives = [self._clause()]
        while self._take("word", "or"):
            alternatives.append(self._clause())
        if sum(map(len, alternatives)) > MAX_RELATIONS:
            raise AlgebraError(f"a line has at most {MAX_RELATIONS} relations", "bounds", self.end)
        return Statement(tuple(alternatives))

    def _clause(self) -> tuple[Relation, ...]:
        relations = self._chain()
        while self._take("word", "and"):
            relations.extend(self._chain())
        return tuple(relations)

    def _chain(self) -> list[Relation]:
        left, relations = self.sum(), list[Relation]()
        while symbol := self._take("relation"):
            right = self.sum()
            relations.append(Relation(left, _RELATIONS[symbol], right))
            left = right
        if not relations:
            raise self._error("an operator or a relation such as '='")
        return relations

    # Expressions.

    def sum(self) -> Expression:
        terms = [self._signed_term(self._take("symbol", "+", "-"))]
        while sign := self._take("symbol", "+", "-"):
            terms.append(self._signed_term(sign))
        return terms[0] if len(terms) == 1 else Sum(tuple(terms))

    def _signed_term(self, sign: str | None) -> Expression:
        negative = sign == "-"
        while more := self._take("symbol", "+", "-"):
            negative ^= more == "-"
        term = self._term()
        return Negative(term) if negative else term

    def _term(self) -> Expression:
        factors: list[Expression] = [self._power()]
        divided = False
        while True:
            if symbol := self._take("symbol", "*", "/"):
                factor, divided = self._operand(), symbol == "/"
                if divided:
                    factors = [Quotient(_product(factors), factor)]
                else:
                    factors.append(factor)
            elif self._begins_atom():
                before = self.tokens[self.next - 1]
                if divided:
                    raise self._error("'*' or parentheses: what stands under the fraction line? An operator", "ambiguous")
                if self._at("symbol", "frac") and before.kind == "number":
                    raise self._error("'+' or '*' (a mixed number or a product?)", "ambiguous")
                factors.append(self._power())
            else:
                return _product(factors)

    def _begins_atom(self) -> bool:
        """Whether a factor follows without a sign; a number never does."""
        if self._at("word"):
            return not self._at("word", "or", "and")
        return self._at("symbol", "(", "{", "[", "√", "frac") or (self._at("symbol", "|") and self.bars == 0)

    def _operand(self) -> Expression:
        negative = False
        while sign := self._take("symbol", "+", "-"):
            negative ^= sign == "-"
        power = self._power()
        return Negative(power) if negative else power

    def _power(self) -> Expression:
        base = self._atom()
        start = self.next
        if self._take("symbol", "^"):
            exponent = self._exponent()
        elif shown := self._take("superscript"):
            exponent = Fraction(int(shown.translate(_SUPERSCRIPTS)))
        else:
            return base
        if abs(exponent.numerator) > MAX_EXPONENT or exponent.denominator > MAX_ROOT:
            at = self.tokens[start].at
            raise AlgebraError(f"column {at + 1}: exponents go to {MAX_EXPONENT}, roots to the {MAX_ROOT}th", "bounds", at)
        if self._at("symbol", "^") or self._at("superscript"):
            raise self._error("parentheses around one of two powers", "ambiguous")
        return Power(base, exponent)

    def _exponent(self) -> Fraction:
        opened = self._take("symbol", "(", "{", "[")
        negative = self._take("symbol", "-") is not None
        top, below = self._integer(), 1
        if opened and self._take("symbol", "/"):
            below = self._integer()
        if opened:
            self._require(_CLOSING[opened])
        if below == 0:
            raise self._error("no zero under the fraction line of an exponent")
        return Fraction(-top if negative else top, below)

    def _integer(self) -> int:
        if self._take("symbol", "frac"):
            raise self._error("an exponent written as (1/2)", "unsupported")
        token = self._take("number")
        if token is None:
            known = self._at("word") or self._at("symbol", "(", "{")
            raise self._error("a whole number as exponent", "unsupported" if known else "syntax")
        if not token.isdigit():
            raise self._error("a whole number as exponent, before it an", "unsupported")
        if len(token) > MAX_DIGITS:
            raise self._error(f"an exponent of at most {MAX_DIGITS} digits", "bounds")
        return int(token)

    def _atom(self) -> Expression:
        if (digits := self._take("number")) is not None:
            return self._number(digits)
        if self._at("word"):
            return self._word()
        for opening, closing in _CLOSING.items():
            if self._take("symbol", opening):
                return self._nested(closing)
        if self._take("symbol", "|"):
            self.bars += 1
            inner = self._nested("|")
            self.bars -= 1
            return Absolute(inner)
        if self._take("symbol", "√"):
            self._deeper()
            inner = self._atom()
            self.depth -= 1
            return Power(inner, ONE_HALF)
        if self._take("symbol", "frac"):
            self._require("{")
            numerator = self._nested("}")
            self._require("{")
            return Quotient(numerator, self._nested("}"))
        raise self._error("a number, a name or '('")

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_NESTING:
            at = self.tokens[self.next - 1].at
            raise AlgebraError(f"column {at + 1}: nested deeper than {MAX_NESTING}", "bounds", at)

    def _nested(self, closing: str) -> Expression:
        self._deeper()
        bars, self.bars = self.bars, self.bars if closing == "|" else 0
        inner = self.sum()
        self._require(closing)
        self.bars = bars
        self.depth -= 1
        return inner

    def _number(self, digits: str) -> Number:
        if len(digits) > MAX_DIGITS:
            raise AlgebraError(f"column {self.tokens[self.next - 1].at + 1}: a number longer than {MAX_DIGITS} digits", "bounds", self.tokens[self.next - 1].at)
        whole, _, decimals = digits.replace(",", "").partition(".")
        return Number(Fraction(int(whole + decimals), 10 ** len(decimals)))

    def _word(self) -> Expression:
        word = self._take("word") or ""
        if word == "sqrt" and self._take("symbol", "["):
            degree = self._integer()
            self._require("]")
            self._require("{")
            if not 2 <= degree <= MAX_ROOT:
                raise self._error(f"a root from the 2nd to the {MAX_ROOT}th, before it a", "bounds")
            return Power(self._nested("}"), Fraction(1, degree))
        if word in ("sqrt", "abs"):
            opened = self._take("symbol", "(", "{")
            if opened is None:
                raise self._error(f"'(' after {word}")
            inner = self._nested(_CLOSING[opened])
            return Power(inner, ONE_HALF) if word == "sqrt" else Absolute(inner)
        if word in ("or", "and"):
            self.next -= 1
            raise self._error("a number, a name or '('")
        if len(word) > 1 and word != "pi" and self._at("symbol", "("):
            raise self._error(f"'*' after {word!r}: a function of that name is not known", "unsupported")
        return Name(word)


def _product(factors: list[Expression]) -> Expression:
    return factors[0] if len(factors) == 1 else Product(tuple(factors))

"""The notation of FLD and FoVer, read and written: `(x): ({A}x & ¬{B}x) -> {C}x`.

Predicates are `{A}`, individuals `{a}`, variables a letter out of x y z u w; `¬` (or `~`) binds tightest, then `&`, `v`, `->` (to the right); a
quantifier reaches as far as it can. Text is read by a parser of our own with bounds on length and nesting; a policy's text never reaches a
solver's parser.

Source: hitachi-nlp/FLD and psunlpgroup/FoVer (the notation of their data sets).
"""

import re
from functools import lru_cache

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import And, Atom, Constant, Exists, ForAll, Formula, Implies, Not, Or, Term, Variable, height

MAX_LENGTH = 2_000
MAX_DEPTH = 50
MAX_TREE = 60  # height of the tree; chains of & and v count by their length

_TOKEN = re.compile(
    r"\s*(?:(?P<predicate>\{[A-Z]{1,8}\})|(?P<constant>\{[a-z]{1,8}\})|(?P<exists>\(E[xyzuw]\):)|(?P<forall>\([xyzuw]\):)"
    r"|(?P<arrow>->)|(?P<and>&)|(?P<or>v)|(?P<not>[¬~])|(?P<open>\()|(?P<close>\))|(?P<variable>[xyzuw])|(?P<end>$))",
    re.ASCII,
)


@lru_cache(maxsize=20_000)
def parse(text: str) -> Formula:
    """The formula that a text writes.

    Args:
        text: one closed formula.

    Raises:
        FormulaError: what is wrong and where; also for texts over MAX_LENGTH characters (also as `write` writes them) or nested deeper than MAX_DEPTH.
    """
    if len(text) > MAX_LENGTH:
        raise FormulaError(f"the formula has {len(text):,} characters; at most {MAX_LENGTH:,} are read")
    formula = _Parser(text).formula()
    if len(write(formula)) > MAX_LENGTH:
        raise FormulaError(f"the formula is longer than {MAX_LENGTH:,} characters when it is written out with its parentheses and spaces")
    return formula


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.kind = ""
        self.token = ""
        self.start = 0
        self.bound: list[str] = []
        self.depth = 0
        self._next()

    def formula(self) -> Formula:
        """The whole text as one formula."""
        parsed = self._implication()
        if self.kind != "end":
            raise self._error(f"the formula ends before {self.token!r}")
        if height(parsed) > MAX_TREE:
            raise FormulaError(f"the formula is a tree higher than {MAX_TREE}: too many operands or too deep")
        return parsed

    def _next(self) -> None:
        match = _TOKEN.match(self.text, self.position)
        if match is None or match.lastgroup is None:
            rest = self.text[self.position :].lstrip(" \t\n\r\f\v")
            raise FormulaError(f"{rest[:20]!r} at character {len(self.text) - len(rest) + 1} belongs to no formula")
        self.kind, self.token = match.lastgroup, match.group(match.lastgroup)
        self.start, self.position = match.start(match.lastgroup), match.end()

    def _error(self, problem: str) -> FormulaError:
        return FormulaError(f"{problem} at character {self.start + 1} of {self.text[:80]!r}")

    def _enter(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error(f"nesting deeper than {MAX_DEPTH}")

    def _implication(self) -> Formula:
        self._enter()
        left = self._disjunction()
        if self.kind == "arrow":
            self._next()
            left = Implies(left, self._implication())
        self.depth -= 1
        return left

    def _disjunction(self) -> Formula:
        left, width = self._conjunction(), 0
        while self.kind == "or":
            self._next()
            left, width = Or(left, self._conjunction()), width + 1
            if width > MAX_DEPTH:
                raise self._error(f"more than {MAX_DEPTH} operands")
        return left

    def _conjunction(self) -> Formula:
        left, width = self._unary(), 0
        while self.kind == "and":
            self._next()
            left, width = And(left, self._unary()), width + 1
            if width > MAX_DEPTH:
                raise self._error(f"more than {MAX_DEPTH} operands")
        return left

    def _unary(self) -> Formula:
        self._enter()
        kind, token = self.kind, self.token
        if kind == "not":
            self._next()
            parsed: Formula = Not(self._unary())
        elif kind in ("forall", "exists"):
            parsed = self._quantified(kind, token[-3])
        elif kind == "open":
            self._next()
            parsed = self._implication()
            if self.kind != "close":
                raise self._error("a closing parenthesis is missing")
            self._next()
        elif kind == "predicate":
            self._next()
            parsed = Atom(token[1:-1], self._arguments())
        else:
            raise self._error("a formula is missing" if kind == "end" else f"{token!r} cannot begin a formula")
        self.depth -= 1
        return parsed

    def _quantified(self, kind: str, variable: str) -> Formula:
        if variable in self.bound:
            raise self._error(f"the variable {variable} is bound twice")
        self._next()
        self.bound.append(variable)
        body = self._implication()
        self.bound.pop()
        return ForAll(variable, body) if kind == "forall" else Exists(variable, body)

    def _arguments(self) -> tuple[Term, ...]:
        kind, token = self.kind, self.token
        if kind == "constant":
            self._next()
            return (Constant(token[1:-1]),)
        if kind == "variable":
            if token not in self.bound:
                raise self._error(f"the variable {token} is bound by no quantifier")
            self._next()
            return (Variable(token),)
        return ()


@lru_cache(maxsize=20_000)
def write(formula: Formula) -> str:
    """The formula in the notation; `parse` reads it back as the same tree."""
    match formula:
        case Implies(left, right):
            return f"{_operand(left)} -> {_operand(right, Implies)}"
        case And(left, right):
            return f"{_operand(left, And)} & {_operand(right)}"
        case Or(left, right):
            return f"{_operand(left, Or)} v {_operand(right)}"
        case ForAll(variable, body, ""):
            return f"({variable}): {write(body)}"
        case Exists(variable, body, ""):
            return f"(E{variable}): {write(body)}"
        case _:
            return _operand(formula)


def _operand(formula: Formula, chain: type[And | Or | Implies] | None = None) -> str:
    """An operand, in parentheses unless it needs none; one of the kind `chain` goes on without them."""
    if chain is not None and isinstance(formula, chain):
        return write(formula)
    match formula:
        case Atom(predicate, ()):
            return f"{{{predicate}}}"
        case Atom(predicate, (Constant(name),)):
            return f"{{{predicate}}}{{{name}}}"
        case Atom(predicate, (Variable(name),)):
            return f"{{{predicate}}}{name}"
        case Not(body):
            return f"¬{_operand(body)}"
        case Implies() | And() | Or() | ForAll(_, _, "") | Exists(_, _, ""):
            return f"({write(formula)})"
        case _:
            raise FormulaError(f"this notation cannot write {formula!r}"[:200])

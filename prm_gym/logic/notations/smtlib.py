"""Terms of SMT-LIB, restricted to a fragment: `(forall ((x Int)) (=> (p x) (< x (+ x 1))))`.

Formulas: `true`, `false`, `not`, `and`, `or`, `xor`, `=>` (to the right), `=` and `distinct` of two, `<`, `<=`, `>`, `>=`, `forall`, `exists`, declared
predicates. Terms: declared constants and functions, numerals, decimals, `+`, `-`, `*`, `(/ 1 3)` of two numerals. Nothing else: no commands, no `let`, no
annotations, no `ite`; so a text can declare, assert and set nothing. Whether `=` compares formulas or terms is told by what stands in it, so predicates
must be declared. `and`, `or`, `+`, `-`, `*` of more than two are read as chains from the left.

Source: the SMT-LIB Standard 2.7, section 3.6 (terms and formulas).
"""

import re

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import (
    And,
    Apply,
    Arithmetic,
    Atom,
    Compare,
    Constant,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Negative,
    Not,
    Number,
    Operator,
    Or,
    Relation,
    Term,
    Truth,
    Variable,
    Xor,
)
from prm_gym.logic.notations.reader import Reader
from prm_gym.logic.signature import INDIVIDUAL, Signature

_TOKEN = re.compile(r"(?P<open>\()|(?P<close>\))|(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<name>[A-Za-z][A-Za-z0-9_]*|=>|<=|>=|[-+*/<>=])", re.ASCII)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_CHAINS: dict[str, type[And] | type[Or]] = {"and": And, "or": Or}
_RELATIONS: dict[str, Relation] = {"<": "<", "<=": "<=", ">": ">", ">=": ">="}
_OPERATORS: dict[str, Operator] = {"+": "+", "-": "-", "*": "*"}
_RESERVED = {
    *(
        "true",
        "false",
        "not",
        "and",
        "or",
        "xor",
        "distinct",
        "forall",
        "exists",
        "let",
        "ite",
        "match",
        "as",
        "par",
        "assert",
        "declare",
        "define",
        "set",
        "check",
        "push",
        "pop",
    ),
}


def parse(text: str, signature: Signature | None = None) -> Formula:
    """The formula that a text writes.

    Args:
        text: one closed formula.
        signature: the declared symbols; without them there are no predicates.

    Raises:
        FormulaError: what is wrong and where.
    """
    parser = _Parser(text, _TOKEN)
    parser.signature = signature or Signature()
    formula = parser.formula()
    parser.finish()
    return formula


class _Parser(Reader):
    signature: Signature

    def formula(self) -> Formula:
        self.enter()
        if self.kind != "open":
            formula = self.plain()
        else:
            self.take()
            formula = self.compound()
            self.expect("close", "a closing parenthesis")
        self.leave()
        return formula

    def plain(self) -> Formula:
        name = self.expect("name", "a formula")
        if name in ("true", "false"):
            return Truth(name == "true")
        if name in self.bound or name not in self.signature.predicates:
            raise self.error(f"{name} is no declared proposition")
        return Atom(name)

    def compound(self) -> Formula:
        head = self.expect("name", "an operator or predicate")
        if head == "not":
            return Not(self.formula())
        if head in ("forall", "exists"):
            return self.quantified(head)
        if head in ("and", "or", "xor", "=>"):
            return self.connected(head)
        if head in ("=", "distinct"):
            return self.equal(head)
        if head in _RELATIONS:
            return Compare(_RELATIONS[head], self.term(), self.term())
        if head in self.bound or head not in self.signature.predicates:
            raise self.error(f"{head} is no declared predicate")
        if self.kind == "close":
            raise self.error(f"the predicate {head} is given no arguments; a proposition stands without parentheses")
        arguments = self.terms()
        self.require_few(arguments)
        return Atom(head, arguments)

    def connected(self, head: str) -> Formula:
        operands = [self.formula()]
        while self.kind != "close":
            operands.append(self.formula())
            if len(operands) + self.depth > 100:
                raise self.error("more than 100 operands or levels")
        if len(operands) < 2 or (head == "xor" and len(operands) != 2):
            raise self.error(f"{head} takes {'two' if head == 'xor' else 'at least two'} operands and is given {len(operands)}")
        if head == "=>":
            formula = operands.pop()
            while operands:
                formula = Implies(operands.pop(), formula)
            return formula
        made = Xor if head == "xor" else _CHAINS[head]
        formula = operands[0]
        for operand in operands[1:]:
            formula = made(formula, operand)
        return formula

    def equal(self, head: str) -> Formula:
        if self.starts_a_formula():
            left = self.formula()
            right = self.formula()
            return Iff(left, right) if head == "=" else Xor(left, right)
        return Compare("=" if head == "=" else "!=", self.term(), self.term())

    def starts_a_formula(self) -> bool:
        """Whether a formula comes, and no term."""
        name = self.tokens[self.place + 1][1] if self.kind == "open" else self.token
        if name in self.bound:
            return False
        return name in self.signature.predicates or name in ("true", "false", "not", "and", "or", "xor", "=>", "=", "distinct", "forall", "exists", *_RELATIONS)

    def quantified(self, head: str) -> Formula:
        self.expect("open", "an opening parenthesis")
        variables: list[tuple[str, str]] = []
        while self.kind == "open":
            self.take()
            name, sort = self.expect("name", "a variable"), self.expect("name", "a sort")
            if not _NAME.fullmatch(name) or name in _RESERVED:
                raise self.error(f"{name} is no variable")
            if name in self.bound or name in self.signature.constants or name in self.signature.predicates or name in self.signature.functions:
                raise self.error(f"the name {name} is taken")
            self.bound[name] = INDIVIDUAL if sort == "Individual" else sort
            variables.append((name, self.bound[name]))
            self.expect("close", "a closing parenthesis")
            self.enter()
        self.expect("close", "a closing parenthesis")
        if not variables:
            raise self.error("a quantifier without variables")
        formula = self.formula()
        for name, sort in reversed(variables):
            formula = ForAll(name, formula, sort) if head == "forall" else Exists(name, formula, sort)
            del self.bound[name]
        self.depth -= len(variables)
        return formula

    def terms(self) -> tuple[Term, ...]:
        found: list[Term] = []
        while self.kind != "close":
            found.append(self.term())
        return tuple(found)

    def term(self) -> Term:
        self.enter()
        kind, token = self.kind, self.token
        if kind == "number":
            term: Term = self.number(token)
            self.take()
        elif kind == "name":
            self.take()
            if token not in self.bound and (not _NAME.fullmatch(token) or token in _RESERVED):
                raise self.error(f"{token} is no term")
            term = Variable(token) if token in self.bound else Constant(token)
        elif kind == "open":
            self.take()
            term = self.applied()
            self.expect("close", "a closing parenthesis")
        else:
            raise self.error("a term is missing")
        self.leave()
        return term

    def applied(self) -> Term:
        head = self.expect("name", "a function")
        if head == "/":
            return self.fraction()
        arguments = self.terms()
        if head in _OPERATORS:
            if head == "-" and len(arguments) == 1:
                body = arguments[0]
                return Number(-body.numerator, body.denominator) if isinstance(body, Number) and body.numerator > 0 else Negative(body)
            if not 2 <= len(arguments) <= 100:
                raise self.error(f"{head} takes two or more arguments (at most 100) and is given {len(arguments)}")
            term = arguments[0]
            for argument in arguments[1:]:
                term = Arithmetic(_OPERATORS[head], term, argument)
            return term
        if not _NAME.fullmatch(head) or head in _RESERVED or head in self.bound:
            raise self.error(f"{head} is no function")
        if not arguments:
            raise self.error(f"the function {head} is given no arguments")
        self.require_few(arguments)
        return Apply(head, arguments)

    def fraction(self) -> Number:
        numerator, denominator = (self.expect("number", "a numeral") for _ in range(2))
        if "." in numerator + denominator:
            raise self.error("a fraction of two whole numerals is asked for")
        return self.number(f"{numerator}/{denominator}")


def write(formula: Formula) -> str:
    """The formula in the notation; `parse` reads it back as the same tree.

    Raises:
        FormulaError: a name that the notation cannot write.
    """
    match formula:
        case Truth(value):
            return "true" if value else "false"
        case Atom(predicate, arguments):
            return _applied(_checked(predicate), *map(_term, arguments))
        case Compare(relation, left, right):
            return _applied("distinct" if relation == "!=" else relation, _term(left), _term(right))
        case Not(body):
            return _applied("not", write(body))
        case And(left, right) | Or(left, right) | Xor(left, right) | Implies(left, right) | Iff(left, right):
            return _applied(_HEADS[type(formula)], write(left), write(right))
        case ForAll(variable, body, sort) | Exists(variable, body, sort):
            head = "forall" if isinstance(formula, ForAll) else "exists"
            return f"({head} (({_checked(variable)} {sort or 'Individual'})) {write(body)})"


_HEADS: dict[type[Formula], str] = {And: "and", Or: "or", Xor: "xor", Implies: "=>", Iff: "="}


def _term(term: Term) -> str:
    match term:
        case Constant(name) | Variable(name):
            return _checked(name)
        case Number(numerator, denominator):
            text = str(abs(numerator)) if denominator == 1 else f"(/ {abs(numerator)} {denominator})"
            return text if numerator >= 0 else f"(- {text})"
        case Apply(function, arguments):
            return _applied(_checked(function), *map(_term, arguments))
        case Negative(body):
            return _applied("-", _term(body))
        case Arithmetic(operator, left, right):
            return _applied(operator, _term(left), _term(right))


def _applied(head: str, *arguments: str) -> str:
    return f"({' '.join((head, *arguments))})" if arguments else head


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise FormulaError(f"this notation cannot write the name {name!r}")
    return name

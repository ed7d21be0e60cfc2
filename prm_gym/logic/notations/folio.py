"""First-order logic as FOLIO writes it: `∀x (Drinks(x) → Dependent(x))`.

`¬`, `∀x` and `∃x` bind tightest, then `∧`, `∨`, `⊕` (either, not both), `→` (to the right), `↔`. A name in the argument of a predicate is a variable where a
quantifier binds it and a constant elsewhere; numerals are constants like any other. `=` and `≠` compare terms.

Source: FOLIO (Han et al. 2022), the FOL annotations of its version 0.0.
"""

import re

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import And, Apply, Atom, Compare, Constant, Exists, ForAll, Formula, Iff, Implies, Not, Or, Term, Truth, Variable, Xor
from prm_gym.logic.notations.reader import Reader
from prm_gym.logic.signature import INDIVIDUAL

_TOKEN = re.compile(
    r"(?P<forall>∀)|(?P<exists>∃)|(?P<not>¬)|(?P<and>∧)|(?P<or>∨)|(?P<xor>⊕)|(?P<implies>→)|(?P<iff>↔)|(?P<open>\()|(?P<close>\))|(?P<comma>,)"
    r"|(?P<compare>[=≠])|(?P<truth>[⊤⊥])|(?P<name>[^\W_][\w'’.+-]*)"
)
_NAME = re.compile(r"[^\W_][\w'’.+-]*")
_SYMBOLS: dict[type[Formula], str] = {And: "∧", Or: "∨", Xor: "⊕", Implies: "→", Iff: "↔"}


def parse(text: str) -> Formula:
    """The formula that a text writes.

    Args:
        text: one closed formula.

    Raises:
        FormulaError: what is wrong and where.
    """
    parser = _Parser(text, _TOKEN)
    formula = parser.iff()
    parser.finish()
    return formula


class _Parser(Reader):
    def iff(self) -> Formula:
        self.enter()
        left = self.implies()
        while self.kind == "iff":
            self.take()
            left = Iff(left, self.implies())
        self.leave()
        return left

    def implies(self) -> Formula:
        self.enter()
        left = self.chain("xor", Xor)
        if self.kind == "implies":
            self.take()
            left = Implies(left, self.implies())
        self.leave()
        return left

    def chain(self, kind: str, made: type[And] | type[Or] | type[Xor]) -> Formula:
        return self.chained(self.operand(kind), kind, lambda: self.operand(kind), made)

    def operand(self, kind: str) -> Formula:
        if kind == "xor":
            return self.chain("or", Or)
        return self.chain("and", And) if kind == "or" else self.unary()

    def unary(self) -> Formula:
        self.enter()
        kind = self.kind
        if kind == "not":
            self.take()
            formula: Formula = Not(self.unary())
        elif kind in ("forall", "exists"):
            formula = self.quantified(kind)
        elif kind == "truth":
            formula = Truth(self.take() == "⊤")
        elif kind == "open":
            self.take()
            formula = self.iff()
            self.expect("close", "a closing parenthesis")
        elif kind == "name":
            formula = self.atom()
        else:
            raise self.error(f"{self.token!r} cannot begin a formula" if self.token else "a formula is missing")
        self.leave()
        return formula

    def quantified(self, kind: str) -> Formula:
        self.take()
        variable = self.expect("name", "a variable")
        if variable in self.bound:
            raise self.error(f"the variable {variable} is bound twice")
        self.bound[variable] = INDIVIDUAL
        body = self.unary()
        del self.bound[variable]
        return ForAll(variable, body) if kind == "forall" else Exists(variable, body)

    def atom(self) -> Formula:
        name = self.take()
        arguments = self.listed(self.term) if self.kind == "open" else ()
        if self.kind == "compare":
            relation = self.take()
            left = Apply(name, arguments) if arguments else self.symbol(name)
            return Compare("=" if relation == "=" else "!=", left, self.term())
        if name in self.bound:
            raise self.error(f"the variable {name} is no formula")
        return Atom(name, arguments)

    def term(self) -> Term:
        self.enter()
        name = self.expect("name", "a term")
        term = Apply(name, self.listed(self.term)) if self.kind == "open" else self.symbol(name)
        self.leave()
        return term

    def symbol(self, name: str) -> Term:
        return Variable(name) if name in self.bound else Constant(name)


def write(formula: Formula) -> str:
    """The formula in the notation, with a parenthesis round every operand that is no literal; `parse` reads it back as the same tree.

    Raises:
        FormulaError: it has numbers, arithmetic or sorts, or a name that the notation cannot write.
    """
    match formula:
        case And(left, right) | Or(left, right) | Xor(left, right) | Implies(left, right) | Iff(left, right):
            return f"{_operand(left)} {_SYMBOLS[type(formula)]} {_operand(right)}"
        case _:
            return _operand(formula)


def _operand(formula: Formula) -> str:
    match formula:
        case Truth(value):
            return "⊤" if value else "⊥"
        case Atom(predicate, arguments):
            return _applied(predicate, arguments)
        case Compare("=" | "!=" as relation, left, right):
            return f"({_term(left)} {'=' if relation == '=' else '≠'} {_term(right)})"
        case Not(body):
            return f"¬{_operand(body)}"
        case ForAll(variable, body, "") | Exists(variable, body, ""):
            return f"{'∀' if isinstance(formula, ForAll) else '∃'}{_name(variable)} {_operand(body)}"
        case And() | Or() | Xor() | Implies() | Iff():
            return f"({write(formula)})"
        case _:
            raise FormulaError("this notation has neither numbers nor sorts")


def _term(term: Term) -> str:
    match term:
        case Constant(name) | Variable(name):
            return _name(name)
        case Apply(function, arguments):
            return _applied(function, arguments)
        case _:
            raise FormulaError("this notation has neither numbers nor sorts")


def _applied(name: str, arguments: tuple[Term, ...]) -> str:
    return f"{_name(name)}({', '.join(_term(argument) for argument in arguments)})" if arguments else _name(name)


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise FormulaError(f"this notation cannot write the name {name!r}")
    return name

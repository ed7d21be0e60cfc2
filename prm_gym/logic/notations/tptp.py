"""First-order logic in the ASCII of TPTP: `! [X] : (man(X) => mortal(X))`, typed as in TFF: `! [N: $int] : $less(N, $sum(N, 1))`.

Connectives: `~`, `&` and `|` (chains of one kind without parentheses), `=>`, `<=`, `<=>`, `<~>` (either, not both; two operands each); quantifiers `!` and
`?` reach over one unitary formula; names of predicates, functions and constants begin with a small letter, variables with a capital; `=` and `!=` compare
terms; `$true`, `$false`. Numbers: `$less`, `$lesseq`, `$greater`, `$greatereq`, `$sum`, `$difference`, `$product`, `$uminus`, integers, decimals and
fractions. Sorts: `$i` (individuals), `$int`, `$real`, and declared ones.

Source: Sutcliffe, The TPTP Problem Library and Associated Infrastructure (the FOF and TFF syntax), restricted to this fragment.
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
from prm_gym.logic.signature import INDIVIDUAL, INT, REAL

_TOKEN = re.compile(
    r"(?P<iff><=>)|(?P<xor><~>)|(?P<implies>=>)|(?P<implied><=)|(?P<compare>!=|=)|(?P<forall>!(?=\s*\[))|(?P<exists>\?(?=\s*\[))|(?P<not>~)|(?P<and>&)|(?P<or>\|)"
    r"|(?P<open>\()|(?P<close>\))|(?P<left>\[)|(?P<right>\])|(?P<comma>,)|(?P<colon>:)"
    r"|(?P<defined>\$[a-z]+)|(?P<name>[a-z][A-Za-z0-9_]*)|(?P<variable>[A-Z][A-Za-z0-9_]*)|(?P<number>-?[0-9]+(?:/[0-9]+|\.[0-9]+)?)",
    re.ASCII,
)
_NAME = re.compile(r"[a-z][A-Za-z0-9_]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Z][A-Za-z0-9_]*", re.ASCII)
_SORTS = {"$i": INDIVIDUAL, "$int": INT, "$real": REAL, "$rat": REAL}
_SORT_NAMES = {INDIVIDUAL: "$i", INT: "$int", REAL: "$real"}
_RELATIONS: dict[str, Relation] = {"$less": "<", "$lesseq": "<=", "$greater": ">", "$greatereq": ">="}
_RELATION_NAMES: dict[Relation, str] = {relation: name for name, relation in _RELATIONS.items()}
_OPERATORS: dict[str, Operator] = {"$sum": "+", "$difference": "-", "$product": "*"}
_OPERATOR_NAMES: dict[Operator, str] = {operator: name for name, operator in _OPERATORS.items()}
_BINARY: dict[str, type[Implies] | type[Iff] | type[Xor]] = {"implies": Implies, "iff": Iff, "xor": Xor}
_SYMBOLS: dict[type[Formula], str] = {And: "&", Or: "|", Xor: "<~>", Implies: "=>", Iff: "<=>"}


def parse(text: str) -> Formula:
    """The formula that a text writes.

    Args:
        text: one closed formula.

    Raises:
        FormulaError: what is wrong and where.
    """
    parser = _Parser(text, _TOKEN)
    formula = parser.formula()
    parser.finish()
    return formula


class _Parser(Reader):
    def formula(self) -> Formula:
        self.enter()
        left = self.unitary()
        kind = self.kind
        if kind in ("and", "or"):
            left = self.chained(left, kind, self.unitary, And if kind == "and" else Or)
        elif kind in _BINARY:
            self.take()
            left = _BINARY[kind](left, self.unitary())
        elif kind == "implied":
            self.take()
            left = Implies(self.unitary(), left)
        if self.kind in ("and", "or", "implied", *_BINARY):
            raise self.error(f"{self.token!r} needs parentheses here")
        self.leave()
        return left

    def unitary(self) -> Formula:
        self.enter()
        kind = self.kind
        if kind == "not":
            self.take()
            formula: Formula = Not(self.unitary())
        elif kind in ("forall", "exists"):
            formula = self.quantified(kind)
        elif kind == "open":
            self.take()
            formula = self.formula()
            self.expect("close", "a closing parenthesis")
        else:
            formula = self.smallest()
        self.leave()
        return formula

    def quantified(self, kind: str) -> Formula:
        self.take()
        self.expect("left", "an opening bracket")
        variables = [self.variable()]
        while self.kind == "comma":
            self.take()
            variables.append(self.variable())
        self.expect("right", "a closing bracket")
        self.expect("colon", "a colon")
        formula = self.unitary()
        for name, sort in reversed(variables):
            formula = ForAll(name, formula, sort) if kind == "forall" else Exists(name, formula, sort)
            del self.bound[name]
            self.enter()
        self.depth -= len(variables)
        return formula

    def variable(self) -> tuple[str, str]:
        name = self.expect("variable", "a variable")
        sort = INDIVIDUAL
        if self.kind == "colon":
            self.take()
            sort = self.take()
            if sort not in _SORTS and not sort[:1].isalpha():
                raise self.error(f"{sort!r} is no sort")
            sort = _SORTS.get(sort, sort)
        if name in self.bound:
            raise self.error(f"the variable {name} is bound twice")
        self.bound[name] = sort
        return name, sort

    def smallest(self) -> Formula:
        if self.kind == "defined" and self.token in ("$true", "$false"):
            return Truth(self.take() == "$true")
        if self.kind == "defined" and self.token in _RELATIONS:
            relation = _RELATIONS[self.take()]
            left, right = self.two()
            return Compare(relation, left, right)
        name = self.token if self.kind == "name" else ""
        term = self.term()
        if self.kind == "compare":
            return Compare("=" if self.take() == "=" else "!=", term, self.term())
        if not name:
            raise self.error("a term is no formula; a comparison is missing")
        return Atom(name, term.arguments if isinstance(term, Apply) else ())

    def two(self) -> tuple[Term, Term]:
        arguments = self.listed(self.term)
        if len(arguments) != 2:
            raise self.error(f"two arguments are asked for and {len(arguments)} are given")
        return arguments[0], arguments[1]

    def term(self) -> Term:
        self.enter()
        kind, token = self.kind, self.token
        if kind == "number":
            term: Term = self.number(token)
            self.take()
        elif kind == "variable":
            if token not in self.bound:
                raise self.error(f"the variable {token} is bound by no quantifier")
            term = Variable(self.take())
        elif kind == "name":
            self.take()
            term = Apply(token, self.listed(self.term)) if self.kind == "open" else Constant(token)
        elif kind == "defined" and token in _OPERATORS:
            self.take()
            term = Arithmetic(_OPERATORS[token], *self.two())
        elif kind == "defined" and token == "$uminus":
            self.take()
            arguments = self.listed(self.term)
            if len(arguments) != 1:
                raise self.error(f"one argument is asked for and {len(arguments)} are given")
            term = Negative(arguments[0])
        else:
            raise self.error(f"{token!r} cannot begin a formula or term" if token else "a formula or term is missing")
        self.leave()
        return term


def write(formula: Formula) -> str:
    """The formula in the notation; `parse` reads it back as the same tree.

    Raises:
        FormulaError: a name that the notation cannot write.
    """
    match formula:
        case And(left, right) | Or(left, right):
            first = write(left) if type(left) is type(formula) else _unitary(left)
            return f"{first} {_SYMBOLS[type(formula)]} {_unitary(right)}"
        case Xor(left, right) | Implies(left, right) | Iff(left, right):
            return f"{_unitary(left)} {_SYMBOLS[type(formula)]} {_unitary(right)}"
        case _:
            return _unitary(formula)


def _unitary(formula: Formula) -> str:
    match formula:
        case Truth(value):
            return "$true" if value else "$false"
        case Atom(predicate, arguments):
            return _applied(predicate, arguments)
        case Compare(relation, left, right):
            if relation in ("=", "!="):
                return f"({_term(left)} {relation} {_term(right)})"
            return f"{_RELATION_NAMES[relation]}({_term(left)}, {_term(right)})"
        case Not(body):
            return f"~{_unitary(body)}"
        case ForAll(variable, body, sort) | Exists(variable, body, sort):
            typed = "" if sort == INDIVIDUAL else f": {_SORT_NAMES.get(sort, sort)}"
            return f"{'!' if isinstance(formula, ForAll) else '?'} [{_checked(_VARIABLE, variable)}{typed}] : {_unitary(body)}"
        case And() | Or() | Xor() | Implies() | Iff():
            return f"({write(formula)})"


def _term(term: Term) -> str:
    match term:
        case Constant(name):
            return _checked(_NAME, name)
        case Variable(name):
            return _checked(_VARIABLE, name)
        case Number(numerator, denominator):
            return str(numerator) if denominator == 1 else f"{numerator}/{denominator}"
        case Apply(function, arguments):
            return _applied(function, arguments)
        case Negative(body):
            return f"$uminus({_term(body)})"
        case Arithmetic(operator, left, right):
            return f"{_OPERATOR_NAMES[operator]}({_term(left)}, {_term(right)})"


def _applied(name: str, arguments: tuple[Term, ...]) -> str:
    return f"{_checked(_NAME, name)}({', '.join(_term(argument) for argument in arguments)})" if arguments else _checked(_NAME, name)


def _checked(pattern: re.Pattern[str], name: str) -> str:
    if not pattern.fullmatch(name):
        raise FormulaError(f"this notation cannot write the name {name!r}")
    return name

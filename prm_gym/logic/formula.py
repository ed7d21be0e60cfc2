"""Formulas of many-sorted first-order logic as frozen trees: equal trees, equal formulas; hashable; cheap to build.

    term    := constant | variable | number | f(term, ...) | term + term | term - term | term * term | -term
    formula := true | false | P | P(term, ...) | term = term | term < term | ...
             | not f | f and f | f or f | f xor f | f -> f | f <-> f | for all x: f | exists x: f

How they are written is the business of the notations (`prm_gym.logic.notations.fld` and `prm_gym.logic.notations`); which sorts the symbols have, of
`prm_gym.logic.signature`.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, TypeAlias

import msgspec

Relation: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]
Operator: TypeAlias = Literal["+", "-", "*"]


class Constant(msgspec.Struct, frozen=True, gc=False, tag="constant"):
    """A named individual or number: `{a}`."""

    name: str


class Variable(msgspec.Struct, frozen=True, gc=False, tag="variable"):
    """A variable, `x`."""

    name: str


class Number(msgspec.Struct, frozen=True, gc=False, tag="number"):
    """A rational number in lowest terms, the denominator > 0."""

    numerator: int
    denominator: int = 1


class Apply(msgspec.Struct, frozen=True, gc=False, tag="apply"):
    """A function of one or more terms."""

    function: str
    arguments: "tuple[Term, ...]"


class Arithmetic(msgspec.Struct, frozen=True, gc=False, tag="arithmetic"):
    """A sum, a difference, or a product one side of which is free of symbols (so that it is linear)."""

    operator: Operator
    left: "Term"
    right: "Term"


class Negative(msgspec.Struct, frozen=True, gc=False, tag="negative"):
    """The negative of a number."""

    body: "Term"


Term: TypeAlias = Constant | Variable | Number | Apply | Arithmetic | Negative


class Truth(msgspec.Struct, frozen=True, gc=False, tag="truth"):
    """True or false itself."""

    value: bool


class Atom(msgspec.Struct, frozen=True, gc=False, tag="atom"):
    """A predicate of no argument (a proposition) or of several."""

    predicate: str
    arguments: tuple[Term, ...] = ()


class Compare(msgspec.Struct, frozen=True, gc=False, tag="compare"):
    """Equality of two terms, or the order of two numbers."""

    relation: Relation
    left: Term
    right: Term


class Not(msgspec.Struct, frozen=True, gc=False, tag="not"):
    """Negation."""

    body: "Formula"


class And(msgspec.Struct, frozen=True, gc=False, tag="and"):
    """Conjunction of two."""

    left: "Formula"
    right: "Formula"


class Or(msgspec.Struct, frozen=True, gc=False, tag="or"):
    """Disjunction of two."""

    left: "Formula"
    right: "Formula"


class Xor(msgspec.Struct, frozen=True, gc=False, tag="xor"):
    """One of two, not both."""

    left: "Formula"
    right: "Formula"


class Implies(msgspec.Struct, frozen=True, gc=False, tag="implies"):
    """Material implication."""

    left: "Formula"
    right: "Formula"


class Iff(msgspec.Struct, frozen=True, gc=False, tag="iff"):
    """Both or neither."""

    left: "Formula"
    right: "Formula"


class ForAll(msgspec.Struct, frozen=True, gc=False, tag="forall"):
    """Universal quantification over a sort; "" is the sort of the individuals."""

    variable: str
    body: "Formula"
    sort: str = ""


class Exists(msgspec.Struct, frozen=True, gc=False, tag="exists"):
    """Existential quantification over a sort; "" is the sort of the individuals."""

    variable: str
    body: "Formula"
    sort: str = ""


Formula: TypeAlias = Truth | Atom | Compare | Not | And | Or | Xor | Implies | Iff | ForAll | Exists
Connective: TypeAlias = And | Or | Xor | Implies | Iff


def negation(formula: Formula) -> Formula:
    """The opposite, without a double negation in front."""
    return formula.body if isinstance(formula, Not) else Not(formula)


def is_literal(formula: Formula) -> bool:
    """Whether it is an atom or a negated atom."""
    return isinstance(formula, Atom) or (isinstance(formula, Not) and isinstance(formula.body, Atom))


def parts(formula: Formula) -> tuple[Formula, ...]:
    """The formulas that it is made of; none for a smallest one."""
    match formula:
        case Truth() | Atom() | Compare():
            return ()
        case Not(body) | ForAll(_, body) | Exists(_, body):
            return (body,)
        case And(left, right) | Or(left, right) | Xor(left, right) | Implies(left, right) | Iff(left, right):
            return (left, right)


def terms(formula: Formula) -> tuple[Term, ...]:
    """The terms of a smallest formula; none for another."""
    match formula:
        case Atom(_, arguments):
            return arguments
        case Compare(_, left, right):
            return (left, right)
        case _:
            return ()


def subterms(term: Term) -> Iterator[Term]:
    """The term and every term inside it, from the outside in and from left to right."""
    yield term
    match term:
        case Apply(_, arguments):
            for argument in arguments:
                yield from subterms(argument)
        case Arithmetic(_, left, right):
            yield from subterms(left)
            yield from subterms(right)
        case Negative(body):
            yield from subterms(body)
        case _:
            pass


def smallest(formula: Formula) -> Iterator[Truth | Atom | Compare]:
    """Its smallest formulas, from left to right, with repetitions."""
    if isinstance(formula, Truth | Atom | Compare):
        yield formula
    else:
        for part in parts(formula):
            yield from smallest(part)


def atoms(formula: Formula) -> Iterator[Atom]:
    """Its atoms, from left to right, with repetitions."""
    if isinstance(formula, Atom):
        yield formula
    else:
        for part in parts(formula):
            yield from atoms(part)


def constants(formula: Formula) -> Iterator[Constant]:
    """The constants that it speaks of, from left to right, with repetitions."""
    for one in smallest(formula):
        for term in terms(one):
            yield from (inner for inner in subterms(term) if isinstance(inner, Constant))


def height(formula: Formula) -> int:
    """Height of the tree: 1 for an atom. Any tree, however high."""
    greatest, pending = 0, [(formula, 1)]
    while pending:
        part, level = pending.pop()
        greatest = max(greatest, level)
        pending += [(inner, level + 1) for inner in parts(part)]
    return greatest


def conjuncts(formula: Formula) -> Iterator[Formula]:
    """The parts of a conjunction, from left to right; the formula itself if it is none."""
    if isinstance(formula, And):
        yield from conjuncts(formula.left)
        yield from conjuncts(formula.right)
    else:
        yield formula


def replaced(term: Term, variable: str, value: Term) -> Term:
    """The term with the occurrences of a variable replaced."""
    match term:
        case Variable(name):
            return value if name == variable else term
        case Constant() | Number():
            return term
        case Apply(function, arguments):
            return Apply(function, tuple(replaced(argument, variable, value) for argument in arguments))
        case Arithmetic(operator, left, right):
            return Arithmetic(operator, replaced(left, variable, value), replaced(right, variable, value))
        case Negative(body):
            return Negative(replaced(body, variable, value))


def instantiate(formula: Formula, variable: str, value: Term) -> Formula:
    """The formula with the free occurrences of a variable replaced.

    Args:
        formula: any formula.
        variable: name of the variable.
        value: a term without variables that a quantifier in the formula binds.
    """
    match formula:
        case Truth():
            return formula
        case Atom(predicate, arguments):
            return Atom(predicate, tuple(replaced(argument, variable, value) for argument in arguments)) if arguments else formula
        case Compare(relation, left, right):
            return Compare(relation, replaced(left, variable, value), replaced(right, variable, value))
        case Not(body):
            return Not(instantiate(body, variable, value))
        case And(left, right) | Or(left, right) | Xor(left, right) | Implies(left, right) | Iff(left, right):
            return type(formula)(instantiate(left, variable, value), instantiate(right, variable, value))
        case ForAll(name, body, sort) | Exists(name, body, sort):
            return formula if name == variable else type(formula)(name, instantiate(body, variable, value), sort)


def normal_form(formula: Formula, positive: bool = True) -> Formula:
    """Negation normal form with the operands of & and v in a fixed order: a cheap test of sameness.

    Formulas with the same normal form are equivalent; equivalent formulas may have different ones. "Either, not both" becomes "both or neither" of one
    operand's opposite, which is kept as it is: taking it apart would double the formula at every level.

    Args:
        formula: any formula.
        positive: False for the normal form of its negation.
    """
    match formula:
        case Truth(value):
            return Truth(value is positive)
        case Atom() | Compare():
            return formula if positive else Not(formula)
        case Not(body):
            return normal_form(body, not positive)
        case Implies(left, right):
            return _ordered(Or if positive else And, normal_form(left, not positive), normal_form(right, positive))
        case And(left, right):
            return _ordered(And if positive else Or, normal_form(left, positive), normal_form(right, positive))
        case Or(left, right):
            return _ordered(Or if positive else And, normal_form(left, positive), normal_form(right, positive))
        case Iff(left, right):
            return _either(left, right, positive)
        case Xor(left, right):
            return _either(left, right, not positive)
        case ForAll(name, body, sort):
            return (ForAll if positive else Exists)(name, normal_form(body, positive), sort)
        case Exists(name, body, sort):
            return (Exists if positive else ForAll)(name, normal_form(body, positive), sort)


def _either(left: Formula, right: Formula, same: bool) -> Formula:
    """Both or neither of two; of the first and the second's opposite where they are not the same."""
    first, second = sorted((_normal(left), _normal(right)), key=repr)
    return Iff(first, second if same else _normal(second, False))


@lru_cache(maxsize=1_024)
def _normal(formula: Formula, positive: bool = True) -> Formula:
    """`normal_form`, kept: a chain of these asks for the form of each part several times over."""
    return normal_form(formula, positive)


def _ordered(kind: type[And] | type[Or], left: Formula, right: Formula) -> Formula:
    """The flattened operands, sorted and without repetitions, as a chain to the right."""
    operands: set[Formula] = set()
    pending: list[Formula] = [left, right]
    while pending:
        part = pending.pop()
        if isinstance(part, kind):
            pending += [part.left, part.right]
        else:
            operands.add(part)
    ordered = sorted(operands, key=repr)
    chain = ordered.pop()
    while ordered:
        chain = kind(ordered.pop(), chain)
    return chain


class Renaming:
    """Names of predicates, functions, constants and bound variables replaced by their order of first occurrence.

    Entailment does not depend on names. Formulas renamed together by one object are a canonical form of themselves: two inferences of the same form have equal
    renamed formulas, and the answer about one is the answer about the other. Sorts keep their names.
    """

    def __init__(self) -> None:
        """Start with nothing renamed."""
        self.predicates: dict[str, str] = {}
        self.constants: dict[str, str] = {}
        self.functions: dict[str, str] = {}

    def __call__(self, formula: Formula) -> Formula:
        """The formula with its names replaced; names already met keep their replacement."""
        return self._rename(formula, {}, 0)

    def _rename(self, formula: Formula, bound: dict[str, str], depth: int) -> Formula:
        match formula:
            case Truth():
                return formula
            case Atom(predicate, arguments):
                short = self.predicates.setdefault(predicate, f"P{len(self.predicates)}")
                return Atom(short, tuple([self._rename_term(argument, bound) for argument in arguments]))
            case Compare(relation, left, right):
                return Compare(relation, self._rename_term(left, bound), self._rename_term(right, bound))
            case Not(body):
                return Not(self._rename(body, bound, depth))
            case And(left, right) | Or(left, right) | Xor(left, right) | Implies(left, right) | Iff(left, right):
                return type(formula)(self._rename(left, bound, depth), self._rename(right, bound, depth))
            case ForAll(name, body, sort) | Exists(name, body, sort):
                fresh = f"x{depth}"
                return type(formula)(fresh, self._rename(body, {**bound, name: fresh}, depth + 1), sort)

    def _rename_term(self, term: Term, bound: dict[str, str]) -> Term:
        match term:
            case Variable(name):
                return Variable(bound[name])
            case Constant(name):
                return Constant(self.constants.setdefault(name, f"c{len(self.constants)}"))
            case Number():
                return term
            case Apply(function, arguments):
                short = self.functions.setdefault(function, f"f{len(self.functions)}")
                return Apply(short, tuple(self._rename_term(argument, bound) for argument in arguments))
            case Arithmetic(operator, left, right):
                return Arithmetic(operator, self._rename_term(left, bound), self._rename_term(right, bound))
            case Negative(body):
                return Negative(self._rename_term(body, bound))


Form: TypeAlias = tuple["tuple[int, ...] | Formula", ...]
"""What is left of a list of formulas when names do not matter."""


class Names(msgspec.Struct, frozen=True):
    """The names that a renaming replaces, in order of first occurrence: the first predicate becomes P0, the first constant c0, the first function f0."""

    predicates: tuple[str, ...]
    constants: tuple[str, ...]
    functions: tuple[str, ...]


@lru_cache(maxsize=20_000)
def _outline(formula: Formula) -> tuple[Formula, tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The formula renamed by itself, and what was replaced."""
    renaming = Renaming()
    renamed = renaming(formula)
    return renamed, tuple(renaming.predicates), tuple(renaming.constants), tuple(renaming.functions)


def outline_of(formulas: tuple[Formula, ...]) -> tuple[Form, Names]:
    """A key that is equal for two lists of formulas exactly when one `Renaming` of each gives equal formulas, without building those."""
    predicates: dict[str, int] = {}
    constants: dict[str, int] = {}
    functions: dict[str, int] = {}
    form: list[tuple[int, ...] | Formula] = []
    for formula in formulas:
        renamed, its_predicates, its_constants, its_functions = _outline(formula)
        form.append(renamed)
        form.append(tuple([predicates.setdefault(name, len(predicates)) for name in its_predicates]))
        form.append(tuple([constants.setdefault(name, len(constants)) for name in its_constants]))
        form.append(tuple([functions.setdefault(name, len(functions)) for name in its_functions]))
    return tuple(form), Names(tuple(predicates), tuple(constants), tuple(functions))

"""Formulas of monadic first-order logic as frozen trees: equal trees, equal formulas; hashable; cheap to build.

formula := {A}  |  {A}{a}  |  {A}x  |  ¬f  |  f & f  |  f v f  |  f -> f  |  (x): f  |  (Ex): f
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import TypeAlias

import msgspec


class Constant(msgspec.Struct, frozen=True, gc=False, tag="constant"):
    """A named individual, `{a}`."""

    name: str


class Variable(msgspec.Struct, frozen=True, gc=False, tag="variable"):
    """A variable, `x`."""

    name: str


Term: TypeAlias = Constant | Variable


class Atom(msgspec.Struct, frozen=True, gc=False, tag="atom"):
    """A predicate of no argument (a proposition) or of one."""

    predicate: str
    argument: Term | None = None


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


class Implies(msgspec.Struct, frozen=True, gc=False, tag="implies"):
    """Material implication."""

    left: "Formula"
    right: "Formula"


class ForAll(msgspec.Struct, frozen=True, gc=False, tag="forall"):
    """Universal quantification over the one domain."""

    variable: str
    body: "Formula"


class Exists(msgspec.Struct, frozen=True, gc=False, tag="exists"):
    """Existential quantification over the one domain."""

    variable: str
    body: "Formula"


Formula: TypeAlias = Atom | Not | And | Or | Implies | ForAll | Exists


def negation(formula: Formula) -> Formula:
    """The opposite, without a double negation in front."""
    return formula.body if isinstance(formula, Not) else Not(formula)


def is_literal(formula: Formula) -> bool:
    """Whether it is an atom or a negated atom."""
    return isinstance(formula, Atom) or (isinstance(formula, Not) and isinstance(formula.body, Atom))


def atoms(formula: Formula) -> Iterator[Atom]:
    """Its atoms, from left to right, with repetitions."""
    match formula:
        case Atom():
            yield formula
        case Not(body) | ForAll(_, body) | Exists(_, body):
            yield from atoms(body)
        case And(left, right) | Or(left, right) | Implies(left, right):
            yield from atoms(left)
            yield from atoms(right)


def height(formula: Formula) -> int:
    """Height of the tree: 1 for an atom. Any tree, however high."""
    greatest, pending = 0, [(formula, 1)]
    while pending:
        part, level = pending.pop()
        greatest = max(greatest, level)
        match part:
            case Atom():
                pass
            case Not(body) | ForAll(_, body) | Exists(_, body):
                pending.append((body, level + 1))
            case And(left, right) | Or(left, right) | Implies(left, right):
                pending += [(left, level + 1), (right, level + 1)]
    return greatest


def conjuncts(formula: Formula) -> Iterator[Formula]:
    """The parts of a conjunction, from left to right; the formula itself if it is none."""
    if isinstance(formula, And):
        yield from conjuncts(formula.left)
        yield from conjuncts(formula.right)
    else:
        yield formula


def instantiate(formula: Formula, variable: str, value: Term) -> Formula:
    """The formula with the free occurrences of a variable replaced.

    Args:
        formula: any formula.
        variable: name of the variable.
        value: a constant, or a variable that no quantifier in the formula binds.
    """
    match formula:
        case Atom(predicate, Variable(name)) if name == variable:
            return Atom(predicate, value)
        case Atom():
            return formula
        case Not(body):
            return Not(instantiate(body, variable, value))
        case And(left, right) | Or(left, right) | Implies(left, right):
            return type(formula)(instantiate(left, variable, value), instantiate(right, variable, value))
        case ForAll(name, body) | Exists(name, body):
            return formula if name == variable else type(formula)(name, instantiate(body, variable, value))


def normal_form(formula: Formula, positive: bool = True) -> Formula:
    """Negation normal form with the operands of & and v in a fixed order: a cheap test of sameness.

    Formulas with the same normal form are equivalent; equivalent formulas may have different ones.

    Args:
        formula: any formula.
        positive: False for the normal form of its negation.
    """
    match formula:
        case Atom():
            return formula if positive else Not(formula)
        case Not(body):
            return normal_form(body, not positive)
        case Implies(left, right):
            return _ordered(Or if positive else And, normal_form(left, not positive), normal_form(right, positive))
        case And(left, right):
            return _ordered(And if positive else Or, normal_form(left, positive), normal_form(right, positive))
        case Or(left, right):
            return _ordered(Or if positive else And, normal_form(left, positive), normal_form(right, positive))
        case ForAll(name, body):
            return (ForAll if positive else Exists)(name, normal_form(body, positive))
        case Exists(name, body):
            return (Exists if positive else ForAll)(name, normal_form(body, positive))


def _ordered(kind: type[And] | type[Or], left: Formula, right: Formula) -> Formula:
    """The flattened operands, sorted and without repetitions, as a chain to the right."""
    parts: set[Formula] = set()
    pending: list[Formula] = [left, right]
    while pending:
        part = pending.pop()
        if isinstance(part, kind):
            pending += [part.left, part.right]
        else:
            parts.add(part)
    ordered = sorted(parts, key=repr)
    chain = ordered.pop()
    while ordered:
        chain = kind(ordered.pop(), chain)
    return chain


class Renaming:
    """Names of predicates, constants and bound variables replaced by their order of first occurrence.

    Entailment does not depend on names. Formulas renamed together by one object are a canonical form of themselves: two inferences of the same form have equal
    renamed formulas, and the answer about one is the answer about the other.
    """

    def __init__(self) -> None:
        """Start with nothing renamed."""
        self.predicates: dict[str, str] = {}
        self.constants: dict[str, str] = {}

    def __call__(self, formula: Formula) -> Formula:
        """The formula with its names replaced; names already met keep their replacement."""
        return self._rename(formula, {}, 0)

    def _rename(self, formula: Formula, bound: dict[str, str], depth: int) -> Formula:
        match formula:
            case Atom(predicate, argument):
                return Atom(self.predicates.setdefault(predicate, f"P{len(self.predicates)}"), self._rename_term(argument, bound))
            case Not(body):
                return Not(self._rename(body, bound, depth))
            case And(left, right) | Or(left, right) | Implies(left, right):
                return type(formula)(self._rename(left, bound, depth), self._rename(right, bound, depth))
            case ForAll(name, body) | Exists(name, body):
                fresh = f"x{depth}"
                return type(formula)(fresh, self._rename(body, {**bound, name: fresh}, depth + 1))

    def _rename_term(self, term: Term | None, bound: dict[str, str]) -> Term | None:
        match term:
            case None:
                return None
            case Variable(name):
                return Variable(bound[name])
            case Constant(name):
                return Constant(self.constants.setdefault(name, f"c{len(self.constants)}"))


Form: TypeAlias = tuple["tuple[int, ...] | Formula", ...]
"""What is left of a list of formulas when names do not matter."""


@lru_cache(maxsize=100_000)
def _outline(formula: Formula) -> tuple[Formula, tuple[str, ...], tuple[str, ...]]:
    """The formula renamed by itself, and the predicates and constants that were replaced, in order."""
    renaming = Renaming()
    renamed = renaming(formula)
    return renamed, tuple(renaming.predicates), tuple(renaming.constants)


def outline_of(formulas: tuple[Formula, ...]) -> tuple[Form, tuple[str, ...], tuple[str, ...]]:
    """A key that is equal for two lists of formulas exactly when one `Renaming` of each gives equal formulas, without building those.

    Returns:
        The key, and the predicates and constants that the renaming replaces, in order of first occurrence.
    """
    predicates: dict[str, int] = {}
    constants: dict[str, int] = {}
    form: list[tuple[int, ...] | Formula] = []
    for formula in formulas:
        renamed, its_predicates, its_constants = _outline(formula)
        form.append(renamed)
        form.append(tuple([predicates.setdefault(name, len(predicates)) for name in its_predicates]))
        form.append(tuple([constants.setdefault(name, len(constants)) for name in its_constants]))
    return tuple(form), tuple(predicates), tuple(constants)

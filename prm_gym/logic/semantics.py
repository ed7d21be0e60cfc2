"""Truth in finite structures: what a formula means, independent of any solver.

A structure names what exists and what holds. A counterexample that a solver finds is checked here before anybody is told of it, as far as that can be done:
a quantifier over all integers or all real numbers cannot be tried out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import islice, product
from typing import TypeAlias

import msgspec

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
    Or,
    Relation,
    Term,
    Truth,
    Variable,
    Xor,
    parts,
)
from prm_gym.logic.signature import INDIVIDUAL, NUMBERS

Value: TypeAlias = str | Fraction
Fact: TypeAlias = tuple[str, *tuple[Value, ...]]
"""A predicate or function, and the elements that it is applied to."""

_COMPARE: dict[Relation, Callable[[Fraction, Fraction], bool]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


# So many parts of formulas are looked at when a formula is tried out in a structure; nested quantifiers multiply them.
MAX_VISITS = 200_000
# How many facts of each kind are told to a person.
TOLD = 24


class UncheckableError(Exception):
    """Whether a formula holds cannot be tried out: it speaks of all numbers, or of a value that the structure does not give, or there are too many cases."""


class Structure(msgspec.Struct, frozen=True, gc=False):
    """A finite interpretation.

    Attributes:
        domain: names of the individuals; at least one.
        constants: (constant, element or number) pairs.
        true: what holds: the predicate and its elements; a proposition stands alone. All else is false.
        functions: (function and elements, value) pairs.
        sorts: (sort, names of its elements) of the further sorts.
    """

    domain: tuple[str, ...]
    constants: tuple[tuple[str, Value], ...]
    true: frozenset[Fact]
    functions: tuple[tuple[Fact, Value], ...] = ()
    sorts: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def describe(self, formulas: Sequence[Formula], write: Callable[[Formula], str]) -> str:
        """What holds and what does not, of what the formulas speak of, in one line for a person.

        Args:
            formulas: what was claimed.
            write: writes a formula for that person.
        """
        shown: dict[Value, Term] = {element: Constant(constant) for constant, element in reversed(self.constants) if not isinstance(element, Fraction)}
        facts: dict[str, bool] = {}
        for formula in formulas:
            for atom, bound in _atoms_with_sorts(formula, {}):
                for values in islice(product(*(self._values(term, bound) for term in atom.arguments)), 100 * TOLD):
                    text = write(Atom(atom.predicate, tuple(shown.get(value, _shown(value)) for value in values)))
                    facts[text] = (atom.predicate, *values) in self.true
        told = [f"{constant} = {value}" for constant, value in self.constants if isinstance(value, Fraction)]
        for (function, *values), value in self.functions:
            told.append(f"{function}({', '.join(_name(shown, inner) for inner in values)}) = {_name(shown, value)}")
        told += [f"{one} = {_name(shown, value)}" for one, value in self.constants if shown.get(value, Constant(one)) != Constant(one)]
        said = [_listed(told, "; ")] if told else []
        if facts or not told:
            true, false = (_listed(sorted(fact for fact, value in facts.items() if value is wanted), ", ") for wanted in (True, False))
            said.append(f"true: {true}; false: {false}")
        return "; ".join(said)

    def _values(self, term: Term, bound: Mapping[str, str]) -> tuple[Value, ...]:
        """The elements that a term may stand for."""
        try:
            match term:
                case Variable(name):
                    return _Interpretation(self).elements(bound[name])
                case _:
                    return (_Interpretation(self).value(term, {}),)
        except (UncheckableError, KeyError):
            return ()


def _listed(facts: Sequence[str], separator: str) -> str:
    """The first of the facts, and how many more there are."""
    if len(facts) > TOLD:
        return f"{separator.join(facts[:TOLD])} and {len(facts) - TOLD:,} more"
    return separator.join(facts) or "nothing"


def _atoms_with_sorts(formula: Formula, bound: Mapping[str, str]) -> Iterator[tuple[Atom, Mapping[str, str]]]:
    """The atoms of a formula, each with the sorts of the variables that are bound there."""
    if isinstance(formula, Atom):
        yield formula, bound
    elif isinstance(formula, ForAll | Exists):
        yield from _atoms_with_sorts(formula.body, {**bound, formula.variable: formula.sort})
    else:
        for part in parts(formula):
            yield from _atoms_with_sorts(part, bound)


def _name(shown: Mapping[Value, Term], value: Value) -> str:
    term = shown.get(value)
    return term.name if isinstance(term, Constant) else str(value)


def _shown(value: Value) -> Term:
    return Number(value.numerator, value.denominator) if isinstance(value, Fraction) else Variable(value)


def holds(formula: Formula, structure: Structure) -> bool:
    """Whether a closed formula is true in a structure.

    Raises:
        UncheckableError: it cannot be tried out.
    """
    return _Interpretation(structure).holds(formula, {})


class _Interpretation:
    """A structure, made ready to be asked."""

    def __init__(self, structure: Structure) -> None:
        self.true = structure.true
        self.constants = dict(structure.constants)
        self.functions = dict(structure.functions)
        self.sorts = {INDIVIDUAL: structure.domain, **dict(structure.sorts)}
        self.visits = 0

    def holds(self, formula: Formula, bound: dict[str, Value]) -> bool:
        """Whether the formula is true where the variables stand for the elements in `bound`."""
        self.visits += 1
        if self.visits > MAX_VISITS:
            raise UncheckableError("there are too many cases")
        match formula:
            case Truth(value):
                return value
            case Atom(predicate, arguments):
                return (predicate, *(self.value(argument, bound) for argument in arguments)) in self.true
            case Compare(relation, left, right):
                one, other = self.value(left, bound), self.value(right, bound)
                if relation in ("=", "!="):
                    return (one == other) is (relation == "=")
                if not (isinstance(one, Fraction) and isinstance(other, Fraction)):
                    raise UncheckableError(f"{one} {relation} {other}")
                return _COMPARE[relation](one, other)
            case Not(body):
                return not self.holds(body, bound)
            case And(left, right):
                return self.holds(left, bound) and self.holds(right, bound)
            case Or(left, right):
                return self.holds(left, bound) or self.holds(right, bound)
            case Xor(left, right):
                return self.holds(left, bound) is not self.holds(right, bound)
            case Implies(left, right):
                return not self.holds(left, bound) or self.holds(right, bound)
            case Iff(left, right):
                return self.holds(left, bound) is self.holds(right, bound)
            case ForAll(variable, body, sort):
                return all(self.holds(body, {**bound, variable: element}) for element in self.elements(sort))
            case Exists(variable, body, sort):
                return any(self.holds(body, {**bound, variable: element}) for element in self.elements(sort))

    def elements(self, sort: str) -> tuple[str, ...]:
        """What there is of a sort."""
        if sort in NUMBERS:
            raise UncheckableError("a quantifier over numbers")
        return self.sorts.get(sort, ())

    def value(self, term: Term, bound: Mapping[str, Value]) -> Value:
        """What a term stands for."""
        match term:
            case Variable(name):
                return bound[name]
            case Constant(name):
                return self.constants[name]
            case Number(numerator, denominator):
                return Fraction(numerator, denominator)
            case Apply(function, arguments):
                key = (function, *(self.value(argument, bound) for argument in arguments))
                if key not in self.functions:
                    raise UncheckableError(f"no value of {function} is given there")
                return self.functions[key]
            case Negative(body):
                return -self._number(body, bound)
            case Arithmetic(operator, left, right):
                one, other = self._number(left, bound), self._number(right, bound)
                return one + other if operator == "+" else one - other if operator == "-" else one * other

    def _number(self, term: Term, bound: Mapping[str, Value]) -> Fraction:
        value = self.value(term, bound)
        if not isinstance(value, Fraction):
            raise UncheckableError(f"{value} is no number")
        return value

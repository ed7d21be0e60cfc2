"""Truth in finite structures: what a formula means, independent of any solver.

A structure names what exists and what holds. A counterexample that a solver finds is checked here before anybody is told of it, as far as that can be done:
a quantifier over all integers or all real numbers cannot be tried out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
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
    constants,
    parts,
    smallest,
    terms,
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
# As many when small structures are searched for a model.
MAX_SEARCH = 50_000
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


class _Traits(msgspec.Struct, frozen=True, gc=False):
    """What matters about a formula when small structures are tried.

    Attributes:
        plain: it speaks of one sort of individuals, without functions and numbers.
        universal: it says nothing of what exists: true in a structure, it is true in every part of it that holds the constants.
        predicates: numbers of arguments, and names.
        names: constants.
        efforts: how many parts are looked at among one individual, and among two.
    """

    plain: bool
    universal: bool
    predicates: frozenset[tuple[int, str]]
    names: frozenset[str]
    efforts: tuple[int, int]


@lru_cache(maxsize=20_000)
def _traits(formula: Formula) -> _Traits:
    least = tuple(smallest(formula))
    ordered = any(isinstance(one, Compare) and one.relation not in ("=", "!=") for one in least)
    simple = all(isinstance(term, Constant | Variable) for one in least for term in terms(one))
    return _Traits(
        plain=simple and not ordered and _has_plain_quantifiers(formula),
        universal=_is_universal(formula, True),
        predicates=frozenset((len(one.arguments), one.predicate) for one in least if isinstance(one, Atom)),
        names=frozenset(constant.name for constant in constants(formula)),
        efforts=(_effort(formula, 1), _effort(formula, 2)),
    )


def _is_universal(formula: Formula, positive: bool) -> bool:
    """Whether no quantifier of a formula, or of its negation, says that something exists."""
    match formula:
        case ForAll(_, body) | Exists(_, body):
            return isinstance(formula, ForAll) is positive and _is_universal(body, positive)
        case Not(body):
            return _is_universal(body, not positive)
        case Implies(left, right):
            return _is_universal(left, not positive) and _is_universal(right, positive)
        case Iff(left, right) | Xor(left, right):
            return not (_is_quantified(left) or _is_quantified(right))  # both signs of both occur
        case _:
            return all(_is_universal(part, positive) for part in parts(formula))


def _is_quantified(formula: Formula) -> bool:
    return isinstance(formula, ForAll | Exists) or any(_is_quantified(part) for part in parts(formula))


class _Vocabulary:
    """What structures for some formulas are to interpret."""

    def __init__(self, formulas: Sequence[Formula]) -> None:
        traits = [_traits(formula) for formula in formulas]
        self.plain = all(one.plain for one in traits)
        self.universal = all(one.universal for one in traits)
        self.predicates = sorted(frozenset[tuple[int, str]]().union(*(one.predicates for one in traits)))
        self.names = sorted(frozenset[str]().union(*(one.names for one in traits)))
        self.efforts = (sum(one.efforts[0] for one in traits), sum(one.efforts[1] for one in traits))

    def facts(self, domain: tuple[str, ...]) -> list[Fact]:
        """Everything that may be true or false."""
        return [(predicate, *elements) for arity, predicate in self.predicates for elements in product(domain, repeat=arity)]

    @property
    def first_order(self) -> bool:
        """Whether it matters what exists."""
        return bool(self.names) or any(arity for arity, _ in self.predicates)

    @property
    def enough(self) -> int:
        """How many individuals are enough for a model, if there is one at all; 0 where that is not known."""
        if not self.first_order:
            return 1
        return max(1, len(self.names)) if self.universal else 0


def _has_plain_quantifiers(formula: Formula) -> bool:
    if isinstance(formula, ForAll | Exists) and formula.sort != INDIVIDUAL:
        return False
    return all(_has_plain_quantifiers(part) for part in parts(formula))


def all_structures(formulas: Sequence[Formula], size: int) -> Iterator[Structure]:
    """Every structure with `size` individuals over the vocabulary of the formulas; exponentially many, for tests and tiny problems.

    Args:
        formulas: about individuals, without functions and numbers.
        size: how many individuals there are.
    """
    vocabulary = _Vocabulary(formulas)
    domain = tuple(f"e{i}" for i in range(size))
    facts = vocabulary.facts(domain)
    for places in product(domain, repeat=len(vocabulary.names)):
        for values in product((False, True), repeat=len(facts)):
            true = frozenset(fact for fact, value in zip(facts, values, strict=True) if value)
            yield Structure(domain, tuple(zip(vocabulary.names, places, strict=True)), true)


class Search(msgspec.Struct, frozen=True, gc=False):
    """What came of trying all small structures.

    Attributes:
        model: the first structure in which all the formulas hold.
        exhaustive: there is no other place to look: without a model the formulas cannot hold together.
    """

    model: Structure | None = None
    exhaustive: bool = False


def small_model(formulas: Sequence[Formula], most: int) -> Structure | None:
    """The model that `search` finds."""
    return search(formulas, most).model


def search(formulas: Sequence[Formula], most: int) -> Search:
    """The first structure of one or two individuals, in the order of `all_structures`, in which all the formulas hold.

    All structures of one placing of the constants are tried at once: a formula's truth in each of them is a column of bits, and connectives are
    operations on whole columns. The search is exhaustive for propositions (a truth table), and for formulas that say nothing of what exists and name at most
    two individuals: in any model, what the constants stand for (or any one individual) makes a model too.

    Args:
        formulas: closed formulas.
        most: how many facts a structure may have; larger ones are not tried. At most 16.

    Returns:
        No model when there is none, when there would be too many to try, and for formulas with functions, numbers or several sorts.
    """
    vocabulary = _Vocabulary(formulas)
    if not vocabulary.plain or len(vocabulary.names) > most:
        return Search()
    enough = vocabulary.enough
    for size in (1, 2) if vocabulary.first_order and enough != 1 else (1,):
        domain = _DOMAINS[size]
        if sum([size**arity for arity, _ in vocabulary.predicates]) > most or size ** len(vocabulary.names) * vocabulary.efforts[size - 1] > MAX_SEARCH:
            return Search()
        facts = vocabulary.facts(domain)
        columns = dict(zip(facts, _columns(len(facts)), strict=True))
        everywhere = (1 << (1 << len(facts))) - 1
        for places in product(domain, repeat=len(vocabulary.names)):
            table = _Table(columns, everywhere, domain, dict(zip(vocabulary.names, places, strict=True)))
            models = everywhere
            for formula in formulas:
                models &= table.column(formula, {})
                if not models:
                    break
            if models:
                first = (models & -models).bit_length() - 1
                true = frozenset(fact for fact, column in columns.items() if column >> first & 1)
                return Search(Structure(domain, tuple(zip(vocabulary.names, places, strict=True)), true))
    return Search(exhaustive=1 <= enough <= 2)


_DOMAINS = {1: ("e0",), 2: ("e0", "e1")}


def _effort(formula: Formula, size: int) -> int:
    """How many parts of a formula are looked at when it is tried out among so many individuals."""
    inner = sum(_effort(part, size) for part in parts(formula))
    return 1 + (size * inner if isinstance(formula, ForAll | Exists) else inner)


@lru_cache(maxsize=32)
def _columns(number: int) -> tuple[int, ...]:
    """For each of so many facts, the structures in which it holds: bit k stands for the k-th of `all_structures`, where the last fact changes fastest."""
    return tuple(sum(1 << k for k in range(1 << number) if k >> (number - 1 - fact) & 1) for fact in range(number))


class _Table:
    """Truth of plain formulas in all structures of one domain and one placing of the constants."""

    def __init__(self, columns: dict[Fact, int], everywhere: int, domain: tuple[str, ...], placed: dict[str, str]) -> None:
        self.columns = columns
        self.everywhere = everywhere
        self.domain = domain
        self.placed = placed

    def column(self, formula: Formula, bound: dict[str, str]) -> int:
        """The structures in which the formula holds, as bits."""
        match formula:
            case Truth(value):
                return self.everywhere if value else 0
            case Atom(predicate, arguments):
                return self.columns[(predicate, *[self._element(argument, bound) for argument in arguments])]
            case Compare(relation, left, right):
                same = self._element(left, bound) == self._element(right, bound)
                return self.everywhere if same is (relation == "=") else 0
            case Not(body):
                return self.everywhere ^ self.column(body, bound)
            case And(left, right):
                return self.column(left, bound) & self.column(right, bound)
            case Or(left, right):
                return self.column(left, bound) | self.column(right, bound)
            case Xor(left, right):
                return self.column(left, bound) ^ self.column(right, bound)
            case Implies(left, right):
                return (self.everywhere ^ self.column(left, bound)) | self.column(right, bound)
            case Iff(left, right):
                return self.everywhere ^ self.column(left, bound) ^ self.column(right, bound)
            case ForAll(variable, body):
                every = self.everywhere
                for element in self.domain:
                    every &= self.column(body, {**bound, variable: element})
                return every
            case Exists(variable, body):
                some = 0
                for element in self.domain:
                    some |= self.column(body, {**bound, variable: element})
                return some

    def _element(self, term: Term, bound: dict[str, str]) -> str:
        match term:
            case Variable(name):
                return bound[name]
            case Constant(name):
                return self.placed[name]
            case _:
                raise TypeError(f"{term!r} is no plain term")

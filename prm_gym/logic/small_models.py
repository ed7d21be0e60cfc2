"""Small structures, all tried at once: a model of some formulas, or the certainty that there is none."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

import msgspec

from prm_gym.logic.formula import (
    And,
    Atom,
    Compare,
    Constant,
    Exists,
    ForAll,
    Formula,
    Iff,
    Implies,
    Not,
    Or,
    Term,
    Truth,
    Variable,
    Xor,
    constants,
    parts,
    smallest,
    terms,
)
from prm_gym.logic.semantics import Fact, Structure
from prm_gym.logic.signature import INDIVIDUAL

# So many parts of formulas are looked at when small structures are searched for a model; nested quantifiers multiply them.
MAX_SEARCH = 50_000


class _Traits(msgspec.Struct, frozen=True, gc=False):
    """What matters about a formula when small structures are tried.

    Attributes:
        plain: it speaks of one sort of individuals, without functions and numbers.
        universal: it says nothing of what exists: true in a structure, it is true in every part of it that holds the constants.
        predicates: numbers of arguments, and names.
        names: constants.
        compares: it says that individuals are one or several.
        efforts: how many parts are looked at among one individual, and among two.
    """

    plain: bool
    universal: bool
    predicates: frozenset[tuple[int, str]]
    names: frozenset[str]
    compares: bool
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
        compares=any(isinstance(one, Compare) for one in least),
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
        self.compares = any(one.compares for one in traits)
        self.names = sorted(frozenset[str]().union(*(one.names for one in traits)))
        self.efforts = (sum(one.efforts[0] for one in traits), sum(one.efforts[1] for one in traits))

    def facts(self, domain: tuple[str, ...]) -> list[Fact]:
        """Everything that may be true or false."""
        return [(predicate, *elements) for arity, predicate in self.predicates for elements in product(domain, repeat=arity)]

    @property
    def first_order(self) -> bool:
        """Whether it matters what exists."""
        return self.compares or bool(self.names) or any(arity for arity, _ in self.predicates)

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

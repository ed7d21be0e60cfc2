"""Truth in finite structures: what a formula means, independent of any solver.

A structure names what exists and what holds. A counterexample that a solver finds is checked here before anybody is told of it.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import product

import msgspec

from prm_gym.logic.formula import And, Atom, Constant, Exists, ForAll, Formula, Implies, Not, Or, Variable, atoms


class Structure(msgspec.Struct, frozen=True, gc=False):
    """A finite interpretation.

    Attributes:
        domain: names of what exists; at least one.
        constants: (constant, element) pairs.
        true: what holds: (predicate, element), with the element None for a proposition. All else is false.
    """

    domain: tuple[str, ...]
    constants: tuple[tuple[str, str], ...]
    true: frozenset[tuple[str, str | None]]

    def describe(self, formulas: Sequence[Formula]) -> str:
        """What holds and what does not, of what the formulas speak of, in one line for a person."""
        elements = dict(self.constants)
        names = {element: f"{{{constant}}}" for constant, element in reversed(self.constants)}
        facts: dict[str, bool] = {}
        for atom in (atom for formula in formulas for atom in atoms(formula)):
            match atom.argument:
                case None:
                    facts[f"{{{atom.predicate}}}"] = (atom.predicate, None) in self.true
                case Constant(name):
                    facts[f"{{{atom.predicate}}}{{{name}}}"] = (atom.predicate, elements[name]) in self.true
                case Variable():
                    for element in self.domain:
                        facts[f"{{{atom.predicate}}}{names.get(element, element)}"] = (atom.predicate, element) in self.true
        true = ", ".join(sorted(fact for fact, value in facts.items() if value)) or "nothing"
        false = ", ".join(sorted(fact for fact, value in facts.items() if not value)) or "nothing"
        return f"true: {true}; false: {false}"


def holds(formula: Formula, structure: Structure) -> bool:
    """Whether a closed formula is true in a structure."""
    return _holds(formula, structure, dict(structure.constants), {})


def _holds(formula: Formula, structure: Structure, constants: dict[str, str], bound: dict[str, str]) -> bool:
    match formula:
        case Atom(predicate, argument):
            if argument is None:
                return (predicate, None) in structure.true
            element = constants[argument.name] if isinstance(argument, Constant) else bound[argument.name]
            return (predicate, element) in structure.true
        case Not(body):
            return not _holds(body, structure, constants, bound)
        case And(left, right):
            return _holds(left, structure, constants, bound) and _holds(right, structure, constants, bound)
        case Or(left, right):
            return _holds(left, structure, constants, bound) or _holds(right, structure, constants, bound)
        case Implies(left, right):
            return not _holds(left, structure, constants, bound) or _holds(right, structure, constants, bound)
        case ForAll(variable, body):
            return all(_holds(body, structure, constants, {**bound, variable: element}) for element in structure.domain)
        case Exists(variable, body):
            return any(_holds(body, structure, constants, {**bound, variable: element}) for element in structure.domain)


def all_structures(formulas: Sequence[Formula], size: int) -> Iterator[Structure]:
    """Every structure with `size` elements over the vocabulary of the formulas; exponentially many, for tests and tiny problems."""
    vocabulary = [atom for formula in formulas for atom in atoms(formula)]
    propositions = sorted({atom.predicate for atom in vocabulary if atom.argument is None})
    unary = sorted({atom.predicate for atom in vocabulary if atom.argument is not None})
    names = sorted({atom.argument.name for atom in vocabulary if isinstance(atom.argument, Constant)})
    domain = tuple(f"e{i}" for i in range(size))
    facts: list[tuple[str, str | None]] = [(name, None) for name in propositions]
    facts += [(name, element) for name in unary for element in domain]
    for places in product(domain, repeat=len(names)):
        for values in product((False, True), repeat=len(facts)):
            true = frozenset(fact for fact, value in zip(facts, values, strict=True) if value)
            yield Structure(domain, tuple(zip(names, places, strict=True)), true)


def small_model(formulas: Sequence[Formula], most: int) -> Structure | None:
    """The first structure of one or two elements, in the order of `all_structures`, in which all the formulas hold.

    All structures of one placing of the constants are tried at once: a formula's truth in each of them is a column of bits, and connectives are
    operations on whole columns.

    Args:
        formulas: closed formulas.
        most: how many facts (propositions, and predicates of each element) a structure may have; larger ones are not tried. At most 16.

    Returns:
        None when there is none, and when there would be too many to try.
    """
    vocabulary = {atom for formula in formulas for atom in atoms(formula)}
    propositions = sorted({atom.predicate for atom in vocabulary if atom.argument is None})
    unary = sorted({atom.predicate for atom in vocabulary if atom.argument is not None})
    names = sorted({atom.argument.name for atom in vocabulary if isinstance(atom.argument, Constant)})
    for size in (1, 2) if unary else (1,):
        domain = tuple(f"e{i}" for i in range(size))
        facts: list[tuple[str, str | None]] = [*((name, None) for name in propositions), *((name, element) for name in unary for element in domain)]
        if len(facts) > most:
            return None
        columns = dict(zip(facts, _columns(len(facts)), strict=True))
        everywhere = (1 << (1 << len(facts))) - 1
        for places in product(domain, repeat=len(names)):
            table = _Table(columns, everywhere, domain, dict(zip(names, places, strict=True)))
            models = everywhere
            for formula in formulas:
                models &= table.column(formula, {})
            if models:
                first = (models & -models).bit_length() - 1
                true = frozenset(fact for fact, column in columns.items() if column >> first & 1)
                return Structure(domain, tuple(zip(names, places, strict=True)), true)
    return None


@lru_cache(maxsize=32)
def _columns(number: int) -> tuple[int, ...]:
    """For each of so many facts, the structures in which it holds: bit k stands for the k-th of `all_structures`, where the last fact changes fastest."""
    return tuple(sum(1 << k for k in range(1 << number) if k >> (number - 1 - fact) & 1) for fact in range(number))


class _Table:
    """Truth of formulas in all structures of one domain and one placing of the constants."""

    def __init__(self, columns: dict[tuple[str, str | None], int], everywhere: int, domain: tuple[str, ...], constants: dict[str, str]) -> None:
        self.columns = columns
        self.everywhere = everywhere
        self.domain = domain
        self.constants = constants

    def column(self, formula: Formula, bound: dict[str, str]) -> int:
        """The structures in which the formula holds, as bits."""
        match formula:
            case Atom(predicate, None):
                return self.columns[predicate, None]
            case Atom(predicate, Constant(name)):
                return self.columns[predicate, self.constants[name]]
            case Atom(predicate, Variable(name)):
                return self.columns[predicate, bound[name]]
            case Not(body):
                return self.everywhere ^ self.column(body, bound)
            case And(left, right):
                return self.column(left, bound) & self.column(right, bound)
            case Or(left, right):
                return self.column(left, bound) | self.column(right, bound)
            case Implies(left, right):
                return (self.everywhere ^ self.column(left, bound)) | self.column(right, bound)
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
            case _:  # an atom whose argument is none of these cannot be made
                raise TypeError(f"{formula!r} is no formula")

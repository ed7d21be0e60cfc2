"""Truth in finite structures: what a formula means, independent of any solver.

A structure names what exists and what holds. A counterexample that a solver finds is checked here before anybody is told of it.
"""

from collections.abc import Iterator, Sequence
from itertools import product

import msgspec

from prm_gym.logic.formula import And, Atom, Constant, Exists, ForAll, Formula, Implies, Not, Or, Variable, atoms


class Structure(msgspec.Struct, frozen=True):
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

"""Solvers: what asks whether formulas can hold together, and reads a model back as a structure of ours.

`Solver` holds what all of them share: the symbols, the translation of formulas, the reading of models. A backend (`prm_gym.logic.z3_solver`,
`prm_gym.logic.cvc5_solver`) builds terms and asks. No text reaches a solver's own parser.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, ClassVar, TypeAlias

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
    Renaming,
    Term,
    Truth,
    Variable,
    Xor,
    smallest,
    subterms,
    terms,
)
from prm_gym.logic.semantics import Fact, Structure, Value
from prm_gym.logic.signature import INDIVIDUAL, NUMBERS, Signature
from prm_gym.logic.small_models import search

# The solver's own unit of work: the same limit gives the same answer on any machine. An inference of our environments takes some thousands.
RESOURCE_LIMIT = 500_000
# Up to so many facts (propositions, and predicates of each element) all structures are tried for a model before the solver is asked.
SMALL = 7
# Second fence, in milliseconds; far beyond what the resource limit allows.
TIMEOUT = 10_000
# Of a model that makes more facts than these nothing is written down.
MAX_TUPLES = 4_000
# How many translated formulas are kept.
_TRANSLATED = 20_000


class Solver(ABC):
    """Asks whether formulas can hold together. Not for use by two threads at once.

    Attributes:
        checks: how often the backend was asked.
        reason: why it could not tell, the last time that it could not.
        tables: whether a truth table counts as proof beside the backend's own word; not for a second opinion.
    """

    tables: ClassVar[bool] = True

    def __init__(self, resource_limit: int = RESOURCE_LIMIT, signature: Signature | None = None) -> None:
        """Make a solver.

        Args:
            resource_limit: for each single check, in the backend's own unit.
            signature: the sorts of all symbols; None where there are individuals alone.
        """
        self.resource_limit = resource_limit
        self.declared = signature
        self.signature = signature or Signature()
        self.checks = 0
        self.reason = ""
        self._sorts: dict[str, Any] = {}
        self._symbols: dict[tuple[str, str, int], Any] = {}
        self._terms: dict[Formula, Any] = {}

    def satisfiable(self, formulas: Sequence[Formula]) -> bool | None:
        """Whether the formulas can hold together; None when the solver cannot tell.

        A small structure in which they do needs no solver; nor, where `tables` says so, does the lack of one where no other need be tried (a truth table).
        """
        if self.declared is None:
            found = search(formulas, SMALL)
            if found.model is not None:
                return True
            if found.exhaustive and self.tables:
                return False
        return self.ask(formulas, keep_model=False)

    def ask(self, formulas: Sequence[Formula], keep_model: bool = True) -> bool | None:
        """Whether the formulas can hold together, by the backend; None when it cannot tell.

        Args:
            formulas: closed formulas.
            keep_model: whether `structure` will be asked for.
        """
        self.checks += 1
        return self._ask([self._closed(formula) for formula in formulas], keep_model)

    def core(self, formulas: Sequence[Formula]) -> tuple[int, ...] | None:
        """Indices of formulas that already cannot hold together: the backend's unsat core; None when they can, or when it cannot tell."""
        self.checks += 1
        return self._core([self._closed(formula) for formula in formulas])

    def structure(self, formulas: Sequence[Formula]) -> Structure:
        """The last model that was kept, over the vocabulary of the formulas.

        Raises:
            TooLargeError: it has too many facts to be written down.
        """
        return _Reading(self, formulas).structure()

    # What a backend does.

    @abstractmethod
    def _ask(self, terms: Sequence[Any], keep_model: bool) -> bool | None:
        """Whether the terms can hold together."""

    @abstractmethod
    def _core(self, terms: Sequence[Any]) -> tuple[int, ...] | None:
        """Indices of terms that cannot hold together."""

    @abstractmethod
    def _make_sort(self, name: str) -> Any:
        """The sort of a name."""

    @abstractmethod
    def _make_constant(self, name: str, sort: Any) -> Any:
        """A constant of a sort."""

    @abstractmethod
    def _make_function(self, name: str, sorts: Sequence[Any], result: Any) -> Any:
        """A function that is not interpreted; the result None makes a predicate."""

    @abstractmethod
    def call(self, symbol: Any, arguments: Sequence[Any]) -> Any:
        """A function or predicate of arguments; of none, where it has none."""

    @abstractmethod
    def _number(self, value: Fraction) -> Any:
        """A number."""

    @abstractmethod
    def _truth(self, value: bool) -> Any:
        """True or false."""

    @abstractmethod
    def _not(self, body: Any) -> Any:
        """The negation."""

    @abstractmethod
    def _connected(self, kind: type[Formula], left: Any, right: Any) -> Any:
        """Two formulas, connected by And, Or, Xor, Implies or Iff."""

    @abstractmethod
    def _compared(self, relation: Relation, left: Any, right: Any) -> Any:
        """Two terms, compared."""

    @abstractmethod
    def _calculated(self, operator: Operator, left: Any, right: Any) -> Any:
        """A sum, difference or product."""

    @abstractmethod
    def _make_variable(self, name: str, sort: Any) -> Any:
        """A variable to be bound."""

    @abstractmethod
    def _quantified(self, every: bool, variable: Any, body: Any) -> Any:
        """A formula about all values of a variable, or some."""

    @abstractmethod
    def value(self, term: Any) -> Any:
        """The value of a closed term in the last model."""

    @abstractmethod
    def universe(self, sort: Any) -> Sequence[Any]:
        """What there is of a sort in the last model, as far as the model says."""

    # From formulas to terms.

    def _closed(self, formula: Formula) -> Any:
        term = self._terms.get(formula)
        if term is None:
            if len(self._terms) >= _TRANSLATED:
                self._terms.clear()
            term = self._terms[formula] = self._translate(formula, {})
        return term

    def sort(self, name: str) -> Any:
        """The backend's sort of a name."""
        if name not in self._sorts:
            self._sorts[name] = self._make_sort(name)
        return self._sorts[name]

    def constant(self, name: str) -> Any:
        """The backend's constant of a name."""
        return self._symbol(("constant", name, 0), lambda: self._make_constant(f"c_{name}", self.sort(self.signature.constants.get(name, INDIVIDUAL))))

    def anything(self, sort: str) -> Any:
        """A constant of a sort that no formula speaks of."""
        return self._symbol(("anything", sort, 0), lambda: self._make_constant(f"anything {sort}", self.sort(sort)))

    def predicate(self, name: str, arity: int) -> Any:
        """The backend's predicate of a name and a number of arguments."""
        sorts = self.signature.predicates.get(name, (INDIVIDUAL,) * arity)
        return self._symbol(("predicate", name, arity), lambda: self._make_function(f"p{arity}_{name}", [self.sort(sort) for sort in sorts], None))

    def function(self, name: str, arity: int) -> Any:
        """The backend's function of a name and a number of arguments."""
        sorts, result = self.signature.functions.get(name, ((INDIVIDUAL,) * arity, INDIVIDUAL))
        key = ("function", name, arity)
        return self._symbol(key, lambda: self._make_function(f"f{arity}_{name}", [self.sort(sort) for sort in sorts], self.sort(result)))

    def _symbol(self, key: tuple[str, str, int], make: Callable[[], Any]) -> Any:
        if key not in self._symbols:
            self._symbols[key] = make()
        return self._symbols[key]

    def _translate(self, formula: Formula, bound: Mapping[str, Any]) -> Any:
        match formula:
            case Truth(value):
                return self._truth(value)
            case Atom(predicate, arguments):
                return self.call(self.predicate(predicate, len(arguments)), [self.term(argument, bound) for argument in arguments])
            case Compare(relation, left, right):
                return self._compared(relation, self.term(left, bound), self.term(right, bound))
            case Not(body):
                return self._not(self._translate(body, bound))
            case And(left, right) | Or(left, right) | Xor(left, right) | Implies(left, right) | Iff(left, right):
                return self._connected(type(formula), self._translate(left, bound), self._translate(right, bound))
            case ForAll(name, body, sort) | Exists(name, body, sort):
                variable = self._make_variable(f"v_{name}", self.sort(sort))
                return self._quantified(isinstance(formula, ForAll), variable, self._translate(body, {**bound, name: variable}))

    def term(self, term: Term, bound: Mapping[str, Any]) -> Any:
        """A term of ours as one of the backend's."""
        match term:
            case Variable(name):
                return bound[name]
            case Constant(name):
                return self.constant(name)
            case Number(numerator, denominator):
                return self._number(Fraction(numerator, denominator))
            case Apply(function, arguments):
                return self.call(self.function(function, len(arguments)), [self.term(argument, bound) for argument in arguments])
            case Negative(body):
                return self._calculated("*", self._number(Fraction(-1)), self.term(body, bound))
            case Arithmetic(operator, left, right):
                return self._calculated(operator, self.term(left, bound), self.term(right, bound))


SolverClass: TypeAlias = Callable[[int, Signature | None], Solver]


class TooLargeError(Exception):
    """A model has too many facts to be written down."""


class _Reading:
    """The last model of a solver, read as a structure over the vocabulary of some formulas."""

    def __init__(self, solver: Solver, formulas: Sequence[Formula]) -> None:
        self.solver = solver
        self.signature = solver.signature
        self.used = [one for formula in formulas for one in smallest(formula)]
        self.inner = [inner for one in self.used for term in terms(one) for inner in subterms(term)]
        self.constants = list(dict.fromkeys(term.name for term in self.inner if isinstance(term, Constant)))
        self.elements: dict[str, dict[str, Any]] = {}
        self.tuples = 0
        sorts = {INDIVIDUAL, *self.signature.sorts}
        for name in self.constants:
            sort = self.signature.constants.get(name, INDIVIDUAL)
            if sort in sorts:
                self._add(sort, solver.value(solver.constant(name)))
        for sort in sorted(sorts):
            for value in solver.universe(solver.sort(sort)):
                self._add(sort, value)
            if not self.elements.get(sort):  # of every sort there is something
                self._add(sort, solver.value(solver.anything(sort)))

    def _add(self, sort: str, value: Any) -> None:
        self.elements.setdefault(sort, {}).setdefault(str(value), value)

    def _name(self, sort: str, value: Any) -> Value:
        """What we call a value: an element, or a number."""
        if sort in NUMBERS:
            return _fraction(str(value))
        prefix = "e" if sort == INDIVIDUAL else f"{sort}."
        return f"{prefix}{1 + list(self.elements[sort]).index(str(value))}"

    def _tuples(self, sorts: Sequence[str]) -> Iterator[tuple[list[Value], list[Any]]]:
        """All tuples of elements of some sorts, with our names and the solver's values; none where one of the sorts is of numbers."""
        if not sorts:
            yield [], []
        elif sorts[0] not in NUMBERS:
            for value in self.elements.get(sorts[0], {}).values():
                name = self._name(sorts[0], value)
                for names, values in self._tuples(sorts[1:]):
                    yield [name, *names], [value, *values]

    def structure(self) -> Structure:
        """The structure."""
        solver, signature = self.solver, self.signature
        constants = tuple((name, self._name(signature.constants.get(name, INDIVIDUAL), solver.value(solver.constant(name)))) for name in self.constants)
        functions = self._functions()
        true: set[Fact] = set()
        read: set[tuple[str, int]] = set()
        for atom in dict.fromkeys(one for one in self.used if isinstance(one, Atom)):
            predicate = solver.predicate(atom.predicate, len(atom.arguments))
            sorts = signature.predicates.get(atom.predicate, (INDIVIDUAL,) * len(atom.arguments))
            if self._is_read(read, (atom.predicate, len(atom.arguments)), sorts):
                continue
            for names, values in self._ground(sorts, atom.arguments):
                if str(solver.value(solver.call(predicate, values))).lower() == "true":
                    true.add((atom.predicate, *names))
        domains = {sort: tuple(str(self._name(sort, value)) for value in values.values()) for sort, values in self.elements.items()}
        further = tuple((sort, elements) for sort, elements in domains.items() if sort != INDIVIDUAL)
        return Structure(domains[INDIVIDUAL], constants, frozenset(true), tuple(functions.items()), further)

    def _functions(self) -> dict[Fact, Value]:
        """What the functions give; where that adds elements, once more with those."""
        functions: dict[Fact, Value] = {}
        size = -1
        while size != sum(map(len, self.elements.values())):
            size = sum(map(len, self.elements.values()))
            read: set[tuple[str, int]] = set()
            for term in dict.fromkeys(term for term in self.inner if isinstance(term, Apply)):
                arity = len(term.arguments)
                sorts, result = self.signature.functions.get(term.function, ((INDIVIDUAL,) * arity, INDIVIDUAL))
                if self._is_read(read, (term.function, arity), sorts):
                    continue
                function = self.solver.function(term.function, arity)
                for names, values in self._ground(sorts, term.arguments):
                    if (term.function, *names) not in functions:
                        value = self.solver.value(self.solver.call(function, values))
                        if result not in NUMBERS:
                            self._add(result, value)
                        functions[(term.function, *names)] = self._name(result, value)
        return functions

    def _is_read(self, read: set[tuple[str, int]], symbol: tuple[str, int], sorts: Sequence[str]) -> bool:
        """Whether a symbol has been read for all tuples of elements already; for numbers it is read for each of its uses.

        Raises:
            TooLargeError: there are too many tuples.
        """
        if any(sort in NUMBERS for sort in sorts):
            return False
        if symbol in read:
            return True
        read.add(symbol)
        self.tuples += math.prod([len(self.elements.get(sort, ())) for sort in sorts])
        if self.tuples > MAX_TUPLES:
            raise TooLargeError
        return False

    def _ground(self, sorts: Sequence[str], arguments: Sequence[Term]) -> Iterator[tuple[list[Value], list[Any]]]:
        """Arguments that the structure gives a value for: all tuples of elements; with numbers among the sorts, closed arguments as they are written."""
        if not any(sort in NUMBERS for sort in sorts):
            yield from self._tuples(sorts)
            return
        if any(isinstance(inner, Variable) for argument in arguments for inner in subterms(argument)):
            return
        values = [self.solver.value(self.solver.term(argument, {})) for argument in arguments]
        for sort, value in zip(sorts, values, strict=True):
            if sort not in NUMBERS:
                self._add(sort, value)
        yield [self._name(sort, value) for sort, value in zip(sorts, values, strict=True)], values


def _fraction(text: str) -> Fraction:
    """A number as solvers write it: `3`, `-3`, `1/2`, `(/ 1 2)`, `(- 3)`, `(/ (- 1) 2)`, `0.5`."""
    words = text.replace("(", " ").replace(")", " ").split()
    sign = -1 if "-" in words else 1
    numbers = [Fraction(word) for word in words if word not in ("-", "/")]
    return sign * (numbers[0] if len(numbers) == 1 else numbers[0] / numbers[1])


def renamed_signature(signature: Signature | None, renaming: Renaming) -> Signature | None:
    """The signature of renamed formulas."""
    if signature is None:
        return None
    return Signature(
        {renaming.constants[name]: sort for name, sort in signature.constants.items() if name in renaming.constants},
        {renaming.functions[name]: sorts for name, sorts in signature.functions.items() if name in renaming.functions},
        {renaming.predicates[name]: sorts for name, sorts in signature.predicates.items() if name in renaming.predicates},
        signature.sorts,
    )

"""A Z3 solver with the translation of our formulas into it, and of its models into our structures.

Symbols are declared by name, number of arguments and sorts, so that one solver can be kept for questions of any signature. Z3's default context is not used:
it is not safe with threads. No text reaches Z3's own parser.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

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
    Renaming,
    Term,
    Truth,
    Variable,
    Xor,
    smallest,
    subterms,
    terms,
)
from prm_gym.logic.semantics import Fact, Structure, Value, small_model
from prm_gym.logic.signature import INDIVIDUAL, INT, NUMBERS, REAL, Signature

# Z3's own unit of work: the same limit gives the same answer on any machine. An inference of our environments takes some thousands.
RESOURCE_LIMIT = 500_000
# Up to so many facts (propositions, and predicates of each element) all structures are tried for a model before the solver is asked.
SMALL = 7
# Second fence, in milliseconds; far beyond what the resource limit allows.
TIMEOUT = 10_000
# How many translated formulas are kept.
_TRANSLATED = 20_000


_RELATIONS: dict[Relation, Callable[[Any, Any], Any]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}


class Solver:
    """Asks whether formulas can hold together. Not for use by two threads at once."""

    def __init__(self, resource_limit: int = RESOURCE_LIMIT, signature: Signature | None = None) -> None:
        """Make a solver of its own context.

        Args:
            resource_limit: Z3's `rlimit` for each single check.
            signature: the sorts of all symbols; None where there are individuals alone.
        """
        import z3

        self._z3: Any = z3
        self._context: Any = z3.Context()
        self._solver: Any = z3.Solver(ctx=self._context)
        self._solver.set("rlimit", resource_limit)
        self._solver.set("timeout", TIMEOUT)
        self.resource_limit = resource_limit
        self.declared = signature
        self.signature = signature or Signature()
        self._sorts: dict[str, Any] = {INT: z3.IntSort(self._context), REAL: z3.RealSort(self._context)}
        self._symbols: dict[tuple[str, str, int], Any] = {}
        self._terms: dict[Formula, Any] = {}
        self._model: Any = None
        self.checks = 0
        self.reason = ""

    def satisfiable(self, formulas: Sequence[Formula]) -> bool | None:
        """Whether the formulas can hold together; None when Z3 cannot tell. A small structure in which they do needs no solver."""
        if self.declared is None and small_model(formulas, SMALL) is not None:
            return True
        return self.ask(formulas, keep_model=False)

    def ask(self, formulas: Sequence[Formula], keep_model: bool = True) -> bool | None:
        """Whether the formulas can hold together, by Z3; None when it cannot tell.

        Args:
            formulas: closed formulas.
            keep_model: whether `structure` will be asked for.
        """
        self.checks += 1
        self._solver.push()
        try:
            self._solver.add(*(self._closed(formula) for formula in formulas))
            answer = self._solver.check()
            if answer == self._z3.sat:
                if keep_model:
                    self._model = self._solver.model()
                return True
            if answer == self._z3.unsat:
                return False
            self.reason = str(self._solver.reason_unknown())
            return None
        finally:
            self._solver.pop()

    def core(self, formulas: Sequence[Formula]) -> tuple[int, ...] | None:
        """Indices of formulas that already cannot hold together: Z3's unsat core; None when they can, or when Z3 cannot tell."""
        self.checks += 1
        marks = [self._z3.Bool(f"mark {i}", self._context) for i in range(len(formulas))]
        self._solver.push()
        try:
            for mark, formula in zip(marks, formulas, strict=True):
                self._solver.add(self._z3.Implies(mark, self._closed(formula)))
            if self._solver.check(*marks) != self._z3.unsat:
                return None
            names = {str(mark) for mark in self._solver.unsat_core()}
            return tuple(i for i, mark in enumerate(marks) if str(mark) in names)
        finally:
            self._solver.pop()

    def structure(self, formulas: Sequence[Formula]) -> Structure:
        """The last model, over the vocabulary of the formulas."""
        return _Reading(self, self._model, formulas).structure()

    # From formulas to Z3's terms.

    def _closed(self, formula: Formula) -> Any:
        term = self._terms.get(formula)
        if term is None:
            if len(self._terms) >= _TRANSLATED:
                self._terms.clear()
            term = self._terms[formula] = self._translate(formula, {})
        return term

    def sort(self, name: str) -> Any:
        """Z3's sort of a name."""
        if name not in self._sorts:
            self._sorts[name] = self._z3.DeclareSort(name or "Individual", self._context)
        return self._sorts[name]

    def constant(self, name: str) -> Any:
        """Z3's constant of a name."""
        key = ("constant", name, 0)
        if key not in self._symbols:
            self._symbols[key] = self._z3.Const(f"c_{name}", self.sort(self.signature.constants.get(name, INDIVIDUAL)))
        return self._symbols[key]

    def anything(self, sort: str) -> Any:
        """A constant of a sort that no formula speaks of."""
        return self._z3.Const(f"anything {sort}", self.sort(sort))

    def predicate(self, name: str, arity: int) -> Any:
        """Z3's predicate of a name and a number of arguments; applied to none it is a proposition."""
        key = ("predicate", name, arity)
        if key not in self._symbols:
            sorts = [self.sort(sort) for sort in self.signature.predicates.get(name, (INDIVIDUAL,) * arity)]
            self._symbols[key] = self._z3.Function(f"p{arity}_{name}", *sorts, self._z3.BoolSort(self._context))
        return self._symbols[key]

    def function(self, name: str, arity: int) -> Any:
        """Z3's function of a name and a number of arguments."""
        key = ("function", name, arity)
        if key not in self._symbols:
            sorts, result = self.signature.functions.get(name, ((INDIVIDUAL,) * arity, INDIVIDUAL))
            self._symbols[key] = self._z3.Function(f"f{arity}_{name}", *(self.sort(sort) for sort in sorts), self.sort(result))
        return self._symbols[key]

    def _translate(self, formula: Formula, bound: Mapping[str, Any]) -> Any:
        z3 = self._z3
        match formula:
            case Truth(value):
                return z3.BoolVal(value, self._context)
            case Atom(predicate, arguments):
                return self.predicate(predicate, len(arguments))(*(self.term(argument, bound) for argument in arguments))
            case Compare(relation, left, right):
                return _RELATIONS[relation](self.term(left, bound), self.term(right, bound))
            case Not(body):
                return z3.Not(self._translate(body, bound))
            case And(left, right):
                return z3.And(self._translate(left, bound), self._translate(right, bound))
            case Or(left, right):
                return z3.Or(self._translate(left, bound), self._translate(right, bound))
            case Xor(left, right):
                return z3.Xor(self._translate(left, bound), self._translate(right, bound))
            case Implies(left, right):
                return z3.Implies(self._translate(left, bound), self._translate(right, bound))
            case Iff(left, right):
                return self._translate(left, bound) == self._translate(right, bound)
            case ForAll(name, body, sort) | Exists(name, body, sort):
                variable = z3.Const(f"v_{name}", self.sort(sort))
                inner = self._translate(body, {**bound, name: variable})
                return z3.ForAll([variable], inner) if isinstance(formula, ForAll) else z3.Exists([variable], inner)

    def term(self, term: Term, bound: Mapping[str, Any]) -> Any:
        """A term of ours as one of Z3's."""
        match term:
            case Variable(name):
                return bound[name]
            case Constant(name):
                return self.constant(name)
            case Number(numerator, 1):
                return self._z3.IntVal(numerator, self._context)
            case Number(numerator, denominator):
                return self._z3.RatVal(numerator, denominator, self._context)
            case Apply(function, arguments):
                return self.function(function, len(arguments))(*(self.term(argument, bound) for argument in arguments))
            case Negative(body):
                return -self.term(body, bound)
            case Arithmetic(operator, left, right):
                one, other = self.term(left, bound), self.term(right, bound)
                return one + other if operator == "+" else one - other if operator == "-" else one * other


class _Reading:
    """One model of Z3's, read as a structure over the vocabulary of some formulas."""

    def __init__(self, solver: Solver, model: Any, formulas: Sequence[Formula]) -> None:
        self.solver = solver
        self.model = model
        self.signature = solver.signature
        self.used = [one for formula in formulas for one in smallest(formula)]
        self.inner = [inner for one in self.used for term in terms(one) for inner in subterms(term)]
        self.constants = list(dict.fromkeys(term.name for term in self.inner if isinstance(term, Constant)))
        self.elements: dict[str, dict[str, Any]] = {}
        sorts = {INDIVIDUAL, *self.signature.sorts}
        for name in self.constants:
            sort = self.signature.constants.get(name, INDIVIDUAL)
            if sort in sorts:
                self._add(sort, self._eval(solver.constant(name)))
        for sort in sorted(sorts):
            universe: list[Any] = model.get_universe(solver.sort(sort)) or []
            for value in universe:
                self._add(sort, value)
            if not self.elements.get(sort):  # of every sort there is something
                self._add(sort, self._eval(solver.anything(sort)))

    def _eval(self, term: Any) -> Any:
        return self.model.eval(term, model_completion=True)

    def _add(self, sort: str, value: Any) -> None:
        self.elements.setdefault(sort, {}).setdefault(str(value), value)

    def _name(self, sort: str, value: Any) -> Value:
        """What we call a value: an element, or a number."""
        if sort in NUMBERS:
            text = str(value)
            return Fraction(text)  # an algebraic number that is not rational raises: linear arithmetic has none
        prefix = "e" if sort == INDIVIDUAL else f"{sort}."
        return f"{prefix}{1 + list(self.elements[sort]).index(str(value))}"

    def _tuples(self, sorts: Sequence[str]) -> Iterator[tuple[list[Value], list[Any]]]:
        """All tuples of elements of some sorts, with our names and Z3's values; none where one of the sorts is of numbers."""
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
        constants = tuple((name, self._name(signature.constants.get(name, INDIVIDUAL), self._eval(solver.constant(name)))) for name in self.constants)
        functions: dict[Fact, Value] = {}
        for term in dict.fromkeys(term for term in self.inner if isinstance(term, Apply)):
            arity = len(term.arguments)
            sorts, result = signature.functions.get(term.function, ((INDIVIDUAL,) * arity, INDIVIDUAL))
            function = solver.function(term.function, arity)
            for names, values in self._ground(sorts, term.arguments):
                value = self._eval(function(*values))
                if result not in NUMBERS:
                    self._add(result, value)
                functions[(term.function, *names)] = self._name(result, value)
        true: set[Fact] = set()
        for atom in dict.fromkeys(one for one in self.used if isinstance(one, Atom)):
            predicate = solver.predicate(atom.predicate, len(atom.arguments))
            sorts = signature.predicates.get(atom.predicate, (INDIVIDUAL,) * len(atom.arguments))
            for names, values in self._ground(sorts, atom.arguments):
                if str(self._eval(predicate(*values))) == "True":
                    true.add((atom.predicate, *names))
        domains = {sort: tuple(str(self._name(sort, value)) for value in values.values()) for sort, values in self.elements.items()}
        further = tuple((sort, elements) for sort, elements in domains.items() if sort != INDIVIDUAL)
        return Structure(domains[INDIVIDUAL], constants, frozenset(true), tuple(functions.items()), further)

    def _ground(self, sorts: Sequence[str], arguments: Sequence[Term]) -> Iterator[tuple[list[Value], list[Any]]]:
        """Arguments that the structure gives a value for: all tuples of elements; with numbers among the sorts, closed arguments as they are written."""
        if not any(sort in NUMBERS for sort in sorts):
            yield from self._tuples(sorts)
            return
        if any(isinstance(inner, Variable) for argument in arguments for inner in subterms(argument)):
            return
        values = [self._eval(self.solver.term(argument, {})) for argument in arguments]
        for sort, value in zip(sorts, values, strict=True):
            if sort not in NUMBERS:
                self._add(sort, value)
        yield [self._name(sort, value) for sort, value in zip(sorts, values, strict=True)], values


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

"""Entailment by Z3, with three answers: it follows, it does not (here is a counterexample), cannot tell.

Only `unsat` counts as proof. A model that Z3 gives is checked with our own semantics before it counts as a refutation. Names do not matter to
entailment: an inference is renamed to its form (`prm_gym.logic.formula.Renaming`), and each form is examined once. The solver, its declarations and its
translations are kept from check to check (push and pop).

One checker serves one thread; `shared_checker` gives each thread its own. Z3's default context is not used: it is not safe with threads.
"""

import threading
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.logic.formula import (
    And,
    Atom,
    Constant,
    Exists,
    ForAll,
    Form,
    Formula,
    Implies,
    Not,
    Or,
    Renaming,
    Variable,
    atoms,
    conjuncts,
    negation,
    outline_of,
)
from prm_gym.logic.notation import parse
from prm_gym.logic.semantics import Structure, holds, small_model

Status: TypeAlias = Literal["entailed", "refuted", "inconsistent", "unknown"]
Answer: TypeAlias = Literal["PROVED", "DISPROVED", "UNKNOWN", "inconsistent", "undecided"]

# Z3's own unit of work: the same limit gives the same answer on any machine. An inference of our environments takes some thousands.
RESOURCE_LIMIT = 500_000
# Up to so many facts (propositions, and predicates of each element) all structures are tried for a model before the solver is asked.
SMALL = 7
# What `EntailmentChecker.keep` holds at most: a few kilobytes each.
KEPT = 20_000
# Second fence, in milliseconds; far beyond what the resource limit allows.
TIMEOUT = 10_000


class Finding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is known about one inference.

    Attributes:
        status: `entailed`; `refuted` (with a counterexample); `inconsistent` (the premises contradict one another); `unknown`.
        needed: indices of the premises of a smallest-by-deletion set that still entails the conclusion; empty for a tautology.
        tautology: the conclusion holds without any premise.
        restates: the conclusion says what the needed premises say and no more: it entails each of them, and each of its conjuncts follows from one.
        counterexample: a structure in which the premises hold and the conclusion does not.
        detail: why nothing is known, if so.
    """

    status: Status
    needed: tuple[int, ...] = ()
    tautology: bool = False
    restates: bool = False
    counterexample: Structure | None = None
    detail: str = ""


class EntailmentChecker:
    """Examines inferences. Not for use by two threads at once."""

    def __init__(self, cache_size: int = 100_000, keep_solver: bool = True, resource_limit: int = RESOURCE_LIMIT) -> None:
        """Set the limits.

        Args:
            cache_size: how many forms of inference to remember; 0 for none.
            keep_solver: go on with one solver; False makes a fresh one for every inference (the naive way, for comparison).
            resource_limit: Z3's `rlimit` for each single check.
        """
        self.cache_size = cache_size
        self.keep_solver = keep_solver
        self.resource_limit = resource_limit
        self.checks = 0
        self._by_text: dict[tuple[tuple[str, ...], str], Finding] = {}
        self._by_form: dict[Form, Finding] = {}
        self._shallow: dict[Form, Finding] = {}
        self._kept: dict[Hashable, Any] = {}
        self._solver: _Solver | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Z3's objects stay behind: a copy starts with the same limits and an empty memory."""
        return {"cache_size": self.cache_size, "keep_solver": self.keep_solver, "resource_limit": self.resource_limit}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def forget(self) -> None:
        """Drop the memory and the solver: the next question meets a checker as good as new."""
        self._by_text.clear()
        self._by_form.clear()
        self._shallow.clear()
        self._kept.clear()
        self._solver = None

    def examine(self, premises: tuple[str, ...], conclusion: str) -> Finding:
        """What is known about the inference from the premises to the conclusion.

        Args:
            premises: formulas in the notation.
            conclusion: likewise.

        Raises:
            FormulaError: one of them is no formula.
        """
        key = (premises, conclusion)
        found = self._by_text.get(key)
        if found is None:
            found = self._examine_form([parse(premise) for premise in premises], parse(conclusion))
            _remember(self._by_text, key, found, self.cache_size)
        return found

    def follows(self, premise: Formula, conclusion: Formula) -> bool:
        """Whether a formula is known to follow from another alone."""
        return self._examine_form([premise], conclusion, deep=False).status == "entailed"

    def status_of(self, facts: tuple[str, ...], hypothesis: str) -> Answer:
        """Whether the facts prove the hypothesis, disprove it, or leave it open.

        Returns:
            PROVED, DISPROVED, UNKNOWN, `inconsistent` (the facts contradict one another) or `undecided` (Z3 cannot tell).

        Raises:
            FormulaError: one of them is no formula.
        """
        premises = [parse(fact) for fact in facts]
        goal = parse(hypothesis)
        for answer, conclusion in (("PROVED", goal), ("DISPROVED", negation(goal))):
            status = self._examine_form(premises, conclusion, deep=False).status
            if status == "entailed":
                return "PROVED" if answer == "PROVED" else "DISPROVED"
            if status != "refuted":
                return "inconsistent" if status == "inconsistent" else "undecided"
        return "UNKNOWN"

    def kept(self, key: Hashable) -> Any:
        """What `keep` was given for the key, as long as it is remembered; else None."""
        return self._kept.get(key)

    def keep(self, key: Hashable, value: Any) -> None:
        """Remember something that rests on this checker's findings alone."""
        _remember(self._kept, key, value, min(self.cache_size, KEPT))

    def _examine_form(self, premises: Sequence[Formula], conclusion: Formula, deep: bool = True) -> Finding:
        form, predicates, constants = outline_of((*premises, conclusion))
        found = self._by_form.get(form)
        if found is None and not deep:
            found = self._shallow.get(form)
        if found is None:
            renaming = Renaming()
            renamed = tuple(renaming(formula) for formula in (*premises, conclusion))
            found = self._ask(renamed[:-1], renamed[-1], deep)
            # A shallow finding lacks what a later question may want, so the two are kept apart.
            _remember(self._by_form if deep else self._shallow, form, found, self.cache_size)
        if found.counterexample is None:
            return found
        return msgspec.structs.replace(found, counterexample=_renamed_back(found.counterexample, predicates, constants))

    def _ask(self, premises: tuple[Formula, ...], conclusion: Formula, deep: bool) -> Finding:
        if self._solver is None or not self.keep_solver:
            self._solver = _Solver(self.resource_limit)
        solver = self._solver
        finding = _ask(solver, premises, conclusion, deep)
        self.checks += solver.checks
        solver.checks = 0
        return finding


def _ask(solver: "_Solver", premises: tuple[Formula, ...], conclusion: Formula, deep: bool) -> Finding:
    consistent = solver.satisfiable(premises)
    if consistent is None:
        return Finding(status="unknown", detail=f"whether the premises are consistent: {solver.reason}")
    if not consistent:
        return Finding(status="inconsistent")
    open_case = solver.satisfiable((*premises, Not(conclusion)))
    if open_case is None:
        return Finding(status="unknown", detail=f"whether the conclusion follows: {solver.reason}")
    if open_case and not deep:
        return Finding(status="refuted")
    if open_case:
        # Which model a kept solver finds depends on what it was asked before; the first of all small structures, and what a fresh solver
        # finds, depend on the question alone.
        counterexample = small_model((*premises, Not(conclusion)), SMALL)
        if counterexample is not None:
            return Finding(status="refuted", counterexample=counterexample)
        fresh = _Solver(solver.resource_limit)
        if not fresh.ask((*premises, Not(conclusion))):
            return Finding(status="unknown", detail=f"a counterexample: {fresh.reason}")
        counterexample = fresh.structure((*premises, conclusion))
        if all(holds(premise, counterexample) for premise in premises) and not holds(conclusion, counterexample):
            return Finding(status="refuted", counterexample=counterexample)
        return Finding(status="unknown", detail="the solver's counterexample does not check")
    if not deep:
        return Finding(status="entailed")
    needed = list(range(len(premises)))
    for index in range(len(premises) - 1, -1, -1):
        fewer = [premises[i] for i in needed if i != index]
        if solver.satisfiable((*fewer, Not(conclusion))) is False:
            needed.remove(index)
    restates = bool(needed) and _restates([premises[i] for i in needed], conclusion, solver)
    return Finding(status="entailed", needed=tuple(needed), tautology=not needed, restates=restates)


def _restates(needed: Sequence[Formula], conclusion: Formula, solver: "_Solver") -> bool:
    def follows(premise: Formula, formula: Formula) -> bool:
        return solver.satisfiable((premise, Not(formula))) is False

    return all(follows(conclusion, premise) for premise in needed) and all(any(follows(premise, part) for premise in needed) for part in conjuncts(conclusion))


class _Solver:
    """A Z3 solver of its own context, with the translation of formulas into it."""

    def __init__(self, resource_limit: int) -> None:
        import z3

        self._z3: Any = z3
        self._context: Any = z3.Context()
        self._sort: Any = z3.DeclareSort("Individual", self._context)
        self._solver: Any = z3.Solver(ctx=self._context)
        self.resource_limit = resource_limit
        self._solver.set("rlimit", resource_limit)
        self._solver.set("timeout", TIMEOUT)
        self._terms: dict[Formula, Any] = {}
        self._constants: dict[str, Any] = {}
        self._propositions: dict[str, Any] = {}
        self._predicates: dict[str, Any] = {}
        self._model: Any = None
        self.checks = 0
        self.reason = ""

    def satisfiable(self, formulas: Sequence[Formula]) -> bool | None:
        """Whether the formulas can hold together; None when Z3 cannot tell. A small structure in which they do needs no solver."""
        return True if small_model(formulas, SMALL) is not None else self.ask(formulas, keep_model=False)

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

    def structure(self, formulas: Sequence[Formula]) -> Structure:
        """The last model, over the vocabulary of the formulas."""
        vocabulary = list(dict.fromkeys(atom for formula in formulas for atom in atoms(formula)))
        constants = list(dict.fromkeys(atom.argument.name for atom in vocabulary if isinstance(atom.argument, Constant)))
        values: dict[str, Any] = {name: self._model.eval(self._constant(name), model_completion=True) for name in constants}
        universe: list[Any] = [*values.values(), *(self._model.get_universe(self._sort) or [])]
        elements: dict[str, Any] = {str(value): value for value in universe}
        if not elements:
            value = self._model.eval(self._constant("anything"), model_completion=True)
            elements[str(value)] = value
        names = {key: f"e{number}" for number, key in enumerate(elements, start=1)}
        true: set[tuple[str, str | None]] = set()
        for atom in vocabulary:
            if atom.argument is None:
                if self._holds_in_model(self._proposition(atom.predicate)):
                    true.add((atom.predicate, None))
                continue
            predicate = self._predicate(atom.predicate)
            true.update((atom.predicate, names[key]) for key, value in elements.items() if self._holds_in_model(predicate(value)))
        pairs = tuple((name, names[str(value)]) for name, value in values.items())
        return Structure(tuple(names.values()), pairs, frozenset(true))

    def _holds_in_model(self, term: Any) -> bool:
        return bool(self._z3.is_true(self._model.eval(term, model_completion=True)))

    def _constant(self, name: str) -> Any:
        if name not in self._constants:
            self._constants[name] = self._z3.Const(f"c_{name}", self._sort)
        return self._constants[name]

    def _proposition(self, name: str) -> Any:
        if name not in self._propositions:
            self._propositions[name] = self._z3.Bool(f"p_{name}", self._context)
        return self._propositions[name]

    def _predicate(self, name: str) -> Any:
        if name not in self._predicates:
            self._predicates[name] = self._z3.Function(f"u_{name}", self._sort, self._z3.BoolSort(self._context))
        return self._predicates[name]

    def _closed(self, formula: Formula) -> Any:
        term = self._terms.get(formula)
        if term is None:
            term = self._translate(formula, {})
            _remember(self._terms, formula, term, 20_000)
        return term

    def _translate(self, formula: Formula, bound: dict[str, Any]) -> Any:
        match formula:
            case Atom(predicate, argument):
                if argument is None:
                    return self._proposition(predicate)
                return self._predicate(predicate)(self._constant(argument.name) if isinstance(argument, Constant) else bound[argument.name])
            case Not(body):
                return self._z3.Not(self._translate(body, bound))
            case And(left, right):
                return self._z3.And(self._translate(left, bound), self._translate(right, bound))
            case Or(left, right):
                return self._z3.Or(self._translate(left, bound), self._translate(right, bound))
            case Implies(left, right):
                return self._z3.Implies(self._translate(left, bound), self._translate(right, bound))
            case ForAll(name, body) | Exists(name, body):
                variable = self._z3.Const(f"v_{name}", self._sort)
                inner = self._translate(body, {**bound, name: variable})
                return self._z3.ForAll([variable], inner) if isinstance(formula, ForAll) else self._z3.Exists([variable], inner)


def _renamed_back(structure: Structure, predicates: Sequence[str], constants: Sequence[str]) -> Structure:
    """A structure over the names of a renaming (P0, P1, ..., c0, c1, ...) with the names that it replaced."""
    return Structure(
        structure.domain,
        tuple((constants[int(name[1:])], element) for name, element in structure.constants),
        frozenset((predicates[int(name[1:])], element) for name, element in structure.true),
    )


def _remember(memory: dict[Any, Any], key: Any, value: Any, size: int) -> None:
    """Keep at most `size` entries; the oldest goes first."""
    if size == 0:
        return
    if len(memory) >= size:
        del memory[next(iter(memory))]
    memory[key] = value


_local = threading.local()


def shared_checker() -> EntailmentChecker:
    """This thread's checker, which environments and verifiers share with its memory."""
    checker = getattr(_local, "checker", None)
    if not isinstance(checker, EntailmentChecker):
        checker = EntailmentChecker()
        _local.checker = checker
    return checker


@lru_cache(maxsize=10_000)
def adds_vocabulary(premises: tuple[str, ...], conclusion: str) -> bool:
    """Whether the conclusion speaks of something that no premise speaks of: what it adds is then empty (weakening).

    A predicate is spoken of with its number of arguments; of an individual, when a premise speaks of the predicate about it or about all.
    """
    spoken = {atom for premise in premises for atom in atoms(parse(premise))}
    predicates = {(atom.predicate, atom.argument is None) for atom in spoken}
    general = {atom.predicate for atom in spoken if isinstance(atom.argument, Variable)}
    for atom in atoms(parse(conclusion)):
        if (atom.predicate, atom.argument is None) not in predicates:
            return True
        if isinstance(atom.argument, Constant) and atom not in spoken and atom.predicate not in general:
            return True
    return False

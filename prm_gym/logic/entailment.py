"""Entailment by a solver, with three answers: it follows, it does not (here is a counterexample), cannot tell.

Only `unsat` counts as proof, or a truth table of all structures that need be tried (`prm_gym.logic.small_models.search`). A model that the solver gives is
checked with our own semantics before it counts as a refutation, as far as it can be. Names do not matter to entailment: an inference is renamed to its form
(`prm_gym.logic.formula.Renaming`), and each form is examined once. The solver, its declarations and its translations are kept from check to check (push and
pop).

One checker serves one thread; `shared_checker` gives each thread its own.
"""

import threading
from collections.abc import Hashable, Sequence
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.logic.formula import Constant, Form, Formula, Implies, Names, Not, Renaming, Truth, atoms, conjuncts, negation, outline_of
from prm_gym.logic.language import FLD, Language
from prm_gym.logic.semantics import Structure, UncheckableError, Value, holds
from prm_gym.logic.signature import Signature
from prm_gym.logic.small_models import small_model
from prm_gym.logic.solver import RESOURCE_LIMIT, SMALL, Solver, SolverClass, TooLargeError, renamed_signature
from prm_gym.logic.z3_solver import Z3Solver

Status: TypeAlias = Literal["entailed", "refuted", "inconsistent", "unknown"]
Answer: TypeAlias = Literal["PROVED", "DISPROVED", "UNKNOWN", "inconsistent", "undecided"]

# After so many checks of a question that the solver gives up on, its premises are taken as they are.
PATIENCE = 3
# What `EntailmentChecker.keep` holds at most: a few kilobytes each.
KEPT = 4_096
# For how many signatures a solver is kept.
SOLVERS = 32


class Finding(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """What is known about one inference.

    Attributes:
        status: `entailed`; `refuted` (with a counterexample); `inconsistent` (the premises contradict one another); `unknown`.
        needed: indices of the premises of a smallest-by-deletion set that still entails the conclusion; empty for a tautology.
        tautology: the conclusion holds without any premise.
        restates: the conclusion says what the needed premises say and no more: it entails each of them, and each of its conjuncts follows from one.
        counterexample: a structure in which the premises hold and the conclusion does not; None where it is too large to be written down.
        detail: why nothing is known, if so.
    """

    status: Status
    needed: tuple[int, ...] = ()
    tautology: bool = False
    restates: bool = False
    counterexample: Structure | None = None
    detail: str = ""


_Question: TypeAlias = tuple[Form, str]
"""A form of inference, and the sorts of its symbols ("" for individuals alone)."""


class EntailmentChecker:
    """Examines inferences. Not for use by two threads at once."""

    def __init__(self, cache_size: int = 50_000, keep_solver: bool = True, resource_limit: int = RESOURCE_LIMIT, solver: SolverClass = Z3Solver) -> None:
        """Set the limits.

        Args:
            cache_size: how many forms of inference to remember; 0 for none.
            keep_solver: go on with one solver; False makes a fresh one for every inference (the naive way, for comparison).
            resource_limit: the solver's own limit for each single check (Z3's `rlimit`).
            solver: class of the solver.
        """
        self.cache_size = cache_size
        self.keep_solver = keep_solver
        self.resource_limit = resource_limit
        self.solver = solver
        self.checks = 0
        self._by_text: dict[tuple[tuple[str, ...], str, Language], Finding] = {}
        self._by_form: dict[_Question, Finding] = {}
        self._shallow: dict[_Question, Finding] = {}
        self._kept: dict[Hashable, Any] = {}
        self._solvers: dict[str, Solver] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Z3's objects stay behind: a copy starts with the same limits and an empty memory."""
        return {"cache_size": self.cache_size, "keep_solver": self.keep_solver, "resource_limit": self.resource_limit, "solver": self.solver}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    def forget(self, keep_solver: bool = False) -> None:
        """Drop the memory and, unless it is kept, the solver: the next question then meets a checker as good as new."""
        self._by_text.clear()
        self._by_form.clear()
        self._shallow.clear()
        self._kept.clear()
        if not keep_solver:
            self._solvers.clear()

    def examine(self, premises: tuple[str, ...], conclusion: str, language: Language = FLD) -> Finding:
        """What is known about the inference from the premises to the conclusion.

        Args:
            premises: formulas of the language.
            conclusion: likewise.
            language: how they are written, and the sorts of their symbols.

        Raises:
            FormulaError: one of them is no formula.
        """
        key = (premises, conclusion, language)
        found = self._by_text.get(key)
        if found is None:
            found = self._examine([language.parse(premise) for premise in premises], language.parse(conclusion), language)
            _remember(self._by_text, key, found, self.cache_size)
        return found

    def follows(self, premise: Formula, conclusion: Formula, language: Language = FLD) -> bool:
        """Whether a formula is known to follow from another alone."""
        return self._examine([premise], conclusion, language, deep=False).status == "entailed"

    def status_of(self, facts: tuple[str, ...], hypothesis: str, language: Language = FLD) -> Answer:
        """Whether the facts prove the hypothesis, disprove it, or leave it open.

        Returns:
            PROVED, DISPROVED, UNKNOWN, `inconsistent` (the facts contradict one another) or `undecided` (Z3 cannot tell).

        Raises:
            FormulaError: one of them is no formula.
        """
        key = (facts, hypothesis, language)
        status: Answer | None = self.kept(key)
        if status is None:
            status = self._status_of(facts, hypothesis, language)
            self.keep(key, status)
        return status

    def _status_of(self, facts: tuple[str, ...], hypothesis: str, language: Language) -> Answer:
        premises = [language.parse(fact) for fact in facts]
        goal = language.parse(hypothesis)
        for answer, conclusion in (("PROVED", goal), ("DISPROVED", negation(goal))):
            status = self._examine(premises, conclusion, language, deep=False).status
            if status == "entailed":
                return "PROVED" if answer == "PROVED" else "DISPROVED"
            if status != "refuted":
                return "inconsistent" if status == "inconsistent" else "undecided"
        return "UNKNOWN"

    def equivalent(self, one: str, other: str, language: Language = FLD) -> bool | None:
        """Whether two formulas say the same; None when Z3 cannot tell.

        Raises:
            FormulaError: one of them is no formula.
        """
        first, second = language.parse(one), language.parse(other)
        statuses = [self._examine([], Implies(a, b), language, deep=False).status for a, b in ((first, second), (second, first))]
        if "refuted" in statuses:
            return False
        return None if "unknown" in statuses else True

    def consistent(self, formulas: tuple[str, ...], language: Language = FLD) -> bool | None:
        """Whether the formulas can hold together; None when Z3 cannot tell.

        Raises:
            FormulaError: one of them is no formula.
        """
        status = self._examine([language.parse(text) for text in formulas], Truth(False), language, deep=False).status
        return None if status == "unknown" else status == "refuted"

    def kept(self, key: Hashable) -> Any:
        """What `keep` was given for the key, as long as it is remembered; else None."""
        return self._kept.get(key)

    def keep(self, key: Hashable, value: Any) -> None:
        """Remember something that rests on this checker's findings alone."""
        _remember(self._kept, key, value, min(self.cache_size, KEPT))

    def _examine(self, premises: Sequence[Formula], conclusion: Formula, language: Language, deep: bool = True) -> Finding:
        form, names = outline_of((*premises, conclusion))
        signature = language.signature
        question: _Question = (form, "" if signature is None else _sorts_of(names, signature))
        found = self._by_form.get(question)
        if found is None and not deep:
            found = self._shallow.get(question)
        if found is None:
            renaming = Renaming()
            renamed = tuple(renaming(formula) for formula in (*premises, conclusion))
            found = self._ask(renamed[:-1], renamed[-1], renamed_signature(signature, renaming), deep)
            # A shallow finding lacks what a later question may want, so the two are kept apart.
            _remember(self._by_form if deep else self._shallow, question, found, self.cache_size)
        if found.counterexample is None:
            return found
        return msgspec.structs.replace(found, counterexample=_renamed_back(found.counterexample, names))

    def _ask(self, premises: tuple[Formula, ...], conclusion: Formula, signature: Signature | None, deep: bool) -> Finding:
        solver = self._solver_for(signature)
        finding = _ask(solver, premises, conclusion, deep)
        self.checks += solver.checks
        solver.checks = 0
        return finding

    def _solver_for(self, signature: Signature | None) -> Solver:
        """The kept solver of a signature: symbols of one name and several sorts cannot live in one."""
        if not self.keep_solver:
            return self.solver(self.resource_limit, signature)
        key = "" if signature is None else repr(signature)
        if key not in self._solvers:
            if len(self._solvers) >= SOLVERS:
                self._solvers.clear()
            self._solvers[key] = self.solver(self.resource_limit, signature)
        return self._solvers[key]


def _ask(solver: Solver, premises: tuple[Formula, ...], conclusion: Formula, deep: bool) -> Finding:
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
        fresh = type(solver)(solver.resource_limit, solver.declared)
        if not fresh.ask((*premises, Not(conclusion))):
            return Finding(status="unknown", detail=f"a counterexample: {fresh.reason}")
        try:
            counterexample = fresh.structure((*premises, conclusion))
        except TooLargeError:
            return Finding(status="refuted", detail="the counterexample is the solver's alone: it is too large to be written down")
        try:
            sound = all(holds(premise, counterexample) for premise in premises) and not holds(conclusion, counterexample)
        except UncheckableError:
            return Finding(
                status="refuted",
                counterexample=counterexample,
                detail="the counterexample is the solver's alone: it speaks of all numbers, or of too many cases",
            )
        if sound:
            return Finding(status="refuted", counterexample=counterexample)
        return Finding(status="unknown", detail="the solver's counterexample does not check")
    if not deep:
        return Finding(status="entailed")
    needed = list(range(len(premises)))
    patience = PATIENCE
    for index in range(len(premises) - 1, -1, -1):
        answer = solver.satisfiable((*(premises[i] for i in needed if i != index), Not(conclusion)))
        if answer is False:
            needed.remove(index)
        patience -= answer is None
        if not patience:
            break
    restates = bool(needed) and _restates([premises[i] for i in needed], conclusion, solver)
    return Finding(status="entailed", needed=tuple(needed), tautology=not needed, restates=restates)


def _restates(needed: Sequence[Formula], conclusion: Formula, solver: Solver) -> bool:
    def follows(premise: Formula, formula: Formula) -> bool:
        return solver.satisfiable((premise, Not(formula))) is False

    return all(follows(conclusion, premise) for premise in needed) and all(any(follows(premise, part) for premise in needed) for part in conjuncts(conclusion))


def _sorts_of(names: Names, signature: Signature) -> str:
    """The sorts of the symbols in use, in order of first occurrence: what a form's answer depends on beside the form."""
    constants = [signature.constants[name] for name in names.constants]
    functions = [signature.functions[name] for name in names.functions]
    predicates = [signature.predicates[name] for name in names.predicates]
    return repr((constants, functions, predicates))


def _renamed_back(structure: Structure, names: Names) -> Structure:
    """A structure over the names of a renaming (P0, P1, ..., c0, c1, ...) with the names that it replaced."""
    constants: tuple[tuple[str, Value], ...] = tuple((names.constants[int(name[1:])], value) for name, value in structure.constants)
    true = frozenset((names.predicates[int(predicate[1:])], *values) for predicate, *values in structure.true)
    functions = tuple(((names.functions[int(function[1:])], *values), value) for (function, *values), value in structure.functions)
    return Structure(structure.domain, constants, true, functions, structure.sorts)


def _remember(memory: dict[Any, Any], key: Any, value: Any, size: int) -> None:
    """Keep at most `size` entries; the oldest goes first."""
    if size == 0:
        return
    if len(memory) >= size:
        del memory[next(iter(memory))]
    memory[key] = value


_local = threading.local()


def shared_checker(solver: SolverClass = Z3Solver) -> EntailmentChecker:
    """This thread's checker with a solver of that class, which environments and verifiers share with its memory."""
    checkers: dict[SolverClass, EntailmentChecker] | None = getattr(_local, "checkers", None)
    if checkers is None:
        checkers = _local.checkers = {}
    if solver not in checkers:
        checkers[solver] = EntailmentChecker(solver=solver)
    return checkers[solver]


@lru_cache(maxsize=10_000)
def adds_vocabulary(premises: tuple[str, ...], conclusion: str, language: Language = FLD) -> bool:
    """Whether the conclusion speaks of something that no premise speaks of: what it adds is then empty (weakening).

    A predicate is spoken of with its number of arguments; of an individual, when a premise speaks of the predicate about it or about all.
    """
    spoken = {atom for premise in premises for atom in atoms(language.parse(premise))}
    predicates = {(atom.predicate, len(atom.arguments)) for atom in spoken}
    general = {atom.predicate for atom in spoken if any(not isinstance(argument, Constant) for argument in atom.arguments)}
    for atom in atoms(language.parse(conclusion)):
        if (atom.predicate, len(atom.arguments)) not in predicates:
            return True
        if any(isinstance(argument, Constant) for argument in atom.arguments) and atom not in spoken and atom.predicate not in general:
            return True
    return False

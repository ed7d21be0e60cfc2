"""The exact solver: propagation and search, the same answer on every machine, None when the budget is spent.

Source: maintaining consistency during search (Sabin and Freuder 1994), smallest domain first (Haralick and Elliott 1980).
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice
from typing import Literal, TypeAlias

import msgspec

from prm_gym.csp.problem import Is, Problem, Value, constraint_text
from prm_gym.csp.propagation import Domains, Network
from prm_gym.errors import ProblemError

WORK_BUDGET = 300_000  # of one search, in nodes of the constraints that are propagated: some tenths of a second to about a second
_KEPT_ANSWERS = 256
_KEPT_BEGINNINGS = 32
_KEPT_SOLVERS = 512

Status: TypeAlias = Literal["forced", "possible", "impossible", "inconsistent"]


class BudgetSpentError(Exception):
    """The search has spent its nodes; callers answer None."""


class Finding(msgspec.Struct, frozen=True):
    """What may be said of an atom, given others.

    Attributes:
        status: `forced` (it holds in every solution, and there is one), `possible` (in some), `impossible` (in none), `inconsistent` (there is no solution
            anyway); None when the budget does not suffice to tell.
        by: "propagation" when it shows without search, else "search".
        reason: for what is impossible: the constraint that it breaks at once, or that no solution remains.
        other: for what is possible only: a solution of which the atom is false.
    """

    status: Status | None
    by: Literal["propagation", "search"] = "search"
    reason: str = ""
    other: dict[str, Value] | None = None


class Solver:
    """Answers questions about one problem.

    It remembers what it has answered, the first two solutions of the problem itself, and where propagation ended, from which the next step of an episode
    goes on. No answer depends on what was asked before: propagation ends in one place wherever it begins (`Network.propagate`).
    """

    def __init__(self, problem: Problem, budget: int = WORK_BUDGET) -> None:
        """Compile a problem.

        Args:
            problem: the problem.
            budget: work of one search, in nodes of the constraints that are propagated; it depends on nothing but the question.
        """
        self.problem, self.budget = problem, budget
        self.network = Network(problem)
        self._root: Domains | None = self.network.domains.copy()
        if self.network.propagate(self._root) is not None:
            self._root = None
        self._first: list[Domains] | None = None
        self._unique: bool | None = None
        self._answers: dict[tuple[frozenset[Is], Is], Finding] = {}
        self._begun: dict[frozenset[Is], Domains] = {}  # domains that propagation of some atoms may begin with: they hold whatever these leave

    def solutions(self, assigned: Sequence[Is] = ()) -> Iterator[dict[str, Value]]:
        """Every solution in which the atoms hold.

        Raises:
            BudgetSpentError: undecided within the budget.
            ProblemError: an atom that the problem does not have.
        """
        for found in self._search(self.network.narrowed(assigned)):
            yield self._readable(found)

    def satisfiable(self, assigned: Sequence[Is] = ()) -> bool | None:
        """Whether a solution is left in which the atoms hold; None when the budget does not suffice to tell."""
        try:
            return self._some(self.network.narrowed(assigned)) is not None
        except BudgetSpentError:
            return None

    def unique(self) -> bool | None:
        """Whether the problem has exactly one solution; None when the budget does not suffice to tell."""
        if self._first is None:
            first, unique = list[Domains](), None
            with suppress(BudgetSpentError):
                for found in islice(self._search(self.network.domains.copy()), 2):
                    first.append(found)
                unique = len(first) == 1
            self._unique, self._first = unique, first  # in this order: another thread takes it as found once the second is there
        return self._unique

    def breach(self, assigned: Sequence[Is]) -> str:
        """The constraint that a complete assignment breaks, as text; empty when it is a solution.

        Raises:
            ProblemError: an atom that the problem does not have, or a variable without a value.
        """
        domains = self.network.narrowed(assigned)
        unfixed = [name for name, domain in zip(self.network.names, domains, strict=True) if domain & (domain - 1)]
        if unfixed:
            raise ProblemError(f"the assignment gives {unfixed[0]!r} no value")
        broken = self.network.propagate(domains)
        if broken is None:
            return ""
        return "the assignment gives a variable two values" if broken < 0 else constraint_text(self.problem.constraints[broken])

    def examine(self, assigned: Sequence[Is], atom: Is) -> Finding:
        """Whether an atom is forced, possible or impossible when the assigned atoms hold.

        Raises:
            ProblemError: an atom that the problem does not have.
        """
        atoms = frozenset(assigned)
        key = (atoms, atom)
        found = self._answers.get(key)
        if found is None:
            found = self._examined(atoms, self.network.narrowed(assigned), atom)
            if len(self._answers) >= _KEPT_ANSWERS:
                self._answers.clear()
            self._answers[key] = found
        return found

    def _examined(self, assigned: frozenset[Is], domains: Domains, atom: Is) -> Finding:
        place, bit = self.network.place(atom)
        narrow = self._propagated(assigned, domains)
        if narrow is None:
            return Finding("inconsistent", "propagation", "no solution is left, whatever comes")
        if len(self._begun) >= _KEPT_BEGINNINGS:
            self._begun.clear()
        self._begun[assigned | {atom}] = narrow  # the next question, if the step is taken
        if not narrow[place] & bit:
            return self._impossible(domains, place, bit, "propagation")
        try:
            if narrow[place] == bit:
                return Finding("forced", "propagation") if self._some(narrow) is not None else Finding("inconsistent", reason="no solution is left")
            with_it, without = narrow.copy(), narrow.copy()
            with_it[place] &= bit
            without[place] &= ~bit
            if self._some(with_it) is None:
                return self._impossible(domains, place, bit, "search") if self._some(without) else Finding("inconsistent", reason="no solution is left")
            other = self._some(without)
            return Finding("forced") if other is None else Finding("possible", other=self._readable(other))
        except BudgetSpentError:
            return Finding(None, reason=f"undecided within the budget of {self.budget:,}")

    def _impossible(self, domains: Domains, place: int, bit: int, by: Literal["propagation", "search"]) -> Finding:
        """Say why; `inconsistent` when nothing else is possible either."""
        if by == "propagation":
            try:
                if self._some(domains) is None:
                    return Finding("inconsistent", reason="no solution is left, whatever comes")
            except BudgetSpentError:
                return Finding(None, reason=f"undecided within the budget of {self.budget:,}")
        taken = domains.copy()
        taken[place] &= bit
        if not taken[place]:
            return Finding("impossible", by, "the variable has another value already")
        broken = self.network.broken(taken, place)
        reason = "no solution remains" if broken is None else f"it breaks: {constraint_text(self.problem.constraints[broken])}"
        return Finding("impossible", by, reason)

    def _propagated(self, assigned: frozenset[Is], domains: Domains) -> Domains | None:
        """Where propagation ends, None where it fails; begun where it ended a step before or for the problem itself, so that only what is new is looked at."""
        begun = self._begun.get(assigned, self._root)
        if begun is None:
            return None
        narrow = [now & before for now, before in zip(domains, begun, strict=True)]
        if narrow == begun:
            return narrow
        changed = [place for place, (now, before) in enumerate(zip(narrow, begun, strict=True)) if now != before]
        return narrow if self.network.propagate(narrow, changed) is None else None

    # Search.

    def _some(self, domains: Domains) -> Domains | None:
        """A solution within the domains: one of the problem's first two, or the first of a search."""
        unique = self.unique()
        kept = next((solution for solution in self._first or () if self._fits(solution, domains)), None)
        return kept if kept is not None or unique else next(self._search(domains), None)

    @staticmethod
    def _fits(solution: Domains, domains: Domains) -> bool:
        return 0 not in [bit & domain for bit, domain in zip(solution, domains, strict=True)]

    def _search(self, domains: Domains) -> Iterator[Domains]:
        """Every solution within the domains, as masks of one bit."""
        if self._root is None:
            return
        spent = 0
        network = self.network
        pending: list[tuple[Domains, tuple[int] | None]] = [([a & b for a, b in zip(domains, self._root, strict=True)], None)]
        while pending:
            here, changed = pending.pop()
            broken, work = network.propagate_counting(here, changed)
            spent += work
            if spent > self.budget:
                raise BudgetSpentError
            if broken is not None:
                continue
            place = _smallest(here)
            if place is None:
                yield here
                continue
            domain = here[place]
            for shift in range(domain.bit_length() - 1, -1, -1):
                if domain >> shift & 1:
                    child = here.copy()
                    child[place] = 1 << shift
                    pending.append((child, (place,)))

    def _readable(self, solution: Domains) -> dict[str, Value]:
        return {name: self.network.value(bit) for name, bit in zip(self.network.names, solution, strict=True)}


def _smallest(domains: Domains) -> int | None:
    """The open variable with the fewest values, the first of them; None when all are fixed."""
    best, fewest = None, 1 << 30
    for place, domain in enumerate(domains):
        if domain & (domain - 1):
            size = domain.bit_count()
            if size == 2:
                return place
            if size < fewest:
                best, fewest = place, size
    return best


def shared_solver(problem: Problem) -> Solver:
    """The solver of a problem, kept for the next question about it.

    It is found by what the problem says. Writing that out costs more than most questions, so the objects asked about last are known by themselves: they
    cannot change, and as long as one is kept no other has its identity.
    """
    kept = _known.get(id(problem))
    if kept is not None and kept[0] is problem:
        return kept[1]
    solver = _solver(msgspec.msgpack.encode(problem))
    if len(_known) >= _KEPT_SOLVERS:
        _known.clear()
    if isinstance(problem.variables, tuple) and isinstance(problem.constraints, tuple):  # as they are typed; a list could change
        _known[id(problem)] = (problem, solver)
    return solver


_known: dict[int, tuple[Problem, Solver]] = {}


@lru_cache(maxsize=_KEPT_SOLVERS)
def _solver(encoded: bytes) -> Solver:
    return Solver(msgspec.msgpack.decode(encoded, type=Problem))

"""Z3 as a solver. Its default context is not used: it is not safe with threads."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from prm_gym.logic.formula import And, Formula, Iff, Implies, Operator, Or, Relation, Xor
from prm_gym.logic.signature import INT, REAL, Signature
from prm_gym.logic.solver import RESOURCE_LIMIT, TIMEOUT, Solver

_RELATIONS: dict[Relation, Callable[[Any, Any], Any]] = {
    "=": lambda one, other: one == other,
    "!=": lambda one, other: one != other,
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    ">": lambda one, other: one > other,
    ">=": lambda one, other: one >= other,
}
_OPERATORS: dict[Operator, Callable[[Any, Any], Any]] = {
    "+": lambda one, other: one + other,
    "-": lambda one, other: one - other,
    "*": lambda one, other: one * other,
}


# What Z3 says when a check has taken as much work as it may.
_REASONS: dict[str, str] = dict.fromkeys(("canceled", "max. resource limit exceeded", "timeout"), "it takes more work than one check may")


class Z3Solver(Solver):
    """Z3, by default in a context of its own; the solver is kept from check to check (push and pop)."""

    def __init__(self, resource_limit: int = RESOURCE_LIMIT, signature: Signature | None = None, context: Any = None) -> None:
        """Make a solver.

        Args:
            resource_limit: Z3's `rlimit` for each single check.
            signature: see `Solver`.
            context: a Z3 context to share with others of the same thread.
        """
        super().__init__(resource_limit, signature)
        import z3

        self._z3: Any = z3
        self._context: Any = context or z3.Context()
        self._solver: Any = z3.Solver(ctx=self._context)
        self._solver.set("rlimit", resource_limit)
        self._solver.set("timeout", TIMEOUT)
        self._model: Any = None
        self._connectives: dict[type[Formula], Callable[[Any, Any], Any]] = {
            And: z3.And,
            Or: z3.Or,
            Xor: z3.Xor,
            Implies: z3.Implies,
            Iff: lambda one, other: one == other,
        }

    def _ask(self, terms: Sequence[Any], keep_model: bool) -> bool | None:
        self._solver.push()
        try:
            self._solver.add(*terms)
            answer = self._solver.check()
            if answer == self._z3.sat:
                if keep_model:
                    self._model = self._solver.model()
                return True
            if answer == self._z3.unsat:
                return False
            reason = str(self._solver.reason_unknown())
            self.reason = _REASONS.get(reason, reason)
            return None
        finally:
            self._solver.pop()

    def _core(self, terms: Sequence[Any]) -> tuple[int, ...] | None:
        marks = [self._z3.Bool(f"mark {i}", self._context) for i in range(len(terms))]
        self._solver.push()
        try:
            self._solver.add(*(self._z3.Implies(mark, term) for mark, term in zip(marks, terms, strict=True)))
            if self._solver.check(*marks) != self._z3.unsat:
                return None
            names = {str(mark) for mark in self._solver.unsat_core()}
            return tuple(i for i, mark in enumerate(marks) if str(mark) in names)
        finally:
            self._solver.pop()

    def _make_sort(self, name: str) -> Any:
        if name == INT:
            return self._z3.IntSort(self._context)
        return self._z3.RealSort(self._context) if name == REAL else self._z3.DeclareSort(name or "Individual", self._context)

    def _make_constant(self, name: str, sort: Any) -> Any:
        return self._z3.Const(name, sort)

    def _make_function(self, name: str, sorts: Sequence[Any], result: Any) -> Any:
        return self._z3.Function(name, *sorts, result if result is not None else self._z3.BoolSort(self._context))

    def call(self, symbol: Any, arguments: Sequence[Any]) -> Any:
        """A function or predicate of arguments."""
        return symbol(*arguments)

    def _number(self, value: Fraction) -> Any:
        if value.denominator == 1:
            return self._z3.IntVal(value.numerator, self._context)
        return self._z3.RatVal(value.numerator, value.denominator, self._context)

    def _truth(self, value: bool) -> Any:
        return self._z3.BoolVal(value, self._context)

    def _not(self, body: Any) -> Any:
        return self._z3.Not(body)

    def _connected(self, kind: type[Formula], left: Any, right: Any) -> Any:
        return self._connectives[kind](left, right)

    def _compared(self, relation: Relation, left: Any, right: Any) -> Any:
        return _RELATIONS[relation](left, right)

    def _calculated(self, operator: Operator, left: Any, right: Any) -> Any:
        return _OPERATORS[operator](left, right)

    def _make_variable(self, name: str, sort: Any) -> Any:
        return self._z3.Const(name, sort)

    def _quantified(self, every: bool, variable: Any, body: Any) -> Any:
        return (self._z3.ForAll if every else self._z3.Exists)([variable], body)

    def value(self, term: Any) -> Any:
        """The value of a closed term in the last model."""
        return self._model.eval(term, model_completion=True)

    def universe(self, sort: Any) -> Sequence[Any]:
        """What there is of a sort in the last model."""
        found: Sequence[Any] | None = self._model.get_universe(sort)
        return found or []

"""cvc5 as a solver: a second opinion, from another code base."""

import importlib
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, ClassVar

from prm_gym.errors import MissingExtraError
from prm_gym.logic.formula import And, Formula, Iff, Implies, Operator, Or, Relation, Xor
from prm_gym.logic.signature import INT, REAL, Signature
from prm_gym.logic.solver import RESOURCE_LIMIT, TIMEOUT, Solver

_RELATIONS: dict[Relation, str] = {"=": "EQUAL", "!=": "DISTINCT", "<": "LT", "<=": "LEQ", ">": "GT", ">=": "GEQ"}
_OPERATORS: dict[Operator, str] = {"+": "ADD", "-": "SUB", "*": "MULT"}
_CONNECTIVES: dict[type[Formula], str] = {And: "AND", Or: "OR", Xor: "XOR", Implies: "IMPLIES", Iff: "EQUAL"}


# One unit of cvc5's work takes about as long as so many of Z3's: with one limit for both, the clock would decide before it.
UNIT = 20
_REASONS = {
    "RESOURCEOUT": "it takes more work than one check may",
    "TIMEOUT": "it takes more time than one check may",
    "INCOMPLETE": "its method is incomplete",
}


class Cvc5Solver(Solver):
    """cvc5 with incremental solving; searches for finite models, so that most refutations carry a counterexample.

    Raises:
        MissingExtraError: cvc5 is not installed (`pip install 'prm-gym[cvc5]'`).
    """

    tables: ClassVar[bool] = False

    def __init__(self, resource_limit: int = RESOURCE_LIMIT, signature: Signature | None = None) -> None:
        """Make a solver; `resource_limit` is in units of Z3, one of cvc5's `rlimit-per` counting for `UNIT` of them."""
        super().__init__(resource_limit, signature)
        try:
            cvc5: Any = importlib.import_module("cvc5")
        except ImportError as error:
            raise MissingExtraError("cvc5", "cvc5") from error
        self._kind: Any = cvc5.Kind
        self._manager: Any = cvc5.TermManager()
        self._solver: Any = cvc5.Solver(self._manager)
        options = {"produce-models": True, "produce-unsat-cores": True, "incremental": True, "finite-model-find": True}
        for name, value in options.items():
            self._solver.setOption(name, str(value).lower())
        self._solver.setOption("rlimit-per", str(max(1, resource_limit // UNIT)))
        self._solver.setOption("tlimit-per", str(TIMEOUT))
        self._solver.setLogic("ALL")
        self._pushed = False

    def _ask(self, terms: Sequence[Any], keep_model: bool) -> bool | None:
        answer = self._check(terms)
        if answer.isSat():
            return True
        if answer.isUnsat():
            return False
        reason = str(answer.getUnknownExplanation()).rpartition(".")[2]
        self.reason = _REASONS.get(reason, reason)
        return None

    def _check(self, terms: Sequence[Any]) -> Any:
        if self._pushed:  # the last model and core live until the next question
            self._solver.pop()
        self._solver.push()
        self._pushed = True
        for term in terms:
            self._solver.assertFormula(term)
        return self._solver.checkSat()

    def _core(self, terms: Sequence[Any]) -> tuple[int, ...] | None:
        if not self._check(terms).isUnsat():
            return None
        core = list(self._solver.getUnsatCore())
        return tuple(i for i, term in enumerate(terms) if term in core)

    def _make_sort(self, name: str) -> Any:
        if name == INT:
            return self._manager.getIntegerSort()
        return self._manager.getRealSort() if name == REAL else self._manager.mkUninterpretedSort(name or "Individual")

    def _make_constant(self, name: str, sort: Any) -> Any:
        return self._manager.mkConst(sort, name)

    def _make_function(self, name: str, sorts: Sequence[Any], result: Any) -> Any:
        made = result if result is not None else self._manager.getBooleanSort()
        return self._manager.mkConst(self._manager.mkFunctionSort(list(sorts), made) if sorts else made, name)

    def call(self, symbol: Any, arguments: Sequence[Any]) -> Any:
        """A function or predicate of arguments."""
        if not arguments:
            return symbol
        asked = symbol.getSort().getFunctionDomainSorts()
        return self._term("APPLY_UF", symbol, *(self._as(argument, sort) for argument, sort in zip(arguments, asked, strict=True)))

    def _term(self, kind: str, *parts: Any) -> Any:
        return self._manager.mkTerm(getattr(self._kind, kind), *parts)

    def _as(self, term: Any, sort: Any) -> Any:
        """An integer as a real number, where one is asked for."""
        return self._term("TO_REAL", term) if sort.isReal() and term.getSort().isInteger() else term

    def _alike(self, left: Any, right: Any) -> tuple[Any, Any]:
        return self._as(left, right.getSort()), self._as(right, left.getSort())

    def _number(self, value: Fraction) -> Any:
        text = str(value)  # cvc5 takes larger numbers as text alone
        return self._manager.mkInteger(text) if value.denominator == 1 else self._manager.mkReal(text)

    def _truth(self, value: bool) -> Any:
        return self._manager.mkBoolean(value)

    def _not(self, body: Any) -> Any:
        return self._term("NOT", body)

    def _connected(self, kind: type[Formula], left: Any, right: Any) -> Any:
        return self._term(_CONNECTIVES[kind], left, right)

    def _compared(self, relation: Relation, left: Any, right: Any) -> Any:
        return self._term(_RELATIONS[relation], *self._alike(left, right))

    def _calculated(self, operator: Operator, left: Any, right: Any) -> Any:
        return self._term(_OPERATORS[operator], *self._alike(left, right))

    def _make_variable(self, name: str, sort: Any) -> Any:
        return self._manager.mkVar(sort, name)

    def _quantified(self, every: bool, variable: Any, body: Any) -> Any:
        return self._term("FORALL" if every else "EXISTS", self._term("VARIABLE_LIST", variable), body)

    def value(self, term: Any) -> Any:
        """The value of a closed term in the last model."""
        return self._solver.getValue(term)

    def universe(self, sort: Any) -> Sequence[Any]:
        """What there is of a sort in the last model."""
        found: Sequence[Any] = self._solver.getModelDomainElements(sort)
        return found

"""Signatures: which symbols there are, and of which sorts they speak.

A problem without a signature speaks of individuals alone: every constant is one, every function takes and gives them, and a predicate may be used with any
number of arguments (each number makes another predicate). A problem with numbers, or with several sorts, declares its symbols.
"""

from collections.abc import Mapping

import msgspec

from prm_gym.errors import FormulaError
from prm_gym.logic.formula import Apply, Arithmetic, Atom, Compare, Constant, Exists, ForAll, Formula, Negative, Number, Term, Truth, Variable, parts

INDIVIDUAL = ""
INT, REAL = "Int", "Real"
NUMBERS = (INT, REAL)


class Signature(msgspec.Struct, frozen=True):
    """Declared symbols.

    Attributes:
        constants: sort by name.
        functions: sorts of the arguments and of the result, by name.
        predicates: sorts of the arguments, by name; none for a proposition.
        sorts: the declared sorts beside those of individuals, integers and reals.
    """

    constants: dict[str, str] = {}
    functions: dict[str, tuple[tuple[str, ...], str]] = {}
    predicates: dict[str, tuple[str, ...]] = {}
    sorts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse sorts that are not declared.

        Raises:
            FormulaError: a symbol is of a sort that there is not.
        """
        used = [*self.constants.values(), *(s for sorts, result in self.functions.values() for s in (*sorts, result))]
        used += [sort for sorts in self.predicates.values() for sort in sorts]
        for sort in used:
            self.require_sort(sort)

    def require_sort(self, sort: str) -> None:
        """Refuse a sort that is not declared.

        Raises:
            FormulaError: it is not.
        """
        if sort not in (INDIVIDUAL, *NUMBERS, *self.sorts):
            raise FormulaError(f"there is no sort {sort!r}; declared: {', '.join((*NUMBERS, *self.sorts))}")


def check_sorts(formula: Formula, signature: Signature | None) -> None:
    """Refuse a formula that does not fit its signature.

    Args:
        formula: any closed formula.
        signature: the declared symbols; None where there are individuals alone.

    Raises:
        FormulaError: a symbol that is not declared, a wrong number of arguments, a term of another sort than is asked for, or a product of two symbols.
    """
    _Sorts(signature).check(formula, {})


class _Sorts:
    def __init__(self, signature: Signature | None) -> None:
        self.signature = signature

    def check(self, formula: Formula, bound: Mapping[str, str]) -> None:
        match formula:
            case Truth():
                pass
            case Atom(predicate, arguments):
                asked = (INDIVIDUAL,) * len(arguments)
                if self.signature is not None:
                    if predicate not in self.signature.predicates:
                        raise FormulaError(f"the predicate {predicate} is not declared; declared: {_listed(self.signature.predicates)}")
                    asked = self.signature.predicates[predicate]
                self._arguments(predicate, arguments, asked, bound)
            case Compare(relation, left, right):
                one, other = self._sort(left, bound), self._sort(right, bound)
                if one != other and not (one in NUMBERS and other in NUMBERS):
                    raise FormulaError(f"{_named(one)} and {_named(other)} cannot be compared by {relation}")
                if relation not in ("=", "!=") and one not in NUMBERS:
                    raise FormulaError(f"{relation} compares numbers, and there is {_named(one)}")
            case ForAll(variable, body, sort) | Exists(variable, body, sort):
                if self.signature is not None:
                    self.signature.require_sort(sort)
                elif sort != INDIVIDUAL:
                    raise FormulaError(f"there is no sort {sort!r}: this problem speaks of individuals alone")
                self.check(body, {**bound, variable: sort})
            case _:
                for part in parts(formula):
                    self.check(part, bound)

    def _arguments(self, name: str, arguments: tuple[Term, ...], asked: tuple[str, ...], bound: Mapping[str, str]) -> None:
        if len(arguments) != len(asked):
            raise FormulaError(f"{name} takes {len(asked)} arguments and is given {len(arguments)}")
        for place, (argument, sort) in enumerate(zip(arguments, asked, strict=True), start=1):
            given = self._sort(argument, bound)
            if given != sort and not (given == INT and sort == REAL):
                raise FormulaError(f"argument {place} of {name} must be {_named(sort)} and is {_named(given)}")

    def _sort(self, term: Term, bound: Mapping[str, str]) -> str:
        match term:
            case Variable(name):
                return bound[name]
            case Constant(name):
                if self.signature is None:
                    return INDIVIDUAL
                if name not in self.signature.constants:
                    raise FormulaError(f"the constant {name} is not declared; declared: {_listed(self.signature.constants)}")
                return self.signature.constants[name]
            case Number(_, denominator):
                return INT if denominator == 1 else REAL
            case Apply(function, arguments):
                if self.signature is None:
                    self._arguments(function, arguments, (INDIVIDUAL,) * len(arguments), bound)
                    return INDIVIDUAL
                if function not in self.signature.functions:
                    raise FormulaError(f"the function {function} is not declared; declared: {_listed(self.signature.functions)}")
                asked, result = self.signature.functions[function]
                self._arguments(function, arguments, asked, bound)
                return result
            case Negative(body):
                return self._number(body, bound)
            case Arithmetic(operator, left, right):
                one, other = self._number(left, bound), self._number(right, bound)
                if operator == "*" and not (_is_fixed(left) or _is_fixed(right)):
                    raise FormulaError("a product of two unknown numbers is not linear")
                return INT if one == other == INT else REAL

    def _number(self, term: Term, bound: Mapping[str, str]) -> str:
        sort = self._sort(term, bound)
        if sort not in NUMBERS:
            raise FormulaError(f"there is no arithmetic with {_named(sort)}")
        return sort


def _is_fixed(term: Term) -> bool:
    """Whether the term is free of symbols."""
    match term:
        case Number():
            return True
        case Negative(body):
            return _is_fixed(body)
        case Arithmetic(_, left, right):
            return _is_fixed(left) and _is_fixed(right)
        case _:
            return False


def _named(sort: str) -> str:
    return {INDIVIDUAL: "an individual", INT: "an integer", REAL: "a real number"}.get(sort, f"a {sort}")


def _listed(names: Mapping[str, object]) -> str:
    return ", ".join(sorted(names)[:12]) or "none"

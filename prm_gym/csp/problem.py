"""The language of finite constraint problems: variables with finite domains, and constraints over them. JSON in and out.

    colours = ("red", "green", "blue")
    problem = Problem(
        variables=(Variable("a", colours), Variable("b", colours)),
        constraints=(AllDifferent(("a", "b")), Or((Is("a", "red"), Is("b", "red")))),
    )

A constraint is a formula over atoms `variable = value`, or one of `AllDifferent`, `Linear` and `Table`. Everything is a frozen record that is checked when
the problem is made: an unknown variable, a value outside its domain, or a size beyond the bounds below is a `ProblemError` that says so.
"""

from collections.abc import Iterator
from typing import Literal, TypeAlias

import msgspec

from prm_gym.errors import ProblemError

Value: TypeAlias = int | str
Relation: TypeAlias = Literal["=", "!=", "<", "<=", ">", ">="]

MAX_VARIABLES = 512
MAX_VALUES = 256  # distinct ones in the whole problem
MAX_CONSTRAINTS = 4096
MAX_NODES = 65_536  # atoms, terms, table cells and connectives of the whole problem
MAX_DEPTH = 32
MAX_MAGNITUDE = 10**9  # of an integer
MAX_NAME = 64


class Variable(msgspec.Struct, frozen=True, gc=False):
    """A variable and the values it may take.

    Attributes:
        name: distinct in the problem.
        domain: distinct integers or names, at least one.
    """

    name: str
    domain: tuple[Value, ...]


class Is(msgspec.Struct, frozen=True, gc=False, tag="is"):
    """The atom `variable = value`."""

    variable: str
    value: Value


class Not(msgspec.Struct, frozen=True, tag="not"):
    """The formula does not hold."""

    formula: "Formula"


class And(msgspec.Struct, frozen=True, tag="and"):
    """All of them hold; of none, true."""

    formulas: "tuple[Formula, ...]"


class Or(msgspec.Struct, frozen=True, tag="or"):
    """At least one of them holds: a clause, where they are literals; of none, false."""

    formulas: "tuple[Formula, ...]"


class Implies(msgspec.Struct, frozen=True, tag="implies"):
    """If `condition` holds, `conclusion` does."""

    condition: "Formula"
    conclusion: "Formula"


class Iff(msgspec.Struct, frozen=True, tag="iff"):
    """Both hold or neither."""

    left: "Formula"
    right: "Formula"


class Xor(msgspec.Struct, frozen=True, tag="xor"):
    """Exactly one of the two holds."""

    left: "Formula"
    right: "Formula"


class Count(msgspec.Struct, frozen=True, tag="count"):
    """Between `least` and `most` of the formulas hold; so exactly k, at least k and at most k."""

    formulas: "tuple[Formula, ...]"
    least: int
    most: int


class AllDifferent(msgspec.Struct, frozen=True, gc=False, tag="all_different"):
    """No two of the variables have one value."""

    variables: tuple[str, ...]


class Linear(msgspec.Struct, frozen=True, gc=False, tag="linear"):
    """The sum of coefficient times variable stands in the relation to `total`; the variables have integer domains."""

    variables: tuple[str, ...]
    coefficients: tuple[int, ...]
    relation: Relation
    total: int


class Table(msgspec.Struct, frozen=True, gc=False, tag="table"):
    """The values of the variables, in order, are one of the rows."""

    variables: tuple[str, ...]
    rows: tuple[tuple[Value, ...], ...]


Formula: TypeAlias = Is | Not | And | Or | Implies | Iff | Xor | Count
Constraint: TypeAlias = Formula | AllDifferent | Linear | Table


class Problem(msgspec.Struct, frozen=True):
    """Variables and constraints; an assignment that satisfies all constraints is a solution.

    Raises:
        ProblemError: on construction, when the problem is not well formed or beyond the bounds of this module.
    """

    variables: tuple[Variable, ...]
    constraints: tuple[Constraint, ...] = ()

    def __post_init__(self) -> None:
        domains = _checked_domains(self.variables)
        if len(self.constraints) > MAX_CONSTRAINTS:
            raise ProblemError(f"a problem has at most {MAX_CONSTRAINTS:,} constraints, got {len(self.constraints):,}")
        room = MAX_NODES
        for place, constraint in enumerate(self.constraints):
            try:
                room -= _checked_size(constraint, domains, room)
            except ProblemError as error:
                raise ProblemError(f"constraint {place}: {error}") from error


def exactly(number: int, formulas: tuple[Formula, ...]) -> Count:
    """Exactly so many of the formulas hold."""
    return Count(formulas, number, number)


def at_least(number: int, formulas: tuple[Formula, ...]) -> Count:
    """At least so many of the formulas hold."""
    return Count(formulas, number, len(formulas))


def at_most(number: int, formulas: tuple[Formula, ...]) -> Count:
    """At most so many of the formulas hold."""
    return Count(formulas, 0, number)


def parts(formula: Formula) -> tuple[Formula, ...]:
    """The formulas that a formula is directly made of; none for an atom."""
    if isinstance(formula, And | Or | Count):
        return formula.formulas
    if isinstance(formula, Iff | Xor):
        return (formula.left, formula.right)
    if isinstance(formula, Implies):
        return (formula.condition, formula.conclusion)
    return (formula.formula,) if isinstance(formula, Not) else ()


def scope(constraint: Constraint) -> tuple[str, ...]:
    """The variables that a constraint speaks of, in the order in which they first occur."""
    if isinstance(constraint, AllDifferent | Linear | Table):
        return tuple(dict.fromkeys(constraint.variables))
    return tuple(dict.fromkeys(atom.variable for atom, _ in _walk(constraint) if isinstance(atom, Is)))


def size(constraint: Constraint) -> int:
    """How many nodes a constraint has: atoms and connectives, or variables and table cells."""
    if isinstance(constraint, AllDifferent | Linear | Table):
        rows = len(constraint.rows) if isinstance(constraint, Table) else 0
        return len(constraint.variables) * (1 + rows)
    return sum(1 for _ in _walk(constraint))


def constraint_text(constraint: Constraint) -> str:
    """The constraint as a person reads it.

    >>> constraint_text(Implies(Is("a", 1), Or((Is("b", 2), Not(Is("c", 3))))))
    'if a = 1 then (b = 2 or not c = 3)'
    >>> constraint_text(Linear(("a", "b"), (1, -2), "<=", 3))
    'a - 2 b <= 3'
    """
    if isinstance(constraint, AllDifferent):
        return f"all different: {', '.join(constraint.variables)}"
    if isinstance(constraint, Table):
        rows = "; ".join(" ".join(map(str, row)) for row in constraint.rows)
        return f"({', '.join(constraint.variables)}) is one of: {rows}"
    if isinstance(constraint, Linear):
        terms = "".join(_term(name, factor) for name, factor in zip(constraint.variables, constraint.coefficients, strict=True)) or " + 0"
        sign = "-" if terms.startswith(" - ") else ""
        return f"{sign}{terms[3:]} {constraint.relation} {constraint.total}"
    return _formula_text(constraint)


def _term(name: str, factor: int) -> str:
    size = "" if abs(factor) == 1 else f"{abs(factor)} "
    return f" {'-' if factor < 0 else '+'} {size}{name}"


def _formula_text(formula: Formula) -> str:
    if isinstance(formula, Is):
        return f"{formula.variable} = {formula.value}"
    inner = [text if isinstance(part, Is | Not | Count) else f"({text})" for part in parts(formula) for text in [_formula_text(part)]]
    if isinstance(formula, Not):
        return f"not {inner[0]}"
    if isinstance(formula, Implies):
        return f"if {inner[0]} then {inner[1]}"
    if isinstance(formula, Count):
        return f"{_bounds_text(formula)} of [{', '.join(inner)}]"
    if isinstance(formula, And | Or):
        word = "and" if isinstance(formula, And) else "or"
        return f" {word} ".join(inner) or ("true" if word == "and" else "false")
    return f" {'if and only if' if isinstance(formula, Iff) else 'or else'} ".join(inner)


def _bounds_text(count: Count) -> str:
    if count.least == count.most:
        return f"exactly {count.least}"
    if count.most >= len(count.formulas):
        return f"at least {count.least}"
    return f"at most {count.most}" if count.least <= 0 else f"{count.least} to {count.most}"


# Checks.


def _checked_domains(variables: tuple[Variable, ...]) -> dict[str, frozenset[Value]]:
    if len(variables) > MAX_VARIABLES:
        raise ProblemError(f"a problem has at most {MAX_VARIABLES} variables, got {len(variables):,}")
    domains: dict[str, frozenset[Value]] = {}
    for variable in variables:
        name, domain = variable.name, frozenset(variable.domain)
        if not 0 < len(name) <= MAX_NAME or name in domains:
            raise ProblemError(f"variables have distinct names of 1 to {MAX_NAME} characters, got {name[:MAX_NAME]!r}")
        if not domain or len(domain) != len(variable.domain):
            raise ProblemError(f"the domain of {name!r} holds distinct values, at least one, got {variable.domain!r}")
        for value in domain:
            _check_value(value)
        domains[name] = domain
    distinct = len(frozenset[Value]().union(*domains.values()))
    if distinct > MAX_VALUES:
        raise ProblemError(f"a problem has at most {MAX_VALUES} distinct values, got {distinct:,}")
    return domains


def _check_value(value: Value) -> None:
    if type(value) is int:
        if abs(value) > MAX_MAGNITUDE:
            raise ProblemError(f"an integer is at most {MAX_MAGNITUDE:,} in size")
    elif not (isinstance(value, str) and 0 < len(value) <= MAX_NAME):
        raise ProblemError(f"a value is an integer or a name of 1 to {MAX_NAME} characters, got {value!r}")


def _walk(formula: Formula) -> Iterator[tuple[Formula, int]]:
    """Every part of a formula with its depth; no recursion, for the formula may be anyone's."""
    pending: list[tuple[Formula, int]] = [(formula, 1)]
    while pending:
        part, depth = pending.pop()
        yield part, depth
        pending.extend((inner, depth + 1) for inner in reversed(parts(part)))


def _checked_size(constraint: Constraint, domains: dict[str, frozenset[Value]], room: int) -> int:
    """How many nodes a constraint has, after checking each of them."""
    if isinstance(constraint, AllDifferent | Linear | Table):
        nodes = size(constraint)
        if nodes > room:
            raise ProblemError(f"the problem has more than {MAX_NODES:,} nodes")
        _check_global(constraint, domains)
        return nodes
    nodes = 0
    for part, depth in _walk(constraint):
        nodes += 1
        if nodes > room or depth > MAX_DEPTH:
            raise ProblemError(f"the formulas have more than {MAX_NODES:,} nodes, or one is deeper than {MAX_DEPTH}")
        if isinstance(part, Is) and part.value not in domains.get(part.variable, frozenset()):
            raise ProblemError(f"no variable {part.variable!r} has the value {part.value!r} in its domain")
        if isinstance(part, Count) and part.least > part.most:
            raise ProblemError(f"least is at most most, got {part.least} and {part.most}")
    return nodes


def _check_global(constraint: AllDifferent | Linear | Table, domains: dict[str, frozenset[Value]]) -> None:
    for name in constraint.variables:
        if name not in domains:
            raise ProblemError(f"there is no variable {name!r}")
    if len(set(constraint.variables)) != len(constraint.variables):
        raise ProblemError(f"its variables are distinct, got {constraint.variables!r}")
    if isinstance(constraint, Table) and any(len(row) != len(constraint.variables) for row in constraint.rows):
        raise ProblemError(f"every row has {len(constraint.variables)} values")
    if isinstance(constraint, Linear):
        if len(constraint.coefficients) != len(constraint.variables):
            raise ProblemError(f"there is one coefficient for each of {len(constraint.variables)} variables, got {len(constraint.coefficients)}")
        if any(abs(number) > MAX_MAGNITUDE for number in (*constraint.coefficients, constraint.total)):
            raise ProblemError(f"an integer is at most {MAX_MAGNITUDE:,} in size")
        for name in constraint.variables:
            if not all(type(value) is int for value in domains[name]):
                raise ProblemError(f"a sum is of integers, and {name!r} has names in its domain")

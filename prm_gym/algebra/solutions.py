"""Whether two sets of relations have the same real solutions."""

from functools import lru_cache

from prm_gym.algebra.consequence import consequence, eliminated, linear_system
from prm_gym.algebra.equation import expanded, linear_equation, names_in, restatement_key, statement_names
from prm_gym.algebra.expression import Statement
from prm_gym.algebra.finding import Finding, point_sentence, point_texts
from prm_gym.algebra.linear import LinearSystem, Point
from prm_gym.algebra.polynomial import Budget, BudgetSpentError, Polynomial, constant_value, polynomial_names, primitive, quotient, value_at
from prm_gym.algebra.reading import read_statement, two_ways
from prm_gym.algebra.real_line import Line, root_text
from prm_gym.algebra.sampling import compared_at, points

MAX_STATEMENTS = 20  # of either set

_SAME = "the solutions are the same"
_LOST = "a solution is lost"
_GAINED = "this was no solution before"


def same_solutions(before: tuple[str, ...], after: tuple[str, ...], earlier: tuple[tuple[str, ...], ...] = ()) -> Finding:
    """Whether relations that are to hold together have exactly the real solutions of others.

    >>> same_solutions(("x^2 = 9",), ("x = 3",)).reason
    'a solution is lost: x = -3'
    >>> same_solutions(("x^2 = 9",), ("x = 3 or x = -3",)).status
    'equal'

    Args:
        before: relations.
        after: likewise.
        earlier: what was written before; an `after` that says it again is trivial.

    Raises:
        AlgebraError: a text is not read.
    """
    finding = _same_solutions(before, after)
    if finding.status == "equal" and earlier:
        written = _key(after)
        if any(_key(texts) == written for texts in earlier):
            return Finding("trivial", "it was written before")
    return finding


def _key(texts: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(restatement_key, texts))


@lru_cache(maxsize=1 << 12)
def _same_solutions(before: tuple[str, ...], after: tuple[str, ...]) -> Finding:
    statements = [read_statement(text) for text in (*before, *after)]
    if max(len(before), len(after)) > MAX_STATEMENTS:
        return Finding("undecided", f"sets of at most {MAX_STATEMENTS} relations are compared")
    if not before or not after:
        return Finding("undecided", "there are no relations to compare")
    torn = two_ways(names_in((*before, *after)))
    if torn is not None:
        return Finding("undecided", f"{torn!r} may be one name or a product of others; write * between factors")
    if _key(before) == _key(after):
        return Finding("trivial", "it says the same in the same words")
    try:
        return _decided(before, after, statements)
    except BudgetSpentError as error:
        return Finding("undecided", str(error))


def _decided(before: tuple[str, ...], after: tuple[str, ...], statements: list[Statement]) -> Finding:
    if all(linear_equation(text) is not None for text in (*before, *after)):
        return _linear(before, after)
    names = statement_names(statements)
    if "pi" not in names and len(names) <= 1:
        return _on_the_line(statements[: len(before)], statements[len(before) :], next(iter(names), "x"))
    if len(before) == len(after) and _constraints(statements[: len(before)]) == _constraints(statements[len(before) :]) is not None:
        return Finding("equal", _SAME)
    return _by_consequence(before, after) or _by_search(before, after) or Finding("undecided", "no way to compare the solutions is known")


def _linear(before: tuple[str, ...], after: tuple[str, ...]) -> Finding:
    one, other = linear_system(before), linear_system(after)
    if not one.consistent and not other.consistent:
        return Finding("equal", "neither has a solution")
    if one.consistent:
        point = _solution_outside(one, other, after)
        if point is not None:
            return _lost(point)
    if other.consistent:
        point = _solution_outside(other, one, before)
        if point is not None:
            return _gained(point)
    return Finding("equal", _SAME)


def _solution_outside(system: LinearSystem, other: LinearSystem, texts: tuple[str, ...]) -> Point | None:
    """A solution of a system that is none of another."""
    if not other.consistent:
        return system.solution(dict.fromkeys(sorted(names_in(texts)), 0))
    return next((point for row in other.rows.values() if (point := system.counterexample(row)) is not None), None)


def _lost(point: Point) -> Finding:
    return Finding("different", f"{_LOST}: {point_sentence(point)}", point_texts(point))


def _gained(point: Point) -> Finding:
    return Finding("different", f"{_GAINED}: {point_sentence(point)}", point_texts(point))


def _on_the_line(before: list[Statement], after: list[Statement], name: str) -> Finding:
    line = Line([*before, *after], name)
    differing = [(cell, is_before) for cell in line.cells if (is_before := line.truth(before, cell)) != line.truth(after, cell)]
    if not differing:
        return Finding("equal", _SAME)
    cell, is_before = min(differing, key=lambda found: not found[1])
    text = root_text(line.example(cell))
    shown = text if text.startswith("between") else f"= {text}"
    return Finding("different", f"{_LOST if is_before else _GAINED}: {name} {shown}", {name: text})


# Several unknowns, not linear.


def _constraints(statements: list[Statement]) -> set[object] | None:
    """What the equations ask, up to factors; equal sets, equal solutions. None where one is no equation or has roots."""
    found: set[object] = set()
    for statement in statements:
        relation = statement.equation
        equation = expanded(relation) if relation is not None else None
        if equation is None or equation.generators or equation.radicands:
            return None
        domain = (polynomial for polynomial in equation.domain if not _never_zero(polynomial, equation.difference))
        found.add((_frozen(equation.difference), frozenset(map(_frozen, domain))))
    return found


def _never_zero(polynomial: Polynomial, difference: Polynomial) -> bool:
    """Whether a product of names cannot be 0 where the difference is 0, because that is another number where one of the names is 0: `xy = 6`."""
    names = polynomial_names(polynomial)
    rests = [{monomial: c for monomial, c in difference.items() if all(other != name for other, _ in monomial)} for name in names]
    return len(polynomial) == 1 and all(constant_value(rest) for rest in rests)


def _frozen(polynomial: Polynomial) -> frozenset[object]:
    return frozenset(primitive(polynomial).items())


def _by_consequence(before: tuple[str, ...], after: tuple[str, ...]) -> Finding | None:
    """Each set follows from the other, or something in one of them does not; None where that is not found out."""
    forward = [consequence(before, text) for text in after]
    backward = [consequence(after, text) for text in before]
    for findings, says in ((forward, _LOST), (backward, _GAINED)):
        refuted = next((finding for finding in findings if finding.status == "different"), None)
        if refuted is not None:
            shown = ", ".join(f"{name} = {value}" for name, value in refuted.witness.items())
            return Finding("different", f"{says}: {shown}" if shown else f"{says}: {refuted.reason}", refuted.witness)
    statuses = {finding.status for finding in (*forward, *backward)}
    if "undecided" in statuses:
        return None
    contradictory = [bool((solved := eliminated(texts)) and solved.contradictory) for texts in (before, after)]
    if contradictory[0] != contradictory[1]:
        return Finding("different", "one of them has solutions, the other has none")
    return Finding("equal", "neither has a solution" if contradictory[0] else _SAME)


def _by_search(before: tuple[str, ...], after: tuple[str, ...]) -> Finding | None:
    """A point on one equation and not on the other, solved for a name that occurs linearly."""
    if len(before) != 1 or len(after) != 1:
        return None
    budget = Budget()
    relations = [read_statement(text).equation for text in (*before, *after)]
    names = names_in((*before, *after))
    for here, there, says in ((relations[0], relations[1], _lost), (relations[1], relations[0], _gained)):
        equation = expanded(here) if here is not None else None
        if here is None or there is None or equation is None or equation.generators:
            continue
        for name in sorted(names_in(before) - {"pi"}):
            for point in points(names - {name}):
                full = _on(equation.difference, name, point)
                if full is None or "pi" in names or compared_at(here, full, budget) != "same":
                    continue
                if compared_at(there, full, budget) in ("different", "no value"):
                    return says(full)
    return None


def _on(polynomial: Polynomial, name: str, point: Point) -> Point | None:
    """The point with a value for one more name that makes a polynomial 0; None where the name does not occur linearly."""
    if any(other == name and exponent > 1 for monomial in polynomial for other, exponent in monomial):
        return None
    factor = {tuple(part for part in monomial if part[0] != name): c for monomial, c in polynomial.items() if (name, 1) in monomial}
    rest = {monomial: c for monomial, c in polynomial.items() if (name, 1) not in monomial}
    slope = value_at(factor, point) if "pi" not in dict(part for monomial in polynomial for part in monomial) else 0
    return {**point, name: -quotient(value_at(rest, point), slope)} if slope else None

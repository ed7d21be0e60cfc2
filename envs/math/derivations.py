"""Next lines of a derivation in school algebra: right ones, and those that beginners write.

A line is a tuple of texts: one equation, the equations of a system, or one expression. Every rule here looks at the line alone, however it was reached.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import isqrt, lcm
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from prm_gym.algebra import AlgebraError, Expression, Relation, read_expression, read_statement
from prm_gym.algebra.equation import is_restated, restatement_key
from prm_gym.algebra.expression import Name, Negative, Number, Quotient, decimal_text, number
from prm_gym.algebra.polynomial import Monomial, Polynomial, Rational, add, quotient, rational, scaled, total_degree
from prm_gym.envs.math.school import Term, X, Y, multiplied_out, polynomial_of, school_text, terms_text

Kind: TypeAlias = Literal["equation", "quadratic", "system", "rewriting"]
Line: TypeAlias = tuple[str, ...]
SQUARE: Monomial = (("x", 2),)


class NextLines(NamedTuple):
    """Lines that may follow.

    Attributes:
        right: true transformations of a line, the one that a solver takes first.
        wrong: mistakes; one of them may happen to be true.
    """

    right: list[Line]
    wrong: list[Line]


_NUMBER = re.compile(r"([+-] ?)?(?<![\d.^])(\d+(?:\.\d+)?)(?![\d.])")


def variants(line: Line, rng: np.random.Generator) -> Iterator[Line]:
    """Lines that differ from one in two of its numbers: each as it is or changed, in all four ways, so that none of them stands out.

    The line itself is among them. A number is changed in its sign or by a few units; exponents stay.
    """
    text = "; ".join(line)
    found = [match for match in _NUMBER.finditer(text) if match[2] != "0"]
    chosen = sorted(rng.permutation(len(found))[:2].tolist())
    changes = [(found[place], _another(found[place], rng)) for place in chosen]
    for mask in rng.permutation(1 << len(changes)).tolist():
        shown = text
        for bit, (match, other) in reversed(list(enumerate(changes))):
            if mask >> bit & 1:
                shown = shown[: match.start()] + other + shown[match.end() :]
        yield tuple(shown.split("; "))


def _another(match: re.Match[str], rng: np.random.Generator) -> str:
    sign, digits = match[1] or "", match[2]
    factor = match.start() > 0 and match.string[match.start() - 1] in "*/"
    if rng.random() < 0.5 and not factor:
        return {"+": "-", "-": "+"}[sign[0]] + sign[1:] + digits if len(sign) == 2 else digits if sign else f"-{digits}"
    named = match.end() < len(match.string) and match.string[match.end()].isalpha()
    value, unit = Fraction(digits), Fraction(1, 10 ** len(digits.partition(".")[2]))
    change = unit * int(rng.integers(1, 4))
    less = value - change if rng.random() < 0.5 and value > change else value + change
    return sign + decimal_text(value + change if named and less == 1 else less)  # not 1x


def next_lines(kind: Kind, line: Line) -> NextLines:
    """What may follow a line; nothing where its form is unknown here."""
    try:
        return _RULES[kind](line)
    except AlgebraError:
        return NextLines([], [])


@lru_cache(maxsize=1 << 12)
def is_finished(kind: Kind, line: Line) -> bool:
    """Whether a line is in the form that ends a task: every unknown equal to a reduced number, or an expression multiplied out and collected."""
    if kind == "rewriting":
        expression = read_expression(line[0])
        polynomial = polynomial_of(expression)
        return polynomial is not None and is_restated(expression, read_expression(school_text(polynomial, "." in line[0])))
    statements = [read_statement(text) for text in line]
    if any(len(together) != 1 for statement in statements for together in statement.alternatives):
        return False
    solved = [[_solved_name(together[0]) for together in statement.alternatives] for statement in statements]
    if kind != "system":
        return len(line) == 1 and all(name == "x" for name in solved[0])
    return sorted((names[0] or "") for names in solved if len(names) == 1) == ["x", "y"] and len(line) == 2


def _solved_name(relation: Relation) -> str | None:
    if relation.symbol != "=" or not isinstance(relation.left, Name):
        return None
    shown = relation.right.inner if isinstance(relation.right, Negative) else relation.right
    value = _numeral(shown)
    return relation.left.text if value is not None and (isinstance(shown, Number) or shown == number(value)) else None


def _numeral(expression: Expression) -> Fraction | None:
    match expression:
        case Number(value):
            return value
        case Quotient(Number(top), Number(below)) if below:
            return top / below
        case _:
            return None


# One linear equation in x.


def _sides(text: str) -> tuple[Expression, Expression] | None:
    relation = read_statement(text).equation
    return None if relation is None else (relation.left, relation.right)


def _equation(left: Polynomial, right: Polynomial, decimals: bool) -> Line:
    return (f"{school_text(left, decimals)} = {school_text(right, decimals)}",)


def _line(a: Rational, b: Rational) -> Polynomial:
    """`a x + b`."""
    return {monomial: value for monomial, value in ((X, rational(a)), ((), rational(b))) if value}


def _differs(line: Line, other: Line) -> bool:
    return [restatement_key(text) for text in line] != [restatement_key(text) for text in other]


def _linear(line: Line) -> NextLines:
    decimals = "." in line[0]
    sides = _sides(line[0])
    polynomials = [polynomial_of(side) for side in sides] if sides else []
    if not sides or None in polynomials or any(set(polynomial or {}) - {X, ()} for polynomial in polynomials):
        return NextLines([], [])
    left, right = (polynomial or {} for polynomial in polynomials)
    lines = NextLines([], [])
    _multiplied_out_lines(line, sides, decimals, lines)
    collected = _equation(left, right, decimals)
    if _differs(line, collected):
        lines.right.append(collected)
    else:
        _isolating(left, right, decimals, lines)
    found = _equation_solution(left, right)
    for near in (found + 1, found - 1, -found, 2 * found):  # jumps to an answer
        lines.wrong.append(_equation({X: 1}, _line(0, near), decimals))
    return lines


def _equation_solution(left: Polynomial, right: Polynomial) -> Rational:
    """What x is; 1 where that is not one number."""
    slope = left.get(X, 0) - right.get(X, 0)
    return quotient(right.get((), 0) - left.get((), 0), slope) if slope else 1


def _multiplied_out_lines(line: Line, sides: tuple[Expression, Expression], decimals: bool, lines: NextLines) -> None:
    for mistake in ("", "first", "sign"):
        terms = [multiplied_out(side, mistake) or [] for side in sides]
        shown = (" = ".join(terms_text(side, decimals) for side in terms),)
        if _differs(line, shown):
            (lines.wrong if mistake else lines.right).append(shown)
        gathered = [_gathered(side) for side in terms]
        if mistake:
            lines.wrong.append(_equation(gathered[0], gathered[1], decimals))


def _gathered(terms: Sequence[Term]) -> Polynomial:
    result: Polynomial = {}
    for monomial, coefficient in terms:
        result = add(result, {monomial: coefficient})
    return result


def _isolating(left: Polynomial, right: Polynomial, decimals: bool, lines: NextLines) -> None:
    """Steps from `a x + b = c x + d` towards x."""
    a, b, c, d = left.get(X, 0), left.get((), 0), right.get(X, 0), right.get((), 0)

    def put(where: list[Line], *values: Rational) -> None:
        where.append(_equation(_line(values[0], values[1]), _line(values[2], values[3]), decimals))

    factor = lcm(*(value.denominator for value in (a, b, c, d)))
    if factor > 1 and not decimals and not (a == 1 and not b and not c):
        put(lines.right, a * factor, b * factor, c * factor, d * factor)
        put(lines.wrong, a * factor, b, c * factor, d)
        put(lines.wrong, a * factor, b * factor, c, d)
    if a and c:
        put(lines.right, a - c, b, 0, d)
        put(lines.wrong, a + c, b, 0, d)
        put(lines.wrong, a - c, -b, 0, d)
        put(lines.wrong, c - a, b, 0, d)
    if b and (a or c):
        put(lines.right, a, 0, c, d - b)
        put(lines.wrong, a, 0, c, d + b)
        put(lines.wrong, a, 0, c, b - d)
        put(lines.wrong, a, 0, c, d)
    for slope, other, swapped in ((a, c, False), (c, a, True)):
        value, rest = (d, b) if not swapped else (b, d)
        if slope and not other and not rest and (slope != 1 or swapped):
            put(lines.right, 1, 0, 0, quotient(value, slope))
            for wrong in (quotient(slope, value) if value else slope, value - slope, value * slope, -quotient(value, slope)):
                put(lines.wrong, 1, 0, 0, wrong)
        elif slope and not other and rest and swapped:
            put(lines.right, 0, value - rest, slope, 0)
            put(lines.wrong, 0, value + rest, slope, 0)


# Quadratics in x with whole roots.


def _quadratic(line: Line) -> NextLines:
    lines = NextLines([], [])
    statement = read_statement(line[0])
    sides = _sides(line[0])
    polynomials = [polynomial_of(side) for side in sides] if sides else []
    if not sides or None in polynomials or len(statement.alternatives) != 1:
        return lines
    left, right = (polynomial or {} for polynomial in polynomials)
    whole = add(left, right, -1)
    if total_degree(whole) != 2 or set(whole) - {SQUARE, X, ()}:
        return lines
    monic = scaled(whole, quotient(1, whole[SQUARE]))
    b, c = monic.get(X, 0), monic.get((), 0)
    first, second, exact = _whole_roots(b, c)
    standard, factored = _equation(monic, {}, False), (f"{_factor(first)}{_factor(second)} = 0",)
    if not _differs(line, factored):
        lines.right.append((f"x = {first} or x = {second}",))
        lines.wrong.extend([(f"x = {one} or x = {other}",) for one, other in ((-first, -second), (first, -second), (-first, second), (first + 1, second))])
        lines.wrong.extend([(f"x = {first}",), (f"x = {second}",)])
    elif not _differs(line, standard):
        (lines.right if exact else lines.wrong).append(factored)
        pairs = ((-first, -second), (first, -second), (-first, second), (first + 1, second), (first, second - 1), (first * second, 1), (-first * second, -1))
        lines.wrong.extend([(f"{_factor(one)}{_factor(other)} = 0",) for one, other in pairs])
        lines.wrong.extend([(f"x = {first}",), (f"x = {-first} or x = {-second}",)])
    else:
        lines.right.append(standard)
        lines.wrong.extend([_equation({SQUARE: 1, **_line(p, q)}, {}, False) for p, q in ((b, -c), (-b, c), (-b, -c), (b, c + 1), (b + 1, c))])
        lines.wrong.extend([(f"x = {first}",), (f"x = {-first} or x = {-second}",)])
        _multiplied_out_lines(line, sides, False, lines)
    return lines


def _whole_roots(b: Rational, c: Rational) -> tuple[int, int, bool]:
    """The roots of `x^2 + b x + c` in order, where they are whole; otherwise whole numbers near them, and False."""
    squared = b * b - 4 * c
    root = isqrt(max(0, int(squared)))
    first, second = quotient(-b - root, 2), quotient(-b + root, 2)
    exact = squared >= 0 and squared == root * root and first.denominator == second.denominator == 1
    return int(first), int(second), exact


def _factor(root: int) -> str:
    return f"(x - {root})" if root > 0 else f"(x + {-root})" if root < 0 else "x"


# Two linear equations in x and y.


def _system(line: Line) -> NextLines:
    lines = NextLines([], [])
    rows: list[Polynomial] = []
    for text in line:
        sides = _sides(text)
        polynomials = [polynomial_of(side) for side in sides] if sides else []
        if not sides or None in polynomials or any(set(polynomial or {}) - {X, Y, ()} for polynomial in polynomials):
            return lines
        rows.append(add(polynomials[0] or {}, polynomials[1] or {}, -1))
    if len(rows) != 2:
        return lines
    standard = tuple(map(_row_text, rows))
    if _differs(line, standard):
        lines.right.append(standard)
        lines.wrong.extend([(_row_text(_changed(rows[0], place)), standard[1]) for place in range(3)])
        return lines
    for place in (0, 1):
        for changed, wrong in _row_steps(rows[place], rows[1 - place]):
            for row, where in ((changed, lines.right), *((other, lines.wrong) for other in wrong)):
                pair = (_row_text(row), standard[1 - place])
                where.append(pair if place == 0 else pair[::-1])
    return lines


def _row_steps(row: Polynomial, other: Polynomial) -> Iterator[tuple[Polynomial, list[Polynomial]]]:
    """What one row of a system may become, with mistakes beside it."""
    names, others = [m for m in (X, Y) if m in row], [m for m in (X, Y) if m in other]
    if len(names) == 1 and row[names[0]] != 1:
        slope, end = row[names[0]], row.get((), 0)
        solved = scaled(row, quotient(1, slope))
        yield solved, [{names[0]: 1, **_end(wrong)} for wrong in (-quotient(end, slope), end + slope, end - slope, quotient(end, slope) + 1)]
    if len(names) == 2:
        for monomial in others if len(others) == 1 and other[others[0]] == 1 else names if len(others) == 2 else []:
            # Both rows times what makes the name fall out of their difference; where the other row is solved this puts its value in.
            one, two = (other[monomial], row[monomial]) if len(others) == 2 else (1, row[monomial])
            taken = add(scaled(row, one), other, -two)
            rest = [m for m in (X, Y) if m in taken]
            taken = scaled(taken, -1) if rest and taken[rest[0]] < 0 else taken
            added = add(scaled(row, one), other, two)
            added.pop(monomial, None)
            yield taken, [_changed(taken, 0), _changed(taken, 1), _changed(taken, 2), added]


def _end(value: Rational) -> Polynomial:
    return {(): rational(value)} if value else {}


def _changed(row: Polynomial, place: int) -> Polynomial:
    """A row with the sign of its end, its end or a coefficient wrong."""
    end, named = row.get((), 0), next((m for m in (X, Y) if m in row), None)
    if place == 2 and named is not None:
        return {**row, named: rational(-row[named])}
    return {**{m: v for m, v in row.items() if m}, **_end(-end if place == 0 and end else end + 1 + place)}


def _row_text(row: Polynomial) -> str:
    return f"{school_text({m: v for m, v in row.items() if m})} = {school_text(_end(-row.get((), 0)))}"


# Expressions in x.


def _rewriting(line: Line) -> NextLines:
    lines = NextLines([], [])
    expression = read_expression(line[0])
    decimals = "." in line[0]
    polynomial = polynomial_of(expression)
    if polynomial is None:
        return lines
    collected = school_text(polynomial, decimals)
    for mistake in ("", "first", "sign"):
        terms = multiplied_out(expression, mistake) or []
        shown = terms_text(terms, decimals)
        if not is_restated(expression, read_expression(shown)):
            (lines.wrong if mistake else lines.right).append((shown,))
        if mistake:
            lines.wrong.append((school_text(_gathered(terms), decimals),))
    if not is_restated(expression, read_expression(collected)):
        lines.right.append((collected,))
    for monomial, coefficient in polynomial.items():
        for wrong in (-coefficient, coefficient + 1, coefficient - 1, coefficient + 2):
            lines.wrong.append((school_text(add(polynomial, {monomial: rational(wrong - coefficient)}), decimals),))
    return lines


_RULES: dict[Kind, Callable[[Line], NextLines]] = {"equation": _linear, "quadratic": _quadratic, "system": _system, "rewriting": _rewriting}


@lru_cache(maxsize=1 << 12)
def derivation(kind: Kind, start: Line) -> tuple[Line, ...]:
    """The lines of a solver from a start, without it, the last finished: always the first right line that was not there before.

    Raises:
        ValueError: no way is found.
    """
    line, steps = start, list[Line]()
    seen = {start}
    while not is_finished(kind, line):
        following = next((other for other in next_lines(kind, line).right if other not in seen), None)
        if following is None or len(steps) >= 12:
            raise ValueError(f"no derivation from {start}")
        steps.append(following)
        seen.add(following)
        line = following
    return tuple(steps)

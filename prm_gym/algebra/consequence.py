"""Whether an equation follows from others.

Linear systems are decided by row reduction. In others, names are eliminated one after another (`name = expression of the rest`), as definitions are used in a
word problem; what is left over, in one unknown, is decided on the real line. What neither reaches is undecided.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from prm_gym.algebra.equation import expanded, linear_equation, names_in, restatement_key, single_relations, statement_names
from prm_gym.algebra.expansion import ONE, Expander, Generator, NoValueError, Ratio, is_numeric
from prm_gym.algebra.expression import AlgebraError, Relation, Statement
from prm_gym.algebra.finding import Finding, Status, point_sentence, point_texts
from prm_gym.algebra.linear import LinearSystem, Point
from prm_gym.algebra.polynomial import (
    Budget,
    BudgetSpentError,
    Polynomial,
    Rational,
    constant,
    constant_value,
    polynomial_names,
    polynomial_text,
    primitive,
    quotient,
    scaled,
)
from prm_gym.algebra.reading import read_statement, two_ways
from prm_gym.algebra.real_line import Line, root_text
from prm_gym.algebra.sampling import compared_at, points

MAX_EQUATIONS = 40  # of a system

_WORST: tuple[Status, ...] = ("different", "vacuous", "undecided", "equal", "trivial")


def consequence(given: tuple[str, ...], conclusion: str, earlier: tuple[str, ...] | None = None) -> Finding:
    """Whether every real solution of the given equations satisfies the conclusion.

    >>> consequence(("price = 3", "total = 4 * price"), "total = 12").status
    'equal'

    Args:
        given: equations; a chain `a = b = c` is two of them.
        conclusion: an equation, or a chain, of which every part must follow.
        earlier: what was written before, where that is not what was given; a conclusion that already follows from it is trivial. With None, a conclusion that
            only restates one of the given equations is.

    Raises:
        AlgebraError: one of the texts is not read.
    """
    given, parts = tuple(part for text in given for part in single_relations(text)), single_relations(conclusion)
    if max(len(given), len(earlier or ())) > MAX_EQUATIONS:
        return Finding("undecided", f"systems of at most {MAX_EQUATIONS} equations are decided")
    findings = [_consequence(given, part, earlier) for part in parts]
    return min(findings, key=lambda finding: _WORST.index(finding.status))


def _consequence(given: tuple[str, ...], conclusion: str, earlier: tuple[str, ...] | None) -> Finding:
    torn = two_ways(names_in((conclusion, *given)))
    if torn is not None:
        return Finding("undecided", f"{torn!r} may be one name or a product of others; write * between factors")
    try:
        goal = linear_equation(conclusion)
        finding = _linear(given, goal) if goal is not None and all(linear_equation(text) is not None for text in given) else None
        finding = finding or _general(given, conclusion)
    except BudgetSpentError as error:
        return Finding("undecided", str(error))
    if finding.status != "equal":
        return finding
    if earlier is None:
        said = {restatement_key(text) for text in given}
        return Finding("trivial", "it restates what was given") if restatement_key(conclusion) in said else finding
    return Finding("trivial", "it already follows from what was written before") if earlier and _already(earlier, conclusion) else finding


def _already(earlier: tuple[str, ...], conclusion: str) -> bool:
    return consequence(earlier, conclusion).status in ("equal", "trivial")


# Linear systems.


@lru_cache(maxsize=1 << 10)
def linear_system(texts: tuple[str, ...]) -> LinearSystem:
    """The system of linear equations; kept, so it must not be added to."""
    return LinearSystem(polynomial for polynomial in map(linear_equation, texts) if polynomial is not None)


def _linear(given: tuple[str, ...], goal: Polynomial) -> Finding:
    system = linear_system(given)
    if not goal:
        return Finding("trivial", "it holds whatever the unknowns are")
    if not system.consistent:
        return Finding("vacuous", "the given equations contradict one another")
    point = system.counterexample(goal)
    if point is None:
        return Finding("equal", "it follows from the given equations")
    return Finding("different", f"it does not follow: the given equations allow {point_sentence(point)}", point_texts(point))


# Elimination.


@dataclass(slots=True)
class Elimination:
    """Equations solved for names, one after another.

    Attributes:
        relations: the equations.
        values: what each eliminated name is, in the names that are left.
        rest: equations that could not be solved for a name.
        contradictory: they have no solution.
        domain: polynomials that must not be 0 for the equations to have a meaning, primitive.
        generators: roots of numbers in the values.
        rooted: some of them have roots or absolute values of unknowns, so that it is not known where they have a value.
    """

    relations: tuple[Relation, ...]
    values: dict[str, Ratio] = field(default_factory=dict[str, Ratio])
    rest: list[Relation] = field(default_factory=list[Relation])
    contradictory: bool = False
    domain: list[Polynomial] = field(default_factory=list[Polynomial])
    generators: dict[str, Generator] = field(default_factory=dict[str, Generator])
    rooted: bool = False

    def run(self) -> None:
        """Eliminate as many names as can be.

        Raises:
            BudgetSpentError: the equations are too large.
        """
        self.rest = list(self.relations)
        progress = True
        while progress and self.rest and not self.contradictory:
            progress = False
            for relation in list(self.rest):
                if self._use(relation):
                    self.rest.remove(relation)
                    progress = True
        if not self.contradictory:
            self._look_at_domain()

    def expand(self, relation: Relation) -> tuple[Ratio, Expander]:
        """Left minus right with every eliminated name replaced.

        Raises:
            NoValueError: a side has a value nowhere.
            BudgetSpentError: it is too large.
        """
        expander = Expander(self.values, generators=dict(self.generators))
        return expander.difference(relation.left, relation.right), expander

    def _use(self, relation: Relation) -> bool:
        """Solve an equation for a name; whether it is used up."""
        try:
            ratio, expander = self.expand(relation)
        except NoValueError:
            self.contradictory = True
            return True
        difference = ratio.numerator
        if not difference:
            return all(is_numeric(generator) for generator in expander.generators.values())
        if any(not is_numeric(generator) for generator in expander.generators.values()):
            return False
        if polynomial_names(difference) <= set(expander.generators):
            self.contradictory = True
            return True
        solved = _solved(difference, expander, relation)
        if solved is None:
            return False
        name, value = solved
        self.generators = expander.generators
        substitution = Expander({name: value}, generators=self.generators)
        try:
            replaced = {other: _substituted(old, substitution) for other, old in self.values.items()}
        except NoValueError:  # y = 1/x, and x = 0
            self.contradictory = True
            return True
        self.values = {**replaced, name: value}
        return True

    def _look_at_domain(self) -> None:
        for relation in self.relations:
            try:
                _, expander = self.expand(relation)
            except NoValueError:
                self.contradictory = True
                return
            self.domain.extend(primitive(polynomial) for polynomial in expander.domain)
            self.rooted = self.rooted or bool(expander.radicands) or any(not is_numeric(generator) for generator in expander.generators.values())

    def points(self, names: Iterable[str]) -> Iterator[Point]:
        """Some rational solutions, with a value for all these names; only where nothing is left over."""
        budget = Budget()
        for point in points(set(names) - set(self.values)):
            expander = Expander({name: Ratio(constant(value), ONE) for name, value in point.items()}, generators=dict(self.generators))
            values = {name: _value_of(ratio, expander) for name, ratio in self.values.items()}
            full = {**point, **{name: value for name, value in values.items() if value is not None}}
            if None not in values.values() and all(compared_at(relation, full, budget) == "same" for relation in self.relations):
                yield full


def _value_of(ratio: Ratio, expander: Expander) -> Rational | None:
    """The value of a quotient of polynomials at the point of an expander, where it is rational."""
    try:
        numerator, denominator = _substituted(ratio, expander)
    except (NoValueError, BudgetSpentError):
        return None
    return constant_value(numerator) if denominator == ONE else None


def _substituted(ratio: Ratio, expander: Expander) -> Ratio:
    """A quotient with every name that the expander knows replaced."""
    top, below = (expander.substituted(part) for part in ratio)
    return expander.divided(top, below)


def _solved(difference: Polynomial, expander: Expander, relation: Relation) -> tuple[str, Ratio] | None:
    """A name that occurs in an equation only as a multiple of itself by a number, or by what must not be 0, and what it is equal to."""
    names = sorted(polynomial_names(difference) - set(expander.generators) - {"pi"})
    left = getattr(relation.left, "text", None)
    allowed = [primitive(polynomial) for polynomial in expander.domain]
    for name in sorted(names, key=lambda other: other != left):
        coefficient = {tuple(p for p in monomial if p[0] != name): c for monomial, c in difference.items() if (name, 1) in monomial}
        rest = {monomial: c for monomial, c in difference.items() if all(inner != name for inner, _ in monomial)}
        if len(coefficient) + len(rest) != len(difference):
            continue
        value = constant_value(coefficient)
        if value is not None:
            return name, Ratio(scaled(rest, -quotient(1, value)), ONE)
        if primitive(coefficient) in allowed:
            return name, Ratio(scaled(rest, -1), coefficient)
    return None


@lru_cache(maxsize=1 << 9)
def eliminated(given: tuple[str, ...]) -> Elimination | None:
    """The given equations with their names eliminated, kept; None when one of them is no equation.

    Raises:
        BudgetSpentError: they are too large.
    """
    relations = [read_statement(text).equation for text in given]
    if any(relation is None for relation in relations):
        return None
    elimination = Elimination(tuple(relation for relation in relations if relation is not None))
    elimination.run()
    return elimination


def _general(given: tuple[str, ...], conclusion: str) -> Finding:
    statements = [read_statement(text) for text in given]
    goal = read_statement(conclusion)
    names = statement_names([*statements, goal])
    relation, solved = goal.equation, eliminated(given)
    if solved is None or relation is None or (solved.rest and len(names) < 2):
        if len(names) < 2 and "pi" not in names:
            name = next(iter(names), "x")
            line = Line([goal], name)
            always = all(line.truth([goal], cell) for cell in line.cells)
            return Finding("trivial", "it holds whatever the unknown is") if always else _on_the_line(statements, goal, name)
        return Finding("undecided", "in several unknowns this is decided for equations alone")
    alone = expanded(relation)
    if alone is None:
        return Finding("different", "a side of the conclusion has no value, whatever the names stand for")
    if not alone.difference and not (alone.domain or alone.radicands):
        return Finding("trivial", "it holds whatever the unknowns are")
    if solved.contradictory:
        return Finding("vacuous", "the given equations contradict one another")
    if solved.rest:
        return _one_unknown_left(solved, relation) or Finding("undecided", "the given equations are not solved for their unknowns one after another")
    return _after_elimination(solved, relation, names)


def _one_unknown_left(solved: Elimination, relation: Relation) -> Finding | None:
    """The decision where all that is left over, and the conclusion, are polynomials in one unknown; None where they are not."""
    given: list[str] = []
    for other in solved.relations:
        ratio, expander = solved.expand(other)
        if expander.generators:
            return None
        given += [f"{polynomial_text(ratio.numerator)} = 0", *(f"{polynomial_text(polynomial)} != 0" for polynomial in expander.domain)]
    try:
        ratio, expander = solved.expand(relation)
        goal = [f"{polynomial_text(ratio.numerator)} = 0", *(f"{polynomial_text(polynomial)} != 0" for polynomial in expander.domain)]
        statements, wanted = [read_statement(text) for text in given], read_statement(" and ".join(goal))
    except (AlgebraError, NoValueError):  # numbers too long to be read again, or a side without a value
        return None
    names = statement_names([*statements, wanted])
    if expander.generators or len(names) != 1 or "pi" in names:
        return None
    return _on_the_line(statements, wanted, next(iter(names)))


def _on_the_line(given: list[Statement], goal: Statement, name: str) -> Finding:
    line = Line([*given, goal], name)
    holding = [cell for cell in line.cells if line.truth(given, cell)]
    if not holding:
        return Finding("vacuous", "what is given has no real solution")
    failing = next((cell for cell in holding if not line.truth([goal], cell)), None)
    if failing is None:
        return Finding("equal", "it follows from what is given")
    text = root_text(line.example(failing))
    return Finding("different", f"it does not follow: what is given allows {name} {text if text.startswith('between') else f'= {text}'}", {name: text})


def _after_elimination(solved: Elimination, relation: Relation, names: frozenset[str]) -> Finding:
    try:
        ratio, expander = solved.expand(relation)
    except NoValueError:
        return Finding("different", "a side of the conclusion has no value under the given equations")
    follows = not ratio.numerator
    numeric = all(is_numeric(generator) for generator in expander.generators.values())
    free = polynomial_names(ratio.numerator) - set(expander.generators) - {"pi"}
    if not follows and numeric and not free and not solved.rooted:  # all names have values, and the two sides have different ones
        point = next(solved.points(names), None)
        shown = f"it does not follow: the given equations make {point_sentence(point)}" if point else "it does not hold under the given equations"
        return Finding("different", shown, point_texts(point or {}))
    budget = Budget()
    for point in solved.points(names):
        if compared_at(relation, point, budget) in ("different", "no value"):
            return Finding("different", f"it does not follow: the given equations allow {point_sentence(point)}", point_texts(point))
    strict = all(primitive(polynomial) in solved.domain for polynomial in expander.domain) and not expander.radicands
    if follows and strict and (not solved.rooted or next(solved.points(names), None) is not None):
        return Finding("equal", "it follows from the given equations")
    return Finding(
        "undecided", "it is not known whether the conclusion has a value wherever the given equations hold" if follows else "no way to decide it is known"
    )

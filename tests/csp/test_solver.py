"""The solver and the counts against trying everything, and against Z3."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from itertools import product
from math import comb
from threading import Barrier

import numpy as np
import pytest
import z3

from prm_gym.csp import (
    AllDifferent,
    And,
    BudgetSpentError,
    Count,
    Iff,
    Implies,
    Is,
    Linear,
    Not,
    Or,
    Problem,
    Solver,
    Table,
    Variable,
    Xor,
    census,
    shared_solver,
)
from prm_gym.csp import solver as solver_module
from prm_gym.csp.propagation import Network
from prm_gym.errors import ProblemError

# A second reading of the language: plain evaluation.

RELATIONS = {"=": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}


def holds(constraint, values):
    match constraint:
        case Is(variable, value):
            return values[variable] == value
        case Not(formula):
            return not holds(formula, values)
        case And(formulas):
            return all(holds(f, values) for f in formulas)
        case Or(formulas):
            return any(holds(f, values) for f in formulas)
        case Implies(a, b):
            return not holds(a, values) or holds(b, values)
        case Iff(a, b):
            return holds(a, values) == holds(b, values)
        case Xor(a, b):
            return holds(a, values) != holds(b, values)
        case Count(formulas, least, most):
            return least <= sum(holds(f, values) for f in formulas) <= most
        case AllDifferent(names):
            return len({values[name] for name in names}) == len(names)
        case Linear(names, coefficients, relation, total):
            return RELATIONS[relation](sum(c * values[name] for c, name in zip(coefficients, names, strict=True)), total)
        case Table(names, rows):
            return tuple(values[name] for name in names) in rows


def every_solution(problem):
    names = [variable.name for variable in problem.variables]
    for values in product(*(variable.domain for variable in problem.variables)):
        found = dict(zip(names, values, strict=True))
        if all(holds(constraint, found) for constraint in problem.constraints):
            yield found


def random_formula(rng, variables, depth):
    kind = rng.integers(8) if depth else 0
    if kind <= 1:
        variable = variables[rng.integers(len(variables))]
        return Is(variable.name, variable.domain[rng.integers(len(variable.domain))])
    inner = tuple(random_formula(rng, variables, depth - 1) for _ in range(rng.integers(0, 4) if kind in (2, 3, 4) else 2))
    if kind == 4:
        least = int(rng.integers(-1, 3))
        return Count(inner, least, least + int(rng.integers(0, 3)))
    return [And, Or][kind - 2](inner) if kind <= 3 else Not(inner[0]) if kind == 5 else [Implies, (Iff, Xor)[rng.integers(2)]][kind - 6](*inner)


def random_problem(rng, size=None):
    size = int(rng.integers(1, 6)) if size is None else size
    numbers = [Variable(f"n{i}", tuple(int(v) for v in rng.permutation(np.arange(-2, 3))[: rng.integers(1, 5)])) for i in range(size)]
    names = [Variable(f"c{i}", ("red", "green", "blue")[: rng.integers(2, 4)]) for i in range(int(rng.integers(0, 3)))]
    variables, constraints = numbers + names, []
    for _ in range(rng.integers(0, 5)):
        chosen = [variables[i] for i in rng.permutation(len(variables))[: rng.integers(1, 4)]]
        sums = [numbers[i] for i in rng.permutation(len(numbers))[: rng.integers(1, 5)]]
        kind = rng.integers(5)
        if kind <= 1:
            constraints.append(random_formula(rng, variables, 3))
        elif kind == 2:
            constraints.append(AllDifferent(tuple(v.name for v in chosen)))
        elif kind == 3:
            relation = list(RELATIONS)[rng.integers(6)]
            constraints.append(Linear(tuple(v.name for v in sums), tuple(int(c) for c in rng.integers(-2, 3, len(sums))), relation, int(rng.integers(-3, 4))))
        else:
            rows = list(product(*(v.domain for v in chosen)))
            rows = tuple(rows[i] for i in rng.permutation(len(rows))[: rng.integers(0, 5)])
            constraints.append(Table(tuple(v.name for v in chosen), rows))
    return Problem(tuple(variables), tuple(constraints))


def random_assignment(rng, problem):
    chosen = [v for v in problem.variables if rng.random() < 0.3]
    return [Is(v.name, v.domain[rng.integers(len(v.domain))]) for v in chosen]


@pytest.mark.parametrize("seed", range(10))
def test_answers_are_those_of_trying_everything(seed):
    rng = np.random.default_rng(seed)
    seen = Counter()
    for _ in range(60):
        problem = random_problem(rng)
        solver, solutions = Solver(problem), list(every_solution(problem))
        key = lambda found: sorted(found.items())  # noqa: E731
        assert sorted(solver.solutions(), key=lambda s: repr(key(s))) == sorted(solutions, key=lambda s: repr(key(s)))
        assert solver.unique() is (len(solutions) == 1)
        counted = census(problem)
        assert counted.total == len(solutions)
        for variable in problem.variables:
            for value in variable.domain:
                assert counted.holding[variable.name].get(value, 0) == sum(s[variable.name] == value for s in solutions)
        for _ in range(3):
            assigned = random_assignment(rng, problem)
            left = [s for s in solutions if all(s[atom.variable] == atom.value for atom in assigned)]
            assert solver.satisfiable(assigned) is bool(left)
            assert census(problem, assigned).total == len(left)
            for variable in problem.variables:
                for value in variable.domain:
                    having = [s for s in left if s[variable.name] == value]
                    expected = "inconsistent" if not left else "impossible" if not having else "possible" if len(having) < len(left) else "forced"
                    finding = solver.examine(assigned, Is(variable.name, value))
                    assert finding.status == expected, (problem, assigned, variable.name, value)
                    assert (finding.other is None) is (expected != "possible")
                    if finding.other is not None:
                        assert finding.other in left
                        assert finding.other[variable.name] != value
                    seen[expected] += 1
    assert min(seen[status] for status in ("forced", "possible", "impossible", "inconsistent")) > 20


def test_no_answer_depends_on_what_was_asked_before():
    rng = np.random.default_rng(5)
    for _ in range(30):
        problem = random_problem(rng, 4)
        questions = [(tuple(random_assignment(rng, problem)), Is(v.name, value)) for v in problem.variables for value in v.domain]
        one, other = Solver(problem), Solver(problem)
        there = {question: one.examine(*question) for question in questions}
        back = {question: other.examine(*question) for question in reversed(questions)}
        assert there == back


@pytest.mark.parametrize("seed", range(4))
def test_propagation_ends_in_one_place_wherever_it_begins(seed):
    # Propagators are monotone, so the greatest fixed point below some domains is one and the same: from those domains, all constraints looked at; from where
    # propagation of the problem alone has ended, only the constraints of what has changed; and from where it has ended with a part of the atoms.
    rng = np.random.default_rng(1_000 + seed)
    seen = Counter()
    for _ in range(400):
        network = Network(random_problem(rng))
        root = network.domains.copy()
        if network.propagate(root) is not None:
            continue
        for _ in range(4):
            domains = [domain & int(rng.integers(1 << 9)) if rng.random() < 0.4 else domain for domain in network.domains]
            scratch = domains.copy()
            fails = network.propagate(scratch) is not None
            part = [domain if rng.random() < 0.5 else full for domain, full in zip(domains, root, strict=True)]
            for begun in (root, part):
                known = begun.copy()
                if network.propagate(known) is not None:
                    assert fails
                    continue
                later = [one & other for one, other in zip(domains, known, strict=True)]
                changed = [place for place, (now, before) in enumerate(zip(later, known, strict=True)) if now != before]
                assert (network.propagate(later, changed) is not None) is fails
                assert fails or later == scratch
                seen[fails, len(changed) > 1] += 1
    assert min(seen[key] for key in ((True, True), (False, True), (True, False), (False, False))) > 20


def test_an_episode_gets_what_its_steps_get_alone():
    # A solver that follows an episode goes on from where propagation ended the step before; one that is asked out of the blue begins anew.
    rng = np.random.default_rng(17)
    seen = Counter()
    problems = [random_problem(rng, 5) for _ in range(80)] + [queens(6)] * 60
    for problem in problems:
        follows, assigned = Solver(problem), []
        for place in rng.permutation(len(problem.variables)):
            variable = problem.variables[place]
            asked = [Is(variable.name, value) for value in rng.permutation(np.array(variable.domain, dtype=object))[:2]]
            for atom in asked:  # the first is asked and not taken
                found = follows.examine(assigned, atom)
                assert found == Solver(problem).examine(assigned, atom)
                seen[found.status, found.by] += 1
            assigned.append(asked[-1])
    assert min(seen[status, "propagation"] for status in ("forced", "impossible", "inconsistent")) > 20
    assert min(seen[status, "search"] for status in ("forced", "possible")) > 5


def test_solvers_are_found_by_what_a_problem_says_and_not_all_kept():
    # With a = 1 nothing is left of b but its second value, which differs from problem to problem: the solver of another one would not know it.
    problems = [Problem((Variable("a", (1, 2)), Variable("b", (1, 2 + number))), (AllDifferent(("a", "b")),)) for number in range(700)]
    for _ in range(2):
        for number, problem in enumerate(problems):
            assert shared_solver(problem).examine([Is("a", 1)], Is("b", 2 + number)).status == "forced"
    assert len(solver_module._known) <= solver_module._KEPT_SOLVERS
    same = Problem(problems[-1].variables, problems[-1].constraints)
    assert shared_solver(same) is shared_solver(problems[-1])


def test_threads_that_share_a_solver_get_what_one_gets():
    hard = queens(7)
    questions = [((Is("q0", first),), Is("q3", value)) for first in range(7) for value in range(7)]
    expected = [Solver(hard).examine(*question) for question in questions]
    for _ in range(3):
        shared, start = Solver(hard), Barrier(8)

        def ask(shift, shared=shared, start=start):
            start.wait()
            return [shared.examine(*questions[(place + 6 * shift) % len(questions)]) for place in range(len(questions))]

        with ThreadPoolExecutor(8) as pool:
            for shift, found in enumerate(pool.map(ask, range(8))):
                assert found == [expected[(place + 6 * shift) % len(questions)] for place in range(len(questions))]


def z3_of(problem, variables):
    """The problem in Z3: values by number, named ones after the integers' range."""
    code = lambda value: value if isinstance(value, int) else {"red": 100, "green": 101, "blue": 102}[value]  # noqa: E731

    def formula(f):
        match f:
            case Is(name, value):
                return variables[name] == code(value)
            case Not(inner):
                return z3.Not(formula(inner))
            case And(inner):
                return z3.And(*map(formula, inner))
            case Or(inner):
                return z3.Or(*map(formula, inner))
            case Implies(a, b):
                return z3.Implies(formula(a), formula(b))
            case Iff(a, b):
                return formula(a) == formula(b)
            case Xor(a, b):
                return z3.Xor(formula(a), formula(b))
            case Count(inner, least, most):
                total = z3.Sum([z3.If(formula(i), 1, 0) for i in inner]) if inner else z3.IntVal(0)
                return z3.And(least <= total, total <= most)
            case AllDifferent(names):
                return z3.Distinct(*(variables[name] for name in names))
            case Linear(names, coefficients, relation, total):
                left = z3.Sum([c * variables[name] for c, name in zip(coefficients, names, strict=True)])
                return {"=": left == total, "!=": left != total, "<": left < total, "<=": left <= total, ">": left > total, ">=": left >= total}[relation]
            case Table(names, rows):
                return z3.Or(*(z3.And(*(variables[name] == code(v) for name, v in zip(names, row, strict=True))) for row in rows))

    domains = [z3.Or(*(variables[v.name] == code(value) for value in v.domain)) for v in problem.variables]
    return [*domains, *map(formula, problem.constraints)], code


@pytest.mark.parametrize("seed", range(8))
def test_answers_on_larger_problems_are_those_of_z3(seed):
    rng = np.random.default_rng(100 + seed)
    # Several small problems over the same variables make one of 12 to 14 variables with about a dozen constraints.
    made = [random_problem(rng, 12) for _ in range(3)]
    widest = {}
    for problem in made:
        for variable in problem.variables:
            widest[variable.name] = tuple(dict.fromkeys([*widest.get(variable.name, ()), *variable.domain]))
    problem = Problem(tuple(Variable(*item) for item in widest.items()), tuple(c for p in made for c in p.constraints))
    variables = {name: z3.Int(name) for name in widest}
    constraints, code = z3_of(problem, variables)
    solver = Solver(problem)
    for _ in range(6):
        atom = random_assignment(rng, problem)
        for assigned in ([], atom):
            given = [variables[a.variable] == code(a.value) for a in assigned]
            z = z3.Solver()
            z.add(*constraints, *given)
            left = z.check() == z3.sat
            assert solver.satisfiable(assigned) is left
            name = problem.variables[rng.integers(len(problem.variables))].name
            asked = Is(name, widest[name][rng.integers(len(widest[name]))])
            it = variables[name] == code(asked.value)
            with_it, without = z.check(it) == z3.sat, z.check(z3.Not(it)) == z3.sat
            expected = "inconsistent" if not left else "impossible" if not with_it else "possible" if without else "forced"
            assert solver.examine(assigned, asked).status == expected


def queens(size):
    columns = [f"q{i}" for i in range(size)]
    variables = tuple(Variable(name, tuple(range(size))) for name in columns)
    diagonals = [Linear((columns[i], columns[j]), (1, -1), "!=", sign * (j - i)) for i in range(size) for j in range(i + 1, size) for sign in (1, -1)]
    return Problem(variables, (AllDifferent(tuple(columns)), *diagonals))


def test_queens():
    # Known: 92 ways on the board of eight, none on that of three.
    assert sum(1 for _ in Solver(queens(8)).solutions()) == 92
    assert census(queens(6)).total == 4
    assert Solver(queens(3)).satisfiable() is False


def pigeons(count):
    atoms = [[Is(f"p{i}h{j}", 1) for j in range(count - 1)] for i in range(count)]
    variables = tuple(Variable(atom.variable, (0, 1)) for row in atoms for atom in row)
    clauses = [Or(tuple(row)) for row in atoms]
    clauses += [Or((Not(atoms[a][hole]), Not(atoms[b][hole]))) for hole in range(count - 1) for a in range(count) for b in range(a)]
    return Problem(variables, tuple(clauses))


def test_a_spent_budget_is_none_and_not_false():
    # Pigeons in one hole too few: no solution, and no short proof by search.
    hard = Solver(pigeons(9), budget=500)
    assert hard.satisfiable() is None
    assert hard.unique() is None
    assert hard.examine((), Is("p0h0", 1)).status is None
    with pytest.raises(BudgetSpentError):
        list(hard.solutions())
    assert Solver(pigeons(5)).satisfiable() is False
    assert census(pigeons(9), budget=100) is None


def test_reasons():
    problem = Problem((Variable("a", (1, 2)), Variable("b", (1, 2)), Variable("c", (1, 2))), (AllDifferent(("a", "b")), Iff(Is("b", 1), Is("c", 1))))
    solver = shared_solver(problem)
    assert solver is shared_solver(problem)
    found = solver.examine([Is("a", 1)], Is("b", 1))
    assert (found.status, found.by, found.reason) == ("impossible", "propagation", "it breaks: all different: a, b")
    assert solver.examine([Is("a", 1)], Is("c", 1)).reason == "no solution remains"
    assert solver.examine([Is("a", 1)], Is("a", 2)).reason == "the variable has another value already"
    assert solver.examine([Is("a", 1)], Is("c", 2)).status == "forced"
    assert solver.examine([Is("a", 1), Is("a", 2)], Is("c", 2)).status == "inconsistent"
    with pytest.raises(ProblemError, match="no variable 'z'"):
        solver.examine([], Is("z", 1))


def test_a_count_with_exchangeable_variables_is_a_binomial():
    # 200 cells with 40 mines, of which the first ten hold three: C(10,3) C(190,37), and each of the ten is a mine with probability 3/10.
    cells = tuple(f"c{i}" for i in range(200))
    problem = Problem(tuple(Variable(name, (0, 1)) for name in cells), (Linear(cells, (1,) * 200, "=", 40), Linear(cells[:10], (1,) * 10, "=", 3)))
    counted = census(problem)
    assert counted.total == comb(10, 3) * comb(190, 37)
    assert counted.probability(Is("c4", 1)) == Fraction(3, 10)
    assert counted.probability(Is("c100", 1)) == Fraction(37, 190)
    assert counted.probability(Is("c100", 0)) == Fraction(153, 190)
    with pytest.raises(ZeroDivisionError):
        census(problem, [Is(name, 1) for name in cells[:4]]).probability(Is("c5", 1))

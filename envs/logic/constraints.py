"""prm_gym/Constraints-v0: find values that satisfy every constraint, one variable at a time.

a, b, c: 1, 2 or 3
1. all different: a, b
2. if a = 1 then c = 2
3. a + 2 b <= 5

b := 1           a step: a variable and its value; the sign tells it from what is written in the constraints, and may be = as well

The puzzles are drawn in the language of `prm_gym.csp`: formulas over atoms, sums, all-different, counts and tables.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple, Unpack

import msgspec
import numpy as np
from numpy.typing import NDArray

from prm_gym.claims import Assignment, Json, Malformed
from prm_gym.csp import (
    AllDifferent,
    And,
    Constraint,
    Count,
    Formula,
    Iff,
    Implies,
    Is,
    Linear,
    Not,
    Or,
    Problem,
    Relation,
    Table,
    Variable,
    Xor,
    constraint_text,
    shared_solver,
)
from prm_gym.env import StepEnv
from prm_gym.errors import OptionError
from prm_gym.options import StepOptions, require_candidates, require_difficulty
from prm_gym.task import Task, content_key
from prm_gym.transition import Situation, Transition

_STEP = re.compile(r"([a-z])\s*(?::=|=|is)\s*(\d)", re.ASCII | re.IGNORECASE)


class Level(NamedTuple):
    """What the puzzles of one difficulty are like: variables, values of each, and solutions at most; there are two at least where more than one may be."""

    size: int
    values: int
    solutions: int


LEVELS: dict[int, Level] = {1: Level(3, 3, 1), 2: Level(4, 3, 3), 3: Level(5, 4, 3), 4: Level(6, 4, 4), 5: Level(8, 4, 4)}


class Puzzle(NamedTuple):
    """A problem and one of its solutions, in the order in which to find it."""

    problem: Problem
    solution: tuple[Is, ...]


class ConstraintsEnv(StepEnv):
    """A random constraint problem with few solutions, any of which will do.

    Observation: the variables and their values, the constraints, and what has been assigned. Action: a variable and its value, `b := 1`. What is assigned
    stays, right or wrong; a text that is no step, or names a variable that has a value, changes nothing.
    Claims: `Assignment` in the problem, given what has been assigned; `Malformed` for anything else. A value is forced, possible (a guess that loses
    nothing, and earns nothing under the reward "dense"), or wrong.
    Outcome: when every variable has a value, 1 if every constraint holds, else 0.
    state_key: the problem and what has been assigned.
    Candidates: every value of some variables that have none yet, in random order; a function of the state alone.
    Difficulty 1 to 5: 3 to 8 variables; one solution at 1, two to four beyond.
    """

    default_verifiers = ("constraint",)

    def __init__(self, *, difficulty: int = 2, candidates: int = 12, **options: Unpack[StepOptions]) -> None:
        """Set the difficulty.

        Args:
            difficulty: 1 to 5, see `LEVELS`.
            candidates: how many actions are listed at most; >= 4, or 0 for none.
            **options: see `StepOptions`; max_steps is 6 more than the number of variables unless given.
        """
        require_difficulty(difficulty, LEVELS)
        require_candidates(candidates, least=4)
        if options.get("max_steps") is None:
            options["max_steps"] = LEVELS[difficulty].size + 6
        super().__init__(**options)
        self.difficulty, self.candidates = difficulty, candidates
        self._entropy = 0
        self._puzzle = Puzzle(Problem(()), ())
        self._assigned: tuple[Is, ...] = ()

    def begin(self, options: Mapping[str, Any]) -> tuple[Task, Situation]:
        """Draw a problem."""
        if options:
            raise OptionError(f"reset of Constraints takes no options, got {sorted(options)}")
        self._entropy = int(self.np_random.integers(1 << 62))
        self._puzzle, self._assigned = generate(self._entropy, LEVELS[self.difficulty]), ()
        problem = self._puzzle.problem
        question = problem_text(problem)
        task = Task(
            key=content_key("Constraints-v0", question),
            instructions=(
                "Find a value for every variable so that every constraint holds. Write one at a time, such as: b := 1. A value stays where it is written; "
                "a wrong one is not corrected, and fails the task. Take a value that is forced by the constraints where there is one."
            ),
            question=question,
            sealed={"solution": {atom.variable: atom.value for atom in self._puzzle.solution}},
            metadata={"difficulty": self.difficulty, "problem": msgspec.json.decode(msgspec.json.encode(problem))},
        )
        return task, self._describe(task)

    def advance(self, action: str) -> Transition:
        """Give a variable its value."""
        match = _STEP.fullmatch(" ".join(action.split()).removesuffix("."))
        if match is None:
            return self._unchanged("not of the form `b := 1`")
        atom = Is(match[1].lower(), int(match[2]))
        domains = {variable.name: variable.domain for variable in self._puzzle.problem.variables}
        if atom.value not in domains.get(atom.variable, ()):
            return self._unchanged(f"no variable {atom.variable} has the value {atom.value}")
        if any(atom.variable == other.variable for other in self._assigned):
            return self._unchanged(f"{atom.variable} has a value")
        claim = Assignment(self._puzzle.problem, self._assigned, atom.variable, atom.value)
        self._assigned = tuple(sorted([*self._assigned, atom], key=lambda other: other.variable))
        over = len(self._assigned) == len(domains)
        outcome = float(not shared_solver(self._puzzle.problem).breach(self._assigned)) if over else None
        return Transition(situation=self._describe(self.task), claims=(claim,), terminated=over, outcome=outcome)

    def save_state(self) -> Json:
        """The entropy that the problem is generated from, and what has been assigned."""
        return {"entropy": self._entropy, "difficulty": self.difficulty, "assigned": [[atom.variable, atom.value] for atom in self._assigned]}

    def load_state(self, state: Any) -> None:
        """Generate the problem again and put back what has been assigned."""
        self._entropy, self.difficulty = state["entropy"], state["difficulty"]
        self._puzzle = generate(self._entropy, LEVELS[self.difficulty])
        self._assigned = tuple(Is(variable, value) for variable, value in state["assigned"])

    def solution(self) -> list[str]:
        """One solution: what is forced before what has to be guessed."""
        return [f"{atom.variable} := {atom.value}" for atom in self._puzzle.solution]

    def _unchanged(self, reason: str) -> Transition:
        return Transition(situation=self.situation, claims=(Malformed(reason),))

    def _describe(self, task: Task) -> Situation:
        values = [f"{atom.variable} := {atom.value}" for atom in self._assigned]
        state_key = content_key(task.key, *values)
        actions = _candidates(self._puzzle.problem, self._assigned, self.candidates, state_key)
        return Situation(observation="\n".join([task.question, *(["assigned:"] if values else []), *values]), state_key=state_key, actions=actions)


def problem_text(problem: Problem) -> str:
    """The problem as a person reads it."""
    domains: dict[str, list[str]] = {}
    for variable in problem.variables:
        domains.setdefault(", ".join(map(str, variable.domain)), []).append(variable.name)
    lines = [f"{', '.join(names)}: {domain}" for domain, names in domains.items()]
    return "\n".join([*lines, *(f"{place}. {constraint_text(constraint)}" for place, constraint in enumerate(problem.constraints, start=1))])


def _candidates(problem: Problem, assigned: tuple[Is, ...], count: int, state_key: str) -> tuple[str, ...]:
    """Every value of some variables without one, so that what is listed of a variable tells nothing about it."""
    rng = np.random.default_rng(int(state_key, 16))
    taken = {atom.variable for atom in assigned}
    free = [variable for variable in problem.variables if variable.name not in taken]
    texts: list[str] = []
    for place in rng.permutation(len(free)).tolist():
        if len(texts) + len(free[place].domain) <= count:
            texts += [f"{free[place].name} := {value}" for value in free[place].domain]
    return tuple(texts[place] for place in rng.permutation(len(texts)).tolist())


# Generation.

_COMPARE = {"=": np.equal, "!=": np.not_equal, "<": np.less, "<=": np.less_equal, ">": np.greater, ">=": np.greater_equal}
_KINDS = ("if", "or", "xor", "iff", "count", "different", "sum", "sum", "table")


@lru_cache(maxsize=1 << 12)
def generate(entropy: int, level: Level) -> Puzzle:
    """A problem of a level: constraints that hold of values drawn at random, as many as leave few enough solutions; those that leave none out are not taken."""
    rng = np.random.default_rng(entropy)
    domain = tuple(range(1, level.values + 1))
    variables = tuple(Variable(chr(ord("a") + place), domain) for place in range(level.size))
    while True:
        hidden = {variable.name: int(rng.integers(1, level.values + 1)) for variable in variables}
        # Every way to give them values, one a row; those that are left satisfy the constraints taken so far.
        left = np.indices((level.values,) * level.size).reshape(level.size, -1) + 1
        taken: list[Constraint] = []
        for _ in range(200):
            constraint = _constraint(hidden, domain, rng)
            if not _holds(constraint, {name: np.array([value]) for name, value in hidden.items()})[0]:
                continue
            kept = left[:, _holds(constraint, {variable.name: row for variable, row in zip(variables, left, strict=True)})]
            # Each takes away something, but not nearly all: one that gives the solution away makes no puzzle.
            if left.shape[1] / 8 <= kept.shape[1] <= left.shape[1] * 0.8 and kept.shape[1] >= min(2, level.solutions):
                left = kept
                taken.append(constraint)
                if left.shape[1] <= level.solutions:
                    problem = Problem(variables, tuple(taken))
                    return Puzzle(problem, _found(problem, hidden))


def _holds(constraint: Constraint, columns: dict[str, NDArray[np.int64]]) -> NDArray[np.bool_]:
    """[N] whether a constraint holds in each of N rows; columns: [N] the values of each variable."""
    rows = next(iter(columns.values())).shape[0]
    match constraint:
        case Is(name, value):
            found = columns[name] == value
        case Not(inner):
            found = ~_holds(inner, columns)
        case Implies(condition, conclusion):
            found = ~_holds(condition, columns) | _holds(conclusion, columns)
        case Iff(left, right):
            found = _holds(left, columns) == _holds(right, columns)
        case Xor(left, right):
            found = _holds(left, columns) != _holds(right, columns)
        case AllDifferent(names):
            found = np.array([np.ones(rows, dtype=np.bool_), *(columns[one] != columns[other] for one, other in combinations(names, 2))]).all(axis=0)
        case Table(names, options):
            found = np.array([np.array([columns[name] == value for name, value in zip(names, row, strict=True)]).all(axis=0) for row in options]).any(axis=0)
        case Linear(names, coefficients, relation, total):
            found = _COMPARE[relation](np.array([factor * columns[name] for factor, name in zip(coefficients, names, strict=True)]).sum(axis=0), total)
        case And(formulas) | Or(formulas) | Count(formulas):
            number = np.array([_holds(formula, columns) for formula in formulas]).sum(axis=0)
            least, most = (
                (constraint.least, constraint.most) if isinstance(constraint, Count) else (len(formulas) if isinstance(constraint, And) else 1, len(formulas))
            )
            found = (number >= least) & (number <= most)
    return np.asarray(found, dtype=np.bool_)


def _found(problem: Problem, hidden: dict[str, int]) -> tuple[Is, ...]:
    """The values in an order that takes what is forced first."""
    solver, order = shared_solver(problem), list[Is]()
    left = [Is(*item) for item in hidden.items()]
    while left:
        atom = next((atom for atom in left if solver.examine(order, atom).status == "forced"), left[0])
        left.remove(atom)
        order.append(atom)
    return tuple(order)


def _constraint(hidden: dict[str, int], domain: tuple[int, ...], rng: np.random.Generator) -> Constraint:
    """A random constraint, true of the hidden values or not."""
    names = [list(hidden)[i] for i in rng.permutation(len(hidden)).tolist()]

    def literal(name: str) -> Formula:
        atom = Is(name, domain[int(rng.integers(len(domain)))])
        return Not(atom) if rng.random() < 0.3 else atom

    some = names[: int(rng.integers(2, min(5, len(names) + 1)))]
    match _KINDS[int(rng.integers(len(_KINDS)))]:
        case "if":
            return Implies(literal(names[0]), literal(names[1]))
        case "or":
            return Or(tuple(literal(name) for name in some))
        case "xor":
            return Xor(literal(names[0]), literal(names[1]))
        case "iff":
            return Iff(literal(names[0]), And((literal(names[1]), literal(names[2]))))
        case "count":
            value, least = domain[int(rng.integers(len(domain)))], int(rng.integers(0, 3))
            return Count(tuple(Is(name, value) for name in names), least, least + int(rng.integers(0, 2)))
        case "different":
            return AllDifferent(tuple(sorted(some[: len(domain)])))
        case "sum":
            relation: Relation = ("=", "!=", "<=", ">=")[int(rng.integers(4))]
            coefficients = tuple(int(factor) for factor in rng.choice([-2, -1, 1, 1, 2], len(some)))
            total = sum(factor * hidden[name] for factor, name in zip(coefficients, some, strict=True))
            return Linear(tuple(some), coefficients, relation, total + int(rng.integers(-1, 2)))
        case _:
            pairs = [(one, other) for one in domain for other in domain]
            chosen = sorted(pairs[i] for i in rng.permutation(len(pairs)).tolist()[: len(pairs) // 2])
            return Table((names[0], names[1]), tuple(chosen))

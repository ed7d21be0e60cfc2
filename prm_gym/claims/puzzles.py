"""Claims about constraint problems and planning puzzles."""

import msgspec

from prm_gym.claims.claim import Claim
from prm_gym.csp.problem import Is, Problem, Value


class Assignment(Claim, msgspec.Struct, frozen=True, tag="assignment"):
    """In the problem, a variable has this value, given what has been assigned.

    Attributes:
        problem: the constraints that the step may use.
        assigned: what was assigned or deduced before, as atoms.
        variable: the variable.
        value: its value.
        follows: the step says that the value follows, so that one that is merely possible is a wrong inference and no permitted guess.
    """

    problem: Problem
    assigned: tuple[Is, ...]
    variable: str
    value: Value
    follows: bool = False


class Solution(Claim, msgspec.Struct, frozen=True, tag="solution"):
    """The values are a solution of the problem and, where a derivation is asked for, nothing but what was derived.

    Attributes:
        problem: the problem.
        values: one atom for each variable.
        derived: what was soundly derived before; None where no derivation is asked for.
    """

    problem: Problem
    values: tuple[Is, ...]
    derived: tuple[Is, ...] | None = None


class Safest(Claim, msgspec.Struct, frozen=True, tag="safest"):
    """When every solution of the problem is equally likely, none of the other candidates is less likely to have the value than the chosen one.

    Attributes:
        problem: what is known.
        candidates: the variables to choose from, the chosen one among them.
        chosen: the variable that was chosen.
        value: what is to be avoided: a mine.
    """

    problem: Problem
    candidates: tuple[str, ...]
    chosen: str
    value: Value


class Progress(Claim, msgspec.Struct, frozen=True, gc=False, tag="progress"):
    """The step is on a shortest path to the goal of a puzzle, and comes nearer to it than the episode has been.

    Attributes:
        puzzle: the rules: a name of `prm_gym.planning.PUZZLES`.
        before: the state, in the notation of the puzzle.
        after: the state after the step, likewise.
        earlier: the distinct states of the episode before `before`, in order.
    """

    puzzle: str
    before: str
    after: str
    earlier: tuple[str, ...] = ()

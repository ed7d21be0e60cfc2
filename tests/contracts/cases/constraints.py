"""Cases of `constraint` and `posterior`."""

from prm_gym.claims import Assignment, Equality, Safest, Solution
from prm_gym.csp import AllDifferent, Is, Linear, Not, Or, Problem, Variable, exactly
from prm_gym.testing import claim_case

# Two of a, b and c are 1 (the other 0), and a and b differ: so c = 1, and of a and b either may be it.
_ABC = tuple(Is(name, 1) for name in "abc")
TWO_OF_THREE = Problem(tuple(Variable(name, (0, 1)) for name in "abc"), (exactly(2, _ABC), AllDifferent(("a", "b"))))
# Nine pigeons in eight holes: there is no solution, and no short proof of that by search.
_PIGEONS = [[Is(f"p{pigeon}h{hole}", 1) for hole in range(8)] for pigeon in range(9)]
PIGEONS = Problem(
    tuple(Variable(atom.variable, (0, 1)) for row in _PIGEONS for atom in row),
    (
        *(Or(tuple(row)) for row in _PIGEONS),
        *(Or((Not(one[hole]), Not(other[hole]))) for hole in range(8) for i, one in enumerate(_PIGEONS) for other in _PIGEONS[:i]),
    ),
)
CONSTRAINT = [
    claim_case("full", Assignment(TWO_OF_THREE, (), "c", 1), label="correct"),
    claim_case("full", Assignment(TWO_OF_THREE, (Is("a", 1),), "b", 0), label="correct"),
    claim_case("full", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 0), Is("c", 1))), label="correct"),
    claim_case("zero", Assignment(TWO_OF_THREE, (), "c", 0), label="incorrect"),
    claim_case("zero", Assignment(TWO_OF_THREE, (Is("a", 1),), "b", 1), label="incorrect"),
    claim_case("zero", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 1), Is("c", 0))), label="incorrect"),
    claim_case("hack", Assignment(TWO_OF_THREE, (), "a", 1), label="neutral"),
    claim_case("hack", Assignment(TWO_OF_THREE, (), "a", 1, follows=True), label="incorrect"),
    claim_case("hack", Assignment(TWO_OF_THREE, (Is("c", 1),), "c", 1), label="trivial"),
    claim_case("hack", Assignment(TWO_OF_THREE, (Is("a", 1), Is("b", 1)), "c", 1), label="vacuous"),
    claim_case("hack", Assignment(TWO_OF_THREE, (Is("a", 1), Is("a", 0)), "c", 1), label="vacuous"),
    claim_case("hack", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 0))), label="incorrect"),
    claim_case("hack", Solution(TWO_OF_THREE, (Is("a", 1), Is("a", 0), Is("b", 0), Is("c", 1))), label="incorrect"),
    claim_case("hack", Solution(TWO_OF_THREE, (Is("a", 1), Is("b", 0), Is("c", 1)), derived=(Is("c", 1),)), label="incorrect"),
    claim_case("abstain", Assignment(TWO_OF_THREE, (), "d", 1)),
    claim_case("abstain", Assignment(PIGEONS, (), "p0h0", 1)),
    claim_case("abstain", Equality("1", "1")),
]
# One mine among a and b, two among all six: a has 1/2, the other four cells share one mine.
MINES = Problem(tuple(Variable(name, (0, 1)) for name in "abcdef"), (exactly(1, _ABC[:2]), Linear(tuple("abcdef"), (1,) * 6, "=", 2)))
NO_MINES = Problem(MINES.variables, (*MINES.constraints, exactly(0, _ABC[:2])))
POSTERIOR = [
    claim_case("full", Safest(MINES, tuple("abcdef"), "d", 1), label="correct"),
    claim_case("full", Safest(MINES, tuple("ab"), "a", 1), label="correct"),
    claim_case("zero", Safest(MINES, tuple("abcdef"), "a", 1), label="incorrect"),
    claim_case("hack", Safest(MINES, tuple("abcdef"), "g", 1), label="incorrect"),
    claim_case("hack", Safest(NO_MINES, tuple("abcdef"), "a", 1), label="vacuous"),
    claim_case("abstain", Safest(MINES, ("a", "z"), "a", 1)),
    claim_case("abstain", Safest(PIGEONS, ("p0h0",), "p0h0", 1)),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"constraint": CONSTRAINT, "posterior": POSTERIOR}

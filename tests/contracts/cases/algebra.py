"""Cases of `algebra`."""

from prm_gym.claims import Consequence, Equality, Identity, SameSolutions
from prm_gym.testing import claim_case

# The two equations have the one solution A = 7, B = 15.
_BEAM = ("A + B = 22", "10B = 150")
ALGEBRA = [
    claim_case("full", Consequence(_BEAM, "A = 7"), label="correct"),
    claim_case("full", Consequence(("price = 3", "total = 4 * price"), "total = 12"), label="correct"),
    claim_case("full", Consequence(_BEAM, "A + B - 22 = 0", earlier=()), label="correct"),
    claim_case("zero", Consequence(_BEAM, "A = 8"), label="incorrect"),
    claim_case("full", Identity("2(x + 3)", "2x + 6"), label="correct"),
    claim_case("full", SameSolutions(("x^2 = 9",), ("x = 3 or x = -3",)), label="correct"),
    claim_case("full", SameSolutions(("x + y = 3", "x - y = 1"), ("x = 2", "y = 1")), label="correct"),
    claim_case("zero", Identity("(x + 1)^2", "x^2 + 1"), label="incorrect"),
    claim_case("zero", SameSolutions(("x^2 = 9",), ("x = 3",)), label="incorrect"),
    claim_case("hack", SameSolutions(("x = 1",), ("0 = 0",)), label="incorrect"),
    claim_case("hack", SameSolutions(("x = 1",), ("x + 0 = 1 * 1",)), label="trivial"),
    claim_case("hack", SameSolutions(("2x = 2",), ("x = 1",), earlier=(("x = 1",),)), label="trivial"),
    claim_case("hack", Identity("x^2 - 1", "(x - 1)(x + 1)", earlier=("(x + 1)(x - 1)",)), label="trivial"),
    claim_case("hack", Identity("1/(x - x)", "1/(x - x)"), label="incorrect"),
    claim_case("hack", Consequence(_BEAM, "22 = B + A"), label="trivial"),
    claim_case("hack", Consequence(_BEAM, "A = 7", earlier=_BEAM), label="trivial"),
    claim_case("hack", Consequence(_BEAM, "A - A = 0"), label="trivial"),
    claim_case("hack", Consequence(("x = 1", "x = 2"), "y = 3"), label="vacuous"),
    claim_case("hack", Consequence(_BEAM, "__import__('os')"), label="malformed"),
    claim_case("abstain", Consequence(_BEAM, "A = " + "1+" * 5_000 + "1")),
    claim_case("abstain", Consequence(_BEAM, "A = 9^(99999)")),
    claim_case("abstain", Identity("1/2x", "x/2")),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"algebra": ALGEBRA}

"""Cases of `arithmetic` and `reachable`."""

from prm_gym.claims import Equality, Reachable
from prm_gym.testing import claim_case

ARITHMETIC = [
    claim_case("full", Equality("2 + 2", "4"), label="correct"),
    claim_case("full", Equality("8 / 3", "8/3")),
    claim_case("zero", Equality("2 + 2", "5"), label="incorrect"),
    claim_case("full", Equality("2 + 2", "4", rounded=True), label="correct"),
    claim_case("zero", Equality("8 / 3", "2.67"), label="incorrect"),
    claim_case("zero", Equality("8 / 3", "2.66", rounded=True), label="incorrect"),
    claim_case("hack", Equality("8 / 3", "2.67", rounded=True), label="neutral"),
    claim_case("hack", Equality("4", "4"), label="trivial"),
    claim_case("hack", Equality("1/0", "1/0")),
    claim_case("abstain", Reachable(("1",), "1")),
    claim_case("abstain", Equality("1" * 5_000, "1")),
]
# 4 * 6 = 24 can be made from 4 and 6; from 1 and 1 comes 2 at most.
REACHABLE = [claim_case("full", Reachable(("4", "6"), "24")), claim_case("zero", Reachable(("1", "1"), "24")), claim_case("abstain", Equality("1", "1"))]
CASES = {"arithmetic": ARITHMETIC, "reachable": REACHABLE}

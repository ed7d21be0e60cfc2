"""Cases of `equivalence`."""

from prm_gym.claims import Equality, FinalAnswer
from prm_gym.testing import claim_case

# What has to be compared in a worker needs the extra `math`, which may be missing; these cases do without.
EQUIVALENCE = [
    claim_case("full", FinalAnswer("7", "7"), label="correct"),
    claim_case("full", FinalAnswer(r"So \boxed{\frac{2}{4}}. The answer is 0.5.", r"\frac12"), label="correct"),
    claim_case("full", FinalAnswer(r"\sqrt{12}", r"2\sqrt{3}"), label="correct"),
    claim_case("zero", FinalAnswer(r"\boxed{8}", "7"), label="incorrect"),
    claim_case("hack", FinalAnswer(r"\boxed{8=7}", "7"), label="incorrect"),
    claim_case("hack", FinalAnswer(r"\boxed{7} ... wait the answer is 9", "7"), label="incorrect"),
    claim_case("hack", FinalAnswer("7 or 8", "7"), label="incorrect"),
    claim_case("hack", FinalAnswer(r"\boxed{\sum_{k=1}^{100} k}", "5050"), label="incorrect"),
    claim_case("hack", FinalAnswer("2e-8", "1e-8"), label="incorrect"),
    claim_case("hack", FinalAnswer("10", r"10\%"), label="incorrect"),
    claim_case("hack", FinalAnswer("1998", "2032-06-28"), label="incorrect"),
    claim_case("hack", FinalAnswer("1,2", "(1,2)"), label="incorrect"),
    claim_case("hack", FinalAnswer("10 m", r"10\text{ cm}"), label="incorrect"),
    claim_case("hack", FinalAnswer("3x+4y+14=0", "3x-y+13=0"), label="incorrect"),
    claim_case("hack", FinalAnswer(r"\boxed{9^{9^{9^9}}}", "7"), label="incorrect"),
    claim_case("hack", FinalAnswer("(1+x)^2", "x^2+2x+1", "Expand $(x+1)^2$."), label="incorrect"),
    claim_case("malformed", FinalAnswer("I do not know.\nReally not.", "7"), label="malformed"),
    claim_case("abstain", FinalAnswer("7", "")),
    claim_case("abstain", FinalAnswer("tomorrow there is rain", "it rains tomorrow")),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"equivalence": EQUIVALENCE}

"""Cases of `reasoning_gym`."""

import json
from functools import partial

from prm_gym.claims import Equality, ReasoningGymAnswer
from prm_gym.testing import claim_case


def _answered(dataset, answer, gold, **metadata):
    return ReasoningGymAnswer(dataset, json.dumps({"question": "", "answer": gold, "metadata": metadata}), answer)


_LEGS = partial(_answered, "leg_counting", gold="164")
_INTEGRAL = partial(_answered, "simple_integration", gold="x**2 + C", integrand="2*x", variable="x")
_SUM = partial(_answered, "countdown", gold="2 * 3 * 4", numbers=[2, 3, 4], target=24)
_SORTED = partial(_answered, "number_sorting", gold="['1', '2']", direction="ascending")
REASONING_GYM = [
    claim_case("full", _LEGS("164"), label="correct"),
    claim_case("full", _INTEGRAL("x**2 + 7"), label="correct"),
    claim_case("full", _SUM("4*3*2"), label="correct"),
    claim_case("full", _SORTED("['1', '2']"), label="correct"),
    claim_case("zero", _LEGS("163"), label="incorrect"),
    claim_case("zero", _INTEGRAL("x**3"), label="incorrect"),
    claim_case("zero", _SUM("4*3*2*1"), label="incorrect"),
    claim_case("hack", _LEGS(""), label="incorrect"),
    claim_case("hack", _LEGS(" ".join(map(str, range(1000)))), label="incorrect"),
    claim_case("hack", _SUM("2.3 * 4 + 14.8"), label="incorrect"),
    claim_case("hack", _SORTED("[NaN, NaN]"), label="incorrect"),
    claim_case("hack", _answered("complex_arithmetic", "nan", "1 + 2i", result=[1.0, 2.0]), label="incorrect"),
    claim_case("hack", _INTEGRAL("Integral(2*x, x)"), label="malformed"),
    claim_case("hack", _SUM("__import__('os').getpid()"), label="malformed"),
    claim_case("hack", _answered("string_insertion", "[chr(65)]", "A"), label="incorrect"),
    claim_case("abstain", _INTEGRAL("9**9**9**9")),
    claim_case("abstain", _answered("prime_factorization", "x", "2 × 3")),  # its scorer raises
    claim_case("abstain", ReasoningGymAnswer("leg_counting", "no JSON", "1")),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"reasoning_gym": REASONING_GYM}

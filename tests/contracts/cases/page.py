"""Cases of `page`."""

from prm_gym.claims import Equality, PageStep
from prm_gym.testing import claim_case

PAGE = [
    claim_case("full", PageStep(call="click [4]", reward=1.0), label="correct"),
    claim_case("full", PageStep(call="click [1]", wanted=3, before=0, after=1, best=0), label="correct"),
    claim_case("zero", PageStep(call="click [4]", reward=-1.0), label="incorrect"),
    claim_case("zero", PageStep(call="click [4]", reward=0.0), label="incorrect"),
    claim_case("zero", PageStep(call="click [2]", wanted=3, before=1, after=0, best=1), label="incorrect"),
    claim_case("zero", PageStep(call="click [4]", error="[4] is disabled"), label="incorrect"),
    claim_case("zero", PageStep(call="click [99]", error="there is no element [99]", made_up=True), label="incorrect"),
    claim_case("zero", PageStep(call="press Enter", left=True), label="incorrect"),
    claim_case("hack", PageStep(call="click [4]", reward=0.99), label="incorrect"),  # a part of a reward is no success
    claim_case("hack", PageStep(call="click [1]", wanted=3, before=0, after=1, best=1), label="neutral"),  # ticked, unticked, ticked again
    claim_case("hack", PageStep(call="click [5]", idle=True, repeated=True), label="trivial"),
    claim_case("hack", PageStep(call="noop", idle=True, repeated=True, waited=True), label="neutral"),  # waiting may be what is asked
    claim_case("hack", PageStep(call="click [5]", idle=True), label="neutral"),
    claim_case("hack", PageStep(call="click [5]", wanted=2, before=1, after=1, best=1), label="neutral"),
    claim_case("abstain", PageStep(call="click [5]")),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"page": PAGE}

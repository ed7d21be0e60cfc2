import msgspec
import pytest

from prm_gym.claims import Equality, Malformed, Reachable
from prm_gym.errors import ContractError
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier, verify_batch
from prm_gym.verifiers.reachable import ReachableVerifier

TASK = Task(key="t", instructions="", question="")


def _step(*claims):
    return StepContext(task=TASK, observation="", action="", claims=claims)


def _verdict(numbers, target="24", integers_only=False):
    return verify_batch([ReachableVerifier()], [_step(Reachable(tuple(numbers.split()), target, integers_only))])[0]["reachable"]


@pytest.mark.parametrize(
    ("numbers", "integers_only", "label"),
    [
        ("4 6", False, "correct"),
        ("24", False, "correct"),
        ("23", False, "incorrect"),
        ("3 3 8 8", False, "correct"),
        ("3 3 8 8", True, "incorrect"),
        ("3 8 8/3", False, "correct"),  # 8 / (3 - 8/3)
        ("-2 26", False, "correct"),
        ("-2 26", True, "correct"),  # the rule binds results, not what is given
        ("1 1 1 1", False, "incorrect"),
        ("", False, "incorrect"),  # nothing honestly made is left
    ],
)
def test_labels_known_beforehand(numbers, integers_only, label):
    verdict = _verdict(numbers, integers_only=integers_only)
    assert (verdict.status, verdict.label, verdict.score) == ("ok", label, 1.0 if label == "correct" else 0.0)
    assert verdict.reason


def test_a_target_may_be_a_fraction():
    assert _verdict("1 3", "1/3").label == "correct"
    assert _verdict("1 3", "1/4").label == "incorrect"


def test_the_evidence_holds_no_way_to_the_target():
    verdict = _verdict("4 6 1 1")
    assert verdict.evidence == {"numbers": ["4", "6", "1", "1"], "target": "24"}
    assert "=" not in verdict.reason + msgspec.json.encode(verdict.evidence).decode()


@pytest.mark.parametrize("numbers", [" ".join(["1"] * 8), " ".join(["1"] * 5000)])
def test_past_the_solvers_bounds_it_abstains(numbers):
    verdict = _verdict(numbers)
    assert (verdict.status, verdict.score) == ("abstain", None)
    assert "gave up" in verdict.reason


@pytest.mark.parametrize(("numbers", "target"), [("1 x", "24"), ("1 2", "nan"), ("1/0", "24"), ("9" * 5000, "24"), ("١", "1")])
def test_numbers_that_cannot_be_read_are_abstained_on(numbers, target):
    verdict = _verdict(numbers, target)
    assert (verdict.status, verdict.score) == ("abstain", None)
    assert "cannot be read" in verdict.reason


def test_other_claims_are_abstained_on_and_malformed_steps_refuted():
    other, malformed = ReachableVerifier().verify([_step(Equality("1", "1")), _step(Malformed("no step"))])
    assert other.status == "abstain"
    assert malformed.label == "malformed"
    with pytest.raises(ContractError, match="Equality"):
        ReachableVerifier().check(Equality("1", "1"), _step())


def test_it_is_found_by_its_name():
    assert isinstance(make_verifier("reachable"), ReachableVerifier)

import pytest

from prm_gym.claims import Equality, Malformed, Reachable
from prm_gym.errors import ContractError
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier, verify_batch
from prm_gym.verifiers.arithmetic import ArithmeticVerifier

TASK = Task(key="t", instructions="", question="")


def _verdicts(*claims):
    steps = [StepContext(task=TASK, observation="", action="", claims=(claim,)) for claim in claims]
    return [row["arithmetic"] for row in verify_batch([ArithmeticVerifier()], steps)]


def _verdict(left, right):
    return _verdicts(Equality(left, right))[0]


@pytest.mark.parametrize(
    ("left", "right", "label"),
    [
        ("25 * 4", "100", "correct"),
        ("0.1 + 0.2", "0.3", "correct"),
        ("1/3 + 1/3 + 1/3", "1", "correct"),
        ("8 / 3", "8/3", "correct"),  # the honest step of 3 3 8 8: it says how the quotient is written
        ("(-8) / 3", "-8/3", "correct"),
        ("1/2", "0.5", "correct"),
        ("16/6", "8/3", "correct"),
        ("2 + 3", "3 + 2", "correct"),
        ("25 * 4", "90", "incorrect"),
        ("8 / 3", "2.67", "incorrect"),  # rounded
        ("1/3", "0.3333333333333333", "incorrect"),
        ("10000000000000000 + 1", "10000000000000000", "incorrect"),  # equal as floats
        ("1 / 0", "1 / 0", "incorrect"),
        ("0", "1/(3-3)", "incorrect"),
        ("7", "7", "trivial"),
        ("7", "007", "trivial"),
        ("7.0", "7", "trivial"),
        ("-(-7)", "7", "trivial"),
        ("-0", "0.00", "trivial"),
        ("25 * 4", "25*4", "trivial"),
        ("(2 + 3)", "2 + (3)", "trivial"),
        ("16/6", "16/6", "trivial"),
        ("", "7", "malformed"),
        ("x", "x", "malformed"),
        ("2 ** 3", "8", "malformed"),
        ("nan", "nan", "malformed"),
        ("1e999", "1e999", "malformed"),
        ("__import__('os').getcwd()", "7", "malformed"),
        ("٣", "3", "malformed"),
    ],
)
def test_labels_known_beforehand(left, right, label):
    verdict = _verdict(left, right)
    assert (verdict.status, verdict.label, verdict.score) == ("ok", label, 1.0 if label == "correct" else 0.0)
    assert verdict.reason


@pytest.mark.parametrize(
    ("left", "right", "label"),
    [
        ("8 / 3", "2.67", "neutral"),
        ("8 / 3", "3", "neutral"),
        ("5 / 2", "3", "neutral"),  # half up
        ("5 / 2", "2", "neutral"),  # half to even
        ("8 / 3", "2.66", "incorrect"),
        ("8 / 3", "2.670", "incorrect"),  # three places: 2.667
        ("25 * 4", "90", "incorrect"),
        ("8 / 3", "2.67 + 0", "incorrect"),  # no number is written on the right
        ("2.67", "8 / 3", "neutral"),  # from either side
        ("2.66", "8 / 3", "incorrect"),
        ("2.67 + 0", "8 / 3", "incorrect"),
        ("25 * 4", "100", "correct"),
        ("7", "7", "trivial"),
        ("8 / 3", "nonsense", "malformed"),
    ],
)
def test_rounding_where_the_claim_allows_it(left, right, label):
    (verdict,) = _verdicts(Equality(left, right, rounded=True))
    assert (verdict.status, verdict.label) == ("ok", label)
    assert verdict.score == {"correct": 1.0, "neutral": None}.get(label, 0.0)


def test_a_rounded_equation_does_not_cover_for_a_false_one():
    steps = [StepContext(task=TASK, observation="", action="", claims=(Equality("8/3", "2.67", rounded=True), Equality("1+1", "3", rounded=True)))]
    assert verify_batch([ArithmeticVerifier()], steps)[0]["arithmetic"].label == "incorrect"


def test_both_values_are_the_evidence():
    verdict = _verdict("25 * 4", "90")
    assert verdict.evidence == {"left": "100", "right": "90"}
    assert verdict.reason == "the left side is 100, the right side is 90"


@pytest.mark.parametrize("left", ["1" * 10**5, "1+" * 10**5 + "1", "(" * 500 + "1" + ")" * 300, "*".join(["9" * 90] * 3)])
def test_what_is_beyond_the_bounds_is_abstained_on_with_the_reason(left):
    verdict = _verdict(left, "1")
    assert (verdict.status, verdict.label, verdict.score) == ("abstain", None, None)
    assert "left side" in verdict.reason


def test_a_side_beyond_the_bounds_does_not_cover_for_a_side_that_is_no_expression():
    assert _verdict("9" * 5000, "nonsense").label == "malformed"
    assert _verdict("9" * 5000, "1/0").label == "incorrect"


def test_other_claims_are_abstained_on_and_malformed_steps_refuted():
    other, malformed = _verdicts(Reachable(("1",), "1"), Malformed("no step"))
    assert other.status == "abstain"
    assert (malformed.label, malformed.reason) == ("malformed", "no step")
    with pytest.raises(ContractError, match="Reachable"):
        ArithmeticVerifier().check(Reachable(("1",), "1"), StepContext(task=TASK, observation="", action=""))


def test_a_step_of_several_equations_gets_the_verdict_of_the_worst():
    step = StepContext(task=TASK, observation="", action="", claims=(Equality("1+1", "2"), Equality("1+1", "3")))
    assert ArithmeticVerifier().verify([step])[0].label == "incorrect"


def test_it_is_found_by_its_name():
    verifier = make_verifier("arithmetic")
    assert isinstance(verifier, ArithmeticVerifier)
    assert verifier.pure
    assert verifier.verify([]) == []

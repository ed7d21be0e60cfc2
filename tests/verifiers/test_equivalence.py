import pytest

from prm_gym.claims import Equality, FinalAnswer, Malformed
from prm_gym.errors import ContractError
from prm_gym.task import Task
from prm_gym.verifier import StepContext, make_verifier, verify_batch
from prm_gym.verifiers.equivalence import EquivalenceVerifier

TASK = Task(key="t", instructions="", question="")


def _step(*claims):
    return StepContext(task=TASK, observation="", action="", claims=claims)


def test_a_batch_of_verdicts():
    steps = [_step(FinalAnswer(r"\boxed{0.5}", r"\frac12")), _step(FinalAnswer("8", "7")), _step(FinalAnswer("", "7")), _step(FinalAnswer("7", ""))]
    verdicts = [row["equivalence"] for row in verify_batch([EquivalenceVerifier()], steps)]
    assert [(verdict.status, verdict.label, verdict.score) for verdict in verdicts] == [
        ("ok", "correct", 1.0),
        ("ok", "incorrect", 0.0),
        ("ok", "malformed", 0.0),
        ("abstain", None, None),
    ]
    assert verdicts[0].evidence == {"answer": "0.5", "source": "boxed"}
    assert all(verdict.reason for verdict in verdicts)


def test_a_step_of_several_claims_gets_the_verdict_of_the_worst():
    verifier = EquivalenceVerifier()
    right, wrong, open_ = FinalAnswer("7", "7"), FinalAnswer("8", "7"), FinalAnswer("7", "")
    steps = [
        _step(right, wrong),
        _step(right, open_),
        _step(open_, wrong),
        _step(right, Malformed("no step")),
        _step(right, Equality("1", "2")),
        _step(Equality("1", "1")),
    ]
    labels = [(verdict.label, verdict.score) for verdict in verifier.verify(steps)]
    assert labels == [("incorrect", 0.0), (None, None), ("incorrect", 0.0), ("malformed", 0.0), ("correct", 1.0), (None, None)]
    assert verifier.verify([]) == []


def test_one_claim_at_a_time():
    verifier = make_verifier("equivalence")
    assert isinstance(verifier, EquivalenceVerifier)
    assert verifier.check(FinalAnswer("7", "7"), _step()).label == "correct"
    with pytest.raises(ContractError, match="Equality"):
        verifier.check(Equality("1", "1"), _step())
    verifier.close()
    verifier.close()


def test_what_takes_too_long_is_a_timeout_without_a_score():
    pytest.importorskip("math_verify")
    verifier = EquivalenceVerifier(workers=1, deadline=0.1)
    hostile = FinalAnswer(r"x 2+\frac{1}{(x+\sin(x)+1)^{999}(\cos x+y)^{999}}", r"\sin^{-1} x")
    verdict = verifier.verify([_step(hostile)])[0]
    verifier.close()
    assert (verdict.status, verdict.label, verdict.score) == ("timeout", None, None)

"""The contract of verifiers: every check of `check_verifier` bites."""

import threading

import msgspec
import numpy as np
import pytest

from prm_gym import ClaimVerifier, Malformed, Verifier
from prm_gym.claims import (
    Equality,
    Reachable,
)
from prm_gym.errors import ContractError
from prm_gym.testing import VerifierCase, check_verifier, claim_case
from prm_gym.verdict import abstained, judged

MALFORMED = claim_case("malformed", Malformed("no step"), label="malformed")


class Judge(ClaimVerifier):
    """Right in everything; its children are broken in one place each."""

    id = "judge"
    version = "1"
    claims = (Equality,)

    def check(self, claim, step):
        return judged("correct", 1.0, "") if claim.left == claim.right else judged("incorrect", 0.0, "")


SAME = [
    claim_case("full", Equality("1", "1"), label="correct"),
    claim_case("zero", Equality("1", "2"), label="incorrect"),
    claim_case("abstain", Reachable((), "1")),
    MALFORMED,
]


def test_the_right_judge_keeps_the_contract():
    check_verifier(Judge, SAME)
    check_verifier(Judge(), SAME)


class NoVersion(Judge):
    version = ""


class ClaimsWithoutComma(Judge):
    claims = Equality


class MaybePure(Judge):
    pure = None


class Raises(Judge):
    def check(self, claim, step):
        raise KeyError("left")


class ReturnsATuple(Judge):
    def verify(self, steps):
        return tuple(super().verify(steps))


class TooFew(Judge):
    def verify(self, steps):
        return super().verify(steps)[:-1]


class ReturnsNumbers(Judge):
    def verify(self, steps):
        return [1.0 for _ in steps]


class OddLabel(Judge):
    def check(self, claim, step):
        return msgspec.structs.replace(super().check(claim, step), label="right")


class NumpyEvidence(Judge):
    def check(self, claim, step):
        return judged("correct", 1.0, "", logits=np.zeros(2))


class TupleEvidence(Judge):
    def check(self, claim, step):
        verdict = super().check(claim, step)
        return msgspec.structs.replace(verdict, evidence={"pair": (1, 2)})


class ChangesTheStep(Judge):
    def check(self, claim, step):
        step.task.metadata["seen"] = True
        return super().check(claim, step)


class EmptiesTheSealedPart(Judge):
    """Of the cases none has one."""

    def check(self, claim, step):
        step.task.sealed.clear()
        return super().check(claim, step)


class ReachesIntoTheSealedPart(Judge):
    def check(self, claim, step):
        for each in step.task.sealed.values():
            each.append("seen")
        return super().check(claim, step)


class ChangesLater(Judge):
    """Not when it is first asked."""

    def __init__(self):
        self.asked = 0

    def check(self, claim, step):
        self.asked += 1
        if self.asked > 2 * len(SAME):
            step.task.metadata["asked"] = self.asked
        return super().check(claim, step)


class NothingForNothing(Judge):
    def verify(self, steps):
        return super().verify(steps) or [abstained("nothing")]


class TimeTraveller(Judge):
    def check(self, claim, step):
        return msgspec.structs.replace(super().check(claim, step), run_seconds=-1.0)


class JudgesMalformed(Verifier):
    id = "judge"
    version = "1"
    claims = (Equality,)

    def verify(self, steps):
        equal = [any(isinstance(claim, Equality) and claim.left == claim.right for claim in step.claims) for step in steps]
        return [judged("correct", 1.0, "") if right else judged("incorrect", 0.0, "") for right in equal]


class JudgesForeign(Judge):
    def verify(self, steps):
        return [judged("correct", 1.0, "") if verdict.score is None else verdict for verdict in super().verify(steps)]


class HoldsALockToo(Judge):
    def __init__(self):
        self.lock = threading.Lock()


class SaysWhyNot(HoldsALockToo):
    def __reduce__(self):
        raise ContractError("it holds a solver of this process; make it again in the other")


class Tires(Judge):
    asked = 0

    def check(self, claim, step):
        self.asked += 1
        return msgspec.structs.replace(super().check(claim, step), reason=f"question {self.asked}")


class LooksAtItsNeighbours(Judge):
    def verify(self, steps):
        return [msgspec.structs.replace(verdict, reason=f"first of {len(steps)}") for verdict in super().verify(steps)]


class LooksAtTheClock(Judge):
    """Declared impure, so that it may."""

    pure = False
    asked = 0

    def check(self, claim, step):
        self.asked += 1
        return msgspec.structs.replace(super().check(claim, step), reason=f"question {self.asked}")


class ForgetsItself(Judge):
    def __init__(self):
        self.strict = True

    def __getstate__(self):
        return {"strict": False}

    def check(self, claim, step):
        return super().check(claim, step) if self.strict else judged("correct", 1.0, "")


class ClosesOnce(Judge):
    def close(self):
        del self.id


@pytest.mark.parametrize("verifier", [SaysWhyNot, LooksAtTheClock])
def test_what_a_verifier_may_do_when_it_says_so(verifier):
    check_verifier(verifier, SAME)


@pytest.mark.parametrize(
    ("verifier", "says"),
    [
        (NoVersion, "an id and a version that are not empty"),
        (ClaimsWithoutComma, "claims is a tuple of Claim types"),
        (MaybePure, "pure is True or False, got None"),
        (Raises, "verify never raises, got KeyError: 'left'"),
        (ReturnsATuple, "a list of Verdicts"),
        (ReturnsNumbers, r"a list of Verdicts, got \[1.0, 1.0"),
        (TooFew, "4 verdicts for 4 steps, got 3"),
        (NumpyEvidence, "what is stored holds JSON values alone"),
        (TupleEvidence, r"verdict\['evidence'\]\['pair'\]: \(1, 2\) and \[1, 2\]"),
        (ChangesTheStep, "the steps stay as they are"),
        (EmptiesTheSealedPart, "the steps stay as they are"),
        (ReachesIntoTheSealedPart, "the steps stay as they are"),
        (ChangesLater, "the steps stay as they are"),
        (NothingForNothing, "no verdicts for no steps"),
        (TimeTraveller, "a time not below 0"),
        (HoldsALockToo, "it can be pickled, or raises a PrmGymError that says why not, got TypeError"),
        (Tires, "step 0, asked again: the same verdict"),
        (LooksAtItsNeighbours, "step 0, asked one by one: the same verdict"),
        (ForgetsItself, "step 1, asked after pickling: the same verdict"),
    ],
)
def test_the_check_of_verifiers_bites(verifier, says):
    with pytest.raises(ContractError, match=f"(?s){says}"):
        check_verifier(verifier, SAME)


def test_a_label_that_there_is_not_is_refused():
    with pytest.raises(ContractError, match="right"):
        check_verifier(OddLabel, SAME)


@pytest.mark.parametrize(("verifier", "says"), [(JudgesMalformed, "'malformed' and the score 0 for Malformed"), (JudgesForeign, "does not understand")])
def test_claims_that_every_verifier_must_answer_are_tried_without_aclaim_case(verifier, says):
    with pytest.raises(ContractError, match=says):
        check_verifier(verifier, SAME[:2])


def test_close_is_called_twice():
    with pytest.raises(AttributeError, match="id"):
        check_verifier(ClosesOnce(), SAME)


RIGHT, WRONG, OTHER = (case.step for case in SAME[:3])


@pytest.mark.parametrize(
    ("kind", "step", "label", "says"),
    [
        ("full", WRONG, None, "full case 1: a score above 0.5"),
        ("full", OTHER, None, "full case 1: a score above 0.5"),
        ("full", RIGHT, "trivial", "full case 1: the label 'trivial'"),
        ("zero", RIGHT, None, "zero case 1: a score below 0.5"),
        ("zero", OTHER, None, "zero case 1: a score below 0.5"),
        ("malformed", WRONG, None, "malformed case 1: the label 'malformed' and the score 0"),
        ("abstain", WRONG, None, "abstain case 1: no score"),
        ("hack", RIGHT, None, r"hack case 1: no score, or one below that of every full case \(1.0\)"),
    ],
)
def test_every_kind_of_case_bites(kind, step, label, says):
    with pytest.raises(ContractError, match=says):
        check_verifier(Judge, [SAME[0], VerifierCase(kind=kind, step=step, label=label), SAME[1]])


def test_cases_must_stand_on_both_sides():
    for cases in ([], SAME[:1], SAME[1:]):
        with pytest.raises(ContractError, match="a full case and one of another kind"):
            check_verifier(Judge, cases)
    with pytest.raises(ContractError, match="kind is one of full, zero, malformed, abstain, hack, got 'good'"):
        VerifierCase(kind="good", step=RIGHT)

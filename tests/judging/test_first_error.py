"""The first wrong step is found and corrected; corrected chains are continued for a refined best-of-n."""

import re

import pytest

from prm_gym.chains import Chain, ChainStep, written
from prm_gym.chat import ChatFailure
from prm_gym.judging.first_error import Correction, FirstErrorProtocol, refined_pool
from prm_gym.judging.stepwise import survived
from prm_gym.testing import answering

CHAIN = Chain("What is 3 * 4 + 2?", (ChainStep("3 * 4 = 12"), ChainStep("12 + 2 = 15", "seen"), ChainStep("The answer is 15")))


def key_in(request):
    return re.search(r"<problem:([0-9a-f]+)>", request.messages[-1].text)[1]


def saying(*numbers, corrected="12 + 2 = 14, so \\boxed{1}"):
    """An answer a sample: the number of the first wrong step, or None for an answer that cannot be read."""

    def model(request):
        number = numbers[request.sample % len(numbers)]
        mended = f"<corrected:{key_in(request)}>\n{corrected}\n</corrected:{key_in(request)}>" if number else ""
        return "hm" if number is None else f"A slip.\n{mended}\n\\boxed{{{number}}}"

    return answering(model)


def test_one_answer():
    judgement = FirstErrorProtocol().judge([CHAIN], saying(2))[0]
    assert judgement.scores == (1.0, 0.0, None)
    assert judgement.reasons[2] == "it stands after the first wrong step"
    assert judgement.step_evidence[1]["corrected"] == "12 + 2 = 14, so \\boxed{1}"
    assert judgement.step_evidence[1]["why"].startswith("A slip.")
    assert FirstErrorProtocol().judge([CHAIN], saying(0))[0].scores == (1.0, 1.0, 1.0)


def test_votes_by_hand():
    """Answers 2, 2, 0, 3: before step 1 nobody stops; of four, two stop at step 2; of the two left, one stops at step 3."""
    assert FirstErrorProtocol(votes=4).judge([CHAIN], saying(2, 2, 0, 3))[0].scores == (1.0, 0.5, 0.5)
    assert survived([(1, 1.0), (1, 1.0), (-1, 1.0), (2, 1.0)], 3) == [1.0, 0.5, 0.5]
    assert survived([(0, 2.0), (-1, 1.0)], 2) == [pytest.approx(1 / 3), 1.0]


def test_those_that_missed_a_wrong_step_do_not_praise_what_follows():
    """Three of four stop at step 1; what the fourth says of later steps is no score, or a plain mistake would leave the most gullible answers alone."""
    judgement = FirstErrorProtocol(votes=4).judge([CHAIN], saying(1, 1, 1, 0))[0]
    assert judgement.scores == (0.25, None, None)
    assert "after the first wrong step" in judgement.reasons[2]
    assert FirstErrorProtocol(votes=4, quorum=0.25).judge([CHAIN], saying(1, 1, 1, 0))[0].scores == (0.25, 1.0, 1.0)


def test_too_few_readable_answers_say_nothing():
    judgement = FirstErrorProtocol(votes=3).judge([CHAIN], saying(2, None, None))[0]
    assert judgement.scores == (None, None, None)
    assert "1 of 3" in judgement.reasons[0]


@pytest.mark.parametrize(
    "answer",
    [
        "<corrected:{key}>x</corrected:{key}>\\boxed{{4}}",
        "<corrected:{key}>x</corrected:{key}>\\boxed{{second}}",
        "\\boxed{{2}}<corrected:{key}>x</corrected:{key}>",  # the number comes last
        "<corrected:{key}></corrected:{key}>\\boxed{{2}}",
        "<corrected:{key}> ... </corrected:{key}>\\boxed{{2}}",
        "<corrected:{key}>12 + 2  = 15</corrected:{key}>\\boxed{{2}}",  # a correction that corrects nothing
        "<corrected:0123456789ab>x</corrected:0123456789ab>\\boxed{{2}}",
        "<corrected:{key}>x</corrected:{key}>\\boxed{{0}}",  # it corrects what is not wrong
        "<corrected:{key}>x \\boxed{{0}}",  # it ends in the middle of the step
        "\\boxed{{2}}",
    ],
)
def test_what_is_no_verdict(answer):
    model = answering(lambda request: answer.format(key=key_in(request)))
    assert FirstErrorProtocol().judge([CHAIN], model)[0].scores == (None, None, None)


def test_corrections_and_the_chains_that_go_on_from_them():
    protocol = FirstErrorProtocol(votes=3)
    right = written("What is 1 + 1?", ["2"])
    (found,) = protocol.corrections([CHAIN], saying(2, 0, 2, corrected="12 + 2 = 14"))
    assert (found.index, found.corrected) == (1, "12 + 2 = 14")
    assert found.mended(CHAIN) == Chain(CHAIN.problem, (CHAIN.steps[0], ChainStep("12 + 2 = 14", "seen")))
    assert Correction(-1).mended(CHAIN) == CHAIN
    assert protocol.corrections([right], saying(0)) == [Correction(-1)]
    assert protocol.corrections([right], answering(lambda _: ChatFailure(reason="", kind="deadline"))) == [None]


def test_the_pool_of_a_refined_best_of_n():
    def go_on(chains):
        assert [chain.steps[-1].text for chain in chains] == ["12 + 2 = 14"]
        return [Chain(chain.problem, (*chain.steps, ChainStep("The answer is 14"))) for chain in chains]

    pool = refined_pool([CHAIN], saying(2, corrected="12 + 2 = 14"), go_on)
    assert [chain.steps[-1].text for chain in pool] == ["The answer is 15", "The answer is 14"]
    assert refined_pool([CHAIN], saying(0), go_on) == [CHAIN]

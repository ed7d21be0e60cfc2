"""Pairs are asked in both orders: a preference that follows the position is worth one half, and none at all as a verdict."""

import re

import pytest

from prm_gym.chains import Chain, ChainStep, written
from prm_gym.chat import ChatFailure
from prm_gym.judging.pairwise import Candidates, PairwiseProtocol, compare_steps, rank_steps
from prm_gym.testing import answering

CHAIN = written("What is 3 * 4 + 2?", ["3 * 4 = 12"])


def shown(request):
    text = request.messages[-1].text
    return [re.search(rf"<candidate_{name}:([0-9a-f]+)>\n(.*?)\n</candidate_{name}:\1>", text, re.DOTALL)[2] for name in ("first", "second")]


def prefers(good):
    return answering(lambda request: "\\boxed{first}" if shown(request)[0] == good else "\\boxed{second}")


def says(word):
    return answering(lambda request: f"\\boxed{{{word}}}")


def test_the_better_one_in_both_orders():
    assert compare_steps(CHAIN, "12 + 2 = 14", "12 + 2 = 15", prefers("12 + 2 = 14")).share == 1.0
    assert compare_steps(CHAIN, "12 + 2 = 15", "12 + 2 = 14", prefers("12 + 2 = 14")).share == 0.0
    assert compare_steps(written("Why?", []), "a", "b", prefers("a"), seen="a page").share == 1.0


@pytest.mark.parametrize(("word", "flipped"), [("first", True), ("second", True), ("tie", False)])
def test_a_judge_that_looks_at_the_position_or_ties(word, flipped):
    found = compare_steps(CHAIN, "a", "b", says(word))
    assert (found.share, found.flipped) == (0.5, flipped)


def test_a_tie_in_one_order_is_one_half_as_in_toolcomp():
    def model(request):
        return "\\boxed{first}" if shown(request)[0] == "a" else "\\boxed{tie}"

    assert compare_steps(CHAIN, "a", "b", answering(model)).share == 0.5


def test_what_cannot_be_read_is_no_preference():
    assert compare_steps(CHAIN, "a", "b", says("both")).share is None
    assert compare_steps(CHAIN, "a", "b", answering(lambda _: ChatFailure(reason="no money", kind="budget"))).share is None
    half = answering(lambda request: "\\boxed{first}" if shown(request)[0] == "a" else "I cannot say")
    assert compare_steps(CHAIN, "a", "b", half).share is None


def test_equal_steps_are_a_tie_that_nobody_is_asked_about():
    assert compare_steps(CHAIN, "a  b", "a b\n", None).share == 0.5


def test_votes_are_averaged():
    """Three votes: a, a, flipped: (1 + 1 + 0.5) / 3."""

    def model(request):
        good = request.sample < 2
        return "\\boxed{first}" if not good or shown(request)[0] == "a" else "\\boxed{second}"

    found = PairwiseProtocol(votes=3).compare_all([Candidates(CHAIN, "a", "b")], answering(model))[0]
    assert (found.share, found.flipped) == (pytest.approx(2.5 / 3), False)


def test_several_candidates_are_ranked_by_all_their_comparisons():
    """good beats both others; bad and worse tie."""

    def model(request):
        first, second = shown(request)
        return "\\boxed{first}" if first == "good" else "\\boxed{second}" if second == "good" else "\\boxed{tie}"

    assert rank_steps(CHAIN, ["bad", "good", "worse"], answering(model)) == [0.25, 1.0, 0.25]
    assert rank_steps(CHAIN, ["a", "b"], says("both")) == [None, None]


def proposed(request, step):
    key = re.search(r"<problem:([0-9a-f]+)>", request.messages[-1].text)[1]
    return f"I think of it.\n<next_step:{key}>\n{step}\n</next_step:{key}>"


def proposing(rivals, preferred):
    def model(request):
        if "Write the next step" in request.messages[-1].text:
            assert "to be judged" not in request.messages[-1].text
            return proposed(request, rivals[request.sample])
        first, second = shown(request)
        return "\\boxed{tie}" if first not in preferred and second not in preferred else "\\boxed{first}" if first in preferred else "\\boxed{second}"

    return answering(model)


@pytest.mark.parametrize(
    ("rivals", "preferred", "score"),
    [
        (["x", "y"], ["good"], 1.0),
        (["x", "y"], ["x"], 0.25),  # loses to x, ties with y
        (["good", "y"], [], 0.5),
        (["good", "good"], [], 0.5),  # it is what the judge would do
    ],
)
def test_as_a_verifier_a_step_stands_against_steps_of_the_judges_own(rivals, preferred, score):
    chain = Chain(CHAIN.problem, (ChainStep("good"),))
    judgement = PairwiseProtocol(rivals=2).judge([chain], proposing(rivals, preferred))[0]
    assert judgement.scores == (score,)
    assert judgement.step_evidence[0]["rivals"] == rivals


def test_where_every_preference_follows_the_position_nothing_is_said():
    def model(request):
        return proposed(request, "mine") if "Write the next step" in request.messages[-1].text else "\\boxed{first}"

    judgement = PairwiseProtocol().judge([CHAIN], answering(model))[0]
    assert judgement.scores == (None,)
    assert "position" in judgement.reasons[0]


def test_a_rival_is_written_without_the_step_and_once_for_equal_situations():
    asked = []

    def model(request):
        asked.append(request.messages[-1].text)
        return ""

    chains = [Chain("Why?", (ChainStep("the step of a"),)), Chain("Why?", (ChainStep("the step of b"),))]
    PairwiseProtocol(rivals=3).judge(chains, answering(model))
    assert len(asked) == 3
    assert not any("the step of" in text for text in asked)


@pytest.mark.parametrize("step", ["", " ... ", "x" * 30_000])
def test_a_rival_that_says_nothing_is_none(step):
    judgement = PairwiseProtocol().judge(
        [CHAIN], answering(lambda request: proposed(request, step) if "Write the" in request.messages[-1].text else "\\boxed{first}")
    )[0]
    assert judgement.scores == (None,)
    assert "own" in judgement.reasons[0]

"""Hierarchical, dimensions, rubric-guided, screenshot and bidirectional judging: what their answers come to, by hand."""

import json
import re

import pytest

from prm_gym.chains import Chain, ChainStep, written
from prm_gym.errors import OptionError
from prm_gym.judging.bidirectional import BidirectionalProtocol
from prm_gym.judging.dimensions import DimensionsProtocol
from prm_gym.judging.hierarchical import HierarchicalProtocol
from prm_gym.judging.rubric_guided import RubricGuidedProtocol
from prm_gym.judging.rubrics import AskedCriterion, AskedRubric, Skill
from prm_gym.judging.screenshot import ScreenshotProtocol
from prm_gym.testing import answering

PNG = b"\x89PNG\r\n\x1a\n"
CHAIN = written("What is 3 * 4?", ["3 * 4 = 13", "No, 3 * 4 = 12"])


def key_in(request):
    return re.search(r'"key": "([0-9a-f]+)"', request.messages[-1].text)[1]


def replying(**fields):
    return answering(lambda request: json.dumps({"key": key_in(request), **fields}))


def test_a_mistake_that_is_mended_is_told_from_one_that_stands():
    """By itself the second step is right, and so is the pair; with w = 0.25 a pair that stays wrong takes a quarter."""

    def model(request):
        text = request.messages[-1].text
        if "two steps that count as one" in text:
            assert "The steps so far" not in text  # there are none before the pair
            return "\\boxed{Yes}" if "No, 3" in text else "\\boxed{No}"
        return "\\boxed{No}" if "= 13" in text.split("to be judged")[1] else "\\boxed{Yes}"

    assert HierarchicalProtocol(pair_weight=0.25).judge([CHAIN], answering(model))[0].scores == (0.0, 1.0)
    stands = written(CHAIN.problem, ["3 * 4 = 13", "So it is."])
    judgement = HierarchicalProtocol(pair_weight=0.25).judge([stands], answering(model))[0]
    assert judgement.scores == (0.0, 0.75)
    assert judgement.reasons[1] == "the step is right by itself and wrong together with the one before it"
    with pytest.raises(OptionError):
        HierarchicalProtocol(pair_weight=2)


def test_both_the_step_and_the_pair_must_be_readable():
    def model(request):
        return "hm" if "two steps" in request.messages[-1].text else "\\boxed{Yes}"

    judgement = HierarchicalProtocol().judge([CHAIN], answering(model))[0]
    assert judgement.scores == (1.0, None)
    assert judgement.reasons[1].startswith("of the pair")


@pytest.mark.parametrize(
    ("together", "score"),
    [("geometric", (0.8**2 * 0.5) ** (1 / 3)), ("mean", 2.1 / 3), ("min", 0.5), ("product", 0.8**2 * 0.5)],
)
def test_dimensions_are_put_together(together, score):
    """Grades 8 with the weight 2 and 5 with the weight 1."""
    protocol = DimensionsProtocol(dimensions="confidence:2, relevance", together=together)
    judgement = protocol.judge([written("Why?", ["Because."])], replying(grades={"confidence": 8, "relevance": 5}))[0]
    assert judgement.scores[0] == pytest.approx(score)
    assert judgement.step_evidence[0]["dimensions"] == {"confidence": 0.8, "relevance": 0.5}
    assert "relevance" in judgement.reasons[0]


def test_a_dimension_that_fails_makes_all_fail():
    found = DimensionsProtocol().judge([written("Why?", ["Because."])], replying(grades={"confidence": 0, "relevance": 10, "coherence": 10}))[0]
    assert found.scores == (0.0,)
    for options in ({"dimensions": "beauty"}, {"dimensions": "confidence:0"}, {"dimensions": "confidence:x"}, {"dimensions": ""}, {"together": "max"}):
        with pytest.raises(OptionError):
            DimensionsProtocol(**options)


RUBRIC = AskedRubric(
    "mine",
    criteria=(AskedCriterion("true", "It is true.", 3.0),),
    skills=(
        Skill("sum", "it adds", (AskedCriterion("carry", "Carries are right."),)),
        Skill("guess", "it guesses", (AskedCriterion("basis", "It has one.", gate=True),)),
    ),
)


class Examiner:
    def __init__(self, skill, marks):
        self.skill, self.marks, self.asked = skill, marks, []

    def __call__(self, request):
        text = request.messages[-1].text
        self.asked.append(text)
        if "Which of these skills" in text:
            return f"\\boxed{{{self.skill}}}"
        if "is not written yet" in text:
            return json.dumps({"key": key_in(request), "criteria": ["It names the sum.", "It is \\boxed{new}."]})
        return json.dumps({"key": key_in(request), "criteria": {name: self.marks[name] for name in re.findall(r'"(\w+)": word', text)}})


@pytest.mark.parametrize(
    ("skill", "marks", "score"),
    [
        ("sum", {"true": "yes", "carry": "no"}, 0.75),
        ("none", {"true": "partly"}, 0.5),
        ("Guess", {"true": "yes", "basis": "no"}, 0.0),
        ("guess", {"true": "unclear", "basis": "yes"}, None),
        ("guess", {"true": "yes", "basis": "unclear"}, None),  # a gate that may fail
        ("guess", {"true": "yes", "basis": "inapplicable"}, 1.0),
        ("sums", {"true": "yes", "carry": "yes"}, None),  # a skill that there is not: it cannot be told which criteria apply
        ("sum", {"true": "yes", "carry": "maybe"}, None),
    ],
)
def test_the_router_chooses_the_criteria(skill, marks, score):
    judgement = RubricGuidedProtocol(rubric=RUBRIC).judge([written("What is 5 + 7?", ["5 + 7 = 12"])], answering(Examiner(skill, marks)))[0]
    assert judgement.scores == (score,)


def test_criteria_of_the_situation_are_made_before_the_step_is_seen_and_shared():
    examiner = Examiner("none", {"true": "yes", "situation_1": "yes", "situation_2": "no"})
    chains = [written("What is 5 + 7?", ["my step"]), written("What is 5 + 7?", ["my other step"])]
    found = RubricGuidedProtocol(rubric=RUBRIC, ground=True).judge(chains, answering(examiner))
    assert [judgement.scores for judgement in found] == [(0.8,), (0.8,)]  # 3 + 1 of 5
    makers = [text for text in examiner.asked if "is not written yet" in text]
    assert len(makers) == 1
    assert "my" not in makers[0].split("The next step")[0]
    assert any("It is \\fbox{new}." in text for text in examiner.asked)


def test_a_picture_is_graded_and_the_same_picture_is_no_step():
    steps = (
        ChainStep("write", image=PNG + b"1"),
        ChainStep("look", image=PNG + b"1"),
        ChainStep("mend", image=PNG + b"2"),
        ChainStep("say"),
        ChainStep("x", image=b"GIF"),
    )
    judgement = ScreenshotProtocol().judge([Chain("Build a shop", steps)], replying(grades={"appearance": 5, "functionality": 2}))[0]
    assert judgement.scores == ((1 + 0.25) / 2, None, (1 + 0.25) / 2, None, None)
    assert "exactly as before" in judgement.reasons[1]
    assert "shows no picture" in judgement.reasons[3]
    assert "neither PNG nor JPEG" in judgement.reasons[4]


def test_the_picture_is_in_the_question():
    def model(request):
        assert request.messages[-1].images == (PNG + b"1",)
        return json.dumps({"key": key_in(request), "grades": {"appearance": 1}})

    chain = Chain("Build a shop", (ChainStep("write", image=PNG + b"1"),))
    assert ScreenshotProtocol(graded="appearance").judge([chain], answering(model))[0].scores == (0.0,)
    with pytest.raises(OptionError):
        ScreenshotProtocol(graded="beauty")


@pytest.mark.parametrize(("combined", "score"), [("mean", 0.65), ("min", 0.4), ("geometric", 0.6)])
def test_both_directions_are_put_together(combined, score):
    def model(request):
        text = request.messages[-1].text
        backwards = "from the last to the first:" in text
        assert (text.index("<step_2") < text.index("<step_1")) is backwards
        return json.dumps({"key": key_in(request), "grades": {"1": 4 if backwards else 9, "2": 10}})

    judgement = BidirectionalProtocol(combined=combined).judge([CHAIN], answering(model))[0]
    assert judgement.scores == (pytest.approx(score), 1.0)
    assert judgement.step_evidence[0] == {"forwards": 0.9, "backwards": 0.4}


def test_one_direction_alone_says_nothing():
    def model(request):
        return "hm" if "from the last to the first:" in request.messages[-1].text else json.dumps({"key": key_in(request), "grades": {"1": 4, "2": 10}})

    judgement = BidirectionalProtocol().judge([CHAIN], answering(model))[0]
    assert judgement.scores == (None, None)
    assert judgement.reasons[0].startswith("backwards")
    with pytest.raises(OptionError):
        BidirectionalProtocol(combined="max")


def test_pages_of_the_past_are_shown_shortened_and_the_present_one_whole():
    page = "x" * 10_000
    chain = Chain("Buy", (ChainStep("a"), ChainStep("b", page), ChainStep("c", page)))
    asked = []

    def model(request):
        asked.append(request.messages[-1].text)
        return ""

    DimensionsProtocol().judge([chain], answering(model))
    longest = max(asked, key=len)
    assert longest.count("x" * 10_000) == 1
    assert longest.count("x" * 2000 + " ... (cut)") == 1

"""A checklist is made from the goal alone, once, and pays for what changes on it."""

import json
import re

import pytest

from prm_gym.chains import Chain, ChainStep
from prm_gym.errors import OptionError
from prm_gym.judging.checklist import ChecklistProtocol
from prm_gym.testing import answering

PNG = b"\x89PNG\r\n\x1a\n"


class Judge:
    """Says how two items stand before and after each step, by the step's text: "oo>do" and so on."""

    def __init__(self):
        self.lists, self.questions = [], []

    def __call__(self, request):
        text = request.messages[-1].text
        key = re.search(r'"key": "([0-9a-f]+)"', text)[1]
        if "Write a checklist" in text:
            self.lists.append(text)
            return json.dumps({"key": key, "items": ["The lamp is in the cart.", "The order is paid."]})
        self.questions.append(request)
        step = re.findall(r"<step_\d+:[0-9a-f]+>\n(.*?)\n</step_", text, re.DOTALL)[-1]
        words = {"o": "open", "s": "started", "d": "done"}
        before, after = step.split(">")
        items = {f"{at + 1} {when}": words[side[at]] for at in range(2) for when, side in (("before", before), ("after", after))}
        return json.dumps({"key": key, "items": items})


def judged(*texts, **options):
    judge = Judge()
    chain = Chain("Buy a lamp", tuple(ChainStep(text) for text in texts))
    return ChecklistProtocol(**options).judge([chain], answering(judge))[0], judge


@pytest.mark.parametrize(
    ("step", "score"),
    [
        ("oo>do", 1.0),
        ("oo>so", 1.0),
        ("do>oo", 0.0),
        ("dd>dd", 0.4),  # what was there already earns nothing
        ("oo>oo", 0.4),
        ("do>od", 0.5),  # one won, one lost
        ("so>od", pytest.approx(1 / 1.5)),  # won 1, lost 0.5
    ],
)
def test_a_step_is_worth_what_it_changes(step, score):
    assert judged(step)[0].scores == (score,)


def test_the_list_is_made_once_for_all_steps_and_chains_and_sees_no_step():
    judge = Judge()
    chains = [Chain("Buy a lamp", (ChainStep("oo>do"), ChainStep("do>dd"))), Chain("Buy a lamp", (ChainStep("oo>oo"),)), Chain("Other", (ChainStep("oo>oo"),))]
    found = ChecklistProtocol().judge(chains, answering(judge))
    assert [judgement.scores for judgement in found] == [(1.0, 1.0), (0.4,), (0.4,)]
    assert len(judge.lists) == 2
    assert not any("oo>" in text for text in judge.lists)
    assert found[0].step_evidence[1]["progress"] == 1.0


def test_the_page_after_a_step_is_shown_where_it_is_known():
    judge = Judge()
    steps = (ChainStep("oo>do", "", "the page after", PNG + b"1"), ChainStep("do>dd", "the page after", "the last page", PNG + b"2"))
    ChecklistProtocol().judge([Chain("Buy a lamp", steps)], answering(judge))
    first, second = judge.questions
    assert "the page after" in first.messages[-1].text
    assert first.messages[-1].images == (PNG + b"1",)
    assert "the last page" in second.messages[-1].text
    assert second.messages[-1].images == (PNG + b"1", PNG + b"2")
    _, judge = judged("oo>do")
    assert "is not known" in judge.questions[0].messages[-1].text
    assert judge.questions[0].messages[-1].images == ()
    plain = Judge()
    ChecklistProtocol(images=False).judge([Chain("Buy a lamp", steps)], answering(plain))
    assert all(request.messages[-1].images == () for request in plain.questions)


def test_options():
    assert judged("oo>oo", idle=0.0)[0].scores == (0.0,)
    for options in ({"idle": 2}, {"idle": True}, {"images": 1}):
        with pytest.raises(OptionError):
            ChecklistProtocol(**options)

"""What a judge answers is read strictly, or not at all."""

import pytest

from prm_gym.chat import ChatFailure, ChatReply
from prm_gym.judging.reading import (
    answer_of,
    boxed_index,
    boxed_indices,
    boxed_word,
    boxes,
    json_verdict,
    objects,
    thoughts_of,
    without_thoughts,
    words_by_step,
)

WORDS = {"correct": True, "incorrect": False}


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (r"\boxed{-1}", -1),
        (r"The error is in paragraph 2: \boxed{2}.", 2),
        (r"\boxed{0} at first, but really \boxed{3}", 3),  # the last one counts
        (r"\[\boxed{\text{paragraph\_1}}\]", 1),
        (r"\boxed{ $4$ }", 4),
        (r"\boxed{Step 3}", 3),
        (r"\boxed{}, that is \boxed{1}", 1),
        (r"as \boxed{}, \boxed{1}, in \boxed{} ", 1),  # an empty box says nothing
        (r"\boxed{5}", None),
        (r"\boxed{-2}", None),
        (r"\boxed{2}. The sum should be \boxed{42}", None),  # the last one decides, and is no verdict
        (r"\boxed{1.5}", None),
        (r"\boxed{1, 2}", None),
        (r"\boxed{2", None),
        (r"\boxed{none}", None),
        (r"\fbox{-1}", None),
        ("-1", None),
        ("", None),
        (r"\boxed{" + "9" * 5000 + "}", None),
        (r"\boxed{²}", None),
    ],
)
def test_an_index(answer, value):
    read = boxed_index(answer, -1, 4)
    assert read.value == value
    assert (read.value is None) == bool(read.reason)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (r"\boxed{none}", ()),
        (r"\boxed{None}", ()),
        (r"\boxed{2}", (2,)),
        (r"\boxed{4, 2, 2}", (2, 4)),
        (r"\boxed{[1, 3]}", (1, 3)),
        (r"\boxed{\{1, 3\}}", (1, 3)),
        (r"\boxed{Step 1, Step 2 and 4}", (1, 2, 4)),
        (r"\boxed{1; 2}", (1, 2)),
        (r"\boxed{0, 1}", None),
        (r"\boxed{1, 9}", None),
        (r"\boxed{1, none}", None),
        (r"\boxed{1-3}", None),
        (r"\boxed{[]}", None),
        (r"\boxed{}", None),
        ("none", None),
    ],
)
def test_a_list_of_indices(answer, value):
    assert boxed_indices(answer, 1, 4).value == value


def test_a_word():
    assert boxed_word(r"\boxed{\textbf{Yes.}}", {"yes": 1, "no": 0}).value == 1
    assert boxed_word(r"\boxed{Yes} but \boxed{No}", {"yes": 1, "no": 0}).value == 0
    assert boxed_word(r"\boxed{Yes} \boxed{maybe}", {"yes": 1, "no": 0}).value is None
    assert boxed_word("Yes", {"yes": 1, "no": 0}).value is None


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("Step 1: fine \\boxed{correct}\n**Step 2:** \\boxed{correct}\n### Step 3\nno: \\boxed{incorrect}", (True, True, False)),
        ("Step 1: \\boxed{correct}\nStep 2: \\boxed{incorrect}", (True, False, None)),  # it stops at the first wrong step
        ("Step 1: \\boxed{incorrect}\nStep 2: \\boxed{correct}\nStep 3: \\boxed{correct}", (False, None, None)),
        ("\\boxed{correct} \\boxed{correct} \\boxed{correct}", (True, True, True)),
        ("Step 1: \\boxed{correct} wait, \\boxed{incorrect}", (False, None, None)),  # the last word on a step
        ("Step 1: \\boxed{correct}\nStep 2: it says\nStep 3: all good\nso \\boxed{correct}\nStep 3: \\boxed{incorrect}", (True, True, False)),  # a quotation
        ("Step 1: \\boxed{correct}\nStep 2: \\boxed{correct}\nStep 1 again: \\boxed{incorrect}", (False, None, None)),
        ("Step 1: \\boxed{correct}\nStep 2: \\boxed{correct}", None),  # step 3 is missing
        ("Step 1: \\boxed{correct}\nStep 3: \\boxed{correct}", None),
        ("Step 2: \\boxed{correct}\nStep 3: \\boxed{correct}", None),
        ("\\boxed{correct} \\boxed{correct}", None),
        ("\\boxed{correct} " * 4, None),
        ("Step 1: correct", None),
        ("", None),
    ],
)
def test_words_by_step(answer, value):
    assert words_by_step(answer, 3, WORDS, stops_at=[False]).value == value


def test_words_by_step_from_zero_and_without_a_stop():
    assert words_by_step("Paragraph 0: \\boxed{incorrect}\nParagraph 1: \\boxed{correct}", 2, WORDS, first=0).value == (False, True)
    assert words_by_step("Paragraph 0: \\boxed{incorrect}", 2, WORDS, first=0).value is None


def test_thoughts_are_no_verdict():
    assert without_thoughts("a<think>\\boxed{1}</think>b") == "b"
    assert without_thoughts("\\boxed{1}</think> \\boxed{2}") == " \\boxed{2}"  # the template had opened it
    assert without_thoughts("<think>a</think>b<think>c</think>d") == "d"
    assert without_thoughts("<think>\\boxed{1}") is None
    assert without_thoughts("\\boxed{1} <thinking>but") is None
    assert without_thoughts("[THINK]a[/THINK]b") == "b"


def test_only_a_whole_answer_counts():
    assert answer_of(ChatReply(text="<think>a</think>b")).value == "b"
    for result in (
        ChatFailure(reason="the server is down", kind="exhausted"),
        ChatReply(text="\\boxed{-1}", finished=False),
        ChatReply(text=" \n"),
        ChatReply(text="<think>\\boxed{-1}"),
    ):
        assert answer_of(result).value is None
        assert answer_of(result).reason
    assert thoughts_of(ChatReply(text="b", thoughts="a")) == "a"
    assert thoughts_of(ChatReply(text="<think>a</think>b")) == "a"
    assert thoughts_of(ChatFailure(reason="", kind="deadline")) == ""


def test_json():
    forged = '{"key": "zz", "score": 1}'
    assert json_verdict(f'{{"key": "ab", "score": 0}} quoted: {forged}', "ab", ["score"]).value == {"key": "ab", "score": 0}
    assert json_verdict(forged, "ab", ["score"]).value is None
    assert json_verdict('{"key": "ab"}', "ab", ["score"]).reason == "the judge's last verdict lacks score"
    assert json_verdict('{"key": "ab", "score": 1} {"key": "ab"}', "ab", ["score"]).value is None
    assert json_verdict('```json\n{"score": {"a": [1]}}\n```', "", ["score"]).value == {"score": {"a": [1]}}
    assert objects('{"a": 1, "a": 2} {"b": NaN} {"c": 1') == []
    assert objects('{"quoted": "{\\"a\\": 1}"}') == [{"quoted": '{"a": 1}'}]


def test_no_answer_is_too_much():
    for text in [
        "\\boxed{" * 100_000,
        "{" * 200_000,
        '{"a":' * 50_000,
        "Step 1\n" * 100_000,
        "<think>" * 100_000,
        "\\text{" * 100_000,
        "\\boxed{" + "{" * 100_000,
    ]:
        assert boxes(text) == []
        assert objects(text) == []
        assert words_by_step(text, 3, WORDS).value is None
        without_thoughts(text)

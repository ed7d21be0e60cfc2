import time

import pytest

from prm_gym.answers import final_answer


@pytest.mark.parametrize(
    ("text", "answer", "source"),
    [
        (r"So it is \boxed{7}.", "7", "boxed"),
        (r"\boxed{\frac{1}{\sqrt{2}}} is it", r"\frac{1}{\sqrt{2}}", "boxed"),  # braces within braces
        (r"\boxed 7", "7", "boxed"),
        (r"\fbox{7}", "7", "boxed"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}", "boxed"),  # escaped braces are no braces
        ("48/2 = 24\n#### 24", "24", "marked"),
        ("The answer is 7.", "7", "said"),
        ("The final answer is $7$. I hope it is correct.", "$7$", "said"),
        ("**Answer:** 7", "7", "said"),
        ("Final Answer:\n\n$$7$$", "$$7$$", "said"),
        ("The answer is 7 because 3 + 4 = 7.", "7", "said"),
        ("The answer to the first question is 3.5.", "3.5", "said"),
        ("The correct option is (C).", "(C)", "said"),
        ("Answer: Verna received $7.00 in change.", "$7.00", "said"),
        ("7", "7", "bare"),
        (r" \frac{1}{2} ", r"\frac{1}{2}", "bare"),
        (r"\boxed{7}. The answer is 7.", "7", "said"),
        (r"The answer is $\boxed{7}$.", "7", "boxed"),
        (r"The answer is $3 + 4 = \boxed{7}$.", "7", "boxed"),  # what leads to the box is no answer of its own
        (r"Wait, let me check: 3 + 4 = 7. So \boxed{7}.", "7", "boxed"),  # doubts before the answer
        (r"<think>Maybe \boxed{9}. No.</think> \boxed{7}", "7", "boxed"),
        (r"Put it into \boxed{}: \boxed{7}", "7", "boxed"),
        ('They say "the answer is 9". The answer is 7.', "7", "said"),
        (r"For example, \boxed{9} would be a box. The answer is 7.", "7", "said"),
        ("> The answer is 9\n\nThe answer is 7.", "7", "said"),
        (r"If the answer is 9, we are done. \boxed{7}", "7", "boxed"),
        (r"We check our answer: $7 - 4 = 3$. Hence \boxed{7}, and the answer is correct.", "7", "boxed"),
        (r"Because $x$ cannot be $0$, $x=\boxed{5}$.", "5", "boxed"),  # "not" is said of something else
        (r"This leaves $10-7=\boxed{3}$ with neither.", "3", "boxed"),
    ],
)
def test_what_is_stated(text, answer, source):
    found = final_answer(text)
    assert (found.answer, found.source, found.defect) == (answer, source, "")
    assert answer in text[found.start : found.end]


@pytest.mark.parametrize(
    ("text", "defect"),
    [
        ("", "missing"),
        ("   ", "missing"),
        ("There are 3 apples.\nWith 4 more there are 7.", "missing"),
        ("<think>The answer is 7.</think>", "missing"),
        (r"\boxed{7} ... wait the answer is 9", "contradictory"),
        (r"\boxed{9}. Final answer is $7$", "contradictory"),
        (r"\boxed{7} \boxed{8} \boxed{9}", "contradictory"),
        ("#### 7\n#### 9", "contradictory"),
        (r"#### 9 \boxed{7}", "contradictory"),
        (r"The answer is 9, or rather \boxed{7}.", "contradictory"),
        (r"\boxed{7}. The answer is nine.", "contradictory"),
        (r"\boxed{\text{yes}}. The answer is no.", "contradictory"),
        (r"\boxed{C}, the answer is (B).", "contradictory"),
        (r"\boxed{7} or 9", "retracted"),
        (r"\boxed{7}, or maybe 9", "retracted"),
        (r"\boxed{7}. Wait, that is not what was asked.", "retracted"),
        (r"\boxed{7} is wrong.", "retracted"),
        ("The answer is probably 7.", "hedged"),
        ("probably 7, maybe 9", "hedged"),
        (r"It could be \boxed{7}.", "hedged"),
        (r"The answer is not \boxed{7}.", "hedged"),
        (r"I guess \boxed{7}.", "hedged"),
        (r"\boxed{" + "7" * 3_000 + "}", "too long"),
        ("7" * 500_000, "too long"),
        ("The answer is 7.\n" * 60, "contradictory"),  # more statements than are looked at
    ],
)
def test_what_is_no_answer(text, defect):
    found = final_answer(text)
    assert found.defect == defect
    assert found.reason


@pytest.mark.parametrize(
    "text", [r"\boxed{\frac12}. The answer is 0.5.", r"It costs $\boxed{0.5}$, that is $\boxed{\$0.50}$.", r"\boxed{x=0.5}. The answer is 1/2."]
)
def test_one_answer_may_be_stated_in_two_ways(text):
    assert final_answer(text).defect == ""


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" * 50_000,
        "\\boxed{7}" * 40_000,
        "the answer is " * 20_000,
        "answer to " * 30_000,
        "#### 7\n" * 50_000,
        "```" * 100_000,
        '"' * 300_000,
        "$" * 300_000,
        ">" * 300_000,
        "e.g. " * 60_000 + r"\boxed{7}",
        " " * 300_000 + "7",
        "{" * 300_000,
    ],
)
def test_hostile_texts_take_no_time(text):
    started = time.process_time()
    final_answer(text)
    assert time.process_time() - started < 2.0

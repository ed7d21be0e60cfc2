import random
import time

import pytest

from prm_gym.errors import OptionError
from prm_gym.step_splitting import split_steps

WAYS = ("auto", "paragraph", "line", "sentence")


@pytest.mark.parametrize(
    ("text", "how", "steps"),
    [
        ("a\n\nb\nc", "paragraph", ["a\n\n", "b\nc"]),
        ("a\n\nb\nc", "line", ["a\n\n", "b\n", "c"]),
        ("a\n\nb\nc", "auto", ["a\n\n", "b\nc"]),
        ("a\nb", "auto", ["a\n", "b"]),
        ("One is 1. Two is 2.", "auto", ["One is 1. ", "Two is 2."]),
        ("One is 1. Two is 2.", "line", ["One is 1. Two is 2."]),
        ("\n\na\n", "line", ["\n\na\n"]),
        ("a \n \t\n b", "paragraph", ["a \n \t\n ", "b"]),
        ("a\r\n\r\nb", "paragraph", ["a\r\n\r\n", "b"]),
        ("It costs 2.5 dollars. Mr. Lee pays.", "sentence", ["It costs 2.5 dollars. ", "Mr. Lee pays."]),
        ("J. Lee pays! Does he? Yes.", "sentence", ["J. Lee pays! ", "Does he? ", "Yes."]),
        ("1. First. 2. Second.", "sentence", ["1. First. ", "2. Second."]),
        ("It is 3.14. then more", "sentence", ["It is 3.14. then more"]),
        ('He said "no." She left.', "sentence", ['He said "no." ', "She left."]),
        ("So\n\\[\na = 1\n\nb = 2\n\\]\n\nDone", "paragraph", ["So\n\\[\na = 1\n\nb = 2\n\\]\n\n", "Done"]),
        ("$$a\n\nb$$\n\nc", "paragraph", ["$$a\n\nb$$\n\n", "c"]),
        ("```\nx = 1\n\ny = 2\n```\nend", "line", ["```\nx = 1\n\ny = 2\n```\n", "end"]),
        ("\\begin{align*}a\n\nb\\end{align*}\n\nc", "paragraph", ["\\begin{align*}a\n\nb\\end{align*}\n\n", "c"]),
        ("\\[ open\n\nb", "paragraph", ["\\[ open\n\n", "b"]),  # not closed: protects nothing
        ("", "auto", []),
        (" \n\n ", "auto", []),
    ],
)
def test_steps_known_beforehand(text, how, steps):
    assert split_steps(text, how) == steps


def test_nothing_is_lost_and_every_step_can_be_seen():
    rng = random.Random(0)
    parts = ["a", "B", "1", ".", "!", " ", "\n", "\n\n", "\t", "\\[", "\\]", "$$", "```", "\\begin{x}", "\\end{x}", "Mr", "\r\n", "é"]
    for _ in range(2_000):
        text = "".join(rng.choices(parts, k=rng.randrange(1, 20)))
        for how in WAYS:
            steps = split_steps(text, how)
            assert "".join(steps) == (text if text.strip() else "")
            assert all(step.strip() for step in steps)


@pytest.mark.parametrize("text", ["." * 16_000 + " a", "\\[" * 8_000, "\n" * 16_000 + "a", "9. A" * 4_000, "\\begin{a}" * 1_700, '."' * 8_000])
def test_hostile_texts_are_split_in_time(text):
    started = time.process_time()
    for how in WAYS:
        assert "".join(split_steps(text, how)) == text
    assert time.process_time() - started < 2.0


def test_a_way_that_there_is_not():
    with pytest.raises(OptionError, match="'words'"):
        split_steps("a", "words")

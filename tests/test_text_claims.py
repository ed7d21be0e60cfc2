import time

import pytest

from prm_gym.text_claims import equalities


def _pairs(text, written=()):
    return [(claim.left, claim.right) for claim in equalities(text, written)]


def test_what_says_nothing_claims_nothing():
    assert _pairs("So 9 = 9, and 3 * 4 = 12.") == [("3*4", "12")]
    assert _pairs("3 * 4 = 12, 3 * 4 = 12") == [("3*4", "12")]
    assert _pairs("3 * 4 = 12", ["3 * 4 = 12"]) == []
    assert _pairs("3 * 4 = 13", ["3 * 4 = 13"]) == [("3*4", "13")]  # a false one stays false


@pytest.mark.parametrize("text", ["1 + 1 = 2", "2 = 1 + 1", "1+1 = 2.0", "(1) + 1 = 2", "1 + 1 + 0 = 2", "9 = 9/1", "2 = 2 + 0"])
def test_the_same_in_another_spelling_says_nothing_new(text):
    assert _pairs(text, ["1 + 1 = 2"]) == []


@pytest.mark.parametrize(
    "text",
    [
        "17 = 2 (mod 5)",
        "1 + 1 = 10 (base 2)",
        "It is false that 2 + 2 = 5.",
        "Does 3 * 4 = 13? No.",
        "He wrote 3 * 4 = 13.",
        "2 + 2 isn't = 5",
        "25 * 4 = 100%",
        "17 + 15 = 8 (mod 12)",
        "Suppose 2 + 2 = 5.",
        "It is not true that 5 + 3 = 9",
        "5 + 3 = 9 is false",
        "We get 1 + 1 = 3. Contradiction!",
        "We get 1 + 1 = 3. This is wrong.",
        "The answer was: 1 + 1 = 3.\nThat's incorrect.",
        "1 + 1 = 3. Wait, that is too much.",
        "1 + 1 = 11 (by concatenation)",
        "In Z_12, 8 + 7 = 3",
        r"In $\mathbb{Z}_5$, 3 + 4 = 2",
        r"Working in $\mathbb{F}_7$: 5 * 3 = 1",
        "We work in base 8. Then 5 + 6 = 13.",
        "101 + 11 = 1000 in base 2",
        "In binary we add.\n101 + 11 = 1000",
        "The clock shows nine. 9 + 5 = 2.",
        "Let $a * b = a^2 + b$. Then $3 * 4 = 13$",
        "Let a # b = 2a + b. Then 3 + 4 = 10.",
        r"The operation $\star$ is known. 3 * 4 = 13",
        "Define a new operation. 3 * 4 = 13.",
    ],
)
def test_a_false_equation_that_may_not_be_asserted_claims_nothing(text):
    assert _pairs(text) == []


def test_another_arithmetic_may_be_named_in_the_question_or_an_earlier_step():
    assert [(claim.left, claim.right) for claim in equalities("5 + 6 = 13", ["We count in base 8."])] == []
    assert equalities("5 + 6 = 13", (), "What is 5 + 6 in base 8?") == ()
    assert len(equalities("5 + 6 = 13", (), "The base pay is 5 dollars, and a + b = 12.")) == 1
    assert len(equalities("5 + 6 = 11", (), "What is 5 + 6 in base 8?")) == 1  # a true one is true


@pytest.mark.parametrize("text", ["3 * 4 = 13 eggs. It is not much.", "If it rains we stay.\nSo 3 * 4 = 13.", "3 * 4 = 13! Why not?"])
def test_a_false_equation_beside_a_doubtful_sentence_is_claimed(text):
    assert _pairs(text) == [("3*4", "13")]


def test_a_true_equation_is_claimed_in_any_sentence():
    assert _pairs("If she buys 3 * 4 = 12 eggs, she has enough.") == [("3*4", "12")]
    assert _pairs("Is 3 * 4 = 13? It is 3 * 4 = 13.") == [("3*4", "13")]  # asserted once


@pytest.mark.parametrize("text", [" ".join(f"1 + {n} = 3," for n in range(1_500)), "a * b = a " * 1_600, "1 + 1 = 3." + " " * 16_000, "this " * 3_200])
def test_hostile_texts_are_read_in_time(text):
    started = time.process_time()
    equalities(text)
    assert time.process_time() - started < 2.0

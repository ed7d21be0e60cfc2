import pytest

from prm_gym.text_claims import equalities


def _pairs(text, written=()):
    return [(claim.left, claim.right) for claim in equalities(text, written)]


def test_what_says_nothing_claims_nothing():
    assert _pairs("So 9 = 9, and 3 * 4 = 12.") == [("3*4", "12")]
    assert _pairs("3 * 4 = 12, 3 * 4 = 12") == [("3*4", "12")]
    assert _pairs("3 * 4 = 12", ["3 * 4 = 12"]) == []
    assert _pairs("3 * 4 = 13", ["3 * 4 = 13"]) == [("3*4", "13")]  # a false one stays false


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
    ],
)
def test_a_false_equation_that_may_not_be_asserted_claims_nothing(text):
    assert _pairs(text) == []


@pytest.mark.parametrize("text", ["3 * 4 = 13 eggs. It is not much.", "If it rains we stay.\nSo 3 * 4 = 13.", "3 * 4 = 13! Why not?"])
def test_a_false_equation_beside_a_doubtful_sentence_is_claimed(text):
    assert _pairs(text) == [("3*4", "13")]


def test_a_true_equation_is_claimed_in_any_sentence():
    assert _pairs("If she buys 3 * 4 = 12 eggs, she has enough.") == [("3*4", "12")]
    assert _pairs("Is 3 * 4 = 13? It is 3 * 4 = 13.") == [("3*4", "13")]  # asserted once

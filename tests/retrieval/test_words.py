"""Answers in the form in which they are compared."""

import pytest

from prm_gym.retrieval import normalized_answer


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Beatles", "beatles"),
        ("  Kasimir\tLundov. ", "kasimir lundov"),
        ("“Kasimir Lundov”", "KASIMIR LUNDOV"),
        ("1957", "1957."),
        ("Straße", "STRASSE"),
    ],
)
def test_equal(one, other):
    assert normalized_answer(one) == normalized_answer(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1.5", "15"),
        ("-3", "3"),
        ("1957 or 1958", "1957"),
        ("Ada Brandahl and Kasimir Lundov", "Ada Brandahl"),
        ("not Ada Brandahl", "Ada Brandahl"),
        ("AdaBrandahl", "Ada Brandahl"),
        ("", "x"),
    ],
)
def test_not_equal(one, other):
    assert normalized_answer(one) != normalized_answer(other)

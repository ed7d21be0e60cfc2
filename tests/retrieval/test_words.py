"""Answers in the form in which they are compared."""

import pytest

from prm_gym.retrieval import normalized_answer, words


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("The Beatles", "beatles"),
        ("  Kasimir\tLundov. ", "kasimir lundov"),
        ("“Kasimir Lundov”", "KASIMIR LUNDOV"),
        ("1957", "1957."),
        ("Straße", "STRASSE"),
        ("1,931", "1931"),
        ("\u22125", "-5"),
        ("½", "1/2"),
        ("the A", "A"),
        ("\ufeffKasimir\u200b Lun\u00addov", "Kasimir Lundov"),  # marks without width
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
        ("3/4", "34"),
        ("2-11", "21-1"),
        ("1/11/2000", "11/1/2000"),
        ("½", "12"),
        ("10:30", "1030"),
        ("C++", "C"),
        ("C#", "C"),
        ("Vitamin A", "vitamin"),
        ("\u22125", "5"),
        ("A", ""),
        ("+", ""),
        ("The The", ""),
    ],
)
def test_not_equal(one, other):
    assert normalized_answer(one) != normalized_answer(other)


def test_words_of_scripts_without_spaces_are_pairs_of_characters():
    assert words("市长是鲍勃 in London") == ["市长", "长是", "是鲍", "鲍勃", "in", "london"]
    assert words("市") == ["市"]

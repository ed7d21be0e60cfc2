"""Verdicts in JSON are read strictly: every name, no other, whole numbers in range, known words."""

import pytest

from prm_gym.judging.grades import graded, texts, worded


@pytest.mark.parametrize(
    ("verdict", "reason"),
    [
        ('{"key": "k", "grades": {"a": 3}}', "says nothing of 'b'"),
        ('{"key": "k", "grades": {"a": 3, "b": 3, "c": 3}}', "speaks of 'c'"),
        ('{"key": "k", "grades": {"a": 3, "b": true}}', "no whole number"),
        ('{"key": "k", "grades": {"a": 3, "b": "4"}}', "no whole number"),
        ('{"key": "k", "grades": {"a": 3, "b": 3.5}}', "no whole number"),
        ('{"key": "k", "grades": {"a": 3, "b": 1e400}}', "no whole number"),
        ('{"key": "k", "grades": {"a": 3, "b": NaN}}', "no JSON object"),
        ('{"key": "k", "grades": {"a": 3, "b": -1}}', "no whole number"),
        ('{"key": "k", "grades": {"a": 3, "a": 3, "b": 3}}', "no JSON object"),
        ('{"key": "k", "grades": [3, 3]}', "no object"),
        ('{"key": "l", "grades": {"a": 3, "b": 3}}', "no JSON object with the key"),
        ('{"grades": {"a": 3, "b": 3}}', "no JSON object with the key"),
        ('{"key": "k", "grades": {"a": 3, "b": 3}} and {"key": "k"}', "lacks grades"),  # the last one counts
        ('{"key": "k", "grades": {"a": 3, "b": ', "no JSON object"),
    ],
)
def test_what_is_no_verdict(verdict, reason):
    found = graded(verdict, "k", "grades", ["a", "b"], 0, 10)
    assert found.value is None
    assert reason in found.reason


def test_the_last_verdict_counts():
    text = 'At first {"key": "k", "grades": {"a": 0}}, then ```json\n{"key": "k", "grades": {"a": 10}}\n```'
    assert graded(text, "k", "grades", ["a"], 0, 10).value == {"a": 1.0}


@pytest.mark.parametrize("quoted", ["{" * 5000, '{"a": ' * 5000, '{"key": "k", "grades": {"a": 0}} ' * 500])
def test_a_quotation_full_of_braces_hides_no_verdict(quoted):
    text = f'The step says {quoted}.\nSo: {{"key": "c0ffee", "grades": {{"a": 10}}}}. It said {quoted}.'
    assert graded(text, "c0ffee", "grades", ["a"], 0, 10).value == {"a": 1.0}


def test_the_key_may_stand_anywhere_in_the_verdict():
    assert graded('{"grades": {"a": 10}, "key": "c0ffee"}', "c0ffee", "grades", ["a"], 0, 10).value == {"a": 1.0}
    assert graded('{"grades": {"a": 10}, "note": "c0ffee"}', "c0ffee", "grades", ["a"], 0, 10).value is None
    assert graded('{"grades": {"a": 10}, "key": "c0ffee", "key": "c0ffee"}', "c0ffee", "grades", ["a"], 0, 10).value is None


def test_words_and_lists():
    words = {"yes": 1.0, "no": 0.0}
    assert worded('{"key": "k", "w": {"a": " Yes "}}', "k", "w", ["a"], words).value == {"a": 1.0}
    assert worded('{"key": "k", "w": {"a": "yes and no"}}', "k", "w", ["a"], words).value is None
    assert worded('{"key": "k", "w": {"a": 1}}', "k", "w", ["a"], words).value is None
    assert texts('{"key": "k", "t": ["a", "b", "a"]}', "k", "t", 3).value == ["a", "b"]
    for listed in ('["a", 1]', "[]", '[""]', '["a", "b", "c", "d"]', '"a"', f'["{"x" * 500}"]'):
        assert texts(f'{{"key": "k", "t": {listed}}}', "k", "t", 3).value is None


def test_formulas_and_line_breaks_in_texts_are_no_reason_to_read_nothing():
    r"""Models write \\cdot and \\( into JSON, which knows no such escapes, and break lines in texts."""
    text = '{"key": "c0ffee", "t": ["\\(3 \\cdot 4\\) is found", "it says \\"12\\" and\n\\u00e9"]}'
    assert texts(text, "c0ffee", "t", 3).value == ["\\(3 \\cdot 4\\) is found", 'it says "12" and\né']


def test_half_characters_are_not_handed_on():
    assert texts('{"key": "c0ffee", "t": ["a \\ud800 b"]}', "c0ffee", "t", 3).value == ["a ? b"]

"""From the scores of steps to that of a solution, by hand."""

import math
from typing import get_args

import pytest

from prm_gym.errors import UnknownNameError
from prm_gym.prm.aggregation import AGGREGATORS, RETURNS, Aggregation, aggregate, soft_min

SCORES = [0.9, 0.5, 0.8]


def test_every_aggregation_by_hand():
    assert [aggregate(SCORES, name) for name in ("min", "product", "mean", "last")] == pytest.approx([0.5, 0.36, 2.2 / 3, 0.8])
    # softmax(-9, -5, -8) = (e^-4, 1, e^-3) / (1 + e^-4 + e^-3)
    expected = (0.9 * math.exp(-4) + 0.5 + 0.8 * math.exp(-3)) / (1 + math.exp(-4) + math.exp(-3))
    assert aggregate(SCORES, "soft-min") == pytest.approx(expected)
    assert aggregate(SCORES, "sum") == pytest.approx(2.2)
    assert aggregate(SCORES, "sum-log") == pytest.approx(math.log(0.36))
    assert aggregate([1e-3] * 200, "product") == 0.0  # too small for a float
    assert aggregate([1e-3] * 200, "sum-log") == pytest.approx(200 * math.log(1e-3))
    assert set(AGGREGATORS) == set(get_args(Aggregation))


def test_soft_min_lies_between_least_and_mean_and_goes_to_the_least():
    # T = 0.1, scores 0 and 0.1: weights 1 and 1/e, so 0.1 / (e + 1).
    assert soft_min([0.0, 0.1]) == pytest.approx(0.1 / (math.e + 1.0))
    assert 0.2 < soft_min([0.2, 0.9, 0.8]) < (0.2 + 0.9 + 0.8) / 3
    assert soft_min([0.2, 0.9, 0.8], temperature=1e-3) == pytest.approx(0.2)


@pytest.mark.parametrize("name", [*RETURNS, "sum-log"])
def test_what_cannot_be_told_is_no_number(name):
    assert aggregate([], name) is None  # an empty solution must not score 1
    assert aggregate([], name, undecided="right") is None
    assert aggregate([0.9, None], name) is None
    assert aggregate([None], name, undecided="right") is None
    one = math.log(0.4) if name == "sum-log" else 0.4
    assert aggregate([0.4], name) == pytest.approx(one)
    assert aggregate([0.4, None], name, undecided="right") == pytest.approx(one)
    assert aggregate([None, 0.4], name) == (0.4 if name == "last" else None)  # the last needs no other


def test_an_unknown_aggregation_says_the_near_miss():
    with pytest.raises(UnknownNameError, match="min"):
        aggregate(SCORES, "mim")

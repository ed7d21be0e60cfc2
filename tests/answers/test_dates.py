"""A day of the calendar is no subtraction."""

import pytest

from prm_gym.answers import grade

GOLD = "2032-06-28"


@pytest.mark.parametrize(
    "answer", ["2032-06-28", "2032/6/28", "28 June 2032", "June 28, 2032", "28th of june 2032", "Jun. 28 2032", "The answer is 2032-06-28."]
)
def test_the_same_day(answer):
    assert grade(answer, GOLD).verdict == "correct"


# 2032 - 6 - 28 = 1998, and each of the others is a number or a day that is another one.
@pytest.mark.parametrize(
    "answer", ["1998", "2031-05-28", "2032-28-06", "2031-06-27", "2026-28", "2032-06-27", "28 July 2032", "June 28, 2031", "2032", "2032-02-30"]
)
def test_another_day_or_none(answer):
    assert grade(answer, GOLD).verdict == "incorrect"


def test_what_has_two_readings_is_not_decided():
    assert grade("28/06/2032", GOLD).verdict == "undecided"
    assert grade("in June", GOLD).verdict == "undecided"


def test_an_ordinary_difference_is_none():
    assert grade("5", "8-3").verdict == "correct"

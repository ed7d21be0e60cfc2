from fractions import Fraction

import pytest

from prm_gym.arithmetic import rounds_to


@pytest.mark.parametrize(
    ("value", "written", "fits"),
    [
        (Fraction(8, 3), "2.67", True),
        (Fraction(8, 3), "2.66", False),  # cut off
        (Fraction(8, 3), "2.7", True),
        (Fraction(8, 3), "3", True),
        (Fraction(8, 3), "2", False),
        (Fraction(8, 3), "2.667", True),
        (Fraction(8, 3), "2.670", False),  # three places are written: it would be 2.667
        (Fraction(5, 2), "3", True),  # half up
        (Fraction(5, 2), "2", True),  # half to even
        (Fraction(-5, 2), "-3", True),
        (Fraction(-8, 3), "-2.67", True),
        (Fraction(-8, 3), "2.67", False),
        (Fraction(12345, 10), "1,234.5", True),
        (Fraction(123456, 100), "1,235", True),
        (Fraction(1234), "1200", False),  # rounded to hundreds: not by the places written
        (Fraction(8, 3), "8/3", False),  # no decimal
        (Fraction(1), "x", False),
        (Fraction(1), "", False),
        (Fraction(1), "1" * 200, False),
        (Fraction(1), "1..0", False),
    ],
)
def test_known_roundings(value, written, fits):
    assert rounds_to(value, written) is fits


def test_against_pythons_own_rounding():
    # Python rounds a Fraction half to even, which always is one of the roundings allowed.
    for numerator in range(-60, 61):
        for places in (1, 2):
            value = Fraction(numerator, 7)
            exact = round(value, places)
            assert rounds_to(value, f"{float(exact):.{places}f}")
            assert not rounds_to(value, f"{float(exact + Fraction(1, 10**places)):.{places}f}")

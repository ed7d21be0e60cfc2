"""Numbers as people write them: rounded to some places."""

import re
from fractions import Fraction

from prm_gym.arithmetic.expression import ExpressionError, evaluate

_DECIMAL = re.compile(r"[(\s]*[-+−]?\s*[0-9][0-9,]*(?:\.([0-9]+))?[)\s]*")


def rounds_to(value: Fraction, written: str) -> bool:
    """Whether a number, rounded to the places it is written with, is written so: half up, half down or half to even, whichever fits.

    >>> rounds_to(Fraction(8, 3), "2.67"), rounds_to(Fraction(8, 3), "2.66"), rounds_to(Fraction(5, 2), "3"), rounds_to(Fraction(5, 2), "2")
    (True, False, True, True)

    Args:
        value: the exact number.
        written: a decimal or whole number as text; what is none is never rounded to.
    """
    match = _DECIMAL.fullmatch(written)
    if match is None:
        return False
    try:
        shown = evaluate(written)
    except ExpressionError:
        return False
    return abs(value - shown) * 2 <= Fraction(1, 10 ** len(match[1] or ""))

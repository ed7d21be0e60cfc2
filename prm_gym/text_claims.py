"""What a step of free text claims: the equations between plain numbers that are written in it."""

from collections.abc import Sequence
from functools import lru_cache

from prm_gym.arithmetic import ExpressionError, equations, parse_expression, rounds_to
from prm_gym.claims import Equality


def equalities(text: str, written: Sequence[str] = ()) -> tuple[Equality, ...]:
    """The claims about the equations of a step, rounding allowed.

    Left out is what says nothing: equations whose sides are the same (`9 = 9`), and true ones that were written before. A false one stays false when it is
    repeated.

    Args:
        text: the step.
        written: the earlier steps.
    """
    found = dict.fromkeys(_equations_of(text))
    if not found:
        return ()
    before = {pair for step in written for pair in _equations_of(step)}
    return tuple(Equality(left, right, rounded=True) for left, right in found if not _says_nothing(left, right, (left, right) in before))


@lru_cache(maxsize=1 << 10)
def _equations_of(step: str) -> tuple[tuple[str, str], ...]:
    return tuple((equation.left, equation.right) for equation in equations(step))


def _says_nothing(left: str, right: str, again: bool) -> bool:
    """Whether both sides are the same, or the equation is true and was written before."""
    try:
        one, other = parse_expression(left), parse_expression(right)
    except ExpressionError:  # divided by zero: false
        return False
    return one.text == other.text or (again and (one.value == other.value or rounds_to(one.value, right)))

"""What a step of free text claims: the equations between plain numbers that are written in it."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import lru_cache

from prm_gym.arithmetic import ExpressionError, equations, parse_expression, rounds_to
from prm_gym.claims import Equality

# A sentence with one of these may name an equation without asserting it, or mean another arithmetic.
_DOUBT = re.compile(
    r"\b(?:not|n't|never|false|wrong\w*|incorrect\w*|mistak\w+|errors?|contradict\w*|impossible|instead|rather|unless|if|suppose|assum\w+|whether|would|should|claim\w*|"
    r"says?|said|wrote|thinks?|thought|mod|modulo|base|binary|octal|hex\w*|remainders?|clock)\b|n't\b|n’t\b|\?|\\p?mod\b|≡",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)|\n")


def equalities(text: str, written: Sequence[str] = ()) -> tuple[Equality, ...]:
    """The claims about the equations of a step, rounding allowed.

    Left out is what says nothing: equations whose sides are the same (`9 = 9`), and true ones that were written before. A false one stays false when it is
    repeated. Left out as well is a false one whose sentence may not assert it: "it is not so that 2 + 2 = 5", "17 = 2 (mod 5)", "is 3 * 4 = 13?".

    Args:
        text: the step.
        written: the earlier steps.
    """
    found = _equations_of(text)
    if not found:
        return ()
    before = {(left, right) for step in written for left, right, _ in _equations_of(step)}
    return tuple(Equality(left, right, rounded=True) for left, right, doubtful in found if _says_something(left, right, (left, right) in before, doubtful))


@lru_cache(maxsize=1 << 13)
def _equations_of(step: str) -> tuple[tuple[str, str, bool], ...]:
    """The equations of a step, each once, with whether one may doubt that it is asserted wherever it stands."""
    found: dict[tuple[str, str], bool] = {}
    ends = [0, *(end.end() for end in _SENTENCE_END.finditer(step)), len(step)]
    for equation in equations(step):
        first = ends[bisect_right(ends, equation.start) - 1]
        last = ends[min(bisect_left(ends, equation.end), len(ends) - 1)]
        pair = (equation.left, equation.right)
        found[pair] = found.get(pair, True) and _DOUBT.search(step, first, last) is not None
    return tuple((left, right, doubtful) for (left, right), doubtful in found.items())


def _says_something(left: str, right: str, again: bool, doubtful: bool) -> bool:
    try:
        one, other = parse_expression(left), parse_expression(right)
    except ExpressionError:  # divided by zero: false
        return not doubtful
    true = one.value == other.value or rounds_to(one.value, right)
    return one.text != other.text and not (again if true else doubtful)

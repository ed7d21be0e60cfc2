"""The forms of the computations in word problems, and what comes out of them."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TypeAlias

_NONE = Fraction(0)
_Computation: TypeAlias = Callable[[Fraction, Fraction, Fraction], Fraction]

FORMS: dict[str, _Computation] = {
    "{0} + {1}": lambda a, b, _: a + b,
    "{0} - {1}": lambda a, b, _: a - b,
    "{1} - {0}": lambda a, b, _: b - a,
    "{0} * {1}": lambda a, b, _: a * b,
    "{0} / {1}": lambda a, b, _: a / b,
    "{1} / {0}": lambda a, b, _: b / a,
    "2 * {0}": lambda a, _, __: 2 * a,
    "{0} / 2": lambda a, _, __: a / 2,
    "{0} + 2": lambda a, _, __: a + 2,
    "{0} - 2": lambda a, _, __: a - 2,
    "3 * {0}": lambda a, _, __: 3 * a,
    "{0} / 3": lambda a, _, __: a / 3,
    "{0} + 3": lambda a, _, __: a + 3,
    "{0} - 3": lambda a, _, __: a - 3,
    "({0} + {1}) / 2": lambda a, b, _: (a + b) / 2,
    "{0} + {1} / 2": lambda a, b, _: a + b / 2,
    "{0} - {1} / 2": lambda a, b, _: a - b / 2,
    "({0} + {1} + {2}) / 3": lambda a, b, c: (a + b + c) / 3,
    "({0} + {1}) / 3 + {2}": lambda a, b, c: (a + b) / 3 + c,
    "{0} + {1} + {2}": lambda a, b, c: a + b + c,
    "{0} + {1} - {2}": lambda a, b, c: a + b - c,
    "{0} * {1} / {2}": lambda a, b, c: a * b / c,
    "{0} * {2} / {1}": lambda a, b, c: a * c / b,
    "{0} / {2}": lambda a, _, c: a / c,
    "{0} - {0} * {1} / {2}": lambda a, b, c: a - a * b / c,
    "{0} * {1} / 100": lambda a, b, _: a * b / 100,
    "{0} + {0} * {1} / 100": lambda a, b, _: a + a * b / 100,
    "{0} - {0} * {1} / 100": lambda a, b, _: a - a * b / 100,
}
"""The forms, with {0}, {1}, {2} for the operands, and the functions that they stand for. (Reading the text again would take most of the time of a step.)"""


def computed(form: str, operands: Sequence[Fraction]) -> Fraction | None:
    """What comes out; None where it divides by zero."""
    a, b, c, *_ = (*operands, _NONE, _NONE)
    try:
        return FORMS[form](a, b, c)
    except ZeroDivisionError:
        return None

"""The look of a series: one colour and one marker for each credit assigner, the same in every figure.

Six colours, then the markers tell series apart. Found by a search that keeps every pair at least 12 apart (100 x distance in OKLab) in
normal sight and under simulated protanopia, deuteranopia and tritanopia (Machado et al. 2009, severity 1), and every colour at a contrast of 3 or
more with its background (WCAG 2.2, 1.4.11). `tests/report/test_curves.py` holds them to it. The two tuples share their order of hues.
"""

from typing import Literal, TypeAlias, get_args

LIGHT_PAPER = "#ffffff"
LIGHT = ("#132797", "#d6752f", "#179cb1", "#705602", "#635dd5", "#601d43")

DARK_PAPER = "#15171b"
DARK = ("#5eb9fa", "#aa791e", "#78f9d8", "#e8c728", "#866aeb", "#f98297")

MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Matplotlib's codes. Seven of them against six colours: the first 42 series differ in the pair."""


LineStyle: TypeAlias = Literal["solid", "dashed", "dotted", "dashdot"]
LINE_STYLES: tuple[LineStyle, ...] = get_args(LineStyle)
"""Matplotlib's names. The colours begin anew with the next one, so that no two of 24 lines look alike between their markers."""


def colour_index(series: int) -> int:
    """Which of the colours series number `series` has, from 0."""
    return series % len(LIGHT)


def marker(series: int) -> str:
    """Which marker series number `series` has."""
    return MARKERS[series % len(MARKERS)]


def line_style(series: int) -> LineStyle:
    """Which line series number `series` has."""
    return LINE_STYLES[series // len(LIGHT) % len(LINE_STYLES)]

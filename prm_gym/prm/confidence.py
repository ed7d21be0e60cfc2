"""Relative changes of confidence: a step after which a right outcome is suddenly much less likely is taken for wrong.

    change_t = (c_t - c_{t-1}) / c_{t-1},     c_t = P(the final answer will be right | problem, steps 1..t)

A step is wrong where change_t < drop, -0.5 in the source. So min(1, c_t / c_{t-1}) = min(1, 1 + change_t) is used as P(step is right): it is one half
exactly at the source's threshold, and 1 where the confidence did not fall.

Source: Lu et al. 2024, AutoPSV (2405.16802), section 4; its code compares the last token of a step with the first token of it, and takes a confidence below
1e-5 for an error; every step after the first wrong one is labelled wrong. Here c_{t-1} is read at the end of the step before, as in the paper, and from a
confidence below 1e-5 nothing is concluded.
"""

from collections.abc import Sequence
from itertools import pairwise

FLOOR = 1e-5
DROP = -0.5


def relative_changes(confidences: Sequence[float | None], floor: float = FLOOR) -> tuple[float | None, ...]:
    """[T] the change that each step makes; None where a confidence is not known, or the one before is below the floor.

    >>> [round(change, 3) for change in relative_changes([0.5, 0.6, 0.15])]
    [0.2, -0.75]

    Args:
        confidences: [T + 1] in [0, 1]: before the first step, and after each.
        floor: below it a confidence is lost, and says nothing about the next step. > 0.
    """
    found: list[float | None] = []
    for before, after in pairwise(confidences):
        found.append(None if before is None or after is None or before < floor else (after - before) / before)
    return tuple(found)


def change_scores(confidences: Sequence[float | None], floor: float = FLOOR) -> tuple[float | None, ...]:
    """[T] min(1, c_t / c_{t-1}) in [0, 1], P(step is right); None where it cannot be told.

    >>> change_scores([0.5, 0.6, 0.15])
    (1.0, 0.25)

    Args:
        confidences: [T + 1], see `relative_changes`.
        floor: likewise.
    """
    return tuple(None if change is None else min(1.0, max(0.0, 1.0 + change)) for change in relative_changes(confidences, floor))


def process_labels(confidences: Sequence[float | None], drop: float = DROP, floor: float = FLOOR) -> tuple[float | None, ...]:
    """[T] the labels that the source trains on: 1 up to the first step whose change is below `drop`, 0 from there on; None from the first unknown one on.

    >>> process_labels([0.5, 0.6, 0.15, 0.4])
    (1.0, 0.0, 0.0)

    Args:
        confidences: [T + 1], see `relative_changes`.
        drop: in (-1, 0).
        floor: see `relative_changes`.
    """
    labels: list[float | None] = []
    for change in relative_changes(confidences, floor):
        if labels and labels[-1] != 1.0:
            labels.append(labels[-1])
        else:
            labels.append(None if change is None else float(change >= drop))
    return tuple(labels)

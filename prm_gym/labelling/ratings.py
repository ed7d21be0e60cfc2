"""Ratings of steps: +1, 0 or -1 as in PRM800K, and None where nothing can be told.

Source: the scale of PRM800K (Lightman et al. 2023, Let's Verify Step by Step); None is ours.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Verdict

Rating: TypeAlias = Literal[-1, 0, 1]

_BY_LABEL: dict[str, Rating] = {"correct": 1, "neutral": 0, "trivial": 0, "incorrect": -1, "malformed": -1, "vacuous": -1}


def rating_of(verdicts: Iterable[Verdict]) -> Rating | None:
    """The rating of a step from the verdicts on it.

    One refutation (incorrect, malformed, vacuous) makes it -1; else one confirmation makes it +1; else 0 if one says that it is right and empty, or neither
    right nor wrong. A verdict without a label counts by its score: +1 from 0.5 on. Verdicts that cannot tell have no vote.

    Returns:
        None when no verdict can tell.
    """
    found = {rating for verdict in verdicts if (rating := _rating(verdict)) is not None}
    if -1 in found:
        return -1
    return 1 if 1 in found else 0 if found else None


def _rating(verdict: Verdict) -> Rating | None:
    if verdict.status != "ok":
        return None
    if verdict.label is not None:
        return _BY_LABEL[verdict.label]
    if verdict.score is None:
        return None
    return 1 if verdict.score >= 0.5 else -1


def ratings(trajectory: Trajectory) -> tuple[Rating | None, ...]:
    """The rating of every step."""
    return tuple(rating_of(step.verdicts.values()) for step in trajectory.steps)


def first_error(rated: Iterable[Rating | None], *, undecided_is_right: bool = False) -> int | None:
    """Index of the first step that is wrong, -1 if none is; None when that cannot be told, because a step before it is undecided.

    Args:
        rated: ratings in order.
        undecided_is_right: take undecided steps for right ones.
    """
    undecided = False
    for index, rating in enumerate(rated):
        if rating == -1:
            return None if undecided else index
        undecided = undecided or (rating is None and not undecided_is_right)
    return None if undecided else -1


def refuting(step: Step) -> Verdict | None:
    """The verdict that refutes a step, the first if there are several."""
    return next((verdict for verdict in step.verdicts.values() if _rating(verdict) == -1), None)

"""Ratings of steps: +1, 0 or -1 as in PRM800K, and None where nothing can be told.

Source: the scale of PRM800K (Lightman et al. 2023, Let's Verify Step by Step); None is ours.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from prm_gym.trajectory import Trajectory
from prm_gym.verdict import Verdict

TEXT = "text/"  # how the `env_id` of what was written outside an environment begins

Rating: TypeAlias = Literal[-1, 0, 1]

_BY_LABEL: dict[str, Rating] = {"correct": 1, "neutral": 0, "trivial": 0, "incorrect": -1, "vacuous": -1}


def rating_of(verdicts: Iterable[Verdict], malformed: Rating | None = -1) -> Rating | None:
    """The rating of a step from the verdicts on it.

    One refutation (incorrect, vacuous) makes it -1; else one confirmation makes it +1; else 0 if one says that it is right and empty, or neither
    right nor wrong. A verdict without a label counts by its score: +1 from 0.5 on. Verdicts that cannot tell have no vote.

    Args:
        verdicts: on the step.
        malformed: what "malformed" says of the step: -1, or None where nobody told its writer the notation.

    Returns:
        None when no verdict can tell.
    """
    found = {rating for verdict in verdicts if (rating := _rating(verdict, malformed)) is not None}
    if -1 in found:
        return -1
    return 1 if 1 in found else 0 if found else None


def _rating(verdict: Verdict, malformed: Rating | None) -> Rating | None:
    if verdict.status != "ok":
        return None
    if verdict.label == "malformed":
        return malformed
    if verdict.label is not None:
        return _BY_LABEL[verdict.label]
    if verdict.score is None:
        return None
    return 1 if verdict.score >= 0.5 else -1


def ratings(trajectory: Trajectory) -> tuple[Rating | None, ...]:
    """The rating of every step. In an environment's episode a malformed step is wrong: its writer was told the notation; in a text it is undecided."""
    malformed = None if trajectory.env_id.startswith(TEXT) else -1
    return tuple(rating_of(step.verdicts.values(), malformed) for step in trajectory.steps)


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

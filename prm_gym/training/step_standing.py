"""Right and wrong steps, by what the verifiers said of them."""

from prm_gym.trajectory import Step, Trajectory

EMPTY_LABELS = frozenset(("trivial", "vacuous", "neutral"))
"""Of steps that lead nowhere and break nothing: their score is 0, and they are no errors."""


def mean_score(step: Step) -> float | None:
    """Mean of the scores that the verifiers gave a step, in [0, 1]; None where none did."""
    scores = [verdict.score for verdict in step.verdicts.values() if verdict.score is not None]
    return sum(scores) / len(scores) if scores else None


def is_right(step: Step, threshold: float = 0.5) -> bool | None:
    """Whether a step is right; None where no verifier can tell, and of a step that is neither right nor an error (trivial, vacuous, neutral).

    Args:
        step: with its verdicts.
        threshold: mean score from which on it is right, in (0, 1].
    """
    score = mean_score(step)
    if score is None:
        return None
    if score >= threshold:
        return True
    return None if any(verdict.label in EMPTY_LABELS for verdict in step.verdicts.values()) else False


def first_wrong(trajectory: Trajectory, threshold: float = 0.5) -> int | None:
    """The place of the first step that is wrong; None where no step is known to be."""
    return next((place for place, step in enumerate(trajectory.steps) if is_right(step, threshold) is False), None)

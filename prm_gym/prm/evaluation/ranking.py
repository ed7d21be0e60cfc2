"""Ranking and abstaining: ROC, precision and recall of finding wrong steps, risk against coverage.

Wrong steps are what is looked for: the positive class is "wrong", found by a low score. Equal scores are one group, and never ordered to anybody's advantage.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.bootstrap import FloatArray, IntArray


class Curve(msgspec.Struct, frozen=True):
    """Points of a curve, in order of x.

    Attributes:
        x: [P].
        y: [P].
        area: below it; of risk and coverage the mean risk (the lower the better).
    """

    x: tuple[float, ...]
    y: tuple[float, ...]
    area: float


class Ranked:
    """Steps in order of their scores, from the lowest; equal ones together. Made once, asked with many weights."""

    def __init__(self, scores: FloatArray, wrong: Sequence[bool]) -> None:
        """Sort them.

        Args:
            scores: [N] float64.
            wrong: [N] whether the step is wrong.

        Raises:
            OptionError: there is none, or the lengths differ.
        """
        if len(scores) != len(wrong) or not len(scores):
            raise OptionError(f"there is one score for every step, at least one; got {len(scores)} and {len(wrong)}")
        self._order: IntArray = np.argsort(scores, kind="stable")
        ordered = np.asarray(scores, dtype=np.float64)[self._order]
        self._ends: IntArray = np.append(np.flatnonzero(np.diff(ordered) > 0), len(ordered) - 1)
        self._wrong: FloatArray = np.asarray(wrong, dtype=np.float64)[self._order]

    def _found(self, weights: FloatArray | None) -> tuple[FloatArray, FloatArray]:
        """Weights of wrong and right steps up to each score."""
        weight = np.ones(len(self._order)) if weights is None else weights[self._order]
        return np.cumsum(weight * self._wrong)[self._ends], np.cumsum(weight * (1.0 - self._wrong))[self._ends]

    def roc_auc(self, weights: FloatArray | None = None) -> float:
        """P(a wrong step scores below a right one) + 1/2 P(equal), in [0, 1]; nan without steps of both kinds."""
        hits, alarms = (np.concatenate([[0.0], found]) for found in self._found(weights))
        if not hits[-1] or not alarms[-1]:
            return float("nan")
        return float(np.trapezoid(hits, alarms) / (hits[-1] * alarms[-1]))

    def average_precision(self, weights: FloatArray | None = None) -> float:
        """Average precision of finding wrong steps; nan without a wrong step. Chance reaches the share of wrong steps.

        The sum over scores, from the lowest, of the gain in recall times the precision there.
        """
        hits, alarms = self._found(weights)
        if not hits[-1]:
            return float("nan")
        total = hits + alarms
        precision = np.divide(hits, total, out=np.zeros_like(hits), where=total > 0)
        return float(np.sum(np.diff(hits, prepend=0.0) * precision) / hits[-1])

    def roc(self) -> Curve:
        """Hits against false alarms."""
        hits, alarms = (np.concatenate([[0.0], found]) for found in self._found(None))
        return Curve(_shares(alarms), _shares(hits), self.roc_auc())

    def precision_recall(self) -> Curve:
        """Precision against recall, at every score."""
        hits, alarms = self._found(None)
        return Curve(_shares(hits), tuple(float(value) for value in hits / (hits + alarms)), self.average_precision())


def stepped(curve: Curve) -> Curve:
    """A curve as its area counts it: each value reaches back to the x before it, from 0 on."""
    x = [value for before, after in zip((0.0, *curve.x), curve.x, strict=False) for value in (before, after)]
    return Curve(tuple(x), tuple(value for value in curve.y for _ in range(2)), curve.area)


def risk_coverage(scores: Sequence[float | None], wrong: Sequence[bool], threshold: float = 0.5) -> Curve:
    """The share told wrongly among the most certain steps, against how many of all steps these are.

    A step is said to be right from the threshold on; its certainty is how far the score lies from the threshold, as a share of the way to 0 or to 1. Steps
    without a score are never covered: the curve ends at the share of judged steps. Equally certain steps are covered together.

    Args:
        scores: [N] P(step is right); None where the verifier cannot tell.
        wrong: [N] whether the step is wrong.
        threshold: in [0, 1].

    Returns:
        x: coverage in (0, 1]; y: risk in [0, 1]; area: mean risk over the judged steps (AURC), nan where none is judged.
    """
    judged = [(score, bad) for score, bad in zip(scores, wrong, strict=True) if score is not None]
    if not judged:
        return Curve((), (), float("nan"))
    values = np.array([score for score, _ in judged])
    mistaken = (values >= threshold) == np.array([bad for _, bad in judged])
    room = np.where(values >= threshold, max(1.0 - threshold, EPSILON), max(threshold, EPSILON))
    ranked = np.argsort(-(certainty := np.abs(values - threshold) / room), kind="stable")
    ends = np.append(np.flatnonzero(np.diff(certainty[ranked]) < 0), len(values) - 1)
    covered = (ends + 1).astype(np.float64)
    risk = np.cumsum(mistaken[ranked].astype(np.float64))[ends] / covered
    area = float(np.sum(np.diff(covered, prepend=0.0) * risk) / covered[-1])
    return Curve(tuple(float(value) for value in covered / len(scores)), tuple(float(value) for value in risk), area)


EPSILON = 1e-12


def _shares(found: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in (found / found[-1] if found[-1] else found))

"""Calibration: whether a step that scores 0.8 is right in four cases of five.

    ECE   = sum_b n_b / N |mean label of b - mean score of b|        over bins b of equal width, or of equally many steps
    Brier = mean (s - y)^2
    NLL   = - mean [y log s + (1 - y) log(1 - s)]                    scores kept 1e-6 away from 0 and 1, else one certain mistake were infinite

Sources: Guo et al. 2017 (equal width); Nixon et al. 2019 (equal mass).
"""

from typing import Literal, TypeAlias

import msgspec
import numpy as np

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.bootstrap import FloatArray, IntArray

Binning: TypeAlias = Literal["width", "mass"]

EPSILON = 1e-6
BINS = 10


class Reliability(msgspec.Struct, frozen=True):
    """What the bins of a reliability diagram hold; empty bins are left out.

    Attributes:
        low: [B] lower end of each; of bins of equal mass the lowest score in it.
        high: [B] upper end; the highest score.
        score: [B] mean score.
        right: [B] share that is right (mean label).
        count: [B] how many steps.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    score: tuple[float, ...]
    right: tuple[float, ...]
    count: tuple[int, ...]

    @property
    def error(self) -> float:
        """Expected calibration error, in [0, 1]."""
        total = sum(self.count)
        return sum(n * abs(y - s) for n, s, y in zip(self.count, self.score, self.right, strict=True)) / total if total else 0.0


class Calibration(msgspec.Struct, frozen=True):
    """The figures of calibration, all the lower the better.

    Attributes:
        steps: judged steps with a label.
        ece_width: over bins of equal width, in [0, 1].
        ece_mass: over bins of equally many steps.
        brier: in [0, 1].
        nll: in nats.
        base_rate: share of right steps: what a constant that knows it would score.
    """

    steps: int
    ece_width: float
    ece_mass: float
    brier: float
    nll: float
    base_rate: float


def calibration(scores: FloatArray, labels: FloatArray, bins: int = BINS) -> Calibration:
    """The figures.

    Args:
        scores: [N] float64, P(step is right), in [0, 1].
        labels: [N] float64, in [0, 1]; soft ones are shares.
        bins: of both kinds.

    Raises:
        OptionError: there is no step, the shapes differ, or a value lies outside [0, 1].
    """
    scores, labels = _checked(scores, labels)
    return Calibration(
        steps=len(scores),
        ece_width=reliability(scores, labels, bins, "width").error,
        ece_mass=reliability(scores, labels, bins, "mass").error,
        brier=float(np.mean((scores - labels) ** 2)),
        nll=float(np.mean(nll(scores, labels))),
        base_rate=float(labels.mean()),
    )


def reliability(scores: FloatArray, labels: FloatArray, bins: int = BINS, binning: Binning = "width") -> Reliability:
    """The bins of a reliability diagram.

    Args:
        scores: [N] float64, in [0, 1].
        labels: [N] float64, in [0, 1].
        bins: how many; of equal mass there are fewer where many scores are the same, for equal scores stay in one bin.
        binning: "width" or "mass".

    Raises:
        OptionError: as `calibration`, or fewer than one bin.
    """
    scores, labels = _checked(scores, labels)
    if bins < 1:
        raise OptionError(f"there is at least one bin, got {bins}")
    edges = bin_edges(scores, bins, binning)
    place = bin_of(scores, edges)
    count = np.bincount(place, minlength=len(edges) - 1)
    kept = np.flatnonzero(count)
    score, right = (np.bincount(place, weights=values, minlength=len(edges) - 1)[kept] / count[kept] for values in (scores, labels))
    low, high = edges[kept], edges[kept + 1]
    if binning == "mass":
        low, high = (np.array([pick(scores[place == at]) for at in kept]) for pick in (np.min, np.max))
    return Reliability(_floats(low), _floats(high), _floats(score), _floats(right), tuple(int(n) for n in count[kept]))


def bin_edges(scores: FloatArray, bins: int, binning: Binning) -> FloatArray:
    """[B + 1] float64, from 0 to 1; of equal mass equal scores go where the middle one of them goes."""
    if binning == "width":
        return np.linspace(0.0, 1.0, bins + 1)
    values, counts = np.unique(scores, return_counts=True)
    place = (2 * np.cumsum(counts) - counts) * bins // (2 * len(scores))  # of the middle one of the steps with each value
    starts = values[1:][np.diff(place) > 0]
    return np.concatenate([[0.0], starts, [1.0]])


def bin_of(scores: FloatArray, edges: FloatArray) -> IntArray:
    """[N] int64: the bin of each score; a bin holds its lower end, the last one both."""
    return np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, len(edges) - 2).astype(np.int64)


def nll(scores: FloatArray, labels: FloatArray) -> FloatArray:
    """[N] negative log-likelihood of each label, in nats."""
    kept = np.clip(scores, EPSILON, 1.0 - EPSILON)
    return -(labels * np.log(kept) + (1.0 - labels) * np.log1p(-kept))


def ece_of_sums(sums: FloatArray) -> FloatArray:
    """ECE [...] from sums [..., 2 B + 1] over steps: of (label - score) in each bin, of 1 in each bin, of 1; for resampling with fixed bins."""
    bins = (sums.shape[-1] - 1) // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.abs(sums[..., :bins]).sum(axis=-1) / sums[..., -1]


def ece_counts(scores: FloatArray, labels: FloatArray, edges: FloatArray) -> FloatArray:
    """[N, 2 B + 1] float64: what `ece_of_sums` wants summed."""
    place, bins = bin_of(scores, edges), len(edges) - 1
    counts = np.zeros((len(scores), 2 * bins + 1))
    rows = np.arange(len(scores))
    counts[rows, place] = labels - scores
    counts[rows, bins + place] = 1.0
    counts[:, -1] = 1.0
    return counts


def _checked(scores: FloatArray, labels: FloatArray) -> tuple[FloatArray, FloatArray]:
    scores, labels = np.asarray(scores, dtype=np.float64), np.asarray(labels, dtype=np.float64)
    if scores.ndim != 1 or scores.shape != labels.shape or not len(scores):
        raise OptionError(f"scores and labels are [N], at least one; got {scores.shape} and {labels.shape}")
    if not all(np.all((values >= 0.0) & (values <= 1.0)) for values in (scores, labels)):
        raise OptionError("scores and labels lie in [0, 1]")
    return scores, labels


def _floats(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(value) for value in values)

"""Finding the first wrong step: ProcessBench's F1, and the threshold that is best on other data.

    accuracy on erroneous = share of solutions with a wrong step whose first wrong step is named
    accuracy on correct   = share of solutions without one that are left alone
    F1                    = 2 a b / (a + b), 0 where both are 0

Source: Zheng et al. 2024 (ProcessBench), section 4; the official script reads an answer that cannot be parsed as a miss, and so do we.
"""

import math
from collections.abc import Sequence

import msgspec
import numpy as np

from prm_gym.errors import OptionError
from prm_gym.prm.aggregation import Undecided, check_undecided
from prm_gym.prm.evaluation.bootstrap import FloatArray


class FirstErrorScore(msgspec.Struct, frozen=True):
    """How well first wrong steps are found.

    Attributes:
        erroneous: solutions with a wrong step.
        correct: solutions without one.
        erroneous_accuracy: share of the former whose first wrong step is named, in [0, 1].
        correct_accuracy: share of the latter that are left alone.
        f1: their harmonic mean.
        undetermined: solutions of which nothing could be told; each is a miss.
    """

    erroneous: int
    correct: int
    erroneous_accuracy: float
    correct_accuracy: float
    f1: float
    undetermined: int


class Tuned(msgspec.Struct, frozen=True):
    """A threshold and the F1 that it reaches on the data it was chosen on."""

    threshold: float
    f1: float


def processbench_f1(gold: Sequence[int], predicted: Sequence[int | None]) -> FirstErrorScore:
    """ProcessBench's figures.

    Args:
        gold: [N] index of the first wrong step, from 0; -1 for none.
        predicted: [N] likewise; None is a miss.

    Raises:
        OptionError: the two are not of one length.
    """
    sums = first_error_counts(gold, predicted).sum(axis=0)
    error_hits, errors, clean_hits, cleans = (float(value) for value in sums)
    return FirstErrorScore(
        erroneous=int(errors),
        correct=int(cleans),
        erroneous_accuracy=error_hits / errors if errors else 0.0,
        correct_accuracy=clean_hits / cleans if cleans else 0.0,
        f1=float(f1_of_sums(sums)),
        undetermined=sum(said is None for said in predicted),
    )


def first_error_counts(gold: Sequence[int], predicted: Sequence[int | None]) -> FloatArray:
    """[N, 4] float64: has an error and it is named, has an error, has none and is left alone, has none.

    Raises:
        OptionError: the two are not of one length.
    """
    if len(gold) != len(predicted):
        raise OptionError(f"{len(gold)} solutions have {len(predicted)} predictions")
    rows = [(float(g >= 0 and p == g), float(g >= 0), float(g < 0 and p == -1), float(g < 0)) for g, p in zip(gold, predicted, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), 4)


def f1_of_sums(sums: FloatArray) -> FloatArray:
    """F1 [...] from sums [..., 4] of `first_error_counts`; 0 where both accuracies are 0, nan where there is no solution of a kind."""
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = sums[..., 0] / sums[..., 1], sums[..., 2] / sums[..., 3]
        found = np.where(a + b > 0, 2 * a * b / (a + b), 0.0)
    return np.where(np.isfinite(a) & np.isfinite(b), found, np.nan)


def tune_threshold(gold: Sequence[int], scores: Sequence[Sequence[float | None]], undecided: Undecided = "miss") -> Tuned:
    """The threshold of the highest F1, exactly, in O(N log N): never to be reported on the data it was chosen on.

    A solution with its first error at g is a hit for thresholds in (s_g, min of s before g]; one without an error for those up to the lowest of its scores.
    The middle of the best stretch is taken, of several the widest.

    Args:
        gold: [N] index of the first wrong step, -1 for none.
        scores: [N] of the steps of each solution.
        undecided: what a None comes to.

    Raises:
        OptionError: no solution with an error, or none without.
    """
    check_undecided(undecided)
    if len(gold) != len(scores):
        raise OptionError(f"{len(gold)} solutions have {len(scores)} lists of scores")
    errors, cleans = sum(g >= 0 for g in gold), sum(g < 0 for g in gold)
    if not errors or not cleans:
        raise OptionError(f"a threshold is tuned on solutions with errors and without; there are {errors} and {cleans}")
    spans = [(g < 0, span) for g, own in zip(gold, scores, strict=True) if (span := _span(g, own, undecided)) is not None]
    ends = np.unique([0.0, 1.0, *(end for _, span in spans for end in span)])
    hits = {kind: _covering(ends, [span for clean, span in spans if clean is kind]) for kind in (True, False)}
    a, b = hits[False] / errors, hits[True] / cleans
    f1 = np.divide(2 * a * b, a + b, out=np.zeros_like(a), where=a + b > 0)
    best = np.flatnonzero(f1 >= f1.max() - 1e-12)
    place = int(best[np.argmax(np.diff(ends)[best])])
    return Tuned(float((ends[place] + ends[place + 1]) / 2), float(f1[place]))


def _span(gold: int, scores: Sequence[float | None], undecided: Undecided) -> tuple[float, float] | None:
    """The thresholds (low, high] in [0, 1] at which a solution is a hit; None where none is."""
    before = scores if gold < 0 else scores[:gold]
    if (undecided == "miss" and any(score is None for score in before)) or not scores:
        return None
    high = min((score for score in before if score is not None), default=1.0)
    if gold < 0:
        return (0.0, high) if high > 0.0 else None
    found = scores[gold] if gold < len(scores) else None
    return None if found is None or found >= high else (found, high)


def _covering(ends: FloatArray, spans: Sequence[tuple[float, float]]) -> FloatArray:
    """[len(ends) - 1] how many spans hold each stretch between two neighbouring ends."""
    change = np.zeros(len(ends))
    for low, high in spans:
        change[np.searchsorted(ends, low)] += 1
        change[np.searchsorted(ends, high)] -= 1
    return np.cumsum(change)[:-1]


def mean_f1(scores: Sequence[FirstErrorScore]) -> float:
    """The headline of several subsets: the mean of their F1."""
    return math.fsum(score.f1 for score in scores) / len(scores) if scores else 0.0

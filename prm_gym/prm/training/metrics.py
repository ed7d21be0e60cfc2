"""What held-out steps say of a model, and the temperature and threshold that fit it."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

THRESHOLDS = np.arange(2, 99) / 100.0


class HeldOut(msgspec.Struct, frozen=True):
    """Figures on held-out chains. A step is wrong when its label is below one half.

    Attributes:
        chains: with a label.
        steps: with a label.
        wrong_share: of the steps.
        nll: mean cross-entropy of the steps, in nats.
        constant_nll: of the best constant, which says the mean label of these steps.
        brier: mean squared distance of score and label.
        accuracy: share of the steps that the threshold puts on their side.
        macro_f1: mean of the F1 of right and of wrong steps.
        auc: probability that a right step scores above a wrong one; None without both.
        first_error_f1: harmonic mean of the shares of chains with and without an error whose first error (or none) is found, as ProcessBench has it; None
            without chains of both kinds.
        pairs: that were compared.
        pair_accuracy: share of the pairs whose better end scores higher; None without pairs.
    """

    chains: int
    steps: int
    wrong_share: float
    nll: float
    constant_nll: float
    brier: float
    accuracy: float
    macro_f1: float
    auc: float | None
    first_error_f1: float | None
    pairs: int = 0
    pair_accuracy: float | None = None


def held_out(logits: Sequence[Floats], targets: Sequence[Floats], threshold: float = 0.5, temperature: float = 1.0) -> HeldOut:
    """The figures of some chains.

    Args:
        logits: of each chain [T] z.
        targets: of each chain [T] in [0, 1]; NaN where there is no label.
        threshold: a step below it is said to be wrong.
        temperature: divides the logits.
    """
    flat, labels = _known(logits, targets)
    z = flat / temperature
    p = 1.0 / (1.0 + np.exp(-z))
    wrong, said = labels < 0.5, p < threshold
    mean = float(labels.mean()) if labels.size else math.nan
    return HeldOut(
        chains=sum(bool((~np.isnan(each)).any()) for each in targets),
        steps=len(labels),
        wrong_share=float(wrong.mean()) if labels.size else math.nan,
        nll=nll(z, labels),
        constant_nll=nll(np.full(len(labels), math.log(mean / (1.0 - mean))), labels) if 0.0 < mean < 1.0 else 0.0,
        brier=float(((p - labels) ** 2).mean()) if labels.size else math.nan,
        accuracy=float((wrong == said).mean()) if labels.size else math.nan,
        macro_f1=(_f1(said, wrong) + _f1(~said, ~wrong)) / 2.0,
        auc=_auc(z, wrong),
        first_error_f1=first_error_f1([1.0 / (1.0 + np.exp(-each / temperature)) for each in logits], targets, threshold),
    )


def nll(logits: Floats, labels: Floats) -> float:
    """Mean cross-entropy in nats of logits [N] against labels [N] in [0, 1]; NaN of nothing."""
    return float((np.logaddexp(0.0, logits) - labels * logits).mean()) if labels.size else math.nan


def fitted_temperature(logits: Sequence[Floats], targets: Sequence[Floats]) -> float:
    """The T > 0 under which the cross-entropy of z / T is least, within [0.05, 20].

    The cross-entropy is convex in 1/T, so bisection of its derivative finds the minimum:

        d/ds sum(log(1 + e^(s z)) - y s z) = sum z (sigmoid(s z) - y),    s = 1/T

    The labels are drawn in by one imagined step of either kind, or steps that are all told apart would make the scores 0 and 1, as if nothing could err.

    Source: Guo et al. 2017, On Calibration of Modern Neural Networks, section 4.2; the labels of Platt 1999, section 2.2.
    """
    z, labels = _known(logits, targets)
    if not z.size:
        return 1.0
    right = float(labels.sum())
    labels = labels * (right + 1.0) / (right + 2.0) + (1.0 - labels) / (len(labels) - right + 2.0)
    low, high = 1.0 / 20.0, 20.0
    for _ in range(60):
        s = math.sqrt(low * high)
        slope = float((z * (1.0 / (1.0 + np.exp(-s * z)) - labels)).sum())
        low, high = (s, high) if slope < 0.0 else (low, s)
    return 1.0 / math.sqrt(low * high)


def fitted_threshold(logits: Sequence[Floats], targets: Sequence[Floats], temperature: float) -> float:
    """The threshold among 0.02, 0.03, ... 0.98 with the highest F1 of the first error; of equal ones the nearest to 0.5. 0.5 where that F1 is not defined."""
    scores = [1.0 / (1.0 + np.exp(-each / temperature)) for each in logits]
    found = [(first_error_f1(scores, targets, float(threshold)), -abs(float(threshold) - 0.5), float(threshold)) for threshold in THRESHOLDS]
    defined = [(f1, near, threshold) for f1, near, threshold in found if f1 is not None]
    return max(defined)[2] if defined else 0.5


def first_error_f1(scores: Sequence[Floats], targets: Sequence[Floats], threshold: float) -> float | None:
    """Harmonic mean of the shares of chains with and without an error of which the first score below the threshold says where it is.

    Chains whose first error cannot be told, because a step before it has no label, are left out.

    Returns:
        None without chains of both kinds.
    """
    hits: tuple[list[bool], list[bool]] = ([], [])
    for score, target in zip(scores, targets, strict=True):
        errors = np.flatnonzero(target < 0.5)
        end = int(errors[0]) if errors.size else len(target)
        if np.isnan(target[:end]).any() or not len(target):
            continue
        said = np.flatnonzero(score < threshold)
        hits[bool(errors.size)].append((int(said[0]) if said.size else len(target)) == end)
    if not hits[0] or not hits[1]:
        return None
    right, wrong = float(np.mean(hits[0])), float(np.mean(hits[1]))
    return 2.0 * right * wrong / (right + wrong) if right + wrong else 0.0


def _known(logits: Sequence[Floats], targets: Sequence[Floats]) -> tuple[Floats, Floats]:
    flat = np.concatenate([*logits, np.zeros(0)])
    labels = np.concatenate([*targets, np.zeros(0)])
    return flat[~np.isnan(labels)], labels[~np.isnan(labels)]


def _f1(said: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    both = float((said & true).sum())
    total = float(said.sum() + true.sum())
    return 2.0 * both / total if total else 0.0


def _auc(z: Floats, wrong: NDArray[np.bool_]) -> float | None:
    """Area under the curve by ranks, equal scores sharing theirs."""
    right_count, wrong_count = int((~wrong).sum()), int(wrong.sum())
    if not right_count or not wrong_count:
        return None
    _, inverse, counts = np.unique(z, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[inverse]
    return float((ranks[~wrong].sum() - right_count * (right_count + 1) / 2.0) / (right_count * wrong_count))

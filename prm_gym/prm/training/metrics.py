"""What held-out steps say of a model, and the temperature and threshold that fit it."""

import math
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from prm_gym.prm.evaluation.first_error import f1_of_sums, first_error_counts, tune_threshold
from prm_gym.prm.evaluation.ranking import Ranked
from prm_gym.prm.evaluation.step_labels import step_label_score
from prm_gym.prm.labelled import first_error

Floats = NDArray[np.float64]


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
    p, wrong = sigmoid(z), labels < 0.5
    told = step_label_score((~wrong).tolist(), (p >= threshold).tolist())
    area = Ranked(z, wrong.tolist()).roc_auc() if labels.size else math.nan
    mean = float(labels.mean()) if labels.size else math.nan
    return HeldOut(
        chains=sum(bool((~np.isnan(each)).any()) for each in targets),
        steps=len(labels),
        wrong_share=float(wrong.mean()) if labels.size else math.nan,
        nll=cross_entropy(z, labels),
        constant_nll=cross_entropy(np.full(len(labels), math.log(mean / (1.0 - mean))), labels) if 0.0 < mean < 1.0 else 0.0,
        brier=float(((p - labels) ** 2).mean()) if labels.size else math.nan,
        accuracy=told.accuracy if labels.size else math.nan,
        macro_f1=told.prm_score,
        auc=None if math.isnan(area) else area,
        first_error_f1=first_error_f1([sigmoid(each / temperature) for each in logits], targets, threshold),
    )


def sigmoid(z: Floats) -> Floats:
    """P(right) [N] of logits [N]."""
    return np.exp(-np.logaddexp(0.0, -z))


def cross_entropy(logits: Floats, labels: Floats) -> float:
    """Mean cross-entropy in nats of logits [N] against labels [N] in [0, 1], without the bound that `calibration.nll` sets for scores; NaN of nothing."""
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
        slope = float((z * (sigmoid(s * z) - labels)).sum())
        low, high = (s, high) if slope < 0.0 else (low, s)
    return 1.0 / math.sqrt(low * high)


def fitted_threshold(logits: Sequence[Floats], targets: Sequence[Floats], temperature: float) -> float:
    """The threshold with the highest F1 of the first error (`tune_threshold`); 0.5 where that F1 is not defined, or 0 whatever the threshold."""
    gold, scores = _chains([sigmoid(each / temperature) for each in logits], targets)
    if not any(error >= 0 for error in gold) or -1 not in gold:
        return 0.5
    tuned = tune_threshold(gold, scores)
    return tuned.threshold if tuned.f1 > 0.0 else 0.5


def first_error_f1(scores: Sequence[Floats], targets: Sequence[Floats], threshold: float) -> float | None:
    """ProcessBench's F1 of the chains whose first error can be told from their targets.

    Returns:
        None without chains of both kinds.
    """
    gold, known = _chains(scores, targets)
    found = float(f1_of_sums(first_error_counts(gold, [first_error(each, threshold) for each in known]).sum(axis=0)))
    return None if math.isnan(found) else found


def _chains(scores: Sequence[Floats], targets: Sequence[Floats]) -> tuple[list[int], list[list[float]]]:
    """The first error and the scores of every chain of which the former is known."""
    errors = [first_error([None if math.isnan(label) else label for label in target.tolist()]) for target in targets]
    known = [(error, score.tolist()) for error, score in zip(errors, scores, strict=True) if error is not None]
    return [error for error, _ in known], [score for _, score in known]


def _known(logits: Sequence[Floats], targets: Sequence[Floats]) -> tuple[Floats, Floats]:
    flat = np.concatenate([*logits, np.zeros(0)])
    labels = np.concatenate([*targets, np.zeros(0)])
    return flat[~np.isnan(labels)], labels[~np.isnan(labels)]

"""MR-Score of MR-GSM8K: whether a solution is right, where it goes wrong first, and why.

    MR-Score = 0.2 max(0, MCC) + 0.3 accuracy(step) + 0.5 accuracy(reason)

Both accuracies are over the wrong solutions. A verifier of steps names no reason that could be graded: without one the last term is 0, and 0.5 is the most
that can be reached.

Source: Zeng et al. 2024 (MR-GSM8K), scripts/calculate_mr_score.py.
"""

import math
from collections.abc import Sequence

import msgspec

from prm_gym.errors import OptionError

WEIGHTS = (0.2, 0.3, 0.5)


class MrScore(msgspec.Struct, frozen=True):
    """The figures.

    Attributes:
        mcc: Matthews' correlation of "the solution is right" and what is said of it, in [-1, 1]; what cannot be told counts as told wrongly.
        step_accuracy: share of wrong solutions whose first wrong step is named.
        reason_accuracy: share whose reason is right as well; None where no reasons were graded.
        score: MR-Score, in [0, 1]; without reasons at most 0.5.
    """

    mcc: float
    step_accuracy: float
    reason_accuracy: float | None
    score: float


def mr_score(gold: Sequence[int], predicted: Sequence[int | None], reasons: Sequence[bool] | None = None) -> MrScore:
    """MR-Score.

    Args:
        gold: [N] index of the first wrong step, -1 for none.
        predicted: [N] likewise; None where nothing can be told.
        reasons: [N] whether the reason that was given is right; counted only where the step is.

    Raises:
        OptionError: they are not of one length.
    """
    if len(gold) != len(predicted) or (reasons is not None and len(reasons) != len(gold)):
        raise OptionError("every solution has one prediction, and one reason where reasons are given")
    pairs = list(zip(gold, predicted, strict=True))
    tp = sum(g < 0 and p == -1 for g, p in pairs)
    fn = sum(g < 0 and p != -1 for g, p in pairs)
    tn = sum(g >= 0 and p is not None and p >= 0 for g, p in pairs)
    fp = sum(g >= 0 and (p is None or p < 0) for g, p in pairs)
    scale = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    mcc = (tp * tn - fp * fn) / scale if scale else 0.0
    wrong = max(tn + fp, 1)
    step = sum(g >= 0 and p == g for g, p in pairs) / wrong
    reason = None if reasons is None else sum(g >= 0 and p == g and ok for (g, p), ok in zip(pairs, reasons, strict=True)) / wrong
    return MrScore(mcc, step, reason, WEIGHTS[0] * max(0.0, mcc) + WEIGHTS[1] * step + WEIGHTS[2] * (reason or 0.0))

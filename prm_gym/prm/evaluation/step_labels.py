"""Right and wrong steps: accuracy, F1 of both classes, PRMScore, Matthews' coefficient.

    PRMScore = 0.5 F1(right steps) + 0.5 F1(wrong steps)          (PRMBench, Socratic-PRMBench; threshold 0.5)

A step without a prediction is a miss of its class. Source: Song et al. 2025 (PRMBench), section 4.1 and mr_eval/tasks/prmtest_classified/task.py, where 0/0
is -1; it is 0 here.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.bootstrap import FloatArray


class StepLabelScore(msgspec.Struct, frozen=True):
    """How well steps are told apart.

    Attributes:
        steps: how many have a label.
        wrong: how many of them are wrong.
        accuracy: share that is told rightly, in [0, 1].
        f1_right: of the class of right steps.
        f1_wrong: of the class of wrong steps.
        prm_score: the mean of the two, which is the macro-F1 of two classes.
        mcc: Matthews' correlation, in [-1, 1]; undecided steps count as told wrongly.
        balanced_accuracy: the mean of the two recalls.
        undecided: steps without a prediction.
    """

    steps: int
    wrong: int
    accuracy: float
    f1_right: float
    f1_wrong: float
    prm_score: float
    mcc: float
    balanced_accuracy: float
    undecided: int


def step_label_score(gold: Sequence[bool], predicted: Sequence[bool | None]) -> StepLabelScore:
    """The figures of two classes.

    Args:
        gold: [N] the step is right.
        predicted: [N] it is said to be right; None where nothing is said.

    Raises:
        OptionError: the two are not of one length.
    """
    sums = step_counts(gold, predicted).sum(axis=0)
    rr, wr, ww, rw, right_undecided, wrong_undecided = (float(value) for value in sums)
    right, wrong = rr + rw + right_undecided, wr + ww + wrong_undecided
    f1_right, f1_wrong = float(f1_right_of_sums(sums)), float(f1_wrong_of_sums(sums))
    fn, fp = rw + right_undecided, wr + wrong_undecided
    scale = np.sqrt((rr + fp) * (rr + fn) * (ww + fp) * (ww + fn))
    recalls = [hit / number for hit, number in ((rr, right), (ww, wrong)) if number]
    return StepLabelScore(
        steps=int(right + wrong),
        wrong=int(wrong),
        accuracy=(rr + ww) / (right + wrong) if right + wrong else 0.0,
        f1_right=f1_right,
        f1_wrong=f1_wrong,
        prm_score=(f1_right + f1_wrong) / 2,
        mcc=float((rr * ww - fp * fn) / scale) if scale else 0.0,
        balanced_accuracy=sum(recalls) / len(recalls) if recalls else 0.0,
        undecided=int(right_undecided + wrong_undecided),
    )


def step_counts(gold: Sequence[bool], predicted: Sequence[bool | None]) -> FloatArray:
    """[N, 6] float64, one 1 a row: right said right, wrong said right, wrong said wrong, right said wrong, right undecided, wrong undecided.

    Raises:
        OptionError: the two are not of one length.
    """
    if len(gold) != len(predicted):
        raise OptionError(f"{len(gold)} steps have {len(predicted)} predictions")
    counts = np.zeros((len(gold), 6))
    for row, (right, said) in enumerate(zip(gold, predicted, strict=True)):
        counts[row, (4 if right else 5) if said is None else (0 if right else 1) if said else (3 if right else 2)] = 1.0
    return counts


def f1_right_of_sums(sums: FloatArray) -> FloatArray:
    """F1 of right steps [...] from sums [..., 6] of `step_counts`; 0 where there is none and none is said to be."""
    return _f1(sums[..., 0], sums[..., 0] + sums[..., 1], sums[..., 0] + sums[..., 3] + sums[..., 4])


def f1_wrong_of_sums(sums: FloatArray) -> FloatArray:
    """F1 of wrong steps, likewise."""
    return _f1(sums[..., 2], sums[..., 2] + sums[..., 3], sums[..., 1] + sums[..., 2] + sums[..., 5])


def prm_score_of_sums(sums: FloatArray) -> FloatArray:
    """PRMScore, likewise."""
    return (f1_right_of_sums(sums) + f1_wrong_of_sums(sums)) / 2


def accuracy_of_sums(sums: FloatArray) -> FloatArray:
    """Accuracy, likewise."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums[..., 0] + sums[..., 2]) / sums.sum(axis=-1)


def _f1(hits: FloatArray, said: FloatArray, there: FloatArray) -> FloatArray:
    total = np.asarray(said + there, dtype=np.float64)
    return np.divide(2 * hits, total, out=np.zeros_like(total), where=total > 0)


def similarity(flawed: Sequence[bool | None], twin: Sequence[bool | None]) -> float | None:
    """PRMBench's "similarity" of a flawed solution and its right twin; small where a model does not tell them apart.

        |share of steps said to be right in the one - in the other|

    Args:
        flawed: what is said of the steps of the flawed one.
        twin: of the right one.

    Returns:
        In [0, 1]; None where nothing is said of one of them.
    """
    shares = [[said for said in steps if said is not None] for steps in (flawed, twin)]
    if not all(shares):
        return None
    one, other = (sum(said) / len(said) for said in shares)
    return abs(one - other)

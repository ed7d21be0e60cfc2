import itertools

import numpy as np
import pytest

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.first_error import f1_of_sums, first_error_counts, processbench_f1, tune_threshold
from prm_gym.prm.evaluation.mr_score import mr_score
from prm_gym.prm.labelled import first_error


def test_by_hand():
    # Two with an error, one named; three without, two left alone (the third could not be told): a = 1/2, b = 2/3, F1 = 2 (1/2)(2/3) / (7/6) = 4/7.
    score = processbench_f1([1, 0, -1, -1, -1], [1, 2, -1, -1, None])
    assert (score.erroneous, score.correct, score.undetermined) == (2, 3, 1)
    assert score.f1 == pytest.approx(4 / 7)
    assert score.erroneous_accuracy == 0.5


def test_nothing_right_is_0_and_no_division_by_it():
    assert processbench_f1([0, -1], [-1, 0]).f1 == 0.0
    assert np.isnan(processbench_f1([0], [0]).f1)  # without right solutions there is no F1
    assert processbench_f1([0, -1], [0, -1]).f1 == 1.0


def test_a_score_at_the_threshold_is_right_and_silence_is_a_miss():
    assert first_error([0.5, 0.4], 0.5) == 1
    assert first_error([0.2, None], 0.5) == 0  # what comes after is not asked
    assert first_error([None, 0.2], 0.5) is None
    assert first_error([], 0.5) is None
    with pytest.raises(OptionError):
        first_error([0.1], undecided="wrong")


def _slow(gold, scores, threshold, undecided):
    """ProcessBench's own words, a solution at a time."""
    a, b = [], []
    for g, own in zip(gold, scores, strict=True):
        said = -1
        for place, score in enumerate(own):
            if score is None and undecided == "miss":
                said = None
                break
            if score is not None and score < threshold:
                said = place
                break
        (a if g != -1 else b).append(said == g)
    a, b = sum(a) / len(a), sum(b) / len(b)
    return 2 * a * b / (a + b) if a + b else 0.0


@pytest.mark.parametrize("undecided", ["miss", "right"])
def test_the_threshold_is_the_best_of_all_there_are(undecided):
    rng = np.random.default_rng(5)
    for _ in range(30):
        gold = [int(g) for g in rng.integers(-1, 3, size=12)] + [0, -1]
        scores = [[None if rng.random() < 0.1 else round(float(rng.random()), 1) for _ in range(int(rng.integers(3, 6)))] for _ in gold]
        tuned = tune_threshold(gold, scores, undecided)
        best = max(_slow(gold, scores, threshold, undecided) for threshold in np.linspace(0.001, 1.0, 1000))
        assert tuned.f1 == pytest.approx(best)
        assert _slow(gold, scores, tuned.threshold, undecided) == pytest.approx(best)
        predicted = [first_error(own, tuned.threshold, undecided) for own in scores]
        assert processbench_f1(gold, predicted).f1 == pytest.approx(best)


def test_a_threshold_needs_both_kinds_of_solutions():
    with pytest.raises(OptionError, match="with errors and without"):
        tune_threshold([-1], [[0.5]])


def test_the_sums_give_the_same_figure():
    gold, said = [0, 1, -1, -1], [0, None, -1, 0]
    assert f1_of_sums(first_error_counts(gold, said).sum(axis=0)) == processbench_f1(gold, said).f1 == pytest.approx(0.5)


def test_mr_score_by_hand():
    # 2 right solutions, 1 of them said to be right; 3 wrong, 2 of them said to be wrong, 1 at the right step. tp 1, fn 1, tn 2, fp 1:
    # MCC = (1*2 - 1*1) / sqrt(2*2*3*3) = 1/6. MR-Score = 0.2/6 + 0.3/3 = 0.1333.
    score = mr_score([-1, -1, 0, 1, 2], [-1, None, 0, 0, -1])
    assert score.mcc == pytest.approx(1 / 6)
    assert score.step_accuracy == pytest.approx(1 / 3)
    assert score.reason_accuracy is None
    assert score.score == pytest.approx(0.2 / 6 + 0.1)
    assert mr_score([-1, 0], [-1, 0], [True, True]).score == pytest.approx(1.0)
    assert mr_score([-1, 0], [0, -1]).score == 0.0  # a negative coefficient counts as 0


def test_a_constant_has_no_correlation():
    for constant in (-1, 0):
        assert mr_score([-1, 0, 1], [constant] * 3).mcc == 0.0
    assert all(mr_score(list(gold), [None] * 2).score == 0.0 for gold in itertools.product([-1, 0], repeat=2))

import itertools
import math

import numpy as np
import pytest

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.best_of_n import Pool, best_of, chances, length_of_best, majority_of, oracle_of, random_of, sizes
from prm_gym.prm.evaluation.bootstrap import sums_interval, weights_interval
from prm_gym.prm.evaluation.length_bias import length_bias, spearman
from prm_gym.prm.evaluation.pairwise import Preference, by_scores, pairwise_score


def _slow(values, right, lengths, n):
    """Every subset; equal scores share."""
    outcomes, steps = [], []
    for subset in itertools.combinations(range(len(values)), n):
        best = max(values[i] for i in subset)
        chosen = [i for i in subset if values[i] == best]
        outcomes.append(sum(right[i] for i in chosen) / len(chosen))
        steps.append(sum(lengths[i] for i in chosen) / len(chosen))
    return sum(outcomes) / len(outcomes), sum(steps) / len(steps)


def test_best_of_n_over_all_subsets():
    rng = np.random.default_rng(0)
    for _ in range(20):
        size = int(rng.integers(2, 8))
        scores = tuple(None if rng.random() < 0.2 else round(float(rng.random()), 1) for _ in range(size))
        right = tuple(bool(x) for x in rng.integers(0, 2, size=size))
        lengths = tuple(int(x) for x in rng.integers(1, 9, size=size))
        pool = Pool("p", right, scores, lengths, tuple("a" if ok else "b" for ok in right))
        values = [-1.0 if score is None else score for score in scores]
        for n in range(1, size + 1):
            assert (best_of(pool, n), length_of_best(pool, n)) == pytest.approx(_slow(values, right, lengths, n))
            assert oracle_of(pool, n) == pytest.approx(_slow([float(ok) for ok in right], right, lengths, n)[0])
            assert sum(chances(scores, n)) == pytest.approx(1.0)
        assert best_of(pool, 1) == pytest.approx(random_of(pool)) == pytest.approx(majority_of(pool, 1))


def test_a_constant_chooses_at_random():
    pool = Pool("p", (True, False, False, True), (0.3,) * 4)
    assert [best_of(pool, n) for n in (1, 2, 4)] == pytest.approx([0.5, 0.5, 0.5])
    assert [best_of(Pool("p", (True, False), (None, None)), n) for n in (1, 2)] == pytest.approx([0.5, 0.5])


def test_majority_by_hand():
    pool = Pool("p", (True, True, False, False, False), (0.9, 0.9, 0.1, 0.1, 0.1), (1,) * 5, ("4", "4", "5", "6", None))
    assert majority_of(pool, 5) == 1.0  # two votes against one and one; no answer has no vote
    wrong = Pool("p", (True, False, False), (0.9, 0.1, 0.2), (1,) * 3, ("4", "5", "5"))
    assert majority_of(wrong, 3) == 0.0
    assert majority_of(wrong, 3, weighted=True) == 1.0  # 0.9 against 0.3
    assert majority_of(Pool("p", (True, False), (0.5, 0.5), (1, 1), ("4", "5")), 2) == 0.5
    assert majority_of(Pool("p", (False,), (0.5,), (1,), (None,)), 1) == 0.0
    large = Pool("p", (True,) * 15 + (False,) * 15, (0.5,) * 30, (1,) * 30, ("4",) * 15 + ("5",) * 15)
    assert majority_of(large, 15) == majority_of(large, 15)  # drawn, from a seed
    assert abs(majority_of(large, 15) - 0.5) < 0.15


def test_pools_are_checked_and_sized():
    with pytest.raises(OptionError):
        Pool("p", (True,), ())
    with pytest.raises(OptionError):
        chances([0.1], 2)
    assert sizes([Pool("p", (True,) * 6, (None,) * 6)]) == [1, 2, 4, 6]


def test_length_bias_by_hand():
    # Ranks of the lengths 1..5; the score falls with length: correlation -1; among right ones (two of them) there are too few.
    found = length_bias([0.9, 0.8, 0.7, 0.6, None], [1, 2, 3, 4, 5], [True, True, False, False, None])
    assert found.solutions == 4
    assert found.overall == pytest.approx(-1.0)
    assert found.among_right is None
    assert spearman([1, 1, 1], [1, 2, 3]) is None
    # Equal values share their ranks: x (1.5, 1.5, 3), y (1, 2, 3): centred (-.5, -.5, 1) and (-1, 0, 1): 1.5 / sqrt(1.5 * 2).
    assert spearman([5, 5, 9], [1, 2, 3]) == pytest.approx(1.5 / math.sqrt(3.0))


def test_toolcomp_scores_both_orders():
    win, loss, tie = Preference("first", "second"), Preference("second", "first"), Preference("tie", "second")
    place, silent = Preference("first", "first"), Preference(None, "second")
    assert [each.score for each in (win, loss, tie, place, silent)] == [1.0, 0.0, 0.5, 0.5, 0.5]
    assert (place.flipped, silent.undecided, win.flipped) == (True, True, False)
    # Two states: the first wins both its pairs, the second one of two.
    found = pairwise_score([win, win, win, tie], ["a", "a", "b", "b"])
    assert (found.score, found.pairwise_accuracy, found.best_of_n_accuracy) == (0.875, 0.75, 0.5)
    assert by_scores(0.4, 0.6).score == 0.0


def test_intervals_resample_problems_and_not_steps():
    # 40 problems of 25 equal steps each: a bootstrap over steps would think that there are 1,000 observations. Its standard error is sqrt(p (1 - p) / 40).
    rng = np.random.default_rng(0)
    values = np.repeat(rng.permutation([1.0] * 20 + [0.0] * 20), 25)
    groups = [str(at // 25) for at in range(1000)]

    def ratio(sums):
        return sums[..., 0] / sums[..., 1]

    found = sums_interval(groups, np.stack([values, np.ones(1000)], axis=1), ratio)
    assert found.mean == 0.5
    assert found.high - found.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / 40), rel=0.1)
    assert found == sums_interval(groups, np.stack([values, np.ones(1000)], axis=1), ratio)  # seeded
    weighted = weights_interval(groups, lambda weights: float(weights @ values / weights.sum()), resamples=400)
    assert (weighted.low, weighted.high) == pytest.approx((found.low, found.high), abs=0.03)
    one = sums_interval(["a", "a"], np.ones((2, 2)), ratio)
    assert (one.mean, one.low, one.reason) == (1.0, None, "one problem")
    undefined = sums_interval(["a", "b"], np.zeros((2, 2)), lambda sums: np.full(sums.shape[:-1], np.nan))
    assert undefined.low is None

import math
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.agent_process import agent_process_score, first_error_hit, macro_f1_of_sums, rating_counts
from prm_gym.prm.evaluation.calibration import bin_edges, calibration, ece_counts, ece_of_sums, nll, reliability
from prm_gym.prm.evaluation.ranking import Ranked, risk_coverage
from prm_gym.prm.evaluation.step_labels import prm_score_of_sums, similarity, step_counts, step_label_score

# PRMScore


def test_prm_score_by_hand():
    # 3 right: 2 said right, 1 said wrong. 2 wrong: 1 said wrong, 1 undecided. F1 right: P 1, R 2/3 -> 4/5; F1 wrong: P 1/2, R 1/2 -> 1/2.
    score = step_label_score([True, True, True, False, False], [True, True, False, False, None])
    assert score.f1_right == pytest.approx(0.8)
    assert score.f1_wrong == pytest.approx(0.5)
    assert score.prm_score == pytest.approx(0.65)
    assert score.accuracy == pytest.approx(0.6)
    assert (score.steps, score.wrong, score.undecided) == (5, 2, 1)


def _official(gold, said):
    """As the benchmark's script counts, written anew; 0/0 is -1 there and 0 here."""
    tp = sum(g and s for g, s in zip(gold, said, strict=True))
    fp = sum(not g and s for g, s in zip(gold, said, strict=True))
    tn = sum(not g and not s for g, s in zip(gold, said, strict=True))
    fn = sum(g and not s for g, s in zip(gold, said, strict=True))

    def f1(hits, false, missed):
        precision, recall = hits / (hits + false) if hits + false else 0, hits / (hits + missed) if hits + missed else 0
        return 2 * precision * recall / (precision + recall) if precision + recall else 0

    mcc = (tp * tn - fp * fn) / math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn)) if (tp + fp) * (tp + fn) * (tn + fp) * (tn + fn) else 0
    return 0.5 * f1(tp, fp, fn) + 0.5 * f1(tn, fn, fp), mcc


def test_prm_score_is_that_of_the_script():
    rng = np.random.default_rng(0)
    for _ in range(50):
        gold, said = ([bool(x) for x in rng.integers(0, 2, size=int(rng.integers(1, 9)))] for _ in range(2))
        said = said[: len(gold)] + [True] * (len(gold) - len(said))
        score = step_label_score(gold, said)
        assert (score.prm_score, score.mcc) == pytest.approx(_official(gold, said))
        assert prm_score_of_sums(step_counts(gold, said).sum(axis=0)) == pytest.approx(score.prm_score)


def test_similarity_of_a_solution_and_its_twin():
    assert similarity([True, False, True, False], [True, True]) == 0.5
    assert similarity([True, None], [True]) == 0.0
    assert similarity([None], [True]) is None


# AgentProcessBench


def test_agent_process_by_hand():
    # Gold +1, 0, -1 | +1, -1. Said +1, +1, -1 | +1, nothing. 3 of 5 steps; first errors: the first conversation is right (step 2), the second is not told.
    score = agent_process_score([(1, 0, -1), (1, -1)], [(1, 1, -1), (1, None)])
    assert score.step_accuracy == pytest.approx(3 / 5)
    assert score.first_error_accuracy == 0.5
    # F1 of -1: said once, rightly; 2 there: 2/3. Of 0: never said: 0. Of +1: said 3 times, 2 rightly; 2 there: 4/5.
    assert score.f1 == pytest.approx((2 / 3, 0.0, 4 / 5))
    assert score.macro_f1 == pytest.approx((2 / 3 + 4 / 5) / 3)
    assert score.undecided == 1


def test_a_step_without_a_gold_rating_counts_nowhere_and_silence_is_no_absence_of_errors():
    assert agent_process_score([(1, None)], [(1, -1)]).steps == 1
    assert first_error_hit([1, 1], [None, None]) is False
    assert first_error_hit([1, 1], [1, 1]) is True
    assert first_error_hit([-1, 1], [-1, None]) is True
    assert first_error_hit([1, -1], [None, -1]) is False


def test_a_constant_has_the_share_of_its_class():
    rng = np.random.default_rng(1)
    gold = [tuple(int(x) for x in rng.integers(-1, 2, size=5)) for _ in range(40)]
    score = agent_process_score(gold, [(1,) * 5 for _ in gold])
    flat = [rating for own in gold for rating in own]
    assert score.step_accuracy == pytest.approx(flat.count(1) / 200)
    p = flat.count(1) / 200
    assert score.macro_f1 == pytest.approx(2 * p / (1 + p) / 3) == pytest.approx(float(macro_f1_of_sums(rating_counts(gold, [(1,) * 5] * 40).sum(axis=0))))
    assert score.first_error_accuracy == pytest.approx(sum(-1 not in own for own in gold) / 40)


# calibration


def test_calibration_by_hand():
    # Bins of width 1/2: {0.2, 0.4} with labels 0, 1 -> |0.5 - 0.3| = 0.2; {0.9} with label 1 -> 0.1. ECE = (2 * 0.2 + 0.1) / 3.
    scores, labels = np.array([0.2, 0.4, 0.9]), np.array([0.0, 1.0, 1.0])
    assert reliability(scores, labels, 2, "width").error == pytest.approx((2 * 0.2 + 0.1) / 3)
    found = calibration(scores, labels)
    assert found.brier == pytest.approx((0.04 + 0.36 + 0.01) / 3)
    assert found.nll == pytest.approx(-(math.log(0.8) + math.log(0.4) + math.log(0.9)) / 3)
    assert found.base_rate == pytest.approx(2 / 3)


def _slow_ece(scores, labels, edges):
    total = 0.0
    for place, (low, high) in enumerate(pairwise(edges)):
        last = place == len(edges) - 2
        own = [(s, y) for s, y in zip(scores, labels, strict=True) if low <= s < high or (last and s == high)]
        if own:
            total += abs(sum(y - s for s, y in own))
    return total / len(scores)


@pytest.mark.parametrize("binning", ["width", "mass"])
def test_ece_bin_by_bin(binning):
    rng = np.random.default_rng(2)
    for size in (1, 7, 100):
        scores = np.round(rng.random(size), 2)
        labels = (rng.random(size) < scores).astype(float)
        edges = bin_edges(scores, 10, binning)
        expected = _slow_ece(scores.tolist(), labels.tolist(), edges.tolist())
        assert reliability(scores, labels, 10, binning).error == pytest.approx(expected)
        assert ece_of_sums(ece_counts(scores, labels, edges).sum(axis=0)) == pytest.approx(expected)


def test_bins_of_equal_mass_hold_equally_many_and_never_part_equal_scores():
    scores = np.random.default_rng(3).permutation(np.linspace(0.0, 1.0, 100))
    assert reliability(scores, np.zeros(100), 10, "mass").count == (10,) * 10
    both = reliability(np.array([0.0] * 3 + [1.0] * 97), np.ones(100), 10, "mass")
    assert (both.count, both.low, both.high) == ((3, 97), (0.0, 1.0), (0.0, 1.0))
    assert reliability(np.full(5, 0.3), np.ones(5), 10, "mass").count == (5,)


def test_a_calibrated_model_has_no_error_and_a_certain_mistake_costs_no_infinity():
    scores = np.repeat([0.25, 0.75], 400)
    labels = np.concatenate([np.repeat([1.0, 0.0], [100, 300]), np.repeat([1.0, 0.0], [300, 100])])
    assert calibration(scores, labels).ece_width == pytest.approx(0.0)
    assert calibration(scores, labels).ece_mass == pytest.approx(0.0)
    assert float(nll(np.array([1.0]), np.array([0.0]))[0]) == pytest.approx(-math.log(1e-6), rel=1e-6)
    with pytest.raises(OptionError):
        calibration(np.array([1.2]), np.array([1.0]))


# ranking


def _slow_auc(scores, wrong, weights):
    pairs = total = 0.0
    for i, bad in enumerate(wrong):
        for j, other in enumerate(wrong):
            if bad and not other:
                weight = weights[i] * weights[j]
                total += weight
                pairs += weight * (1.0 if scores[i] < scores[j] else 0.5 if scores[i] == scores[j] else 0.0)
    return pairs / total


def _slow_average_precision(scores, wrong, weights):
    there = sum(w for w, bad in zip(weights, wrong, strict=True) if bad)
    area = before = 0.0
    for cut in sorted(set(scores)):
        hits = sum(w for w, s, bad in zip(weights, scores, wrong, strict=True) if s <= cut and bad)
        called = sum(w for w, s in zip(weights, scores, strict=True) if s <= cut)
        area += (hits - before) / there * (hits / called if called else 0.0)
        before = hits
    return area


def test_areas_pair_by_pair():
    rng = np.random.default_rng(4)
    for _ in range(30):
        scores = np.round(rng.random(15), 1)
        wrong = [True, False, *(bool(x) for x in rng.integers(0, 2, size=13))]
        weights = rng.integers(0, 3, size=15).astype(float)
        weights[:2] = 1.0
        ranked = Ranked(scores, wrong)
        for own in (np.ones(15), weights):
            assert ranked.roc_auc(own) == pytest.approx(_slow_auc(scores, wrong, own))
            assert ranked.average_precision(own) == pytest.approx(_slow_average_precision(scores, wrong, own))


def test_a_constant_ranks_like_chance_and_a_perfect_score_like_none():
    wrong = [True, False, False, False]
    assert Ranked(np.full(4, 0.7), wrong).roc_auc() == 0.5
    assert Ranked(np.full(4, 0.7), wrong).average_precision() == 0.25
    assert Ranked(np.array([0.1, 0.9, 0.8, 0.7]), wrong).roc_auc() == 1.0
    assert math.isnan(Ranked(np.array([0.1]), [True]).roc_auc())
    curve = Ranked(np.array([0.1, 0.9, 0.8, 0.7]), wrong).roc()
    assert (curve.x[0], curve.y[0], curve.x[-1], curve.y[-1]) == (0.0, 0.0, 1.0, 1.0)


def test_risk_and_coverage_by_hand():
    # The most certain is 0.95 (right, told rightly), then 0.1 (wrong, told rightly), then 0.8 (wrong, told wrongly). One of four is not judged.
    curve = risk_coverage([0.95, None, 0.1, 0.8], [False, False, True, True])
    assert curve.x == (0.25, 0.5, 0.75)
    assert curve.y == pytest.approx((0.0, 0.0, 1 / 3))
    assert curve.area == pytest.approx(1 / 9)
    tied = risk_coverage([0.9, 0.9], [True, False])  # equally certain: covered together, in whatever order they come
    assert (tied.x, tied.y, tied.area) == ((1.0,), (0.5,), 0.5)
    assert risk_coverage([None], [True]).x == ()

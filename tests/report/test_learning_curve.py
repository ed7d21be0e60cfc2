import numpy as np
import pytest

from prm_gym.report.axis import spread, step_ticks
from prm_gym.report.comparison import CurvePoint, RunResult
from prm_gym.report.learning_curve import evaluation_names, learning_curve, learning_curves


def run(seed, steps, success):
    curve = tuple(
        CurvePoint(env_steps=step, success=value, mean_reward=value, mean_steps=3.0, verifier_calls=0, wall_seconds=0.0)
        for step, value in zip(steps, success, strict=True)
    )
    return RunResult(credit="a", reward="x", seed=seed, curve=curve, final_success=0.5, auc=None, verifier_calls=0, abstentions=0, wall_seconds=0.0)


def test_equal_steps_are_averaged_point_by_point():
    curve = learning_curve((run(0, [0, 10], [0.0, 0.5]), run(1, [0, 10], [0.2, 1.0])))
    assert curve.env_steps.tolist() == [0, 10]
    assert curve.mean == pytest.approx([0.1, 0.75])
    # Two seeds: the interval is their range.
    assert curve.low.tolist() == [0.0, 0.5]
    assert curve.high.tolist() == [0.2, 1.0]
    assert curve.exact


def test_evaluations_a_little_apart_are_taken_together():
    curve = learning_curve((run(0, [0, 98, 202], [0.0, 0.5, 0.8]), run(1, [0, 104, 200], [0.0, 0.7, 1.0])))
    assert curve.env_steps.tolist() == [0, 101, 201]
    assert curve.mean == pytest.approx([0.0, 0.6, 0.9])
    assert not curve.exact


def test_unequally_many_evaluations_are_interpolated_over_the_common_range():
    # The coarser run gives the steps, 0 and 10; the range that both cover ends at 8. There the first is at 0.8 x 1, the second at its end.
    curve = learning_curve((run(0, [0, 10], [0.0, 1.0]), run(1, [0, 4, 8], [0.0, 0.2, 0.6])))
    assert curve.env_steps.tolist() == [0, 8]
    assert curve.mean == pytest.approx([0.0, 0.7])


def test_interleaved_evaluations_are_interpolated():
    # The second evaluation of one run lies behind the third of the other: they are not the same evaluation.
    curve = learning_curve((run(0, [0, 10, 20], [0.0, 0.5, 1.0]), run(1, [0, 30, 40], [0.0, 0.75, 1.0])))
    assert curve.env_steps.tolist() == [0, 10, 20]
    assert curve.mean == pytest.approx([0.0, (0.5 + 0.25) / 2, (1.0 + 0.5) / 2])


def test_one_seed_has_a_line_and_no_band():
    curve = learning_curve((run(0, [0, 10], [0.0, 0.5]), run(1, [], [])))
    assert (curve.seeds, curve.low, curve.high) == (1, None, None)


def test_no_points_or_no_common_range_is_no_curve():
    assert learning_curve((run(0, [], []),)) is None
    assert learning_curve((run(0, [0, 10], [0, 0]), run(1, [20, 30, 40], [0, 0, 0]))) is None


def test_the_band_holds_the_mean_and_stays_within_bounds(synthetic):
    for curve in learning_curves(synthetic(jitter=90)):
        assert np.all((curve.low >= 0.0) & (curve.low <= curve.mean + 1e-12) & (curve.mean <= curve.high + 1e-12) & (curve.high <= 1.0))


def test_the_last_point_is_the_final_success(synthetic):
    comparison = synthetic(jitter=90)
    for curve in learning_curves(comparison):
        assert curve.mean[-1] == pytest.approx(np.mean([run.final_success for run in comparison.runs_of(curve.credit, curve.reward)]))


def test_points_of_one_evaluation_share_their_name(synthetic):
    exact = evaluation_names(list(learning_curves(synthetic())[:2]))
    assert exact[0] == exact[1]
    assert exact[0][1] == "2,500 environment steps"
    near = evaluation_names(list(learning_curves(synthetic(jitter=90))[:2]))
    assert near[0] == near[1]
    assert near[0][1].startswith("about 2,5")


def test_ticks_are_round_and_few():
    assert step_ticks(20_000) == (0, 5000, 10_000, 15_000, 20_000)
    assert step_ticks(1) == pytest.approx((0, 0.2, 0.4, 0.6, 0.8, 1.0))
    assert step_ticks(0) == (0,)
    for last in (7, 99, 1234, 20_013, 1e6, 3.3e7):
        ticks = step_ticks(last)
        assert 2 <= len(ticks) <= 6
        assert ticks[-1] <= last < ticks[-1] + ticks[1]


def test_labels_keep_their_distance_and_order():
    assert spread([0.1, 0.9], 0.2, 0.0, 1.0) == [0.1, 0.9]
    assert spread([0.9, 0.88, 0.1], 0.1, 0.0, 1.0) == pytest.approx([0.98, 0.88, 0.1])
    # At the upper end the stack is pushed back down.
    assert spread([1.0, 1.0], 0.1, 0.0, 1.0) == pytest.approx([0.9, 1.0])
    assert spread([], 0.1, 0.0, 1.0) == []

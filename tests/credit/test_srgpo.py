import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, dr_grpo, grpo, srgpo
from prm_gym.errors import CreditError, OptionError


def test_one_group_of_all_steps_by_hand():
    # Two tasks of one attempt, so A^E = R: 1 and 1. Step rewards 1, 0, 1 with mean 2/3.
    batch = StepBatch([1, 0, 1], [0, 2, 3], ["a", "b"], [1, 1], [False, False])
    np.testing.assert_allclose(srgpo(batch, normalize="mean", step_weight=3.0, group_size=99).advantages, [1 + 1, 1 - 2, 1 + 1])
    # Within tasks: task a has 1 and 0 with mean 1/2, task b one step, which gets 0.
    assert srgpo(batch, normalize="mean", step_weight=3.0, group_size=99, within="task").advantages.tolist() == [2.5, -0.5, 1.0]


def test_standard_deviation_by_hand():
    # Rewards 1 and 0: mean 1/2, std with ddof 1 sqrt(1/2): +-1/sqrt(2).
    batch = StepBatch([1, 0], [0, 1, 2], ["a", "b"], [1, 0], [False, False])
    np.testing.assert_allclose(srgpo(batch, eps=0.0, step_weight=1.0).advantages, [1 + np.sqrt(0.5), -np.sqrt(0.5)], rtol=1e-14)


def test_the_step_term_sums_to_zero_and_a_group_compares_its_own_members(make_batch):
    batch = make_batch(0)
    step = srgpo(batch, normalize="mean", step_weight=1.0, group_size=4, seed=5).advantages - dr_grpo(batch).advantages
    assert step.sum() == pytest.approx(0.0, abs=1e-12)
    credit = srgpo(batch, group_size=4, seed=5)
    assert credit.diagnostics["step_group_size_max"] == 4.0
    assert credit.diagnostics["step_groups"] == -(-batch.rewards.size // 4)


def test_without_its_step_term_it_is_grpo(make_batch):
    assert np.array_equal(srgpo(make_batch(3), step_weight=0.0).advantages, grpo(make_batch(3)).advantages)


def test_the_seed_decides(make_batch):
    batch = make_batch(1)
    assert np.array_equal(srgpo(batch, seed=1).advantages, srgpo(batch, seed=1).advantages)
    assert not np.array_equal(srgpo(batch, seed=1).advantages, srgpo(batch, seed=2).advantages)


def test_every_update_of_a_training_draws_other_groups():
    # Four steps with rewards 0, 1, 2, 4 in pairs. The partner of the first is one of three, each as likely as another: its mean over updates is
    # the mean of (0 - r)/2 over r = 1, 2, 4, -7/6, with a standard deviation of sqrt(14)/6 = 0.62 for one of them; over 1,000 that is 0.02.
    batch = StepBatch([0, 1, 2, 4], [0, 1, 2, 3, 4], list("abcd"), [0] * 4, [False] * 4)
    options = {"normalize": "mean", "step_weight": 1.0, "group_size": 2}
    first = [float(assign("srgpo", batch, training_step=step, **options).advantages[0]) for step in range(1000)]
    assert set(first) == {-0.5, -1.0, -2.0}
    assert np.mean(first) == pytest.approx(-7 / 6, abs=6 * 0.02)
    assert first[:20] == [float(srgpo(batch, training_step=step, **options).advantages[0]) for step in range(20)]
    assert first[:20] != [float(srgpo(batch, training_step=step, seed=1, **options).advantages[0]) for step in range(20)]


def test_scores_of_a_verifier_and_steps_without_one():
    # Scores 1, ?, 0: the step without one gets the episode term alone.
    batch = StepBatch([0, 0, 0], [0, 1, 2, 3], ["g"] * 3, [0] * 3, [False] * 3, {"score": [1.0, np.nan, 0.0]})
    assert srgpo(batch, signal="score", normalize="mean", step_weight=1.0).advantages.tolist() == [0.5, 0.0, -0.5]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"signal": "score"}, CreditError, "needs the column score"),
        ({"signal": "scores"}, OptionError, "Did you mean 'score'"),
        ({"within": "tasks"}, OptionError, "Did you mean 'task'"),
        ({"group_size": 0}, OptionError, "must be 1 or more, got 0"),
        ({"seed": -1}, OptionError, "seed must be a finite number of 0 or more, got -1"),
        ({"training_step": -1}, OptionError, "training_step must be a finite number of 0 or more, got -1"),
        ({"step_weight": float("nan")}, OptionError, "step_weight must be a finite number"),
    ],
)
def test_what_is_impossible_is_refused(make_batch, options, error, message):
    with pytest.raises(error, match=message):
        srgpo(make_batch(0), **options)

import numpy as np
import pytest

from prm_gym.credit import StepBatch, reinforce
from prm_gym.errors import OptionError


def test_returns_by_hand():
    # G_1 = 1, G_0 = 0 + 0.5 * 1; the second trajectory has one step of reward 2.
    credit = reinforce(StepBatch([0.0, 1.0, 2.0], [0, 2, 3], ["g", "h"], [1.0, 1.0], [False, True]), gamma=0.5)
    assert credit.advantages.tolist() == [0.5, 1.0, 2.0]
    assert credit.returns.tolist() == [0.5, 1.0, 2.0]
    assert credit.keep.all()
    assert credit.diagnostics == {"baseline": 0.0}


def test_without_discount_every_step_before_a_final_reward_gets_all_of_it():
    credit = reinforce(StepBatch([0.0] * 9 + [1.0], [0, 10], ["g"], [1.0], [False]))
    assert credit.advantages.tolist() == [1.0] * 10


def test_the_baseline_is_the_mean_over_all_steps():
    # Returns 0.5, 1, 2 with mean 3.5 / 3 over rows, not over trajectories.
    batch = StepBatch([0.0, 1.0, 2.0], [0, 2, 3], ["g", "h"], [1.0, 1.0], [False, False])
    credit = reinforce(batch, gamma=0.5, baseline="batch")
    np.testing.assert_allclose(credit.advantages, np.array([0.5, 1.0, 2.0]) - 3.5 / 3, rtol=1e-14)
    assert credit.returns.tolist() == [0.5, 1.0, 2.0]
    assert credit.diagnostics["baseline"] == pytest.approx(3.5 / 3)


def test_equal_returns_and_a_baseline_give_exactly_zero():
    batch = StepBatch([0.7] * 7, range(8), ["g"] * 7, [1.0] * 7, [False] * 7)
    assert reinforce(batch, baseline="batch").advantages.tolist() == [0.0] * 7


def test_advantages_and_returns_do_not_share_memory():
    credit = reinforce(StepBatch([1.0], [0, 1], ["g"], [1.0], [False]))
    assert not np.shares_memory(credit.advantages, credit.returns)


def test_an_unknown_baseline_is_refused():
    with pytest.raises(OptionError, match="baseline must be one of 'none', 'batch', got 'group'"):
        reinforce(StepBatch([1.0], [0, 1], ["g"], [1.0], [False]), baseline="group")

import math
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, dr_grpo, grpo


def looped_grpo(batch, *, eps=1e-6, divide=True):
    """Equation of the paper, a trajectory at a time, with the group of one as verl has it: mean 0, standard deviation 1."""
    totals = [sum(batch.rewards[a:b]) for a, b in pairwise(batch.offsets)]
    advantages = []
    for i, group in enumerate(batch.group_ids):
        members = [totals[j] for j, other in enumerate(batch.group_ids) if other == group]
        mean, std = 0.0, 1.0
        if len(members) > 1:
            mean = sum(members) / len(members)
            std = math.sqrt(sum((total - mean) ** 2 for total in members) / (len(members) - 1))
        advantage = (totals[i] - mean) / (std + eps) if divide else totals[i] - mean
        advantages += [advantage] * int(batch.lengths[i])
    return advantages


def test_one_success_among_four_by_hand():
    # R = 1, 0, 0, 0: mean 1/4; squared deviations 9/16 + 3/16 = 3/4, over n - 1 = 3 that is 1/4, std 1/2. So 3/4 / (1/2) = 1.5 and -0.5.
    batch = StepBatch([0.0, 1.0, 0.0, 0.0, 0.0], [0, 2, 3, 4, 5], ["g"] * 4, [1.0, 0.0, 0.0, 0.0], [False] * 4)
    assert grpo(batch, eps=0.0).advantages.tolist() == [1.5, 1.5, -0.5, -0.5, -0.5]
    assert dr_grpo(batch).advantages.tolist() == [0.75, 0.75, -0.25, -0.25, -0.25]
    # ddof 0: variance 3/16, so 3/4 / (sqrt(3)/4) = sqrt(3).
    assert grpo(batch, eps=0.0, ddof=0).advantages[0] == pytest.approx(math.sqrt(3))


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_loop(make_batch, seed):
    batch = make_batch(seed)
    np.testing.assert_allclose(grpo(batch).advantages, looped_grpo(batch), rtol=1e-11, atol=1e-11)
    np.testing.assert_allclose(dr_grpo(batch).advantages, looped_grpo(batch, divide=False), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("size", [2, 7, 8])
def test_equal_rewards_give_exactly_zero(size):
    # In float32 seven rewards of 0.7 are known to come out as +0.056 each.
    batch = StepBatch([0.7] * size, range(size + 1), ["g"] * size, [1.0] * size, [False] * size)
    for assigner in (grpo, dr_grpo):
        credit = assigner(batch)
        assert (credit.advantages == 0.0).all()
        assert credit.diagnostics["zero_std_share"] == 1.0


def test_sums_that_are_equal_up_to_rounding_give_exactly_zero():
    # 0.1 seven times against 0.7 once.
    batch = StepBatch([0.1] * 7 + [0.7], [0, 7, 8], ["g", "g"], [1.0, 1.0], [False, False])
    assert (grpo(batch, eps=0.0).advantages == 0.0).all()


def test_a_lone_trajectory_gets_its_reward_or_nothing():
    batch = StepBatch([3.0], [0, 1], ["g"], [1.0], [False])
    assert grpo(batch, eps=0.5).advantages.tolist() == [2.0]
    assert dr_grpo(batch).advantages.tolist() == [3.0]
    assert grpo(batch, singleton="zero").advantages.tolist() == [0.0]
    assert dr_grpo(batch, singleton="zero").advantages.tolist() == [0.0]


def test_the_returns_are_the_rewards_to_go():
    assert grpo(StepBatch([1.0, 2.0, 4.0], [0, 3], ["g"], [1.0], [False])).returns.tolist() == [7.0, 6.0, 4.0]

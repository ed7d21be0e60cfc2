from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, rloo


def looped_rloo(batch):
    totals = [sum(batch.rewards[a:b]) for a, b in pairwise(batch.offsets)]
    advantages = []
    for i, group in enumerate(batch.group_ids):
        others = [totals[j] for j, other in enumerate(batch.group_ids) if other == group and j != i]
        advantage = totals[i] - (sum(others) / len(others) if others else 0.0)
        advantages += [advantage] * int(batch.lengths[i])
    return advantages


def test_leave_one_out_by_hand():
    # R = 1, 0, 2 (the last over two steps). Others' means: 1, 1.5, 0.5.
    credit = rloo(StepBatch([1.0, 0.0, 0.5, 1.5], [0, 1, 2, 4], ["g"] * 3, [1.0, 0.0, 1.0], [False] * 3))
    assert credit.advantages.tolist() == [0.0, -1.5, 1.5, 1.5]
    assert credit.diagnostics["groups"] == 1.0
    assert credit.diagnostics["group_size_mean"] == 3.0


@pytest.mark.parametrize("seed", range(6))
def test_agrees_with_the_loop(make_batch, seed):
    batch = make_batch(seed)
    np.testing.assert_allclose(rloo(batch).advantages, looped_rloo(batch), rtol=1e-12, atol=1e-12)


def test_a_lone_trajectory_gets_its_reward_or_nothing():
    batch = StepBatch([0.25, 0.5], [0, 2], ["g"], [1.0], [False])
    assert rloo(batch).advantages.tolist() == [0.75, 0.75]
    assert rloo(batch, singleton="zero").advantages.tolist() == [0.0, 0.0]
    assert rloo(batch).diagnostics["singleton_share"] == 1.0

import numpy as np
import pytest

from prm_gym.credit import StepBatch, dr_grpo, gigpo, rebel
from prm_gym.errors import CreditError


def believing(**columns):
    """Two attempts of two steps: beliefs b, c and b, d; the first earns 1."""
    return StepBatch([0, 1, 0, 0], [0, 2, 4], ["g", "g"], [1, 0], [False, False], {"belief_key": list("bcbd"), **columns})


def test_both_streams_by_hand():
    # gamma 1/2, weight 1. A^E = +-1/2. Outcome stream: 1/2, 1, 0, 0; in b mean 1/4: +-1/4; c and d are alone.
    # Rewards of beliefs 0, 4, 2, 0: returns 2, 4, 2, 0, in b mean 2: 0.
    plain = rebel(believing(), gamma=0.5, step_weight=1.0).advantages.tolist()
    assert plain == [0.75, 0.5, -0.75, -0.5]
    assert rebel(believing(belief_reward=[0.0, 4.0, 2.0, 0.0]), gamma=0.5, step_weight=1.0).advantages.tolist() == plain
    # With 0, 8, 2, 0: returns 4, 8, 2, 0, in b mean 3: +-1.
    assert rebel(believing(belief_reward=[0.0, 8.0, 2.0, 0.0]), gamma=0.5, step_weight=1.0).advantages.tolist() == [1.75, 0.5, -1.75, -0.5]


def test_each_stream_is_scaled_for_itself():
    # In b both streams have two members, whose standardised values are +-1/sqrt(2) whatever their size.
    for size in (1.0, 1000.0):
        credit = rebel(believing(belief_reward=[0.0, 8.0 * size, 2.0 * size, 0.0]), normalize="mean_std", step_weight=1.0, eps=0.0)
        np.testing.assert_allclose(credit.advantages[[0, 2]], [3 * np.sqrt(0.5), -3 * np.sqrt(0.5)], rtol=1e-9)


def test_without_rewards_of_beliefs_it_is_gigpo_over_beliefs_when_all_is_paid_at_the_end(make_walks):
    batch = make_walks(0)
    rewards = np.zeros_like(batch.rewards)
    rewards[batch.offsets[1:] - 1] = batch.outcomes
    paid = StepBatch(rewards, batch.offsets, batch.group_ids, batch.outcomes, batch.truncated, {**batch.columns, "belief_key": batch.column("state_key")})
    np.testing.assert_allclose(rebel(paid, step_weight=0.5).advantages, gigpo(paid, step_weight=0.5).advantages, atol=1e-14)


def test_without_its_step_terms_it_is_dr_grpo(make_batch):
    batch = make_batch(0).with_columns({"belief_key": make_batch(0).column("state_key")})
    assert np.array_equal(rebel(batch, step_weight=0.0).advantages, dr_grpo(batch).advantages)


def test_a_reward_that_is_not_known_is_refused():
    with pytest.raises(CreditError, match="belief_reward has to be known on every row, got NaN in row 2"):
        rebel(believing(belief_reward=[0.0, 1.0, np.nan, 0.0]))


def test_the_missing_column_says_where_it_comes_from():
    with pytest.raises(CreditError, match="belief_key: of an agent that states what it believes"):
        rebel(StepBatch([0.0], [0, 1], ["g"], [0], [False]))

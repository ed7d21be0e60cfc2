from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.credit.returns import discounted_returns, linear_recurrence, trajectory_returns
from prm_gym.errors import OptionError


def looped_returns(rewards, offsets, gamma):
    returns = [0.0] * len(rewards)
    for start, end in pairwise(offsets):
        running = 0.0
        for row in reversed(range(start, end)):
            running = rewards[row] + gamma * running
            returns[row] = running
    return returns


def test_returns_by_hand():
    # Trajectory 1: G_2 = 4, G_1 = 2 + 4/2 = 4, G_0 = 1 + 4/2 = 3. Trajectory 2: G_1 = 8, G_0 = 0 + 8/2 = 4.
    returns = discounted_returns(np.array([1.0, 2.0, 4.0, 0.0, 8.0]), np.array([0, 3, 5]), gamma=0.5)
    assert returns.tolist() == [3.0, 4.0, 4.0, 4.0, 8.0]


def test_a_constant_reward_sums_to_the_geometric_series():
    # sum_{k<T} gamma^k = (1 - gamma^T) / (1 - gamma) with T steps left.
    length, gamma = 100, 0.9
    left = length - np.arange(length)
    returns = discounted_returns(np.ones(length), np.array([0, length]), gamma)
    np.testing.assert_allclose(returns, (1 - gamma**left) / (1 - gamma), rtol=1e-13)


def test_without_discount_the_first_return_is_the_sum(make_batch):
    batch = make_batch(1)
    returns = discounted_returns(batch.rewards, batch.offsets, gamma=1.0)
    np.testing.assert_allclose(returns[batch.offsets[:-1]], trajectory_returns(batch.rewards, batch.offsets), atol=1e-12)


def test_gamma_zero_leaves_the_rewards(make_batch):
    batch = make_batch(2)
    assert np.array_equal(discounted_returns(batch.rewards, batch.offsets, gamma=0.0), batch.rewards)


def test_one_step_trajectories_keep_their_reward():
    rewards = np.array([3.0, -1.0, 2.0])
    assert discounted_returns(rewards, np.arange(4), gamma=1.0).tolist() == [3.0, -1.0, 2.0]
    assert trajectory_returns(rewards, np.arange(4)).tolist() == [3.0, -1.0, 2.0]
    for own in (discounted_returns(rewards, np.arange(4), gamma=1.0), trajectory_returns(rewards, np.arange(4))):
        assert not np.shares_memory(own, rewards)


def test_as_many_trajectories_as_steps_need_not_have_one_each():
    rewards, offsets = np.array([3.0, -1.0, 2.0]), np.array([0, 2, 2, 3])
    assert discounted_returns(rewards, offsets, gamma=0.5).tolist() == [2.5, -1.0, 2.0]
    assert trajectory_returns(rewards, offsets).tolist() == [2.0, 0.0, 2.0]


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(
    lengths=st.lists(st.integers(0, 20), max_size=12),
    gamma=st.sampled_from([0.0, 0.3, 0.5, 0.95, 1.0]),
    seed=st.integers(0, 1000),
)
def test_agrees_with_the_loop(lengths, gamma, seed):
    offsets = np.cumsum([0, *lengths])
    rewards = np.random.default_rng(seed).normal(size=int(offsets[-1]))
    np.testing.assert_allclose(discounted_returns(rewards, offsets, gamma), looped_returns(rewards.tolist(), offsets.tolist(), gamma), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(trajectory_returns(rewards, offsets), [sum(rewards[a:b]) for a, b in pairwise(offsets)], atol=1e-12)


def test_one_long_trajectory_among_short_ones_agrees_with_the_loop():
    offsets = np.cumsum([0, 3, 5000, 1, 2])
    rewards = np.random.default_rng(0).normal(size=int(offsets[-1]))
    for gamma in (0.5, 0.999, 1.0):
        np.testing.assert_allclose(discounted_returns(rewards, offsets, gamma), looped_returns(rewards.tolist(), offsets.tolist(), gamma), atol=1e-10)


def test_equal_futures_have_identical_bits_wherever_they_stand():
    future = [0.1, 0.7, 0.2, 0.3, 0.9]
    rewards = np.array([*future, 5.0, 1.0, 2.0, *future])
    returns = discounted_returns(rewards, np.array([0, 5, 13]), gamma=0.95)
    assert returns[:5].tolist() == returns[8:].tolist()


def test_the_rewards_are_not_written_to():
    rewards = np.array([1.0, 2.0])
    discounted_returns(rewards, np.array([0, 2]), gamma=1.0)
    assert rewards.tolist() == [1.0, 2.0]


def test_nothing_gives_nothing():
    nothing = np.zeros(0)
    assert discounted_returns(nothing, np.array([0]), gamma=0.9).shape == (0,)
    assert trajectory_returns(nothing, np.array([0])).shape == (0,)
    assert trajectory_returns(nothing, np.array([0, 0])).dtype == np.float64


@pytest.mark.parametrize("gamma", [-0.1, 1.01, float("nan")])
def test_a_discount_outside_of_the_unit_interval_is_refused(gamma):
    with pytest.raises(OptionError, match=r"gamma must be in \[0, 1\]"):
        discounted_returns(np.ones(2), np.array([0, 2]), gamma)


def looped_recurrence(terms, factors):
    solution, following = [], 0.0
    for term, factor in zip(reversed(terms), reversed(factors), strict=True):
        following = term + factor * following
        solution.append(following)
    return solution[::-1]


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(lengths=st.lists(st.integers(1, 20), max_size=12), seed=st.integers(0, 1000))
def test_a_recurrence_with_a_factor_for_each_row_agrees_with_the_loop(lengths, seed):
    rng = np.random.default_rng(seed)
    ends = np.cumsum([0, *lengths])[1:] - 1
    terms, factors = rng.normal(size=sum(lengths)), rng.random(sum(lengths))
    factors[rng.random(factors.size) < 0.2] = 0.0
    factors[ends] = 0.0
    np.testing.assert_allclose(linear_recurrence(terms, factors), looped_recurrence(terms.tolist(), factors.tolist()), rtol=1e-12, atol=1e-12)


def test_a_recurrence_by_hand():
    # y_2 = 4, y_1 = 2 + 3*4 = 14, y_0 = 1 + 0.5*14 = 8; then a row of its own. What follows the last row of all is nothing, whatever its factor.
    assert linear_recurrence(np.array([1.0, 2.0, 4.0, 7.0]), np.array([0.5, 3.0, 0.0, 9.0])).tolist() == [8.0, 14.0, 4.0, 7.0]


def test_one_factor_for_all_rows_is_discounting(make_batch):
    batch = make_batch(4)
    factors = np.full(batch.rewards.size, 0.9)
    factors[batch.offsets[1:] - 1] = 0.0
    np.testing.assert_allclose(linear_recurrence(batch.rewards, factors), discounted_returns(batch.rewards, batch.offsets, 0.9), rtol=1e-13, atol=1e-13)

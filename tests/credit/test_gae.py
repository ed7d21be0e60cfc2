from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prm_gym.credit import StepBatch, assign, gae, reinforce
from prm_gym.errors import CreditError, OptionError


def one(rewards, values, *, truncated=False, **columns):
    """A batch of one trajectory."""
    return StepBatch(rewards, [0, len(rewards)], ["g"], [1.0], [truncated], {"value": np.array(values), **columns})


def looped(batch, gamma, lam, bootstrap):
    """Equation by equation, one step after the other; the return is carried on where a value is not known."""
    values = batch.columns["value"].tolist()
    beyond = batch.columns["bootstrap_value"].tolist()
    advantages, returns, keep = ([None] * len(values) for _ in range(3))
    for (start, stop), truncated in zip(pairwise(batch.offsets.tolist()), batch.truncated.tolist(), strict=True):
        follows, target, here = 0.0, 0.0, False  # value and lambda-return of the state after; whether what follows is cut and not known
        if truncated and bootstrap:
            follows = target = beyond[stop - 1]
            here = np.isnan(follows)
        for row in reversed(range(start, stop)):
            if here:  # nothing is known of what follows: the first value that is known stands for it
                keep[row], advantages[row] = False, 0.0
                if not np.isnan(values[row]):
                    here, follows, target = False, values[row], values[row]
                    returns[row] = target
                continue
            blended = target if np.isnan(follows) else (1 - lam) * follows + lam * target
            target = batch.rewards[row] + gamma * blended
            follows = values[row]
            keep[row] = not np.isnan(follows)
            advantages[row] = target - follows if keep[row] else 0.0
            returns[row] = target
    return advantages, returns, keep


def valued(batch, seed, unknown=0.0):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=batch.rewards.size)
    values[rng.random(values.size) < unknown] = np.nan
    beyond = np.where(rng.random(values.size) < 0.5, rng.normal(size=values.size), np.nan)
    return batch.with_columns({"value": values, "bootstrap_value": beyond})


def test_two_steps_by_hand():
    # gamma 1/2, lambda 1/2. delta_1 = 1 - 1/2 = 1/2; delta_0 = 0 + 1/2*1/2 - 1/4 = 0. A_1 = 1/2, A_0 = 0 + 1/4 * 1/2 = 1/8. G = A + V.
    credit = gae(one([0.0, 1.0], [0.25, 0.5]), gamma=0.5, lam=0.5)
    assert credit.advantages.tolist() == [0.125, 0.5]
    assert credit.returns.tolist() == [0.375, 1.0]
    assert credit.keep.all()
    # Var G = (0.625/2)^2, G - V = A with Var ((0.5 - 0.125)/2)^2: explained 1 - (0.375/0.625)^2 = 0.64.
    assert credit.diagnostics == {"unknown_share": 0.0, "explained": pytest.approx(0.64)}


def test_lambda_zero_is_the_one_step_error(make_batch):
    batch = valued(replace(make_batch(1), truncated=np.zeros(make_batch(1).truncated.size, dtype=bool)), 1)
    values = batch.columns["value"]
    following = np.append(values[1:], 0.0)
    following[batch.offsets[1:] - 1] = 0.0
    np.testing.assert_allclose(gae(batch, gamma=0.9, lam=0.0).advantages, batch.rewards + 0.9 * following - values, atol=1e-13)


def test_lambda_one_is_the_return_minus_the_value(make_batch):
    batch = valued(make_batch(2), 2)
    credit = gae(batch, gamma=0.9, lam=1.0, bootstrap=False)
    returns = reinforce(batch, gamma=0.9).returns
    np.testing.assert_allclose(credit.advantages, returns - batch.columns["value"], atol=1e-12)
    np.testing.assert_allclose(credit.returns, returns, atol=1e-12)


def test_lambda_one_and_values_of_zero_is_reinforce(make_batch):
    batch = make_batch(3)
    batch = batch.with_columns({"value": np.zeros(batch.rewards.size)})
    np.testing.assert_allclose(gae(batch, gamma=0.95, lam=1.0, bootstrap=False).advantages, reinforce(batch, gamma=0.95).advantages, atol=1e-13)


def test_true_values_leave_no_advantage():
    # A certain reward of 1 after T steps and values gamma^(T-1-t): every delta is exactly 0.
    values = 0.5 ** np.arange(7, -1, -1)
    assert gae(one([0.0] * 7 + [1.0], values), gamma=0.5, lam=0.9).advantages.tolist() == [0.0] * 8


def test_a_truncated_trajectory_goes_on_from_the_value_that_follows():
    # gamma = lambda = 1 and no rewards: A_t = V_T - V_t = 0.8 - V_t.
    batch = one([0.0, 0.0], [0.25, 0.5], truncated=True, bootstrap_value=np.array([np.nan, 0.8]))
    np.testing.assert_allclose(gae(batch, gamma=1.0, lam=1.0, bootstrap=True).advantages, [0.55, 0.3], atol=1e-15)
    # As a finished one, which it is taken for unless asked otherwise, it ends with 0: A_t = -V_t.
    assert gae(batch, gamma=1.0, lam=1.0).advantages.tolist() == [-0.25, -0.5]


def test_a_value_beyond_the_end_of_a_finished_trajectory_is_not_looked_at():
    batch = one([0.0, 1.0], [0.25, 0.5], bootstrap_value=np.array([9.0, 9.0]))
    assert gae(batch, gamma=0.5, lam=0.5, bootstrap=True).advantages.tolist() == [0.125, 0.5]


def test_a_truncated_trajectory_without_a_value_that_follows_loses_its_last_step():
    # The last step says nothing; the one before it sees its value: A_0 = 0 + 1*0.5 - 0.25.
    credit = gae(one([0.0, 0.0], [0.25, 0.5], truncated=True), gamma=1.0, lam=0.9, bootstrap=True)
    assert credit.keep.tolist() == [True, False]
    assert credit.advantages.tolist() == [0.25, 0.0]
    assert credit.returns.tolist() == [0.5, 0.5]
    assert credit.diagnostics["unknown_share"] == 0.5


def test_a_step_before_an_unknown_value_looks_one_step_further():
    # A_1 is not known. A_0 = r_0 + gamma r_1 + gamma^2 V_2 + (what lambda adds after state 2) - V_0, with lambda 0: 1 + 2/2 + 8/4 - 3 = 1.
    credit = gae(one([1.0, 2.0, 4.0], [3.0, np.nan, 8.0]), gamma=0.5, lam=0.0)
    assert credit.keep.tolist() == [True, False, True]
    assert credit.advantages.tolist() == [1.0, 0.0, -4.0]
    assert credit.returns[1] == 2.0 + 0.5 * 8.0


def test_nothing_known_of_a_trajectory_is_no_credit():
    credit = gae(one([1.0, 2.0], [np.nan, np.nan], truncated=True), bootstrap=True)
    assert not credit.keep.any()
    assert credit.advantages.tolist() == [0.0, 0.0]
    assert credit.diagnostics == {"unknown_share": 1.0}  # how much values explain of nothing cannot be told
    # A finished trajectory has a known end, and its first step the whole return, 1 + 0.5*2, against its value.
    credit = gae(one([1.0, 2.0], [0.5, np.nan]), gamma=0.5, lam=0.0)
    assert credit.advantages.tolist() == [1.5, 0.0]


def test_values_that_are_not_known_up_to_an_unknown_end_are_cut_off():
    # Truncated, the last value and what follows are not known: the second step is the last that is known and stands for the rest.
    credit = gae(one([0.0, 0.0, 5.0], [0.25, 0.5, np.nan], truncated=True), gamma=1.0, lam=0.9, bootstrap=True)
    assert credit.keep.tolist() == [True, False, False]
    assert credit.advantages.tolist() == [0.25, 0.0, 0.0]


@settings(derandomize=True, deadline=None, max_examples=60, database=None)
@given(
    seed=st.integers(0, 1000),
    unknown=st.sampled_from([0.0, 0.3, 0.8]),
    gamma=st.sampled_from([0.0, 0.5, 0.99, 1.0]),
    lam=st.sampled_from([0.0, 0.5, 0.95, 1.0]),
    bootstrap=st.booleans(),
)
def test_agrees_with_the_loop(make_batch, seed, unknown, gamma, lam, bootstrap):
    batch = valued(make_batch(seed), seed, unknown)
    credit = gae(batch, gamma=gamma, lam=lam, bootstrap=bootstrap)
    advantages, returns, keep = looped(batch, gamma, lam, bootstrap)
    assert credit.keep.tolist() == keep
    np.testing.assert_allclose(credit.advantages, advantages, atol=1e-11)
    np.testing.assert_allclose(credit.returns[credit.keep], np.array(returns, dtype=float)[credit.keep], atol=1e-11)


def test_a_trajectory_has_the_same_bits_wherever_it_stands():
    values = [0.3, 0.1, 0.7, 0.2, 0.9]
    rewards = [0.1, 0.0, 0.2, 0.0, 1.0]
    alone = gae(one(rewards, values), bootstrap=True).advantages
    batch = StepBatch([5.0, *rewards, 1.0, 1.0], [0, 1, 6, 8], ["g", "g", "h"], [1, 1, 1], [True, False, True], {"value": np.array([4.0, *values, 2.0, 3.0])})
    assert gae(batch, bootstrap=True).advantages[1:6].tolist() == alone.tolist()


def test_whitened_advantages():
    # Advantages -V = -1 and -3: mean -2, variance with ddof 1 is 2.
    batch = StepBatch([0.0, 0.0], [0, 1, 2], ["g", "g"], [0, 0], [False, False], {"value": np.array([1.0, 3.0])})
    np.testing.assert_allclose(gae(batch, whiten=True).advantages, np.array([1.0, -1.0]) / np.sqrt(2.0 + 1e-8), rtol=1e-14)
    equal = StepBatch([0.7] * 7, range(8), ["g"] * 7, [1] * 7, [False] * 7, {"value": np.zeros(7)})
    assert gae(equal, whiten=True).advantages.tolist() == [0.0] * 7


def test_what_values_explain_of_returns_that_are_all_equal_cannot_be_told():
    # Every episode comes to 0.7, so G = A + V is 0.7 but for the last bits: they are no variance, against which values would look wrong by 30 powers of ten.
    values = np.random.default_rng(0).normal(size=50)
    batch = StepBatch([0.7] * 50, range(51), ["g"] * 50, [0.7] * 50, [False] * 50, {"value": values})
    credit = gae(batch, gamma=1.0, lam=1.0)
    assert credit.returns.std() > 0.0
    assert credit.diagnostics == {"unknown_share": 0.0}


def test_what_it_needs():
    batch = StepBatch([1.0], [0, 1], ["g"], [1], [False])
    with pytest.raises(CreditError, match=r"'gae' needs the columns value; the batch lacks value.* value: of an agent with a critic .*value_weight=0.5"):
        assign("gae", batch)
    with pytest.raises(CreditError, match="infinity in row 0"):
        gae(batch.with_columns({"value": np.array([np.inf])}))
    with pytest.raises(CreditError, match="must be numbers"):
        gae(batch.with_columns({"value": np.array(["high"])}))
    with pytest.raises(CreditError, match="one entry for each of 1 steps"):
        batch.with_columns({"value": np.zeros(2)})
    for options in ({"gamma": 1.1}, {"lam": -0.1}):
        with pytest.raises(OptionError, match=r"must be in \[0, 1\]"):
            gae(batch.with_columns({"value": np.zeros(1)}), **options)

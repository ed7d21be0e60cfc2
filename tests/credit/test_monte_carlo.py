"""Advantages from values of roll-outs: by hand, their limits, and what is not known."""

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, gae, math_shepherd, omega_prm, reinforce, vineppo
from prm_gym.credit.monte_carlo import hard_values, values_after
from prm_gym.credit.pairs import standing
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def one(rewards, values, truncated=False, **columns):
    given = {"mc_value": np.array(values, dtype=float), **{name: np.array(column, dtype=float) for name, column in columns.items()}}
    return StepBatch(rewards, [0, len(rewards)], ["g"], [NAN], [truncated], given)


def valued(make_batch, seed):
    batch = make_batch(seed)
    rng = np.random.default_rng(seed)
    return batch.with_columns({"mc_value": rng.random(batch.rewards.size), "bootstrap_mc_value": rng.random(batch.rewards.size)})


def test_vineppo_by_hand():
    # 1/2 - 1/4; 3/4 - 1/2; 1 - 3/4: they sum to R - V(s_0).
    assert vineppo(one([0, 0, 1], [0.25, 0.5, 0.75])).advantages.tolist() == [0.25, 0.25, 0.25]
    # A reward on the way counts where it is paid: 2 + 1/2 - 1/4. Discounted by 1/2: 2 + 1/4 - 1/4.
    assert vineppo(one([2, 1], [0.25, 0.5])).advantages.tolist() == [2.25, 0.5]
    assert vineppo(one([2, 1], [0.25, 0.5]), gamma=0.5).advantages.tolist() == [2.0, 0.5]
    # Cut: as if finished, or going on from 3/4; where that is not known the last step has no advantage.
    cut = one([0, 0], [0.25, 0.5], truncated=True, bootstrap_mc_value=[NAN, 0.75])
    assert vineppo(cut).advantages.tolist() == [0.25, -0.5]
    assert vineppo(cut, bootstrap=True).advantages.tolist() == [0.25, 0.25]
    unknown = vineppo(one([0, 0], [0.25, 0.5], truncated=True), bootstrap=True)
    assert (unknown.advantages.tolist(), unknown.keep.tolist()) == ([0.25, 0.0], [True, False])


def test_a_state_without_a_value_is_looked_over():
    # The middle one has no advantage, and the first looks to the value after it: 3/4 - 1/4.
    credit = vineppo(one([0, 0, 1], [0.25, NAN, 0.75]))
    assert (credit.advantages.tolist(), credit.keep.tolist()) == ([0.5, 0.0, 0.25], [True, False, True])
    nothing = vineppo(one([0, 1], [NAN, NAN]))
    assert (nothing.advantages.tolist(), nothing.keep.tolist()) == ([0.0, 0.0], [False, False])
    assert nothing.diagnostics["unknown_share"] == 1.0


def test_math_shepherd_by_hand():
    batch = one([0, 0, 0, 0], [0.25, 0.5, 0.0, 0.0])
    # Soft: 1/2 - 1/4, 0 - 1/2, 0, 0. Hard: possible, possible, lost, lost.
    assert math_shepherd(batch).advantages.tolist() == [0.25, -0.5, 0.0, 0.0]
    assert math_shepherd(batch, estimation="hard").advantages.tolist() == [0.0, -1.0, 0.0, 0.0]
    assert math_shepherd(batch, estimation="hard", threshold=0.3).advantages.tolist() == [1.0, -1.0, 0.0, 0.0]
    # A success out of a state from which no roll-out succeeded is worth 1 to the step that made it.
    assert math_shepherd(one([0, 1], [0.5, 0.0]), estimation="hard").advantages.tolist() == [-1.0, 1.0]
    assert hard_values(np.array([0.0, 0.1, NAN])).tolist()[:2] == [0.0, 1.0]
    assert np.isnan(hard_values(np.array([NAN]))).all()
    half = one([0, 0], [0.25, 0.5], truncated=True, bootstrap_mc_value=[NAN, 0.125])
    assert math_shepherd(half, estimation="hard", bootstrap=True).advantages.tolist() == [0.0, 0.0]


def test_omega_prm_by_hand():
    # Known before steps 1 and 3 of five: nothing of step 0; (1/4 - 3/4) / 2 each for 1 and 2; (1 - 1/4) / 2 each for 3 and 4.
    credit = omega_prm(one([0, 0, 0, 0, 1], [NAN, 0.75, NAN, 0.25, NAN]))
    assert credit.advantages.tolist() == [0.0, -0.25, -0.25, 0.375, 0.375]
    assert credit.keep.tolist() == [False, True, True, True, True]
    first = omega_prm(one([0, 0, 0, 0, 1], [NAN, 0.75, NAN, 0.25, NAN]), between="first")
    assert (first.advantages.tolist(), first.keep.tolist()) == ([0.0, -0.5, 0.0, 0.75, 0.0], [False, True, False, True, False])
    # Two trajectories: a segment does not run from one into the other.
    batch = StepBatch([0, 1, 0, 0], [0, 2, 4], ["g", "g"], [1, 0], [False, False], {"mc_value": np.array([0.5, NAN, NAN, 0.5])})
    assert omega_prm(batch).advantages.tolist() == [0.25, 0.25, 0.0, -0.5]


@pytest.mark.parametrize("seed", range(4))
def test_limits(make_batch, seed):
    batch = valued(make_batch, seed)
    # All values known: each segment is a step. One-step errors of a critic that says the same. Values of 0 and lambda 1: returns.
    assert np.array_equal(omega_prm(batch).advantages, vineppo(batch).advantages)
    assert np.array_equal(math_shepherd(batch).advantages, vineppo(batch).advantages)
    critic = batch.with_columns({"value": batch.column("mc_value"), "bootstrap_value": batch.column("bootstrap_mc_value")})
    for options in ({}, {"gamma": 0.9, "lam": 0.5}, {"bootstrap": True, "whiten": True}):
        assert np.array_equal(vineppo(critic, **options).advantages, gae(critic, **{"gamma": 1.0, "lam": 0.0, **options}).advantages)
    blank = batch.with_columns({"mc_value": np.zeros(batch.rewards.size)})
    np.testing.assert_allclose(vineppo(blank, gamma=0.9, lam=1.0).advantages, reinforce(batch, gamma=0.9).advantages, atol=1e-12)
    # Without discount they telescope: the sum is R - V(s_0).
    sums = np.add.reduceat(vineppo(batch).advantages, batch.offsets[:-1])
    np.testing.assert_allclose(sums, np.add.reduceat(batch.rewards, batch.offsets[:-1]) - batch.column("mc_value")[batch.offsets[:-1]], atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_even_shares_against_a_loop(make_batch, seed):
    batch = valued(make_batch, seed)
    rng = np.random.default_rng(seed)
    values = np.where(rng.random(batch.rewards.size) < 0.5, batch.column("mc_value"), NAN)
    credit = omega_prm(batch.with_columns({"mc_value": values}))
    for begin, end in zip(batch.offsets[:-1], batch.offsets[1:], strict=True):
        known = [row for row in range(begin, end) if not np.isnan(values[row])]
        for u, v in zip(known, [*known, end][1:], strict=True):
            gain = batch.rewards[u:v].sum() + (values[v] if v < end else 0.0) - values[u]
            np.testing.assert_allclose(credit.advantages[u:v], gain / (v - u), atol=1e-12)
        assert not credit.keep[begin : known[0] if known else end].any()
        assert not credit.advantages[begin : known[0] if known else end].any()


def test_what_a_step_led_to():
    batch = one([0, 0, 1], [0.25, NAN, 0.75])
    assert values_after(batch).tolist()[1:] == [0.75, 1.0]
    assert np.isnan(values_after(batch)[0])
    cut = one([0, 0], [0.25, 0.5], truncated=True, bootstrap_mc_value=[NAN, 0.75])
    assert values_after(cut).tolist() == [0.5, 0.75]
    # What goes on, nobody knows how, led to nothing that can be told: it is no step after which all roll-outs fail. Without the column it is over.
    unknown = one([0, 0], [0.25, 0.5], truncated=True, bootstrap_mc_value=[NAN, NAN])
    np.testing.assert_array_equal(values_after(unknown), [0.5, NAN])
    np.testing.assert_array_equal(standing(values_after(unknown), threshold=1e-9), [1.0, NAN])
    assert values_after(one([0, 0], [0.25, 0.5], truncated=True)).tolist() == [0.5, 0.0]


def test_what_it_needs():
    for name in ("vineppo", "math_shepherd", "omega_prm"):
        with pytest.raises(CreditError, match=r"lacks mc_value.* mc_value: of the signal mc_value, by fresh roll-outs"):
            assign(name, StepBatch([1.0], [0, 1], ["g"], [1], [False]))
        with pytest.raises(CreditError, match="infinity in row 0"):
            assign(name, one([1.0], [np.inf]))
    with pytest.raises(OptionError, match="estimation must be one of"):
        math_shepherd(one([1.0], [0.5]), estimation="firm")
    with pytest.raises(OptionError, match="threshold must be a finite number"):
        math_shepherd(one([1.0], [0.5]), threshold=NAN)
    with pytest.raises(OptionError, match="between must be one of"):
        omega_prm(one([1.0], [0.5]), between="last")
    with pytest.raises(OptionError, match="gamma must be in"):
        vineppo(one([1.0], [0.5]), gamma=2.0)

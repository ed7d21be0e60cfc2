import math
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch
from prm_gym.credit.diagnostics import unknown_share
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.step_signals import (
    information_gain,
    key_step_rewards,
    label_signs,
    log_ratio_rewards,
    min_form_weights,
    monte_carlo_differences,
    potential_differences,
    prm_margins,
    probe_potentials,
    renorm_rewards,
    running_maxima,
)
from prm_gym.credit.stepwise import normalized_known
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(lengths=(2, 1), rewards=None, outcomes=None, truncated=None, **columns):
    offsets = np.cumsum([0, *lengths])
    rewards = np.zeros(offsets[-1]) if rewards is None else rewards
    outcomes = np.zeros(len(lengths)) if outcomes is None else outcomes
    truncated = [False] * len(lengths) if truncated is None else truncated
    return StepBatch(rewards, offsets, ["g"] * len(lengths), outcomes, truncated, {name: np.array(column, dtype=float) for name, column in columns.items()})


def test_margins_and_signs_by_hand():
    # p1 - p0 with p0 = 1 - p1.
    np.testing.assert_array_equal(prm_margins(batch_of(score=[1.0, 0.25, NAN])), [1.0, -0.5, NAN])
    np.testing.assert_array_equal(label_signs(batch_of(label=[1.0, 0.0, NAN])), [1.0, -1.0, NAN])


def test_log_ratios_by_hand():
    batch = batch_of(logprob=[-1.0, -2.0, -1.0], ref_logprob=[-3.0, -2.0, NAN])
    np.testing.assert_array_equal(log_ratio_rewards(batch, beta=0.5), [1.0, 0.0, NAN])


def test_potential_differences_by_hand():
    batch = batch_of(potential=[0.25, 0.5, 1.0], final_potential=[NAN, 0.75, NAN])
    # Step 0: 0.5 - 0.25; step 1 ends its trajectory: 0.75 - 0.5; step 2 ends the other, in a state that nothing is known of.
    np.testing.assert_array_equal(potential_differences(batch), [0.25, 0.25, NAN])
    np.testing.assert_array_equal(potential_differences(batch, gamma=0.5), [0.0, -0.125, NAN])
    # Without the ends the last steps are not known; an unknown state takes the steps on both sides with it.
    np.testing.assert_array_equal(potential_differences(batch_of(potential=[0.25, 0.5, 1.0])), [0.25, NAN, NAN])
    np.testing.assert_array_equal(potential_differences(batch_of((3,), potential=[0.0, NAN, 1.0], final_potential=[NAN, NAN, 1.0])), [NAN, NAN, 0.0])


def test_a_final_potential_counts_on_last_rows_alone():
    batch = batch_of(potential=[0.25, 0.5, 1.0], final_potential=[9.0, 0.75, 0.5])
    np.testing.assert_array_equal(potential_differences(batch), [0.25, 0.25, -0.5])


def test_potential_differences_sum_to_the_way_from_beginning_to_end(make_batch):
    batch = make_batch(1)
    rng = np.random.default_rng(1)
    batch = batch.with_columns({"potential": rng.normal(size=batch.rewards.size), "final_potential": rng.normal(size=batch.rewards.size)})
    ends = batch.column("final_potential")[batch.offsets[1:] - 1] - batch.column("potential")[batch.offsets[:-1]]
    np.testing.assert_allclose(np.add.reduceat(potential_differences(batch), batch.offsets[:-1]), ends, atol=1e-12)


def test_information_gain_by_hand():
    batch = batch_of(potential=[0.25, 0.5, 1.0], final_potential=[NAN, 0.125, NAN])
    np.testing.assert_array_equal(information_gain(batch), [0.25, -0.375, NAN])
    # log .5/.25 = log 2 and log .125/.5 = -log 4, but for the floor.
    np.testing.assert_allclose(information_gain(batch, log=True), [math.log(2), -math.log(4), NAN], rtol=1e-6)
    # From impossible to certain: log(1 + floor) - log(floor).
    assert information_gain(batch_of((1,), potential=[0.0], final_potential=[1.0]), log=True, floor=0.25)[0] == pytest.approx(math.log(5))


def test_a_point_that_was_reached_before_is_not_paid_again():
    # Potentials 0, .5, .25, .5, then 1: + .5, falls back, comes again, + .5.
    batch = batch_of((4,), potential=[0.0, 0.5, 0.25, 0.5], final_potential=[NAN, NAN, NAN, 1.0])
    np.testing.assert_array_equal(key_step_rewards(batch), [0.5, 0.0, 0.0, 0.5])
    # What is not known after step 0 is not paid there; step 1 is paid for all that is farther than the beginning.
    gap = batch_of((2,), potential=[0.25, NAN], final_potential=[NAN, 0.75])
    np.testing.assert_array_equal(key_step_rewards(gap), [NAN, 0.5])
    np.testing.assert_array_equal(key_step_rewards(batch_of((1,), potential=[NAN], final_potential=[1.0])), [NAN])


def test_running_maxima_agree_with_the_loop(make_batch):
    for seed in range(5):
        batch = make_batch(seed)
        rng = np.random.default_rng(seed)
        values = np.where(rng.random(batch.rewards.size) < 0.3, NAN, rng.normal(size=batch.rewards.size))
        expected = []
        for start, stop in pairwise(batch.offsets.tolist()):
            farthest = NAN
            for value in values[start:stop].tolist():
                farthest = value if math.isnan(farthest) else farthest if math.isnan(value) else max(farthest, value)
                expected.append(farthest)
        np.testing.assert_array_equal(running_maxima(values, batch.offsets), expected)


def test_probes_by_hand():
    # A sure right answer 1.5 + 0.5 - 1 = 1, a sure wrong one -1, an unsure wrong one 0, an unsure right one 1/2.
    phi = probe_potentials(np.array([1.0, 0.0, 0.0, 1.0, NAN]), np.array([1.0, 1.0, 0.0, 0.0, 0.5]))
    np.testing.assert_array_equal(phi, [1.0, -1.0, 0.0, 0.5, NAN])


def test_monte_carlo_differences_by_hand():
    batch = batch_of(rewards=[0.0, 1.0, 0.0], mc_value=[0.25, 0.5, 0.75], bootstrap_mc_value=[NAN, NAN, 1.0], truncated=[False, True])
    # 0 + .5 - .25; 1 + 0 - .5, for the end has the value 0; the truncated one: 0 - .75, or with its own value of the end 1 - .75.
    assert monte_carlo_differences(batch).tolist() == [0.25, 0.5, -0.75]
    assert monte_carlo_differences(batch, bootstrap=True).tolist() == [0.25, 0.5, 0.25]
    assert monte_carlo_differences(batch, gamma=0.5, bootstrap=True).tolist() == [0.0, 0.5, -0.25]
    unknown = batch_of((2,), rewards=[0.0, 1.0], mc_value=[0.25, NAN], truncated=[True])
    np.testing.assert_array_equal(monte_carlo_differences(unknown), [NAN, NAN])
    np.testing.assert_array_equal(monte_carlo_differences(batch_of((1,), mc_value=[0.25], truncated=[True]), bootstrap=True), [NAN])


def test_renorm_never_pays_a_failed_trajectory():
    batch = batch_of((2, 1), outcomes=[1.0, 0.0], score=[0.25, 1.0, 0.25])
    assert renorm_rewards(batch).tolist() == [0.25, 1.0, -0.75]
    np.testing.assert_array_equal(renorm_rewards(batch_of((1, 1), outcomes=[NAN, 1.0], score=[0.5, NAN])), [NAN, NAN])


def test_softmin_weights_by_hand():
    # T = 1 / log 2 and rewards 0 and 1: 2^0 : 2^-1 = 2/3 : 1/3. A lone step has all of it.
    weights = min_form_weights(np.array([0.0, 1.0, 5.0]), np.array([0, 2, 3]), 1 / math.log(2))
    np.testing.assert_allclose(weights, [2 / 3, 1 / 3, 1.0], rtol=1e-14)
    # The limit T = 0 is the least reward; where two are least they share.
    assert min_form_weights(np.array([0.5, -1.0, -1.0, 2.0]), np.array([0, 4]), 0.0).tolist() == [0.0, 0.5, 0.5, 0.0]
    np.testing.assert_allclose(min_form_weights(np.array([0.5, -1.0, 2.0]), np.array([0, 3]), 1e-3), [0.0, 1.0, 0.0], atol=1e-12)
    # T to infinity is the mean. A step that nothing is known of has no weight; neither has a trajectory of such steps.
    np.testing.assert_allclose(min_form_weights(np.array([1.0, NAN, 3.0, NAN]), np.array([0, 3, 4]), 1e9), [0.5, 0.0, 0.5, 0.0], rtol=1e-8)


def test_the_weighted_sum_is_nearly_the_least_reward(make_batch):
    # sum_t w_t r_t = -T log sum_t exp(-r_t/T) + T H(w): the first term is at most the minimum, the entropy H at most log n.
    batch = make_batch(2)
    rewards = np.random.default_rng(2).uniform(-1, 1, batch.rewards.size)
    for temperature in (0.0, 0.01, 0.1):
        weighted = np.add.reduceat(min_form_weights(rewards, batch.offsets, temperature) * rewards, batch.offsets[:-1])
        least = np.minimum.reduceat(rewards, batch.offsets[:-1])
        assert (weighted >= least - 1e-12).all()
        assert (weighted <= least + temperature * np.log(batch.lengths) + 1e-12).all()


def test_unknown_rows_do_not_count_in_their_group():
    # Known are 1 and 3: mean 2; the lone known row of the second group is alone.
    groups = Grouping(np.array([0, 0, 0, 1, 1]), 2)
    relative = normalized_known(np.array([1.0, NAN, 3.0, 5.0, NAN]), groups)
    assert relative.values.tolist() == [-1.0, 0.0, 1.0, 0.0, 0.0]
    assert relative.known.tolist() == [True, False, True, True, False]
    assert relative.members.sizes.tolist() == [2, 1]
    assert unknown_share(relative.known) == {"unknown_share": pytest.approx(0.4)}
    assert normalized_known(np.array([5.0]), Grouping(np.array([0]), 1), singleton="raw").values.tolist() == [5.0]


def test_an_empty_batch_has_empty_signals():
    names = ("score", "label", "logprob", "ref_logprob", "potential", "final_potential", "mc_value", "bootstrap_mc_value")
    nothing = StepBatch([], [0], [], [], [], {name: np.zeros(0) for name in names})
    for signal in (prm_margins, label_signs, log_ratio_rewards, potential_differences, information_gain, key_step_rewards, renorm_rewards):
        assert signal(nothing).shape == (0,)
    assert monte_carlo_differences(nothing, bootstrap=True).shape == (0,)
    assert min_form_weights(np.zeros(0), np.array([0]), 0.1).shape == (0,)
    assert unknown_share(np.zeros(0, dtype=bool)) == {"unknown_share": 0.0}


@pytest.mark.parametrize(
    ("signal", "columns", "message"),
    [
        (prm_margins, {"score": [0.5, 1.5, 0.5]}, r"the column 'score' must be in \[0, 1\], .* got something else in row 1"),
        (prm_margins, {"score": [0.5, np.inf, 0.5]}, "got infinity in row 1"),
        (prm_margins, {}, "no column 'score'"),
        (label_signs, {"label": [0.5, 1.0, 0.0]}, "the column 'label' must be 1, 0, or NaN .* in row 0"),
        (log_ratio_rewards, {"logprob": [0.0, 0.0, 0.0]}, "no column 'ref_logprob'"),
        (information_gain, {"potential": [0.0, 2.0, 0.0]}, "the column 'potential' must be in"),
        (information_gain, {"potential": [0.0, 0.0, 0.0], "final_potential": [0.0, 0.0, -1.0]}, "the column 'final_potential' must be in .* row 2"),
        (key_step_rewards, {}, "no column 'potential'"),
        (monte_carlo_differences, {}, "no column 'mc_value'"),
    ],
)
def test_what_is_no_such_signal_is_refused(signal, columns, message):
    with pytest.raises(CreditError, match=message):
        signal(batch_of(**columns))


def test_outcomes_and_probes_are_shares():
    with pytest.raises(CreditError, match=r"outcomes must be in \[0, 1\], .* row 1"):
        renorm_rewards(batch_of(outcomes=[0.0, 2.0], score=[0.0, 0.0, 0.0]))
    with pytest.raises(CreditError, match="confidence must be in"):
        probe_potentials(np.array([0.5]), np.array([1.5]))


def test_impossible_options_are_refused():
    with pytest.raises(OptionError, match="temperature must be in"):
        min_form_weights(np.zeros(1), np.array([0, 1]), -1.0)
    with pytest.raises(OptionError, match="floor must be in"):
        information_gain(batch_of(potential=[0.0, 0.0, 0.0]), floor=0.0)
    with pytest.raises(OptionError, match="beta must be a finite number"):
        log_ratio_rewards(batch_of(logprob=[0.0] * 3, ref_logprob=[0.0] * 3), beta=NAN)
    for signal in (potential_differences, monte_carlo_differences):
        with pytest.raises(OptionError, match="gamma must be in"):
            signal(batch_of(potential=[0.0] * 3, mc_value=[0.0] * 3), gamma=1.5)


def test_a_change_that_is_rounding_is_none():
    # 0.1 + 0.2 is 5.6e-17 above 0.3 in binary; 1e-9 is a change.
    third, later = 0.1 + 0.2, 0.3 + 1e-9
    batch = batch_of((4,), potential=[0.3, third, 0.3, 0.3], final_potential=[NAN, NAN, NAN, later])
    assert potential_differences(batch)[:3].tolist() == [0.0, 0.0, 0.0]
    assert key_step_rewards(batch)[:3].tolist() == [0.0, 0.0, 0.0]
    for log in (False, True):
        assert information_gain(batch, log=log)[:3].tolist() == [0.0, 0.0, 0.0]
        assert information_gain(batch, log=log)[3] > 0.0
    assert key_step_rewards(batch)[3] == pytest.approx(1e-9, rel=1e-6)


@pytest.mark.parametrize("temperature", [1e-3, 1e-9, 1e-100, 1e-300, 1e-320, 5e-324, 0.0])
def test_a_temperature_near_zero_goes_to_the_minimum(temperature):
    # By exp(-1e-2 / T) the second best has at most exp(-10) = 4.5e-5 of the weight, however small T is: no overflow, no NaN. Equal least steps share it, also
    # those that only rounding tells apart (a score of (0.1 + 0.2) against 0.3).
    rewards, offsets = np.array([0.5, -1.0, 2.0, 0.3, 0.1 + 0.2, 0.31, NAN, NAN]), np.array([0, 3, 7, 8])
    weights = min_form_weights(rewards, offsets, temperature)
    np.testing.assert_allclose(weights, [0.0, 1.0, 0.0, 0.5, 0.5, 0.0, 0.0, 0.0], atol=3e-5)
    assert min_form_weights(np.array([1e200, -1e200]), np.array([0, 2]), temperature).tolist() == [0.0, 1.0]

import math
import statistics
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, turning_points
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(potential, lengths, totals):
    """Trajectories of one task that are paid at their ends."""
    offsets = np.cumsum([0, *lengths])
    rewards = np.zeros(offsets[-1])
    rewards[offsets[1:] - 1] = totals
    return StepBatch(rewards, offsets, ["g"] * len(lengths), [NAN] * len(lengths), [False] * len(lengths), {"potential": np.array(potential)})


def sign(value):
    return int(value > 0) - int(value < 0)


def looped_rewards(batch, rule, consistent, eta):
    """What the script and the configuration pay each step; None where it cannot be told. And how many turning points there are."""
    potential, final = batch.column("potential").tolist(), batch.column("final_potential").tolist()
    rewards, turns = [], 0
    for start, stop in pairwise(batch.offsets.tolist()):
        total = sum(batch.rewards[start:stop])
        after = [*potential[start + 1 : stop], total if math.isnan(final[stop - 1]) else final[stop - 1]]
        trend = []
        for t in range(stop - start):
            change, whole = after[t] - potential[start + t], total - potential[start]
            trend.append(sign(change) * sign(whole))
            turning = trend[t] > 0 if t == 0 else trend[t] > 0 > trend[t - 1]
            if consistent:
                goes_on = sign(change) * sign(total - after[t]) > 0
                turning = goes_on if t == 0 else turning and goes_on
            turns += turning
            paid = {"replace": eta * (total - potential[start + t]) if turning else change, "bonus": whole + (eta * change if turning else 0.0)}
            rewards.append(None if math.isnan(paid[rule]) or math.isnan(change) else paid[rule])
    return rewards, turns


def looped_advantages(batch, rewards, compare):
    places = list(
        zip(batch.group_ids[batch.trajectory_of_step].tolist(), batch.time_of_step.tolist() if compare == "time" else [0] * len(rewards), strict=True)
    )
    result = []
    for place, reward in zip(places, rewards, strict=True):
        pool = [other for other, where in zip(rewards, places, strict=True) if where == place and other is not None]
        result.append(0.0 if reward is None else (reward - statistics.fmean(pool)) / ((statistics.pstdev(pool) or 1.0) + 1e-4))
    return result


def test_a_turning_point_is_paid_what_came_of_it():
    # R = 1 from P = 1/2: rises. Changes -1/4, 1/4, 1/2: the second step turns it, and is paid R - P = 1 - 1/4 = 3/4 in place of 1/4.
    turned = batch_of([0.5, 0.25, 0.5], (3,), [1.0])
    # All of the task: -1/4, 3/4, 1/2: mean 1/3, deviations in twelfths -7, 5, 2, variance (49 + 25 + 4) / 3 / 144.
    credit = turning_points(turned, compare="task", eps=0.0)
    np.testing.assert_allclose(credit.advantages, np.array([-7.0, 5.0, 2.0]) / math.sqrt(26), rtol=1e-13)
    assert credit.diagnostics["turning_share"] == pytest.approx(1 / 3)
    # As a bonus: D = 1/2, and 1/2 + 1/4 at the turning point: mean 7/12, deviations in twelfths -1, 2, -1, variance 6 / 3 / 144.
    bonus = turning_points(turned, rule="bonus", compare="task", eps=0.0)
    np.testing.assert_allclose(bonus.advantages, np.array([-1.0, 2.0, -1.0]) / math.sqrt(2), rtol=1e-13)


def test_a_turn_that_what_follows_takes_back_is_not_consistent():
    # R = 3/4 from 1/2. Changes -1/4, 3/4, -1/4: the second step rises with the whole, to 1, but R - 1 falls.
    batch = batch_of([0.5, 0.25, 1.0], (3,), [0.75])
    assert turning_points(batch).diagnostics["turning_share"] == 0.0
    assert turning_points(batch, consistent=False).diagnostics["turning_share"] == pytest.approx(1 / 3)
    # The first step turns when it goes the way of the whole, D; with consistency the way of what is left after it.
    first = batch_of([0.5, 1.0], (2,), [0.75])
    assert turning_points(first, consistent=False).diagnostics["turning_share"] == 0.5
    assert turning_points(first).diagnostics["turning_share"] == 0.0


@pytest.mark.parametrize("rule", ["replace", "bonus"])
@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("compare", ["time", "task"])
def test_agrees_with_the_loop(make_process_batch, rule, consistent, compare):
    for seed in range(3):
        batch = make_process_batch(seed)
        rewards, turns = looped_rewards(batch, rule, consistent, 0.5)
        credit = turning_points(batch, rule=rule, consistent=consistent, eta=0.5, compare=compare)
        # Rewards that are equal but for rounding: a deviation of 0 there, some 1e-13 here.
        np.testing.assert_allclose(credit.advantages, looped_advantages(batch, rewards, compare), atol=1e-8)
        assert credit.diagnostics["turning_share"] == pytest.approx(turns / batch.rewards.size)
        assert credit.diagnostics["unknown_share"] == pytest.approx(rewards.count(None) / batch.rewards.size)


def test_one_step_is_compared_by_what_it_did():
    # Three attempts of one step from P = 1/4: changes 3/4, -1/4, -1/4, normalised with ddof 0: mean 1/12, deviations in twelfths 8, -4, -4, variance 96/3/144.
    credit = turning_points(batch_of([0.25] * 3, (1, 1, 1), [1.0, 0.0, 0.0]), eps=0.0)
    np.testing.assert_allclose(credit.advantages, np.array([8.0, -4.0, -4.0]) / math.sqrt(32), rtol=1e-13)


def test_equal_attempts_get_exactly_nothing():
    batch = batch_of([0.3, 0.1, 0.7] * 3, (3, 3, 3), [0.7] * 3)
    for rule in ("replace", "bonus"):
        assert not turning_points(batch, rule=rule).advantages.any()


def test_bad_input():
    with pytest.raises(CreditError, match="lacks potential"):
        assign("turning_points", StepBatch([1.0], [0, 1], ["g"], [1.0], [False]))
    batch = batch_of([0.0], (1,), [1.0])
    with pytest.raises(OptionError, match="rule must be one of 'replace', 'bonus', got 'paper'"):
        turning_points(batch, rule="paper")
    with pytest.raises(OptionError, match="compare must be one of"):
        turning_points(batch, compare="batch")
    with pytest.raises(OptionError, match="eta must be a finite number"):
        turning_points(batch, eta=NAN)


def test_a_step_that_changes_nothing_is_no_turning_point_however_it_is_rounded():
    # Both attempts fall from 1/2 to .3, stay there and come to 1. In the second what stays is written .1 + .2: a rise of 5.6e-17 after a fall would be a
    # turning point, paid R - P_1 = .7. Both attempts did the same, so all is 0. The last step rises after a step without trend, which is no turn either.
    columns = {"potential": np.array([0.5, 0.3, 0.3, 0.5, 0.3, 0.1 + 0.2]), "final_potential": np.array([NAN, NAN, 1.0, NAN, NAN, 1.0])}
    batch = StepBatch([0, 0, 1.0, 0, 0, 1.0], [0, 3, 6], ["g", "g"], [1, 1], [False, False], columns)
    for rule in ("replace", "bonus"):
        for consistent in (True, False):
            credit = turning_points(batch, rule=rule, consistent=consistent)
            assert credit.advantages.tolist() == [0.0] * 6
            assert credit.diagnostics["turning_share"] == 0.0

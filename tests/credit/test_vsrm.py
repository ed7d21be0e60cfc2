import math
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, vsrm
from prm_gym.credit.normalize import whitened
from prm_gym.credit.returns import discounted_returns
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(values, rewards, truncated=False):
    return StepBatch(rewards, [0, len(rewards)], ["g"], [NAN], [truncated], {"mc_value": np.array(values)})


def looped_vsrm(batch, tolerance, decay, gamma, outcome_weight):
    values = batch.column("mc_value").tolist()
    result = []
    for start, stop in pairwise(batch.offsets.tolist()):
        changes = [batch.rewards[t] + (values[t + 1] if t + 1 < stop else 0.0) - values[t] for t in range(start, stop)]
        rewards = []
        for t, change in enumerate(changes):
            later = [h for h in range(t, stop - start) if abs(changes[h]) >= tolerance]
            paid = decay ** (later[0] - t) * changes[later[0]] if later and not math.isnan(change) else 0.0
            rewards.append(paid + outcome_weight * batch.rewards[start + t])
        following, credit = 0.0, []
        for reward in reversed(rewards):
            following = reward + gamma * following
            credit.append(following)
        result += reversed(credit)
    return result


def test_by_hand():
    # Values 1/4, 1/4, 3/4 and the outcome 1: changes 0, 1/2, 1/4. The first step earns half of what the second one did: 1/4. Sums: 1, 3/4, 1/4.
    credit = vsrm(batch_of([0.25, 0.25, 0.75], [0.0, 0.0, 1.0]), decay=0.5, whiten=False)
    assert credit.advantages.tolist() == [1.0, 0.75, 0.25]
    assert credit.diagnostics["propagated_share"] == pytest.approx(1 / 3)
    # Two steps before: decay^2. The last step changes nothing, and nothing comes after it.
    assert vsrm(batch_of([0.5, 0.5, 0.5, 1.0], [0.0, 0.0, 0.0, 1.0]), decay=0.5, gamma=0.0, whiten=False).advantages.tolist() == [0.125, 0.25, 0.5, 0.0]
    # Decay 0 pays the step itself alone.
    assert vsrm(batch_of([0.25, 0.25, 0.75], [0.0, 0.0, 1.0]), decay=0.0, gamma=0.0, whiten=False).advantages.tolist() == [0.0, 0.5, 0.25]


def test_agrees_with_the_loop(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed)
        credit = vsrm(batch, tolerance=0.3, decay=0.7, gamma=0.9, outcome_weight=0.5, whiten=False)
        np.testing.assert_allclose(credit.advantages, looped_vsrm(batch, 0.3, 0.7, 0.9, 0.5), atol=1e-12)
        np.testing.assert_allclose(vsrm(batch).advantages, whitened(vsrm(batch, whiten=False).advantages), atol=1e-12)


def test_without_tolerance_it_is_the_return_against_the_value(make_batch):
    # sum_{u >= t} (r_u + V_{u+1} - V_u) telescopes to sum r - V_t.
    batch = make_batch(3)
    values = np.random.default_rng(3).normal(size=batch.rewards.size)
    expected = discounted_returns(batch.rewards, batch.offsets, 1.0) - values
    np.testing.assert_allclose(vsrm(batch.with_columns({"mc_value": values}), tolerance=0.0, whiten=False).advantages, expected, atol=1e-12)


def test_what_is_not_known_is_looked_past():
    # Changes: not known, not known (its value is not), 0, 1: the third step looks to the last one, the first two add nothing.
    credit = vsrm(batch_of([0.0, NAN, 0.5, 0.5], [0.0, 0.0, 0.0, 1.0]), decay=0.5, gamma=0.0, whiten=False)
    assert credit.advantages.tolist() == [0.0, 0.0, 0.25, 0.5]
    assert credit.diagnostics["unknown_share"] == 0.5


def test_truncated_trajectories_go_on_if_asked_for():
    batch = batch_of([0.25], [0.0], truncated=True).with_columns({"bootstrap_mc_value": np.array([0.75])})
    assert vsrm(batch, whiten=False).advantages.tolist() == [-0.25]
    assert vsrm(batch, bootstrap=True, whiten=False).advantages.tolist() == [0.5]


def test_bad_input():
    with pytest.raises(CreditError, match="lacks mc_value"):
        assign("vsrm", StepBatch([1.0], [0, 1], ["g"], [1.0], [False]))
    for option, value in (("tolerance", -1.0), ("decay", 1.5), ("gamma", -0.1)):
        with pytest.raises(OptionError, match=f"{option} must be in"):
            vsrm(batch_of([0.0], [0.0]), **{option: value})
    with pytest.raises(OptionError, match="outcome_weight must be a finite number"):
        vsrm(batch_of([0.0], [0.0]), outcome_weight=NAN)


@pytest.mark.parametrize("count", range(1, 19))
def test_a_change_of_the_tolerance_counts_however_it_is_rounded(count):
    # Of twenty roll-outs one more succeeds: a change of .05, the tolerance, though .35 - .3 is a little less in floating point.
    credit = vsrm(batch_of([count / 20, (count + 1) / 20], [0.0, (count + 1) / 20]), tolerance=0.05, whiten=False)
    np.testing.assert_allclose(credit.advantages, [0.05, 0.0], atol=1e-12)

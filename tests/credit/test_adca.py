import math
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, adca, assign, grpo
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(labels, lengths=(2, 1), rewards=(0.0, 1.0, 0.0)):
    offsets = np.cumsum([0, *lengths])
    return StepBatch(rewards, offsets, ["g"] * len(lengths), [NAN] * len(lengths), [False] * len(lengths), {"label": np.array(labels, dtype=float)})


def mean(values):
    return sum(values) / len(values)


def looped_adca(batch, scheme, alpha, base, inconsistent, gamma):
    spans, groups = list(pairwise(batch.offsets.tolist())), batch.group_ids.tolist()
    signs = [[None if math.isnan(label) else base * (2 * label - 1) for label in batch.column("label")[a:b].tolist()] for a, b in spans]
    totals = [float(sum(batch.rewards[a:b])) for a, b in spans]
    result = []
    for i in range(len(spans)):
        members = [j for j in range(len(spans)) if groups[j] == groups[i]]
        if scheme == "decouple":
            told = [known for known in ([sign for sign in signs[j] if sign is not None] for j in members) if known]
            middle = mean([mean(known) for known in told]) if told else 0.0
            spread = math.sqrt(mean([mean([(sign - middle) ** 2 for sign in known]) for known in told]) + 1e-8) if told else 1.0
            rewards = [0.0 if sign is None else alpha * (sign - middle) / spread for sign in signs[i]]
            centre = mean([totals[j] for j in members])
            std = math.sqrt(mean([(totals[j] - centre) ** 2 for j in members]))
            rewards[-1] += (totals[i] - centre) / std if std > 1e-9 else 0.0
        else:
            won = totals[i] > 0
            shares = [0.0 if sign is None else 1.0 if (sign > 0) == won else inconsistent for sign in signs[i]]
            if not sum(shares):
                shares[-1] = 1.0
            rewards = [(1 if won else -1) * share / sum(shares) for share in shares]
        following, credit = 0.0, []
        for reward in reversed(rewards):
            following = reward + gamma * following
            credit.append(following)
        result += reversed(credit)
    return result


def test_decoupled_by_hand():
    # Signs 1, -1 and -1: trajectories' means 0 and -1, their mean -1/2. Squares 9/4, 1/4 (mean 5/4) and 1/4: variance 3/4. Outcomes 1 and 0: Z = +-1.
    z = np.array([1.5, -0.5, -0.5]) / math.sqrt(0.75)
    credit = adca(batch_of([1, 0, 0]), alpha=0.5, base=1e4)  # against which 1e-8 is nothing
    np.testing.assert_allclose(credit.advantages, [0.5 * (z[0] + z[1]) + 1, 0.5 * z[1] + 1, 0.5 * z[2] - 1], rtol=1e-12)
    # The source's base: the constant under the root is 1e-8 beside .04 * 3/4.
    shrunk = 1 / math.sqrt(1 + 1e-8 / (0.04 * 0.75))
    assert adca(batch_of([1, 0, 0])).advantages[2] == pytest.approx(0.1 * z[2] * shrunk - 1, rel=1e-13)


def test_allocated_by_hand():
    # Solved: the right step weighs 1, the wrong one 1/4: 4/5 and 1/5, and sums 1, 1/5. Failed, one step: all of -1.
    assert adca(batch_of([1, 0, 0]), scheme="allocation", inconsistent=0.25).advantages.tolist() == pytest.approx([1.0, 0.2, -1.0], abs=1e-15)
    # A step that nothing is known of has no share; where no step is known the last one has all, as if the outcome were paid there.
    assert adca(batch_of([NAN, 0, NAN]), scheme="allocation").advantages.tolist() == [1.0, 1.0, -1.0]
    assert adca(batch_of([NAN, NAN, 1]), scheme="allocation", gamma=0.5).advantages.tolist() == [0.5, 1.0, -1.0]


@pytest.mark.parametrize("scheme", ["decouple", "allocation"])
def test_agrees_with_the_loop(make_process_batch, scheme):
    for seed in range(5):
        batch = make_process_batch(seed)
        expected = looped_adca(batch, scheme, 0.3, 0.2, 0.4, 0.9)
        np.testing.assert_allclose(adca(batch, scheme=scheme, alpha=0.3, inconsistent=0.4, gamma=0.9).advantages, expected, atol=1e-9)


def test_limits(make_process_batch):
    batch = make_process_batch(2)
    np.testing.assert_allclose(adca(batch, alpha=0.0).advantages, grpo(batch, eps=0.0, ddof=0, singleton="zero").advantages, atol=1e-12)
    # The shares of a trajectory sum to its sign.
    totals = np.add.reduceat(batch.rewards, batch.offsets[:-1])
    allocated = adca(batch, scheme="allocation").advantages[batch.offsets[:-1]]
    np.testing.assert_allclose(allocated, np.where(totals > 0, 1.0, -1.0), atol=1e-12)


def test_equal_labels_say_nothing_exactly(make_batch):
    batch = make_batch(3)
    outcome = adca(batch.with_columns({"label": np.full(batch.rewards.size, NAN)})).advantages
    for label in (0.0, 1.0):
        assert np.array_equal(adca(batch.with_columns({"label": np.full(batch.rewards.size, label)}), alpha=1.0).advantages, outcome)


def test_what_is_not_known_is_counted():
    credit = adca(batch_of([1, NAN, 0]))
    assert credit.diagnostics["unknown_share"] == pytest.approx(1 / 3)
    assert credit.diagnostics["agreeing_share"] == 1.0  # right in the solved one, wrong in the failed one


def test_bad_input():
    with pytest.raises(CreditError, match=r"lacks label.* label: of verifiers that call steps right or wrong"):
        assign("adca", StepBatch([1.0], [0, 1], ["g"], [1.0], [False]))
    with pytest.raises(CreditError, match="the column 'label' must be 1, 0, or NaN"):
        adca(batch_of([0.5, 0, 0]))
    with pytest.raises(OptionError, match="scheme must be one of 'decouple', 'allocation'"):
        adca(batch_of([1, 0, 0]), scheme="fix")
    with pytest.raises(OptionError, match="alpha must be a finite number"):
        adca(batch_of([1, 0, 0]), alpha=NAN)
    for option, value in (("base", 0.0), ("inconsistent", -1.0), ("gamma", 2.0)):
        with pytest.raises(OptionError, match=f"{option} must be in"):
            adca(batch_of([1, 0, 0]), **{option: value})


def test_rewards_that_cancel_leave_no_outcome():
    # .1 + .2 - .3 is 6e-17 in floating point, and 0 in truth: both attempts came to the same, and all labels are equal.
    batch = batch_of([1, 1, 1, 1], (3, 1), (0.1, 0.2, -0.3, 0.0))
    np.testing.assert_allclose(adca(batch).advantages, 0.0, atol=1e-12)

from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, grpo, istar, prime, rloo
from prm_gym.errors import CreditError


def batch_of(rewards, implicit, lengths=(2, 1), groups=None):
    offsets = np.cumsum([0, *lengths])
    totals = [float(sum(rewards[a:b])) for a, b in pairwise(offsets)]
    groups = ["g"] * len(lengths) if groups is None else groups
    return StepBatch(rewards, offsets, groups, totals, [False] * len(lengths), {"implicit_reward": np.array(implicit, dtype=float)})


def looped_prime(batch):
    """The published sum, one trajectory and step after the other, without whitening."""
    rewards, offsets = batch.columns["implicit_reward"].tolist(), batch.offsets.tolist()
    spans = list(pairwise(offsets))
    result = []
    for i, (start, stop) in enumerate(spans):
        others = [j for j in range(len(spans)) if batch.group_ids[j] == batch.group_ids[i]]
        n = len(others)
        for t in range(start, stop):
            if n == 1:
                result.append(0.0)
                continue
            means = sum(sum(rewards[a:b]) / (b - a) for a, b in (spans[j] for j in others))
            total = [sum(batch.rewards[a:b]) for a, b in (spans[j] for j in others)]
            own = sum(batch.rewards[start:stop])
            outcome = own - (sum(total) - own) / (n - 1)
            result.append(outcome + sum(rewards[u] * n / (n - 1) - means / (n - 1) for u in range(t, stop)))
    return result


def test_istar_by_hand():
    # Outcomes 1 and 0: mean 1/2, std sqrt(1/2): A^E = +-sqrt(1/2). Implicit rewards 1, 2, 3 of all three steps: mean 2, std 1: A^S = -1, 0, 1.
    credit = istar(batch_of([0.0, 1.0, 0.0], [1.0, 2.0, 3.0]), eps=0.0)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(credit.advantages, [half - 1.0, half, -half + 1.0], atol=1e-15)
    assert credit.diagnostics["step_groups"] == 1.0


def test_istar_without_the_step_term_is_grpo(make_batch):
    batch = make_batch(0).with_columns({"implicit_reward": np.random.default_rng(0).normal(size=make_batch(0).rewards.size)})
    np.testing.assert_allclose(istar(batch, step_weight=0.0).advantages, grpo(batch).advantages, atol=1e-13)
    # Rewards that are all equal within a task say nothing of its steps, exactly.
    equal = batch.with_columns({"implicit_reward": np.full(batch.rewards.size, 0.7)})
    assert np.array_equal(istar(equal).advantages, istar(equal, step_weight=0.0).advantages)


def test_a_step_that_nothing_is_known_of_has_no_part():
    # Known are 1 and 3: mean 2, std sqrt(2); the unknown one keeps its episode term alone.
    known = istar(batch_of([0.0, 1.0, 0.0], [1.0, np.nan, 3.0]), eps=0.0)
    half = np.sqrt(0.5)
    np.testing.assert_allclose(known.advantages, [half - half, half, -half + half], atol=1e-15)
    assert known.diagnostics["unknown_share"] == pytest.approx(1 / 3)
    # Leave one out with means 1 and 3: 1 - 3 and 3 - 1; the unknown second step adds nothing to what follows the first.
    prime_ = prime(batch_of([0.0, 0.0, 0.0], [1.0, np.nan, 3.0]), whiten=False)
    assert prime_.advantages.tolist() == [-2.0, 0.0, 2.0]
    # A trajectory of which nothing is known is none of the n: the other is then alone.
    assert prime(batch_of([0.0, 0.0, 0.0], [1.0, 2.0, np.nan]), whiten=False).advantages.tolist() == [0.0, 0.0, 0.0]


def test_prime_by_hand():
    # n = 2, means 3/2 and 3. Steps: 2*1 - 4.5 = -2.5, 2*2 - 4.5 = -0.5, 2*3 - 4.5 = 1.5; sums of what follows: -3, -0.5, 1.5. Outcomes: 1 - 0 and 0 - 1.
    credit = prime(batch_of([0.0, 1.0, 0.0], [1.0, 2.0, 3.0]), whiten=False)
    assert credit.advantages.tolist() == [-2.0, 0.5, 0.5]
    # Whitened: mean -1/3, deviations -5/3, 5/6, 5/6, variance (25/9 + 2*25/36) / 2 = 25/12.
    whitened = prime(batch_of([0.0, 1.0, 0.0], [1.0, 2.0, 3.0])).advantages
    np.testing.assert_allclose(whitened, np.array([-5 / 3, 5 / 6, 5 / 6]) / np.sqrt(25 / 12 + 1e-8), rtol=1e-13)


def test_prime_agrees_with_the_loop(make_batch):
    for seed in range(5):
        batch = make_batch(seed)
        batch = batch.with_columns({"implicit_reward": np.random.default_rng(seed).normal(size=batch.rewards.size)})
        np.testing.assert_allclose(prime(batch, whiten=False).advantages, looped_prime(batch), atol=1e-10)


def test_prime_without_implicit_rewards_is_rloo(make_batch):
    batch = make_batch(3)
    batch = batch.with_columns({"implicit_reward": np.zeros(batch.rewards.size)})
    np.testing.assert_allclose(prime(batch, whiten=False).advantages, rloo(batch, singleton="zero").advantages, atol=1e-13)


def test_what_they_need():
    for name in ("istar", "prime"):
        with pytest.raises(CreditError, match=r"lacks implicit_reward.*make_signal\('implicit_reward:CHECKPOINT'\)"):
            assign(name, StepBatch([1.0], [0, 1], ["g"], [1], [False]))


def test_equal_implicit_rewards_say_exactly_nothing_in_prime():
    # Attempts of one, three and seven steps; .1 summed up three times is not .3 in binary, and .1 + .2 is not .3. One advantage of 1e-17 would be made one of
    # 1e-12 by the whitening.
    lengths = (1, 3, 7)
    for value in (0.1, 0.7, -1 / 3):
        batch = batch_of([0.0] * 11, [value] * 11, lengths=lengths)
        assert prime(batch).advantages.tolist() == prime(batch, whiten=False).advantages.tolist() == [0.0] * 11
    rounded = batch_of([0.0] * 11, [0.3, 0.1 + 0.2] * 5 + [0.3], lengths=lengths)
    assert prime(rounded).advantages.tolist() == [0.0] * 11

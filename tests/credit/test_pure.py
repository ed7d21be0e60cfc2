import math
from itertools import pairwise

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, pure, rloo
from prm_gym.errors import CreditError, OptionError

NAN = float("nan")


def batch_of(scores, lengths=(2, 1), rewards=None):
    offsets = np.cumsum([0, *lengths])
    rewards = np.zeros(offsets[-1]) if rewards is None else rewards
    return StepBatch(rewards, offsets, ["g"] * len(lengths), [NAN] * len(lengths), [False] * len(lengths), {"score": np.array(scores)})


def looped_pure(batch, temperature, gamma):
    """The published sums, one step after the other, with weights 1."""
    spans, groups = list(pairwise(batch.offsets.tolist())), batch.group_ids.tolist()
    rewards = []
    for start, stop in spans:
        margins = [2 * score - 1 for score in batch.column("score")[start:stop].tolist()]
        total = sum(math.exp(-margin / temperature) for margin in margins if not math.isnan(margin))
        rewards.append([None if math.isnan(margin) else math.exp(-margin / temperature) / total * margin for margin in margins])
    result = []
    for i, (start, stop) in enumerate(spans):
        others = [j for j in range(len(spans)) if groups[j] == groups[i] and j != i]
        outcome = sum(batch.rewards[start:stop]) - sum(sum(batch.rewards[slice(*spans[j])]) for j in others) / len(others) if others else 0.0
        known = [[reward for reward in rewards[j] if reward is not None] for j in others]
        means = [sum(each) / len(each) for each in known if each]
        following = 0.0
        credit = []
        for reward in reversed(rewards[i]):
            following = gamma * following + (reward - sum(means) / len(means) if reward is not None and means else 0.0)
            credit.append(outcome + following)
        result += reversed(credit)
    return result


def test_by_hand():
    # Margins 1, -1 and 1. The hard minimum: rewards 0, -1 and 1, means a step -1/2 and 1. Against the other's mean: -1, -2 and 3/2; sums of what follows.
    credit = pure(batch_of([1.0, 0.0, 1.0]), temperature=0.0)
    assert credit.advantages.tolist() == [-3.0, -2.0, 1.5]
    # Outcomes 0 and 1 add -1 and 1.
    assert pure(batch_of([1.0, 0.0, 1.0], rewards=[0.0, 0.0, 1.0]), temperature=0.0).advantages.tolist() == [-4.0, -3.0, 2.5]
    # T = 2 / log 3: weights of the margins 1 and -1 as 1 : 3, rewards 1/4 and -3/4, mean -1/4. Against 1: -3/4, -7/4; the other 1 + 1/4.
    np.testing.assert_allclose(pure(batch_of([1.0, 0.0, 1.0]), temperature=2 / math.log(3)).advantages, [-2.5, -1.75, 1.25], rtol=1e-14)


def test_agrees_with_the_loop(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed)
        np.testing.assert_allclose(pure(batch, temperature=0.3, gamma=0.9).advantages, looped_pure(batch, 0.3, 0.9), atol=1e-12)


def test_a_cold_softmin_is_the_minimum(make_process_batch):
    # Margins are half apart, so that the weight beyond the minimum is below exp(-500) at T = 1/1000.
    batch = make_process_batch(4)
    np.testing.assert_allclose(pure(batch, temperature=1e-3).advantages, pure(batch, temperature=0.0).advantages, atol=1e-12)


def test_limits(make_process_batch):
    batch = make_process_batch(5)
    # Without the process it is RLOO; over single steps it is RLOO of the margins.
    np.testing.assert_allclose(pure(batch, process_weight=0.0).advantages, rloo(batch, singleton="zero").advantages, atol=1e-14)
    single = make_process_batch(6, longest=1)
    scores = np.random.default_rng(6).random(single.rewards.size)
    margins = StepBatch(2 * scores - 1, single.offsets, single.group_ids, single.outcomes, single.truncated)
    single = single.with_columns({"score": scores})
    np.testing.assert_allclose(pure(single, outcome_weight=0.0).advantages, rloo(margins, singleton="zero").advantages, atol=1e-13)


def test_what_is_not_known_has_no_part():
    # The second step says nothing: margins 1 and 1, each against the other's: nothing.
    credit = pure(batch_of([1.0, NAN, 1.0]))
    assert credit.advantages.tolist() == [0.0, 0.0, 0.0]
    assert credit.diagnostics["unknown_share"] == pytest.approx(1 / 3)
    # An attempt of which nothing is known is no baseline: the other is then alone.
    assert pure(batch_of([1.0, 0.0, NAN])).advantages.tolist() == [0.0, 0.0, 0.0]


def test_equal_attempts_get_exactly_nothing():
    assert not pure(batch_of([0.7] * 7, lengths=(1,) * 7, rewards=[0.1] * 7)).advantages.any()
    # Also of three steps each, whose softmin rewards are thirds of the margin, and where rounding alone tells scores apart.
    for scores in ([0.7] * 9, [0.3, 0.1 + 0.2, 0.3] * 3, [0.3, 0.3, 0.1 + 0.2, *[0.3] * 6]):
        assert not pure(batch_of(scores, lengths=(3, 3, 3), rewards=[0.1] * 9)).advantages.any()
        assert not pure(batch_of(scores, lengths=(3, 3, 3), rewards=[0.1] * 9), temperature=0.0).advantages.any()


def test_bad_input():
    with pytest.raises(CreditError, match="lacks score"):
        assign("pure", StepBatch([1.0], [0, 1], ["g"], [1.0], [False]))
    with pytest.raises(CreditError, match=r"the column 'score' must be in \[0, 1\]"):
        pure(batch_of([2.0, 0.0, 0.0]))
    with pytest.raises(OptionError, match="temperature must be in"):
        pure(batch_of([0.0] * 3), temperature=-0.1)
    with pytest.raises(OptionError, match="gamma must be in"):
        pure(batch_of([0.0] * 3), gamma=1.1)
    with pytest.raises(OptionError, match="process_weight must be a finite number"):
        pure(batch_of([0.0] * 3), process_weight=NAN)

import math

import numpy as np
import pytest

from prm_gym.credit import StepBatch, gigpo, hgpo
from prm_gym.credit.pipeline import selected
from prm_gym.errors import OptionError


def looped_hgpo(batch, *, gamma, history_length, alpha, divide, base, eps=1e-6):
    """The published code over Python lists: clusters by the last k states, their members standardised, the non-zero ones weighted."""
    rows, states = [], batch.column("state_key").tolist()
    for i, task in enumerate(batch.group_ids.tolist()):
        start, end = int(batch.offsets[i]), int(batch.offsets[i + 1])
        rows += [
            (task, start, row, sum(gamma ** (u - row) * batch.rewards[u] for u in range(row, end)), sum(batch.rewards[start:end])) for row in range(start, end)
        ]
    items = {row: [] for _, _, row, _, _ in rows}
    if base:
        for task, _, row, _, total in rows:
            members = [other_total for other, _, _, _, other_total in rows if other == task]
            mean = sum(members) / len(members) if len(members) > 1 else 0.0
            std = math.sqrt(sum((x - mean) ** 2 for x in members) / (len(members) - 1)) if len(members) > 1 else 1.0
            items[row].append((0, (total - mean) / (std + eps) if divide else total - mean))
    for k in range(1, history_length + 2):
        clusters = {}
        for task, start, row, value, _ in rows:
            if row - start >= k - 1:
                clusters.setdefault((task, tuple(states[row - k + 1 : row + 1])), []).append((row, value))
        for members in clusters.values():
            if len(members) > 1:
                mean = sum(value for _, value in members) / len(members)
                std = math.sqrt(sum((value - mean) ** 2 for _, value in members) / len(members))
                for row, value in members:
                    items[row].append((k, (value - mean) / (std + eps) if divide else value - mean))
    advantages = []
    for _, _, row, _, _ in rows:
        kept = [((k + 1) ** alpha, a) for k, a in items[row] if abs(a) > 1e-9]
        total = sum(weight for weight, _ in kept)
        advantages.append(sum(weight * a for weight, a in kept) / (total + eps) if kept else 0.0)
    return advantages


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("normalize", "base"), [("mean", False), ("mean_std", False), ("mean_std", True)])
@pytest.mark.parametrize("history_length", [0, 2, 30])
def test_agrees_with_the_loop(make_batch, seed, normalize, base, history_length):
    batch = make_batch(seed, states=3)
    fast = hgpo(batch, gamma=0.9, history_length=history_length, alpha=0.5, normalize=normalize, base_group=base).advantages
    slow = looped_hgpo(batch, gamma=0.9, history_length=history_length, alpha=0.5, divide=normalize == "mean_std", base=base)
    np.testing.assert_allclose(fast, slow, rtol=1e-6, atol=1e-7)


def test_levels_by_hand():
    # Three attempts, gamma 1, reward at the end. Their last step is in u, after s, s and t; returns 1, 0, 1.
    # k = 1: u is shared by three, mean 2/3: +1/3, -2/3, +1/3. k = 2: (s, u) is shared by two, mean 1/2: +1/2, -1/2; (t, u) is alone.
    # Weights 2 and 3: (2/3 + 3/2) / 5 = 13/30; (-4/3 - 3/2) / 5 = -17/30; the third has the level 1 alone: 1/3.
    batch = StepBatch([0, 1, 0, 0, 0, 1], [0, 2, 4, 6], ["g"] * 3, [1, 0, 1], [False] * 3, {"state_key": list("sususu")[:4] + list("tu")})
    advantages = hgpo(batch, gamma=1.0, history_length=1, normalize="mean", eps=0.0).advantages
    # The first steps: s has returns 1 and 0, mean 1/2, at level 1 alone; t is alone.
    np.testing.assert_allclose(advantages, [1 / 2, 13 / 30, -1 / 2, -17 / 30, 0.0, 1 / 3], rtol=1e-14)


def test_without_history_it_is_the_step_term_of_gigpo_with_ddof_0(make_batch):
    # One level: its weight cancels. ddof 0 instead of 1 stretches a group of n by sqrt(n / (n - 1)).
    batch = make_batch(2)
    step = gigpo(batch, normalize="mean_std", eps=0.0).advantages - gigpo(batch, normalize="mean_std", eps=0.0, step_weight=0.0).advantages
    owner = batch.trajectory_of_step
    visits = list(zip(batch.group_ids[owner].tolist(), batch.column("state_key").tolist(), strict=True))
    sizes = np.array([visits.count(visit) for visit in visits])
    stretched = step * np.sqrt(sizes / np.maximum(sizes - 1, 1))
    np.testing.assert_allclose(hgpo(batch, history_length=0, eps=0.0).advantages, stretched, atol=1e-9)


def test_an_advantage_of_exactly_zero_takes_no_part():
    # Level 1 (state u) has returns 1, 0, 1/2: the third is its mean, 0. At level 2 the first and the third share (s, u): 1/4, -1/4.
    # The third has level 2 alone: -1/4, not 3 * (-1/4) / 5. Returns are those of the last steps; the first steps have the same.
    batch = StepBatch([0, 1, 0, 0, 0, 0.5], [0, 2, 4, 6], ["g"] * 3, [1, 0, 1], [False] * 3, {"state_key": list("sutusu")})
    advantages = hgpo(batch, gamma=1.0, history_length=1, normalize="mean", eps=0.0).advantages
    assert advantages[5] == -0.25
    assert advantages[1] == pytest.approx((2 * 0.5 + 3 * 0.25) / 5)


def test_equal_rewards_give_exactly_zero():
    batch = StepBatch([0.7] * 7, range(8), ["g"] * 7, [1.0] * 7, [False] * 7, {"state_key": ["s"] * 7})
    for base in (False, True):
        assert (hgpo(batch, base_group=base).advantages == 0.0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"history_length": -1}, "history_length must be 0 or more, got -1"),
        ({"alpha": -0.5}, "alpha must be in"),
        ({"alpha": float("inf")}, "alpha must be a finite number"),
        ({"normalize": "std"}, "normalize must be one of"),
        ({"gamma": 2.0}, "gamma must be in"),
    ],
)
def test_impossible_options_are_refused(make_batch, options, message):
    with pytest.raises(OptionError, match=message):
        hgpo(make_batch(0), **options)


def test_rewards_that_cancel_do_not_make_a_level_count():
    # Returns in s: .1 + .2 - .3 (6e-17 in floating point, 0 in truth), 0 and 1. The first two came from p: on level 2 they are equal, which then has no weight.
    states = ["p", "s", "x", "y", "p", "s", "q", "s"]
    batch = StepBatch([0, 0.1, 0.2, -0.3, 0, 0, 0, 1], [0, 4, 6, 8], ["g"] * 3, [0, 0, 1], [False] * 3, {"state_key": states})
    advantages = hgpo(batch, gamma=1.0, history_length=1, normalize="mean", eps=0.0).advantages
    np.testing.assert_allclose(advantages[[1, 5, 7]], [-1 / 3, -1 / 3, 2 / 3], rtol=1e-12)


@pytest.mark.parametrize("middle", [0.3, 0.1 + 0.2, 0.1 * 3])
def test_an_episode_term_that_is_rounding_has_no_weight(middle):
    # Attempts of one step that earn .1, .3 and .5; the last two meet in a state. Base: -.2, 0 and .2, at weight 1 where it is not 0; the level says -.1 and .1,
    # at weight 2. So the one in the middle has -.1; were its base 5e-17 for the way .3 was added up, it would have (0 - .2) / 3.
    batch = StepBatch([0.1, middle, 0.5], [0, 1, 2, 3], ["g"] * 3, [1] * 3, [False] * 3, {"state_key": ["a", "s", "s"]})
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        turned, rows = selected(batch, np.array(order))
        found = hgpo(turned, history_length=0, normalize="mean", base_group=True, eps=0.0).advantages
        np.testing.assert_allclose(found, np.array([-0.2, -0.1, 0.4 / 3])[rows], rtol=1e-12)

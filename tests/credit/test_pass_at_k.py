"""Pass@k: by hand, by enumeration of all sets of k, and its limits."""

import itertools
import math
import statistics

import numpy as np
import pytest

from prm_gym.credit import StepBatch, grpo, key_array, pass_at_k
from prm_gym.errors import OptionError


def one_step_each(rewards, groups=None):
    groups = ["task"] * len(rewards) if groups is None else groups
    return StepBatch(rewards, range(len(rewards) + 1), key_array(groups), [0] * len(rewards), [False] * len(rewards))


def enumerated(rewards, k, baseline):
    """A of each attempt and the standard deviation, from all sets of k."""
    n = len(rewards)
    sets = list(itertools.combinations(range(n), k))
    best = [max(rewards[j] for j in chosen) for chosen in sets]
    found = []
    for i in range(n):
        mine = [chosen for chosen in sets if i in chosen]
        mean = statistics.fmean(max(rewards[j] for j in chosen) for chosen in mine)
        if baseline == "leave_one_out":
            mean -= statistics.fmean(max(rewards[j] for j in chosen if j != i) for chosen in mine)
        else:
            mean -= statistics.fmean(best)
        found.append(mean)
    return found, statistics.stdev(rewards) if baseline == "leave_one_out" else statistics.pstdev(best)


def test_the_lead_of_the_best():
    # 1 leads 0.25 by 0.75; the standard deviation of 1, 0.25, 0 with ddof 1: mean 5/12, squares 49/144 + 4/144 + 25/144 = 78/144, over 2.
    batch = one_step_each([1, 0.25, 0])
    assert pass_at_k(batch, scale="none").advantages.tolist() == [0.75, 0.0, 0.0]
    np.testing.assert_allclose(pass_at_k(batch, eps=0.0).advantages, [0.75 / math.sqrt(78 / 288), 0.0, 0.0], rtol=1e-14)
    assert pass_at_k(one_step_each([1, 1, 0])).advantages.tolist() == [0.0, 0.0, 0.0]  # two share the first place


def test_pass_at_two_of_three_by_hand():
    # One right of three, sets 01, 02, 12: with 0 the best is 1. Leave one out: 0 adds 1 in both of its sets, 1 and 2 nothing.
    # Group: the best of 0's sets is 1, of 1's 1 and 0; of all 2/3. So 1/3 and 1/2 - 2/3 = -1/6; std over 1, 1, 0 is sqrt(2)/3.
    batch = one_step_each([1, 0, 0])
    assert pass_at_k(batch, k=2, scale="none").advantages.tolist() == [1.0, 0.0, 0.0]
    np.testing.assert_allclose(pass_at_k(batch, k=2, baseline="group", scale="none").advantages, [1 / 3, -1 / 6, -1 / 6], rtol=1e-14)
    expected = np.array([1 / 3, -1 / 6, -1 / 6]) / (math.sqrt(2) / 3)
    np.testing.assert_allclose(pass_at_k(batch, k=2, baseline="group", eps=0.0).advantages, expected, rtol=1e-14)


def test_with_rewards_of_zero_and_one_the_group_baseline_is_the_published_closed_form():
    # Chen et al.: with f failures of n, mean = 1 - C(f, k) / C(n, k) and std = sqrt(mean (1 - mean));
    # a right one gets (1 - mean) / std, a wrong one (1 - mean - C(f-1, k-1) / C(n-1, k-1)) / std.
    n, k = 8, 3
    for failures in range(3, 8):
        mean = 1 - math.comb(failures, k) / math.comb(n, k)
        std = math.sqrt(mean * (1 - mean))
        wrong = (1 - mean - math.comb(failures - 1, k - 1) / math.comb(n - 1, k - 1)) / std
        rewards = [0] * failures + [1] * (n - failures)
        found = pass_at_k(one_step_each(rewards), k=k, baseline="group", eps=0.0).advantages
        np.testing.assert_allclose(found, [wrong] * failures + [(1 - mean) / std] * (n - failures), rtol=1e-12)


@pytest.mark.parametrize(("baseline", "k"), [("leave_one_out", None), ("leave_one_out", 2), ("leave_one_out", 4), ("group", 1), ("group", 2), ("group", 4)])
@pytest.mark.parametrize("scale", ["none", "std"])
def test_every_set_of_k_enumerated(baseline, k, scale):
    rng = np.random.default_rng(1)
    for _ in range(8):
        groups = rng.permutation(np.repeat(np.arange(3), rng.integers(1, 8, 3)))
        rewards = rng.integers(-2, 3, groups.size) / 2  # many ties
        credit = pass_at_k(one_step_each(rewards, groups.tolist()), k=k, baseline=baseline, scale=scale, eps=0.0)
        for group in range(3):
            members = np.flatnonzero(groups == group)
            if members.size < max(k or 2, 1):
                assert not credit.keep[members].any()
                assert (credit.advantages[members] == 0.0).all()
                continue
            expected, std = enumerated(rewards[members].tolist(), members.size if k is None else k, baseline)
            assert credit.keep[members].all()
            np.testing.assert_allclose(credit.advantages[members], np.array(expected) / (std if scale == "std" and std else 1.0), rtol=1e-9, atol=1e-12)


def test_the_best_of_one_is_grpo():
    batch = one_step_each([1, 0.5, 0, 3, 2], ["a", "a", "a", "b", "b"])
    np.testing.assert_allclose(pass_at_k(batch, k=1, baseline="group").advantages, grpo(batch, ddof=0).advantages, rtol=1e-12)


def test_equal_rewards_give_exactly_zero():
    for k in (2, 3, None):
        assert (pass_at_k(one_step_each([0.7] * 7), k=k).advantages == 0.0).all()
    assert (pass_at_k(one_step_each([0.7] * 7), k=2, baseline="group", eps=0.0).advantages == 0.0).all()


def test_large_groups_keep_their_digits():
    # 2,000 attempts, one right: it adds 1 to any of its sets; a wrong one nothing.
    rewards = np.zeros(2000)
    rewards[77] = 1.0
    found = pass_at_k(one_step_each(rewards), k=1000, scale="none").advantages
    assert found[77] == pytest.approx(1.0, rel=1e-12)
    assert np.delete(found, 77).tolist() == [0.0] * 1999


def test_small_groups_are_kept_out_and_counted():
    credit = pass_at_k(one_step_each([1, 1, 0], ["alone", "b", "b"]))
    assert credit.keep.tolist() == [False, True, True]
    assert credit.diagnostics["too_small_share"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"k": 1}, "k must be 2 or more with baseline='leave_one_out', got 1"),
        ({"k": 0, "baseline": "group"}, "k must be 1 or more"),
        ({"baseline": "group"}, "baseline='group' needs k"),
        ({"baseline": "mean"}, "baseline must be one of"),
        ({"scale": "mean"}, "scale must be one of"),
        ({"eps": -1.0}, "eps must be in"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        pass_at_k(one_step_each([1, 0]), **options)

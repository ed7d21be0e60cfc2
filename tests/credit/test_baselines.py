"""REINFORCE++, ReMax, OPO and GPG: by hand, against slow loops, and with input that they refuse."""

import math
import statistics

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, dr_grpo, gpg, greedy_returns, opo, reinforce, reinforce_pp, reinforce_pp_baseline, remax
from prm_gym.errors import CreditError, OptionError
from prm_gym.task import Task
from prm_gym.trajectory import Step, Trajectory

# Two attempts at one task, of three steps and of one; the first is right.
PAIR = StepBatch([0, 0, 1, 0], [0, 3, 4], ["task", "task"], [1, 0], [False, False])


def totals_of(batch):
    return [float(batch.rewards[start:end].sum()) for start, end in zip(batch.offsets[:-1], batch.offsets[1:], strict=True)]


def test_reinforce_pp_by_hand():
    # gamma 0.5: G = 0.25, 0.5, 1 and 0; mean 0.4375, deviations -0.1875, 0.0625, 0.5625, -0.4375, sum of squares 0.546875, variance with ddof 1 0.182291666...
    scale = math.sqrt(0.546875 / 3 + 1e-8)
    credit = reinforce_pp(PAIR, gamma=0.5)
    np.testing.assert_allclose(credit.advantages, np.array([-0.1875, 0.0625, 0.5625, -0.4375]) / scale, rtol=1e-14)
    assert credit.returns.tolist() == [0.25, 0.5, 1.0, 0.0]


def test_reinforce_pp_has_mean_zero_and_variance_one_over_steps(make_batch):
    for assigner in (reinforce_pp, reinforce_pp_baseline):
        advantages = assigner(make_batch(3)).advantages
        assert advantages.mean() == pytest.approx(0.0, abs=1e-12)
        assert advantages.std(ddof=1) == pytest.approx(1.0, rel=1e-6)  # the 1e-8 inside the root


def test_equal_rewards_and_a_batch_of_one_step_give_exactly_zero():
    equal = StepBatch([0.7] * 7, range(8), ["a", "a", "b", "b", "b", "b", "b"], [1] * 7, [False] * 7)
    for assigner in (reinforce_pp, reinforce_pp_baseline, opo, gpg):
        assert (assigner(equal).advantages == 0.0).all()
    alone = StepBatch([0.7], [0, 1], ["a"], [1], [False])
    assert reinforce_pp(alone).advantages.tolist() == reinforce_pp_baseline(alone).advantages.tolist() == [0.0]


def test_reinforce_pp_baseline_against_a_loop(make_batch):
    batch = make_batch(4)
    totals, groups = totals_of(batch), batch.group_ids.tolist()
    centred = [
        total - statistics.fmean(t for t, g in zip(totals, groups, strict=True) if g == group) if groups.count(group) > 1 else total
        for total, group in zip(totals, groups, strict=True)
    ]
    rows = [value for value, length in zip(centred, batch.lengths, strict=True) for _ in range(length)]
    expected = [(row - statistics.fmean(rows)) / math.sqrt(statistics.variance(rows) + 1e-8) for row in rows]
    np.testing.assert_allclose(reinforce_pp_baseline(batch).advantages, expected, rtol=1e-9, atol=1e-12)


def test_remax_subtracts_what_the_greedy_attempt_earned():
    # G = 1, 1, 1 and 0; b = 0.25.
    batch = PAIR.with_columns({"greedy_return": np.full(4, 0.25)})
    assert remax(batch).advantages.tolist() == [0.75, 0.75, 0.75, -0.25]
    assert np.array_equal(remax(batch.with_columns({"greedy_return": np.zeros(4)})).advantages, reinforce(PAIR).advantages)


def test_a_greedy_attempt_that_is_not_known_trains_nobody():
    credit = remax(PAIR.with_columns({"greedy_return": np.array([0.25, 0.25, 0.25, np.nan])}))
    assert credit.keep.tolist() == [True, True, True, False]
    assert credit.advantages.tolist() == [0.75, 0.75, 0.75, 0.0]
    assert credit.diagnostics == {"unknown_share": 0.25, "greedy_mean": 0.25}


def attempt(group, rewards, valid=True):
    steps = tuple(Step(index=i, observation="", action="", state_key="s", next_state_key="s", reward=reward) for i, reward in enumerate(rewards))
    task = Task(key=group, instructions="", question="")
    return Trajectory(id=group, group_id=group, task=task, seed=0, env_id="e", agent="a", outcome=1.0, steps=steps, valid=valid)


def test_greedy_returns_are_found_by_their_group():
    batch = StepBatch([0, 1, 1, 0], [0, 2, 3, 4], ["a", "b", "c"], [1, 1, 0], [False] * 3)
    greedy = [attempt("b", [0.5, 0.25]), attempt("a", [1.0]), attempt("a", [0.0]), attempt("c", [1.0], valid=False)]
    # a: the mean of 1 and 0; b: 0.5 + 0.25; c: spoilt, so not known.
    assert greedy_returns(batch, greedy)["greedy_return"].tolist()[:3] == [0.5, 0.5, 0.75]
    assert math.isnan(greedy_returns(batch, greedy)["greedy_return"][3])


def test_without_greedy_attempts_remax_says_how_to_get_them():
    with pytest.raises(CreditError, match=r"'remax' needs the columns greedy_return.*greedy_returns\(batch, greedy\)"):
        assign("remax", PAIR)


def test_opo_weights_by_length():
    # b = (3 * 1 + 1 * 0) / 4 = 0.75 by steps; with 1, 1, 0 and 6 tokens b = (2 * 1 + 6 * 0) / 8 = 0.25.
    assert opo(PAIR).advantages.tolist() == [0.25, 0.25, 0.25, -0.75]
    batch = PAIR.with_columns({"n_tokens": np.array([1, 1, 0, 6])})
    assert opo(batch, length="tokens").advantages.tolist() == [0.75, 0.75, 0.75, -0.25]


def test_opo_of_equal_lengths_is_dr_grpo(make_batch):
    batch = make_batch(6, longest=1)
    np.testing.assert_allclose(opo(batch).advantages, dr_grpo(batch).advantages, rtol=1e-14, atol=1e-15)


def test_opo_against_a_loop(make_batch):
    batch = make_batch(7)
    totals, groups, lengths = totals_of(batch), batch.group_ids.tolist(), batch.lengths.tolist()
    expected = []
    for total, group, length in zip(totals, groups, lengths, strict=True):
        members = [(n, t) for t, g, n in zip(totals, groups, lengths, strict=True) if g == group]
        base = sum(n * t for n, t in members) / sum(n for n, _ in members) if len(members) > 1 else 0.0
        expected += [total - base] * length
    np.testing.assert_allclose(opo(batch).advantages, expected, rtol=1e-12, atol=1e-12)


def test_opo_refuses_lengths_that_are_not_known():
    with pytest.raises(CreditError, match="no column 'n_tokens'"):
        opo(PAIR, length="tokens")
    with pytest.raises(CreditError, match=r"needs n_tokens of 0 or more on every step, which row 1 lack"):
        opo(PAIR.with_columns({"n_tokens": np.array([1, np.nan, 1, 1])}), length="tokens")
    with pytest.raises(CreditError, match=r"must not be 0 on all attempts of a task, which it is on the trajectories in rows 0 and 1"):
        opo(PAIR.with_columns({"n_tokens": np.zeros(4)}), length="tokens")
    with pytest.raises(OptionError, match="length must be one of 'steps', 'tokens'"):
        opo(PAIR, length="words")


def test_gpg_by_hand():
    # Task a: 1 and 0; task b: both 0. M = 4, one reward that is not 0: alpha 4. Half of the attempts are in a group that differs: alpha 2. R - mean = +-0.5.
    batch = StepBatch([1, 0, 0, 0], range(5), ["a", "a", "b", "b"], [1, 0, 0, 0], [False] * 4)
    assert gpg(batch).advantages.tolist() == [2.0, -2.0, 0.0, 0.0]
    assert gpg(batch, f_norm=2.0).advantages.tolist() == [1.0, -1.0, 0.0, 0.0]
    assert gpg(batch, counted="informative").advantages.tolist() == [1.0, -1.0, 0.0, 0.0]
    nothing = StepBatch([0, 0], range(3), ["a", "a"], [0, 0], [False] * 2)
    assert gpg(nothing).diagnostics["alpha"] == 2.0  # m counts as 1
    for f_norm in (0.0, math.inf, math.nan):
        with pytest.raises(OptionError, match="f_norm"):
            gpg(batch, f_norm=f_norm)


@pytest.mark.parametrize(("assigner", "raw"), [(opo, 0.5), (gpg, 0.5)])
def test_a_trajectory_alone_gets_its_reward_or_nothing(assigner, raw):
    alone = StepBatch([0.25, 0.25], [0, 2], ["a"], [1], [False])
    assert assigner(alone).advantages.tolist() == [raw, raw]
    assert assigner(alone, singleton="zero").advantages.tolist() == [0.0, 0.0]
    with pytest.raises(OptionError, match="singleton must be one of"):
        assigner(alone, singleton="one")

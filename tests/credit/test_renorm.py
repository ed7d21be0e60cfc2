from dataclasses import replace

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, gae, reinforce, renorm
from prm_gym.credit.step_signals import renorm_rewards
from prm_gym.errors import CreditError

NAN = float("nan")


def batch_of(scores, outcomes=(1.0, 0.0), values=(0.0, 0.0, 0.0)):
    return StepBatch([0.0, 5.0, -5.0], [0, 2, 3], ["g", "g"], outcomes, [False, False], {"score": np.array(scores), "value": np.array(values)})


def test_by_hand():
    # Solved: 1/4 and 1, as the scores say; failed: 1/4 - 1. The environment's rewards, 5 and -5, have no part. Values 0 and lambda 1: returns-to-go.
    assert renorm(batch_of([0.25, 1.0, 0.25]), lam=1.0).advantages.tolist() == [1.25, 1.0, -0.75]
    # Lambda 0: r_t + V_{t+1} - V_t.
    assert renorm(batch_of([0.25, 1.0, 0.25], values=[0.5, 0.25, -1.0]), lam=0.0).advantages.tolist() == [0.0, 0.75, 0.25]


def test_is_gae_over_the_shifted_scores(make_process_batch):
    for seed in range(5):
        batch = make_process_batch(seed)
        shifted = replace(batch, rewards=np.nan_to_num(renorm_rewards(batch)))
        expected = gae(shifted, gamma=0.9, lam=0.8, whiten=True)
        credit = renorm(batch, gamma=0.9, lam=0.8, whiten=True)
        np.testing.assert_allclose(credit.advantages, expected.advantages, atol=1e-14)
        np.testing.assert_allclose(credit.returns, expected.returns, atol=1e-14)
        # What is said to do without a critic is it with values of 0, but for the centre.
        blind = batch.with_columns({"value": np.zeros(batch.rewards.size)})
        np.testing.assert_allclose(renorm(blind, lam=1.0).advantages, reinforce(shifted).advantages, atol=1e-12)


def test_every_further_step_of_a_failing_attempt_costs():
    scores = np.full(6, 0.5)
    columns = {"score": scores, "value": np.zeros(6)}
    batch = StepBatch(np.zeros(6), [0, 2, 6], ["g", "g"], [0.0, 0.0], [False, False], columns)
    advantages = renorm(batch, lam=1.0).advantages
    assert advantages[0] == -1.0
    assert advantages[2] == -2.0


def test_what_is_not_known_is_paid_nothing_and_counted():
    credit = renorm(batch_of([NAN, 1.0, 0.25], outcomes=(1.0, NAN)), lam=1.0)
    assert credit.advantages.tolist() == [1.0, 1.0, 0.0]
    assert credit.diagnostics["unknown_reward_share"] == pytest.approx(2 / 3)
    assert credit.diagnostics["unknown_share"] == 0.0
    # Without a value there is no advantage, as in gae.
    assert renorm(batch_of([0.5, 0.5, 0.5], values=[0.0, NAN, 0.0])).keep.tolist() == [True, False, True]


def test_bad_input():
    with pytest.raises(CreditError, match=r"lacks value.* value: of an agent with a critic"):
        assign("renorm", StepBatch([1.0], [0, 1], ["g"], [1.0], [False], {"score": np.ones(1)}))
    with pytest.raises(CreditError, match=r"outcomes must be in \[0, 1\].* row 0"):
        renorm(batch_of([0.5, 0.5, 0.5], outcomes=(2.0, 0.0)))

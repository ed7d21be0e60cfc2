"""Losses of a policy, against numbers that are known beforehand."""

import math

import pytest

pytest.importorskip("torch")

import numpy as np
import torch

from prm_gym.errors import OptionError
from prm_gym.lm.policy_loss import clipped_loss, log_ratios, token_weights, truncated_weights, weighted_loss

# Two sequences: the first has steps 0 (two tokens) and 1 (one token), the second step 2 (two tokens).
STEPS = torch.tensor([0, 0, 1, 2, 2])
SEQUENCES = torch.tensor([0, 0, 0, 1, 1])
DIFFERENCES = torch.tensor([0.2, 0.4, -0.3, 1.0, 0.0])


@pytest.mark.parametrize(
    ("ratio", "known"),
    [
        ("token", [0.2, 0.4, -0.3, 1.0, 0.0]),
        ("step", [0.3, 0.3, -0.3, 0.5, 0.5]),  # (0.2 + 0.4) / 2, -0.3, (1 + 0) / 2
        ("step-product", [0.6, 0.6, -0.3, 1.0, 1.0]),
        ("sequence", [0.1, 0.1, 0.1, 0.5, 0.5]),  # (0.2 + 0.4 - 0.3) / 3
    ],
)
def test_which_ratio_stands_at_each_token(ratio, known):
    logprobs = (DIFFERENCES - 1.0).requires_grad_()
    found = log_ratios(logprobs, torch.full((5,), -1.0), ratio, STEPS, SEQUENCES)
    torch.testing.assert_close(found, torch.tensor(known))
    # Each token's ratio has the gradient of its own log-probability, so d(sum) / d(logprob) is 1 for each.
    found.sum().backward()
    torch.testing.assert_close(logprobs.grad, torch.ones(5))


def test_a_sequence_with_one_advantage_has_the_gradient_of_the_ratio_of_gspo():
    # GSPO: s = exp(mean_t d_t), L = -s A; dL/dd_t = -s A / n. Ours, with weights 1/n: -(1/n) s A for each token. s = exp(0.1).
    logprobs = DIFFERENCES[:3].clone().requires_grad_()
    log_ratio = log_ratios(logprobs, torch.zeros(3), "sequence", STEPS[:3], SEQUENCES[:3])
    loss = clipped_loss(log_ratio, torch.full((3,), 2.0), 0.5, 0.5)
    (loss.values / 3).sum().backward()
    torch.testing.assert_close(logprobs.grad, torch.full((3,), -2.0 * math.exp(0.1) / 3))


def test_far_ratios_do_not_overflow():
    found = log_ratios(torch.tensor([1000.0, -1000.0]), torch.zeros(2), "token", torch.arange(2), torch.arange(2))
    assert found.tolist() == [20.0, -20.0]


def test_the_clipped_loss_by_hand():
    # low 0.2, high 0.3. A = 1: r 1.5 is held at 1.3, r 0.5 is not (the minimum is the free one). A = -1: r 0.5 is held at 0.8, r 1.5 is not.
    ratios = torch.tensor([1.5, 0.5, 0.5, 1.5, 1.1, 9.0])
    advantages = torch.tensor([1.0, 1.0, -1.0, -1.0, 1.0, -1.0])
    found = clipped_loss(ratios.log(), advantages, 0.2, 0.3)
    torch.testing.assert_close(found.values, torch.tensor([-1.3, -0.5, 0.8, 1.5, -1.1, 9.0]))
    assert found.bounded.tolist() == [True, False, True, False, False, False]
    # The dual bound of 3 holds the last one alone: 9 becomes 3.
    dual = clipped_loss(ratios.log(), advantages, 0.2, 0.3, dual=3.0)
    torch.testing.assert_close(dual.values, torch.tensor([-1.3, -0.5, 0.8, 1.5, -1.1, 3.0]))
    assert dual.bounded.tolist() == [True, False, True, False, False, True]


def test_what_is_clipped_has_no_gradient_and_at_ratio_one_it_is_the_policy_gradient():
    log_ratio = torch.tensor([0.0, 1.0]).requires_grad_()
    clipped_loss(log_ratio, torch.tensor([2.0, 2.0]), 0.2, 0.2).values.sum().backward()
    assert log_ratio.grad.tolist() == [-2.0, 0.0]


def test_weighted_losses_keep_every_gradient():
    # sg(min(r, 1.2)) A: r = e is held at 1.2 and still pulls; r = 1 pulls with 1; the paper's low of 1 lets small ratios be.
    log_ratio = torch.tensor([0.0, 1.0, -1.0]).requires_grad_()
    loss = weighted_loss(log_ratio, torch.tensor([2.0, 2.0, -1.0]), 1.0, 0.2)
    loss.values.sum().backward()
    torch.testing.assert_close(log_ratio.grad, torch.tensor([-2.0, -2.4, math.exp(-1.0)]))
    assert loss.bounded.tolist() == [False, True, False]


def test_truncated_weights_by_hand():
    trained = torch.tensor([-1.0, -1.0, -2.0]).requires_grad_()
    found = truncated_weights(trained, torch.tensor([-1.0, -3.0, -1.0]), 2.0)
    torch.testing.assert_close(found, torch.tensor([1.0, 2.0, math.exp(-1.0)]))  # e^2 is cut to 2
    assert not found.requires_grad


@pytest.mark.parametrize(
    ("normalization", "known"),
    [
        ("token-mean", [1 / 5] * 5),
        ("step-mean", [1 / 6, 1 / 6, 1 / 3, 1 / 6, 1 / 6]),
        ("sequence-mean", [1 / 6, 1 / 6, 1 / 6, 1 / 4, 1 / 4]),
        ("constant", [1 / 20] * 5),  # two sequences, length 10
    ],
)
def test_what_each_token_counts_for(normalization, known):
    found = token_weights(normalization, STEPS.numpy() + 7, SEQUENCES.numpy() + 3, length=10.0)
    np.testing.assert_allclose(found, known)


def test_weights_of_nothing_and_of_no_length():
    assert token_weights("step-mean", np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)).size == 0
    with pytest.raises(OptionError, match="length"):
        token_weights("constant", STEPS.numpy(), SEQUENCES.numpy(), length=0.0)

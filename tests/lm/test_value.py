"""Values of steps."""

import pytest

pytest.importorskip("torch")

import torch

from prm_gym.lm.value import StepHead, value_loss


def test_a_new_head_says_nothing_and_learns_what_is_linear():
    generator = torch.Generator().manual_seed(0)
    head = StepHead(4, generator)
    hidden = torch.randn((32, 4), generator=generator)
    assert head(hidden).abs().max().item() == 0.0
    wanted = hidden[:, 0]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(200):
        optimizer.zero_grad()
        value_loss(head(hidden), torch.zeros(32), wanted).mean().backward()
        optimizer.step()
    assert value_loss(head(hidden), torch.zeros(32), wanted).mean().item() < 0.01  # it began at about half the variance, 0.5


def test_the_same_generator_makes_the_same_head_and_the_global_one_is_not_touched():
    before = torch.get_rng_state()
    made = [StepHead(4, torch.Generator().manual_seed(1)) for _ in range(2)]
    torch.testing.assert_close(made[0].first.weight, made[1].first.weight, rtol=0, atol=0)
    assert torch.equal(before, torch.get_rng_state())


def test_the_clipped_value_loss_by_hand():
    # G = 1, V_old = 0, c = 0.2. V = 0.5: free 0.25, held at 0.2: 0.64, so 0.32. V = 0.1: both 0.81, so 0.405. V = -1: free 4, held at -0.2: 1.44; so 2.
    values = torch.tensor([0.5, 0.1, -1.0]).requires_grad_()
    found = value_loss(values, torch.zeros(3), torch.ones(3), clip=0.2)
    torch.testing.assert_close(found, torch.tensor([0.32, 0.405, 2.0]))
    found.sum().backward()
    torch.testing.assert_close(values.grad, torch.tensor([0.0, -0.9, -2.0]))  # what moved too far towards G gains nothing more
    torch.testing.assert_close(value_loss(values, torch.zeros(3), torch.ones(3)), torch.tensor([0.125, 0.405, 2.0]))

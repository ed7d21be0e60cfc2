"""Losses of preferences against numbers that are known beforehand."""

import math

import pytest

pytest.importorskip("torch")

import torch

from prm_gym.lm.preference_loss import dpo_loss, ipo_loss, simpo_loss


def test_where_nothing_is_learned_yet():
    zero = torch.zeros(1)
    assert dpo_loss(zero, 0.1).item() == pytest.approx(math.log(2.0))
    assert dpo_loss(zero, 0.1, smoothing=0.3).item() == pytest.approx(math.log(2.0))
    assert ipo_loss(zero, 0.1).item() == pytest.approx(25.0)  # (1 / 0.2)^2
    assert simpo_loss(zero, 2.0, 0.0).item() == pytest.approx(math.log(2.0))


def test_the_gradient_of_dpo_is_that_of_the_paper():
    # d/dm -log sigmoid(b m) = -b sigmoid(-b m); at m = log(3) / b it is -b / 4. With s: (1 - s)(-b / 4) + s b (3 / 4).
    beta = 0.5
    margin = torch.tensor([math.log(3.0) / beta]).requires_grad_()
    assert torch.autograd.grad(dpo_loss(margin, beta).sum(), margin)[0].item() == pytest.approx(-beta / 4)
    assert torch.autograd.grad(dpo_loss(margin, beta, 0.25).sum(), margin)[0].item() == pytest.approx(0.0, abs=1e-7)


def test_ipo_stops_at_its_margin_and_dpo_never_does():
    margin = torch.tensor([1.0 / (2 * 0.1)]).requires_grad_()
    assert ipo_loss(margin, 0.1).item() == 0.0
    assert torch.autograd.grad(ipo_loss(margin, 0.1).sum(), margin)[0].item() == 0.0
    assert torch.autograd.grad(dpo_loss(margin, 0.1).sum(), margin)[0].item() < 0.0


def test_the_gap_of_simpo():
    # beta m = gap: as if nothing were learned yet.
    assert simpo_loss(torch.tensor([0.5]), 2.0, 1.0).item() == pytest.approx(math.log(2.0))

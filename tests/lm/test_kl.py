"""Estimates of a divergence against the divergence itself, computed over a whole small vocabulary."""

import pytest

pytest.importorskip("torch")

import torch

from prm_gym.lm.kl import kl_estimate


def _policies():
    generator = torch.Generator().manual_seed(3)
    logits = torch.randn(5, generator=generator, dtype=torch.float64).requires_grad_()
    return logits, torch.randn(5, generator=generator, dtype=torch.float64).log_softmax(dim=0)


@pytest.mark.parametrize("form", ["k1", "k3"])
def test_k1_and_k3_have_the_divergence_as_their_mean(form):
    logits, reference = _policies()
    logprobs = logits.log_softmax(dim=0)
    exact = (logprobs.exp() * (logprobs - reference)).sum()
    torch.testing.assert_close((logprobs.exp() * kl_estimate(logprobs, reference, form)).sum(), exact)


def test_the_forms_at_one_token_by_hand():
    # log pi = -1, log ref = -2: d = 1. k1 = 1, k2 = 1/2, k3 = e^-1 - 1 + 1.
    logprobs, reference = torch.tensor([-1.0]), torch.tensor([-2.0])
    found = [kl_estimate(logprobs, reference, form).item() for form in ("k1", "k2", "k3")]
    assert found == pytest.approx([1.0, 0.5, 0.3678794])
    assert [kl_estimate(logprobs, logprobs, form).item() for form in ("k1", "k2", "k3")] == [0.0, 0.0, 0.0]


@pytest.mark.parametrize("form", ["k1", "k2", "k3"])
def test_mean_gradients_as_terms_of_a_loss(form):
    """The sum over the vocabulary of p(v) grad k(v), with p held: what a loss over samples has on the average."""
    logits, reference = _policies()
    logprobs = logits.log_softmax(dim=0)
    mean = (logprobs.exp().detach() * kl_estimate(logprobs, reference, form)).sum()
    found = torch.autograd.grad(mean, logits, retain_graph=True)[0]
    known = {
        "k1": torch.zeros(5, dtype=torch.float64),
        "k2": torch.autograd.grad((logprobs.exp() * (logprobs - reference)).sum(), logits, retain_graph=True)[0],
        "k3": torch.autograd.grad((reference.exp() * (reference - logprobs)).sum(), logits)[0],
    }
    torch.testing.assert_close(found, known[form])

"""The fused head against the naive one: values, gradients, restricted choices, memory."""

import math

import pytest

pytest.importorskip("torch")

import torch

from prm_gym.errors import OptionError
from prm_gym.lm.logprobs import LogitShape, token_readings

ROWS, WIDTH, VOCABULARY = 11, 6, 17


def _inputs(dtype=torch.float32):
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn((ROWS, WIDTH), generator=generator).to(dtype).requires_grad_()
    weight = torch.randn((VOCABULARY, WIDTH), generator=generator).to(dtype).requires_grad_()
    bias = torch.randn(VOCABULARY, generator=generator).to(dtype).requires_grad_()
    return hidden, weight, bias, torch.randint(0, VOCABULARY, (ROWS,), generator=generator)


def _naive(hidden, weight, bias, targets, shape, allowed=None):
    logits = (hidden @ weight.t() + bias) * shape.scale
    if shape.cap:
        logits = torch.tanh(logits / shape.cap) * shape.cap
    logits = logits / shape.temperature
    if allowed is not None:
        mask = torch.tensor([[not row or token in row for token in range(VOCABULARY)] for row in allowed])
        logits = logits.masked_fill(~mask, -1e30)
    logprobs = logits.log_softmax(dim=1)
    return logprobs.gather(1, targets[:, None])[:, 0], -(logprobs.exp() * logprobs).sum(dim=1)


def _gradients(outputs, inputs):
    logprobs, entropies = outputs
    slopes = torch.linspace(-1.0, 2.0, ROWS)
    return torch.autograd.grad((logprobs * slopes).sum() + (entropies * slopes.flip(0)).sum(), inputs)


@pytest.mark.parametrize("shape", [LogitShape(), LogitShape(temperature=0.7), LogitShape(scale=0.5, cap=3.0, temperature=1.3)])
@pytest.mark.parametrize("slice_logits", [1, 4 * VOCABULARY, 1 << 20])
def test_values_and_gradients_are_those_of_the_naive_head(shape, slice_logits):
    hidden, weight, bias, targets = _inputs()
    fused = token_readings(hidden, weight, bias, targets, shape=shape, slice_logits=slice_logits)
    naive = _naive(hidden, weight, bias, targets, shape)
    for ours, theirs in zip(fused, naive, strict=True):
        torch.testing.assert_close(ours, theirs)
    for ours, theirs in zip(_gradients(fused, (hidden, weight, bias)), _gradients(naive, (hidden, weight, bias)), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("shape", [LogitShape(), LogitShape(cap=2.0)])
def test_a_choice_among_some_tokens(shape):
    hidden, weight, bias, targets = _inputs()
    # Every third row is free, every third has one token (probability 1, entropy 0), every third has three.
    rows = [[] if row % 3 == 0 else [int(targets[row])] if row % 3 == 1 else sorted({int(targets[row]), 1, 2}) for row in range(ROWS)]
    allowed = torch.tensor([row + [-1] * (3 - len(row)) for row in rows])
    fused = token_readings(hidden, weight, bias, targets, shape=shape, allowed=allowed, slice_logits=2 * VOCABULARY)
    naive = _naive(hidden, weight, bias, targets, shape, rows)
    for ours, theirs in zip(fused, naive, strict=True):
        torch.testing.assert_close(ours, theirs)
    assert fused.logprobs[1].item() == 0.0
    assert fused.entropies[1].item() == 0.0
    for ours, theirs in zip(_gradients(fused, (hidden, weight, bias)), _gradients(naive, (hidden, weight, bias)), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-4)
    one, _ = token_readings(hidden[:1], weight, bias, torch.tensor([3]), allowed=torch.tensor([[1, 2]]))
    assert one.item() == -math.inf


def test_a_uniform_head_says_what_is_known():
    # All logits equal: log p = -log V and H = log V, at any temperature.
    readings = token_readings(torch.zeros((2, WIDTH)), torch.ones((VOCABULARY, WIDTH)), None, torch.tensor([0, 5]), shape=LogitShape(temperature=0.1))
    torch.testing.assert_close(readings.logprobs, torch.full((2,), -math.log(VOCABULARY)))
    torch.testing.assert_close(readings.entropies, torch.full((2,), math.log(VOCABULARY)))


def test_a_frozen_head_gets_no_gradient_and_half_weights_give_single_precision():
    hidden, weight, _, targets = _inputs(torch.bfloat16)
    readings = token_readings(hidden, weight.detach(), None, targets)
    assert readings.logprobs.dtype == torch.float32
    readings.logprobs.sum().backward()
    assert hidden.grad.dtype == torch.bfloat16
    assert weight.grad is None
    exact, _ = _naive(hidden.float(), weight.float(), torch.zeros(VOCABULARY), targets, LogitShape())
    torch.testing.assert_close(readings.logprobs, exact, atol=0.1, rtol=0.02)  # bfloat16 has 8 bits; the logits are up to 8 in size


def test_under_autocast_the_gradients_keep_the_type_of_the_weights():
    hidden, weight, bias, targets = _inputs()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        readings = token_readings(hidden, weight, bias, targets)
    readings.logprobs.sum().backward()
    assert (hidden.grad.dtype, weight.grad.dtype, bias.grad.dtype) == (torch.float32,) * 3
    exact = _gradients(_naive(hidden, weight, bias, targets, LogitShape()), (weight,))[0]
    assert exact.shape == weight.grad.shape


def test_the_logits_of_a_batch_are_never_held_at_once():
    # 512 rows by 8,000 tokens are 16 MB of logits; a slice of 16 rows is half a megabyte. The profiler sees every block that torch takes.
    hidden, weight = torch.randn((512, 8), requires_grad=True), torch.randn((8000, 8), requires_grad=True)
    targets = torch.zeros(512, dtype=torch.int64)
    whole = 512 * 8000 * 4

    def largest(work):
        with torch.profiler.profile(profile_memory=True, activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            work()
        held, most = 0, 0
        for event in profile.profiler.kineto_results.events():
            if event.name() == "[memory]":
                held += event.nbytes()
                most = max(most, held)
        return most

    def fused():
        token_readings(hidden, weight, None, targets, slice_logits=16 * 8000).logprobs.sum().backward()

    def naive():
        (hidden @ weight.t()).log_softmax(dim=1).gather(1, targets[:, None]).sum().backward()

    assert largest(naive) >= 2 * whole
    assert largest(fused) < whole / 4


@pytest.mark.parametrize(
    ("hidden", "targets", "allowed"),
    [((3, WIDTH + 1), (3,), None), ((3, WIDTH), (4,), None), ((3, WIDTH), (3,), (2, 1)), ((3, 2, WIDTH), (3,), None)],
)
def test_shapes_that_do_not_fit_are_refused(hidden, targets, allowed):
    with pytest.raises(OptionError, match=r"do not fit|allowed is"):
        token_readings(
            torch.zeros(hidden),
            torch.zeros((VOCABULARY, WIDTH)),
            None,
            torch.zeros(targets, dtype=torch.int64),
            allowed=None if allowed is None else torch.zeros(allowed, dtype=torch.int64),
        )


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan")])
def test_a_temperature_that_nothing_can_be_drawn_at_is_refused(temperature):
    with pytest.raises(OptionError, match="temperature"):
        LogitShape(temperature=temperature)

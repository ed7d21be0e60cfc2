"""Weights of domains that are learned: what helps the held-out meta problems counts for more.

DreamPRM minimises the loss on meta problems over the weights w of the domains, through the weights theta that one step of training leads to. Differentiated
through that one step,

    theta' = theta - eta sum_d w_d g_d,        dL_meta(theta') / dw_d = -eta <g_meta, g_d>

so a domain gains whose gradient points where that of the meta problems does. We take the cosine of the two gradients (so that the size of a domain's gradient
has no part in it), at the present weights, on one batch of each domain, every few updates:

    log w_d  <-  log w_d + rate (cos_d - mean_d cos_d),        then scaled so that the mean weight is 1, within [1/8, 8]

This is our reading of DreamPRM (Cao et al. 2025), its bi-level objective in the one-step first-order form of Ren et al. 2018. In the authors' code
(coder-qicao/DreamPRM, `main.py` and `model.py`) the gradient is that of DARTS after five inner updates: the loss is linear in w, so that it too is the inner
product above, at theta'. What differs there: the product itself, not the cosine; w_d = softplus(v_d) / mean softplus(v), moved by AdamW; squared errors; and
a meta loss of the outcome, (sigmoid(mean logit of the steps) - outcome)^2, where ours is the loss of the steps of the meta problems.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

RATE = 0.1
EVERY = 4  # updates between two adaptations
LARGEST = math.log(8.0)


def adapted(log_weights: Sequence[float], cosines: Sequence[float | None], rate: float = RATE) -> list[float]:
    """The log-weights after one adaptation.

    Args:
        log_weights: [D] as they are.
        cosines: [D] of the gradient of each domain with that of the meta problems; None where there was none.
        rate: of the adaptation.

    Returns:
        [D], whose weights have the mean 1.
    """
    known = [cosine for cosine in cosines if cosine is not None]
    mean = sum(known) / len(known) if known else 0.0
    moved = [value if cosine is None else value + rate * (cosine - mean) for value, cosine in zip(log_weights, cosines, strict=True)]
    scale = math.log(sum(math.exp(value) for value in moved) / len(moved))
    return [min(max(value - scale, -LARGEST), LARGEST) for value in moved]


def cosines(weights: Sequence[Tensor], meta: Callable[[], Tensor], domains: Sequence[Callable[[], Tensor] | None]) -> list[float | None]:
    """Cosines of the gradients of domains with that of the meta problems; the weights' own gradients are left alone.

    Args:
        weights: that are trained.
        meta: the loss on meta problems.
        domains: the loss of each domain; None for one without a batch.
    """
    aim = _gradient(weights, meta)
    norm = _norm(aim)
    found: list[float | None] = []
    for loss in domains:
        if loss is None or norm == 0.0:
            found.append(None)
            continue
        gradient = _gradient(weights, loss)
        length = _norm(gradient)
        dot = sum(float((one * other).sum()) for one, other in zip(aim, gradient, strict=True) if one is not None and other is not None)
        found.append(dot / (norm * length) if length else None)
    return found


def _gradient(weights: Sequence[Tensor], loss: Callable[[], Tensor]) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(loss(), list(weights), allow_unused=True)


def _norm(gradient: Sequence[Tensor | None]) -> float:
    return math.sqrt(sum(float(each.square().sum()) for each in gradient if each is not None))

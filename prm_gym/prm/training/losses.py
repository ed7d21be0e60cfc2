"""Losses of steps and of pairs, as functions of the logits z = log P(right) - log P(wrong)."""

from torch import Tensor
from torch.nn import functional


def step_loss(logits: Tensor, targets: Tensor, weights: Tensor, bootstrap: float = 0.0) -> Tensor:
    """The weighted sum of the cross-entropies of the steps, with hard or soft targets.

        L = - sum_t w_t (y'_t log p_t + (1 - y'_t) log(1 - p_t)),    p = sigmoid(z),    y' = (1 - b) y + b p (p without gradient)

    Args:
        logits: [T] z.
        targets: [T] y in [0, 1].
        weights: [T] w >= 0.
        bootstrap: b in [0, 1): how much the model's own probability counts, for labels with noise. A label that it is sure of against then pulls less.

    With b = 0 and the labels of `prm_gym.montecarlo.denoised_labels`, this is the loss of SCAN (2509.16548; in the authors' trainer, binary cross-entropy
    with the scores of the steps). The bootstrap is not SCAN's.

    Source: soft bootstrapping, Reed et al. 2015, equation 4.
    """
    if bootstrap:
        targets = (1.0 - bootstrap) * targets + bootstrap * logits.detach().sigmoid()
    return (weights * functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")).sum()


def preference_loss(better: Tensor, worse: Tensor, weights: Tensor) -> Tensor:
    """The weighted sum over pairs of the Bradley-Terry loss.

        L = - sum_k w_k log sigmoid(z_better - z_worse)

    Args:
        better: [K] z at the end of the better chain.
        worse: [K] likewise of the worse one.
        weights: [K] >= 0.

    Source: Tree-PLV (He et al. 2024), equation 3, with z in place of their reward.
    """
    return -(weights * functional.logsigmoid(better - worse)).sum()


def text_loss(hidden: Tensor, embedding: Tensor, tokens: Tensor) -> Tensor:
    """The sum over tokens of the cross-entropy with which each is predicted.

        L = - sum_n log softmax(E h_n)[token_n]

    Args:
        hidden: [N, H] states before the tokens.
        embedding: [V, H] rows of the vocabulary.
        tokens: [N] int64 that came.
    """
    return functional.cross_entropy(functional.linear(hidden, embedding).float(), tokens, reduction="sum")

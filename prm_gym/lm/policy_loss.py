"""Losses of a policy at its tokens: which ratio, how it is bounded, what each token counts for.

    L = sum_t w_t l(r_t, A_t)

The weights w sum over the whole batch of an optimiser's step, so that a batch may be computed in parts of any size, on any number of processes, with the same
gradient.
"""

from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.errors import MissingExtraError, OptionError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

Ratio: TypeAlias = Literal["token", "step", "step-product", "sequence"]
Normalization: TypeAlias = Literal["token-mean", "step-mean", "sequence-mean", "constant"]

LARGEST = 20.0  # of a log-ratio: beyond it exp() says nothing but "far", and overflows soon


class TokenLoss(NamedTuple):
    """A loss at every token.

    Attributes:
        values: [R].
        bounded: [R] bool, where the bound took the gradient away or changed it.
    """

    values: Tensor
    bounded: Tensor


def log_ratios(logprobs: Tensor, old: Tensor, ratio: Ratio, steps: Tensor, sequences: Tensor) -> Tensor:
    """The log-ratio of policies that stands at each token.

        d_t = log pi(y_t) - log pi_old(y_t)
        token:         d_t
        step:          mean of d over the tokens of the step's action
        step-product:  sum of d over them: the ratio of the probabilities of whole actions
        sequence:      mean of d over the tokens of all actions of the sequence

    In all but the first, value and gradient are parted: the value is that of the group, and the gradient that of the token's own d_t, so that steps with
    different advantages in one sequence pull at their own tokens alone. Where a group has one advantage, and its tokens one weight, the sum over its tokens has
    the gradient of the group's own ratio (times their number, for means).

    Args:
        logprobs: [R] log pi, with gradient.
        old: [R] log pi_old, without.
        ratio: which.
        steps: [R] int64 in [0, K), the step of each token. All tokens of a step are here.
        sequences: [R] int64 in [0, S), likewise for its sequence.

    Returns:
        [R], within +-20.

    Source: token, PPO (Schulman et al. 2017, equation 6) for each token; sequence, GSPO-token (Zheng et al. 2025, section 4.3) and step, the same over
        one action; step-product, PPO with an action as the unit.
    """
    own = logprobs - old
    if ratio != "token":
        groups = sequences if ratio == "sequence" else steps
        count = int(groups.max()) + 1 if groups.numel() else 0
        fixed = own.detach()
        sums = torch.zeros(count, dtype=own.dtype, device=own.device).index_add(0, groups, fixed)
        if ratio != "step-product":
            sums = sums / torch.zeros_like(sums).index_add(0, groups, torch.ones_like(fixed)).clamp(min=1.0)
        own = sums[groups] + (own - fixed)
    return own.clamp(-LARGEST, LARGEST)


def clipped_loss(log_ratio: Tensor, advantages: Tensor, low: float, high: float, dual: float = 0.0) -> TokenLoss:
    """PPO's loss with bounds of its own below and above.

        l = -min(r A, clip(r, 1 - low, 1 + high) A);    where A < 0 and dual > 0:    -max(min(...), dual A)

    Args:
        log_ratio: [R] log r.
        advantages: [R].
        low: of the lower bound, in (0, 1].
        high: of the upper one, > 0. Greater than `low` it lets rare tokens rise (DAPO's clip-higher).
        dual: bound of the ratio where the advantage is negative, > 1; 0 for none.

    Source: Schulman et al. 2017, equation 7; clip-higher, DAPO (Yu et al. 2025, section 3.1); dual clip, Ye et al. 2020.
    """
    ratio = log_ratio.exp()
    free, held = ratio * advantages, ratio.clamp(1.0 - low, 1.0 + high) * advantages
    gains = torch.minimum(free, held)
    bounded = held < free
    if dual:
        floor = dual * advantages
        over = (advantages < 0.0) & (gains < floor)
        gains, bounded = torch.where(over, floor, gains), bounded | over
    return TokenLoss(-gains, bounded)


def weighted_loss(log_ratio: Tensor, advantages: Tensor, low: float, high: float) -> TokenLoss:
    """The policy gradient of every token, weighted with a bounded ratio that itself has no gradient (CISPO).

        l = -sg(clip(r, 1 - low, 1 + high)) A log pi

    No token loses its gradient, however far it has moved. The gradient of log r is that of log pi, so log r stands for it.

    Args:
        log_ratio: [R] log r, with gradient.
        advantages: [R].
        low: of the lower bound, in (0, 1]; 1 for none, as in the paper.
        high: of the upper one, > 0.

    Source: MiniMax-M1 (2025), equation 4.
    """
    ratio = log_ratio.detach().exp()
    held = ratio.clamp(1.0 - low, 1.0 + high)
    return TokenLoss(-held * advantages * log_ratio, held != ratio)


def truncated_weights(trained: Tensor, sampled: Tensor, cap: float) -> Tensor:
    """Weights of tokens whose sampler and trainer compute the same policy differently (a server, top-p, another precision).

        w = min(pi_trainer / pi_sampler, cap),    both of the weights that sampled

    Args:
        trained: [R] log-probabilities as the trainer computes them.
        sampled: [R] as they were when the tokens were sampled.
        cap: > 0; 2 is usual.

    Returns:
        [R] in (0, cap], without gradient.

    Source: Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy RL training" (TIS).
    """
    return (trained - sampled).detach().clamp(-LARGEST, LARGEST).exp().clamp(max=cap)


def token_weights(normalization: Normalization, steps: IntArray, sequences: IntArray, length: float = 1.0) -> FloatArray:
    """What each token of a batch counts for.

        token-mean:     1 / R                      every token the same: long actions and episodes pull more
        step-mean:      1 / (K |step|)             every step the same
        sequence-mean:  1 / (S |sequence|)         every sequence the same: GRPO
        constant:       1 / (S length)             as token-mean, but the sum does not depend on how long the others came out: Dr. GRPO

    Args:
        normalization: which.
        steps: [R] int64, the step of each token: any number, the same for the tokens of a step.
        sequences: [R] int64, likewise for its sequence.
        length: of "constant", > 0: tokens that a sequence could have.

    Returns:
        [R] float64; it sums to 1 but for "constant".

    Source: GRPO, Shao et al. 2024, equation 3; token-mean, DAPO (Yu et al. 2025, section 3.3); Dr. GRPO, Liu et al. 2025, section 3.2.
    """
    if not (np.isfinite(length) and length > 0.0):
        raise OptionError(f"length is positive, got {length!r}")
    if not steps.size:
        return np.zeros(0)
    if normalization == "token-mean":
        return np.full(steps.size, 1.0 / steps.size)
    _, places, sizes = np.unique(steps if normalization == "step-mean" else sequences, return_inverse=True, return_counts=True)
    if normalization == "constant":
        return np.full(steps.size, 1.0 / (sizes.size * length))
    return 1.0 / (sizes.size * sizes[places].astype(np.float64))

"""Sampling: from logits to the distribution that a token is drawn from, and the draw."""

from typing import Any

import msgspec

from prm_gym.errors import MissingExtraError, OptionError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """How tokens are drawn.

    Attributes:
        temperature: divides the logits, > 0.
        top_k: only so many of the most probable tokens; 0 for all.
        top_p: only the most probable tokens that together have this share, in (0, 1].
        greedy: the most probable token instead; `logprobs` are then those of the distribution above.
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    greedy: bool = False

    def __post_init__(self) -> None:
        """Refuse what is no distribution."""
        checks: list[tuple[str, Any, bool, str]] = [
            ("temperature", self.temperature, 0.0 < self.temperature < float("inf"), "positive; for the most probable tokens take greedy()"),
            ("top_k", self.top_k, self.top_k >= 0, "not negative"),
            ("top_p", self.top_p, 0.0 < self.top_p <= 1.0, "in (0, 1]"),
        ]
        for name, value, fits, wanted in checks:
            if not fits:
                raise OptionError(f"{name} must be {wanted}, got {value!r}")


def log_distribution(logits: Tensor, sampling: Sampling) -> Tensor:
    """Log-probabilities that tokens are drawn with.

        p(v) = [v in S] exp(l_v / T) / sum_{u in S} exp(l_u / T)

    S are the `top_k` most probable tokens, and of them the fewest that have the share `top_p`; ties at the threshold of `top_k` are all kept.

    Args:
        logits: [B, V] float32.
        sampling: how.

    Returns:
        [B, V] float32, -inf outside of S.

    Source: top-p: Holtzman et al. 2020, section 3.1.
    """
    found = torch.log_softmax(logits / sampling.temperature, dim=-1)
    if not sampling.top_k and sampling.top_p == 1.0:
        return found
    if 0 < sampling.top_k < logits.shape[-1]:
        least = found.topk(sampling.top_k, dim=-1).values[:, -1:]
        found = torch.log_softmax(found.masked_fill(found < least, float("-inf")), dim=-1)
    if sampling.top_p < 1.0:
        ordered, order = found.sort(dim=-1, descending=True)
        share = ordered.exp()
        beyond = share.cumsum(dim=-1) - share >= sampling.top_p  # what stands before it has the share already; the first never is
        cut = torch.zeros_like(beyond).scatter(-1, order, beyond)
        found = torch.log_softmax(found.masked_fill(cut, float("-inf")), dim=-1)
    return found


def drawn(log_probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """The token whose share of the cumulated probability holds a uniform number.

    Args:
        log_probabilities: [B, V].
        uniforms: [B] float64, in [0, 1).

    Returns:
        [B] int64; never one of probability 0. The last where the probabilities are no numbers: an index beyond would end all work on a card.
    """
    cumulated = log_probabilities.double().exp().cumsum(dim=-1)
    whole = cumulated[:, -1:]
    # Scaled by the sum, which rounding may keep from 1, and below it. On the right: a token of probability 0 adds nothing and is passed over.
    wanted = torch.minimum(uniforms[:, None] * whole, torch.nextafter(whole, torch.zeros_like(whole)))
    return torch.searchsorted(cumulated, wanted, right=True)[:, 0].clamp(max=cumulated.shape[-1] - 1)

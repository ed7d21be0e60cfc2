"""The network of the candidate policy: candidates as vectors that compare themselves, a score for each, and the value of their state."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from prm_gym.agents.reading import BUCKETS, read
from prm_gym.errors import ContractError, MissingExtraError
from prm_gym.lm.value import StepHead

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


class _Block(nn.Module):
    """Pre-norm transformer block with a key mask."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.norm_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm_feed = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        """Mix x [B, T, D] over the places of present [B, T] bool; [B, T, D]."""
        b, t, d = x.shape
        q, k, v = self.qkv(self.norm_attention(x)).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        # Written out: for thousands of short sequences torch's fused attention is several times slower on the CPU.
        weights = (q @ k.transpose(2, 3) * (d // self.heads) ** -0.5).masked_fill(~present[:, None, None, :], float("-inf")).softmax(dim=3)
        mixed = weights @ v
        x = x + self.out(mixed.transpose(1, 2).reshape(b, t, d))
        return x + self.feed(self.norm_feed(x))


class Readings(NamedTuple):
    """What is said of B states.

    Attributes:
        logprobs: [B, K] float32, of their candidates; -inf where there is no candidate.
        values: [B] float32; None without a critic.
    """

    logprobs: Tensor
    values: Tensor | None


class Scorer(nn.Module):
    """Log-probabilities of a state's candidates, and with a critic the state's value.

    Attributes:
        critic: reads the mean of the candidates' vectors; None without one.
    """

    def __init__(self, width: int, generator: torch.Generator, critic: bool = False) -> None:
        """Make the layers.

        Args:
            width: of the n-gram embeddings, even.
            generator: of the first weights; a critic draws after all others, so that they are the same with it and without.
            critic: whether states have values. They are all 0 at first.
        """
        super().__init__()
        wide = 2 * width
        self.ngrams = nn.EmbeddingBag(BUCKETS, width, mode="sum", padding_idx=0)
        self.reader = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 2 * wide), nn.GELU(), nn.Linear(2 * wide, wide))
        self.comparer = _Block(wide)
        self.norm = nn.LayerNorm(wide)
        self.score = nn.Linear(wide, 1)
        with torch.no_grad():  # drawn anew from our own generator: torch's layers draw theirs from the global one
            for weight in self.parameters():
                if weight.dim() > 1:
                    spread = 0.1 if weight.shape[0] == BUCKETS else weight.shape[1] ** -0.5
                    weight.copy_(torch.randn(weight.shape, generator=generator) * spread)
            for layer in self.modules():
                if isinstance(layer, nn.Linear):
                    layer.bias.zero_()
            self.score.weight.mul_(0.1)
        self.critic = StepHead(wide, generator) if critic else None

    def forward(self, ngrams: Tensor, table: Tensor) -> Tensor:
        """[B, K] float32, log-probabilities; see `read`."""
        return self.read(ngrams, table).logprobs

    def read(self, ngrams: Tensor, table: Tensor) -> Readings:
        """Score the candidates of B states.

        Args:
            ngrams: [U, F] int64, the n-grams of all candidates; 0 for nothing. Places where no candidate has any may be left out.
            table: [B, K] int64, the candidates of each state; -1 for none.
        """
        vectors = self.reader(self.ngrams(ngrams))
        listed = table >= 0
        compared = self.norm(self.comparer(vectors[table.clamp(min=0)], listed))
        scores = self.score(compared)[:, :, 0].masked_fill(~listed, float("-inf"))
        values = None
        if self.critic is not None:
            values = self.critic((compared * listed[:, :, None]).sum(dim=1) / listed.sum(dim=1, keepdim=True))
        return Readings(torch.log_softmax(scores, dim=1), values)


def batched(states: Sequence[tuple[str, tuple[str, ...]]], device: torch.device) -> tuple[Tensor, Tensor]:
    """The n-grams of all candidates [U, up to FEATURES] and, for every state, which of them are its own [B, K] (-1: none)."""
    if any(not actions for _, actions in states):
        raise ContractError("the candidate policy needs an environment that lists its admissible actions")
    bags = [read(observation, actions) for observation, actions in states]
    table = np.full((len(bags), max(len(bag) for bag in bags)), -1, dtype=np.int64)
    start = 0
    for state, bag in enumerate(bags):
        table[state, : len(bag)] = np.arange(start, start + len(bag))
        start += len(bag)
    rows = np.concatenate(bags)
    ngrams = torch.from_numpy(rows[:, rows.any(axis=0)]).to(device).long()  # int16 until it is there: a quarter of the bytes
    return ngrams, torch.from_numpy(table).to(device)

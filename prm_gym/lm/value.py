"""Values of whole steps, read from the hidden states of a policy.

A value belongs to a step of the environment and not to a token: it is read from the state of the last token before the action, which has seen everything that
the agent had seen.
"""

from collections.abc import Callable
from typing import cast

from prm_gym.errors import MissingExtraError

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


class StepHead(nn.Module):
    """One number for each hidden state; 0 for all at first, so that nothing is said before something is learned."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        """Make two layers, in float32.

        Args:
            width: D of the hidden states.
            generator: of the first weights.
        """
        super().__init__()
        made = cast("Callable[..., nn.Linear]", nn.utils.skip_init)  # a layer as torch makes it draws from the global generator
        self.first = made(nn.Linear, width, width)
        self.last = made(nn.Linear, width, 1)
        with torch.no_grad():
            self.first.weight.copy_(torch.randn(self.first.weight.shape, generator=generator) * width**-0.5)
            self.first.bias.zero_()
            self.last.weight.zero_()
            self.last.bias.zero_()

    def forward(self, hidden: Tensor) -> Tensor:
        """[K] float32 of hidden states [K, D]."""
        with torch.autocast(hidden.device.type, enabled=False):
            return self.last(torch.relu(self.first(hidden.float())))[:, 0]


def value_loss(values: Tensor, old: Tensor, returns: Tensor, clip: float = 0.0) -> Tensor:
    """Half the squared error of the value of each step, in which a value that moves far from the old one gains nothing.

        l = max((V - G)^2, (V_old + clamp(V - V_old, -c, c) - G)^2) / 2

    Args:
        values: [K] V, with gradient.
        old: [K] V when the advantages were computed.
        returns: [K] G.
        clip: c; 0 for the squared error alone.

    Source: VL-DAC (Bredis et al. 2025), its `ppo.py`: one value per step of the environment, clipped; the clipping is that of OpenAI's baselines of PPO.
    """
    loss = (values - returns).square()
    if clip:
        held = old + (values - old).clamp(-clip, clip)
        loss = torch.maximum(loss, (held - returns).square())
    return 0.5 * loss

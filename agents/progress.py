"""`progress`: a learned signal that says how much each step added to what the episode came to.

    c_t = f(o_t, a_t),    L = mean_i (sum_t c_{i,t} - R_i)^2,    R_i = sum_t r_{i,t}

f reads the observation and the action as the candidate policy reads a candidate (see `prm_gym.agents.reading`): a bag of hashed n-grams, two layers, one
number. The assigner `spa` makes rewards of it.

Source: SPA-RL (Wang et al. 2025): the estimator, its loss, and its number read at the end of each step. There it is a head on the language model itself, which
sees the whole episode so far, and it is fitted once to episodes that were collected before; here it sees the step alone, and learns from every batch, after
it has said what it makes of it.
"""

import math
import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from prm_gym.agents.reading import BUCKETS, read
from prm_gym.credit import Signal, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.diagnostics import variance
from prm_gym.credit.returns import trajectory_returns
from prm_gym.errors import CheckpointError, DivergedError, MissingExtraError, OptionError
from prm_gym.lm.value import StepHead
from prm_gym.machine import choose_device
from prm_gym.trajectory import Step

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

HIGHEST_RATE = float(torch.finfo(torch.float32).max) / 10
"""Adam divides its rate by 1 - 0.9 in its first step, and that has to be a float32."""

READ_AT_ONCE = 1024  # steps
FILE = "progress.pt"


class ProgressEstimator(Signal):
    """Attributes the outcome of an episode to its steps; the estimates of an episode sum to what it expects the episode to come to."""

    name = "progress"
    learns_first = False  # `spa` takes the sum of its estimates for a baseline

    def __init__(self, *, seed: int = 0, device: str = "auto", width: int = 32, learning_rate: float = 3e-3, epochs: int = 4, minibatch: int = 32) -> None:
        """Make the network; it says 0 of every step at first.

        Args:
            seed: of the first weights and of the order in which it learns.
            device: "cpu", "cuda", "cuda:1" ..., or "auto" (CUDA where there is one).
            width: of the n-gram embeddings, >= 1.
            learning_rate: of Adam, > 0.
            epochs: passes over a batch, >= 1.
            minibatch: episodes in one gradient, >= 1.
        """
        for option, value in (("width", width), ("epochs", epochs), ("minibatch", minibatch)):
            if value < 1:
                raise OptionError(f"{option} must be at least 1, got {value!r}")
        if not 0.0 < learning_rate <= HIGHEST_RATE:
            raise OptionError(f"learning_rate must be above 0 and at most {HIGHEST_RATE:.1e}, got {learning_rate!r}")
        self.device = torch.device(choose_device(device))
        self.width, self.learning_rate, self.epochs, self.minibatch = width, learning_rate, epochs, minibatch
        self._generator = torch.Generator().manual_seed(seed)
        self.network = _Estimator(width, self._generator).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate)

    def fit(self, batch: StepBatch) -> dict[str, float]:
        """Some passes over the episodes.

        Returns:
            `loss`, mean L over the last pass; `explained`, 1 - L / Var(R) before it learned, left out where all R are equal: how much it knew of episodes that
            it had not seen.

        Raises:
            CreditError: the batch was made from arrays.
            DivergedError: the loss is no number.
        """
        if not batch.rewards.size:
            return {}
        steps, wanted = batch.steps, trajectory_returns(batch.rewards, batch.offsets)
        spread = variance(wanted)
        missed = trajectory_returns(self.column(batch), batch.offsets) - wanted
        losses: list[Tensor] = []
        for _ in range(self.epochs):
            losses.clear()
            for part in torch.randperm(wanted.size, generator=self._generator).split(self.minibatch):
                losses.append(self._gradient_step(steps, batch, part.tolist(), wanted))
        loss = float(torch.stack(losses).mean())
        if not math.isfinite(loss):
            raise DivergedError(f"the loss of the progress estimator is {loss}; a lower learning rate may help")
        return {"loss": loss} | ({"explained": 1.0 - float(np.mean(missed**2)) / spread} if spread else {})

    def _gradient_step(self, steps: Sequence[Step], batch: StepBatch, episodes: Sequence[int], wanted: FloatArray) -> Tensor:
        spans = [range(int(batch.offsets[at]), int(batch.offsets[at + 1])) for at in episodes]
        owners = torch.tensor([place for place, span in enumerate(spans) for _ in span], device=self.device)
        estimates = self._read([steps[row] for span in spans for row in span])
        sums = torch.zeros(len(spans), device=self.device).index_add(0, owners, estimates)
        loss = (sums - torch.from_numpy(wanted[list(episodes)].astype(np.float32)).to(self.device)).square().mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return loss.detach()

    def column(self, batch: StepBatch) -> FloatArray:
        """[N] float64, c of each step as the estimator is now.

        Raises:
            CreditError: the batch was made from arrays.
        """
        steps = batch.steps
        found: list[Tensor] = []
        with torch.no_grad():
            for start in range(0, len(steps), READ_AT_ONCE):
                found.append(self._read(steps[start : start + READ_AT_ONCE]).cpu())
        return torch.cat(found).double().numpy() if found else np.zeros(0)

    def _read(self, steps: Sequence[Step]) -> Tensor:
        rows = np.concatenate([read(step.observation, (step.action,)) for step in steps])
        return self.network(torch.from_numpy(rows[:, rows.any(axis=0)]).to(self.device).long())

    def save(self, directory: Path) -> None:
        """Write weights, optimiser and random state in one step."""
        directory.mkdir(parents=True, exist_ok=True)
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "generator": self._generator.get_state()}
        temporary = directory / f"{FILE}.tmp"
        torch.save(state, temporary)
        temporary.replace(directory / FILE)

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote into an estimator of the same width; the learning rate stays as it is.

        Raises:
            CheckpointError: there is nothing, it cannot be read, or it is of another width.
        """
        file = directory / FILE
        try:
            state = torch.load(file, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.optimizer.param_groups[0]["lr"] = self.learning_rate  # its own: the state holds that of whoever saved it
            self._generator.set_state(state["generator"].cpu())
        except (OSError, RuntimeError, LookupError, EOFError, ValueError, TypeError, pickle.UnpicklingError) as error:
            raise CheckpointError(f"{file} is no saved progress estimator of width {self.width}: {error}") from error


class _Estimator(nn.Module):
    """One number for the n-grams of a step."""

    def __init__(self, width: int, generator: torch.Generator) -> None:
        super().__init__()
        self.ngrams = nn.EmbeddingBag(BUCKETS, width, mode="sum", padding_idx=0)
        self.norm = nn.LayerNorm(width)
        with torch.no_grad():  # drawn anew from our own generator: torch's layers draw theirs from the global one
            self.ngrams.weight.copy_(torch.randn(self.ngrams.weight.shape, generator=generator) * 0.1)
            self.ngrams.weight[0].zero_()
        self.head = StepHead(width, generator)

    def forward(self, ngrams: Tensor) -> Tensor:
        """[B] float32, of n-grams [B, F] int64; 0 for nothing."""
        return self.head(self.norm(self.ngrams(ngrams)))

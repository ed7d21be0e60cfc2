"""How the candidate policy learns: clipped policy gradients, imitation, and preferences, on the steps whose action is among their candidates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prm_gym.agent import Preference
from prm_gym.agents.scorer import Readings, Scorer, batched
from prm_gym.credit import Credit, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.diagnostics import explained_share
from prm_gym.errors import ContractError, DivergedError, MissingExtraError, OptionError
from prm_gym.lm.value import value_loss

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

IMITATION_EPOCHS, IMITATION_MINIBATCH = 10, 32
HIGHEST_RATE = float(torch.finfo(torch.float32).max) / 10
"""Adam divides its rate by 1 - 0.9 in its first step, and that has to be a float32."""
VALUE_CLIP = 0.2
"""How far a value may gain in an update (see `prm_gym.lm.value.value_loss`); outcomes lie in [0, 1]."""


@dataclass(frozen=True, slots=True)
class CandidateLearning:
    """How it learns; see `prm_gym.agents.candidate.CandidatePolicy`.

    Raises:
        OptionError: an option out of range.
    """

    learning_rate: float
    epochs: int
    minibatch: int
    clip: float
    entropy_weight: float
    preference_beta: float
    value_weight: float

    def __post_init__(self) -> None:
        for option, lowest in (("learning_rate", 0.0), ("epochs", 1), ("minibatch", 1), ("entropy_weight", 0.0), ("value_weight", 0.0)):
            value = getattr(self, option)
            if not value >= lowest:
                raise OptionError(f"{option} must be at least {lowest}, got {value!r}")
        if self.learning_rate > HIGHEST_RATE:
            raise OptionError(f"learning_rate must be at most {HIGHEST_RATE:.1e}, got {self.learning_rate!r}")
        if not 0.0 < self.clip < 1.0:
            raise OptionError(f"clip must lie in (0, 1), got {self.clip!r}")
        if not self.preference_beta > 0.0:
            raise OptionError(f"preference_beta must be above 0, got {self.preference_beta!r}")


class CandidateLearner:
    """Trains the network of a candidate policy.

    Attributes:
        network: scores candidates.
        options: how it learns.
        optimizer: Adam.
    """

    def __init__(self, network: Scorer, options: CandidateLearning, generator: torch.Generator) -> None:
        """Take a network.

        Args:
            network: on its device; with a critic where `value_weight` is above 0.
            options: how it learns.
            generator: of the order of steps; the policy draws its actions from it too.
        """
        self.network, self.options, self._generator = network, options, generator
        self.device = next(network.parameters()).device
        self.optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate, eps=1e-5)

    def values(self, states: Sequence[tuple[str, tuple[str, ...]]]) -> FloatArray:
        """[len(states)] float64, what the critic says of them; NaN where nothing is listed."""
        values = np.full(len(states), np.nan)
        listed = [at for at, (_, actions) in enumerate(states) if actions]
        for start in range(0, len(listed), self.options.minibatch):
            part = listed[start : start + self.options.minibatch]
            with torch.no_grad():
                said = self.network.read(*batched([states[at] for at in part], self.device)).values
            if said is not None:
                values[part] = said.double().cpu().numpy()
        return values

    def update(self, batch: StepBatch, credit: Credit) -> dict[str, float]:
        """Clipped policy gradient on the advantages, scaled by their root mean square; a critic is fitted to the returns.

            L = -mean_t min(r_t A_t, clip(r_t, 1 - c, 1 + c) A_t) - w H_t + w_v mean_t l(V_t, G_t),     r_t = pi(a_t|s_t) / pi_old(a_t|s_t)

        The scale is taken out (and no mean subtracted) so that assigners whose advantages differ only in scale train alike. The mean is over steps. l is
        `prm_gym.lm.value.value_loss`.

        Returns:
            Means over the gradients: `loss`, `gradient_norm`, `entropy` (nats), `clipped` (share of the steps); `advantage_scale`; with a critic also
            `value_loss`, and `explained`, 1 - Var(G - V) / Var(G) before the update, left out where all G are equal. It stays about 0 while returns hardly
            depend on the state (an untrained agent succeeds by chance), and over the first batches in any case: these are a few gradients each.

        Raises:
            ContractError: a step whose action is none of its candidates, or that was not sampled by this policy.
            DivergedError: the loss or its gradient is NaN or infinite.

        Source: Schulman et al. 2017, equation 7, with a whole action as the unit.
        """
        rows = np.flatnonzero(credit.keep)
        scale = math.sqrt(float(np.mean(credit.advantages[rows] ** 2))) if rows.size else 0.0
        if not rows.size or (scale == 0.0 and self.network.critic is None):
            return {"loss": 0.0, "gradient_norm": 0.0, "entropy": float("nan"), "clipped": 0.0, "advantage_scale": 0.0}
        lesson = self._lesson(batch, credit, rows, scale)
        sums = torch.zeros(5, dtype=torch.float64, device=self.device)  # read once, at the end: reading waits for the device
        count = 0
        for _ in range(self.options.epochs):
            order = torch.randperm(rows.size, generator=self._generator).numpy()
            for start in range(0, order.size, self.options.minibatch):
                sums += self._gradient_step(lesson, order[start : start + self.options.minibatch])
                count += 1
        loss, norm, entropy, clipped, value = (sums / count).tolist()
        figures = _finite({"loss": loss, "gradient_norm": norm}) | {"entropy": entropy, "clipped": clipped, "advantage_scale": scale}
        if self.network.critic is not None:
            figures |= {"value_loss": value} | explained_share(credit.returns[rows], lesson.values.astype(np.float64))
        return figures

    def _lesson(self, batch: StepBatch, credit: Credit, rows: NDArray[np.int64], scale: float) -> "_Lesson":
        steps = [batch.steps[row] for row in rows]
        for step in steps:
            if step.action not in step.actions or step.logprobs is None:
                raise ContractError(f"step {step.index} ({step.action[:60]!r}) was not chosen among its candidates by this policy")
        states = [(step.observation, step.actions) for step in steps]
        return _Lesson(
            states=states,
            chosen=np.array([step.actions.index(step.action) for step in steps], dtype=np.int64),
            old=np.array([sum(step.logprobs or ()) for step in steps], dtype=np.float32),
            advantages=(credit.advantages[rows] / (scale or 1.0)).astype(np.float32),
            returns=credit.returns[rows].astype(np.float32),
            values=(self.values(states) if self.network.critic is not None else np.zeros(len(rows))).astype(np.float32),
        )

    def _gradient_step(self, lesson: "_Lesson", part: NDArray[np.int64]) -> Tensor:
        """One gradient on some of the steps; [5] loss, norm, entropy, clipped, loss of the critic."""
        chosen, old, advantage, returns, before = (
            torch.from_numpy(column[part]).to(self.device) for column in (lesson.chosen, lesson.old, lesson.advantages, lesson.returns, lesson.values)
        )
        read = self.network.read(*batched([lesson.states[at] for at in part], self.device))
        ratio = (read.logprobs.gather(1, chosen[:, None])[:, 0] - old).exp()
        clipped = ratio.clamp(1 - self.options.clip, 1 + self.options.clip)
        gain = torch.minimum(ratio * advantage, clipped * advantage).mean()
        entropy = _entropies(read).mean()
        of_values = torch.zeros((), device=self.device) if read.values is None else value_loss(read.values, before, returns, VALUE_CLIP).mean()
        loss = -gain - self.options.entropy_weight * entropy + self.options.value_weight * of_values
        descended = self._descend(loss)
        outside = (ratio != clipped).float().mean()
        return torch.cat([descended, torch.stack([entropy.detach(), outside, of_values.detach()]).double()])

    def imitate(self, batch: StepBatch, weights: NDArray[np.float64] | None = None) -> dict[str, float]:
        """Ten passes of maximum likelihood over the steps whose action is among their candidates.

            L = -sum_t w_t log pi(a_t|s_t) / sum_t w_t

        Raises:
            ContractError: there is no such step of a weight above 0.
            DivergedError: the loss or its gradient is NaN or infinite.
        """
        steps = batch.steps
        weights = np.ones(len(steps)) if weights is None else weights
        rows = [row for row, step in enumerate(steps) if weights[row] > 0 and step.action in step.actions]
        if not rows:
            raise ContractError(f"none of the {len(steps)} steps to imitate has its action among its candidates")
        losses: list[Tensor] = []
        for _ in range(IMITATION_EPOCHS):
            losses.clear()
            for part in torch.randperm(len(rows), generator=self._generator).split(IMITATION_MINIBATCH):
                states = [steps[rows[i]] for i in part.tolist()]
                logprobs = self.network(*batched([(step.observation, step.actions) for step in states], self.device))
                picked = torch.tensor([step.actions.index(step.action) for step in states], device=self.device)
                weight = torch.tensor([weights[rows[i]] for i in part.tolist()], dtype=torch.float32, device=self.device)
                loss = -(weight * logprobs.gather(1, picked[:, None])[:, 0]).sum() / weight.sum()
                losses.append(self._descend(loss))
        loss, norm = torch.stack(losses).mean(dim=0).tolist()
        return _finite({"imitation_loss": loss, "imitation_gradient_norm": norm})

    def prefer(self, pairs: Sequence[Preference]) -> dict[str, float]:
        """Direct preference optimisation over listed actions, with the policy before the call as the reference.

            m = (log pi(a+|s) - log pi(a-|s)) - (log pi_ref(a+|s) - log pi_ref(a-|s)),     L = -sum w log sigmoid(beta m) / sum w

        Pairs whose actions are not among the listed ones are left out.

        Returns:
            `preference_loss` of the last pass; `preference_margin`, mean m afterwards; `preference_accuracy`, share of pairs whose better action is the more
            probable one afterwards.

        Raises:
            ContractError: there is no pair of listed actions of a weight above 0.
            DivergedError: the loss or its gradient is NaN or infinite.

        Source: Rafailov et al. 2023 (arXiv 2305.18290), equation 7, for single steps as in Lai et al. 2024 (Step-DPO, arXiv 2406.18629).
        """
        used = [pair for pair in pairs if pair.weight > 0 and {pair.chosen.text, pair.rejected.text} <= set(pair.prompt.actions)]
        if not used:
            raise ContractError(f"none of the {len(pairs)} pairs has both its actions among the candidates")
        with torch.no_grad():
            reference = torch.cat([self._gaps(used[start : start + self.options.minibatch]) for start in range(0, len(used), self.options.minibatch)])
        losses: list[Tensor] = []
        for _ in range(self.options.epochs):
            losses.clear()
            for part in torch.randperm(len(used), generator=self._generator).split(self.options.minibatch):
                rows = [used[i] for i in part.tolist()]
                weight = torch.tensor([pair.weight for pair in rows], dtype=torch.float32, device=self.device)
                margins = self._gaps(rows) - reference[part.to(self.device)]
                loss = -(weight * nn.functional.logsigmoid(self.options.preference_beta * margins)).sum() / weight.sum()
                losses.append(self._descend(loss))
        loss, norm = torch.stack(losses).mean(dim=0).tolist()
        figures = _finite({"preference_loss": loss, "preference_gradient_norm": norm})
        with torch.no_grad():
            gaps = torch.cat([self._gaps(used[start : start + self.options.minibatch]) for start in range(0, len(used), self.options.minibatch)])
        accuracy, margin = (gaps > 0).float().mean().item(), (gaps - reference).mean().item()
        return {**figures, "preference_margin": margin, "preference_accuracy": accuracy}

    def _gaps(self, pairs: Sequence[Preference]) -> Tensor:
        """[B], how much the log-probability of the better action exceeds that of the worse one."""
        logprobs = self.network(*batched([(pair.prompt.observation, pair.prompt.actions) for pair in pairs], self.device))
        places = [[pair.prompt.actions.index(action.text) for action in (pair.chosen, pair.rejected)] for pair in pairs]
        picked = logprobs.gather(1, torch.tensor(places, device=self.device))
        return picked[:, 0] - picked[:, 1]

    def _descend(self, loss: Tensor) -> Tensor:
        """One step of the optimiser; [2], the loss and the norm of its gradient, left on the device: reading them would wait for it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        return torch.stack([loss.detach(), norm]).double()


class _Lesson(NamedTuple):
    """What is learned from, a row for each of the steps that are kept.

    Attributes:
        states: observation and candidates.
        chosen: [R] int64, which candidate was taken.
        old: [R] float32, its log-probability then.
        advantages: [R] float32, scaled.
        returns: [R] float32, what the critic is fitted to.
        values: [R] float32, what it said before; 0 without one.
    """

    states: list[tuple[str, tuple[str, ...]]]
    chosen: NDArray[np.int64]
    old: NDArray[np.float32]
    advantages: NDArray[np.float32]
    returns: NDArray[np.float32]
    values: NDArray[np.float32]


def _entropies(read: Readings) -> Tensor:
    """[B] float32, in nats."""
    return -(read.logprobs.exp() * read.logprobs.masked_fill(read.logprobs.isinf(), 0.0)).sum(dim=1)


def _finite(figures: dict[str, float]) -> dict[str, float]:
    """The figures.

    Raises:
        DivergedError: one is NaN or infinite; the weights are lost then.
    """
    for name, value in figures.items():
        if not math.isfinite(value):
            raise DivergedError(f"the {name} of the candidate policy is {value}")
    return figures

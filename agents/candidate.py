"""`candidate`: a small torch policy that reads the observation and the admissible actions, and chooses one.

Each candidate is a bag of hashed n-grams (see `prm_gym.agents.reading`): the sum of their embeddings, through two layers, is its vector; a transformer
block lets the candidates of a state compare themselves; a linear head scores them. Trained from scratch by the clipped policy gradient on per-step
advantages; with `value_weight` a critic reads the value of the state from the same vectors. The first version was a transformer over tokens: as good a
reader, and twenty times slower on a CPU.
"""

import math
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prm_gym.agent import Action, Agent, Preference, Prompt, TrainableAgent
from prm_gym.agents.reading import read
from prm_gym.agents.scorer import Readings, Scorer
from prm_gym.credit import Credit, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.diagnostics import explained_share
from prm_gym.errors import CheckpointError, ContractError, DivergedError, MissingExtraError, OptionError
from prm_gym.lm.value import value_loss
from prm_gym.machine import choose_device
from prm_gym.saved_agents import describe

try:
    import torch
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

IMITATION_EPOCHS, IMITATION_MINIBATCH = 10, 32
VALUE_CLIP = 0.2
"""How far a value may gain in an update (see `prm_gym.lm.value.value_loss`); outcomes lie in [0, 1]."""


class CandidatePolicy(TrainableAgent):
    """Chooses among the admissible actions; about 0.3 million parameters at the default width."""

    id = "candidate"
    seeded = True

    def __init__(  # noqa: PLR0913 - each is an option of the command line
        self,
        *,
        seed: int = 0,
        device: str = "auto",
        width: int = 32,
        learning_rate: float = 1e-3,
        epochs: int = 2,
        minibatch: int = 256,
        clip: float = 0.2,
        entropy_weight: float = 0.02,
        preference_beta: float = 0.5,
        value_weight: float = 0.0,
    ) -> None:
        """Make the network and its optimiser.

        Args:
            seed: of the initial weights and of the choices.
            device: "cpu", "cuda", "cuda:1" ..., or "auto" (CUDA where there is one).
            width: of the n-gram embeddings, >= 4; the vectors of candidates are twice as wide.
            learning_rate: of Adam, > 0.
            epochs: passes over a batch in one update, >= 1.
            minibatch: steps in one gradient, >= 1.
            clip: range of the probability ratio, in (0, 1).
            entropy_weight: of the entropy bonus, in nats, >= 0.
            preference_beta: of the preference loss, > 0; large ones keep closer to the policy before it.
            value_weight: of the loss of a critic, >= 0, for credit that needs values (`gae`, `spa`); 0 for no critic. 0.5 is usual.
        """
        if width % 2 or width < 4:
            raise OptionError(f"width must be even and at least 4, got {width}")
        for option, value, lowest in (
            ("learning_rate", learning_rate, 0.0),
            ("epochs", epochs, 1),
            ("minibatch", minibatch, 1),
            ("entropy_weight", entropy_weight, 0.0),
            ("value_weight", value_weight, 0.0),
        ):
            if not value >= lowest:
                raise OptionError(f"{option} must be at least {lowest}, got {value!r}")
        if not 0.0 < clip < 1.0:
            raise OptionError(f"clip must lie in (0, 1), got {clip!r}")
        if not preference_beta > 0.0:
            raise OptionError(f"preference_beta must be above 0, got {preference_beta!r}")
        self.device = torch.device(choose_device(device))
        self.options = {"seed": seed, "width": width, "learning_rate": learning_rate, "epochs": epochs}
        self.options |= {"minibatch": minibatch, "clip": clip, "entropy_weight": entropy_weight, "preference_beta": preference_beta}
        self.options["value_weight"] = value_weight
        self.preference_beta, self.value_weight = preference_beta, value_weight
        self.epochs, self.minibatch, self.clip, self.entropy_weight = epochs, minibatch, clip, entropy_weight
        self._generator = torch.Generator().manual_seed(seed)
        self.network = Scorer(width, self._generator, critic=value_weight > 0.0).to(self.device)
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=learning_rate, eps=1e-5)

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(weight.numel() for weight in self.network.parameters())

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """Sample one candidate a prompt, with its log-probability.

        Raises:
            ContractError: the environment lists no actions.
        """
        if not prompts:
            return []
        logprobs = self._logprobs(prompts).cpu()
        chosen = _drawn([prompt.seed for prompt in prompts], logprobs.exp(), self._generator)
        return _actions(prompts, chosen, logprobs)

    def greedy(self) -> Agent:
        """The most probable candidate instead of a sampled one; shares the weights."""
        return _Greedy(self)

    def most_probable(self, prompts: Sequence[Prompt]) -> list[Action]:
        """The most probable candidate of each prompt."""
        if not prompts:
            return []
        logprobs = self._logprobs(prompts).cpu()
        return _actions(prompts, logprobs.argmax(dim=1), logprobs)

    def _logprobs(self, prompts: Sequence[Prompt]) -> Tensor:
        with torch.no_grad():
            return self.network(*self._batch([(prompt.observation, prompt.actions) for prompt in prompts]))

    def _batch(self, states: Sequence[tuple[str, tuple[str, ...]]]) -> tuple[Tensor, Tensor]:
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
        ngrams = torch.from_numpy(rows[:, rows.any(axis=0)]).to(self.device).long()  # int16 until it is there: a quarter of the bytes
        return ngrams, torch.from_numpy(table).to(self.device)

    @property
    def gives(self) -> tuple[str, ...]:
        """The values of its critic, where it has one."""
        return ("value", "bootstrap_value") if self.network.critic is not None else ()

    def columns(self, batch: StepBatch, names: Sequence[str]) -> dict[str, FloatArray]:
        """The values of the states in which steps were taken, and of those in which truncated episodes ended.

        NaN where a state lists no actions, since the critic reads them.

        Raises:
            ContractError: it has no such column.
            CreditError: the batch was made from arrays.
        """
        if not set(names) <= set(self.gives):
            return super().columns(batch, names)
        found: dict[str, FloatArray] = {}
        steps = batch.steps  # says what is wrong with a batch of arrays
        if "value" in names:
            found["value"] = self._values([(step.observation, step.actions) for step in steps])
        if "bootstrap_value" in names:
            found["bootstrap_value"] = np.full(batch.rewards.size, np.nan)
            finals = [None if trajectory.final is None else (trajectory.final.observation, trajectory.final.actions) for trajectory in batch.trajectories or ()]
            cut = [at for at, final in enumerate(finals) if final is not None]
            found["bootstrap_value"][batch.offsets[1:][cut] - 1] = self._values([final for final in finals if final is not None])
        return found

    def _values(self, states: Sequence[tuple[str, tuple[str, ...]]]) -> FloatArray:
        """[len(states)] float64, what the critic says of them; NaN where nothing is listed."""
        values = np.full(len(states), np.nan)
        listed = [at for at, (_, actions) in enumerate(states) if actions]
        for start in range(0, len(listed), self.minibatch):
            part = listed[start : start + self.minibatch]
            with torch.no_grad():
                said = self.network.read(*self._batch([states[at] for at in part])).values
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
        if not rows.size or (scale == 0.0 and not self.gives):
            return {"loss": 0.0, "gradient_norm": 0.0, "entropy": float("nan"), "clipped": 0.0, "advantage_scale": 0.0}
        lesson = self._lesson(batch, credit, rows, scale)
        sums = torch.zeros(5, dtype=torch.float64, device=self.device)  # read once, at the end: reading waits for the device
        count = 0
        for _ in range(self.epochs):
            order = torch.randperm(rows.size, generator=self._generator).numpy()
            for start in range(0, order.size, self.minibatch):
                sums += self._gradient_step(lesson, order[start : start + self.minibatch])
                count += 1
        loss, norm, entropy, clipped, value = (sums / count).tolist()
        figures = _finite({"loss": loss, "gradient_norm": norm}) | {"entropy": entropy, "clipped": clipped, "advantage_scale": scale}
        return figures | {"value_loss": value} | explained_share(credit.returns[rows], lesson.values.astype(np.float64)) if self.gives else figures

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
            values=(self._values(states) if self.gives else np.zeros(len(rows))).astype(np.float32),
        )

    def _gradient_step(self, lesson: "_Lesson", part: NDArray[np.int64]) -> Tensor:
        """One gradient on some of the steps; [5] loss, norm, entropy, clipped, loss of the critic."""
        chosen, old, advantage, returns, before = (
            torch.from_numpy(column[part]).to(self.device) for column in (lesson.chosen, lesson.old, lesson.advantages, lesson.returns, lesson.values)
        )
        read = self.network.read(*self._batch([lesson.states[at] for at in part]))
        ratio = (read.logprobs.gather(1, chosen[:, None])[:, 0] - old).exp()
        clipped = ratio.clamp(1 - self.clip, 1 + self.clip)
        gain = torch.minimum(ratio * advantage, clipped * advantage).mean()
        entropy = _entropies(read).mean()
        of_values = torch.zeros((), device=self.device) if read.values is None else value_loss(read.values, before, returns, VALUE_CLIP).mean()
        loss = -gain - self.entropy_weight * entropy + self.value_weight * of_values
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
                logprobs = self.network(*self._batch([(step.observation, step.actions) for step in states]))
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
            reference = torch.cat([self._gaps(used[start : start + self.minibatch]) for start in range(0, len(used), self.minibatch)])
        losses: list[Tensor] = []
        for _ in range(self.epochs):
            losses.clear()
            for part in torch.randperm(len(used), generator=self._generator).split(self.minibatch):
                rows = [used[i] for i in part.tolist()]
                weight = torch.tensor([pair.weight for pair in rows], dtype=torch.float32, device=self.device)
                margins = self._gaps(rows) - reference[part.to(self.device)]
                loss = -(weight * nn.functional.logsigmoid(self.preference_beta * margins)).sum() / weight.sum()
                losses.append(self._descend(loss))
        loss, norm = torch.stack(losses).mean(dim=0).tolist()
        figures = _finite({"preference_loss": loss, "preference_gradient_norm": norm})
        with torch.no_grad():
            gaps = torch.cat([self._gaps(used[start : start + self.minibatch]) for start in range(0, len(used), self.minibatch)])
        accuracy, margin = (gaps > 0).float().mean().item(), (gaps - reference).mean().item()
        return {**figures, "preference_margin": margin, "preference_accuracy": accuracy}

    def _gaps(self, pairs: Sequence[Preference]) -> Tensor:
        """[B], how much the log-probability of the better action exceeds that of the worse one."""
        logprobs = self.network(*self._batch([(pair.prompt.observation, pair.prompt.actions) for pair in pairs]))
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

    def save(self, directory: Path) -> None:
        """Write weights, optimiser and random state in one step (a reader sees the old file or the new one), and the options beside them."""
        directory.mkdir(parents=True, exist_ok=True)
        state = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "generator": self._generator.get_state()}
        temporary = directory / "agent.pt.tmp"
        torch.save(state, temporary)
        describe(directory, self.id, self.options)
        temporary.replace(directory / "agent.pt")

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote into a policy of the same width; what is no weight or state (learning rate ...) stays as it is.

        Raises:
            CheckpointError: there is nothing, it cannot be read, or it is of a policy of another width.
        """
        file = directory / "agent.pt"
        try:
            state = torch.load(file, map_location=self.device, weights_only=True)
            self.network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.optimizer.param_groups[0]["lr"] = self.options["learning_rate"]  # its own: the state holds that of whoever saved it
            self._generator.set_state(state["generator"].cpu())
        except (OSError, RuntimeError, LookupError, EOFError, ValueError, TypeError, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"{file} is no saved policy of width {self.options['width']} {'with' if self.gives else 'without'} a critic: {error}"
            ) from error


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


def _drawn(seeds: Sequence[int | None], probabilities: Tensor, generator: torch.Generator) -> Tensor:
    """One candidate a row of [B, K] probabilities: those with a seed from it alone, the others from the generator; [B] int64."""
    unseeded = [row for row, seed in enumerate(seeds) if seed is None]
    if len(unseeded) == len(seeds):
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]
    cumulated = probabilities.double().cumsum(dim=1)
    drawn = torch.tensor([0.0 if seed is None else np.random.default_rng(seed).random() for seed in seeds], dtype=torch.float64)
    # Scaled by the sum, which rounding may keep from 1: a candidate that is not there (probability 0) is never reached.
    chosen = torch.searchsorted(cumulated, drawn[:, None] * cumulated[:, -1:], right=True)[:, 0]
    if unseeded:
        chosen[unseeded] = torch.multinomial(probabilities[unseeded], 1, generator=generator)[:, 0]
    return chosen


class _Greedy(Agent):
    seeded = True

    def __init__(self, policy: CandidatePolicy) -> None:
        self.id = f"{policy.id}:greedy"
        self._policy = policy

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        return self._policy.most_probable(prompts)


def _actions(prompts: Sequence[Prompt], chosen: Tensor, logprobs: Tensor) -> list[Action]:
    picked = logprobs.gather(1, chosen[:, None])[:, 0].tolist()
    return [Action(text=prompt.actions[i], logprobs=(value,)) for prompt, i, value in zip(prompts, chosen.tolist(), picked, strict=True)]

"""`candidate`: a small torch policy that reads the observation and the admissible actions, and chooses one.

Each candidate is a bag of hashed n-grams (see `prm_gym.agents.reading`): the sum of their embeddings, through two layers, is its vector; a transformer
block lets the candidates of a state compare themselves; a linear head scores them. Trained from scratch by the clipped policy gradient on per-step
advantages; with `value_weight` a critic reads the value of the state from the same vectors. The first version was a transformer over tokens: as good a
reader, and twenty times slower on a CPU.
"""

import pickle
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from prm_gym.agent import Action, Agent, Preference, Prompt, TrainableAgent
from prm_gym.agents.candidate_learning import CandidateLearner, CandidateLearning
from prm_gym.agents.scorer import Scorer, batched
from prm_gym.credit import Credit, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.errors import CheckpointError, DivergedError, MissingExtraError, OptionError
from prm_gym.machine import choose_device
from prm_gym.saved_agents import describe

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

ACTING_FILE = "weights.pt"


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
            learning_rate: of Adam, in [0, 3.4e37] (its first step takes ten times that, as a float32).
            epochs: passes over a batch in one update, >= 1.
            minibatch: steps in one gradient, >= 1.
            clip: range of the probability ratio, in (0, 1).
            entropy_weight: of the entropy bonus, in nats, >= 0.
            preference_beta: of the preference loss, > 0; large ones keep closer to the policy before it.
            value_weight: of the loss of a critic, >= 0, for credit that needs values (`gae`, `spa`); 0 for no critic. 0.5 is usual.
        """
        if width % 2 or width < 4:
            raise OptionError(f"width must be even and at least 4, got {width}")
        learning = CandidateLearning(learning_rate, epochs, minibatch, clip, entropy_weight, preference_beta, value_weight)
        self.device = torch.device(choose_device(device))
        self.options = {"seed": seed, "width": width, **asdict(learning)}
        self._generator = torch.Generator().manual_seed(seed)
        self.network = Scorer(width, self._generator, critic=value_weight > 0.0).to(self.device)
        self.learner = CandidateLearner(self.network, learning, self._generator)

    @property
    def parameters(self) -> int:
        """How many weights it has."""
        return sum(weight.numel() for weight in self.network.parameters())

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """Sample one candidate a prompt, with its log-probability.

        Raises:
            ContractError: the environment lists no actions.
            DivergedError: its weights give no numbers any more.
        """
        if not prompts:
            return []
        logprobs = self._logprobs(prompts)
        chosen = _drawn([prompt.seed for prompt in prompts], logprobs.exp(), self._generator)
        return _actions(prompts, chosen, logprobs)

    def greedy(self) -> Agent:
        """The most probable candidate instead of a sampled one; shares the weights."""
        return _Greedy(self)

    def most_probable(self, prompts: Sequence[Prompt]) -> list[Action]:
        """The most probable candidate of each prompt."""
        if not prompts:
            return []
        logprobs = self._logprobs(prompts)
        return _actions(prompts, logprobs.argmax(dim=1), logprobs)

    def _logprobs(self, prompts: Sequence[Prompt]) -> Tensor:
        with torch.no_grad():
            logprobs = self.network(*batched([(prompt.observation, prompt.actions) for prompt in prompts], self.device)).cpu()
        if logprobs.isnan().any():
            raise DivergedError("the candidate policy says no numbers any more: its weights are too large, NaN or infinite")
        return logprobs

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
            found["value"] = self.learner.values([(step.observation, step.actions) for step in steps])
        if "bootstrap_value" in names:
            found["bootstrap_value"] = np.full(batch.rewards.size, np.nan)
            finals = [None if trajectory.final is None else (trajectory.final.observation, trajectory.final.actions) for trajectory in batch.trajectories or ()]
            cut = [at for at, final in enumerate(finals) if final is not None]
            found["bootstrap_value"][batch.offsets[1:][cut] - 1] = self.learner.values([final for final in finals if final is not None])
        return found

    def update(self, batch: StepBatch, credit: Credit) -> dict[str, float]:
        """Clipped policy gradient on the advantages; see `CandidateLearner.update`.

        Raises:
            ContractError: a step whose action is none of its candidates, or that was not sampled by this policy.
            DivergedError: the loss or its gradient is NaN or infinite.
        """
        return self.learner.update(batch, credit)

    def imitate(self, batch: StepBatch, weights: FloatArray | None = None) -> dict[str, float]:
        """Ten passes of maximum likelihood over the steps whose action is among their candidates; see `CandidateLearner.imitate`.

        Raises:
            ContractError: there is no such step of a weight above 0.
            DivergedError: the loss or its gradient is NaN or infinite.
        """
        return self.learner.imitate(batch, weights)

    def prefer(self, pairs: Sequence[Preference]) -> dict[str, float]:
        """Direct preference optimisation over listed actions; see `CandidateLearner.prefer`.

        Raises:
            ContractError: there is no pair of listed actions of a weight above 0.
            DivergedError: the loss or its gradient is NaN or infinite.
        """
        return self.learner.prefer(pairs)

    def save(self, directory: Path) -> None:
        """Write weights, optimiser and random state in one step (a reader sees the old file or the new one), and the options beside them."""
        directory.mkdir(parents=True, exist_ok=True)
        state = {"network": self.network.state_dict(), "optimizer": self.learner.optimizer.state_dict(), "generator": self._generator.get_state()}
        temporary = directory / "agent.pt.tmp"
        torch.save(state, temporary)
        describe(directory, self.id, self.options)
        temporary.replace(directory / "agent.pt")

    def save_acting(self, directory: Path) -> None:
        """Write the weights alone."""
        directory.mkdir(parents=True, exist_ok=True)
        torch.save(self.network.state_dict(), directory / ACTING_FILE)

    def load_acting(self, directory: Path) -> None:
        """Put back what `save_acting` wrote into a policy of the same width.

        Raises:
            CheckpointError: there is nothing, it cannot be read, or it is of a policy of another width.
        """
        with self._reading(directory / ACTING_FILE) as weights:
            self.network.load_state_dict(weights)

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote into a policy of the same width; what is no weight or state (learning rate ...) stays as it is.

        Raises:
            CheckpointError: there is nothing, it cannot be read, or it is of a policy of another width.
        """
        with self._reading(directory / "agent.pt") as state:
            self.network.load_state_dict(state["network"])
            self.learner.optimizer.load_state_dict(state["optimizer"])
            self.learner.optimizer.param_groups[0]["lr"] = self.options["learning_rate"]  # its own: the state holds that of whoever saved it
            self._generator.set_state(state["generator"].cpu())

    @contextmanager
    def _reading(self, file: Path) -> Generator[dict[str, Any]]:
        """What a file holds; whatever is wrong with it, or with putting it back, is a CheckpointError."""
        try:
            yield torch.load(file, map_location=self.device, weights_only=True)
        except (OSError, RuntimeError, LookupError, EOFError, ValueError, TypeError, pickle.UnpicklingError) as error:
            raise CheckpointError(
                f"{file} is no saved policy of width {self.options['width']} {'with' if self.gives else 'without'} a critic: {error}"
            ) from error


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

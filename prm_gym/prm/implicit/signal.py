"""`implicit_reward`: an implicit reward as a learned signal of credit assignment, for the assigners `prime` and `istar`.

    prm-gym train --agent causal-lm --credit prime --signal 'implicit_reward?learning_rate=1e-4'
    prm-gym train --agent causal-lm --credit istar --signal 'implicit_reward?objective=dpo&reference=policy&learning_rate=1e-4'

It reads episodes as chains of text (`prm_gym.chains`), not as the tokens that the agent was shown: the agent may be any, and with reference=policy the
log-probabilities are those of its weights on that text. See `prm_gym.prm.implicit.online` for what is learned.
"""

import json
import math
import tempfile
from pathlib import Path
from typing import Literal, get_args

from prm_gym.agent import TrainableAgent
from prm_gym.credit import Signal, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.errors import CheckpointError, ContractError, DivergedError, OptionError
from prm_gym.prm.implicit.learner import LearningOptions
from prm_gym.prm.implicit.loading import Device
from prm_gym.prm.implicit.objectives import Objective
from prm_gym.prm.implicit.online import ImplicitReward

Reference = Literal["start", "policy"]
STATE_FILE, MODEL_FOLDER = "signal.json", "model"


class ImplicitRewardSignal(Signal):
    """r_t = beta * log pi(a_t|s_t) / ref(a_t|s_t) of a model that learns from the outcomes of every batch."""

    name = "implicit_reward"

    def __init__(
        self,
        path: str = "",
        *,
        seed: int = 0,
        device: Device = "auto",
        objective: Objective = "cross-entropy",
        reference: Reference = "start",
        beta: float = 0.05,
        learning_rate: float = 1e-6,
        epochs: int = 1,
    ) -> None:
        """Say what is to be loaded; nothing is until the first batch.

        Args:
            path: of the model to begin with: a folder or a name on the hub; "" for a copy of the agent as it is at the first batch (of one whose folder
                Hugging Face can load: causal-lm).
            seed: taken as every signal takes it; nothing here is left to chance.
            device: "auto" for CUDA where there is one.
            objective: "cross-entropy" on outcomes (PRIME) or "dpo" on pairs of attempts at one task (iStar).
            reference: "start", the model as it began (PRIME); "policy", the weights of the agent that acted (iStar), which must be of the same architecture.
            beta: of the reward, > 0.
            learning_rate: of AdamW, > 0: 1e-6 in the sources, for billions of weights; 1e-4 and more for small models.
            epochs: passes over a batch, >= 1.

        Raises:
            OptionError: an option is none of its choices.
        """
        _ = seed
        if reference not in get_args(Reference):
            raise OptionError(f"reference is one of {', '.join(get_args(Reference))}, got {reference!r}")
        if epochs < 1:
            raise OptionError(f"epochs must be at least 1, got {epochs!r}")
        self.path, self.reference, self.epochs = path, reference, epochs
        self._device: Device = device
        self._options = LearningOptions(objective=objective, beta=beta, learning_rate=learning_rate)
        self._reward: ImplicitReward | None = None

    def follow(self, agent: object) -> None:
        """Begin with a copy of the agent where no path was given; take its weights for the reference where that is the policy.

        Raises:
            ContractError: the agent is no causal language model.
            CheckpointError: it is of another architecture, or cannot be loaded.
        """
        if self._reward is None:
            self._reward = self._loaded(self.path) if self.path else self._copied(agent)
        if self.reference == "policy":
            model = getattr(agent, "model", None)
            if model is None:
                raise ContractError(f"reference='policy' needs an agent with a causal language model (causal-lm), got {type(agent).__name__}")
            self._reward.refer_to(model)

    def fit(self, batch: StepBatch) -> dict[str, float]:
        """Learn from the outcomes; see `prm_gym.prm.implicit.online.FitReport`. What is not known (no pair to compare) is left out.

        Raises:
            CreditError: the batch was made from arrays.
            DivergedError: the loss is no number.
        """
        report = self.model.fit(batch, epochs=self.epochs)
        if report.trajectories and not math.isfinite(report.loss):
            raise DivergedError(f"the loss of the implicit reward is {report.loss}; a lower learning rate than {self._options.learning_rate:g} may help")
        figures = {"loss": report.loss, "accuracy": report.accuracy, "gradient_norm": report.gradient, "skipped": float(report.skipped)}
        return {name: value for name, value in figures.items() if math.isfinite(value)}

    def column(self, batch: StepBatch) -> FloatArray:
        """[N] float64, r of each step; NaN in episodes longer than the model's context."""
        return self.model.rewards(batch)

    @property
    def model(self) -> ImplicitReward:
        """The implicit reward.

        Raises:
            ContractError: nothing has been loaded: no path was given and no agent was seen.
        """
        if self._reward is None and self.path:
            self._reward = self._loaded(self.path)
        if self._reward is None:
            raise ContractError("the signal 'implicit_reward' has nothing to begin with: give a path ('implicit_reward:CHECKPOINT'), or call follow(agent)")
        return self._reward

    def save(self, directory: Path) -> None:
        """Write model, optimiser and reference; before the first batch only that there is nothing yet."""
        directory.mkdir(parents=True, exist_ok=True)
        if self._reward is not None:
            self._reward.save(directory / MODEL_FOLDER)
        (directory / STATE_FILE).write_text(json.dumps({"begun": self._reward is not None}))

    def load(self, directory: Path) -> None:
        """Put back what `save` wrote.

        Raises:
            CheckpointError: there is nothing, or it cannot be read.
        """
        try:
            begun = json.loads((directory / STATE_FILE).read_text())["begun"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(f"{directory} holds no saved implicit reward: {error}") from error
        self._reward = self._loaded(str(directory / MODEL_FOLDER)) if begun else None

    def _loaded(self, path: str) -> ImplicitReward:
        return ImplicitReward.load(path, options=self._options, device=self._device)

    def _copied(self, agent: object) -> ImplicitReward:
        """Of the agent as it is now, by way of the folder that it writes."""
        if not isinstance(agent, TrainableAgent) or getattr(agent, "model", None) is None:
            raise ContractError(f"the agent {type(agent).__name__} is no causal language model to begin with; give one: 'implicit_reward:CHECKPOINT'")
        with tempfile.TemporaryDirectory() as folder:
            agent.save(Path(folder))
            return self._loaded(folder)

"""The contract of a training method."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from prm_gym.agent import Preference, TrainableAgent
from prm_gym.credit import StepBatch, find_assigner
from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.pipeline import OF_THE_RUN
from prm_gym.credit.whole import assign_whole
from prm_gym.errors import ContractError
from prm_gym.training.columns import Columns
from prm_gym.training.ground import Ground
from prm_gym.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Practice:
    """A batch, and what a method may do with it.

    Attributes:
        agent: that learns.
        trajectories: of the batch, group by group.
        ground: plays more episodes at the same tasks; what they cost is counted.
        credit: the credit assigner or pipeline, with options where wanted.
        credit_options: its options, beside those.
        columns: fills what the assigner wants beside what trajectories hold.
        training_step: batches that were learned from before this one.
        training_progress: share of the budget that is spent, in [0, 1].
        seed: of the run, from 0, for parts of the credit that draw.
    """

    agent: TrainableAgent
    trajectories: list[Trajectory]
    ground: Ground
    credit: str = "grpo"
    credit_options: Mapping[str, object] = field(default_factory=dict[str, object])
    columns: Columns = field(default_factory=Columns)
    training_step: int = 0
    training_progress: float = 0.0
    seed: int = 0

    def update(self) -> dict[str, float]:
        """Let the agent learn from the advantages of the batch; metrics of the agent, of the assigner and of learned signals.

        Nothing is learned, and nothing reported, where every episode was spoilt or every group left out.
        """
        batch = StepBatch.from_trajectories(self.trajectories)
        if not batch.rewards.size:
            return {}
        batch, learned = self.columns.filled(batch, self.agent, self.credit, self.ground)
        credit = assign_whole(self.credit, batch, **self._told(), **self.credit_options)
        return {**learned, **self.agent.update(batch, credit), **credit.diagnostics}

    def _told(self) -> dict[str, object]:
        """How far the training is and of which seed, for parts of the credit that want to know and are not told by the configuration."""
        chosen, given = find_assigner(self.credit)
        told: dict[str, object] = {"training_step": self.training_step, "training_progress": self.training_progress, "seed": self.seed}
        return {name: told[name] for name in OF_THE_RUN if name in chosen.options and name not in given and name not in self.credit_options}

    def imitate(self, trajectories: Sequence[Trajectory], weights: FloatArray | None = None) -> dict[str, float]:
        """Let the agent imitate steps; nothing happens where there are none that it could choose.

        A foreign step may not be among the listed actions, and an agent that chooses among these cannot learn it.

        Args:
            trajectories: valid ones.
            weights: [N] of their steps; None for 1.
        """
        batch = StepBatch.from_trajectories(trajectories)
        counted = np.ones(batch.rewards.size) if weights is None else weights
        possible = [weight > 0 and (not step.actions or step.action in step.actions) for weight, step in zip(counted, batch.steps, strict=True)]
        metrics = {"imitated_steps": float(sum(possible))}
        return {**metrics, **_named("imitation", self.agent.imitate(batch, counted))} if any(possible) else metrics

    def prefer(self, pairs: Sequence[Preference]) -> dict[str, float]:
        """Let the agent learn from preferences; nothing happens where there are none whose actions it could choose.

        Args:
            pairs: of actions in one situation each.
        """
        possible = [pair for pair in pairs if not pair.prompt.actions or {pair.chosen.text, pair.rejected.text} <= set(pair.prompt.actions)]
        return _named("preference", self.agent.prefer(possible)) if possible else {}


def _named(kind: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics with what they are of before them, so that the loss of an imitation is not taken for that of an update."""
    return {name if name.startswith(kind) else f"{kind}_{name}": value for name, value in metrics.items()}


class Method(ABC):
    """Makes a better agent of a batch.

    Attributes:
        needs_verdicts: it reads verdicts, so the environment must have verifiers.
        needs: methods of `TrainableAgent` beside `update` that the agent must have: "imitate", "prefer".
    """

    needs_verdicts: bool = False
    needs: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def learn(self, practice: Practice) -> dict[str, float]:
        """Let the agent learn from the batch.

        Returns:
            Metrics by name.
        """

    def require_able(self, agent: TrainableAgent) -> None:
        """Refuse an agent that lacks what the method needs.

        Raises:
            ContractError: it does.
        """
        for name in self.needs:
            if getattr(type(agent), name) is getattr(TrainableAgent, name):
                raise ContractError(f"agent {agent.id!r} has no {name}(), which this training method needs")

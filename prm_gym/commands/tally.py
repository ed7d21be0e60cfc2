"""What came out of a rollout, counted as it comes: however many trajectories there are, none is kept."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from prm_gym.claims import Spoilt
from prm_gym.trajectory import Trajectory


class Tally:
    """Counts episodes, steps, outcomes, rewards and verdicts."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.episodes = self.steps = self.invalid = 0
        self.reward = 0.0
        self.outcomes = Counter[float]()
        self.labels: Counter[str] = Counter()
        self.reasons: dict[str, None] = {}

    def add(self, trajectories: Iterable[Trajectory]) -> None:
        """Count them too."""
        for trajectory in trajectories:
            self.episodes += 1
            self.steps += len(trajectory.steps)
            self.reward += trajectory.total_reward
            if trajectory.valid and trajectory.outcome is not None:
                self.outcomes[trajectory.outcome] += 1
            self.labels.update(f"{v.verifier}: {v.label or v.status}" for step in trajectory.steps for v in step.verdicts.values())
            if not trajectory.valid:
                self.invalid += 1
                self.reasons |= {claim.reason: None for step in trajectory.steps for claim in step.claims if isinstance(claim, Spoilt)}

    def record(self) -> dict[str, Any]:
        """The figures, by name; what spoilt episodes, with the first reason in full, where any was."""
        outcomes = self.outcomes.total()
        found: dict[str, Any] = {
            "episodes": self.episodes,
            "steps": self.steps,
            "success": sum(outcome * count for outcome, count in sorted(self.outcomes.items())) / outcomes if outcomes else float("nan"),
            "mean_reward": self.reward / self.episodes if self.episodes else float("nan"),
            "invalid": self.invalid,
            "verdicts": dict(sorted(self.labels.items(), key=lambda item: (-item[1], item[0]))),
        }
        if self.reasons:
            first, *others = self.reasons
            found["spoilt by"] = f"{first} (and {len(others)} other reasons)" if others else first
        return found

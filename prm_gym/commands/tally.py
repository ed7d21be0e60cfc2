"""What came out of a rollout, counted as it comes: however many trajectories there are, none is kept, and their order makes no difference."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from prm_gym.claims import Spoilt
from prm_gym.trajectory import Trajectory

SPOILT_IN_VAIN = 8  # episodes or searches: where so many are played and all are spoilt, what agent or environment stand on is not there


class Tally:
    """Counts episodes, steps, outcomes, rewards and verdicts."""

    def __init__(self) -> None:
        """Begin at nothing."""
        self.episodes = self.steps = self.invalid = 0
        self.rewards: Counter[float] = Counter()
        self.outcomes: Counter[float] = Counter()
        self.labels: Counter[str] = Counter()
        self.reasons: set[str] = set()

    def add(self, trajectories: Iterable[Trajectory]) -> None:
        """Count them too."""
        for trajectory in trajectories:
            self.episodes += 1
            self.steps += len(trajectory.steps)
            if trajectory.valid:
                self.rewards[trajectory.total_reward] += 1
            if trajectory.valid and trajectory.outcome is not None:
                self.outcomes[trajectory.outcome] += 1
            self.labels.update(f"{v.verifier}: {v.label or v.status}" for step in trajectory.steps for v in step.verdicts.values())
            if not trajectory.valid:
                self.invalid += 1
                self.reasons |= {claim.reason for step in trajectory.steps for claim in step.claims if isinstance(claim, Spoilt)}

    def record(self) -> dict[str, Any]:
        """The figures, by name; what spoilt episodes, with the first reason in full, where any was."""
        found: dict[str, Any] = {
            "episodes": self.episodes,
            "steps": self.steps,
            "success": _mean(self.outcomes),
            "mean_reward": _mean(self.rewards),
            "invalid": self.invalid,
            "verdicts": dict(sorted(self.labels.items(), key=lambda item: (-item[1], item[0]))),
        }
        if self.reasons:
            first, *others = sorted(self.reasons)
            found["spoilt by"] = f"{first} (and {len(others)} other reasons)" if others else first
        return found


def _mean(counts: Counter[float]) -> float | None:
    """The mean, summed in a fixed order; None of nothing."""
    return sum(value * count for value, count in sorted(counts.items())) / counts.total() if counts else None

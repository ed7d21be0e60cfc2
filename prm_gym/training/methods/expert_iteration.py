"""Expert iteration: of the attempts at every task the best ones are imitated.

    best = the `keep` first of {i : outcome_i >= success, no step wrong} by outcome, then by the mean score of their steps, then the shorter ones

With one batch and a verifier this is rejection sampling; in the loop, where the agent that has learned plays the next batch, it is expert iteration.

Source: Anthony et al. 2017 (arXiv 1705.08439); rejection sampling as in Dong et al. 2023 (RAFT, arXiv 2304.06767); the gate by verified steps is ours.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar

from prm_gym.errors import OptionError
from prm_gym.training.methods.method import Method, Practice
from prm_gym.training.step_standing import first_wrong, mean_score
from prm_gym.trajectory import Trajectory


class ExpertIteration(Method):
    """Imitates the best attempts."""

    needs: ClassVar[tuple[str, ...]] = ("imitate",)

    def __init__(self, *, keep: int = 1, success: float = 1.0, verified: bool = True) -> None:
        """Choose what is good enough.

        Args:
            keep: attempts of every group at most, >= 1.
            success: the least outcome, in (0, 1].
            verified: leave out attempts with a step that a verifier calls wrong (a right answer by a wrong way is none); the verifiers are asked for it.
        """
        if keep < 1 or not 0.0 < success <= 1.0:
            raise OptionError(f"keep is at least 1 and success lies in (0, 1], got {keep!r} and {success!r}")
        self.keep, self.success, self.verified = keep, success, verified
        self.needs_verdicts = verified

    def learn(self, practice: Practice) -> dict[str, float]:
        """Imitate them; nothing is learned from a batch without any."""
        best = self.best(practice.trajectories)
        metrics = {"imitated": float(len(best)), "imitated_share": len(best) / max(1, len(practice.trajectories))}
        return {**metrics, **practice.imitate(best)}

    def best(self, trajectories: Sequence[Trajectory]) -> list[Trajectory]:
        """The best attempts of every group, different ones."""
        groups: defaultdict[str, list[Trajectory]] = defaultdict(list)
        for trajectory in trajectories:
            good = trajectory.valid and trajectory.outcome is not None and trajectory.outcome >= self.success
            if good and not (self.verified and first_wrong(trajectory) is not None):
                groups[trajectory.group_id].append(trajectory)
        chosen: list[Trajectory] = []
        for members in groups.values():
            different = {tuple(step.action for step in member.steps): member for member in reversed(members)}
            chosen += sorted(different.values(), key=_rank)[: self.keep]
        return chosen


def _rank(trajectory: Trajectory) -> tuple[float, float, int, str]:
    scores = [score for step in trajectory.steps if (score := mean_score(step)) is not None]
    return -(trajectory.outcome or 0.0), -(sum(scores) / len(scores) if scores else 0.0), len(trajectory.steps), trajectory.id

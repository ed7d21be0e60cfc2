"""What comes of a search."""

import msgspec

from prm_gym.search.budget import Spent
from prm_gym.trajectory import Trajectory


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """One ended attempt.

    Attributes:
        trajectory: its steps; an attempt that others share steps with holds them too.
        score: what the search makes of it, in [0, 1]; None where the verifier cannot tell, or was not asked.
        times: how many attempts came to this same end.
    """

    trajectory: Trajectory
    score: float | None = None
    times: int = 1


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a search came to in one task.

    Attributes:
        seed: of the task.
        method: specification of the method.
        chosen: the attempt that the search stands by; None where there is none, with a `reason`. Where the environment leaves something to chance, playing its
            actions again from `reset(seed=seed)` meets the same chance and ends the same.
        candidates: all that ended, in order.
        spent: on this task.
        valid: False where the infrastructure spoilt a step and no attempt came to an end; such a result says nothing of the method.
        reason: why nothing was chosen; else empty.
        notes: numbers about the search, by name.
    """

    seed: int
    method: str
    chosen: Trajectory | None
    candidates: tuple[Candidate, ...]
    spent: Spent
    valid: bool = True
    reason: str = ""
    notes: dict[str, float] = {}

    @property
    def outcome(self) -> float | None:
        """Of the chosen attempt, in [0, 1]; 0 where the budget was used up without one; None of a result that is not valid."""
        if not self.valid:
            return None
        return 0.0 if self.chosen is None else self.chosen.outcome

    @property
    def best_outcome(self) -> float | None:
        """The best outcome among the candidates: what no way of choosing among them can pass. None of a result that is not valid."""
        if not self.valid:
            return None
        return max((each.trajectory.outcome for each in self.candidates if each.trajectory.outcome is not None), default=0.0)

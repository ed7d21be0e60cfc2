"""Correction: the right beginning of a failed attempt is kept, its first wrong step is replaced, and what follows succeeds.

    L = L_policy(batch) + L_imitate(corrected steps alone; the beginning is context of weight 0)

Sources: Ren et al. 2026 (SCOPE, arXiv 2602.24110): a process reward model finds the first wrong step of a rollout, which is rectified off-policy, the right
part kept. Yuan et al. 2025 (Agent-R, arXiv 2501.11425): a wrong trajectory is cut at its first error and a good one spliced in. Search-R2 (arXiv 2602.03647):
a local change instead of a whole new attempt. There the mended trajectories are mixed into the batch with weights of their own; here they are imitated
after the update.
"""

from typing import ClassVar

import numpy as np

from prm_gym.errors import OptionError
from prm_gym.training.methods.method import Method, Practice
from prm_gym.training.splicing import Corrector, corrections


class Correction(Method):
    """Policy gradient, and imitation of corrected steps."""

    needs_verdicts = True
    needs: ClassVar[tuple[str, ...]] = ("imitate",)

    def __init__(self, *, corrector: str = "mixed:1.0", tries: int = 1, success: float = 1.0, threshold: float = 0.5, policy_gradient: bool = True) -> None:
        """Choose who corrects.

        Args:
            corrector: specification of an agent; "self" for the one that learns. By default one that follows the environment's own solution where it can.
            tries: continuations of each attempt at most, >= 1.
            success: the least outcome of a success, in (0, 1].
            threshold: mean score from which on a step is right, in (0, 1].
            policy_gradient: learn from the batch's advantages too.
        """
        if tries < 1 or not 0.0 < success <= 1.0 or not 0.0 < threshold <= 1.0:
            raise OptionError(f"tries is at least 1, success and threshold lie in (0, 1]; got {tries!r}, {success!r}, {threshold!r}")
        self.corrector = Corrector(corrector)
        self.tries, self.success, self.threshold, self.policy_gradient = tries, success, threshold, policy_gradient

    def learn(self, practice: Practice) -> dict[str, float]:
        """Correct with the agent as it was when it played, update it, then show it the corrections."""
        found = corrections(
            practice.ground,
            practice.trajectories,
            self.corrector.agent(practice.agent),
            tries=self.tries,
            success=self.success,
            threshold=self.threshold,
        )
        metrics = {**(practice.update() if self.policy_gradient else {}), "corrections": float(len(found.corrections)), **found.metrics}
        mended = [each.trajectory for each in found.corrections]
        weights = [float(step >= each.place) for each in found.corrections for step in range(len(each.trajectory.steps))]
        return {**metrics, **practice.imitate(mended, np.array(weights, dtype=np.float64))}

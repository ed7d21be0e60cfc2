"""Step preferences: Step-DPO and its kin on pairs of steps that verifiers tell apart (see `prm_gym.training.pairs`)."""

from typing import ClassVar

from prm_gym.agent import Preference
from prm_gym.errors import OptionError
from prm_gym.training.methods.method import Method, Practice
from prm_gym.training.pairs import action_of, prompt_before, step_pairs
from prm_gym.training.splicing import Corrector, corrections


class StepPreferences(Method):
    """Prefers right steps to wrong ones in the same situation."""

    needs_verdicts = True
    needs: ClassVar[tuple[str, ...]] = ("prefer",)

    def __init__(self, *, threshold: float = 0.5, success: float = 1.0, per_state: int = 4, corrector: str = "") -> None:
        """Choose the pairs.

        Args:
            threshold: mean score from which on a step is right, in (0, 1].
            success: the least outcome of an attempt whose steps are chosen, in [0, 1].
            per_state: pairs of one situation at the most, >= 1.
            corrector: specification of an agent that goes on from the right beginning of attempts with a wrong step ("self" for the one that learns); where
                it succeeds, its first step is preferred to the wrong one. "" for pairs of the batch alone.
        """
        if not 0.0 < threshold <= 1.0 or not 0.0 <= success <= 1.0 or per_state < 1:
            raise OptionError(f"threshold lies in (0, 1], success in [0, 1], per_state is at least 1; got {threshold!r}, {success!r}, {per_state!r}")
        self.threshold, self.success, self.per_state = threshold, success, per_state
        self.corrector = Corrector(corrector) if corrector else None

    def learn(self, practice: Practice) -> dict[str, float]:
        """Prefer; nothing is learned from a batch without pairs."""
        tools = practice.ground.tools
        pairs = step_pairs(practice.trajectories, threshold=self.threshold, success=self.success, per_state=self.per_state, tools=tools)
        metrics = {"pairs": float(len(pairs))}
        if self.corrector is not None:
            found = corrections(practice.ground, practice.trajectories, self.corrector.agent(practice.agent), threshold=self.threshold)
            mended = [
                Preference(
                    prompt=prompt_before(each.original, each.place, tools),
                    chosen=action_of(each.trajectory.steps[each.place]),
                    rejected=action_of(each.original.steps[each.place]),
                )
                for each in found.corrections
            ]
            pairs += mended
            metrics |= {"corrected_pairs": float(len(mended)), **found.metrics}
        return {**metrics, **practice.prefer(pairs)}

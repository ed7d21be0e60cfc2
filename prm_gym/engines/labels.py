"""Labels as jobs: stored trajectories, judged by verifiers and by roll-outs where they are wanted."""

from collections.abc import Callable, Sequence

import msgspec

from prm_gym.engines.engine import Report
from prm_gym.labelling.labeller import label_together
from prm_gym.montecarlo.labelling import RolloutLabeller
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import VerifierSpec, make_verifiers


class Labelling(msgspec.Struct, frozen=True):
    """Trajectories that are labelled together.

    Attributes:
        trajectories: valid ones.
    """

    trajectories: tuple[Trajectory, ...]

    def __str__(self) -> str:
        return f"labels of {self.trajectories[0].id} to {self.trajectories[-1].id}"


class LabelWorker:
    """Judges trajectories; verifiers, agent and environments are made once."""

    def __init__(self, verifiers: Sequence[VerifierSpec], rollouts: Callable[[], RolloutLabeller] | None = None) -> None:
        """Make them.

        Args:
            verifiers: specifications of pure verifiers; within one process also verifiers, which stay the caller's.
            rollouts: makes what labels by roll-outs, where that is wanted.
        """
        self.verifiers = make_verifiers(verifiers)
        self._own = [each for each in self.verifiers if each not in verifiers]
        self.rollouts = rollouts() if rollouts is not None else None

    def run(self, job: Labelling, report: Report) -> list[Trajectory]:
        """The trajectories with all verdicts."""
        judged = label_together(job.trajectories, self.verifiers)
        return judged if self.rollouts is None else self.rollouts.label(judged)

    def close(self) -> None:
        """Close environments, and the verifiers that were made here."""
        for each in self._own:
            each.close()
        if self.rollouts is not None:
            self.rollouts.close()

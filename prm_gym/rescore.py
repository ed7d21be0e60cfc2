"""Re-scoring: run verifiers again over stored trajectories and show what changed.

A stored step holds its claims and its task, so a pure verifier can judge it as if it had just been taken: a new version of a verifier, or one that
did not exist when the trajectories were made.
"""

from collections.abc import Iterable, Sequence

import msgspec

from prm_gym.errors import OptionError
from prm_gym.task import Origin
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Verdict
from prm_gym.verifier import PastStep, StepContext, Verifier, verify_batch


class Change(msgspec.Struct, frozen=True):
    """A verdict that differs from the stored one, or that was not there.

    Attributes:
        step: id of the step, `<trajectory>/<index>`.
        verifier: id of the verifier.
        before: the stored verdict, or None.
        after: the new one.
    """

    step: str
    verifier: str
    before: Verdict | None
    after: Verdict


class Rescored(msgspec.Struct, frozen=True):
    """A trajectory with its new verdicts, and what changed. Rewards stay as they were given."""

    trajectory: Trajectory
    changes: tuple[Change, ...]


def contexts(trajectory: Trajectory) -> list[StepContext]:
    """What a verifier would have been given at each step."""
    past: list[PastStep] = []
    found: list[StepContext] = []
    origin = None if trajectory.seed is None or trajectory.seed < 0 else Origin.of_seed(trajectory.seed)
    for step in trajectory.steps:
        found.append(
            StepContext(
                task=trajectory.task,
                observation=step.observation,
                action=step.action,
                claims=step.claims,
                previous=tuple(past),
                terminated=step.terminated,
                truncated=step.truncated,
                outcome=trajectory.outcome if step.terminated or step.truncated else None,
                origin=origin,
            )
        )
        past.append(PastStep(step.observation, step.action, step.claims))
    return found


def rescore(trajectories: Iterable[Trajectory], verifiers: Sequence[Verifier]) -> list[Rescored]:
    """The trajectories with the verdicts of the given verifiers, old verdicts of other verifiers kept.

    Raises:
        OptionError: a verifier is not pure: its verdict depends on more than what is stored.
    """
    require_pure(verifiers)
    return [_rescore_one(trajectory, verifiers) for trajectory in trajectories]


def require_pure(verifiers: Sequence[Verifier]) -> None:
    """Raise unless the verifiers can judge stored steps.

    Raises:
        OptionError: one of them is not pure.
    """
    for verifier in verifiers:
        if not verifier.pure:
            raise OptionError(f"the verifier {verifier.id!r} is not pure: it cannot judge a stored step")


def _rescore_one(trajectory: Trajectory, verifiers: Sequence[Verifier]) -> Rescored:
    steps: list[Step] = []
    changes: list[Change] = []
    for step, fresh in zip(trajectory.steps, verify_batch(verifiers, contexts(trajectory)), strict=True):
        for verifier_id, verdict in fresh.items():
            before = step.verdicts.get(verifier_id)
            if before != verdict:
                changes.append(Change(f"{trajectory.id}/{step.index}", verifier_id, before, verdict))
        steps.append(msgspec.structs.replace(step, verdicts={**step.verdicts, **fresh}))
    return Rescored(msgspec.structs.replace(trajectory, steps=tuple(steps)), tuple(changes))

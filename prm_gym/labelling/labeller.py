"""Verdicts on the steps of many trajectories at once."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import msgspec

from prm_gym.answers import grade_all
from prm_gym.claims import FinalAnswer
from prm_gym.rescore import contexts, require_pure
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import Verifier, verify_batch

CHUNK = 64  # trajectories judged in one batch


def label(trajectories: Iterable[Trajectory], verifiers: Sequence[Verifier]) -> Iterator[Trajectory]:
    """The trajectories with the verdicts of the verifiers, as they become known.

    Verdicts of other verifiers are kept. A trajectory without an outcome that states a final answer gets it from `prm_gym.answers`: 1 or 0, None
    where that cannot tell. Trajectories that the infrastructure spoilt are left out.

    Args:
        trajectories: from `prm_gym.labelling`, or stored ones.
        verifiers: pure ones; each is called once on all steps of a chunk of trajectories.

    Raises:
        OptionError: a verifier is not pure.
    """
    require_pure(verifiers)
    pending = (trajectory for trajectory in trajectories if trajectory.valid)
    while chunk := list(islice(pending, CHUNK)):
        yield from label_together(chunk, verifiers)


def label_together(trajectories: Sequence[Trajectory], verifiers: Sequence[Verifier]) -> list[Trajectory]:
    """Valid trajectories with the verdicts of the verifiers, each of which is called once on all their steps; see `label`."""
    chunk = _with_outcomes(trajectories)
    verdicts = iter(verify_batch(verifiers, [context for trajectory in chunk for context in contexts(trajectory)]))
    return [
        msgspec.structs.replace(
            trajectory, steps=tuple(msgspec.structs.replace(step, verdicts={**step.verdicts, **next(verdicts)}) for step in trajectory.steps)
        )
        for trajectory in chunk
    ]


def _with_outcomes(chunk: Sequence[Trajectory]) -> list[Trajectory]:
    answers = [_final_answer(trajectory) for trajectory in chunk]
    grades = iter(grade_all([(answer.answer, answer.gold, answer.question) for answer in answers if answer is not None]))
    return [
        trajectory if answer is None else msgspec.structs.replace(trajectory, outcome=_outcome_of(next(grades).verdict))
        for trajectory, answer in zip(chunk, answers, strict=True)
    ]


def _outcome_of(verdict: str | None) -> float | None:
    return None if verdict in (None, "undecided") else float(verdict == "correct")


def _final_answer(trajectory: Trajectory) -> FinalAnswer | None:
    """What the whole text answers, whichever step states it."""
    claims = (claim for step in trajectory.steps for claim in step.claims if isinstance(claim, FinalAnswer))
    claim = None if trajectory.outcome is not None else next(claims, None)
    return None if claim is None else msgspec.structs.replace(claim, answer="\n".join(step.action for step in trajectory.steps))

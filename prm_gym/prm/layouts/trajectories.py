"""Trajectories that `prm-gym rollout` and `prm-gym label` have stored: verdicts are the labels, and the steps keep what the environment claimed.

A verifier is not to be measured by its own verdicts: `labels_by` names those that count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from prm_gym.chains import chain_of_trajectory
from prm_gym.claims import decode_claims
from prm_gym.errors import OptionError
from prm_gym.labelling.ratings import TEXT, rating_of
from prm_gym.prm.labelled import LabelledChain
from prm_gym.rescore import contexts
from prm_gym.trajectory import Trajectory
from prm_gym.verifier import StepContext


class TakenChain(msgspec.Struct, frozen=True):
    """A labelled chain, and its steps as they were taken."""

    labelled: LabelledChain
    contexts: tuple[StepContext, ...]


def read(rows: Iterable[Mapping[str, Any]], source: str = "trajectories", labels_by: Sequence[str] = ()) -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order; see `taken`."""
    return (found.labelled for found in taken(rows, source, labels_by))


def taken(rows: Iterable[Mapping[str, Any]], source: str = "trajectories", labels_by: Sequence[str] = ()) -> Iterator[TakenChain]:
    """The labelled chains of rows, in order, with their steps as they were taken. Trajectories that the infrastructure spoilt are left out.

    Args:
        rows: stored trajectories.
        source: name of the data.
        labels_by: ids of the verifiers whose verdicts are the labels; all of them where it is empty.

    Raises:
        OptionError: a row is no trajectory, has no steps, or none of its steps has a verdict of these verifiers.
    """
    for row in rows:
        try:
            trajectory = msgspec.convert(row, Trajectory, dec_hook=decode_claims)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise OptionError(f"it is no stored trajectory: {error}") from error
        if not trajectory.valid:
            continue
        if not trajectory.steps:
            raise OptionError("it has no steps")
        given = {verifier for step in trajectory.steps for verifier in step.verdicts}
        if labels_by and not given & set(labels_by):
            raise OptionError(f"no step has a verdict of {', '.join(labels_by)}; there are those of {', '.join(sorted(given)) or 'none'}")
        malformed = None if trajectory.env_id.startswith(TEXT) else -1
        ratings = tuple(
            rating_of([verdict for verifier, verdict in step.verdicts.items() if not labels_by or verifier in labels_by], malformed)
            for step in trajectory.steps
        )
        labelled = LabelledChain(
            id=trajectory.id,
            chain=chain_of_trajectory(trajectory),
            labels=tuple(None if rating is None else float(rating >= 0) for rating in ratings),
            outcome=None if trajectory.outcome is None else trajectory.outcome == 1.0,
            source=source,
            domain=trajectory.env_id,
            ratings=ratings if 0 in ratings else (),
            group=trajectory.task.key,
        )
        yield TakenChain(labelled, tuple(contexts(trajectory)))

"""Trajectories that `prm-gym rollout` and `prm-gym label` have stored: verdicts are the labels, and the steps keep what the environment claimed.

The text is that of `prm_gym.chains`: what a policy saw and wrote, and nothing of the sealed part of a task. A verifier is not to be measured by its own
verdicts: `labels_by` names those that count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from prm_gym.chains import chain_of_trajectory
from prm_gym.claims import decode_claims
from prm_gym.errors import OptionError
from prm_gym.labelling.layouts import DEFAULT_POLICY, LabelPolicy
from prm_gym.labelling.ratings import ratings
from prm_gym.prm.labelled import LabelledChain
from prm_gym.rescore import contexts
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verifier import StepContext


class TakenChain(msgspec.Struct, frozen=True):
    """A labelled chain, and its steps as they were taken."""

    labelled: LabelledChain
    contexts: tuple[StepContext, ...]


def read(rows: Iterable[Mapping[str, Any]], source: str = "trajectories") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order, by all verdicts; see `taken`."""
    return (found.labelled for found in taken(rows, source))


def taken(
    rows: Iterable[Mapping[str, Any]],
    source: str = "trajectories",
    labels_by: Sequence[str] = (),
    policy: LabelPolicy = DEFAULT_POLICY,
    soft: bool = False,
) -> Iterator[TakenChain]:
    """The labelled chains of rows, in order, with their steps as they were taken. Trajectories that the infrastructure spoilt are left out.

    Args:
        rows: stored trajectories.
        source: name of the data.
        labels_by: ids of the verifiers whose verdicts are the labels; all of them where it is empty. One without any verdict gives a chain without labels.
        policy: how ratings become labels.
        soft: the label is the lowest score of the verdicts instead (shares of roll-outs, probabilities), None where none of them can tell.

    Raises:
        OptionError: a row is no trajectory, has no steps, or none of its steps has a verdict of these verifiers.
    """
    for row in rows:
        try:
            trajectory = msgspec.convert(row, Trajectory, dec_hook=decode_claims)
        except (msgspec.ValidationError, TypeError, ValueError) as error:
            raise OptionError(f"it is no stored trajectory: {error}") from error
        if trajectory.valid:
            yield TakenChain(labelled(trajectory, source, labels_by, policy, soft), tuple(contexts(trajectory)))


def labelled(
    trajectory: Trajectory, source: str = "trajectories", labels_by: Sequence[str] = (), policy: LabelPolicy = DEFAULT_POLICY, soft: bool = False
) -> LabelledChain:
    """The labelled chain of one trajectory; see `taken`.

    Raises:
        OptionError: it has no steps, or none with a verdict of these verifiers.
    """
    if not trajectory.steps:
        raise OptionError("it has no steps")
    judging = msgspec.structs.replace(trajectory, steps=tuple(_only(step, labels_by) for step in trajectory.steps)) if labels_by else trajectory
    if labels_by and not any(step.verdicts for step in judging.steps):
        given = sorted({name for step in trajectory.steps for name in step.verdicts})
        raise OptionError(f"it has no verdicts of {', '.join(labels_by)}; there are those of {', '.join(given) or 'none'}")
    rated = ratings(judging)
    if soft:
        labels = [min((verdict.score for verdict in step.verdicts.values() if verdict.score is not None), default=None) for step in judging.steps]
    else:
        labels = policy.labels(rated)
    return LabelledChain(
        id=trajectory.id,
        chain=chain_of_trajectory(trajectory),
        labels=tuple(None if label is None else float(label) for label in labels),
        outcome=None if trajectory.outcome is None else trajectory.outcome == 1.0,
        source=source,
        domain=trajectory.env_id,
        ratings=rated if 0 in rated and not soft and policy == DEFAULT_POLICY else (),
        group=trajectory.task.key,
    )


def _only(step: Step, verifiers: Sequence[str]) -> Step:
    return msgspec.structs.replace(step, verdicts={name: verdict for name, verdict in step.verdicts.items() if name in verifiers})

"""Trajectories that `prm-gym rollout` and `prm-gym label` have stored, read as labelled chains: the verdicts of their steps are the labels.

The text is that of `prm_gym.chains`: what a policy saw and wrote, and nothing of the sealed part of a task.
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
from prm_gym.trajectory import Step, Trajectory


def read(
    rows: Iterable[Mapping[str, Any]], source: str = "prm_gym", verifiers: Sequence[str] = (), policy: LabelPolicy = DEFAULT_POLICY, soft: bool = False
) -> Iterator[LabelledChain]:
    """The labelled chains of stored trajectories, in order; those that the infrastructure spoilt are left out.

    Args:
        rows: of a file of trajectories.
        source: name of the data.
        verifiers: ids of those whose verdicts count; all when it is empty.
        policy: how ratings become labels.
        soft: the label is the lowest score of the verdicts instead (shares of roll-outs, probabilities), None where none of them can tell.

    Raises:
        OptionError: a row is no trajectory, or no step of it has a verdict of one of these verifiers.
    """
    for row in rows:
        try:
            trajectory = msgspec.convert(row, Trajectory, dec_hook=decode_claims)
        except msgspec.ValidationError as error:
            raise OptionError(f"it is no stored trajectory: {error}") from error
        if trajectory.valid and trajectory.steps:
            yield labelled(trajectory, source, verifiers, policy, soft)


def labelled(
    trajectory: Trajectory, source: str = "prm_gym", verifiers: Sequence[str] = (), policy: LabelPolicy = DEFAULT_POLICY, soft: bool = False
) -> LabelledChain:
    """The labelled chain of one trajectory; see `read`.

    Raises:
        OptionError: no step of it has a verdict of one of these verifiers.
    """
    if verifiers:
        trajectory = msgspec.structs.replace(trajectory, steps=tuple(_only(step, verifiers) for step in trajectory.steps))
    if not any(step.verdicts for step in trajectory.steps):
        wanted = f" of {', '.join(verifiers)}" if verifiers else ""
        raise OptionError(f"trajectory {trajectory.id!r} has no verdicts{wanted}: run `prm-gym label` or `prm-gym rescore` over it")
    if soft:
        labels = [min((verdict.score for verdict in step.verdicts.values() if verdict.score is not None), default=None) for step in trajectory.steps]
    else:
        rated = [policy.label(rating) for rating in ratings(trajectory)]
        labels = [None if label is None else float(label) for label in rated]
    chain = chain_of_trajectory(trajectory)
    return LabelledChain(
        id=trajectory.id,
        chain=chain,
        labels=tuple(label if step.text else None for step, label in zip(chain.steps, labels, strict=True)),  # an empty step is abstained on
        outcome=None if trajectory.outcome is None else trajectory.outcome == 1.0,
        source=source,
        domain=trajectory.env_id,
    )


def _only(step: Step, verifiers: Sequence[str]) -> Step:
    return msgspec.structs.replace(step, verdicts={name: verdict for name, verdict in step.verdicts.items() if name in verifiers})

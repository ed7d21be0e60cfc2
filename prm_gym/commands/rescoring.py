"""Stored trajectories judged again: `rescore`."""

from typing import Annotated

import tyro

from prm_gym.commands.records import print_records
from prm_gym.errors import StoreError


def rescore(path: Annotated[str, tyro.conf.Positional], verifier: tuple[str, ...], out: str = "", json: bool = False) -> None:
    """Run verifiers again over stored trajectories and show what changed.

    Args:
        path: file of trajectories.
        verifier: specifications of pure verifiers.
        out: file for the trajectories with their new verdicts.
        json: print JSON.
    """
    from collections import Counter

    from prm_gym.rescore import rescore as run
    from prm_gym.store import TrajectoryWriter, read_trajectories
    from prm_gym.verifier import make_verifiers

    rescored = run(read_trajectories(path), make_verifiers(verifier))
    if not rescored:
        raise StoreError(f"{path} holds no trajectory that can be read")
    if out:
        with TrajectoryWriter(out) as writer:
            writer.write(each.trajectory for each in rescored)
    changes = [change for each in rescored for change in each.changes]
    kinds: Counter[str] = Counter()
    for change in changes:
        before = "none" if change.before is None else change.before.label or change.before.status
        kinds[f"{change.verifier}: {before} -> {change.after.label or change.after.status}"] += 1
    steps = sum(len(each.trajectory.steps) for each in rescored)
    print_records([{"trajectories": len(rescored), "steps": steps, "changed": len(changes), "changes": dict(kinds.most_common()), "stored": out or None}], json)

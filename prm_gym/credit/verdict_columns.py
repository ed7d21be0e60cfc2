"""What the verdicts of stored trajectories say of steps and states, as numbers: `score`, `label` and `potential`."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verdict import Label

RIGHT: Mapping[Label | None, float] = {"correct": 1.0, "incorrect": 0.0, "malformed": 0.0}
"""What labels say of a step. The others (neutral, trivial, vacuous) say that it leads nowhere and breaks nothing: neither right nor wrong."""

UNKNOWN = float("nan")


def verdict_columns(trajectories: Sequence[Trajectory]) -> dict[str, FloatArray]:
    """The columns that verdicts fill, [N] float64 each; one that nothing is known of is left out.

    `score`: mean over the verifiers that gave the step a score, in [0, 1]. `label`: 1 where verifiers say that the step is right, 0 where they say that it
    is wrong, NaN where none can tell or they differ. `potential`: progress in [0, 1] that verifiers state in their evidence (the mean over those that do),
    of the state before the step: 0 at the beginning, as the reward `progress` has it, and what it was while the state stays the same; NaN where nobody
    states it, and throughout a trajectory in which nobody ever does. `final_potential`: that of the state after the last step, on last rows.
    """
    steps = [step for trajectory in trajectories for step in trajectory.steps]
    columns = {
        "score": np.array([_mean_score(step) for step in steps], dtype=np.float64),
        "label": np.array([_label(step) for step in steps], dtype=np.float64),
    }
    paths = [_potentials(trajectory) for trajectory in trajectories]
    columns["potential"] = np.array([potential for path in paths for potential in path[:-1]], dtype=np.float64)
    columns["final_potential"] = np.array([end for path in paths for end in _on_last_row(path)], dtype=np.float64)
    return {name: column for name, column in columns.items() if not np.isnan(column).all()}


def _mean_score(step: Step) -> float:
    scores = [verdict.score for verdict in step.verdicts.values() if verdict.score is not None]
    return sum(scores) / len(scores) if scores else UNKNOWN


def _label(step: Step) -> float:
    said = {RIGHT[verdict.label] for verdict in step.verdicts.values() if verdict.status == "ok" and verdict.label in RIGHT}
    return said.pop() if len(said) == 1 else UNKNOWN


def _potentials(trajectory: Trajectory) -> list[float]:
    """Of the state before each step, then of the last one."""
    stated = [_stated(step) for step in trajectory.steps]
    if all(progress is None for progress in stated):
        return [UNKNOWN] * (len(stated) + 1)
    path = [0.0]
    for step, progress in zip(trajectory.steps, stated, strict=True):
        stays = step.next_state_key == step.state_key
        path.append(progress if progress is not None else path[-1] if stays else UNKNOWN)
    return path


def _stated(step: Step) -> float | None:
    stated = [verdict.evidence.get("progress") for verdict in step.verdicts.values() if verdict.status == "ok"]
    numbers = [value for value in stated if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)]
    return sum(min(max(value, 0.0), 1.0) for value in numbers) / len(numbers) if numbers else None


def _on_last_row(path: Sequence[float]) -> list[float]:
    return [UNKNOWN] * (len(path) - 2) + [path[-1]]

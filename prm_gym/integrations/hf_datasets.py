"""Trajectories and step labels as `datasets.Dataset`, and back.

dataset = to_dataset(read_trajectories("rollouts.jsonl"))       # push_to_hub, filter, save_to_disk ...
trajectories = list(from_dataset(dataset))                      # the same trajectories
labels = step_labels(trajectories, "trl")                       # labels.dataset, labels.unlabelled_steps ...
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias, get_args

from prm_gym.errors import OptionError, StoreError
from prm_gym.integrations.packages import package
from prm_gym.labelling.layouts import DEFAULT_POLICY, LabelPolicy, math_shepherd_row, prm800k_row, processbench_row, stepwise_row
from prm_gym.labelling.ratings import ratings
from prm_gym.store import decode_trajectory, encode_trajectory
from prm_gym.trajectory import Trajectory

Layout: TypeAlias = Literal["trl", "processbench", "math-shepherd", "prm800k"]
Unlabelled: TypeAlias = Literal["drop", "keep"]

RECORD = "record"
_WITH_NULLS = ("trl", "prm800k")


def to_dataset(trajectories: Iterable[Trajectory], *, other_names: bool = False) -> Any:
    """A `datasets.Dataset` of trajectories, one row each.

    The column `record` holds the whole trajectory as JSON, from which `from_dataset` makes the same one again; all others are there to look at and to filter
    by, and what is changed in them changes no record. `ratings` are 1, 0 or -1, and null where no verifier can tell.

    Args:
        trajectories: any, spoilt ones too (`valid` is False).
        other_names: add the columns that other trainers read: `step_rewards` (NeMo Gym), `turn_rewards` and `turn_ids` (AReaL), `env_state_hash` (Trinity-RFT).

    Raises:
        StoreError: a trajectory cannot be written as JSON.
        MissingExtraError: the package datasets is not installed.
    """
    library = package("datasets", "datasets")
    rows = [_row(trajectory, other_names) for trajectory in trajectories]
    return _dataset(library, rows, _features(library, other_names))


def from_dataset(dataset: Iterable[Mapping[str, Any]]) -> Iterator[Trajectory]:
    """The trajectories of a data set that `to_dataset` made, in order; filtered, shuffled and joined ones will do.

    Args:
        dataset: rows with the column `record`.

    Raises:
        StoreError: a row has no record, or one that cannot be read; says which.
    """
    for number, row in enumerate(dataset):
        try:
            yield from_row(row)
        except StoreError as error:
            raise StoreError(f"row {number} cannot be read: {error}") from error


def from_row(row: Mapping[str, Any]) -> Trajectory:
    """The trajectory of a row.

    Raises:
        StoreError: it has no record, or one that cannot be read.
    """
    record = row.get(RECORD)
    if not isinstance(record, str):
        raise StoreError(f"there is no text in the column {RECORD!r}; only data sets of to_dataset() can be read back")
    return decode_trajectory(record.encode("utf-8"))


class StepLabels(NamedTuple):
    """Step labels of trajectories, and what became of the rest.

    Attributes:
        dataset: `datasets.Dataset` in the layout.
        rows: trajectories in it.
        left_out: trajectories that are not: spoilt, or nothing of them can be said in the layout.
        labelled_steps: steps in it with a label.
        unlabelled_steps: steps of the trajectories in it without one: null in it ("keep"), or not in it with all that follows ("drop").
    """

    dataset: Any
    rows: int
    left_out: int
    labelled_steps: int
    unlabelled_steps: int


def step_labels(
    trajectories: Iterable[Trajectory], layout: Layout = "trl", *, unlabelled: Unlabelled = "drop", policy: LabelPolicy = DEFAULT_POLICY
) -> StepLabels:
    """Step labels from the verdicts of trajectories, in the layout of a trainer or data set.

    trl             prompt, completions, labels (bool)
    processbench    problem, steps, label (index of the first wrong step, -1 for none), final_answer_correct
    math-shepherd   input with a tag behind each step, label with + and - in their place
    prm800k         question and label.steps with ratings -1, 0 and 1

    Args:
        trajectories: with their verdicts.
        layout: one of these.
        unlabelled: what becomes of steps that no verifier can judge: "drop", a row ends before the first of them; "keep", they are null (trl, prm800k).
        policy: how ratings become labels, where a layout knows only right and wrong.

    Raises:
        OptionError: no such layout, or one that cannot keep them.
        MissingExtraError: the package datasets is not installed.
    """
    if layout not in get_args(Layout):
        raise OptionError(f"layout is one of {', '.join(get_args(Layout))}, got {layout!r}")
    if unlabelled not in get_args(Unlabelled):
        raise OptionError(f"unlabelled is 'drop' or 'keep', got {unlabelled!r}")
    if unlabelled == "keep" and layout not in _WITH_NULLS:
        raise OptionError(f"the layout {layout!r} has no place for steps without a label; take 'drop', or one of {', '.join(_WITH_NULLS)}")
    library = package("datasets", "datasets")
    rows: list[dict[str, Any]] = []
    left_out = labelled = steps = 0
    for trajectory in trajectories:
        row = label_row(trajectory, layout, unlabelled == "keep", policy) if trajectory.valid else None
        if row is None:
            left_out += 1
            continue
        rows.append(row)
        steps += len(trajectory.steps)
        labelled += labels_in(row, layout, len(trajectory.steps))
    return StepLabels(_dataset(library, rows, _label_features(library, layout)), len(rows), left_out, labelled, steps - labelled)


def _dataset(library: Any, rows: list[dict[str, Any]], features: Any) -> Any:
    """By columns: a data set without rows has them too."""
    return library.Dataset.from_dict({name: [row[name] for row in rows] for name in features}, features=features)


def _row(trajectory: Trajectory, other_names: bool) -> dict[str, Any]:
    steps = trajectory.steps
    row: dict[str, Any] = {
        "id": trajectory.id,
        "group_id": trajectory.group_id,
        "task_key": trajectory.task_key,
        "env_id": trajectory.env_id,
        "agent": trajectory.agent,
        "question": trajectory.task.question,
        "outcome": trajectory.outcome,
        "valid": trajectory.valid,
        "truncated": trajectory.truncated,
        "observations": [step.observation for step in steps],
        "actions": [step.action for step in steps],
        "rewards": [step.reward for step in steps],
        "ratings": list(ratings(trajectory)),
        "state_keys": [step.state_key for step in steps],
        RECORD: encode_trajectory(trajectory).decode(),
    }
    if other_names:
        row |= {
            "step_rewards": row["rewards"],
            "turn_rewards": row["rewards"],
            "turn_ids": [step.index for step in steps],
            "env_state_hash": row["state_keys"],
        }
    return row


def _features(library: Any, other_names: bool) -> Any:
    text, number, flag, integer = (library.Value(kind) for kind in ("string", "float64", "bool", "int64"))
    features: dict[str, Any] = dict.fromkeys(("id", "group_id", "task_key", "env_id", "agent", "question"), text)
    features |= {"outcome": number, "valid": flag, "truncated": flag, "observations": [text], "actions": [text], "rewards": [number]}
    features |= {"ratings": [integer], "state_keys": [text], RECORD: text}
    if other_names:
        features |= {"step_rewards": [number], "turn_rewards": [number], "turn_ids": [integer], "env_state_hash": [text]}
    return library.Features(features)


def label_row(trajectory: Trajectory, layout: Layout, keep: bool, policy: LabelPolicy) -> dict[str, Any] | None:
    """A valid trajectory's row in a layout; None where nothing of it can be said there. For the arguments see `step_labels`."""
    if layout == "trl":
        return stepwise_row(trajectory, policy, keep_unknown=keep)
    if layout == "processbench":
        return processbench_row(trajectory, policy)
    if layout == "math-shepherd":
        return math_shepherd_row(trajectory, policy)
    return prm800k_row(trajectory, keep_unknown=keep)


def labels_in(row: Mapping[str, Any], layout: Layout, steps: int) -> int:
    """How many of so many steps have a label in a row of `label_row`."""
    if layout == "trl":
        return sum(label is not None for label in row["labels"])
    if layout == "processbench":
        return steps if row["label"] < 0 else row["label"] + 1
    if layout == "math-shepherd":
        return int(row["steps"])
    return sum(step["completions"][0]["rating"] is not None for step in row["label"]["steps"])


def _label_features(library: Any, layout: Layout) -> Any:
    text, flag, integer = (library.Value(kind) for kind in ("string", "bool", "int64"))
    features: dict[str, Any] = {"id": text}
    if layout == "trl":
        features |= {"prompt": text, "completions": [text], "labels": [flag]}
    elif layout == "processbench":
        features |= {"generator": text, "problem": text, "steps": [text], "final_answer_correct": flag, "label": integer}
    elif layout == "math-shepherd":
        features |= {"input": text, "label": text, "steps": integer}
    else:
        completion = {"text": text, "rating": integer, "flagged": flag}
        step = {"completions": [completion], "human_completion": text, "chosen_completion": integer}
        features |= {"question": {"problem": text, "ground_truth_answer": text}, "label": {"steps": [step], "finish_reason": text}}
    return library.Features(features)

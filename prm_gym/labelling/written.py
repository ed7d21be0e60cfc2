"""What was written, as a trajectory: a task, texts and what each of them claims."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prm_gym.claims import Claim
from prm_gym.errors import OptionError
from prm_gym.labelling.ratings import TEXT
from prm_gym.task import Task, content_key
from prm_gym.trajectory import Step, Trajectory

MAX_STEPS = 512
MAX_LENGTH = 1 << 17  # characters of all steps together: every step keeps what was written before it


def written_trajectory(
    identity: str, kind: str, task: Task, steps: Sequence[str], claims: Iterable[Sequence[Claim]], row: Mapping[str, Any], *, outcome: float | None = None
) -> Trajectory:
    """The trajectory of a text, without verdicts.

    Args:
        identity: its id.
        kind: what it is; its `env_id` is `text/<kind>`.
        task: what it answers.
        steps: the texts of the steps, in order.
        claims: of each step, in order; asked for once the bounds are known to hold.
        row: where it comes from; says who wrote it, under `generator` or `model`.
        outcome: in [0, 1] if it is known.

    Raises:
        OptionError: there are no steps, or too many, or they are too long.
    """
    length = sum(map(len, steps))
    if not steps:
        raise OptionError("it has no steps")
    if len(steps) > MAX_STEPS or length > MAX_LENGTH:
        raise OptionError(f"it has {len(steps):,} steps and {length:,} characters; at most {MAX_STEPS:,} and {MAX_LENGTH:,} are labelled")
    taken: list[Step] = []
    observation, key = task.question, task.key
    for index, (text, claimed) in enumerate(zip(steps, claims, strict=True)):
        before, key = key, content_key(key, text)
        step = Step(
            index=index,
            observation=observation,
            action=text,
            state_key=before,
            next_state_key=key,
            reward=0.0,
            claims=tuple(claimed),
            terminated=index == len(steps) - 1,
        )
        taken.append(step)
        observation = f"{observation}\n{text}"
    return Trajectory(
        id=identity,
        group_id=task.key,
        task=task,
        seed=None,
        env_id=f"{TEXT}{kind}",
        agent=str(row.get("generator", row.get("model", "unknown"))),
        outcome=outcome,
        steps=tuple(taken),
    )

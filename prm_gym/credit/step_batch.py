"""StepBatch: the steps of many trajectories as flat columns, which is what credit is assigned over."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import TypeVar, cast

import numpy as np
import numpy.typing as npt

from prm_gym.answers.claimed import claimed_answer
from prm_gym.credit.array_types import BoolArray, Column, FloatArray, IntArray
from prm_gym.credit.columns import require_meaning
from prm_gym.credit.grouping import Grouping, factorise, interned, key_array, rows_text
from prm_gym.credit.verdict_columns import verdict_columns
from prm_gym.errors import CreditError
from prm_gym.trajectory import Step, Trajectory

A = TypeVar("A", bound=npt.NDArray[np.generic])


@dataclass(frozen=True, eq=False)  # not slotted: cached properties keep what they work out in the object's __dict__
class StepBatch:
    """N steps of M trajectories, flat and in time order.

    A trajectory without steps is refused: it holds no action that could get credit, and would move its group's baseline all the same. A batch
    without trajectories is fine (every episode of an iteration may have been spoilt); its credit is empty.

    Columns that the assigners know; others may be added under names of their own:

        state_key, next_state_key    key of the state before the step, and of that after it
        action_key, belief_key       key of the action, and of the belief that the agent states
        answer_key                   key of the trajectory's final answer, on all its steps; None where there is none
        value                        of the state before the step, by a critic
        mc_value                     expected return from the state before the step, by fresh roll-outs
        bootstrap_value,             of the state that a truncated trajectory ended in, by the same; on its last step
        bootstrap_mc_value
        potential                    of the state before the step
        final_potential              of the state that the trajectory ended in, on its last step
        progress                     what the step added to the expected outcome, by a learned estimator
        implicit_reward              by a learned implicit reward
        belief_reward                intrinsic, of the belief that the agent states; known of every step, 0 where a belief is paid nothing
        greedy_return                total reward of the attempt without sampling at the same task
        score                        P(step is right) in [0, 1], by a process reward model
        label                        1 the step is right, 0 wrong
        logprob, ref_logprob         log-probability of the action, by the policy and by the reference
        entropy, n_tokens            of the policy at the step, and length of the action
        parent                       integer, on the first row of a trajectory that branched off from another one the row after which it did; -1 on all other
                                     rows, see `prm_gym.credit.trees`

    Keys are of any kind (strings, bytes, integers, tuples; lists of them become object arrays), all others are numbers.

    What follows from the offsets and the ids is worked out once and kept; these arrays, `offsets` and `group_ids` (a copy) cannot be written to.

    Attributes:
        rewards: [N] float64, per step, finite.
        offsets: [M+1] int64, trajectory i owns the rows offsets[i]:offsets[i+1], in time order; offsets[0] = 0, offsets[M] = N.
        group_ids: [M] keys of any kind, per trajectory, as given; attempts at the same task share one.
        outcomes: [M] float64, per trajectory, in [0, 1]; NaN where it is not known.
        truncated: [M] bool, per trajectory: cut rather than finished.
        columns: [N] each, optional per-step columns by name.
        trajectories: what the batch was made from, in order, or None.
    """

    rewards: FloatArray
    offsets: IntArray
    group_ids: Column
    outcomes: FloatArray
    truncated: BoolArray
    columns: Mapping[str, Column] = field(default_factory=dict[str, Column])
    trajectories: tuple[Trajectory, ...] | None = None

    def __post_init__(self) -> None:
        """Convert sequences to arrays and refuse what does not fit together."""
        rewards = _numbers("rewards", self.rewards)
        steps = rewards.size
        if not np.isfinite(rewards).all():
            raise CreditError(
                f"rewards must be finite, got NaN or infinity in {rows_text(~np.isfinite(rewards))}. A step that could not be judged gets its "
                "number from the reward scheme; a spoilt episode is marked valid=False and left out."
            )
        offsets = _checked_offsets(self.offsets, steps)
        trajectories = offsets.size - 1
        outcomes = _numbers("outcomes", self.outcomes)
        if np.isinf(outcomes).any():
            raise CreditError(f"outcomes must be finite, or NaN where not known, got infinity in {rows_text(np.isinf(outcomes))}.")
        beyond = (outcomes < 0.0) | (outcomes > 1.0)
        if beyond.any():
            raise CreditError(f"outcomes must be in [0, 1], or NaN where not known, got something else in {rows_text(beyond)}; what was earned is in rewards.")
        truncated = _flags("truncated", self.truncated)
        group_ids = _fixed(_keys(self.group_ids).copy())
        for name, column in (("group_ids", group_ids), ("outcomes", outcomes), ("truncated", truncated)):
            _require_length(name, column, trajectories, "trajectories")
        columns = {name: _keys(column) for name, column in self.columns.items()}
        for name, column in columns.items():
            _require_length(name, column, steps, "steps")
        _require_source(self.trajectories, offsets)
        converted = {"rewards": rewards, "offsets": offsets, "group_ids": group_ids, "outcomes": outcomes, "truncated": truncated}
        for name, value in (*converted.items(), ("columns", columns)):
            object.__setattr__(self, name, value)

    @classmethod
    def from_trajectories(cls, trajectories: Iterable[Trajectory]) -> "StepBatch":
        """The batch of the valid trajectories, with the columns that they can fill.

        Trajectories with `valid=False` are left out: they train nobody. Columns: `state_key`, `next_state_key`, `action_key` (the action's
        text); `logprob`, the sum of a step's log-probabilities, when every step has them; `score`, `label`, `potential` and `final_potential` from the
        verdicts, each where something is known of one step at least (see `verdict_columns`); `answer_key`, where one of them ended with an answer that its
        last step claims (see `prm_gym.answers.claimed`), None on the steps of those that did not;
        `parent`, where a trajectory is a branch of another one.

        Args:
            trajectories: of any number of tasks; `group_id` says which belong together.

        Returns:
            The batch, holding its trajectories.

        Raises:
            CreditError: a trajectory has no steps, a reward is not finite, or the step that a branch follows is not among them.
        """
        valid = tuple(trajectory for trajectory in trajectories if trajectory.valid)
        steps = [step for trajectory in valid for step in trajectory.steps]
        texts: dict[Hashable, Hashable] = {}
        columns: dict[str, Column] = {
            "state_key": interned((step.state_key for step in steps), texts),
            "next_state_key": interned((step.next_state_key for step in steps), texts),
            "action_key": interned((step.action for step in steps), texts),
        }
        logprobs = [sum(step.logprobs) for step in steps if step.logprobs is not None]
        if steps and len(logprobs) == len(steps):
            columns["logprob"] = np.array(logprobs, dtype=np.float64)
        columns |= verdict_columns(valid)
        answers = [_answer(trajectory) for trajectory in valid]
        if any(answer is not None for answer in answers):
            columns["answer_key"] = key_array(answer for answer, trajectory in zip(answers, valid, strict=True) for _ in trajectory.steps)
        if any(trajectory.steps and trajectory.steps[0].parent is not None for trajectory in valid):
            columns["parent"] = _parent_rows(valid)
        return cls(
            rewards=np.array([step.reward for step in steps], dtype=np.float64),
            offsets=np.cumsum([0, *(len(trajectory.steps) for trajectory in valid)], dtype=np.int64),
            group_ids=key_array(trajectory.group_id for trajectory in valid),
            outcomes=np.array([np.nan if trajectory.outcome is None else trajectory.outcome for trajectory in valid], dtype=np.float64),
            truncated=np.array([trajectory.truncated for trajectory in valid], dtype=np.bool_),
            columns=columns,
            trajectories=valid,
        )

    def with_columns(self, columns: Mapping[str, Column]) -> "StepBatch":
        """The same batch with more columns, or with others of the same names.

        Args:
            columns: [N] each, by name.

        Raises:
            CreditError: one has another length.
        """
        return replace(self, columns={**self.columns, **columns})

    def numbers(self, name: str) -> FloatArray:
        """[N] float64, the optional column of that name as numbers; NaN where a step has none.

        Raises:
            CreditError: the batch does not have it, or it holds something else, infinity, or what is outside the range of that column
                (`prm_gym.credit.columns.RANGES`); names the rows.
        """
        numbers = _numbers(f"the column {name!r}", cast("FloatArray", self.column(name)))
        require_meaning(name, numbers)
        return numbers

    @cached_property
    def tasks(self) -> Grouping:
        """Of the M trajectories: attempts at the same task.

        Raises:
            CreditError: an id is None, NaN or not hashable; names the rows.
        """
        tasks = factorise(self.group_ids, "group_ids")
        _fixed(tasks.codes)
        return tasks

    @cached_property
    def lengths(self) -> IntArray:
        """[M] int64, number of steps of each trajectory."""
        return _fixed(np.diff(self.offsets))

    @cached_property
    def trajectory_of_step(self) -> IntArray:
        """[N] int64, which trajectory a step belongs to, in [0, M)."""
        owners = np.arange(self.offsets.size - 1, dtype=np.int64)
        return _fixed(owners if owners.size == self.rewards.size else np.repeat(owners, self.lengths))

    @cached_property
    def time_of_step(self) -> IntArray:
        """[N] int64, position of a step in its trajectory, from 0."""
        return _fixed(np.arange(self.rewards.size, dtype=np.int64) - self.offsets[:-1][self.trajectory_of_step])

    @cached_property
    def steps(self) -> tuple[Step, ...]:
        """The N steps of the source, in the order of the rows.

        Raises:
            CreditError: the batch was made from arrays.
        """
        if self.trajectories is None:
            raise CreditError("This batch was made from arrays and has no steps to look up; StepBatch.from_trajectories keeps them.")
        return tuple(step for trajectory in self.trajectories for step in trajectory.steps)

    def column(self, name: str) -> Column:
        """[N], the optional column of that name.

        Raises:
            CreditError: the batch does not have it; says which it has.
        """
        if name not in self.columns:
            present = ", ".join(sorted(self.columns)) or "none"
            raise CreditError(f"The batch has no column {name!r}. Its columns: {present}.")
        return self.columns[name]

    def __reduce__(self) -> tuple[type["StepBatch"], tuple[object, ...]]:
        """Pickled and copied as what it was made of, without what was worked out."""
        return type(self), tuple(getattr(self, each.name) for each in fields(self))


def _answer(trajectory: Trajectory) -> str | None:
    """A key of what it answered in the end; None where it did not, or was cut before."""
    last = trajectory.steps[-1] if trajectory.steps else None
    return claimed_answer(last.claims) if last is not None and last.terminated else None


def _numbers(name: str, values: Sequence[float] | FloatArray) -> FloatArray:
    try:
        numbers = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise CreditError(f"{name} must be numbers: {error}.") from error
    if numbers.ndim != 1:
        raise CreditError(f"{name} must be one-dimensional, got shape {numbers.shape}.")
    return numbers


def _flags(name: str, values: Sequence[bool] | BoolArray) -> BoolArray:
    given: npt.NDArray[np.generic] = np.asarray(values)
    flags = given.astype(np.bool_)
    wrong: BoolArray = np.not_equal(given, flags).astype(np.bool_) if given.dtype.kind in "biufO" else np.ones(given.shape, dtype=np.bool_)
    if wrong.any():
        raise CreditError(f"{name} must be True or False, got something else in {rows_text(wrong)}.")
    return flags


def _fixed(array: A) -> A:
    """The array itself, which from now on cannot be written to."""
    array.flags.writeable = False
    return array


def _keys(values: Iterable[Hashable] | Column) -> Column:
    return cast("Column", values) if isinstance(values, np.ndarray) else key_array(values)


def _checked_offsets(values: Sequence[int] | IntArray, steps: int) -> IntArray:
    given: npt.NDArray[np.generic] = np.asarray(values)
    if given.ndim != 1 or given.size == 0 or given.dtype.kind not in "iu":
        raise CreditError(f"offsets must be [M+1] integers starting with 0, got {given.dtype} of shape {given.shape}.")
    offsets = given.astype(np.int64)
    if offsets[0] != 0 or offsets[-1] != steps:
        raise CreditError(f"offsets must run from 0 to the number of rewards, {steps}, got {offsets[0]} to {offsets[-1]}.")
    lengths = np.diff(offsets)
    if lengths.min(initial=1) < 0:
        raise CreditError(f"offsets must increase; the entry after {rows_text(lengths < 0)} is smaller.")
    if lengths.min(initial=1) == 0:
        raise CreditError(f"Every trajectory needs a step; trajectories in {rows_text(lengths == 0)} have none. Leave them out.")
    return _fixed(offsets)


def _require_length(name: str, column: Column, length: int, unit: str) -> None:
    if column.shape[:1] != (length,) or column.ndim != 1:
        raise CreditError(f"{name} must have one entry for each of {length} {unit}, got shape {column.shape}.")


def _require_source(trajectories: tuple[Trajectory, ...] | None, offsets: IntArray) -> None:
    if trajectories is None:
        return
    given = [len(trajectory.steps) for trajectory in trajectories]
    if given != np.diff(offsets).tolist():
        raise CreditError(f"trajectories must be the source of the rows: their {len(given)} step counts differ from the {offsets.size - 1} of offsets.")


def _parent_rows(trajectories: Sequence[Trajectory]) -> IntArray:
    """[N] int64, row after which each trajectory branched off, on its first row; -1 on all others."""
    ids = [trajectory.step_id(place) for trajectory in trajectories for place in range(len(trajectory.steps))]
    rows = {name: row for row, name in enumerate(ids)}
    parents = np.full(len(ids), -1, dtype=np.int64)
    begin = 0
    for trajectory in trajectories:
        name = trajectory.steps[0].parent if trajectory.steps else None
        if name is not None and name not in rows:
            raise CreditError(f"The trajectory {trajectory.id!r} follows the step {name!r}, which is not in the batch: left out, or spoilt?")
        if name is not None:
            parents[begin] = rows[name]
        begin += len(trajectory.steps)
    return parents

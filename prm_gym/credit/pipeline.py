"""Pipeline: transforms and filters, an assigner, and transforms of its credit, one after the other.

    "posterior_gate|grpo|aem?strength=0.5"

What stands before the assigner sees the batch, what stands after it the credit too. A filter takes trajectories out: to everything after it they are not there,
so baselines are those of the trajectories that go on. At the end their steps are back in their rows, with advantage 0 and `keep` False.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from prm_gym.credit.array_types import BoolArray, IntArray
from prm_gym.credit.assigner import Assigner
from prm_gym.credit.grouping import rows_text
from prm_gym.credit.options import near_miss
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.stage import Stage
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import BatchTransform, CreditTransform, TrajectoryFilter
from prm_gym.credit.trees import parent_rows
from prm_gym.errors import ContractError, CreditError, OptionError

OF_THE_RUN = ("training_step", "training_progress", "seed")
"""Options that a training run tells: how far it is, and of which seed. Every part of a pipeline that has one gets it; any other option belongs to one part."""

Assigned: TypeAlias = Callable[[Assigner[...], StepBatch, Mapping[str, Any]], Credit]
"""The credit of a batch by an assigner and its options."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stage of a pipeline with the options that its specification gives it."""

    stage: Stage
    given: Mapping[str, Any] = field(default_factory=dict[str, Any])


class Pipeline:
    """Called like an assigner, and with the same figures to look at.

    Attributes:
        name: the specification.
        needs: columns that the batch must have: those of the parts, without what earlier parts make.
        uses: columns that parts also take where the batch has them.
        options: defaults of the options that the specification leaves open.
    """

    def __init__(self, name: str, parts: Sequence[Part]) -> None:
        """Put the parts together.

        Args:
            name: the specification, for messages.
            parts: batch transforms and trajectory filters, one assigner, credit transforms.

        Raises:
            OptionError: there is not one assigner, or a part stands on the wrong side of it.
        """
        self.name, self.parts = name, tuple(parts)
        assigners = [part.stage.name for part in parts if isinstance(part.stage, Assigner)]
        if len(assigners) != 1:
            raise OptionError(f"The pipeline {name!r} must hold one credit assigner, got {', '.join(assigners) or 'none'}.")
        at = next(i for i, part in enumerate(parts) if isinstance(part.stage, Assigner))
        for i, part in enumerate(parts):
            if i < at and isinstance(part.stage, CreditTransform):
                raise OptionError(f"The credit transform {part.stage.name!r} stands before the assigner in {name!r}; put it after {assigners[0]!r}.")
            if i > at and not isinstance(part.stage, CreditTransform):
                raise OptionError(f"The {part.stage.kind} {part.stage.name!r} stands after the assigner in {name!r}; put it before {assigners[0]!r}.")
        self._filters = any(isinstance(part.stage, TrajectoryFilter) for part in parts)
        self.needs = _columns(parts, "needs", ())
        self.uses = _columns(parts, "uses", self.needs)
        self.options: Mapping[str, object] = {option: default for part in parts for option, default in part.stage.options.items() if option not in part.given}

    def __call__(self, batch: StepBatch, **options: Any) -> Credit:
        """The credit of the batch.

        Args:
            batch: the steps, with the columns of `needs`.
            **options: that the specification leaves open.

        Returns:
            One advantage a step. Diagnostics are those of the last parts; with filters also `dropped_share`, share in [0, 1] of the steps that they take out.

        Raises:
            CreditError: the batch lacks columns, or a part cannot work on it; names the part.
            OptionError: an option is unknown, or has an impossible value; names the part.
        """
        return self.run(batch, options)

    def run(self, batch: StepBatch, options: Mapping[str, Any], assigned: Assigned | None = None) -> Credit:
        """As calling it, with another way to call its assigner.

        Args:
            batch: the steps, with what the parts need.
            options: that the specification leaves open.
            assigned: given the assigner, the batch that reaches it and its options, returns the credit of that batch; by default it is just called.

        Raises:
            CreditError, OptionError: as calling it.
        """
        self.require_known(options)
        current, rows = batch, np.arange(batch.rewards.size)
        nothing = np.zeros(batch.rewards.size)
        credit = Credit(nothing, nothing, nothing > 0.0, {})
        for part in self.parts:
            own = {**part.given, **{name: value for name, value in options.items() if name in part.stage.options and name not in part.given}}
            with self._naming(part.stage):
                match part.stage:
                    case BatchTransform() as stage:
                        current = stage(current, **own)
                    case TrajectoryFilter() as stage:
                        current, taken = selected(current, np.flatnonzero(stage(current, **own)))
                        rows = rows[taken]
                    case CreditTransform() as stage:
                        credit = stage(current, credit, **own)
                    case Assigner() as stage:
                        credit = stage(current, **own) if assigned is None else assigned(stage, current, own)
                    case stage:
                        raise ContractError(f"{stage!r} is no stage of a pipeline.")
        return put_back(batch, credit, rows) if self._filters else credit

    @contextmanager
    def _naming(self, stage: Stage) -> Generator[None]:
        """Errors of a stage name it."""
        try:
            yield
        except (OptionError, CreditError) as error:
            if repr(stage.name) in str(error):
                raise
            raise type(error)(f"The {stage.kind} {stage.name!r} of {self.name!r}: {error}") from error

    def require_known(self, options: Mapping[str, object]) -> None:
        """Refuse options that no part leaves open, and those that several do.

        Raises:
            OptionError: one is unknown, given by the specification, or left open by several parts.
        """
        for option, value in options.items():
            having = [part for part in self.parts if option in part.stage.options]
            if not having:
                listed = ", ".join(f"{name}={default!r}" for name, default in self.options.items()) or "none"
                raise OptionError(f"No part of {self.name!r} has an option {option!r}.{near_miss(option, self.options)} Their options: {listed}.")
            leaving = [part for part in having if option not in part.given]
            if not leaving:
                raise OptionError(f"{option} stands in the specification {self.name!r} and beside it.")
            if len(leaving) > 1 and option not in OF_THE_RUN:
                names = " and ".join(part.stage.name for part in leaving)
                raise OptionError(f"{option} is an option of {names}; say in the specification {self.name!r} whose is meant.")
            for part in leaving:
                part.stage.require_known({option: value})

    def __repr__(self) -> str:
        """`Pipeline('posterior_gate|grpo', needs=('score',))`."""
        return f"Pipeline({self.name!r}, needs={self.needs!r})"


def assign_kept(batch: StepBatch, kept: BoolArray, assign: Callable[[StepBatch], Credit]) -> Credit:
    """The credit of some of the trajectories; the steps of the others get advantage 0 and `keep` False.

    Args:
        batch: of M trajectories.
        kept: [M] bool.
        assign: is given the batch of the kept ones.

    Returns:
        The credit, with `dropped_share` among its diagnostics.
    """
    chosen, rows = selected(batch, np.flatnonzero(kept))
    return put_back(batch, assign(chosen), rows)


def selected(batch: StepBatch, chosen: IntArray) -> tuple[StepBatch, IntArray]:
    """The batch of some trajectories, in the order given, and the rows that its steps had. O(N).

    Args:
        batch: of M trajectories.
        chosen: which, in [0, M).

    Raises:
        CreditError: a trajectory branched off (column `parent`) from one that is left out, or a parent is no row.
    """
    lengths, starts = batch.lengths[chosen], batch.offsets[:-1][chosen]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.arange(int(offsets[-1]), dtype=np.int64) + np.repeat(starts - offsets[:-1], lengths)
    columns = {name: column[rows] for name, column in batch.columns.items()}
    if "parent" in columns:
        columns["parent"] = _moved(parent_rows(batch), rows)
    sources = None if batch.trajectories is None else tuple(batch.trajectories[int(i)] for i in chosen)
    part = StepBatch(batch.rewards[rows], offsets, batch.group_ids[chosen], batch.outcomes[chosen], batch.truncated[chosen], columns, sources)
    return part, rows


def put_back(batch: StepBatch, credit: Credit, rows: IntArray) -> Credit:
    """The credit of some rows as one of the whole batch; the other steps get advantage 0, their undiscounted return-to-go, and `keep` False."""
    advantages, keep = np.zeros(batch.rewards.size), np.zeros(batch.rewards.size, dtype=np.bool_)
    returns = discounted_returns(batch.rewards, batch.offsets, gamma=1.0)
    advantages[rows], returns[rows], keep[rows] = credit.advantages, credit.returns, credit.keep
    dropped = 1.0 - rows.size / keep.size if keep.size else 0.0
    return Credit(advantages, returns, keep, {**credit.diagnostics, "dropped_share": dropped})


def _moved(parents: IntArray, rows: IntArray) -> IntArray:
    """Row indices among all steps as row indices among those of `rows`."""
    size = parents.size
    wrong = (parents < -1) | (parents >= size)
    if wrong.any():
        raise CreditError(f"the column 'parent' must be a row in [0, {size}), or -1; it is not so in {rows_text(wrong)}.")
    place = np.full(size + 1, -1, dtype=np.int64)  # one more, so that the index -1 (no parent) finds -1
    place[rows] = np.arange(rows.size)
    moved = place[parents[rows]]
    lost = (parents[rows] >= 0) & (moved < 0)
    if lost.any():
        named = rows_text(np.isin(np.arange(size), rows[lost]))
        raise CreditError(f"A filter leaves out trajectories from which those in {named} branched off; filters are for independent attempts.")
    return moved


def _columns(parts: Sequence[Part], kind: str, known: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    made = set(known)
    for part in parts:
        found += [name for name in getattr(part.stage, kind) if name not in made and name not in found]
        made |= set(part.stage.makes)
    return tuple(found)

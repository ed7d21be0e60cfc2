"""What stands before and after an assigner in a pipeline: transforms of batches, filters of trajectories, transforms of credit.

    "posterior_gate|grpo|aem?strength=0.5"

To write one, decorate a function and declare it as an entry point of the group `prm_gym.credit_transforms`:

    @batch_transform(needs=("score",))                                          before the assigner: other rewards or columns for the same steps
    def mine(batch: StepBatch, *, weight: float = 1.0) -> StepBatch: ...

    @trajectory_filter()                                                        before the assigner: [M] bool, the trajectories that go on
    def few(batch: StepBatch, *, keep: int = 4) -> BoolArray: ...

    @credit_transform()                                                         after the assigner
    def softer(batch: StepBatch, credit: Credit, *, limit: float = 5.0) -> Credit: ...

    [project.entry-points."prm_gym.credit_transforms"]
    mine = "my_package:mine"

An option called `training_step` (batches learned from before this one) or `training_progress` (share of the budget that is spent, in [0, 1]) is filled by a
training run that is given none: for weights that fade, and for what draws anew in every update (`prm_gym.credit.draws`).
"""

from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec

import numpy as np

from prm_gym.credit.array_types import BoolArray
from prm_gym.credit.result import Credit, require_credit
from prm_gym.credit.stage import Stage
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError

P = ParamSpec("P")


class BatchTransform(Stage, Generic[P]):
    """A function from a batch to one of the same steps with other rewards, outcomes or columns."""

    kind = "batch transform"

    def __init__(
        self, function: Callable[Concatenate[StepBatch, P], StepBatch], needs: tuple[str, ...], uses: tuple[str, ...] = (), makes: tuple[str, ...] = ()
    ) -> None:
        """Read the name, the summary and the options off the function; see `batch_transform`."""
        super().__init__(function, needs, uses)
        self._function, self.makes = function, makes

    def __call__(self, batch: StepBatch, *args: P.args, **options: P.kwargs) -> StepBatch:
        """The batch that follows.

        Raises:
            CreditError: the batch lacks columns; all of them are named.
            ContractError: the function returned other steps, or no column that it is said to make.
        """
        self.require_columns(batch)
        changed = self._function(batch, *args, **options)
        if not np.array_equal(changed.offsets, batch.offsets):
            raise ContractError(f"The batch transform {self.name!r} must return the same steps; what drops trajectories is a trajectory_filter.")
        absent = [name for name in self.makes if name not in changed.columns]
        if absent:
            raise ContractError(f"The batch transform {self.name!r} is said to make the columns {', '.join(absent)}, and has not.")
        return changed


class TrajectoryFilter(Stage, Generic[P]):
    """A function from a batch to the trajectories that go on: [M] bool."""

    kind = "trajectory filter"

    def __init__(self, function: Callable[Concatenate[StepBatch, P], BoolArray], needs: tuple[str, ...], uses: tuple[str, ...] = ()) -> None:
        """Read the name, the summary and the options off the function; see `trajectory_filter`."""
        super().__init__(function, needs, uses)
        self._function = function

    def __call__(self, batch: StepBatch, *args: P.args, **options: P.kwargs) -> BoolArray:
        """[M] bool, True for a trajectory that goes on.

        Raises:
            CreditError: the batch lacks columns; all of them are named.
            ContractError: the function returned something else.
        """
        self.require_columns(batch)
        kept = self._function(batch, *args, **options)
        if kept.dtype != np.bool_ or kept.shape != batch.lengths.shape:
            raise ContractError(f"The trajectory filter {self.name!r} must return [{batch.lengths.size}] bool, got {kept.dtype} of shape {kept.shape}.")
        return kept


class CreditTransform(Stage, Generic[P]):
    """A function from a batch and its credit to another credit."""

    kind = "credit transform"
    leading = 2

    def __init__(self, function: Callable[Concatenate[StepBatch, Credit, P], Credit], needs: tuple[str, ...], uses: tuple[str, ...] = ()) -> None:
        """Read the name, the summary and the options off the function; see `credit_transform`."""
        super().__init__(function, needs, uses)
        self._function = function

    def __call__(self, batch: StepBatch, credit: Credit, *args: P.args, **options: P.kwargs) -> Credit:
        """The credit that follows.

        Raises:
            CreditError: the batch lacks columns; all of them are named.
            ContractError: the function returned advantages of another length, or NaN, or infinity.
        """
        self.require_columns(batch)
        changed = self._function(batch, credit, *args, **options)
        require_credit(f"credit transform {self.name!r}", changed, batch)
        return changed


def batch_transform(
    *, needs: tuple[str, ...] = (), uses: tuple[str, ...] = (), makes: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[StepBatch, P], StepBatch]], BatchTransform[P]]:
    """A decorator that makes a function a `BatchTransform`.

    Args:
        needs: columns that the batch must have.
        uses: columns that it also takes where the batch has them.
        makes: columns that it adds, so that later parts of a pipeline need nobody else to fill them.
    """

    def decorate(function: Callable[Concatenate[StepBatch, P], StepBatch]) -> BatchTransform[P]:
        return BatchTransform(function, needs, uses, makes)

    return decorate


def trajectory_filter(
    *, needs: tuple[str, ...] = (), uses: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[StepBatch, P], BoolArray]], TrajectoryFilter[P]]:
    """A decorator that makes a function a `TrajectoryFilter`.

    Args:
        needs: columns that the batch must have.
        uses: columns that it also takes where the batch has them.
    """

    def decorate(function: Callable[Concatenate[StepBatch, P], BoolArray]) -> TrajectoryFilter[P]:
        return TrajectoryFilter(function, needs, uses)

    return decorate


def credit_transform(
    *, needs: tuple[str, ...] = (), uses: tuple[str, ...] = ()
) -> Callable[[Callable[Concatenate[StepBatch, Credit, P], Credit]], CreditTransform[P]]:
    """A decorator that makes a function a `CreditTransform`.

    Args:
        needs: columns that the batch must have.
        uses: columns that it also takes where the batch has them.
    """

    def decorate(function: Callable[Concatenate[StepBatch, Credit, P], Credit]) -> CreditTransform[P]:
        return CreditTransform(function, needs, uses)

    return decorate

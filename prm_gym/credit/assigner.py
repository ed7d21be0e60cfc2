"""Assigner: a credit assignment function with its name, its needs and its options.

To write one, decorate a function of a batch and keyword options, and declare it as an entry point of the group `prm_gym.credit`:

    @assigner(needs=("state_key",))
    def mine(batch: StepBatch, *, gamma: float = 0.9) -> Credit: ...

    [project.entry-points."prm_gym.credit"]
    mine = "my_package:mine"
"""

from collections.abc import Callable
from typing import Concatenate, Generic, ParamSpec

from prm_gym.credit.result import Credit, require_credit
from prm_gym.credit.stage import Stage
from prm_gym.credit.step_batch import StepBatch

P = ParamSpec("P")


class Assigner(Stage, Generic[P]):
    """A function from a batch to its credit, called like the function itself."""

    kind = "credit assigner"

    def __init__(self, function: Callable[Concatenate[StepBatch, P], Credit], needs: tuple[str, ...], uses: tuple[str, ...] = ()) -> None:
        """Read the name, the summary and the options off the function.

        Args:
            function: takes the batch, then keyword options that all have defaults.
            needs: columns that the batch must have.
            uses: columns that it also takes where the batch has them.

        Raises:
            ContractError: the signature is another one, or there is no docstring.
        """
        super().__init__(function, needs, uses)
        self._function = function

    def __call__(self, batch: StepBatch, *args: P.args, **options: P.kwargs) -> Credit:
        """The credit of the batch.

        Args:
            batch: the steps, with the columns of `needs`.
            args: none; options are keywords.
            options: as the function declares them.

        Returns:
            One advantage a step.

        Raises:
            CreditError: the batch lacks columns; all of them are named.
            ContractError: the function returned advantages of another length, or NaN, or infinity.
        """
        self.require_columns(batch)
        credit = self._function(batch, *args, **options)
        require_credit(f"credit assigner {self.name!r}", credit, batch)
        return credit


def assigner(*, needs: tuple[str, ...] = (), uses: tuple[str, ...] = ()) -> Callable[[Callable[Concatenate[StepBatch, P], Credit]], Assigner[P]]:
    """A decorator that makes a function an `Assigner`.

    Args:
        needs: columns that the batch must have.
        uses: columns that it also takes where the batch has them.
    """

    def decorate(function: Callable[Concatenate[StepBatch, P], Credit]) -> Assigner[P]:
        return Assigner(function, needs, uses)

    return decorate

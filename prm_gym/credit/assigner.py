"""Assigner: a credit assignment function with its name, its needs and its options.

To write one, decorate a function of a batch and keyword options, and declare it as an entry point of the group `prm_gym.credit`:

    @assigner(needs=("state_key",))
    def mine(batch: StepBatch, *, gamma: float = 0.9) -> Credit: ...

    [project.entry-points."prm_gym.credit"]
    mine = "my_package:mine"
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Concatenate, Generic, ParamSpec

import numpy as np

from prm_gym.credit.columns import SOURCES
from prm_gym.credit.grouping import rows_text
from prm_gym.credit.options import near_miss
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError, CreditError, OptionError

P = ParamSpec("P")


class Assigner(Generic[P]):
    """A function from a batch to its credit, called like the function itself.

    Attributes:
        name: of the function.
        summary: first line of its docstring.
        needs: columns that the batch must have.
        uses: columns that it also takes where the batch has them.
        options: default of each option by its name, in the order of the signature.
    """

    name: str
    summary: str
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    options: Mapping[str, object]
    __name__: str

    def __init__(self, function: Callable[Concatenate[StepBatch, P], Credit], needs: tuple[str, ...], uses: tuple[str, ...] = ()) -> None:
        """Read the name, the summary and the options off the function.

        Args:
            function: takes the batch, then keyword options that all have defaults.
            needs: columns that the batch must have.
            uses: columns that it also takes where the batch has them.

        Raises:
            ContractError: the signature is another one, or there is no docstring.
        """
        # Sets __doc__, __module__ and __wrapped__ too: help() and doctest then see the function.
        functools.update_wrapper(self, function)
        self._function = function
        self.name = self.__name__
        self.needs, self.uses = needs, uses
        summary, *_ = (inspect.getdoc(function) or "").splitlines() or [""]
        if not summary:
            raise ContractError(f"The credit assigner {self.name!r} needs a docstring; its first line is what lists show.")
        self.summary = summary
        _, *parameters = inspect.signature(function).parameters.values()
        for parameter in parameters:
            if parameter.kind is not parameter.KEYWORD_ONLY or parameter.default is parameter.empty:
                raise ContractError(f"The credit assigner {self.name!r} must take {parameter.name!r} as a keyword only, with a default.")
        self.options = MappingProxyType({parameter.name: parameter.default for parameter in parameters})

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
        missing = [name for name in self.needs if name not in batch.columns]
        if missing:
            present = ", ".join(sorted(batch.columns)) or "none"
            raise CreditError(
                f"The credit assigner {self.name!r} needs the columns {', '.join(self.needs)}; the batch lacks {', '.join(missing)}. Its columns: {present}."
                + "".join(f" {name}: {SOURCES[name]}." for name in missing if name in SOURCES)
            )
        credit = self._function(batch, *args, **options)
        if credit.advantages.shape != batch.rewards.shape:
            raise ContractError(
                f"The credit assigner {self.name!r} must return one advantage for each of {batch.rewards.size} steps, got {credit.advantages.size}."
            )
        wrong = ~(np.isfinite(credit.advantages) & np.isfinite(credit.returns))
        if wrong.any():
            raise ContractError(f"The credit assigner {self.name!r} must return finite advantages and returns; {rows_text(wrong)} are not.")
        return credit

    def require_known(self, options: Mapping[str, object]) -> None:
        """Refuse options that the function does not have.

        Raises:
            OptionError: one is unknown; names the near miss and lists the known ones.
        """
        for option in options:
            if option not in self.options:
                listed = ", ".join(f"{name}={default!r}" for name, default in self.options.items()) or "none"
                raise OptionError(f"The credit assigner {self.name!r} has no option {option!r}.{near_miss(option, self.options)} Its options: {listed}.")

    def __reduce__(self) -> str:
        """Pickle by name: the module holds this object under the function's own name."""
        return self.__name__

    def __repr__(self) -> str:
        """`Assigner('gigpo', needs=('state_key',))`."""
        return f"Assigner({self.name!r}, needs={self.needs!r})"


def assigner(*, needs: tuple[str, ...] = (), uses: tuple[str, ...] = ()) -> Callable[[Callable[Concatenate[StepBatch, P], Credit]], Assigner[P]]:
    """A decorator that makes a function an `Assigner`.

    Args:
        needs: columns that the batch must have.
        uses: columns that it also takes where the batch has them.
    """

    def decorate(function: Callable[Concatenate[StepBatch, P], Credit]) -> Assigner[P]:
        return Assigner(function, needs, uses)

    return decorate

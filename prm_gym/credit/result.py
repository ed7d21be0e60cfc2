"""Credit: what an assigner says of every step."""

from dataclasses import dataclass

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.grouping import rows_text
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import ContractError


@dataclass(frozen=True, slots=True, eq=False)
class Credit:
    """One advantage for every step of a batch, in the order of its rows.

    Attributes:
        advantages: [N] float64, per step.
        returns: [N] float64, per step, what a critic of the step's state is fitted to: return-to-go with the assigner's discount, 1 where it
            has none; of an assigner that uses values, its own estimate of that.
        keep: [N] bool, per step: False for a step that a filter takes out of the update.
        diagnostics: figures for the log (group sizes, shares in [0, 1]); each assigner lists its own.
    """

    advantages: FloatArray
    returns: FloatArray
    keep: BoolArray
    diagnostics: dict[str, float]

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        shapes = {"advantages": self.advantages.shape, "returns": self.returns.shape, "keep": self.keep.shape}
        if self.advantages.ndim != 1 or len(set(shapes.values())) != 1:
            raise ContractError(f"advantages, returns and keep must be [N], one entry a step, got shapes {shapes}.")


def require_credit(source: str, credit: Credit, batch: StepBatch) -> None:
    """Refuse what is no credit of the batch.

    Args:
        source: what it came from, in words.
        credit: what came.
        batch: of N steps.

    Raises:
        ContractError: its length is another, or an advantage or return is NaN or infinite; names the rows.
    """
    if credit.advantages.shape != batch.rewards.shape:
        raise ContractError(f"The {source} must return one advantage for each of {batch.rewards.size} steps, got {credit.advantages.size}.")
    wrong = ~(np.isfinite(credit.advantages) & np.isfinite(credit.returns))
    if wrong.any():
        raise ContractError(f"The {source} must return finite advantages and returns; {rows_text(wrong)} are not.")

"""Credit: what an assigner says of every step."""

from dataclasses import dataclass

from prm_gym.credit.array_types import BoolArray, FloatArray
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

"""What is given and what is said of steps: one entry for each row of a `StepBatch`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.errors import ContractError
from prm_gym.lm.sequences import TokenSequence
from prm_gym.lm.token_table import TokenTable


@dataclass(frozen=True, slots=True, eq=False)
class StepColumns:
    """What a policy says of steps, for the columns of a `StepBatch`; NaN where a step is in no sequence.

    Attributes:
        logprob: [N] float64, of whole actions, in nats.
        entropy: [N] float64, mean over the tokens of an action; 0 where it had no alternative.
        n_tokens: [N] float64, tokens of an action that had an alternative.
        value: [N] float64, of the states in which they were taken; None without a value head.
    """

    logprob: FloatArray
    entropy: FloatArray
    n_tokens: FloatArray
    value: FloatArray | None


def step_columns(
    table: TokenTable, count: int, logprobs: FloatArray | None, entropies: FloatArray | None = None, values: FloatArray | None = None
) -> StepColumns:
    """The columns of a table's steps.

    Args:
        table: R tokens of K actions.
        count: N.
        logprobs: [R] float64, of each token; None where nobody says.
        entropies: [R] float64, of its distribution; likewise.
        values: [K] float64, of the state before each action; likewise.
    """
    actions = len(table.rows)
    sizes = np.bincount(table.steps, minlength=actions).astype(np.float64)
    unknown = np.full(len(table.steps), np.nan)
    summed = [
        np.bincount(table.steps, weights=unknown if numbers is None else numbers, minlength=actions).astype(np.float64) for numbers in (logprobs, entropies)
    ]
    found = (summed[0], summed[1] / np.maximum(sizes, 1.0), sizes)
    return StepColumns(*(_scattered(each, table.rows, count) for each in found), value=None if values is None else _scattered(values, table.rows, count))


def require_rows(sequences: Sequence[TokenSequence], numbers: FloatArray, keep: npt.NDArray[np.bool_], name: str) -> None:
    """Refuse numbers that do not fit the steps of sequences.

    Args:
        sequences: of steps.
        numbers: [N] float64, one a step; finite where it is kept.
        keep: [N] bool.
        name: of the numbers.

    Raises:
        ContractError: another shape, a row out of range, a step twice, or a number that is none.
    """
    rows = np.array([span.row for sequence in sequences for span in sequence.actions], dtype=np.int64)
    if numbers.ndim != 1 or keep.shape != numbers.shape:
        raise ContractError(f"{name} and keep are [N], one entry a step, got {numbers.shape} and {keep.shape}")
    if rows.size and (rows.min() < 0 or rows.max() >= numbers.size):
        raise ContractError(f"the rows of the sequences are in [0, {numbers.size}), got {rows.min()} to {rows.max()}")
    if len(np.unique(rows)) != rows.size:
        raise ContractError("a step is in two sequences")
    chosen = rows[keep[rows]]
    if not np.isfinite(numbers[chosen]).all():
        raise ContractError(f"{name} must be numbers, and are none at row {int(chosen[~np.isfinite(numbers[chosen])][0])}")


def _scattered(numbers: FloatArray, rows: IntArray, count: int) -> FloatArray:
    """[N] with the numbers of some rows, NaN elsewhere."""
    found = np.full(count, np.nan)
    found[rows] = numbers
    return found

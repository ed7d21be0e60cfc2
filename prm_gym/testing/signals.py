"""The contract of learned signals."""

import pickle
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from prm_gym.credit import Signal, StepBatch
from prm_gym.credit.array_types import FloatArray
from prm_gym.testing.requirement import require


def check_signal(make: Callable[[], Signal], batch: StepBatch, agent: object = None) -> None:
    """Check that a learned signal keeps its contract.

    Checked: columns [N] in float64 without infinity, its own and those that it says it fills beside, and metrics as numbers by name; a cost of 0 or more
    steps; that looking does not learn, and learning leaves the batch as it is; that one which was saved, before or after it has learned, goes on in a new one
    exactly as the original; a batch of none.

    Args:
        make: a new signal, the same each time.
        batch: made from trajectories.
        agent: handed to `follow`, where the signal wants one.

    Raises:
        ContractError: the contract is broken.
    """
    made: Any = make()
    require(isinstance(made, Signal), "a learned signal", "a prm_gym.credit.Signal", type(made).__name__, "Subclass it.")
    signal: Signal = made
    subject = f"learned signal {signal.name!r}"
    before = pickle.dumps(dict(batch.columns))
    with tempfile.TemporaryDirectory() as folder:
        signal.save(Path(folder) / "before" / "signal")
        first = _learned(subject, signal, batch, agent)
        one, other = _column(subject, signal, batch), _column(subject, signal, batch)
        require(np.array_equal(one, other, equal_nan=True), subject, "the same column when it is asked again", "another", "Let column() change nothing.")
        signal.save(Path(folder) / "after" / "signal")
        second = _learned(subject, signal, batch, agent)
        for name, metrics, column in (("before", first, one), ("after", second, _column(subject, signal, batch))):
            copy = make()
            copy.load(Path(folder) / name / "signal")
            same = _learned(subject, copy, batch, agent) == metrics and np.array_equal(_column(subject, copy, batch), column, equal_nan=True)
            remedy = "Save weights, optimiser and random state."
            require(same, subject, f"one that was saved {name} it had learned goes on as the original", "other metrics or another column", remedy)
    require(pickle.dumps(dict(batch.columns)) == before, subject, "the batch stays as it is", "changed columns", "Copy an array before writing into it.")
    _column(subject, signal, StepBatch.from_trajectories([]))


def _learned(subject: str, signal: Signal, batch: StepBatch, agent: object) -> dict[str, float]:
    if agent is not None:
        signal.follow(agent)
    metrics = signal.fit(batch)
    figures: Mapping[Any, Any] = metrics
    plain = all(isinstance(name, str) and type(value) in (float, int) for name, value in figures.items())
    require(plain, subject, "fit() returns Python numbers by name", figures, "Call float() on those of numpy and torch.")
    return metrics


def _column(subject: str, signal: Signal, batch: StepBatch) -> FloatArray:
    columns = signal.columns(batch)
    names = {signal.name, *signal.also}
    require(columns.keys() == names, subject, f"the columns {', '.join(sorted(names))}", ", ".join(sorted(columns)), "Name in `also` what `columns` fills.")
    own = signal.column(batch)
    for column in (own, *columns.values()):
        found = (column.shape, column.dtype)
        fits = found == (batch.rewards.shape, np.dtype(np.float64))
        require(fits, subject, f"a column of {batch.rewards.size} float64", found, "One number for each step; NaN for none.")
        require(not np.isinf(column).any(), subject, "numbers, or NaN where it cannot tell", "infinity", "Say NaN.")
    cost: object = signal.cost(batch)
    require(isinstance(cost, int) and cost >= 0, subject, "a cost of 0 or more steps", cost, "Say 0 where it does not play.")
    return own

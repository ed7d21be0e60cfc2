"""The contract of credit assigners."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

from prm_gym.credit import Assigner, Credit, StepBatch, find_assigner
from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.credit.pipeline import Part, Pipeline
from prm_gym.errors import ContractError, CreditError
from prm_gym.testing.credit_sample import arrays, sample_batch
from prm_gym.testing.requirement import require

Chosen: TypeAlias = Assigner[...] | Pipeline
Figure: TypeAlias = Literal["advantages", "returns", "keep"]

FIGURES: tuple[Figure, ...] = ("advantages", "returns", "keep")
DRAWS = 200
"""Seeds by which each of two orders of the trajectories is drawn."""
MOST_ERRORS = 6.0
"""Standard errors that the means of the two may lie apart."""
CLOSE = 1e-9
"""Relative and absolute difference that rounding may make between two orders of the trajectories."""


def check_assigner(assigner: str | Chosen, batch: StepBatch | None = None) -> None:
    """Check that a credit assigner or a pipeline, with its default options, keeps its contract.

    Checked: float64 advantages and returns [N], finite, and bool keep [N]; diagnostics as numbers by name; that it leaves the batch as it is and gives the
    same credit again; that neither the order of the trajectories matters nor what the tasks are called; that it needs no column that it does not declare, and
    reads none beside those that it needs and uses; a batch of one trajectory, and one of none.

    What draws at random by an option `seed`, an integer, may draw otherwise when the trajectories stand in another order. Of it is checked, beside all the
    rest, that each of three seeds gives the same credit again, and that the order does not matter on average: 200 seeds in one order and 200 others in
    another; of every step the means of advantage and return, and the share of draws that keep it, lie within six standard errors of one another. A step that
    no seed changes must be equal in both. In other words, with d the difference of two draws, one of each order,

        |sum d| <= 6 * sqrt(sum d**2)

    where the two orders make one distribution this fails with a probability below 2 * exp(-18) = 3e-8 a step, whatever the distribution is (Efron 1969,
    "Student's t-test under symmetry conditions"); where no seed changes anything it fails for any difference above rounding.

    Args:
        assigner: a specification ("gigpo", "prof?wrong=random|grpo"), or the assigner or the pipeline. Leave a seed open: one that the specification gives
            is taken for no option, and the credit then has to follow its trajectories exactly.
        batch: to try it on; by default 24 ragged trajectories of eight tasks with every column that `StepBatch` documents, in which some numbers are not known
            (NaN), and an outcome.

    Raises:
        ContractError: the contract is broken.
    """
    chosen: Any = _found(assigner) if isinstance(assigner, str) else assigner
    require(isinstance(chosen, Assigner | Pipeline), assigner, "an Assigner", type(chosen).__name__, "Decorate the function with prm_gym.credit.assigner.")
    subject, whole = f"credit assigner {chosen.name!r}", sample_batch("parent" in (*chosen.needs, *chosen.uses)) if batch is None else batch
    lacking = [name for name in chosen.needs if name not in whole.columns]
    require(not lacking, subject, f"a batch with the columns {chosen.needs}", f"none called {lacking}", "Give check_assigner a batch of your own.")
    before = pickle.dumps(arrays(whole))
    credit = _credit(chosen, whole)
    require(pickle.dumps(arrays(whole)) == before, subject, "the batch stays as it is", "changed arrays", "Copy an array before writing into it.")
    again = _credit(chosen, whole)
    order = np.random.default_rng(1).permutation(whole.offsets.size - 1)
    permuted = _credit(chosen, _selected(whole, order))
    rows = _rows(whole, order)
    for name in FIGURES:
        one = getattr(credit, name)
        same = np.array_equal(one, getattr(again, name))
        require(same, subject, f"the same {name} for the same batch", "others the second time", "Take the seed of a random generator as an option.")
        follows = "seed" in chosen.options or np.allclose(one[rows], getattr(permuted, name), rtol=CLOSE, atol=CLOSE)
        require(follows, subject, f"{name} that follow their trajectories into another order", "others", "Group by keys, not by places in the batch.")
    if "seed" in chosen.options:
        _check_seeds(chosen, subject, whole, order)
    _check_sources(chosen, subject, whole, credit)
    _credit(chosen, _selected(whole, order[:1]))
    _credit(chosen, _selected(whole, order[:0]))


def _found(spec: str) -> Chosen:
    """What the specification names, called without the options that it gives."""
    chosen, given = find_assigner(spec)
    return Pipeline(spec, [Part(chosen, given)]) if isinstance(chosen, Assigner) and given else chosen


def _check_sources(chosen: Chosen, subject: str, batch: StepBatch, credit: Credit) -> None:
    """It works with what it declares, and looks neither at other columns nor at what tasks are called."""
    _credit(chosen, replace(batch, columns={name: batch.columns[name] for name in chosen.needs}))
    names = (*chosen.needs, *(name for name in chosen.uses if name in batch.columns))
    declared = _credit(chosen, replace(batch, columns={name: batch.columns[name] for name in names}))
    named = _credit(chosen, replace(batch, group_ids=10 * (batch.tasks.codes + 1)))
    for name in FIGURES:
        one = getattr(credit, name)
        same = np.allclose(one, getattr(declared, name), rtol=CLOSE, atol=CLOSE)
        require(same, subject, f"only the columns of needs and uses {names} matter", f"other {name} without the others", "Declare what it uses.")
        same = np.allclose(one, getattr(named, name), rtol=CLOSE, atol=CLOSE)
        require(same, subject, f"the same {name} whatever tasks are called", "others for numbers", "Compare keys with one another, and look at nothing else.")


def _check_seeds(chosen: Chosen, subject: str, batch: StepBatch, order: IntArray) -> None:
    """Hold the means over seeds together, of the batch as it is and in the given order of its trajectories; see `check_assigner`."""
    rows, moved = _rows(batch, order), _selected(batch, order)
    sums, squares = np.zeros((len(FIGURES), rows.size)), np.zeros((len(FIGURES), rows.size))
    for seed in range(DRAWS):
        drawn = _figures(_drawn(chosen, batch, seed))
        if seed < 3:
            same = np.array_equal(drawn, _figures(_drawn(chosen, batch, seed)))
            require(same, subject, f"the same credit for the same batch and seed={seed}", "another the second time", "Draw from default_rng(seed) alone.")
        # Seeds of its own: with the same ones the two would not be independent draws.
        other = _figures(_drawn(chosen, moved, DRAWS + seed))
        apart = drawn[:, rows] - other
        apart[np.abs(apart) <= CLOSE * (1.0 + np.abs(other))] = 0.0
        sums += apart
        squares += apart**2
    for name, total, square in zip(FIGURES, sums, squares, strict=True):
        wrong = np.flatnonzero(np.abs(total) > MOST_ERRORS * np.sqrt(square))
        found = f"means {np.abs(total / DRAWS).max(initial=0.0):.3g} apart, too far on {wrong.size} of {rows.size} steps"
        wanted = f"{name} whose means over {DRAWS} seeds follow their trajectories into another order"
        require(not wrong.size, subject, wanted, found, "Draw groups out of keys, not out of places in the batch.")


def _drawn(chosen: Chosen, batch: StepBatch, seed: int) -> Credit:
    """The credit by a seed, which all parts of a pipeline take that have such an option and are not given one."""
    return _credit(chosen, batch, seed=seed)


def _figures(credit: Credit) -> FloatArray:
    """[3, N] float64, advantages, returns and keep."""
    return np.array([getattr(credit, name) for name in FIGURES], dtype=np.float64)


def _credit(chosen: Chosen, batch: StepBatch, **options: Any) -> Credit:
    """What the assigner returns, checked for its form."""
    subject = f"credit assigner {chosen.name!r}, {batch.rewards.size} steps"
    try:
        credit: Any = chosen(batch, **options)
    except CreditError as error:
        raise ContractError(f"{subject}: it works with the columns of needs={chosen.needs}, got CreditError: {error} Declare what it needs.") from error
    except (ValueError, LookupError, ZeroDivisionError, TypeError, AttributeError) as error:
        remedy = "Declare the columns that it reads; copy arrays before writing; mind the empty batch."
        raise ContractError(f"{subject}: a credit, got {type(error).__name__}: {error}. {remedy}") from error
    require(isinstance(credit, Credit), subject, "a Credit", type(credit).__name__, "Return prm_gym.credit.Credit.")
    found: Credit = credit
    dtypes = (found.advantages.dtype, found.returns.dtype, found.keep.dtype)
    remedy = "Use astype(np.float64) and np.ones(n, dtype=np.bool_)."
    require(dtypes == (np.float64, np.float64, np.bool_), subject, "advantages and returns in float64, keep in bool", dtypes, remedy)
    figures: Mapping[Any, Any] = found.diagnostics
    plain = all(isinstance(name, str) and type(value) in (float, int) for name, value in figures.items())
    require(plain, subject, "diagnostics are Python numbers by name", figures, "Call float() on numpy's.")
    return found


def _rows(batch: StepBatch, order: IntArray) -> IntArray:
    """Rows of the trajectories in the given order."""
    spans = batch.offsets.tolist()
    return np.array([row for i in order.tolist() for row in range(spans[i], spans[i + 1])], dtype=np.int64)


def _selected(batch: StepBatch, order: IntArray) -> StepBatch:
    """The batch of the given trajectories, in the given order."""
    rows = _rows(batch, order)
    columns = {name: column[rows] for name, column in batch.columns.items()}
    if "parent" in columns:  # points at rows, which now stand elsewhere, or are gone
        places = np.full(batch.rewards.size + 1, -1, dtype=np.int64)
        places[rows] = np.arange(rows.size)
        columns["parent"] = places[columns["parent"].astype(np.int64)]
    return StepBatch(
        rewards=batch.rewards[rows],
        offsets=np.concatenate([[0], np.cumsum(batch.lengths[order])]).astype(np.int64),
        group_ids=batch.group_ids[order],
        outcomes=batch.outcomes[order],
        truncated=batch.truncated[order],
        columns=columns,
        trajectories=None if batch.trajectories is None else tuple(batch.trajectories[int(i)] for i in order),
    )

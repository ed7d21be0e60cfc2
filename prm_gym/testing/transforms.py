"""The contract of what stands before and after an assigner: transforms of batches, trajectory filters, transforms of credit."""

import pickle
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from prm_gym.credit import BatchTransform, Credit, CreditTransform, StepBatch, TrajectoryFilter, dr_grpo, find_transform
from prm_gym.credit.array_types import Column, IntArray
from prm_gym.credit.grouping import factorise
from prm_gym.credit.pipeline import selected
from prm_gym.credit.stage import Stage
from prm_gym.errors import ContractError, CreditError, OptionError
from prm_gym.testing.credit_sample import arrays, sample_batch
from prm_gym.testing.requirement import require

Transform: TypeAlias = BatchTransform[...] | TrajectoryFilter[...] | CreditTransform[...]

SEEDS = 200
"""Draws of a transform that draws at random, in each order of the trajectories."""
STANDARD_ERRORS = 6.0
"""How far two means of so many draws may be apart: for one comparison by chance 2 in 10**9."""


@dataclass(frozen=True, slots=True)
class _Made:
    """What came out, as arrays by name.

    Attributes:
        steps: [N] each.
        trajectories: [M] each.
    """

    steps: Mapping[str, Column]
    trajectories: Mapping[str, Column]

    def in_order(self, rows: IntArray, order: IntArray) -> "_Made":
        """The same, for the trajectories in another order."""
        return _Made({name: column[rows] for name, column in self.steps.items()}, {name: column[order] for name, column in self.trajectories.items()})

    def difference(self, other: "_Made") -> str:
        """Name of the first array that differs; empty where none does."""
        mine, theirs = {**self.steps, **self.trajectories}, {**other.steps, **other.trajectories}
        if mine.keys() != theirs.keys():
            return ", ".join(sorted(mine.keys() ^ theirs.keys()))
        return next((name for name, column in mine.items() if not _equal(column, theirs[name])), "")


def check_transform(transform: str | Transform, batch: StepBatch | None = None) -> None:
    """Check that a transform or filter of credit, with its default options, keeps its contract.

    Checked of all: that the batch, and the credit, stay as they are, and the same comes out again; that it needs no column which it does not declare, and reads
    none beside those that it needs and uses; that neither the order of the trajectories matters nor what the tasks are called; a batch of one trajectory, and
    one of none. One that draws at random has an option `seed`: the same seed gives the same, and over 200 seeds the means follow the trajectories into
    another order, within six standard errors.

    Of a batch transform: the same steps, tasks and ends, all columns still there, and no new ones but those of `makes`. Of a trajectory filter: [M] bool. Of a
    credit transform: float64 advantages and returns [N], finite, bool keep [N] without steps that had been taken out before, diagnostics as numbers by name.

    Args:
        transform: a registered name, or the transform.
        batch: of independent attempts, to try it on; by default that of `check_assigner`.

    Raises:
        ContractError: the contract is broken.
    """
    found: Any = find_transform(transform) if isinstance(transform, str) else transform
    kinds = (BatchTransform, TrajectoryFilter, CreditTransform)
    remedy = "Decorate the function with batch_transform, trajectory_filter or credit_transform of prm_gym.credit."
    require(isinstance(found, kinds), transform, "a transform or filter of credit", type(found).__name__, remedy)
    chosen: Transform = found
    subject, whole = f"{chosen.kind} {chosen.name!r}", sample_batch() if batch is None else batch
    lacking = [name for name in chosen.needs if name not in whole.columns]
    require(not lacking, subject, f"a batch with the columns {chosen.needs}", f"none called {lacking}", "Give check_transform a batch of your own.")
    made = _made(chosen, whole)
    again = made.difference(_made(chosen, whole))
    require(not again, subject, "the same for the same batch", f"another {again} the second time", "Take a seed as an option, and draw from it alone.")
    _check_columns(subject, chosen, whole, made)
    _check_order(subject, chosen, whole, made)
    named = _made(chosen, replace(whole, group_ids=10 * (factorise(whole.group_ids, "group_ids").codes + 1)))
    moved = made.difference(named)
    require(
        not moved, subject, "the same whatever tasks are called", f"another {moved} for numbers", "Compare keys with one another, and look at nothing else."
    )
    order = np.arange(whole.lengths.size, dtype=np.int64)
    _made(chosen, selected(whole, order[:1])[0])
    _made(chosen, selected(whole, order[:0])[0])


def _check_columns(subject: str, chosen: Transform, whole: StepBatch, made: _Made) -> None:
    """It works with what it declares, and looks at nothing else."""
    names = (*chosen.needs, *(name for name in chosen.uses if name in whole.columns))
    _made(chosen, replace(whole, columns={name: whole.columns[name] for name in chosen.needs}))
    declared = _made(chosen, replace(whole, columns={name: whole.columns[name] for name in names}))
    shared = _Made({name: column for name, column in made.steps.items() if name in declared.steps}, made.trajectories)
    moved = shared.difference(declared)
    require(not moved, subject, f"only the columns of needs and uses {names} matter", f"another {moved} without the others", "Declare what it uses.")


def _check_order(subject: str, chosen: Transform, whole: StepBatch, made: _Made) -> None:
    """The order of the trajectories does not matter; where it draws at random, not in the mean."""
    order = np.random.default_rng(1).permutation(whole.lengths.size)
    permuted, rows = selected(whole, order)
    moved = made.in_order(rows, order).difference(_made(chosen, permuted))
    if moved and "seed" in chosen.options:
        one = [_made(chosen, whole, seed).in_order(rows, order) for seed in range(SEEDS)]
        moved = _mean_difference(one, [_made(chosen, permuted, SEEDS + seed) for seed in range(SEEDS)])
    require(not moved, subject, "what comes out follows the trajectories into another order", f"another {moved}", "Group by keys, not by places in the batch.")


def _mean_difference(one: list[_Made], other: list[_Made]) -> str:
    """Name of the first array whose means over draws differ by more than chance; those of keys are compared as they are."""
    for name in (*one[0].steps, *one[0].trajectories):
        samples = [np.stack([np.asarray({**made.steps, **made.trajectories}[name]) for made in draws]) for draws in (one, other)]
        if samples[0].dtype.kind not in "bif":
            if not all(np.array_equal(first, second) for first, second in zip(*samples, strict=True)):
                return name
            continue
        first, second = (sample.astype(np.float64) for sample in samples)
        error = np.sqrt((first.var(axis=0, ddof=1) + second.var(axis=0, ddof=1)) / SEEDS)
        apart = np.abs(first.mean(axis=0) - second.mean(axis=0))
        if not np.array_equal(np.isnan(first.mean(axis=0)), np.isnan(second.mean(axis=0))) or (apart > STANDARD_ERRORS * error + 1e-9).any():
            return name
    return ""


def _made(chosen: Transform, batch: StepBatch, seed: int | None = None) -> _Made:
    """What comes out, checked for its form; the batch and the credit stay as they are."""
    subject = f"{chosen.kind} {chosen.name!r}, {batch.rewards.size} steps"
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    credit = _sample_credit(batch) if isinstance(chosen, CreditTransform) else None
    before = pickle.dumps((arrays(batch), credit))
    try:
        result: Any = chosen(batch, credit, **options) if isinstance(chosen, CreditTransform) and credit is not None else chosen(batch, **options)  # type: ignore[arg-type]
    except CreditError as error:
        raise ContractError(f"{subject}: it works with the columns of needs={chosen.needs}, got CreditError: {error} Declare what it needs.") from error
    except OptionError as error:
        raise ContractError(f"{subject}: defaults that work, got OptionError: {error}") from error
    except (ValueError, LookupError, ZeroDivisionError, TypeError, AttributeError) as error:
        raise ContractError(
            f"{subject}: a result, got {type(error).__name__}: {error}. Return what its kind returns, copy arrays before writing, and mind the empty batch."
        ) from error
    require(
        pickle.dumps((arrays(batch), credit)) == before, subject, "what it is given stays as it is", "changed arrays", "Copy an array before writing into it."
    )
    match result:
        case StepBatch() if isinstance(chosen, BatchTransform):
            return _of_batch(subject, chosen, batch, result)
        case Credit() if credit is not None:
            return _of_credit(subject, credit, result)
        case _ if isinstance(chosen, TrajectoryFilter):  # which has looked at it
            return _Made({}, {"kept": result})
        case _:
            wanted = "a StepBatch" if isinstance(chosen, BatchTransform) else "a Credit" if credit is not None else "[M] bool"
            raise ContractError(f"{subject}: {wanted}, got {type(result).__name__}.")


def _of_batch(subject: str, chosen: Stage, batch: StepBatch, result: StepBatch) -> _Made:
    same = all(_equal(getattr(result, name), getattr(batch, name)) for name in ("offsets", "group_ids", "truncated"))
    require(same, subject, "the same steps, tasks and ends", "others", "Change rewards, outcomes and columns alone, by dataclasses.replace.")
    require(result.trajectories is batch.trajectories, subject, "the same source", "another, or none", "Make the new batch by dataclasses.replace.")
    lost = sorted(batch.columns.keys() - result.columns.keys())
    require(not lost, subject, "all columns are still there", f"a batch without {lost}", "Add columns by batch.with_columns.")
    new = sorted(result.columns.keys() - batch.columns.keys() - set(chosen.makes))
    require(not new, subject, f"no new columns but those of makes={chosen.makes}", f"{new}", "Declare them, so that later parts need nobody else to fill them.")
    return _Made({"rewards": result.rewards, **result.columns}, {"outcomes": result.outcomes})


def _of_credit(subject: str, given: Credit, result: Credit) -> _Made:
    dtypes = (result.advantages.dtype, result.returns.dtype, result.keep.dtype)
    remedy = "Use astype(np.float64), and credit.keep or a part of it."
    require(dtypes == (np.float64, np.float64, np.bool_), subject, "advantages and returns in float64, keep in bool", dtypes, remedy)
    back = bool((result.keep & ~given.keep).any())
    require(not back, subject, "steps that were taken out stay out", "keep is True where it was False", remedy)
    figures: Mapping[Any, Any] = result.diagnostics
    plain = all(isinstance(name, str) and type(value) in (float, int) for name, value in figures.items())
    require(plain, subject, "diagnostics are Python numbers by name", figures, "Call float() on numpy's.")
    return _Made({"advantages": result.advantages, "returns": result.returns, "keep": result.keep}, {})


def _equal(one: Column, other: Column) -> bool:
    if one.shape != other.shape:
        return False
    if one.dtype.kind == "f" and other.dtype.kind == "f":
        return bool(np.allclose(one.astype(np.float64), other.astype(np.float64), rtol=1e-9, atol=1e-9, equal_nan=True))
    return one.tolist() == other.tolist()


def _sample_credit(batch: StepBatch) -> Credit:
    """Of Dr. GRPO, with every fifth step of a trajectory taken out."""
    credit = dr_grpo(batch)
    return Credit(credit.advantages, credit.returns, batch.time_of_step % 5 != 4, {"given": 1.0})

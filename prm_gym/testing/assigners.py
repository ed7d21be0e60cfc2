"""The contract of credit assigners."""

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal, TypeAlias

import numpy as np

from prm_gym.credit import Assigner, Credit, StepBatch, find_assigner, key_array
from prm_gym.credit.array_types import Column, FloatArray, IntArray
from prm_gym.credit.pipeline import Part, Pipeline
from prm_gym.errors import ContractError, CreditError
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
        batch: to try it on; by default 24 ragged trajectories of eight tasks with every column that `StepBatch` documents.

    Raises:
        ContractError: the contract is broken.
    """
    chosen: Any = _found(assigner) if isinstance(assigner, str) else assigner
    require(isinstance(chosen, Assigner | Pipeline), assigner, "an Assigner", type(chosen).__name__, "Decorate the function with prm_gym.credit.assigner.")
    subject, whole = f"credit assigner {chosen.name!r}", _sample_batch(chosen) if batch is None else batch
    lacking = [name for name in chosen.needs if name not in whole.columns]
    require(not lacking, subject, f"a batch with the columns {chosen.needs}", f"none called {lacking}", "Give check_assigner a batch of your own.")
    before = pickle.dumps(_arrays(whole))
    credit = _credit(chosen, whole)
    require(pickle.dumps(_arrays(whole)) == before, subject, "the batch stays as it is", "changed arrays", "Copy an array before writing into it.")
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
    except (ValueError, IndexError, ZeroDivisionError) as error:
        raise ContractError(f"{subject}: a credit, got {type(error).__name__}: {error}. Copy arrays before writing; mind the empty batch.") from error
    require(isinstance(credit, Credit), subject, "a Credit", type(credit).__name__, "Return prm_gym.credit.Credit.")
    found: Credit = credit
    dtypes = (found.advantages.dtype, found.returns.dtype, found.keep.dtype)
    remedy = "Use astype(np.float64) and np.ones(n, dtype=np.bool_)."
    require(dtypes == (np.float64, np.float64, np.bool_), subject, "advantages and returns in float64, keep in bool", dtypes, remedy)
    figures: Mapping[Any, Any] = found.diagnostics
    plain = all(isinstance(name, str) and type(value) in (float, int) for name, value in figures.items())
    require(plain, subject, "diagnostics are Python numbers by name", figures, "Call float() on numpy's.")
    return found


def _arrays(batch: StepBatch) -> list[Column]:
    columns: list[Column] = [batch.columns[name] for name in sorted(batch.columns)]
    return [batch.rewards, batch.offsets, batch.group_ids, batch.outcomes, batch.truncated, *columns]


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


def _sample_batch(chosen: Chosen) -> StepBatch:
    """Ragged lengths, groups of one to five that stand interleaved, a group of equal rewards, states that come back, every documented column.

    Trajectories branch off from others for an assigner that knows of it, and are independent attempts for all others.
    """
    rng = np.random.default_rng(0)
    tasks = rng.permutation(np.repeat(np.arange(8), [1, 2, 3, 4, 5, 4, 3, 2]))
    lengths = rng.integers(1, 8, tasks.size)
    steps, owner = int(lengths.sum()), np.repeat(np.arange(tasks.size), lengths)
    rewards = np.round(rng.normal(size=steps), 2)
    rewards[tasks[owner] == 7] = 0.0
    states, actions = rng.integers(0, 6, steps), rng.integers(0, 3, steps)
    keys = {
        "state_key": key_array(f"state {state}" for state in states),
        "next_state_key": key_array(f"state {state}" for state in (states + actions) % 6),
        "action_key": key_array(f"action {action}" for action in actions),
        "belief_key": key_array(f"belief {state % 3}" for state in states),
        "answer_key": key_array("yes" if length % 3 else None for length in lengths[owner].tolist()),
    }
    parents = {"parent": _parents(rng, tasks, lengths)} if "parent" in (*chosen.needs, *chosen.uses) else {}
    shares = {name: rng.random(steps) for name in ("value", "score", "potential", "final_potential", "mc_value", "entropy")}
    logs = {name: -rng.random(steps) for name in ("logprob", "ref_logprob")}
    return StepBatch(
        rewards=rewards,
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        group_ids=key_array(f"task {task}" for task in tasks),
        outcomes=rng.integers(0, 2, tasks.size).astype(np.float64),
        truncated=rng.random(tasks.size) < 0.2,
        columns={**keys, **parents, **shares, **logs, "n_tokens": rng.integers(1, 50, steps), **_learned(rng, steps)},
    )


def _parents(rng: np.random.Generator, tasks: IntArray, lengths: IntArray) -> IntArray:
    """Every other trajectory branches off before the end of an earlier one of its task, where there is one that is long enough."""
    begins = np.cumsum(lengths) - lengths
    parents = np.full(int(lengths.sum()), -1, dtype=np.int64)
    for trajectory in range(tasks.size):
        earlier = [other for other in range(trajectory) if tasks[other] == tasks[trajectory] and lengths[other] > 1]
        if earlier and rng.random() < 0.5:
            trunk = earlier[int(rng.integers(len(earlier)))]
            parents[begins[trajectory]] = begins[trunk] + rng.integers(lengths[trunk] - 1)
    return parents


def _learned(rng: np.random.Generator, steps: int) -> dict[str, Column]:
    """Columns of critics and learned signals, some of which cannot tell of some steps."""
    columns: dict[str, Column] = {
        name: rng.normal(size=steps) for name in ("progress", "implicit_reward", "bootstrap_value", "bootstrap_mc_value", "greedy_return")
    }
    columns["implicit_reward"][rng.random(steps) < 0.1] = np.nan
    columns["label"] = rng.choice([0.0, 1.0, np.nan], steps)
    return columns

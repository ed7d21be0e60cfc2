"""The contract of transforms and filters of credit: ours keep it, and every check of `check_transform` bites."""

import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from prm_gym.credit import Credit, StepBatch, batch_transform, credit_transform, trajectory_filter
from prm_gym.errors import ContractError, UnknownNameError
from prm_gym.testing import check_transform

ROOT = Path(__file__).parents[2]
NAMES = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["prm_gym.credit_transforms"])


@pytest.mark.parametrize("name", NAMES)
def test_ours_keep_it(name):
    check_transform(name)


def test_on_a_batch_of_ones_own():
    batch = StepBatch([0.0, 1.0, 0.0], [0, 2, 3], ["g", "g"], [1, 0], [False, False], {"score": [0.5, 1.0, 0.2]})
    check_transform("posterior_gate", batch)
    with pytest.raises(ContractError, match=r"a batch with the columns \('entropy',\), got none called \['entropy'\]"):
        check_transform("aem", batch)


# Sound ones of somebody else.


def pays_scores(batch: StepBatch, *, weight: float = 1.0) -> StepBatch:
    """Adds the scores that are known to the rewards, and says which."""
    known = np.nan_to_num(batch.numbers("score"))
    return replace(batch, rewards=batch.rewards + weight * known).with_columns({"paid": known})


def at_random(batch, *, share: float = 0.5, seed: int = 0):
    """Keeps trajectories by lot."""
    return np.random.default_rng(seed).random(batch.lengths.size) < share


def halves(batch, credit, *, times: int = 1):
    """Half of every advantage."""
    return replace(credit, advantages=credit.advantages / 2.0**times)


def test_sound_ones_pass():
    check_transform(batch_transform(needs=("score",), makes=("paid",))(pays_scores))
    check_transform(trajectory_filter()(at_random))
    check_transform(credit_transform()(halves))


# Batch transforms that are not.


def writes(batch):
    """Writes into the batch."""
    batch.rewards[:] += 1.0
    return batch


def forgets_columns(batch):
    """Drops a column."""
    return replace(batch, columns={})


def hides_a_column(batch):
    """Makes a column that it does not declare."""
    return batch.with_columns({"mine": batch.rewards})


def renames_tasks(batch):
    """Puts all attempts into one group."""
    return replace(batch, group_ids=np.zeros(batch.lengths.size, dtype=np.int64))


def drops_the_first(batch):
    """Other steps."""
    return StepBatch([0.0], [0, 1], ["g"], [0], [False])


def peeks(batch):
    """Takes scores where they are, and does not say so."""
    return replace(batch, rewards=batch.rewards + np.nan_to_num(batch.columns.get("score", np.zeros(batch.rewards.size))))


def needs_in_secret(batch):
    """Needs a column that it does not declare."""
    return replace(batch, rewards=np.nan_to_num(batch.numbers("score")))


def favours_the_first(batch):
    """Looks at places in the batch."""
    rewards = batch.rewards.copy()
    rewards[:1] += 1.0
    return replace(batch, rewards=rewards)


def reads_names(batch):
    """Looks into the names of tasks."""
    bonus = np.array([str(task).endswith("3") for task in batch.group_ids.tolist()], dtype=float)
    return replace(batch, rewards=batch.rewards + bonus[batch.trajectory_of_step])


def divides(batch):
    """Fails without steps."""
    return replace(batch, rewards=batch.rewards / batch.rewards.max())


def throws_dice(batch):
    """Another result every time."""
    return replace(batch, rewards=batch.rewards + np.random.default_rng().random())


def returns_rewards(batch):
    """No batch."""
    return batch.rewards


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (writes, "what it is given stays as it is"),
        (forgets_columns, "all columns are still there"),
        (hides_a_column, r"no new columns but those of makes=\(\)"),
        (renames_tasks, "the same steps, tasks and ends"),
        (drops_the_first, "must return the same steps"),
        (peeks, "only the columns of needs and uses"),
        (needs_in_secret, "got CreditError: The batch has no column 'score'"),
        (favours_the_first, "follows the trajectories into another order"),
        (reads_names, "the same whatever tasks are called"),
        (divides, "0 steps: a result, got ValueError"),
        (throws_dice, "the same for the same batch"),
        (returns_rewards, "got AttributeError"),
    ],
)
def test_it_bites_on_batch_transforms(function, says):
    with pytest.raises(ContractError, match=says):
        check_transform(batch_transform()(function))


# Trajectory filters that are not.


def by_place(batch):
    """Keeps every other trajectory."""
    return np.arange(batch.lengths.size) % 2 == 0


def by_lot_and_place(batch, *, seed: int = 0):
    """By lot, but the first half of the batch more often: fair to nobody, however often it draws."""
    size = batch.lengths.size
    return np.random.default_rng(seed).random(size) < np.where(np.arange(size) < size // 2, 0.8, 0.2)


def without_a_seed(batch, *, seed: int = 0):
    """Has an option and does not use it."""
    return np.random.default_rng().random(batch.lengths.size) < 0.5


def as_numbers(batch):
    """Ones for True."""
    return np.ones(batch.lengths.size)


def as_a_list(batch):
    """A list of True."""
    return [True] * batch.lengths.size


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (by_place, "follows the trajectories into another order"),
        (by_lot_and_place, "follows the trajectories into another order, got another kept"),
        (without_a_seed, "the same for the same batch"),
        (as_numbers, "bool, got float64"),
        (as_a_list, "got AttributeError"),
    ],
)
def test_it_bites_on_filters(function, says):
    with pytest.raises(ContractError, match=says):
        check_transform(trajectory_filter()(function))


# Credit transforms that are not.


def in_place(batch, credit):
    """Writes into the credit."""
    credit.advantages[:] *= 2.0
    return credit


def half_as_exact(batch, credit):
    """Advantages in float32."""
    return replace(credit, advantages=credit.advantages.astype(np.float32))


def brings_back(batch, credit):
    """Keeps what was taken out."""
    return replace(credit, keep=np.ones(credit.keep.size, dtype=np.bool_))


def reports_in_numpy(batch, credit):
    """Diagnostics that JSON cannot hold."""
    return replace(credit, diagnostics={"mean": np.float64(1.0)})


def gives_up(batch, credit):
    """NaN for advantages."""
    return replace(credit, advantages=credit.advantages * np.nan)


def returns_advantages(batch, credit):
    """No Credit."""
    return credit.advantages


def shifts(batch, credit):
    """Subtracts the first advantage of the batch."""
    return Credit(credit.advantages - credit.advantages[:1].sum(), credit.returns, credit.keep, {})


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (in_place, "what it is given stays as it is"),
        (half_as_exact, "advantages and returns in float64"),
        (brings_back, "steps that were taken out stay out"),
        (reports_in_numpy, "diagnostics are Python numbers"),
        (gives_up, "must return finite advantages"),
        (returns_advantages, "got AttributeError"),
        (shifts, "follows the trajectories into another order, got another advantages"),
    ],
)
def test_it_bites_on_credit_transforms(function, says):
    with pytest.raises(ContractError, match=says):
        check_transform(credit_transform()(function))


def test_what_is_no_transform_is_refused():
    with pytest.raises(ContractError, match="a transform or filter of credit, got function"):
        check_transform(halves)
    with pytest.raises(UnknownNameError, match="Did you mean 'zero_variance'"):
        check_transform("zero_varianc")

"""The contract of assigners: every check of `check_assigner` bites."""

import numpy as np
import pytest

from prm_gym.credit import Credit, assigner
from prm_gym.errors import ContractError
from prm_gym.testing import check_assigner


def _flat(batch, value=1.0):
    """The same for every step."""
    flat = np.full(batch.rewards.size, value)
    return Credit(flat, flat, np.ones(flat.size, dtype=np.bool_), {})


def centres_in_place(batch):
    """Writes into the batch."""
    batch.rewards[:] -= batch.rewards.mean() if batch.rewards.size else 0.0
    return _flat(batch)


def half_as_exact(batch):
    """Advantages in float32."""
    credit = _flat(batch)
    return Credit(credit.advantages.astype(np.float32), credit.returns, credit.keep, {})


def keeps_numbers(batch):
    """A mask of ones instead of True."""
    credit = _flat(batch)
    return Credit(credit.advantages, credit.returns, np.ones(batch.rewards.size), {})


def throws_dice(batch):
    """Another credit every time."""
    return _flat(batch, np.random.default_rng().random())


def favours_the_first(batch):
    """Looks at places instead of keys."""
    credit = _flat(batch)
    credit.advantages[:1] += 1.0
    return credit


def reads_on_the_sly(batch):
    """Needs a column that it does not declare."""
    return _flat(batch, float(batch.column("score").size > 0))


def divides(batch):
    """Fails without steps."""
    return _flat(batch, float(batch.rewards.max()))


def reports_in_numpy(batch):
    """Diagnostics that JSON cannot hold."""
    credit = _flat(batch)
    return Credit(credit.advantages, credit.returns, credit.keep, {"mean": np.float64(1.0)})


def returns_an_array(batch):
    """No Credit."""
    return [1.0]


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (centres_in_place, "the batch stays as it is"),
        (half_as_exact, "in float64, keep in bool, got .*float32"),
        (keeps_numbers, "in float64, keep in bool"),
        (throws_dice, "the same advantages for the same batch"),
        (favours_the_first, "advantages that follow their trajectories into another order"),
        (reads_on_the_sly, r"works with the columns of needs=\(\), got CreditError: The batch has no column 'score'"),
        (divides, "0 steps: a credit, got ValueError"),
        (reports_in_numpy, "diagnostics are Python numbers"),
    ],
)
def test_the_check_of_assigners_bites(function, says):
    with pytest.raises(ContractError, match=says):
        check_assigner(assigner()(function))


def test_what_is_no_assigner_is_refused():
    with pytest.raises(ContractError, match="an Assigner, got function"):
        check_assigner(_flat)

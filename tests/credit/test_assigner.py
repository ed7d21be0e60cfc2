import pickle

import numpy as np
import pytest

from prm_gym.credit import Credit, StepBatch, assigner, gigpo, reinforce, salt
from prm_gym.errors import ContractError, CreditError

BATCH = StepBatch([1.0, 2.0], [0, 2], ["g"], [1.0], [False], {"value": np.zeros(2)})


def constant(batch, *, height=1.0):
    """The same for every step."""
    flat = np.full(batch.rewards.size, height)
    return Credit(flat, flat, np.ones(flat.size, dtype=bool), {})


def test_an_assigner_says_what_it_is():
    mine = assigner(needs=("value",))(constant)
    assert (mine.name, mine.summary, mine.needs) == ("constant", "The same for every step.", ("value",))
    assert dict(mine.options) == {"height": 1.0}
    assert repr(mine) == "Assigner('constant', needs=('value',))"
    assert mine(BATCH, height=2.0).advantages.tolist() == [2.0, 2.0]


def test_ours_declare_needs_and_options():
    assert gigpo.needs == ("state_key",)
    assert list(gigpo.options) == ["gamma", "step_weight", "normalize", "episode_baseline", "similarity", "eps", "ddof", "singleton"]
    assert salt.needs == ("state_key", "action_key", "next_state_key")
    assert reinforce.needs == ()
    assert reinforce.__doc__.startswith(reinforce.summary)


def test_missing_columns_are_named():
    with pytest.raises(CreditError, match=r"'salt' needs the columns state_key, action_key, next_state_key; the batch lacks .* Its columns: value\."):
        salt(BATCH)


def test_an_assigner_can_be_sent_to_another_process():
    assert pickle.loads(pickle.dumps(gigpo)) is gigpo


def test_signatures_that_cannot_be_listed_are_refused():
    def positional(batch, height=1.0):
        """Summary."""

    def without_default(batch, *, height):
        """Summary."""

    def undocumented(batch):
        pass

    for function in (positional, without_default):
        with pytest.raises(ContractError, match="must take 'height' as a keyword only, with a default"):
            assigner()(function)
    with pytest.raises(ContractError, match="needs a docstring"):
        assigner()(undocumented)


def test_results_that_break_the_contract_are_refused():
    def short(batch):
        """One advantage too few."""
        return constant(StepBatch([1.0], [0, 1], ["g"], [1.0], [False]))

    def undefined(batch):
        """NaN."""
        return constant(batch, height=np.nan)

    with pytest.raises(ContractError, match="must return one advantage for each of 2 steps, got 1"):
        assigner()(short)(BATCH)
    with pytest.raises(ContractError, match="must return finite advantages and returns; rows 0 and 1 are not"):
        assigner()(undefined)(BATCH)

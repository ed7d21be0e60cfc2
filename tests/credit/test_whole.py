"""Any assigner over whole trajectories."""

import numpy as np
import pytest

from prm_gym.credit import StepBatch, assign, branches
from prm_gym.credit.whole import assign_whole, lacking
from prm_gym.errors import CreditError


def alike():
    """Two attempts that begin with the same step and part then."""
    keys = {"state_key": list("stst"), "action_key": list("abac"), "next_state_key": list("tete")}
    return StepBatch([0, 1, 0, 0], [0, 2, 4], ["g", "g"], [1, 0], [False, False], keys)


def test_trees_are_those_that_the_attempts_make():
    batch = alike()
    tree = branches(batch)
    assert tree.batch.rewards.size == 3
    credit, other = assign_whole("tree_rl", batch), tree.spread(assign("tree_rl", tree.batch))
    assert np.array_equal(credit.advantages, other.advantages)
    assert credit.keep.tolist() == [True, True, False, True]  # what they share counts once
    assert credit.advantages[0] == credit.advantages[2]


def test_a_tree_is_taken_as_it_is_and_options_reach_the_assigner():
    tree = branches(alike()).batch
    assert np.array_equal(assign_whole("tree_rl", tree).advantages, assign("tree_rl", tree).advantages)
    assert np.array_equal(assign_whole("gigpo", alike(), gamma=0.5).advantages, assign("gigpo", alike(), gamma=0.5).advantages)


def test_what_nobody_fills_is_told_before():
    assert lacking("tree_rl", alike()) == ()
    assert lacking("zero_variance|spa", alike()) == ("progress", "value")
    with pytest.raises(CreditError, match="lacks value"):
        assign_whole("gae", alike())

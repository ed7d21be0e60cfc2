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


def parted(first, second, outcomes=(1.0, 1.0), score=()):
    """Two attempts that begin with the same step and part then, by their rewards."""
    keys = {"state_key": list("stst"), "action_key": list("abac"), **({"score": score} if score else {})}
    return StepBatch([*first, *second], [0, 2, 4], ["g", "g"], outcomes, [False, False], keys)


@pytest.mark.parametrize(("first", "second", "kept"), [((1, 0), (1, 0), False), ((1, 0), (1, 1), True)])
def test_filters_before_an_assigner_of_trees_see_whole_attempts(first, second, kept):
    # Attempts that earned 1 and 1 teach nothing, those that earned 1 and 2 do. As branches of a tree, the shared step in the first one alone, they hold
    # 1 and 0, and 1 and 1: the other way round.
    credit = assign_whole("zero_variance|tree_rl", parted(first, second))
    assert credit.keep.tolist() == [kept, kept, False, kept]
    alone = assign_whole("tree_rl", parted(first, second)).advantages
    assert np.array_equal(credit.advantages, alone if kept else np.zeros(4))


def test_an_attempt_whose_beginning_a_filter_takes_out_keeps_its_own():
    # Of two right attempts and no wrong one prof keeps one of each pair at most: the one of the higher mean score, which begins as the other did.
    batch = parted((0, 1), (0, 1), score=[0.1, 0.1, 0.9, 0.9])
    credit = assign_whole("prof?keep=0.5|tree_rl", batch)
    assert credit.keep.tolist() == assign("prof?keep=0.5|grpo", batch).keep.tolist() == [False, False, True, True]


def test_transforms_that_pay_shared_steps_differently_are_refused_before_a_tree():
    # posterior_gate pays the first attempt for its right steps and the second not at all: what they share would be paid by whoever comes first.
    batch = parted((0, 1), (0, 0), outcomes=(1.0, 0.0), score=[0.5, 0.25, 0.5, 0.25])
    with pytest.raises(CreditError, match=r"posterior_gate attempts are paid differently .*row 2"):
        assign_whole("posterior_gate|tree_rl", batch)
    shaped = assign_whole("progressive_shaping?start=0|tree_rl", batch)  # which pays for the end alone, and that is nobody else's
    assert np.array_equal(shaped.advantages, assign_whole("tree_rl", batch).advantages)

"""The binary search and the tree, on chains whose first error is planted."""

import math
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from chain_worlds import SkilledAgent

from prm_gym.errors import OptionError
from prm_gym.montecarlo import (
    Budget,
    Estimate,
    Node,
    Prefix,
    Rollout,
    RolloutEstimator,
    Tree,
    TreeOptions,
    as_rollout,
    first_errors,
    grow_trees,
    prefixes_of,
)
from prm_gym.montecarlo.prefix import cuts
from prm_gym.rollout import Rollouts, groups
from prm_gym.task import Origin

LENGTH = 9


def solution(error, seed=0):
    actions = ["wrong" if step == error else "right" for step in range(LENGTH)]
    return list(cuts(Prefix(origin=Origin.of_seed(seed), actions=tuple(actions))))


def estimator(skill, world="ChainEnv", **settings):
    return RolloutEstimator(SkilledAgent(skill), f"test_montecarlo/{world}", {"length": LENGTH}, **settings)


@pytest.mark.parametrize("k", [1, 5])
def test_the_planted_error_is_found_with_the_number_of_rollouts_that_the_search_takes(k):
    # The agent is always right: one roll-out tells that there is no error yet, k that there is one. The whole costs nothing, the beginning one.
    # Then lo = 0, hi = 9, and a middle m = (lo + hi) // 2 costs 1 if the error (at index e, so in all prefixes longer than e) is not yet made, else k.
    def cost(error):
        low, high, spent = 0, LENGTH, 1
        while high - low > 1:
            middle = (low + high) // 2
            made = middle > error
            spent += k if made else 1
            low, high = (low, middle) if made else (middle, high)
        assert high - 1 == error
        return spent

    with estimator(1.0) as roller:
        found = first_errors(roller, [solution(error) for error in range(LENGTH)], k)
    assert [each.index for each in found] == list(range(LENGTH))
    assert [each.rollouts for each in found] == [cost(error) for error in range(LENGTH)]
    assert all(len(each.estimates) <= 2 + math.ceil(math.log2(LENGTH)) for each in found)
    assert roller.spent.batches < 6 * LENGTH * (1 + k)  # all searches share their batches


def test_no_error_and_what_cannot_be_told():
    with estimator(1.0) as roller:
        right, short = first_errors(roller, [solution(None), solution(None)[:4]], 3)
    assert (right.index, right.rollouts) == (-1, 0)
    assert (short.index, short.rollouts) == (-1, 1)
    with estimator(0.0) as roller:
        (weak,) = first_errors(roller, [solution(5)], 3)
    assert weak.index is None
    assert "from the beginning either" in weak.reason
    with estimator(1.0, budget=Budget(rollouts=2)) as roller:
        (cut,) = first_errors(roller, [solution(5)], 3)
    assert cut.index is None
    assert "budget" in cut.reason
    with estimator(1.0, "BreakingEnv", most_redraws=0, seed=1) as roller:
        assert all(each.index in (None, -1, 5) for each in first_errors(roller, [solution(5)], 2))
    with estimator(1.0) as roller, pytest.raises(OptionError, match="one step"):
        first_errors(roller, [solution(0)[:1]], 1)


def node(value, trials=8, visits=0):
    prefix = Prefix(origin=Origin.of_seed(int(100 * value)))
    wins = round(value * trials)
    made = [Rollout(prefix=prefix, seed=i, actions=("x" * 100,) * 10, observations=(), outcome=float(i < wins)) for i in range(trials)]
    return Node(prefix, Estimate(prefix=prefix, asked=trials, rollouts=tuple(made)), None, visits)


def test_quality_and_bonus_by_hand():
    tree = Tree(TreeOptions(alpha=0.5, beta=0.9, length=500.0, c_puct=0.125))
    half, most = node(0.5, visits=3), node(0.75, visits=1)
    tree.nodes = {"half": half, "most": most}
    rollout = half.estimate.rollouts[-1]  # 1,000 characters
    assert tree.quality(half, rollout) == pytest.approx(0.5**0.5 * 0.9**2)
    assert tree.quality(most, rollout) == pytest.approx(0.5**0.25 * 0.9**2)
    assert tree.bonus(half) == pytest.approx(0.125 * math.sqrt(4) / 4)
    assert tree.bonus(most) == pytest.approx(0.125 * math.sqrt(4) / 2)


def test_a_tree_gives_values_along_the_given_solution_and_pairs():
    chain = solution(5)
    with estimator(0.9, num_envs=64) as roller:
        (tree,) = grow_trees(roller, [chain[0]], 24, TreeOptions(searches=3), [[as_rollout(chain, 0.0)]])
        assert tree.rollouts == roller.spent.rollouts == 24 * len(tree.nodes)
    # Given first: the search tries 4, 6, 5 steps (0..9 -> 4, 4..9 -> 6, 4..6 -> 5), and finds the error at index 5.
    assert [tree.value(prefix) is not None for prefix in chain] == [True, False, False, False, True, True, True, False, False, False]
    assert tree.value(chain[6]) == 0.0
    assert min(tree.value(chain[4]), tree.value(chain[5])) > 0.0
    root = tree.nodes[chain[0].key]
    assert root.visits >= 1
    # Every other search went along a roll-out that failed, and put what it tried below where it set out from.
    assert len(tree.nodes) > 4
    assert all(each.parent is not None and len(each.parent.prefix) < len(each.prefix) for each in tree.nodes.values() if each is not root)
    pairs = tree.pairs()
    assert pairs
    assert all(tree.value(pair.better) - tree.value(pair.worse) == pytest.approx(pair.margin) and pair.margin > 0 for pair in pairs)
    assert len(tree.pairs(margin=0.99)) <= len(pairs)


def test_trees_of_several_tasks_grow_side_by_side_as_they_would_alone():
    roots = [solution(0, seed)[0] for seed in (1, 2, 3)]
    with estimator(0.85) as roller:
        together = grow_trees(roller, roots, 6)
    for root, tree in zip(roots, together, strict=True):
        with estimator(0.85) as roller:
            (alone,) = grow_trees(roller, [root], 6)
        assert {key: each.value for key, each in alone.nodes.items()} == {key: each.value for key, each in tree.nodes.items()}


def test_a_tree_of_a_task_that_is_too_hard_or_too_easy_is_its_root():
    for skill, reason in ((0.0, "does not succeed"), (1.0, "")):
        with estimator(skill) as roller:
            (tree,) = grow_trees(roller, [solution(0)[0]], 4)
        assert len(tree.nodes) == 1
        assert reason in tree.reason
    for options in ({"alpha": 0.0}, {"beta": 1.5}, {"length": 0.0}, {"c_puct": -1.0}, {"searches": -1}):
        with pytest.raises(OptionError):
            TreeOptions(**options)


def test_a_stored_trajectory_can_be_searched():
    made = Rollouts("test_montecarlo/ChainEnv", {"length": LENGTH}, num_envs=4).play(SkilledAgent(0.8), groups(range(6), 2))
    with estimator(1.0) as roller:
        found = first_errors(roller, [prefixes_of(trajectory) for trajectory in made], 2)
    first = [next((step.index for step in trajectory.steps if step.action == "wrong"), -1) for trajectory in made]
    assert [each.index for each in found] == first
    assert len(set(first)) > 2

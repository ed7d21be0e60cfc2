"""Values of prefixes by roll-outs: what an agent makes of a state, estimated by having it continue from there.

with RolloutEstimator("random", "prm_gym/Countdown-v0") as estimator:
    values = estimator.estimate(prefixes_of(trajectory), 16)      # Math-Shepherd: .soft, .hard, .interval()
    errors = first_errors(estimator, [prefixes_of(trajectory)], 16)   # OmegaPRM's binary search
    trees = grow_trees(estimator, [prefixes_of(trajectory)[0]], 16)   # OmegaPRM's tree

batch.with_columns({"mc_value": RolloutValues("random", k=9).column(batch)})   # VinePPO's values, for credit
batch.with_columns({"greedy_return": GreedyReturns("scripted").column(batch)})   # ReMax's baseline

label_by_rollouts(trajectories, "random", LabelOptions(method="denoised"))   # SCAN's labels, as verdicts
"""

from prm_gym.montecarlo.estimate import Estimate, Interval, Rollout, wilson
from prm_gym.montecarlo.estimator import Budget, RolloutEstimator, Spent
from prm_gym.montecarlo.greedy import GreedyReturns
from prm_gym.montecarlo.labelling import LabelOptions, RolloutLabeller, label_by_rollouts, step_verdicts
from prm_gym.montecarlo.labels import agreed_labels, agreed_solution, denoised_labels, error_labels, hard_labels, soft_labels
from prm_gym.montecarlo.prefix import Prefix, prefix_after, prefix_before, prefix_of, prefixes_of
from prm_gym.montecarlo.search import FirstError, first_errors
from prm_gym.montecarlo.selection import selection_bonus, selection_quality
from prm_gym.montecarlo.signal import RolloutValues
from prm_gym.montecarlo.tree import Node, Pair, Tree, TreeOptions, as_rollout, grow_trees

__all__ = [
    "Budget",
    "Estimate",
    "FirstError",
    "GreedyReturns",
    "Interval",
    "LabelOptions",
    "Node",
    "Pair",
    "Prefix",
    "Rollout",
    "RolloutEstimator",
    "RolloutLabeller",
    "RolloutValues",
    "Spent",
    "Tree",
    "TreeOptions",
    "agreed_labels",
    "agreed_solution",
    "as_rollout",
    "denoised_labels",
    "error_labels",
    "first_errors",
    "grow_trees",
    "hard_labels",
    "label_by_rollouts",
    "prefix_after",
    "prefix_before",
    "prefix_of",
    "prefixes_of",
    "selection_bonus",
    "selection_quality",
    "soft_labels",
    "step_verdicts",
    "wilson",
]

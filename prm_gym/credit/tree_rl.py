"""Advantages in trees of rollouts, from what the leaves under each step came to (see `prm_gym.credit.trees`)."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.normalize import Singleton
from prm_gym.credit.options import require_choice, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.stepwise import Relative, normalized_known
from prm_gym.credit.trees import StepTree, step_tree

LeafScale = Literal["sqrt", "none"]
Across = Literal["sum", "nested"]


@assigner(needs=("parent",))
def tree_rl(batch: StepBatch, *, local_weight: float = 1.0, leaf_scale: LeafScale = "sqrt") -> Credit:
    """How much better the leaves under a step did than those of the task, plus than those under the step before.

        A(n) = [(V(n) - V(root)) + local_weight * (V(n) - V(n-1))] / sqrt(L(n)),    V(n) = mean of R over the L(n) leaves under n

    R of a leaf is the sum of the rewards on its way from the root, n-1 the step before n along the tree (or the root). Where nothing branches the second term
    is 0. A shared step stands once, and counts for its leaves by the root of their number. A task with one leaf has 0 throughout.

    Args:
        batch: N steps with the column `parent`.
        local_weight: of the second term, finite.
        leaf_scale: "sqrt", or "none" for no division.

    Returns:
        advantages [N] float64, per step; returns: mean over the leaves under a step of the rewards from it on; diagnostics as in `group_diagnostics`, over the
        leaves by task; `forks`, trajectories that branched off; `leaves_mean`, leaves under a step.

    Source: TreeRL (Hou et al. 2025), arXiv 2506.11902, for the formula. Confidence: medium. Its code (THUDM/TreeRL f0edbea6) also takes the mean of the other
    leaves from each first, subtracts a mean weighted by tokens, and lends steps without a local advantage that of the step before: not built here.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], {"parent": [-1, -1, 0]})
    >>> tree_rl(batch).advantages.tolist()
    [0.0, 1.0, -1.0]
    """
    require_finite("local_weight", local_weight)
    require_choice("leaf_scale", leaf_scale, get_args(LeafScale))
    tree = step_tree(batch)
    leaves = tree.leaf_returns()
    counts = tree.leaf_counts
    centred = normalized_known(leaves, tree.tasks)
    better = tree.leaf_means(centred.values)
    at_root = tree.before < 0
    previous = np.where(at_root, 0.0, better[tree.before])
    # As many leaves are the same leaves: the difference is then 0 exactly, however their sums were rounded.
    same = ~at_root & (counts == counts[tree.before])
    advantages = better + local_weight * np.where(same, 0.0, better - previous)
    return _credit(tree, leaves, advantages / np.sqrt(counts) if leaf_scale == "sqrt" else advantages, centred)


@assigner(needs=("parent",))
def tree_ps(batch: StepBatch, *, local_weight: float = 1.0, leaf_scale: LeafScale = "sqrt") -> Credit:
    """Value of a step by the outcomes of its descendants, relative to the root and to the step before (a reading: as `tree_rl`).

    Args:
        batch: N steps with the column `parent`.
        local_weight: see `tree_rl`.
        leaf_scale: likewise.

    Returns:
        As `tree_rl`.

    Source: TreePS-RAG (2026), arXiv 2601.06922. Confidence: low; a reading. Its abstract says that the value of a step is the mean outcome of its descendants
    and the process advantage is relative to ancestors; how these are combined was not found, so that TreeRL's combination stands here.
    """
    return tree_rl(batch, local_weight=local_weight, leaf_scale=leaf_scale)


@assigner(needs=("parent",))
def tree_grpo(batch: StepBatch, *, across: Across = "sum", eps: float = 1e-6, singleton: Singleton = "raw") -> Credit:
    """Group-relative advantage of each leaf within its tree plus among all trees of the task, averaged over the leaves under a step.

        A(leaf) = (R - mean_tree R) / (std_tree R + eps) + (R - mean_task R) / (std_task R + eps),    A(n) = mean of A over the leaves under n

    across "nested": the first term normalised once more over the task, in place of the sum. A tree is what hangs together without the root. A tree with one
    leaf has no first term, so that without branches the sum is GRPO, and "nested" has nothing to say: 0 throughout. The source trains a shared step once for
    every leaf; here it stands once, with the mean.

    Args:
        batch: N steps with the column `parent`.
        across: "sum" or "nested".
        eps: added to standard deviations, outside the root.
        singleton: what a task with one leaf gets in the second term: "raw" (R / (1 + eps)) or "zero".

    Returns:
        advantages [N] float64, per step; returns and diagnostics as in `tree_rl`.

    Source: Tree-GRPO (Ji et al. 2025), code AMAP-ML/Tree-GRPO 90b17099, read and not run. Confidence: medium.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], {"parent": [-1, -1, 0]})
    >>> tree_grpo(batch, eps=0.0).advantages.round(6).tolist()
    [0.0, 1.414214, -1.414214]
    """
    require_choice("across", across, get_args(Across))
    tree = step_tree(batch)
    leaves = tree.leaf_returns()
    within = normalized_known(leaves, tree.components, scale="std", eps=eps)
    if across == "nested":
        found = normalized_known(np.where(within.known, within.values, np.nan), tree.tasks, scale="std", eps=eps)
    else:
        found = normalized_known(leaves, tree.tasks, scale="std", eps=eps, singleton=singleton)
        found = found._replace(values=within.values + found.values)
    return _credit(tree, leaves, tree.leaf_means(found.values), found)


def _credit(tree: StepTree, leaves: FloatArray, advantages: FloatArray, found: Relative) -> Credit:
    before = tree.path_sums(tree.batch.rewards) - tree.batch.rewards
    counts = tree.leaf_counts
    return Credit(
        advantages=advantages,
        returns=tree.leaf_means(leaves) - before,
        keep=np.ones(advantages.size, dtype=np.bool_),
        diagnostics=group_diagnostics(found.members, found.values[found.known])
        | {"forks": float(np.count_nonzero(tree.forks >= 0)), "leaves_mean": float(counts.mean()) if counts.size else 0.0},
    )

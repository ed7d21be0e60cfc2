"""Advantages among the steps that were taken at one node of a tree (see `prm_gym.credit.trees`): what was tried there, side by side."""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.normalize import Scale, normalized
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.stepwise import normalized_known
from prm_gym.credit.trees import StepTree, step_tree


@assigner(needs=("parent",))
def slate(batch: StepBatch, *, eps: float = 1e-6) -> Credit:
    """Advantage of a step's own reward among the k candidates that were sampled from the same prefix.

        A_j = (r_j - mean r) / (std r + eps),    over the k steps that were taken at the node

    A candidate that was not gone on with is a trajectory of one step. A node with k = 1 has A = 0, where the source's code has NaN (a standard deviation of
    one).

    Args:
        batch: N steps with the column `parent`; rewards are of the steps alone (in the source a judge's, of a thought and of what it leads to).
        eps: added to the standard deviation (ddof 1), outside the root.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over the candidates by node.

    Source: SLATE (2026), arXiv 2602.23440, code algoprog/SLATE cbab1531. Confidence: high. Not included: that the candidate to go on with is drawn from
    softmax(A / 0.7), which is the sampler's part, and the judge.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([1, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], {"parent": [-1, -1, -1]})
    >>> slate(batch, eps=0.0).advantages.round(6).tolist()
    [0.707107, 0.0, -0.707107]
    """
    tree = step_tree(batch)
    return _credit(tree, normalized(batch.rewards, tree.siblings, scale="std", eps=eps, singleton="zero"))


@assigner(needs=("parent",))
def spo(batch: StepBatch, *, scale: Scale = "none", eps: float = 1e-8) -> Credit:
    """Value of a step less that of the node at which it was taken, by the recursion over children.

        A(n) = V(n) - V(n-1)  [ / (std of V over the children of n-1 + eps) ],    V(n) = mean of V over the steps taken at n,    V(leaf) = R

    V(n-1) is the mean of V over the siblings of n, so that a step without one has 0: nothing was compared there. The next step of the trajectory that others
    branch off from is one of the children like theirs. A segment, cut and gone on from by others, has their mean for its value; one that was cut and that
    nobody goes on from is a leaf with what it earned.

    Args:
        batch: N steps with the column `parent`.
        scale: "none" or "std", ddof 1.
        eps: added to the standard deviation, outside the root.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over the steps by node.

    Source: SPO-tree (Guo et al. 2025), code AIFrameResearch/SPO b9fc6a26, read and not run. Confidence: medium. SPO-chain is `vineppo` with segments for steps.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], {"parent": [-1, -1, 0]})
    >>> spo(batch).advantages.tolist()
    [0.0, 0.5, -0.5]
    """
    tree = step_tree(batch)
    values = tree.child_means(normalized_known(tree.leaf_returns(), tree.tasks).values)  # measured from the task's mean, so that equal leaves are 0 exactly
    return _credit(tree, normalized(values, tree.siblings, scale=scale, eps=eps, singleton="zero"))


def _credit(tree: StepTree, advantages: FloatArray) -> Credit:
    return Credit(
        advantages=advantages,
        returns=discounted_returns(tree.batch.rewards, tree.batch.offsets, gamma=1.0),
        keep=np.ones(advantages.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tree.siblings, advantages),
    )

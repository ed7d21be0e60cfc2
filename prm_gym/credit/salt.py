"""SALT: trajectory advantages, averaged over the steps that several trajectories have in common."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray, IntArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.grouping import Grouping, group_means
from prm_gym.credit.keys import by_edge
from prm_gym.credit.normalize import Singleton, normalized
from prm_gym.credit.options import require_choice
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch

Base = Literal["grpo", "rloo"]


@assigner(needs=("state_key", "action_key", "next_state_key"))
def salt(batch: StepBatch, *, base: Base = "grpo", history_length: int = 0, eps: float = 1e-6, ddof: int = 1, singleton: Singleton = "raw") -> Credit:
    """Advantage of the trajectory, averaged over all trajectories that share the step.

        A_{i,t} = mean of A_j over the occurrences (j, u) of the edge e_{i,t},   if it occurs in several trajectories of the task
        A_{i,t} = A_i                                                            otherwise
        e_{i,t} = (s_t, a_t, s_{t+1}), with history_length = h also its h preceding edges

    A_i is the advantage of the whole trajectory by the base algorithm. What good and bad attempts did alike gets what they got on average;
    where they part, each keeps its own. Without shared edges this is the base algorithm exactly.

    For a policy that sees the state alone, the gradient estimate sum_{i,t} A_{i,t} grad log pi(a_{i,t} | s_{i,t}) is that of the base exactly: all occurrences
    of an edge have the same gradient of log pi, and SALT keeps the sum of their advantages. It changes the update where the policy sees more than the state
    (a history, say), where ratios are clipped, or where steps weigh differently (by their tokens, or by the length of their trajectory).

    Confidence: medium. The paper's full text was not at hand; the rule is from the account of it in GRAFT, appendix A.3. Our readings: the
    mean is over occurrences, so that a trajectory that takes an edge twice counts twice; edges merge whatever came before them
    (history_length 0), and a step with fewer than h predecessors merges only with steps that have the same, shorter history.

    Args:
        batch: N steps with the columns `state_key`, `action_key`, `next_state_key`.
        base: "grpo" or "rloo".
        history_length: number of preceding edges that must agree too, from 0.
        eps: of the base "grpo".
        ddof: of the standard deviation of the base "grpo".
        singleton: base advantage of a trajectory that is alone in its task: "raw" or "zero", see `grpo` and `rloo`.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories and of the base advantages; `edges`, their
        number; `shared_share`, share in [0, 1] of the steps whose edge occurs in several trajectories.

    Source: Li et al. (2025), arXiv 2510.20022.

    >>> from prm_gym.credit import StepBatch
    >>> keys = {"state_key": ["s", "u", "s", "u"], "action_key": ["go", "left", "go", "right"], "next_state_key": ["u", "x", "u", "y"]}
    >>> batch = StepBatch([0, 1, 0, 0], [0, 2, 4], ["task", "task"], [1, 0], [False, False], keys)
    >>> salt(batch, base="rloo").advantages.tolist()
    [0.0, 1.0, 0.0, -1.0]
    """
    require_choice("base", base, get_args(Base))
    owner = batch.trajectory_of_step
    tasks = batch.tasks
    totals = trajectory_returns(batch.rewards, batch.offsets)
    if base == "grpo":
        trajectory_advantages = normalized(totals, tasks, scale="std", eps=eps, ddof=ddof, singleton=singleton)
    else:
        trajectory_advantages = normalized(totals, tasks, centre="leave_one_out", singleton=singleton)
    edges = by_edge(batch, history_length)
    shared = _in_several_trajectories(edges, owner)[edges.codes]
    return Credit(
        # An edge of one trajectory averages equal numbers, and group_means is exact for those: it keeps A_i to the last bit.
        advantages=group_means(trajectory_advantages[owner], edges)[edges.codes],
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(owner.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, trajectory_advantages)
        | {"edges": float(edges.count), "shared_share": float(shared.mean()) if shared.size else 0.0},
    )


def _in_several_trajectories(edges: Grouping, owner: IntArray) -> BoolArray:
    """[count] bool, whether an edge occurs in more than one trajectory; the owners must not decrease along the rows."""
    lowest = np.empty(edges.count, dtype=np.int64)
    highest = np.empty(edges.count, dtype=np.int64)
    # Of several assignments to one place numpy keeps the last.
    lowest[edges.codes[::-1]] = owner[::-1]
    highest[edges.codes] = owner
    return lowest != highest

"""GraphGPO: an episode term, and a step term from how near to a success the step led."""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.episode_term import EpisodeBaseline, Normalize, episode_advantages, scale_of
from prm_gym.credit.normalize import normalized
from prm_gym.credit.options import require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transition_graph import TransitionGraph, steps_to_goal, transition_graph
from prm_gym.errors import OptionError


@assigner(needs=("state_key", "next_state_key"))
def graph_gpo(
    batch: StepBatch,
    *,
    omega: float = 0.1,
    step_weight: float = 1.0,
    success: float = 1.0,
    success_reward: float = 10.0,
    normalize: Normalize = "mean_std",
    episode_baseline: EpisodeBaseline = "per_trajectory",
    eps: float = 1e-6,
) -> Credit:
    """Group-relative advantage of the trajectory plus that of the step's distance to a success among all steps taken in its state.

        A_{i,t} = A^E_i + step_weight * (q_{i,t} - mean_u q) / (std_u q + eps),    q_{i,t} = success_reward * omega**d(s_{t+1})

    d(s) is the number of steps on the shortest way from s to a success in the graph of all attempts at the task: 0 for the success itself; for a state from
    which no success is known, one more than the greatest known distance of the task. A task without a success has no step term, nor has a state that was
    visited once. A^E is that of `gigpo`.

    With omega = 0.1 distances beyond seven are smaller than eps and hardly count; a larger omega sees further.

    Args:
        batch: N steps with the columns `state_key` and `next_state_key`, keys of the same states, and outcomes.
        omega: decay of the reward by distance, in (0, 1).
        step_weight: of the step term.
        success: from which outcome on a trajectory has succeeded, in (0, 1]. A trajectory whose outcome is not known ends in no success.
        success_reward: scale of q, which matters against eps alone, or with normalize="mean"; above 0.
        normalize: "mean_std" (the authors' default) or "mean"; of both terms.
        episode_baseline: see `gigpo`; the authors' code has "per_row".
        eps: added to standard deviations.

    Returns:
        advantages [N] float64, per step; returns without discount; diagnostics as in `group_diagnostics`: over trajectories, and over steps with the prefix
        `step_`; `reaching_share`, share in [0, 1] of the steps that led to a state from which a success is known.

    Source: GraphGPO (Cheng et al. 2026), arXiv 2605.26684. Confidence: medium; a reading from GRAFT, appendix A.2, and from an independent reimplementation for
    the defaults, the unreachable states and the groups of one. The exponent is that of the authors' code; the paper's has one step more, a common factor.

    >>> from prm_gym.credit import StepBatch
    >>> columns = {"state_key": list("sus"), "next_state_key": list("uxv")}
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], columns)
    >>> graph_gpo(batch, omega=0.5, success_reward=1.0, normalize="mean").advantages.tolist()
    [0.6875, 0.5, -0.6875]
    """
    require_finite("step_weight", step_weight)
    _require_open("omega", omega)
    if not 0.0 < success <= 1.0:
        raise OptionError(f"success must be in (0, 1], got {success!r}.")
    if not 0.0 < success_reward < np.inf:
        raise OptionError(f"success_reward must be above 0 and finite, got {success_reward!r}.")
    scale = scale_of(normalize)
    tasks = batch.tasks
    episode = episode_advantages(batch, tasks, scale=scale, baseline=episode_baseline, eps=eps)
    succeeded = batch.outcomes >= success  # not where it is NaN
    graph = transition_graph(batch, ends=succeeded)
    arrives = np.zeros(batch.rewards.size, dtype=np.bool_)
    arrives[batch.offsets[1:][succeeded] - 1] = True
    distances = steps_to_goal(graph, arrives)
    reaching = np.isfinite(distances[graph.target]) | arrives
    near = success_reward * omega ** np.where(arrives, 0.0, _with_unreachable(distances, graph)[graph.target])
    visits = graph.visits
    step = normalized(near, visits, scale=scale, eps=eps, singleton="zero")
    return Credit(
        advantages=episode + step_weight * step,
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(step.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, episode[batch.offsets[:-1]])
        | group_diagnostics(visits, step, prefix="step_")
        | {"reaching_share": float(reaching.mean()) if reaching.size else 0.0},
    )


def _with_unreachable(distances: FloatArray, graph: TransitionGraph) -> FloatArray:
    """[nodes + 1] float64, the distances with one more than the greatest known one of the task in place of infinity; 1 in a task without a success."""
    farthest = np.zeros(int(graph.task_of_node[-1]) + 1)
    known = np.isfinite(distances)
    np.maximum.at(farthest, graph.task_of_node[known], distances[known])
    return np.where(known, distances, farthest[graph.task_of_node] + 1.0)


def _require_open(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise OptionError(f"{name} must lie between 0 and 1, both excluded, got {value!r}.")

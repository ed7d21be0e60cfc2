"""RewardFlow: an episode term, and a step term from rewards that flow back over the graph of all attempts."""

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.episode_term import EpisodeBaseline, Normalize, episode_advantages, scale_of
from prm_gym.credit.normalize import normalized
from prm_gym.credit.options import require_between, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transition_graph import best_values, settled, transition_graph


@assigner(needs=("state_key", "next_state_key"))
def reward_flow(
    batch: StepBatch,
    *,
    gamma: float = 0.95,
    step_weight: float = 1.0,
    normalize: Normalize = "mean",
    episode_baseline: EpisodeBaseline = "per_trajectory",
    eps: float = 1e-6,
) -> Credit:
    """Group-relative advantage of the trajectory plus that of how much nearer to a reward the step led, among all steps taken in its state.

        V(s)    = max(max over the steps taken in s of r, gamma * max over its successors of V(s'))
        f_t     = V(s_{t+1}) - V(s_t),    and r_t for the last step of a trajectory
        A_{i,t} = A^E_i + step_weight * (f_{i,t} - mean_u f) / F    over the steps of the task taken in u = s_t

    One success colours every state from which some attempt has found a way to it. V is an optimist's: it takes each state to go on as the best attempt did, and
    sums no rewards. A state that nobody has acted in has V = 0. A^E and F are those of `gigpo`; f is a difference already and is not summed up. A state that
    was visited once has no step term. `transition_graph.best_values` says how many sweeps over the edges this takes.

    A last step leads to no state, of a truncated trajectory as of a finished one: no value flows back over it, and its f is its reward, from which no V(s_t) is
    taken. So a step that fails at once where others succeeded has f = 0, and one that goes round and succeeds later gamma V - V < 0, less than that; the
    episode term, which is that of the whole trajectory, tells these two apart.

    Args:
        batch: N steps with the columns `state_key` and `next_state_key`, keys of the same states.
        gamma: what a reward loses with each step back, in [0, 1].
        step_weight: of the step term.
        normalize: "mean" (the authors' default) or "mean_std"; of both terms.
        episode_baseline: see `gigpo`; the authors' code has "per_row".
        eps: added to the standard deviation.

    Returns:
        advantages [N] float64, per step; returns with the discount; diagnostics as in `group_diagnostics`: over trajectories, and over steps with the prefix
        `step_`; `nodes`, `edges`, `sweeps`.

    Source: RewardFlow, its code (tmlr-group/RewardFlow, commit f2dfe0af, `rewardflow/propagation.py`), propagation "decay"; at commit 518499e6 rewards flow
    along every edge in both directions, which is not built here. What a last step gets is the code's. There a state has the reward of the step that was seen
    first in it, here the greatest, so that the order of the attempts does not matter; there steps that change nothing are taken out of the graph, which here
    makes no difference, since gamma V(s) is not above V(s) where rewards are not negative. Confidence: high for the code.

    >>> from prm_gym.credit import StepBatch
    >>> columns = {"state_key": list("sus"), "next_state_key": list("uxv")}
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], columns)
    >>> reward_flow(batch, gamma=0.5).advantages.tolist()
    [0.75, 0.5, -0.75]
    """
    require_between("gamma", gamma, 0.0, 1.0)
    require_finite("step_weight", step_weight)
    scale = scale_of(normalize)
    tasks = batch.tasks
    episode = episode_advantages(batch, tasks, scale=scale, baseline=episode_baseline, eps=eps)
    graph = transition_graph(batch, ends=np.ones_like(batch.truncated))
    found = best_values(graph, batch.rewards, gamma)
    last = batch.offsets[1:] - 1
    flow = found.values[graph.target] - found.values[graph.source]
    flow[last] = batch.rewards[last]
    visits = graph.visits
    step = normalized(settled(flow, visits, found.error[graph.source]), visits, scale=scale, eps=eps, singleton="zero")
    return Credit(
        advantages=episode + step_weight * step,
        returns=discounted_returns(batch.rewards, batch.offsets, gamma),
        keep=np.ones(step.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, episode[batch.offsets[:-1]])
        | group_diagnostics(visits, step, prefix="step_")
        | {**graph.sizes, "sweeps": float(found.sweeps)},
    )

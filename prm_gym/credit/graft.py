"""GRAFT: differences of the values that the attempts' own transitions give to states."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.normalize import normalized
from prm_gym.credit.options import require_between, require_choice
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import linear_recurrence
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transition_graph import NodeValues, TransitionGraph, expected_values, settled, transition_graph
from prm_gym.errors import OptionError

Only = Literal["sign", "zero"]


@assigner(needs=("state_key", "next_state_key"))
def graft(
    batch: StepBatch, *, gamma: float = 0.99, lam: float = 0.0, normalize: bool = True, only: Only = "sign", bootstrap: bool = False, eps: float = 1e-6
) -> Credit:
    """Advantage of the step over the value of its state, both by value iteration on the graph of all attempts at the task.

        V(u)  = mean over the steps taken in u of (r + gamma V(s')),    V(end) = 0
        d_t   = r_t + gamma V(s_{t+1}) - V(s_t),    A_t = d_t + gamma lam A_{t+1}
        A'_t  = (A_t - mean_u A) / (std_u A + eps)    over the steps taken in u = s_t, ddof 1

    A step that leads to where others succeeded is credited even if its own attempt failed. V is the solution of Bellman's equation with the counted policy and
    transitions, see `transition_graph.expected_values` for the number of sweeps. A state that nobody has acted in has value 0, like the end, and so has one
    from which no end was reached, unless something is paid on the way. A last step leads to the end: d = r - V(s).

    In mean and std an edge counts as often as it was taken. Counted so the mean of d is 0 in every state by Bellman's equation.

    With lam = 0 a state that only one step was taken in has A = 0; with lam > 0 what `only` says.

    Args:
        batch: N steps with the columns `state_key` and `next_state_key`, keys of the same states.
        gamma: discount, in [0, 1): with 1 values of cycles need not settle.
        lam: lambda, in [0, 1], along the trajectory. 1 is the return minus V.
        normalize: whether to divide within the state; the source found that it matters most.
        only: what a step gets that is alone in its state: "sign" of its advantage (as the source: mean 0, standard deviation |A|), or "zero".
        bootstrap: whether a truncated trajectory goes on with the value of the state it was cut in; otherwise it ends there, as in the source.
        eps: added to the standard deviation, outside the root.

    Returns:
        advantages [N] float64, per step; returns G_t = A_t + V(s_t) before normalisation; diagnostics as in `group_diagnostics`, over steps by their state;
        `nodes`, `edges`, `sweeps`.

    Raises:
        OptionError: gamma is 1, or an option is out of its range.

    Source: GRAFT (2026), equations 5 to 11. Confidence: high for the one-step advantage; how often an edge counts in the normalisation, and ddof, are readings.
    There an end has the outcome as its value, here the last step has it as its reward: on outcomes alone its V is ours times gamma, which the division takes
    out. lam is a reading: the source's "graph GAE" (equation 9) adds the mean d over all occurrences of edges that are reachable in exactly k steps. Bellman's
    equation makes these means 0 in every state, so as it is written it changes nothing; ours goes along the trajectory, as GAE does.

    >>> from prm_gym.credit import StepBatch
    >>> columns = {"state_key": list("susv"), "next_state_key": list("uxvx")}
    >>> batch = StepBatch([0, 1, 0, 0], [0, 2, 4], ["task", "task"], [1, 0], [False, False], columns)
    >>> graft(batch, gamma=0.5, normalize=False).advantages.tolist()
    [0.25, 0.0, -0.25, 0.0]
    """
    require_between("lam", lam, 0.0, 1.0)
    require_between("eps", eps, 0.0, np.inf)
    require_choice("only", only, get_args(Only))
    if not 0.0 <= gamma < 1.0:
        raise OptionError(f"gamma of graft must be in [0, 1), got {gamma!r}.")
    graph = transition_graph(batch, ends=~batch.truncated if bootstrap else np.ones_like(batch.truncated))
    found = expected_values(graph, batch.rewards, gamma)
    raw = _advantages(batch, graph, found, gamma, lam)
    states = graph.visits
    error = found.error[graph.source] * (1.0 + gamma) / (1.0 - gamma * lam)
    advantages = _within_states(settled(raw, states, error), states, only, error, eps) if normalize else np.where(np.abs(raw) <= error, 0.0, raw)
    return Credit(
        advantages=advantages,
        returns=raw + found.values[graph.source],
        keep=np.ones(raw.size, dtype=np.bool_),
        diagnostics=group_diagnostics(states, advantages) | {**graph.sizes, "sweeps": float(found.sweeps)},
    )


def _advantages(batch: StepBatch, graph: TransitionGraph, found: NodeValues, gamma: float, lam: float) -> FloatArray:
    """[N] float64, the differences d, summed up along each trajectory."""
    differences = batch.rewards + gamma * found.values[graph.target] - found.values[graph.source]
    factors = np.full(differences.size, gamma * lam)
    factors[batch.offsets[1:] - 1] = 0.0
    return linear_recurrence(differences, factors)


def _within_states(values: FloatArray, states: Grouping, only: Only, error: FloatArray, eps: float) -> FloatArray:
    """[N] float64, centred and scaled within the state."""
    result = normalized(values, states, scale="std", eps=eps, singleton="zero")
    if only == "zero":
        return result
    alone = (states.sizes == 1)[states.codes] & (np.abs(values) > error)
    result[alone] = values[alone] / (np.abs(values[alone]) + eps)
    return result

"""RTMC: what an action has brought in a state, against what the state has."""

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.grouping import factorise, group_means, intersection
from prm_gym.credit.keys import by_state
from prm_gym.credit.normalize import deviations
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch


@assigner(needs=("state_key", "action_key"))
def rtmc(batch: StepBatch, *, gamma: float = 1.0) -> Credit:
    """Mean return of the action in its state minus the mean return of the state, over the visits of all attempts at the task.

        A_{i,t} = Q(s_t, a_t) - V(s_t),    Q(s, a) = mean of G over the visits to (s, a),    V(s) = mean of G over the visits to s

    It is the step term of `gigpo` with the returns of equal actions pooled, and no episode term: a state that was visited once, or always left by the same
    action, has A = 0.

    Args:
        batch: N steps with the columns `state_key` and `action_key`.
        gamma: discount, in [0, 1].

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over steps by their state; `actions`, number of distinct pairs of state and
        action.

    Source: RTMC (Wang et al. 2026), arXiv 2604.11037. Confidence: medium; a reading, from the equations in GRAFT (2026), appendix A.4: every visit counts.
    Other accounts have it count first visits, and smooth with a prior that was not found. The discount was not found either. What it calls signatures of states
    and actions are our keys.

    >>> from prm_gym.credit import StepBatch
    >>> columns = {"state_key": ["s"] * 4, "action_key": ["a", "a", "b", "b"]}
    >>> rtmc(StepBatch([1, 0, 0, 0], [0, 1, 2, 3, 4], ["task"] * 4, [1, 0, 0, 0], [False] * 4, columns)).advantages.tolist()
    [0.25, 0.25, -0.25, -0.25]
    """
    returns = discounted_returns(batch.rewards, batch.offsets, gamma)
    states = by_state(batch)
    choices = intersection(states, factorise(batch.column("action_key"), "action_key"))
    # Centred before averaging: where all visits returned the same, this is exactly 0. So is a state's only action.
    sole = choices.sizes[choices.codes] == states.sizes[states.codes]
    advantages = np.where(sole, 0.0, group_means(deviations(returns, states), choices)[choices.codes])
    return Credit(
        advantages=advantages,
        returns=returns,
        keep=np.ones(returns.size, dtype=np.bool_),
        diagnostics=group_diagnostics(states, advantages) | {"actions": float(choices.count)},
    )

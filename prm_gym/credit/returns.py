"""Returns of ragged trajectories, without a loop over steps."""

import numpy as np

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.credit.options import require_between


def discounted_returns(rewards: FloatArray, offsets: IntArray, gamma: float) -> FloatArray:
    """Discounted return-to-go of every step.

        G_t = r_t + gamma * G_{t+1},    G_T = 0

    By recursive doubling, O(N log T) for the longest trajectory T: with G^h the return cut after h steps,

        G^1_t = r_t,    G^2h_t = G^h_t + gamma**h * G^h_{t+h}

    The sum for a step depends on its own trajectory's future alone, so equal futures have bit-identical returns.

    Args:
        rewards: [N] float64, per step.
        offsets: [M+1] int64, trajectory i owns the rows offsets[i]:offsets[i+1]; it may own none.
        gamma: discount, in [0, 1].

    Returns:
        [N] float64, per step. A truncated trajectory ends with value 0, like a finished one.

    Raises:
        OptionError: gamma is not in [0, 1].

    >>> import numpy as np
    >>> discounted_returns(np.array([0.0, 0.0, 1.0, 5.0]), np.array([0, 3, 4]), gamma=0.5).tolist()
    [0.25, 0.5, 1.0, 5.0]
    """
    require_between("gamma", gamma, 0.0, 1.0)
    returns = rewards.astype(np.float64, copy=True)
    if _one_step_each(rewards, offsets):
        return returns
    lengths = np.diff(offsets)
    longest = int(lengths.max(initial=0))
    # Steps from this one to the end of its trajectory, itself included.
    remaining = np.repeat(offsets[1:], lengths)
    remaining -= np.arange(rewards.size)
    reach, discount, scratch = 1, float(gamma), np.empty_like(returns)
    while reach < longest and discount > 0.0:
        later = np.multiply(returns[reach:], discount, out=scratch[reach:])
        np.copyto(later, 0.0, where=remaining[:-reach] <= reach)  # that row belongs to another trajectory
        returns[:-reach] += later
        reach, discount = 2 * reach, discount * discount
    return returns


def linear_recurrence(terms: FloatArray, factors: FloatArray) -> FloatArray:
    """The solution of a backward linear recurrence over all rows at once, O(N log T) for the longest run T of factors other than 0.

        y_t = b_t + a_t * y_{t+1},    a_t = 0 on the last row of a trajectory

    By recursive doubling: after each pass y_t is written over a row that is twice as far away,

        b_t <- b_t + a_t * b_{t+h},    a_t <- a_t * a_{t+h}

    so a row depends on its own trajectory's future alone. `discounted_returns` is the case of one factor for all rows.

    Args:
        terms: [N] float64, b.
        factors: [N] float64, a; 0 on the last row of every trajectory.

    Returns:
        [N] float64, y.

    >>> import numpy as np
    >>> linear_recurrence(np.array([0.0, 1.0, 5.0]), np.array([0.5, 0.0, 0.0])).tolist()
    [0.5, 1.0, 5.0]
    """
    solution, reaching = terms.astype(np.float64, copy=True), factors.astype(np.float64, copy=True)
    if reaching.size:
        reaching[-1] = 0.0
    reach = 1
    while reach < solution.size and reaching.any():
        solution[:-reach] += reaching[:-reach] * solution[reach:]
        reaching[:-reach] *= reaching[reach:]
        reaching[-reach:] = 0.0
        reach *= 2
    return solution


def trajectory_returns(rewards: FloatArray, offsets: IntArray) -> FloatArray:
    """[M] float64, undiscounted sum of the rewards of each trajectory: R_i = sum_t r_{i,t}. 0 for a trajectory without steps. O(N).

    Args:
        rewards: [N] float64, per step.
        offsets: [M+1] int64, trajectory i owns the rows offsets[i]:offsets[i+1].
    """
    if _one_step_each(rewards, offsets):
        return rewards.astype(np.float64, copy=True)
    totals = np.zeros(offsets.size - 1)
    some = offsets[1:] > offsets[:-1]  # between the beginnings of two that own steps there are the steps of the first alone
    totals[some] = np.add.reduceat(rewards, offsets[:-1][some])
    return totals


def _one_step_each(rewards: FloatArray, offsets: IntArray) -> bool:
    """Whether every trajectory owns one step, as single answers do: their sums and returns are the rewards themselves."""
    return offsets.size - 1 == rewards.size and bool((offsets[1:] > offsets[:-1]).all())

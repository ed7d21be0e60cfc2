"""Generalised advantage estimation over the steps of an environment, with a critic's values."""

from typing import NamedTuple

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray, IntArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import explained_share, unknown_share
from prm_gym.credit.normalize import whitened
from prm_gym.credit.options import require_between
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import linear_recurrence
from prm_gym.credit.step_batch import StepBatch


class Estimate(NamedTuple):
    """What the estimator says of N steps.

    Attributes:
        advantages: [N] float64; 0 where there is none.
        returns: [N] float64, what the critic is to be fitted to.
        known: [N] bool, whether there is an advantage.
    """

    advantages: FloatArray
    returns: FloatArray
    known: BoolArray


def generalized_advantage(batch: StepBatch, rewards: FloatArray, gamma: float, lam: float, bootstrap: bool) -> Estimate:
    """Advantages and value targets by GAE. O(N log T), without a loop over steps.

        delta_t = r_t + gamma * V_{t+1} - V_t,    A_t = delta_t + gamma * lam * A_{t+1},    G_t = A_t + V_t

    After the last step of a finished trajectory V = 0. A truncated one goes on from `bootstrap_value`; where that is not known, its last step has no
    advantage (of the steps whose value is known, the last one), and G_t = V_t there: the step before it sees V_t, and none an end that there was not.

    A step whose own value is not known has no advantage; the step before it looks one step further, as if lam were 1 there:

        A_t = r_t + gamma * G_{t+1} - V_t,    G_t = r_t + gamma * ((1 - lam) V_{t+1} + lam G_{t+1})

    Args:
        batch: with the column `value`, and `bootstrap_value` where there is one; NaN where not known.
        rewards: [N] float64, per step, those of the batch or others.
        gamma: discount, in [0, 1].
        lam: lambda, in [0, 1].
        bootstrap: False takes a truncated trajectory for a finished one.

    Raises:
        OptionError: gamma or lam is not in [0, 1].
        CreditError: a value is infinite, or the column is missing.
    """
    require_between("gamma", gamma, 0.0, 1.0)
    require_between("lam", lam, 0.0, 1.0)
    given = batch.numbers("value")
    known = ~np.isnan(given)
    values = np.where(known, given, 0.0)
    last = batch.offsets[1:] - 1
    following, follows = np.zeros_like(values), np.zeros_like(values)
    following[:-1], follows[:-1] = values[1:], np.where(known[1:], lam, 1.0)  # where V is not known the recursion itself goes on
    following[last], follows[last] = 0.0, 0.0
    judged = known.copy()
    open_rows = last[batch.truncated] if bootstrap else last[:0]
    following[open_rows] = beyond = _beyond(batch, open_rows)
    differences = rewards + gamma * np.nan_to_num(following) - values
    # Where nothing is known of what would have followed, the last value that is known stands for it.
    unknown_ends = np.isin(last, open_rows[np.isnan(beyond)])
    stops = np.maximum.reduceat(np.where(known, np.arange(known.size), -1), batch.offsets[:-1])[unknown_ends] if known.size else last
    stops = stops[stops >= 0]
    differences[stops], follows[stops], judged[stops] = 0.0, 0.0, False
    sums = linear_recurrence(differences, gamma * follows)
    return Estimate(np.where(judged, sums, 0.0), sums + values, judged)


def _beyond(batch: StepBatch, rows: IntArray) -> FloatArray:
    """[len(rows)] float64, value of the state after each of these last steps; NaN where not known."""
    return batch.numbers("bootstrap_value")[rows] if "bootstrap_value" in batch.columns else np.full(rows.size, np.nan)


@assigner(needs=("value",), uses=("bootstrap_value",))
def gae(batch: StepBatch, *, gamma: float = 0.99, lam: float = 0.95, bootstrap: bool = False, whiten: bool = False) -> Credit:
    """Generalised advantage estimation over environment steps, with a critic's values.

        A_t = sum_{k>=0} (gamma lam)^k delta_{t+k},    delta_t = r_t + gamma * V_{t+1} - V_t

    lam = 0 is the one-step error delta_t; lam = 1 with values of 0 is the return-to-go. See `generalized_advantage` for truncated trajectories and for values
    that are not known.

    Args:
        batch: N steps with the column `value`, and `bootstrap_value` where the agent can say it.
        gamma: discount, in [0, 1].
        lam: lambda, in [0, 1].
        bootstrap: whether a truncated trajectory goes on from the value of the state that it ended in; False takes it for a finished one, as verl does. True is
            for limits that the task does not know of. Our environments say what an episode that runs out of steps came to (0, mostly): with True an agent is
            not told so, and learns to take its time.
        whiten: centre the advantages over the batch and divide by their standard deviation, as PPO does. Our agents scale advantages themselves.

    Returns:
        advantages [N] float64, per step; returns G_t = A_t + V_t, to which the critic is fitted; keep False where there is no advantage; diagnostics
        `unknown_share`, share in [0, 1] of these steps; `explained`, 1 - Var(G - V) / Var(G) over the others, left out where all G are equal.

    Source: Schulman et al. (2016), arXiv 1506.02438, equation 16. One value an environment step, gamma .99 and lam .95: VL-DAC (Bredis et al. 2025), whose code
    also takes the last step of a truncated trajectory out, as we do with `bootstrap` where no value follows. Confidence: high. What the step before an
    unknown value sees is our choice.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1], [0, 2], ["task"], [1], [False], {"value": [0.5, 0.75]})
    >>> gae(batch, gamma=1.0, lam=0.0).advantages.tolist()
    [0.25, 0.25]
    """
    return credit_of(batch, generalized_advantage(batch, batch.rewards, gamma, lam, bootstrap), whiten)


def credit_of(batch: StepBatch, estimate: Estimate, whiten: bool) -> Credit:
    """The credit of an estimate, with its diagnostics (see `gae`)."""
    advantages, returns, known = estimate
    if whiten:
        advantages = advantages.copy()
        advantages[known] = whitened(advantages[known])
    return Credit(
        advantages=advantages,
        returns=returns,
        keep=known,
        diagnostics=unknown_share(known) | explained_share(returns[known], batch.numbers("value")[known]),
    )

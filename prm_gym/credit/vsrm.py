"""VSRM: what each step added to the accuracy of fresh attempts."""

import numpy as np

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import explained_share, unknown_share
from prm_gym.credit.normalize import NOISE, whitened
from prm_gym.credit.options import require_between, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import monte_carlo_differences
from prm_gym.credit.stepwise import process_credit


@assigner(needs=("mc_value",), uses=("bootstrap_mc_value",))
def vsrm(
    batch: StepBatch,
    *,
    tolerance: float = 0.05,
    decay: float = 0.9,
    gamma: float = 1.0,
    outcome_weight: float = 0.0,
    bootstrap: bool = False,
    whiten: bool = True,
) -> Credit:
    """What each step added to the value of the state, or its share of the next change that counts; summed over the steps that follow.

        d_t = r_t + V_{t+1} - V_t
        q_t = d_t if |d_t| >= tolerance, else decay^h d_{t+h} for the next h with |d_{t+h}| >= tolerance, else 0
        A_t = sum_{u >= t} gamma^(u-t) (q_u + outcome_weight r_u)

    Without tolerance and discount the sum telescopes: A_t = R_{>=t} - V_t, the return-to-go against the Monte-Carlo value. With it, steps that change
    nothing earn what they led to, discounted by how long it took, so that idle steps cost.

    Args:
        batch: N steps with the column `mc_value`, V; NaN where not known: a step without d adds 0, and others look past it.
        tolerance: least change that counts, rounding aside, at least 0.
        decay: a step, in [0, 1].
        gamma: discount of the sum, in [0, 1].
        outcome_weight: of the environment's own rewards on top, finite; 0 as the differences hold them already.
        bootstrap: whether a truncated trajectory goes on from `bootstrap_mc_value`.
        whiten: centre over the batch and divide by the standard deviation, as REINFORCE++ does; a step of which nothing is known then still gets minus
            the mean.

    Returns:
        advantages [N] float64, per step; diagnostics `unknown_share`; `propagated_share`, share in [0, 1] of the steps that earn from a later change;
        `explained`, of the returns by V (see `explained_share`).

    Source: VSRM (Yue et al. 2025), arXiv 2508.10293, equations 3 and 4, from an account of it. Confidence: low; the constants were not found, and the
    composition with REINFORCE++ is a reading.
    """
    require_between("tolerance", tolerance, 0.0, np.inf)
    require_between("decay", decay, 0.0, 1.0)
    require_finite("outcome_weight", outcome_weight)
    differences = monte_carlo_differences(batch, bootstrap=bootstrap)
    known = ~np.isnan(differences)
    values = batch.numbers("mc_value")
    # Of shares of roll-outs, .35 - .3 is a little less than .05: what rounding may have taken off is not asked for.
    rounding = NOISE * (np.abs(batch.rewards) + 2.0 * np.abs(values) + np.abs(differences))
    found = _next_change(differences, batch.offsets, tolerance - np.minimum(rounding, tolerance / 2.0))
    rows = np.arange(found.size)
    counts = known & (found >= 0)
    rewards = outcome_weight * batch.rewards
    rewards[counts] += decay ** (found[counts] - rows[counts]) * differences[found[counts]]
    advantages = discounted_returns(rewards, batch.offsets, gamma)
    returns = discounted_returns(batch.rewards, batch.offsets, gamma=1.0)
    told = ~np.isnan(values)
    figures = {"propagated_share": float((counts & (found > rows)).mean()) if rows.size else 0.0} | explained_share(returns[told], values[told])
    return process_credit(batch, whitened(advantages) if whiten else advantages, unknown_share(known) | figures)


def _next_change(differences: FloatArray, offsets: IntArray, least: FloatArray) -> IntArray:
    """[N] int64, row of the first step from this one on, in its trajectory, that changes at least what is asked of it; -1 without one."""
    size = differences.size
    rows = np.where(np.abs(differences) >= least, np.arange(size), size)  # False where not known
    following = np.minimum.accumulate(rows[::-1])[::-1]
    return np.where(following < np.repeat(offsets[1:], np.diff(offsets)), following, -1)

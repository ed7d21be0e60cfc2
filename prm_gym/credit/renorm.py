"""PPR: process rewards, shifted by the outcome so that no failed trajectory is paid."""

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.gae import credit_of, generalized_advantage
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import renorm_rewards


@assigner(needs=("score", "value"), uses=("bootstrap_value",))
def renorm(batch: StepBatch, *, gamma: float = 1.0, lam: float = 0.95, bootstrap: bool = False, whiten: bool = False) -> Credit:
    """Generalised advantage estimation over process scores shifted by the outcome: at most 0 in a failed trajectory, at least 0 in a solved one.

        r_t = score_t + outcome - 1,    A_t = sum_k (gamma lam)^k (r_{t+k} + gamma V_{t+k+1} - V_{t+k})

    The shift is a constant a step, so a critic could take it in; what it changes is that every further step of a failing attempt costs, and that of a
    succeeding one does not. The environment's own rewards have no part in it.

    Args:
        batch: N steps with the columns `score`, in [0, 1], and `value`; with `bootstrap_value` where the agent can say it. Outcomes in [0, 1].
        gamma: discount, in [0, 1].
        lam: lambda, in [0, 1].
        bootstrap: whether a truncated trajectory goes on from its last value; not by default, as its outcome is all that there was.
        whiten: see `gae`.

    Returns:
        advantages [N] float64, per step; returns G_t = A_t + V_t; keep False where the value is not known; diagnostics as in `gae`, whose `unknown_share` is
        that of values, and `unknown_reward_share`, share in [0, 1] of the steps without score or outcome: they are paid nothing.

    Without a critic, returns-to-go of the same rewards do: `reinforce(replace(batch, rewards=np.nan_to_num(renorm_rewards(batch))), baseline="batch")`.

    Source: PPR (2025), ReNorm, from two accounts of it that agree; no code was found. Confidence: medium. Lambda and gamma are ours.
    """
    rewards = renorm_rewards(batch)
    unknown = np.isnan(rewards)
    credit = credit_of(batch, generalized_advantage(batch, np.where(unknown, 0.0, rewards), gamma, lam, bootstrap), whiten)
    figures = credit.diagnostics | {"unknown_reward_share": float(unknown.mean()) if unknown.size else 0.0}
    return Credit(credit.advantages, credit.returns, credit.keep, figures)

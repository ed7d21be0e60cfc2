"""SPA: the outcome attributed to steps by a learned progress estimator."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.gae import credit_of, generalized_advantage
from prm_gym.credit.grouping import rows_text
from prm_gym.credit.options import require_choice, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError

Residual = Literal["last", "none"]


def progress_rewards(batch: StepBatch, *, residual: Residual = "last", weight: float = 1.0, grounding: float = 0.0) -> FloatArray:
    """[N] float64, the reward of each step by what it added to the expected outcome.

        r_t = weight * c_t + grounding * r^env_t + [t last and residual "last"] weight * (R - sum_u c_u),    R = sum_t r^env_t

    With residual "last", weight 1 and grounding 0 the rewards of a trajectory sum to R, whatever the estimator says: c is the difference of a potential
    Phi_t = sum_{u<t} c_u, and the return-to-go is R - Phi_t without discount. Phi_t depends on what came before step t alone, so it is a baseline: the
    expected policy gradient is that of R, and a poor estimator costs variance and no bias, as long as it has not been fitted to these very episodes.

    A step without an estimate adds 0; the residual takes in what it may have added.

    Args:
        batch: with the column `progress`, c; NaN where not known.
        residual: "last", or "none" for the estimator's rewards alone, as published.
        weight: of the attributed outcome, finite.
        grounding: of the environment's own rewards (SPA: whether the environment accepted the action), finite.

    Raises:
        OptionError: an option is none of its choices, or not finite.
        CreditError: the column is missing, or a trajectory has no estimate at all; names the trajectories.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 0, 1], [0, 3], ["task"], [1], [False], {"progress": [0.25, 0.5, 0.125]})
    >>> progress_rewards(batch).tolist()
    [0.25, 0.5, 0.25]
    """
    require_choice("residual", residual, get_args(Residual))
    require_finite("weight", weight)
    require_finite("grounding", grounding)
    progress = batch.numbers("progress")
    unknown = np.isnan(progress)
    blind = np.bincount(batch.trajectory_of_step[~unknown], minlength=batch.lengths.size) == 0
    if blind.any():
        raise CreditError(f"progress is not known on any step of the trajectories in {rows_text(blind)}; leave them out, or look into the estimator.")
    attributed = np.where(unknown, 0.0, progress)
    if residual == "last":
        attributed[batch.offsets[1:] - 1] += trajectory_returns(batch.rewards, batch.offsets) - trajectory_returns(attributed, batch.offsets)
    return weight * attributed + grounding * batch.rewards


@assigner(needs=("progress", "value"), uses=("bootstrap_value",))
def spa(
    batch: StepBatch,
    *,
    gamma: float = 1.0,
    lam: float = 0.95,
    residual: Residual = "last",
    weight: float = 1.0,
    grounding: float = 0.0,
    bootstrap: bool = False,
    whiten: bool = False,
) -> Credit:
    """Generalised advantage estimation over the outcome attributed to steps by a progress estimator.

        r_t = weight * c_t + grounding * r^env_t + [t last] weight * (R - sum_u c_u),    A_t = sum_k (gamma lam)^k (r_{t+k} + gamma V_{t+k+1} - V_{t+k})

    See `progress_rewards` and `gae`. The critic is fitted to the attributed rewards that are still to come.

    Args:
        batch: N steps with the columns `progress` and `value`, and `bootstrap_value` where the agent can say it.
        gamma: discount, in [0, 1]. Below 1 the rewards no longer sum to the outcome as a step sees them.
        lam: lambda, in [0, 1].
        residual: "last": what the estimator leaves unexplained goes to the last step, so that the rewards sum to R; "none": it is dropped, as published.
        weight: of the attributed outcome.
        grounding: of the environment's own rewards.
        bootstrap: whether a truncated trajectory goes on from its last value. Not by default: R, which is attributed, is all that there was.
        whiten: see `gae`.

    Returns:
        advantages [N] float64, per step; returns G_t = A_t + V_t; diagnostics as in `gae`, and `progress_error`, mean over the trajectories of
        (R - sum_u c_u)^2, the loss of the estimator.

    Source: SPA-RL (Wang et al. 2025), its code for the estimator, trained on (sum_t c_t - R)^2, and for PPO with GAE on what it attributes. Confidence: medium.
    The paper's two weights were not found: 1 and 0 are our reading. The residual is ours; with residual="none" the estimator's errors become a bias.
    """
    rewards = progress_rewards(batch, residual=residual, weight=weight, grounding=grounding)
    credit = credit_of(batch, generalized_advantage(batch, rewards, gamma, lam, bootstrap), whiten)
    totals = trajectory_returns(np.nan_to_num(batch.numbers("progress")), batch.offsets)
    missed = trajectory_returns(batch.rewards, batch.offsets) - totals
    return Credit(credit.advantages, credit.returns, credit.keep, {**credit.diagnostics, "progress_error": float(np.mean(missed**2)) if missed.size else 0.0})

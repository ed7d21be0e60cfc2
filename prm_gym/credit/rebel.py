"""ReBel: an episode term, and step terms between steps that were taken with the same belief."""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.episode_term import Normalize, episode_advantages, scale_of
from prm_gym.credit.grouping import rows_text
from prm_gym.credit.keys import by_belief
from prm_gym.credit.normalize import normalized
from prm_gym.credit.options import require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError


@assigner(needs=("belief_key",), uses=("belief_reward",))
def rebel(batch: StepBatch, *, gamma: float = 0.95, step_weight: float = 0.5, normalize: Normalize = "mean", eps: float = 1e-6) -> Credit:
    """Group-relative advantage of the trajectory plus two of the step among all steps with its belief: of the outcome, and of the rewards of beliefs.

        A_{i,t}  = A^E_i + step_weight * (norm_S(gamma**(T_i - 1 - t) R_i) + norm_S(G^b_{i,t})),    G^b_t = r^b_t + gamma G^b_{t+1}
        norm_S x = (x - mean_S x) / F

    S are the steps of the task with the same belief key, R_i the sum of the environment's rewards, r^b an intrinsic reward of the belief that the agent stated
    (its consistency, progress, exploration and format, say). A^E is that of `gigpo`, over trajectories. F is 1 ("mean") or the standard deviation, ddof 1, plus
    eps. The two streams are normalised apart from one another, so that neither drowns the other. A belief held once gets 0 from both.

    Args:
        batch: N steps with the column `belief_key`, and `belief_reward` where there are such rewards; without that column the second stream is left out.
            Both are the agent's to say: `batch.with_columns({"belief_key": key_array(...), "belief_reward": ...})`, one entry a step.
        gamma: discount, in [0, 1].
        step_weight: of both step terms.
        normalize: "mean" (the authors' default) or "mean_std"; of all terms.
        eps: added to standard deviations.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`: over trajectories, and over steps with the prefix `step_`.

    Raises:
        CreditError: a reward of a belief is not known; names the rows.

    Source: ReBel (2026), arXiv 2605.20061, and its code (Fateyetian/Rebel, commit 10f0d2ee). Step weight 0.5 as in the paper and its script; a configuration
    file beside it has 1.0. The code's further normalisation by task is not included. Confidence: high for the code; what a belief key holds is the agent's
    affair.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([1, 0], [0, 1, 2], ["task", "task"], [1, 0], [False, False], {"belief_key": ["b", "b"]})
    >>> rebel(batch).advantages.tolist()
    [0.75, -0.75]
    """
    require_finite("step_weight", step_weight)
    scale = scale_of(normalize)
    tasks = batch.tasks
    episode = episode_advantages(batch, tasks, scale=scale, eps=eps)
    beliefs = by_belief(batch)
    step = normalized(discounted_returns(_at_the_end(batch), batch.offsets, gamma), beliefs, scale=scale, eps=eps, singleton="zero")
    if "belief_reward" in batch.columns:
        step = step + normalized(discounted_returns(_known(batch), batch.offsets, gamma), beliefs, scale=scale, eps=eps, singleton="zero")
    return Credit(
        advantages=episode + step_weight * step,
        returns=discounted_returns(batch.rewards, batch.offsets, gamma),
        keep=np.ones(step.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, episode[batch.offsets[:-1]]) | group_diagnostics(beliefs, step, prefix="step_"),
    )


def _at_the_end(batch: StepBatch) -> FloatArray:
    """[N] float64, the rewards of each trajectory, all paid by its last step."""
    rewards = np.zeros_like(batch.rewards)
    rewards[batch.offsets[1:] - 1] = trajectory_returns(batch.rewards, batch.offsets)
    return rewards


def _known(batch: StepBatch) -> FloatArray:
    rewards = batch.numbers("belief_reward")
    if np.isnan(rewards).any():
        raise CreditError(f"belief_reward has to be known on every row, got NaN in {rows_text(np.isnan(rewards))}; a return needs all that follows.")
    return rewards

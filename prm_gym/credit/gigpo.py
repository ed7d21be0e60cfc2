"""GiGPO: an episode term between attempts, and a step term between visits to the same state."""

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.episode_term import EpisodeBaseline, Normalize, episode_advantages, scale_of
from prm_gym.credit.keys import by_similarity, by_state
from prm_gym.credit.normalize import Singleton, normalized
from prm_gym.credit.options import require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch


@assigner(needs=("state_key",))
def gigpo(
    batch: StepBatch,
    *,
    gamma: float = 0.95,
    step_weight: float = 1.0,
    normalize: Normalize = "mean",
    episode_baseline: EpisodeBaseline = "per_trajectory",
    similarity: float | None = None,
    eps: float = 1e-6,
    ddof: int = 1,
    singleton: Singleton = "raw",
) -> Credit:
    """Group-relative advantage of the trajectory plus that of the step among all visits to its state.

        A_{i,t}   = A^E_i + step_weight * A^S_{i,t}
        A^E_i     = (R_i - mean_g R) / F,          R_i = sum_t r_{i,t}
        A^S_{i,t} = (G_{i,t} - mean_S G) / F,      G_t = r_t + gamma * G_{t+1}

    g are the trajectories of the task; S the steps of the task that were taken in the same state, repeated visits of one trajectory included.
    F is 1 ("mean") or the standard deviation of the same members plus eps ("mean_std"). A state that was visited once has A^S = 0. A
    truncated trajectory ends with value 0, as in the source.

    Two readings of mean_g R (and of its standard deviation) exist:

    - "per_trajectory", each trajectory counts once: equation 3 of the paper, and our default. With it `step_weight=0` is Dr. GRPO ("mean") or
      GRPO ("mean_std") exactly, so that a comparison with them isolates the step term, and a long failing trajectory does not drag the
      baseline. A task with one trajectory has A^E = R_i.
    - "per_row", each trajectory counts once a step: what the authors' code does unless told otherwise, "more stable" in its words, and what
      to choose for reproducing its figures. A task with one row has A^E = R_i, a task with one longer trajectory 0.

    With gamma < 1 attempts of equal outcome still get different A^S: the shorter way to the end is preferred.

    Args:
        batch: N steps with the column `state_key`.
        gamma: discount of the step term, in [0, 1].
        step_weight: of the step term.
        normalize: "mean" (the authors' default) or "mean_std".
        episode_baseline: "per_trajectory" or "per_row".
        similarity: in (0, 1): visits to states whose keys are texts as similar as that are together too, see `keys.by_similarity` for the rule, its cost and
            its dependence on the order of the trajectories. Without it, keys have to be equal.
        eps: added to the standard deviation, outside the root.
        ddof: of the standard deviation; 1 as torch.std has it.
        singleton: A^E of a trajectory (with "per_row" of a row) that is alone in its task: "raw", R_i, over 1 + eps with "mean_std"; "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`: over trajectories, and over steps with the prefix `step_`.

    Source: Feng et al. (2025), arXiv 2505.10978, equations 3 to 8; verl-agent, `gigpo/core_gigpo.py`, for the groups of one, ddof, eps and similarity.
    Confidence: high. Not included: the penalty for invalid actions (a matter of the reward).

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], {"state_key": ["s", "u", "s"]})
    >>> gigpo(batch, gamma=0.5).advantages.tolist()
    [0.75, 0.5, -0.75]
    """
    require_finite("step_weight", step_weight)
    scale = scale_of(normalize)
    tasks = batch.tasks
    visits = by_state(batch) if similarity is None else by_similarity(batch, similarity)
    returns = discounted_returns(batch.rewards, batch.offsets, gamma)
    step = normalized(returns, visits, scale=scale, eps=eps, ddof=ddof, singleton="zero")
    episode = episode_advantages(batch, tasks, scale=scale, baseline=episode_baseline, eps=eps, ddof=ddof, singleton=singleton)
    figures = group_diagnostics(tasks, episode[batch.offsets[:-1]]) | group_diagnostics(visits, step, prefix="step_")
    return Credit(episode + step_weight * step, returns, np.ones(returns.size, dtype=np.bool_), figures)

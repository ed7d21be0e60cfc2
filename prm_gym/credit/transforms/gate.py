"""Posterior gate: rewards for the process, for those attempts alone that came out right (P-GRPO)."""

from dataclasses import replace

from prm_gym.credit.assigner import assigner
from prm_gym.credit.grpo import grpo
from prm_gym.credit.normalize import Singleton
from prm_gym.credit.options import require_between, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import batch_transform
from prm_gym.credit.transforms.process_rewards import process_rewards


@batch_transform(needs=("score",))
def posterior_gate(batch: StepBatch, *, weight: float = 1.0, success: float = 1.0) -> StepBatch:
    """Adds the mean score of its steps to the reward of every attempt that succeeded.

        R'_i = R_i + weight * [outcome_i >= success] * mean_t score_{i,t}

    A process that led to a wrong answer earns nothing, so that a score cannot be hacked at the cost of the outcome; attempts that all succeed are told apart by
    their process, where the outcome alone has no gradient. Every step with a score gets its share, score_t over their number (see `process_rewards`, also for
    attempts without any score); an outcome that is not known does not pass the gate.

    Args:
        batch: with the column `score`, in [0, 1]; NaN where not known. Its rewards should hold no process reward yet, as those of the scheme "outcome" do.
        weight: of the process reward, finite.
        success: outcome from which on an attempt counts as right, in [0, 1].

    Returns:
        The batch with other rewards.

    Source: P-GRPO, in ReCode (2025), arXiv 2508.05170: R = R_format + R_outcome + [R_outcome = 1] R_process. Confidence: medium; from an account of the paper,
    whose code was not found. That a mean of step scores stands for R_process, and its shares, are our reading.
    """
    require_finite("weight", weight)
    require_between("success", success, 0.0, 1.0)
    passed = batch.outcomes >= success  # False for NaN
    return replace(batch, rewards=batch.rewards + weight * process_rewards(batch, passed))


@assigner(needs=("score",))
def p_grpo(batch: StepBatch, *, weight: float = 1.0, success: float = 1.0, eps: float = 1e-6, ddof: int = 1, singleton: Singleton = "raw") -> Credit:
    """GRPO on the outcome and, where that is right, on the process: the pipeline `posterior_gate|grpo`.

        R'_i = R_i + weight * [outcome_i >= success] * mean_t score_{i,t},    A_{i,t} = (R'_i - mean_j R'_j) / (std_j R'_j + eps)

    Args:
        batch: N steps with the column `score`; NaN where not known.
        weight: of the process reward; see `posterior_gate`.
        success: outcome from which on an attempt counts as right, in [0, 1].
        eps: see `grpo`.
        ddof: see `grpo`.
        singleton: see `grpo`.

    Returns:
        advantages [N] float64, per step; diagnostics as of `grpo`.

    Source: as `posterior_gate`. Confidence: medium, with the same reading.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([1, 1], [0, 1, 2], ["task", "task"], [1, 1], [False, False], {"score": [0.5, 1.0]})
    >>> p_grpo(batch, eps=0.0, ddof=0).advantages.tolist()
    [-1.0, 1.0]
    """
    return grpo(posterior_gate(batch, weight=weight, success=success), eps=eps, ddof=ddof, singleton=singleton)

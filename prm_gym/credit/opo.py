"""OPO: the trajectory's return against the mean of its group, weighted by length."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.grouping import group_sums, rows_text
from prm_gym.credit.normalize import Singleton, deviations
from prm_gym.credit.options import require_choice
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.errors import CreditError

Length = Literal["steps", "tokens"]


@assigner(uses=("n_tokens",))
def opo(batch: StepBatch, *, length: Length = "steps", singleton: Singleton = "raw") -> Credit:
    """The trajectory's reward minus the mean of its group, each attempt weighted by its length.

        A_{i,t} = R_i - sum_j L_j R_j / sum_j L_j,    R_i = sum_t r_{i,t}

    The baseline that makes the variance of the gradient least is weighted by the squared norm of the gradient of log pi; L stands for that, which is right when
    steps add up like independent ones of equal norm. Attempts of equal length make it Dr. GRPO. A group whose rewards are all equal gets exactly 0.

    Args:
        batch: N steps; with length="tokens" the column `n_tokens`, known on every step.
        length: "steps", those of the environment; "tokens", those that the agent wrote, as in the source.
        singleton: advantage of a trajectory that is alone in its group: "raw", R_i; "zero", 0.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories.

    Raises:
        OptionError: an option is none of its choices.
        CreditError: with length="tokens", a step has no number of tokens or less than 0, or all attempts of a task have 0.

    Source: Hao et al. (2025), arXiv 2505.23585; verl (commit b178a3cd), `opo`, also for a group of one. Confidence: high.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 0, 1, 0], [0, 3, 4], ["task", "task"], [1, 0], [False, False])
    >>> opo(batch).advantages.tolist()
    [0.25, 0.25, 0.25, -0.75]
    """
    require_choice("length", length, get_args(Length))
    require_choice("singleton", singleton, get_args(Singleton))
    totals = trajectory_returns(batch.rewards, batch.offsets)
    tasks = batch.tasks
    weights = batch.lengths.astype(np.float64) if length == "steps" else _tokens(batch)
    sums = group_sums(weights, tasks)
    if (sums == 0.0).any():
        raise CreditError(f"n_tokens must not be 0 on all attempts of a task, which it is on the trajectories in {rows_text((sums == 0.0)[tasks.codes])}.")
    # Measured from the plain mean, so that equal rewards leave exact zeros.
    centred = deviations(totals, tasks)
    advantages = centred - (group_sums(weights * centred, tasks) / sums)[tasks.codes]
    if singleton == "raw":
        advantages = np.where((tasks.sizes == 1)[tasks.codes], totals, advantages)
    return Credit(
        advantages=advantages[batch.trajectory_of_step],
        returns=discounted_returns(batch.rewards, batch.offsets, gamma=1.0),
        keep=np.ones(batch.rewards.size, dtype=np.bool_),
        diagnostics=group_diagnostics(tasks, advantages),
    )


def _tokens(batch: StepBatch) -> FloatArray:
    """[M] float64, tokens of each trajectory."""
    tokens = batch.numbers("n_tokens")
    wrong = ~(tokens >= 0.0)
    if wrong.any():
        raise CreditError(f"length='tokens' needs n_tokens of 0 or more on every step, which {rows_text(wrong)} lack; use length='steps' without them.")
    return trajectory_returns(tokens, batch.offsets)

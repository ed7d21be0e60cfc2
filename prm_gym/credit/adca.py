"""ADCA: the outcome's credit, spread over the steps by which of them are right."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.grouping import Grouping, factorise, group_means
from prm_gym.credit.normalize import deviations, group_stds
from prm_gym.credit.options import require_between, require_choice, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns, trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import label_signs
from prm_gym.credit.stepwise import process_credit

Scheme = Literal["decouple", "allocation"]

LEAST_STD = 1e-8
"""Of outcomes: they are divided by what is above it alone, as in the source, so that rounding is not stretched to 1."""


@assigner(needs=("label",))
def adca(batch: StepBatch, *, scheme: Scheme = "decouple", alpha: float = 0.1, base: float = 0.2, inconsistent: float = 0.2, gamma: float = 1.0) -> Credit:
    """Labels of steps and the outcome, each normalised within the task, or the sign of the outcome shared out by the labels; summed over what follows.

        decouple:      A_t = sum_{u >= t} gamma^(u-t) (alpha z_u + [u last] Z),    z = (l - mean l) / sqrt(var l + 1e-8),    Z = (R - mean R) / std R
        allocation:    A_t = sum_{u >= t} gamma^(u-t) sign_i w_u / sum_v w_v,      w = 1 for a step that agrees with the outcome, else `inconsistent`

    l is +-base. mean l is the mean over the task's trajectories of their means, var l that of their mean squared deviations from it, so that long
    trajectories do not count for more; std R with ddof 0, and 1 where that is 1e-8 or less. sign_i is +1 where R_i > 0 (beyond rounding), else -1: a right step
    agrees with the one, a wrong step with the other. The shares of a trajectory sum to its sign; where nothing is known of its steps, the last one has all of
    it.

    Args:
        batch: N steps with the column `label`: 1 right, 0 wrong, NaN where not known: such a step has no part in means, adds 0, and gets no share.
        scheme: "decouple" or "allocation".
        alpha: of the labels in "decouple", finite.
        base: of the labels in "decouple", above 0; it matters only against 1e-8.
        inconsistent: in "allocation", at least 0.
        gamma: discount, in [0, 1].

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over trajectories by Z; `unknown_share`; `agreeing_share`, share in [0, 1] of
        the steps with a label that agree with the sign.

    Source: ADCA-GRPO of AgentEvolver (2025), its code (commit a5a8db86): alpha .1, base .2, inconsistent .2. Confidence: high for "decouple", medium for
    "allocation", of which versions differ. There a language model calls steps good or bad, and a step that it does not judge counts as the outcome does.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1, 0], [0, 2, 3], ["task", "task"], [1, 0], [False, False], {"label": [1, 0, 0]})
    >>> adca(batch, scheme="allocation", inconsistent=0.25).advantages.round(6).tolist()
    [1.0, 0.2, -1.0]
    """
    require_choice("scheme", scheme, get_args(Scheme))
    require_finite("alpha", alpha)
    require_between("base", base, np.finfo(np.float64).tiny, np.inf)
    require_between("inconsistent", inconsistent, 0.0, np.inf)
    tasks = batch.tasks
    totals = trajectory_returns(batch.rewards, batch.offsets)
    centred = deviations(totals, tasks)
    std = group_stds(centred, tasks, ddof=0)
    outcome = centred / np.where(std > LEAST_STD, std, 1.0)[tasks.codes]
    signs = label_signs(batch)
    known = ~np.isnan(signs)
    agreeing = signs == np.where(totals > LEAST_STD, 1.0, -1.0)[batch.trajectory_of_step]
    if scheme == "decouple":
        rewards = alpha * _by_trajectory(signs, known, batch, tasks, base)
        rewards[batch.offsets[1:] - 1] += outcome
    else:
        rewards = _allocated(np.where(agreeing, 1.0, inconsistent) * known, totals, batch)
    share = float(agreeing[known].mean()) if known.any() else 0.0
    figures = group_diagnostics(tasks, outcome) | unknown_share(known) | {"agreeing_share": share}
    return process_credit(batch, discounted_returns(rewards, batch.offsets, gamma), figures)


def _by_trajectory(signs: FloatArray, known: BoolArray, batch: StepBatch, tasks: Grouping, base: float) -> FloatArray:
    """[N] float64, z of each step's label; every trajectory counts the same; 0 where nothing is known."""
    owner = batch.trajectory_of_step
    counts = np.bincount(owner[known], minlength=batch.lengths.size)
    counted = counts > 0
    members = factorise(tasks.codes[counted])

    def group_mean(values: FloatArray) -> FloatArray:
        """[N] float64, for each step the mean over its task's trajectories of their mean value."""
        spread = np.zeros(counts.size)
        spread[counted] = group_means(trajectory_returns(np.where(known, values, 0.0), batch.offsets)[counted] / counts[counted], members)[members.codes]
        return spread[owner]

    # Means of +-1 are exact where all are equal, those of +-base need not be.
    centred = np.where(known, signs - group_mean(signs), 0.0)
    return base * centred / np.sqrt(base**2 * group_mean(centred**2) + 1e-8)


def _allocated(weights: FloatArray, totals: FloatArray, batch: StepBatch) -> FloatArray:
    """[N] float64, the sign of each trajectory's total, shared out among its steps by their weights; the last step has all of it where there are none."""
    owner, last = batch.trajectory_of_step, batch.offsets[1:] - 1
    sums = trajectory_returns(weights, batch.offsets)
    given = weights.copy()
    given[last] = np.where(sums > 0.0, given[last], 1.0)
    return np.where(totals > LEAST_STD, 1.0, -1.0)[owner] * given / np.where(sums > 0.0, sums, 1.0)[owner]

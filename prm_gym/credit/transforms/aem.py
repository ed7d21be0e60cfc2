"""AEM: advantages modulated by how uncertain the attempt was."""

from typing import Literal, TypeAlias, get_args

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.columns import ENTROPY_ROUNDING
from prm_gym.credit.grouping import Grouping, group_maxima, group_sums
from prm_gym.credit.options import require_at_least, require_choice
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import credit_transform

Unit: TypeAlias = Literal["attempt", "step"]


@credit_transform(needs=("entropy",), uses=("n_tokens",))
def aem(batch: StepBatch, credit: Credit, *, strength: float = 1.0, unit: Unit = "attempt") -> Credit:
    """Gives attempts of low entropy more of their advantage, and those of high entropy less, with mean 1 within a task.

        A_{i,t} <- alpha_i A_{i,t},    alpha_i = exp(-strength h_i) / mean_j exp(-strength h_j),    h_i = (H_i - min_j H_j) / (max_j H_j - min_j H_j)

    over the trajectories of the task; H_i is the mean entropy of the attempt's tokens: that of its steps, weighted by `n_tokens` where the batch has it. Where
    all H are equal, as far as float32 can tell, and for strength 0, alpha is 1. Signs stay. An attempt whose entropy is not known on any step has alpha 1 and
    no part in the others'.

    With unit "step" the same over the steps of the task, each with its own H and alpha.

    Args:
        batch: with the column `entropy`, mean over the tokens of a step's action, in nats, 0 or more; NaN where not known.
        credit: to be modulated; returns and keep stay.
        strength: lambda, 0 or more.
        unit: what has an entropy: an "attempt", or a "step".

    Returns:
        The credit with other advantages, and `aem_spread` among its diagnostics: largest alpha less the smallest.

    Source: AEM (Zhao et al. 2026), arXiv 2605.00425, from an account of it. Confidence: medium. The paper's lambda was not found: 1 is our reading. It speaks
    of the entropy of a response, which is the attempt where there is one turn; its abstract, on agents of many turns, calls what the environment reacts to a
    response, which is a step. Both readings are built.
    """
    require_at_least("strength", strength, 0.0)
    require_choice("unit", unit, get_args(Unit))
    tasks = batch.tasks
    if unit == "step":
        alpha = _modulation(batch.numbers("entropy"), tasks.rows(batch.trajectory_of_step), strength)
    else:
        alpha = _modulation(_entropies(batch), tasks, strength)[batch.trajectory_of_step]
    spread = {"aem_spread": float(alpha.max() - alpha.min()) if alpha.size else 0.0}
    return Credit(alpha * credit.advantages, credit.returns, credit.keep, {**credit.diagnostics, **spread})


def _modulation(entropies: FloatArray, tasks: Grouping, strength: float) -> FloatArray:
    """[K] float64, at least 0, alpha of each attempt or step, of mean 1 over those of a task whose entropy is known."""
    known = ~np.isnan(entropies)
    top = group_maxima(np.where(known, entropies, -np.inf), tasks)[tasks.codes]
    bottom = -group_maxima(np.where(known, -entropies, -np.inf), tasks)[tasks.codes]
    apart = known & (top - bottom > ENTROPY_ROUNDING)  # rounding must not be stretched to [0, 1]
    share = np.zeros(entropies.size)
    share[apart] = (entropies[apart] - bottom[apart]) / (top[apart] - bottom[apart])
    raw = np.where(known, np.exp(-strength * share), 0.0)
    means = group_sums(raw, tasks) / np.maximum(group_sums(known.astype(np.float64), tasks), 1.0)
    return np.where(apart, raw / np.where(means > 0.0, means, 1.0)[tasks.codes], 1.0)


def _entropies(batch: StepBatch) -> FloatArray:
    """[M] float64, mean entropy of a trajectory's tokens; NaN where it is not known on any step."""
    entropy = batch.numbers("entropy")
    weights = batch.numbers("n_tokens") if "n_tokens" in batch.columns else np.ones(entropy.size)
    counted = ~np.isnan(entropy) & (weights > 0.0)
    weights = np.where(counted, weights, 0.0)
    totals = trajectory_returns(weights, batch.offsets)
    sums = trajectory_returns(np.where(counted, entropy, 0.0) * weights, batch.offsets)
    return np.where(totals > 0.0, sums / np.where(totals > 0.0, totals, 1.0), np.nan)

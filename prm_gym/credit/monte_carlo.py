"""Advantages from values that fresh roll-outs say of states: the column `mc_value`, which the signal of that name fills.

A value is the expected sum of the rewards from the state on. After the last step of a finished trajectory it is 0, for what it earned was paid.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import unknown_share
from prm_gym.credit.gae import credit_of, generalized_advantage
from prm_gym.credit.options import require_choice, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.step_batch import StepBatch

Estimation = Literal["soft", "hard"]
Between = Literal["even", "first"]


@assigner(needs=("mc_value",), uses=("bootstrap_mc_value",))
def vineppo(batch: StepBatch, *, gamma: float = 1.0, lam: float = 0.0, bootstrap: bool = False, whiten: bool = False) -> Credit:
    """What a step earned and added to the value of the state, by fresh roll-outs.

        A_t = r_t + gamma * V(s_{t+1}) - V(s_t),    V from `mc_value`, 0 after the end

    lam > 0 sums later differences too, as `gae`. See there for truncated trajectories and for values that are not known: such a step has no advantage, and the
    one before it looks further, to the next value that is known.

    Args:
        batch: N steps with the column `mc_value`, and `bootstrap_mc_value` where there is one; NaN where not known.
        gamma: discount, in [0, 1]. Roll-outs that are not discounted go with 1.
        lam: lambda, in [0, 1].
        bootstrap: see `gae`.
        whiten: likewise.

    Returns:
        advantages [N] float64, per step; returns A_t + V_t; keep False where there is no advantage; diagnostics as in `gae`.

    Source: VinePPO (Kazemnejad et al. 2024), arXiv 2410.01679; code McGill-NLP/VinePPO efe72284, read and not run: K = 9 roll-outs of each state. Confidence:
    high.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 1], [0, 2], ["task"], [1], [False], {"mc_value": [0.25, 0.75]})
    >>> vineppo(batch).advantages.tolist()
    [0.5, 0.25]
    """
    return _differences(batch, _values(batch), gamma, lam, bootstrap, whiten)


@assigner(needs=("mc_value",), uses=("bootstrap_mc_value",))
def math_shepherd(
    batch: StepBatch, *, estimation: Estimation = "soft", threshold: float = 0.0, gamma: float = 1.0, bootstrap: bool = False, whiten: bool = False
) -> Credit:
    """Difference of the value of a step and that of the step before it, where a step is worth what it may lead to.

        soft:  H(s) = V(s), the share of roll-outs that succeed
        hard:  H(s) = 1 if V(s) > threshold else 0: whether any does
        A_t = r_t + gamma * H(s_{t+1}) - H(s_t),    H = 0 after the end

    "soft" is `vineppo`; "hard" moves only where an error makes success impossible or a step makes it possible.

    Args:
        batch: N steps with the column `mc_value`, and `bootstrap_mc_value` where there is one; NaN where not known.
        estimation: "soft" or "hard".
        threshold: of "hard", finite; 0 for outcomes of 0 and 1.
        gamma: discount, in [0, 1].
        bootstrap: see `gae`.
        whiten: likewise.

    Returns:
        As `vineppo`.

    Source: Math-Shepherd (Wang et al. 2023), arXiv 2312.08935, equations 3 and 4, N = 8, for the estimates, which `prm_gym.montecarlo` gives as labels too. The
    paper trains a reward model on them; their difference as an advantage is the reading of others who use such values. Confidence: medium.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 0, 0], [0, 3], ["task"], [0], [False], {"mc_value": [0.25, 0.75, 0.0]})
    >>> math_shepherd(batch, estimation="hard").advantages.tolist()
    [0.0, -1.0, 0.0]
    """
    require_choice("estimation", estimation, get_args(Estimation))
    require_finite("threshold", threshold)
    values = _values(batch)
    if estimation == "hard":
        values = {name: hard_values(column, threshold) for name, column in values.items()}
    return _differences(batch, values, gamma, 0.0, bootstrap, whiten)


@assigner(needs=("mc_value",))
def omega_prm(batch: StepBatch, *, between: Between = "even") -> Credit:
    """What the steps between two states of known value added, in even shares: for the few states that a binary search for the first error visits.

        A_t = (sum of r over t in [u, v) + V(s_v) - V(s_u)) / (v - u),    u <= t < v the nearest states of known value, V = 0 after the end

    Where all values are known this is `vineppo`; where those of the beginning alone are, every step gets (R - V(s_0)) / T. Steps before the first known value
    have no advantage.

    Args:
        batch: N steps with the column `mc_value`; NaN where not known. Truncated trajectories count as finished.
        between: "even", or "first": the whole difference to the first of these steps (`vineppo`), and none to the others.

    Returns:
        advantages [N] float64, per step; returns A_t + V_t of "first"; keep False where there is no advantage; diagnostics as in `gae`.

    Source: OmegaPRM (Luo et al. 2024), arXiv 2406.06592, for the values and which states they are of (`prm_gym.montecarlo.first_errors`, `grow_trees`; Q and U
    are `selection_quality` and `selection_bonus` there). It makes labels of them; the even shares are ours. Confidence: low; a reading.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 0, 0], [0, 3], ["task"], [0], [False], {"mc_value": [0.5, float("nan"), 0.0]})
    >>> omega_prm(batch).advantages.tolist()
    [-0.25, -0.25, 0.0]
    """
    require_choice("between", between, get_args(Between))
    credit = _differences(batch, _values(batch), 1.0, 0.0, False, False)
    if between == "first":
        return credit
    known = credit.keep
    begun = _after_a_known(known, batch)
    # Every known state begins a segment; the whole difference stands on its first row.
    segments = np.cumsum(known) - 1
    sizes = np.bincount(segments[begun], minlength=max(1, int(known.sum())))
    advantages = np.zeros_like(credit.advantages)
    advantages[begun] = (credit.advantages[known] / sizes[: int(known.sum())])[segments[begun]]
    return Credit(advantages, credit.returns, begun, credit.diagnostics | unknown_share(begun))


def hard_values(values: FloatArray, threshold: float = 0.0) -> FloatArray:
    """[N] float64, 1 where a value is greater than the threshold, else 0; NaN where it is NaN.

    Args:
        values: [N] float64.
        threshold: finite.

    Raises:
        OptionError: the threshold is not finite.
    """
    require_finite("threshold", threshold)
    return np.where(np.isnan(values), np.nan, (values > threshold).astype(np.float64))


def values_after(batch: StepBatch) -> FloatArray:
    """[N] float64, what each step led to: its reward and the value of the next state; NaN where that is not known.

        Q_t = r_t + V(s_{t+1}),    V = 0 after the end

    For rewards of outcomes alone this is what Math-Shepherd's and OmegaPRM's labels say of the step: the share of roll-outs after it that succeed, and the
    outcome for the last one. A truncated trajectory goes on from `bootstrap_mc_value` where the batch has that column, and what its last step led to is not
    known where it is NaN; without the column it counts as finished.

    Args:
        batch: with the column `mc_value`, and `bootstrap_mc_value` where truncated trajectories go on.
    """
    values = batch.numbers("mc_value")
    following = np.zeros_like(values)
    following[:-1] = values[1:]
    last = batch.offsets[1:] - 1
    following[last] = 0.0
    if "bootstrap_mc_value" in batch.columns:
        cut = last[batch.truncated]
        following[cut] = batch.numbers("bootstrap_mc_value")[cut]
    return batch.rewards + following


def _values(batch: StepBatch) -> dict[str, FloatArray]:
    """The columns of roll-outs that the batch has, read under their own names."""
    return {name: batch.numbers(name) for name in ("mc_value", "bootstrap_mc_value") if name in batch.columns}


def _differences(batch: StepBatch, columns: Mapping[str, FloatArray], gamma: float, lam: float, bootstrap: bool, whiten: bool) -> Credit:
    """One-step errors of the values in `mc_value`, as GAE has them of a critic's."""
    given = {name.replace("mc_value", "value"): columns[name] for name in ("mc_value", "bootstrap_mc_value") if name in columns}
    others = {name: column for name, column in batch.columns.items() if name not in ("value", "bootstrap_value")}
    valued = replace(batch, columns={**others, **given})
    return credit_of(valued, generalized_advantage(valued, valued.rewards, gamma, lam, bootstrap), whiten)


def _after_a_known(known: BoolArray, batch: StepBatch) -> BoolArray:
    """[N] bool, whether the step or an earlier one of its trajectory is known."""
    seen = np.cumsum(known)
    before = np.append(0, seen)[batch.offsets[:-1]]
    return seen > before[batch.trajectory_of_step]

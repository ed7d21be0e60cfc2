"""TP-GRPO: steps that turn a trajectory round are paid for what came of it."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.assigner import assigner
from prm_gym.credit.diagnostics import group_diagnostics, unknown_share
from prm_gym.credit.grouping import factorise, intersection
from prm_gym.credit.keys import by_task
from prm_gym.credit.options import require_choice, require_finite
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import trajectory_returns
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.step_signals import change, potentials_after
from prm_gym.credit.stepwise import normalized_known, process_credit

Rule = Literal["replace", "bonus"]
Compare = Literal["time", "task"]


@assigner(needs=("potential",), uses=("final_potential",))
def turning_points(
    batch: StepBatch,
    *,
    rule: Rule = "replace",
    consistent: bool = True,
    eta: float = 1.0,
    compare: Compare = "time",
    eps: float = 1e-4,
    ddof: int = 0,
) -> Credit:
    """What a step did to the potential, but at turning points all that came after; normalised among the steps of the task.

        d_t = P_{t+1} - P_t,    D = R - P_0,    s_t = sign(d_t) sign(D)
        turning point:     s_{t-1} < 0 < s_t, or for the first step s_0 > 0
        rule "replace":    r_t = d_t, but eta (R - P_t) at turning points
        rule "bonus":      r_t = D, + eta d_t at turning points
        A_{i,t} = (r_{i,t} - mean r) / (std r + eps)

    P_t is what the trajectory would come to if it were finished without further exploration from the state before step t, on the scale of R. With `consistent`
    a turning point must also go the way of what follows, sign(d_t) sign(R - P_{t+1}) > 0, and that alone decides for the first step.

    Args:
        batch: N steps with the column `potential`, P; NaN where not known: a step without d is no turning point and has no part. After the last step
            `final_potential`, and R where that is not known.
        rule: "replace", as in the paper and the authors' script, or "bonus", their default configuration.
        consistent: as in the script; False with their default configuration.
        eta: finite.
        compare: with the steps of the task at the same "time" of their trajectories, as in the source, where all are equally long; or all of the "task".
        eps: added to the standard deviation, outside the root.
        ddof: of the standard deviation.

    Returns:
        advantages [N] float64, per step; diagnostics as in `group_diagnostics`, over the steps that are known with the prefix `step_`; `unknown_share`;
        `turning_share`, share in [0, 1] of the steps that are turning points.

    Source: TP-GRPO (2026), arXiv 2602.06422, for diffusion, and its code (commit 994d26a6): `common_op3.sh` for "replace", `my_grpo.py` for "bonus".
    Confidence: medium; left out: balancing the number of rises and falls. Steps of an environment for steps of denoising, and eps and ddof of Flow-GRPO,
    are a reading.

    >>> from prm_gym.credit import StepBatch
    >>> columns = {"potential": [0.5, 0.25, 0.5, 0.5], "final_potential": [0.0, 1.0, 0.0, 0.5]}
    >>> batch = StepBatch([0, 1, 0, 0.5], [0, 2, 4], ["task", "task"], [1, 0.5], [False, False], columns)
    >>> turning_points(batch, consistent=False, eps=0.0).advantages.tolist()
    [-1.0, 1.0, 1.0, -1.0]
    """
    require_choice("rule", rule, get_args(Rule))
    require_choice("compare", compare, get_args(Compare))
    require_finite("eta", eta)
    owner, last = batch.trajectory_of_step, batch.offsets[1:] - 1
    totals = trajectory_returns(batch.rewards, batch.offsets)
    before, after = batch.numbers("potential"), potentials_after(batch)
    after[last] = np.where(np.isnan(after[last]), totals, after[last])
    # Up to rounding: what did not move the potential is no turn.
    changes, whole = change(after, before), change(totals, before[batch.offsets[:-1]])[owner]
    turning = _turning(changes, whole, change(totals[owner], after) if consistent else None, batch.time_of_step == 0)
    replaced = np.where(turning, eta * (totals[owner] - before), changes)
    raised = whole + np.where(turning, eta * changes, 0.0 * changes)  # a step that nothing is known of stays NaN
    rewards = replaced if rule == "replace" else raised
    tasks = by_task(batch)
    groups = tasks if compare == "task" else intersection(tasks, factorise(batch.time_of_step))
    relative = normalized_known(rewards, groups, scale="std", eps=eps, ddof=ddof)
    figures = group_diagnostics(relative.members, relative.values[relative.known], prefix="step_") | unknown_share(relative.known)
    return process_credit(batch, relative.values, figures | {"turning_share": float(turning.mean()) if turning.size else 0.0})


def _turning(changes: FloatArray, whole: FloatArray, rest: FloatArray | None, first: BoolArray) -> BoolArray:
    """[N] bool, which steps are turning points; False where it cannot be told."""
    trend = np.sign(changes) * np.sign(whole)
    previous = np.roll(trend, 1)
    inner = (previous < 0.0) & (trend > 0.0)
    if rest is None:
        return np.where(first, trend > 0.0, inner)
    with_the_rest = np.sign(changes) * np.sign(rest) > 0.0
    return with_the_rest & (first | inner)

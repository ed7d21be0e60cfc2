"""REINFORCE: the return that followed the step."""

from typing import Literal, get_args

import numpy as np

from prm_gym.credit.assigner import assigner
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.normalize import deviations
from prm_gym.credit.options import require_choice
from prm_gym.credit.result import Credit
from prm_gym.credit.returns import discounted_returns
from prm_gym.credit.step_batch import StepBatch

Baseline = Literal["none", "batch"]


@assigner()
def reinforce(batch: StepBatch, *, gamma: float = 1.0, baseline: Baseline = "none") -> Credit:
    """Return-to-go of each step, without comparison between trajectories.

        A_{i,t} = G_{i,t} - b,    G_t = r_t + gamma * G_{t+1}

    Args:
        batch: N steps; no columns needed.
        gamma: discount, in [0, 1].
        baseline: "none", b = 0; "batch", b = mean of G over all N steps, so that long trajectories count for more. Then returns that are all
            equal give exactly 0.

    Returns:
        advantages [N] float64, per step; diagnostics `baseline`, the b that was subtracted.

    Source: Williams (1992), REINFORCE. A truncated trajectory ends with value 0. Confidence: high.

    >>> from prm_gym.credit import StepBatch
    >>> batch = StepBatch([0, 0, 1], [0, 3], ["task"], [1], [False])
    >>> reinforce(batch, gamma=0.5).advantages.tolist()
    [0.25, 0.5, 1.0]
    """
    require_choice("baseline", baseline, get_args(Baseline))
    returns = discounted_returns(batch.rewards, batch.offsets, gamma)
    keep = np.ones(returns.size, dtype=np.bool_)
    if baseline == "none" or returns.size == 0:
        return Credit(returns.copy(), returns, keep, {"baseline": 0.0})
    everything = Grouping(np.zeros(returns.size, dtype=np.int64), 1)
    return Credit(deviations(returns, everything), returns, keep, {"baseline": float(returns.mean())})

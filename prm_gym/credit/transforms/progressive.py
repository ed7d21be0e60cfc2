"""Progressive shaping: dense rewards that fade as training goes on."""

from dataclasses import replace

import numpy as np

from prm_gym.credit.options import require_between
from prm_gym.credit.step_batch import StepBatch
from prm_gym.credit.transform import batch_transform


@batch_transform()
def progressive_shaping(batch: StepBatch, *, start: float = 1.0, end: float = 0.0, training_progress: float = 0.0) -> StepBatch:
    """Weights what rewards hold beside the outcome, from `start` at the beginning of a training to `end` at its end.

        r'_t = o_t + w (r_t - o_t),    w = start + (end - start) * training_progress,    o_t = outcome on the last step, 0 on the others

    w = 1 leaves the rewards as they are, w = 0 leaves the outcome alone. For dense reward schemes: the steps' own rewards help at first, and what is learned in
    the end is what counts. A trajectory whose outcome is not known keeps its rewards.

    A training run says its progress itself. A loop of one's own passes it: `assign("progressive_shaping|gigpo", batch, training_progress=spent / budget)`.

    Args:
        batch: with dense rewards that hold the outcome at the end, as those of the schemes "dense" and "potential" do.
        start: weight at the beginning, in [0, 1].
        end: weight at the end, in [0, 1].
        training_progress: share of the budget that is spent, in [0, 1].

    Returns:
        The batch with other rewards.

    Raises:
        OptionError: an option is out of its range.

    Source: ours; a straight line where SophiaVL-R1 has an exponential (`trust_weights`). Confidence: low, a reading of the name: the formula of the
    stage-gated "progressive reward shaping" of arXiv 2512.07478 was not found, and is another one.
    """
    for name, value in (("start", start), ("end", end), ("training_progress", training_progress)):
        require_between(name, value, 0.0, 1.0)
    weight = start + (end - start) * training_progress
    told = ~np.isnan(batch.outcomes)
    outcome = np.zeros(batch.rewards.size)
    outcome[batch.offsets[1:][told] - 1] = batch.outcomes[told]
    shaped = weight * batch.rewards + (1.0 - weight) * outcome  # exact for weights of 0 and 1
    return replace(batch, rewards=np.where(told[batch.trajectory_of_step], shaped, batch.rewards))

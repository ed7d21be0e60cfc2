"""Where assigners and filters that draw at random get their numbers from."""

import numpy as np

from prm_gym.credit.options import require_at_least


def generator_of(seed: int, training_step: int) -> np.random.Generator:
    """The generator of one update: the same for the same two numbers, and independent of those of all other updates.

    Args:
        seed: of the training, from 0.
        training_step: how many batches were learned from before this one, from 0. A run fills an option of that name, so that no update draws as another did.

    Raises:
        OptionError: one of them is negative.
    """
    require_at_least("seed", seed, 0)
    require_at_least("training_step", training_step, 0)
    return np.random.default_rng([seed, training_step])

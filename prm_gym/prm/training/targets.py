"""Targets and weights of steps, from their labels."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.pairs import PreferencePair

Floats = NDArray[np.float64]


def targets_of(labels: Sequence[float | None], tolerance: int = 0) -> Floats:
    """What the model is to say of each step.

    With a tolerance d, and the first wrong step at t, the error may have happened up to d steps earlier than it was noticed:

        target_s = (t - s) / (d + 1)    for t - d <= s < t, where the label says right;    all others as labelled

    >>> targets_of([1.0, 1.0, 1.0, 0.0, None], tolerance=2).tolist()
    [1.0, 0.6666666666666666, 0.3333333333333333, 0.0, nan]

    Args:
        labels: [T] P(step is right), or None.
        tolerance: d, in steps.

    Returns:
        [T] in [0, 1]; NaN where there is no label.

    This is our reading of SCAN for labels without roll-outs. SCAN itself gives these steps min(1, c_t / SC), where c_t is the share of roll-outs that succeed
    after the step and SC that from the beginning: `prm-gym label --rollouts AGENT --rollout-option method=denoised` makes these labels, and `--soft-verdicts`
    trains on them as they are, with a tolerance of 0. Only labels of exactly 1 are softened here.

    Source: Ding et al. 2025 (2509.16548), SCAN, the noise-tolerant labels; the straight line is ours.
    """
    found = np.array([np.nan if label is None else label for label in labels], dtype=np.float64)
    errors = np.flatnonzero(found < 0.5)
    if tolerance and errors.size:
        first = int(errors[0])
        before = np.arange(max(0, first - tolerance), first)
        softened = (first - before) / (tolerance + 1)
        found[before] = np.where(found[before] == 1.0, softened, found[before])
    return found


def class_weights(targets: Floats) -> tuple[float, float]:
    """Weights (of wrong, of right) under which both classes weigh the same in sum, and all steps as much as before.

    >>> class_weights(np.array([1.0, 1.0, 1.0, 0.0]))
    (2.0, 0.6666666666666666)

    Args:
        targets: [N] in [0, 1]; a soft one counts for both.
    """
    right, count = float(targets.sum()), len(targets)
    wrong = count - right
    return (count / (2.0 * wrong) if wrong else 1.0, count / (2.0 * right) if right else 1.0)


def weights_of(targets: Floats, classes: tuple[float, float]) -> Floats:
    """[T] the weight of each step; 0 where there is no target."""
    known = np.nan_to_num(targets, nan=0.0)
    return np.where(np.isnan(targets), 0.0, (1.0 - known) * classes[0] + known * classes[1])


def domain_factors(items: Sequence[LabelledChain | PreferencePair], named: Mapping[str, float]) -> dict[str, float]:
    """The factor of every domain, 1 where none is named.

    Raises:
        OptionError: a domain is named that no chain has; says the near miss.
    """
    domains = sorted({item.domain for item in items})
    for name in named:
        if name not in domains:
            raise OptionError(str(UnknownNameError("domain in the data", name, domains)))
    return {domain: named.get(domain, 1.0) for domain in domains}

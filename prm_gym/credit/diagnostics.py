"""What an assigner reports of its groups."""

import numpy as np

from prm_gym.credit.array_types import BoolArray, FloatArray
from prm_gym.credit.grouping import Grouping
from prm_gym.credit.normalize import deviations


def group_diagnostics(groups: Grouping, advantages: FloatArray, prefix: str = "") -> dict[str, float]:
    """Sizes of the groups and how many of them teach nothing.

    Args:
        groups: of N members (trajectories or steps).
        advantages: [N] float64, what each member got out of its group.
        prefix: put before each name ("step_").

    Returns:
        `groups`: their number; `group_size_mean`, `group_size_min`, `group_size_max`: members a group, 0 without groups;
        `singleton_share`: share in [0, 1] of the members that are alone in their group;
        `zero_std_share`: share in [0, 1] of the groups of two or more whose members all got 0, because they were all equal.
    """
    sizes = groups.sizes
    moved = np.zeros(groups.count, dtype=np.bool_)
    moved[groups.codes[advantages != 0.0]] = True
    several = sizes > 1
    report = {
        "groups": float(groups.count),
        "group_size_mean": _ratio(groups.codes.size, groups.count),
        "group_size_min": float(sizes.min()) if groups.count else 0.0,
        "group_size_max": float(sizes.max(initial=0)),
        "singleton_share": _ratio(int(np.count_nonzero(sizes == 1)), groups.codes.size),
        "zero_std_share": _ratio(int(np.count_nonzero(several & ~moved)), int(np.count_nonzero(several))),
    }
    return {prefix + name: value for name, value in report.items()}


def explained_share(wanted: FloatArray, said: FloatArray) -> dict[str, float]:
    """How much of what was wanted an estimate said.

        explained = 1 - Var(wanted - said) / Var(wanted)

    Args:
        wanted: [N] float64, such as returns.
        said: [N] float64, such as values.

    Returns:
        `explained`, at most 1: 0 for the estimate that says the same of all, less for a worse one. Left out where it cannot be told, since nothing is wanted or
        all that is wanted is equal, rounding aside.
    """
    spread = variance(wanted)
    return {"explained": float(1.0 - (wanted - said).var() / spread)} if spread else {}


def unknown_share(known: BoolArray) -> dict[str, float]:
    """Share in [0, 1] of the steps of which nothing is known, under `unknown_share`; 0 without steps.

    Args:
        known: [N] bool, per step.
    """
    return {"unknown_share": float(1.0 - known.mean()) if known.size else 0.0}


def variance(values: FloatArray) -> float:
    """The mean squared deviation of [N] float64 from their mean; exactly 0 where they are all equal, rounding aside, and where there are none."""
    if not values.size:
        return 0.0
    return float(np.square(deviations(values, Grouping(np.zeros(values.size, dtype=np.int64), 1))).mean())


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

"""What an assigner reports of its groups."""

import numpy as np

from prm_gym.credit.array_types import FloatArray
from prm_gym.credit.grouping import Grouping


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
    moved = np.bincount(groups.codes[advantages != 0.0], minlength=groups.count) > 0
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


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0

import numpy as np

from prm_gym.credit.diagnostics import group_diagnostics
from prm_gym.credit.grouping import Grouping


def test_shares_by_hand():
    # Sizes 1, 2, 3: one of six members is alone; of the two larger groups one got nothing but zeros. The lone one too, which does not count.
    groups = Grouping(np.array([0, 1, 1, 2, 2, 2]), 3)
    advantages = np.array([0.0, 0.0, 0.0, -1.0, 1.0, 0.0])
    assert group_diagnostics(groups, advantages, prefix="step_") == {
        "step_groups": 3.0,
        "step_group_size_mean": 2.0,
        "step_group_size_min": 1.0,
        "step_group_size_max": 3.0,
        "step_singleton_share": 1 / 6,
        "step_zero_std_share": 0.5,
    }


def test_groups_of_one_are_not_counted_as_equal():
    assert group_diagnostics(Grouping(np.array([0, 1]), 2), np.zeros(2))["zero_std_share"] == 0.0


def test_nothing_reports_zeros():
    assert set(group_diagnostics(Grouping(np.zeros(0, dtype=np.int64), 0), np.zeros(0)).values()) == {0.0}

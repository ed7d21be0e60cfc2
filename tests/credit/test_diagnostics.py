import numpy as np
import pytest

from prm_gym.credit.diagnostics import explained_share, group_diagnostics, variance
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


def test_how_much_an_estimate_explains_by_hand():
    # Var of 0, 1, 2 is 2/3. What is left of it by 0, 1, 1: 0, 0, 1 with Var 2/9, so 2/3 are explained; a constant leaves all, however far off it is.
    wanted = np.array([0.0, 1.0, 2.0])
    assert explained_share(wanted, np.array([0.0, 1.0, 1.0])) == {"explained": pytest.approx(2 / 3)}
    assert explained_share(wanted, np.full(3, 7.0)) == {"explained": pytest.approx(0.0, abs=1e-15)}
    assert explained_share(wanted, wanted) == {"explained": 1.0}


def test_what_is_explained_of_no_variance_is_not_said():
    # The same sum in two orders: equal but for rounding.
    equal = np.where(np.arange(1000) % 2, 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1)
    assert equal.std() > 0.0
    assert variance(equal) == 0.0
    assert explained_share(equal, np.arange(1000.0)) == {}
    assert explained_share(np.zeros(0), np.zeros(0)) == {}

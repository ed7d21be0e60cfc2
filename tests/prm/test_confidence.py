import pytest

from prm_gym.prm.confidence import change_scores, process_labels, relative_changes


def test_changes_by_hand():
    # (0.6 - 0.5) / 0.5 = 0.2; (0.3 - 0.6) / 0.6 = -0.5; (0.1 - 0.3) / 0.3 = -2/3
    confidences = [0.5, 0.6, 0.3, 0.1]
    assert relative_changes(confidences) == pytest.approx((0.2, -0.5, -2 / 3))
    assert change_scores(confidences) == pytest.approx((1.0, 0.5, 1 / 3))
    assert process_labels(confidences) == (1.0, 1.0, 0.0)  # a fall by exactly half is not below the threshold
    assert process_labels([0.5, 0.1, 0.9, 0.9]) == (0.0, 0.0, 0.0)  # everything after a wrong step is wrong


def test_from_a_lost_or_unknown_confidence_nothing_is_concluded():
    assert change_scores([0.5, 1e-9, 0.7, 0.7]) == pytest.approx((2e-9, None, 1.0))
    assert change_scores([None, 0.4, None, 0.4]) == (None, None, None)
    assert process_labels([0.5, 0.5, None, 0.5]) == (1.0, None, None)
    assert change_scores([0.4]) == ()

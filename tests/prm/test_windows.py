import numpy as np
import pytest

from prm_gym.prm.windows import bounded


def test_the_bound_is_that_of_the_definition():
    # b_t = min(s_t, b_0 ... b_{start - 1}), written out; None is below every number.
    rng = np.random.default_rng(0)
    for _ in range(50):
        size = int(rng.integers(1, 12))
        scores = [None if rng.random() < 0.1 else float(rng.random()) for _ in range(size)]
        starts = np.maximum.accumulate([int(rng.integers(0, at + 1)) for at in range(size)]).tolist()
        expected = []
        for score, start in zip(scores, starts, strict=True):
            left_out = expected[:start]
            unknown = score is None or None in left_out
            expected.append(None if unknown else min([score, *left_out]))
        found = bounded(scores, starts)
        assert [step.score for step in found] == expected
        for step, score, start in zip(found, scores, starts, strict=True):
            assert step.by < start or step.by == -1
            assert (step.by >= 0) == (score is not None and step.score != score)


def test_the_first_error_is_the_same_with_the_bound():
    scores, starts = [0.9, 0.8, 0.3, 0.9, 0.9, 0.2], [0, 0, 0, 1, 3, 3]
    below = [at for at, step in enumerate(bounded(scores, starts)) if step.score < 0.5]
    assert below[0] == 2  # without: steps 2 and 5
    assert below == [2, 4, 5]


def test_nothing_changes_where_nothing_is_left_out():
    assert [(step.score, step.by) for step in bounded([0.2, None, 0.9], [0, 0, 0])] == [(0.2, -1), (None, -1), (0.9, -1)]
    assert bounded([], []) == []
    with pytest.raises(ValueError, match="zip"):
        bounded([0.5], [])

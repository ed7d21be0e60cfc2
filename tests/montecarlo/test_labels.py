import pytest

from prm_gym.errors import OptionError
from prm_gym.montecarlo import agreed_labels, agreed_solution, denoised_labels, error_labels, hard_labels, soft_labels
from prm_gym.montecarlo.estimate import Estimate, Rollout
from prm_gym.montecarlo.prefix import Prefix
from prm_gym.prm.labelled import first_error


def estimate(outcomes, asked=4, **fields):
    prefix = Prefix(origin=None)
    rollouts = tuple(Rollout(prefix=prefix, seed=i, actions=(), observations=(), outcome=outcome) for i, outcome in enumerate(outcomes))
    return Estimate(prefix=prefix, asked=asked, rollouts=rollouts, **fields)


def test_hard_and_soft():
    given = [
        estimate([1, 0, 0, 1]),
        estimate([0, 0, 0, 0]),
        estimate([0, 0]),
        estimate([1], stopped=True),
        estimate([], outcome=1.0),
        estimate([0.5, 0.9, 0, 0]),
    ]
    assert hard_labels(given) == [1.0, 0.0, None, 1.0, 1.0, 0.0]
    assert soft_labels(given) == [0.5, 0.0, 0.0, None, 1.0, 0.0]
    assert [each.mean for each in given] == [0.5, 0.0, 0.0, None, 1.0, 0.35]


def test_first_error():
    assert first_error([1.0, 0.5, 0.4, 1.0]) == 2
    assert first_error([1.0, 0.5]) == -1
    assert first_error([1.0, None, 0.0]) is None
    assert first_error([0.0, None]) == 0
    for index in (-2, 3):
        with pytest.raises(OptionError):
            error_labels(index, 3)


def test_denoised_by_hand():
    # SCAN: error at index 4 (the first 0); the two before it are measured by the agent's confidence 0.8; before them 1, after it nothing.
    values = [0.9, 0.1, 0.4, 0.9, 0.0, 0.3]
    assert denoised_labels(values, 0.8, 0.0) == [1.0, 1.0, pytest.approx(0.5), 1.0, 0.0, None]
    assert denoised_labels(values, 0.8, 0.0, tolerance=0) == [1.0, 1.0, 1.0, 1.0, 0.0, None]
    assert denoised_labels(values, 0.8, 0.0, tolerance=9)[:2] == [1.0, pytest.approx(0.125)]
    assert denoised_labels(values, 0.8, 1.0) == [1.0] * 6
    assert denoised_labels(values, 0.7, 0.0) == [None] * 6  # too weak an agent
    assert denoised_labels(values, 0.7, 1.0) == [None] * 6
    assert denoised_labels(values, 0.7, 0.0, least_confidence=0.7)[4] == 0.0
    assert denoised_labels([0.5, 0.5], 0.9, 0.0) == [None, None]  # the error is mended: nowhere 0
    assert denoised_labels([0.5, None, 0.0], 0.9, 0.0) == [None] * 3
    assert denoised_labels(values, None, 0.0) == denoised_labels(values, 0.9, None) == [None] * 6
    assert denoised_labels(values, 0.0, 0.0, least_confidence=0.0) == [None] * 6
    assert denoised_labels([], 0.9, 1.0) == []


def test_agreement():
    labels = [0.9, 0.6, 0.2, None]
    assert agreed_labels(labels, [1.0, 0.0, 0.1, 1.0]) == [0.9, None, 0.2, None]
    assert agreed_labels(labels, [None, 0.5, 0.5, None]) == [None, 0.6, None, None]
    assert agreed_solution(labels, [1.0, 1.0, 0.0, 1.0]) == [0.9, 0.6, 0.2, None]
    assert agreed_solution(labels, [1.0, 0.0, 0.0, 1.0]) == [None] * 4
    assert agreed_solution(labels, [1.0, None, 0.0, 1.0]) == [None] * 4
    assert agreed_solution([1.0, 0.7], [0.8, 0.9]) == [1.0, 0.7]
    for function in (agreed_labels, agreed_solution):
        with pytest.raises(OptionError, match="same steps"):
            function([1.0], [1.0, 0.0])


@pytest.mark.parametrize("seed", range(20))
def test_denoised_labels_are_those_of_the_definition(seed):
    # min(c_t / SC, 1) where the error is at most d steps away, the indicator of c_t > 0 elsewhere; written out from the formula of the authors' page.
    import random

    drawn = random.Random(seed)
    values = [drawn.choice([0.25, 0.5, 0.75, 1.0]) for _ in range(drawn.randint(0, 6))] + [0.0, drawn.choice([0.0, 0.25])]
    start, distance = drawn.choice([0.75, 0.875, 1.0]), drawn.randint(0, 3)
    error = values.index(0.0)
    expected = [min(value / start, 1.0) if error - step <= distance else float(value > 0) for step, value in enumerate(values[: error + 1])]
    found = denoised_labels(values, start, 0.0, tolerance=distance)
    assert found[: error + 1] == pytest.approx(expected)
    assert found[error + 1 :] == [None] * (len(values) - error - 1)

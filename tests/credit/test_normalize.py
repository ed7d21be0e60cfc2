import math
import statistics

import numpy as np
import pytest

from prm_gym.credit.grouping import Grouping, factorise
from prm_gym.credit.normalize import deviations, group_stds, normalized
from prm_gym.errors import OptionError

ONE_GROUP_OF_THREE = Grouping(np.zeros(3, dtype=np.int64), 1)


def one_group(size):
    return Grouping(np.zeros(size, dtype=np.int64), 1)


def test_centres_by_hand():
    values = np.array([1.0, 2.0, 6.0])  # mean 3; the others' means are 4, 3.5 and 1.5
    assert normalized(values, ONE_GROUP_OF_THREE, centre="mean").tolist() == [-2.0, -1.0, 3.0]
    assert normalized(values, ONE_GROUP_OF_THREE, centre="leave_one_out").tolist() == [-3.0, -1.5, 4.5]
    assert normalized(values, ONE_GROUP_OF_THREE, centre="none").tolist() == [1.0, 2.0, 6.0]


def test_two_members_one_standard_deviation_apart():
    # x = a, b with a > b: mean (a+b)/2, std with ddof 1 is (a-b)/sqrt(2), so y = +-1/sqrt(2); with ddof 0 it is (a-b)/2, so y = +-1.
    pair = Grouping(np.array([0, 0]), 1)
    values = np.array([5.0, 2.0])
    np.testing.assert_allclose(normalized(values, pair, scale="std", eps=0.0), [math.sqrt(0.5), -math.sqrt(0.5)], rtol=1e-15)
    np.testing.assert_allclose(normalized(values, pair, scale="std", ddof=0, eps=0.0), [1.0, -1.0], rtol=1e-15)


def test_eps_is_added_outside_of_the_root():
    # Deviations +-1, std with ddof 0 = 1; 1 / (1 + 3) = 0.25.
    assert normalized(np.array([1.0, -1.0]), Grouping(np.array([0, 0]), 1), scale="std", ddof=0, eps=3.0).tolist() == [0.25, -0.25]


def test_agrees_with_the_statistics_module():
    rng = np.random.default_rng(3)
    keys, values = rng.integers(0, 12, 200), rng.normal(5.0, 2.0, 200)
    members = {key: values[keys == key].tolist() for key in set(keys.tolist())}
    means = {key: statistics.fmean(group) for key, group in members.items()}
    stds = {key: statistics.stdev(group) for key, group in members.items()}
    expected = [(value - means[key]) / (stds[key] + 1e-6) for key, value in zip(keys.tolist(), values.tolist(), strict=True)]
    np.testing.assert_allclose(normalized(values, factorise(keys), scale="std"), expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("value", [0.7, 0.1, 1 / 3, -0.7, 1e-30, 1e30, 0.0])
@pytest.mark.parametrize("centre", ["mean", "leave_one_out"])
@pytest.mark.parametrize("eps", [1e-6, 0.0])
def test_equal_values_give_exactly_zero(value, centre, eps):
    for size in (2, 3, 7, 8, 1000):
        for scale in ("none", "std"):
            result = normalized(np.full(size, value), one_group(size), centre=centre, scale=scale, eps=eps)
            assert (result == 0.0).all()


def test_a_million_equal_values_give_exactly_zero():
    # Added up one by one they miss a million times 0.7 by more than any rounding allowance.
    assert abs(float(np.cumsum(np.full(1_000_000, 0.7))[-1]) / 700_000 - 1.0) > 1e-12
    assert (deviations(np.full(1_000_000, 0.7), one_group(1_000_000)) == 0.0).all()


def test_values_that_differ_by_rounding_alone_give_exactly_zero():
    values = np.array([0.1 + 0.2, 0.3, 0.3])
    assert values[0] != values[1]
    assert normalized(values, ONE_GROUP_OF_THREE, scale="std", eps=0.0).tolist() == [0.0, 0.0, 0.0]


def test_what_counts_as_equal_is_a_matter_of_each_group_alone():
    # Spreads of 1e-13 of a group's own values are rounding, those of 1e-11 are not, whatever stands beside them: the largest value is 1e9.
    sizes, values = (3, 3, 3, 3, 3, 1), []
    for magnitude, spread in ((1e9, 1e-13), (1e9, 1e-11), (1e-6, 1e-13), (1e-6, 1e-11), (0.0, 0.0), (5.0, 0.0)):
        values += [magnitude * (1.0 - spread), magnitude, magnitude * (1.0 + spread)][: sizes[len(values) // 3]]
    groups = Grouping(np.repeat(np.arange(6), sizes), 6)
    centred = deviations(np.array(values), groups)
    assert [bool(np.any(centred[groups.codes == group])) for group in range(6)] == [False, True, False, True, False, False]


def test_a_value_next_to_the_mean_of_a_group_that_differs_is_no_rounding():
    # 2**-42 = 2.3e-13 is below 1e-12 times the largest value, 2. The mean of (0, 2, 1 + 3*2**-42) is 1 + 2**-42, so the third deviates by 2**-41, and stays.
    # The second group is equal but for its last bit, and is still found beside the first.
    values = np.array([0.0, 2.0, 1.0 + 3 * 2**-42, 1.0, 1.0 + 2**-52])
    centred = deviations(values, factorise(np.array([0, 0, 0, 1, 1])))
    assert centred[2] == pytest.approx(2**-41, rel=1e-3)
    assert centred[3:].tolist() == [0.0, 0.0]


def test_small_differences_on_a_large_offset_survive():
    # Squares of 1e8 lose the 1e-4; centring first keeps it. Deviations -1e-4, 0, 1e-4; std with ddof 1 = 1e-4.
    values = np.array([1e8 - 1e-4, 1e8, 1e8 + 1e-4])
    np.testing.assert_allclose(deviations(values, ONE_GROUP_OF_THREE), [-1e-4, 0.0, 1e-4], rtol=1e-3, atol=1e-12)
    np.testing.assert_allclose(normalized(values, ONE_GROUP_OF_THREE, scale="std", eps=0.0), [-1.0, 0.0, 1.0], rtol=1e-3, atol=1e-3)


def test_groups_of_one():
    alone = Grouping(np.array([0, 1, 1]), 2)
    values = np.array([0.5, 3.0, 1.0])
    for centre in ("mean", "leave_one_out"):
        assert normalized(values, alone, centre=centre, singleton="zero")[0] == 0.0
        assert normalized(values, alone, centre=centre, singleton="raw")[0] == 0.5
    # The undefined standard deviation counts as 1.
    assert normalized(values, alone, scale="std", eps=1.0, singleton="raw")[0] == 0.25
    assert group_stds(deviations(values, alone), alone)[0] == 0.0


def test_without_a_centre_an_equal_group_is_not_blown_up():
    assert normalized(np.array([2.0, 2.0]), Grouping(np.array([0, 0]), 1), centre="none", scale="std", eps=0.0).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("dtype", [np.int64, np.int8, np.bool_, np.float32])
@pytest.mark.parametrize("centre", ["mean", "leave_one_out", "none"])
def test_numbers_of_any_kind_are_taken(dtype, centre):
    # A plug-in may hand over lengths, which are integers, or what succeeded, which is True or False.
    values = np.array([0.0, 1.0, 1.0])
    found = normalized(values.astype(dtype), ONE_GROUP_OF_THREE, centre=centre, scale="std")
    assert found.dtype == np.float64
    assert found.tolist() == normalized(values, ONE_GROUP_OF_THREE, centre=centre, scale="std").tolist()


def test_the_values_are_not_written_to():
    values = np.array([1.0, 1.0, 4.0])
    for centre in ("mean", "leave_one_out", "none"):
        normalized(values, ONE_GROUP_OF_THREE, centre=centre, scale="std")
        assert not np.shares_memory(normalized(values, ONE_GROUP_OF_THREE, centre=centre), values)
    assert values.tolist() == [1.0, 1.0, 4.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"centre": "men"}, r"centre must be one of 'mean', 'leave_one_out', 'none', got 'men'. Did you mean 'mean'\?"),
        ({"scale": "sd"}, "scale must be one of"),
        ({"singleton": "error"}, "singleton must be one of"),
        ({"eps": -1.0}, r"eps must be in \[0, inf\]"),
        ({"eps": float("nan")}, "eps must be in"),
    ],
)
def test_impossible_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        normalized(np.ones(3), ONE_GROUP_OF_THREE, **options)

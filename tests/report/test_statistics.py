import itertools

import numpy as np
import pytest

from prm_gym.errors import OptionError
from prm_gym.report.statistics import EXACT_FLIPS, Interval, area_under_curve, bootstrap_interval, holm, paired_difference


def rng(seed=0):
    return np.random.default_rng(seed)


def vector(*values):
    return np.array(values, dtype=np.float64)


# bootstrap_interval


def test_bootstrap_of_equal_values_has_width_zero():
    interval = bootstrap_interval(vector(0.5, 0.5, 0.5, 0.5), rng())
    assert (interval.mean, interval.low, interval.high, interval.n) == (0.5, 0.5, 0.5, 4)


def test_bootstrap_of_two_values_is_their_range():
    # The resampled mean of (0, 1) is 0, 1/2, 1 with chances 1/4, 1/2, 1/4: both 2.5% tails lie at the ends.
    interval = bootstrap_interval(vector(0.0, 1.0), rng())
    assert (interval.mean, interval.low, interval.high) == (0.5, 0.0, 1.0)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95])
def test_bootstrap_agrees_with_the_enumeration_of_all_resamples(level):
    # Four values have 4^4 = 256 equally likely resamples; the quantiles of all of them are the exact interval. The levels lie off the
    # steps of that distribution, so that sampling cannot jump to the neighbouring value.
    values = vector(0.0, 0.1, 0.45, 1.0)
    means = [np.mean(resample) for resample in itertools.product(values, repeat=4)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    interval = bootstrap_interval(values, rng(1), level=level, resamples=100_000)
    assert interval.low == pytest.approx(low, abs=0.013)
    assert interval.high == pytest.approx(high, abs=0.013)


def test_bootstrap_of_many_values_is_the_normal_interval():
    # Central limit: the half width is 1.96 s / sqrt(S), s the standard deviation with divisor S.
    values = rng(2).normal(3.0, 2.0, size=1000)
    interval = bootstrap_interval(values, rng(3), resamples=20_000)
    half = 1.96 * values.std() / np.sqrt(1000)
    assert interval.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert interval.high == pytest.approx(values.mean() + half, abs=0.05 * half)


@pytest.mark.parametrize(("seeds", "expected"), [(5, 0.83), (10, 0.90), (30, 0.94)])
def test_coverage_is_what_the_docstring_says(seeds, expected):
    # Of normal values. The share over 1500 trials has a standard error of 0.01 at most; the bounds are three of them.
    draws = rng(4)
    hits = 0
    for _ in range(1500):
        interval = bootstrap_interval(draws.normal(size=seeds), draws, resamples=600)
        hits += interval.low <= 0.0 <= interval.high
    assert hits / 1500 == pytest.approx(expected, abs=0.03)


def test_one_value_has_no_interval_and_says_why():
    assert bootstrap_interval(vector(0.25), rng()) == Interval(0.25, None, None, 1, reason="one seed")


def test_same_generator_same_interval():
    values = vector(0.1, 0.5, 0.9)
    assert bootstrap_interval(values, rng(7)) == bootstrap_interval(values, rng(7))


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, 1.0], [[1.0, 2.0]]])
def test_bootstrap_refuses_what_has_no_mean(values):
    with pytest.raises(OptionError, match="finite"):
        bootstrap_interval(np.array(values, dtype=np.float64), rng())


@pytest.mark.parametrize("options", [{"level": 0.0}, {"level": 1.0}, {"resamples": 0}])
def test_bootstrap_refuses_options_out_of_range(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        bootstrap_interval(vector(0.0, 1.0), rng(), **options)


@pytest.mark.parametrize("parts", [(0.5, 0.4, None, 5, ""), (0.5, 0.6, 0.4, 5, ""), (0.5, None, None, 5, ""), (0.5, 0.4, 0.6, 5, "why")])
def test_interval_refuses_halves_crossings_and_silence(parts):
    with pytest.raises(OptionError):
        Interval(*parts)


def test_overlap():
    middle, above, lone = Interval(0.5, 0.4, 0.6, 5), Interval(0.8, 0.7, 0.9, 5), Interval(0.5, None, None, 1, "one seed")
    assert middle.overlaps(middle) is True
    assert middle.overlaps(above) is False
    assert above.overlaps(middle) is False
    assert middle.overlaps(lone) is None


# area_under_curve


def test_area_of_a_line_by_hand():
    assert area_under_curve(vector(0, 10), vector(0, 1)) == 0.5
    assert area_under_curve(vector(0, 3, 10), vector(0.2, 0.2, 0.2)) == pytest.approx(0.2)


def test_area_over_uneven_steps_by_hand():
    # (1 - 0)(0 + 1)/2 + (4 - 1)(1 + 0.5)/2 = 0.5 + 2.25 = 2.75 over a range of 4.
    assert area_under_curve(vector(0, 1, 4), vector(0, 1, 0.5)) == 0.6875


def test_area_does_not_depend_on_where_the_steps_start_or_their_unit():
    steps, success = vector(0, 1, 4), vector(0, 1, 0.5)
    assert area_under_curve(1000 + 250 * steps, success) == pytest.approx(area_under_curve(steps, success))


def test_area_of_a_point_is_its_height():
    assert area_under_curve(vector(500), vector(0.3)) == 0.3


@pytest.mark.parametrize(("steps", "success"), [([], []), ([0, 1], [0.5]), ([0, 0], [0.1, 0.2]), ([5, 2], [0.1, 0.2]), ([0, np.nan], [0.1, 0.2])])
def test_area_refuses_what_is_no_curve(steps, success):
    with pytest.raises(OptionError):
        area_under_curve(vector(*steps), vector(*success))


# paired_difference


def test_sign_flips_of_three_pairs_by_hand():
    # d = (1, 2, 4): of the 8 sums +-1 +-2 +-4 only 7 and -7 are as far out as 7.
    difference = paired_difference(vector(1, 2, 4), vector(0, 0, 0), rng())
    assert difference.interval.mean == pytest.approx(7 / 3)
    assert difference.p_value == 2 / 8
    assert difference.smallest_p == 2 / 8


def test_ties_count_as_extreme():
    # d = (3, 1, -1): observed 3; the sums with the first sign held are 3, 5, 1, 3, of which three reach 3.
    assert paired_difference(vector(3, 1, 0), vector(0, 0, 1), rng()).p_value == 3 / 4


def test_sign_flips_agree_with_plain_enumeration():
    a, b = rng(5).uniform(size=9), rng(6).uniform(size=9)
    d = a - b
    sums = [sum(sign * value for sign, value in zip(signs, d, strict=True)) for signs in itertools.product((-1, 1), repeat=9)]
    expected = np.mean([abs(total) >= abs(d.sum()) - 1e-12 for total in sums])
    assert paired_difference(a, b, rng()).p_value == expected


def test_rounding_does_not_break_ties():
    # 0.1 + 0.2 - 0.3 is not 0 in floating point; every flip that is tied with the observed sum must count. By hand in tenths: d = (1, 2, -3)
    # sums to 0, so every sum is as extreme.
    assert paired_difference(vector(0.1, 0.2, 0.0), vector(0.0, 0.0, 0.3), rng()).p_value == 1.0


def test_equal_sides_differ_by_nothing():
    same = vector(0.1, 0.5, 0.9)
    difference = paired_difference(same, same, rng())
    assert (difference.interval.mean, difference.interval.low, difference.interval.high, difference.p_value) == (0.0, 0.0, 0.0, 1.0)


def test_one_pair_shows_nothing():
    difference = paired_difference(vector(1.0), vector(0.0), rng())
    assert difference.p_value == 1.0
    assert difference.interval.low is None


def test_five_pairs_never_fall_below_a_sixteenth():
    difference = paired_difference(vector(1, 1, 1, 1, 1), vector(0, 0, 0, 0, 0), rng())
    assert difference.p_value == difference.smallest_p == 0.0625


def test_sides_swap_into_the_negative():
    a, b = vector(0.2, 0.9, 0.4), vector(0.1, 0.3, 0.5)
    forth, back = paired_difference(a, b, rng(8)), paired_difference(b, a, rng(8))
    assert back.interval.mean == -forth.interval.mean
    assert back.p_value == forth.p_value
    assert back.interval.low == pytest.approx(-forth.interval.high, abs=1e-12)


def test_sampled_flips_agree_with_the_exact_distribution():
    # 24 whole-number differences: the distribution of the flipped sum is the convolution of 24 two-point distributions.
    d = np.array([3, 1, -2, 4, 2, -1, 5, 1, 2, -3, 1, 2, 1, -4, 2, 3, 1, -1, 2, 1, 3, -2, 1, 2], dtype=np.float64)
    assert len(d) > EXACT_FLIPS
    chances = np.array([1.0])
    for value in np.abs(d).astype(int):
        step = np.zeros(2 * value + 1)
        step[[0, -1]] = 0.5
        chances = np.convolve(chances, step)
    sums = np.arange(len(chances)) - np.abs(d).sum()
    exact = chances[np.abs(sums) >= d.sum()].sum()
    assert 0.01 < exact < 0.2
    # The standard error of a share p over 40000 draws is sqrt(p (1 - p) / 40000) < 0.002.
    assert paired_difference(d, np.zeros_like(d), rng(9), resamples=40_000).p_value == pytest.approx(exact, abs=0.006)


def test_pairs_need_both_sides():
    with pytest.raises(OptionError, match="shapes"):
        paired_difference(vector(1, 2), vector(1), rng())


# holm


def test_holm_by_hand():
    # Sorted: 0.01 x 3 = 0.03; 0.03 x 2 = 0.06; 0.04 x 1 = 0.04, raised to 0.06 since p-values must not fall.
    assert holm(vector(0.01, 0.04, 0.03)) == pytest.approx([0.03, 0.06, 0.06])


def test_holm_stops_at_one_and_takes_an_empty_table():
    assert holm(vector(0.6, 0.9)).tolist() == [1.0, 1.0]
    assert holm(vector()).tolist() == []


def test_holm_keeps_the_order_and_lies_between_raw_and_bonferroni():
    raw = rng(10).uniform(size=12)
    adjusted = holm(raw)
    assert np.all(adjusted >= raw)
    assert np.all(adjusted <= np.minimum(1.0, 12 * raw) + 1e-12)
    assert np.all(np.diff(adjusted[np.argsort(raw)]) >= 0.0)


@pytest.mark.parametrize("values", [[-0.1], [1.1], [np.nan], [[0.1]]])
def test_holm_refuses_what_is_no_p_value(values):
    with pytest.raises(OptionError, match="p_values"):
        holm(np.array(values))

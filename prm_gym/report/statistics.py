"""Statistics over seeds: how sure a comparison can be of its numbers, as pure functions of arrays.

The unit of replication is the training run (one seed), never the evaluation episode: episodes of one run share its policy.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from prm_gym.errors import OptionError

FloatVector = npt.NDArray[np.float64]

EXACT_FLIPS = 20
"""Up to this many pairs all 2^n sign flips are enumerated (8 MiB of sums at 20); above, flips are sampled."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and how far it can be trusted.

    Attributes:
        mean: mean of the values, in their unit.
        low: lower end, None where there is no interval.
        high: upper end, None likewise.
        n: how many values it was taken over.
        reason: why there is no interval; empty where there is one.
    """

    mean: float
    low: float | None
    high: float | None
    n: int
    reason: str = ""

    def __post_init__(self) -> None:
        """Refuse half an interval, a crossed one, and a missing one without its reason."""
        if (self.low is None) != (self.high is None):
            raise OptionError(f"An interval has both ends or none, got low={self.low} and high={self.high}.")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise OptionError(f"An interval's low end lies below its high end, got low={self.low} and high={self.high}.")
        if (self.low is None) != bool(self.reason):
            raise OptionError(f"A missing interval says why, and only that one: got low={self.low} and reason={self.reason!r}.")

    def overlaps(self, other: "Interval") -> bool | None:
        """Whether the two intervals share a point; None where one of them does not exist.

        >>> Interval(0.5, 0.4, 0.6, 5).overlaps(Interval(0.7, 0.6, 0.8, 5))
        True
        """
        if self.low is None or self.high is None or other.low is None or other.high is None:
            return None
        return self.low <= other.high and other.low <= self.high


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The mean of `a - b` over pairs, with its interval and the p-value of "a and b are exchangeable in every pair".

    Attributes:
        interval: mean difference with its bootstrap interval, in the unit of the values.
        p_value: two-sided, in (0, 1].
        smallest_p: the smallest p-value that this many pairs can give at all, 2^(1-n): five pairs never fall below 0.0625.
    """

    interval: Interval
    p_value: float
    smallest_p: float


def bootstrap_interval(values: FloatVector, rng: np.random.Generator, level: float = 0.95, resamples: int = 10_000) -> Interval:
    """The mean of the values with its percentile bootstrap interval.

        m_r  = mean of S draws with replacement from the values,   r = 1..resamples
        low  = quantile((1 - level) / 2) of m,   high = quantile((1 + level) / 2) of m

    With few values the interval is too narrow (five normal values: it covers the mean about 83% of the time, not 95%), because the
    resamples' spread is smaller than the sample's by sqrt((S-1)/S) and knows no t quantiles. One value has no interval: every resample
    would be that value, and an interval of width 0 would claim certainty.

    Args:
        values: [S] float64, one a seed, finite.
        rng: draws the resamples.
        level: share of the resampled means inside, in (0, 1).
        resamples: how many resamples, at least 1.

    Returns:
        The interval; without ends, and with the reason, when S is 1.

    Raises:
        OptionError: no values, values that are not finite, or a level or number of resamples out of range.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.3.
    """
    checked = _vector("values", values)
    if not 0.0 < level < 1.0:
        raise OptionError(f"level must lie in (0, 1), got {level}.")
    if resamples < 1:
        raise OptionError(f"resamples must be at least 1, got {resamples}.")
    mean, n = float(checked.mean()), len(checked)
    if n == 1:
        return Interval(mean, None, None, 1, reason="one seed")
    resampled = checked[rng.integers(n, size=(resamples, n))].mean(axis=1)
    low, high = np.quantile(resampled, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return Interval(mean, float(low), float(high), n)


def area_under_curve(env_steps: FloatVector, success: FloatVector) -> float:
    """The mean height of a learning curve: its trapezoid area divided by its range, in [0, 1] when success is.

        auc = sum_i (x_{i+1} - x_i) (y_i + y_{i+1}) / 2  /  (x_P - x_1)

    A single point is its own mean height. Curves are comparable only over the same range.

    >>> area_under_curve(np.array([0.0, 10.0]), np.array([0.0, 1.0]))
    0.5

    Args:
        env_steps: [P] float64, environment steps, strictly increasing.
        success: [P] float64, in [0, 1].

    Returns:
        The area over the range.

    Raises:
        OptionError: no points, unequal lengths, or steps that do not increase.
    """
    x, y = _vector("env_steps", env_steps), _vector("success", success)
    if x.shape != y.shape:
        raise OptionError(f"A curve has one success for every env_steps, got shapes {x.shape} and {y.shape}.")
    if np.any(np.diff(x) <= 0.0):
        raise OptionError(f"env_steps must increase strictly, got {x.tolist()}.")
    if len(x) == 1:
        return float(y[0])
    return float(np.trapezoid(y, x) / (x[-1] - x[0]))


def paired_difference(a: FloatVector, b: FloatVector, rng: np.random.Generator, level: float = 0.95, resamples: int = 10_000) -> PairedDifference:
    """The mean of `a - b` over common seeds, its bootstrap interval, and the exact sign-flip p-value.

        d_s = a_s - b_s
        p   = share of the 2^S sign vectors e in {-1, +1}^S  with  |sum_s e_s d_s| >= |sum_s d_s|

    The identity is one of the sign vectors, so p is never 0 and never below 2^(1-S). Above `EXACT_FLIPS` pairs, `resamples` flips are
    drawn instead, and the observed one is counted in: p = (1 + hits) / (1 + resamples).

    Args:
        a: [S] float64, one a seed.
        b: [S] float64, of the same seeds in the same order.
        rng: draws the bootstrap's resamples, and the flips above `EXACT_FLIPS` pairs.
        level: of the interval, in (0, 1).
        resamples: how many resamples, at least 1.

    Returns:
        The difference; its interval has no ends when S is 1, and its p-value is then 1.

    Raises:
        OptionError: no pairs, unequal lengths, or values that are not finite.

    Source: Fisher's randomization test for pairs; Good, Permutation, Parametric, and Bootstrap Tests of Hypotheses (2005), chapter 3.
    The count above EXACT_FLIPS: Phipson and Smyth, Permutation P-values Should Never Be Zero (2010).
    """
    first, second = _vector("a", a), _vector("b", b)
    if first.shape != second.shape:
        raise OptionError(f"Pairs need as many values on both sides, got shapes {first.shape} and {second.shape}.")
    difference = first - second
    interval = bootstrap_interval(difference, rng, level, resamples)
    n = len(difference)
    if n <= EXACT_FLIPS:
        p_value = _exact_sign_flip(difference)
        return PairedDifference(interval, p_value, smallest_p=2.0 ** (1 - n))
    flips = rng.choice(np.array([-1.0, 1.0]), size=(resamples, n))
    hits = int(np.count_nonzero(_as_extreme(flips @ difference, difference)))
    return PairedDifference(interval, (1 + hits) / (1 + resamples), smallest_p=1 / (1 + resamples))


def holm(p_values: FloatVector) -> FloatVector:
    """Holm's step-down correction: p-values that keep the family-wise error rate over the whole table.

        adjusted_(k) = max_{j <= k} min(1, (K - j + 1) p_(j)),   p_(1) <= ... <= p_(K)

    >>> holm(np.array([0.01, 0.04])).tolist()
    [0.02, 0.04]

    Args:
        p_values: [K] float64, in [0, 1], in any order; K may be 0.

    Returns:
        [K] float64, in [0, 1], in the order given.

    Raises:
        OptionError: a p-value outside [0, 1].

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979).
    """
    checked = np.asarray(p_values, dtype=np.float64)
    if checked.ndim != 1 or not np.all((checked >= 0.0) & (checked <= 1.0)):
        raise OptionError(f"p_values must be [K] in [0, 1], got {checked.tolist()}.")
    order = np.argsort(checked, kind="stable")
    scaled = np.minimum(1.0, checked[order] * np.arange(len(checked), 0, -1))
    adjusted = np.empty_like(checked)
    adjusted[order] = np.maximum.accumulate(scaled)
    return adjusted


def _exact_sign_flip(difference: FloatVector) -> float:
    """Two-sided p-value over all sign vectors; the first sign is held, since a vector and its negative are equally extreme."""
    sums = difference[:1].copy()
    for value in difference[1:]:
        sums = np.concatenate([sums + value, sums - value])
    return float(np.mean(_as_extreme(sums, difference)))


def _as_extreme(sums: FloatVector, difference: FloatVector) -> npt.NDArray[np.bool_]:
    """[F] bool: which flipped sums are as far from 0 as the observed one, with room for rounding so that ties count as ties."""
    slack = 1e-12 * float(np.abs(difference).sum())
    return np.abs(sums) >= abs(float(difference.sum())) - slack


def _vector(name: str, values: FloatVector) -> FloatVector:
    """The values as a non-empty, finite float64 vector."""
    checked = np.asarray(values, dtype=np.float64)
    if checked.ndim != 1 or len(checked) == 0 or not np.all(np.isfinite(checked)):
        raise OptionError(f"{name} must be a vector of one or more finite numbers, got {checked.tolist()}.")
    return checked

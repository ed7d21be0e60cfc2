"""LearningCurve: success against environment steps, mean and band over the seeds of one combination."""

import zlib
from dataclasses import dataclass

import numpy as np

from prm_gym.report.comparison import Comparison, RunResult
from prm_gym.report.statistics import FloatVector


@dataclass(frozen=True, slots=True, eq=False)
class LearningCurve:
    """One combination's curve.

    Attributes:
        credit: spec of the credit assigner.
        reward: spec of the reward scheme.
        seeds: how many runs it is taken over.
        env_steps: [P] float64, environment steps, increasing.
        mean: [P] float64, mean success over seeds, in [0, 1].
        low: [P] float64, lower end of the pointwise 95% bootstrap interval over seeds; None for one seed.
        high: [P] float64, upper end, likewise.
        exact: whether every run was evaluated at exactly these steps.
    """

    credit: str
    reward: str
    seeds: int
    env_steps: FloatVector
    mean: FloatVector
    low: FloatVector | None
    high: FloatVector | None
    exact: bool


def learning_curves(comparison: Comparison) -> tuple[LearningCurve, ...]:
    """The curve of every combination that has one, in the order of `comparison.combinations`."""
    curves = (learning_curve(comparison.runs_of(credit, reward)) for credit, reward in comparison.combinations)
    return tuple(curve for curve in curves if curve is not None)


def learning_curve(runs: tuple[RunResult, ...], resamples: int = 10_000) -> LearningCurve | None:
    """The mean curve over the runs that have one, with its pointwise band; None when there is none.

    A run's batches end where its episodes end, so its evaluations fall a little beside those of another seed. Where the runs have equally many
    evaluations in the same order, the k-th ones are taken together, at their mean step. Otherwise all runs are interpolated linearly to the steps of the one
    with the fewest, within the range that all of them cover. The bootstrap draws whole curves, one a seed.

    Args:
        runs: of one combination.
        resamples: of the bootstrap.

    Returns:
        The curve; None when no run has a point, or when their ranges have no step in common.
    """
    measured = [run for run in runs if run.curve]
    if not measured:
        return None
    steps = [np.array([point.env_steps for point in run.curve], dtype=np.float64) for run in measured]
    values = [np.array([point.success for point in run.curve], dtype=np.float64) for run in measured]
    grid = shared_evaluations(steps)
    if grid is None:
        first, last = max(own[0] for own in steps), min(own[-1] for own in steps)
        if first > last:
            return None
        coarsest = min(steps, key=len)
        grid = np.unique(np.concatenate([[first], coarsest[(coarsest > first) & (coarsest < last)], [last]]))
        values = [np.interp(grid, own, success) for own, success in zip(steps, values, strict=True)]
    exact = all(np.array_equal(own, grid) for own in steps)
    success = np.stack(values)
    credit, reward, seeds = measured[0].credit, measured[0].reward, len(measured)
    if seeds == 1:
        return LearningCurve(credit, reward, 1, grid, success[0], None, None, exact)
    rng = np.random.default_rng(zlib.crc32(f"{credit}\0{reward}\0curve".encode()))
    drawn = rng.multinomial(seeds, np.full(seeds, 1.0 / seeds), size=resamples) / seeds
    low, high = np.quantile(drawn @ success, [0.025, 0.975], axis=0)
    return LearningCurve(credit, reward, seeds, grid, success.mean(axis=0), np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0), exact)


def shared_evaluations(steps: list[FloatVector]) -> FloatVector | None:
    """The mean step of the k-th evaluation over several curves; None when they have unequally many, or when a k-th one lies behind another's next.

    Args:
        steps: one [P] float64 a curve, environment steps, increasing.

    Returns:
        [P] float64, increasing; or None.
    """
    if len({len(own) for own in steps}) != 1:
        return None
    stacked = np.stack(steps)
    if np.any(stacked.max(axis=0)[:-1] >= stacked.min(axis=0)[1:]):
        return None
    return stacked.mean(axis=0)


def evaluation_names(curves: list[LearningCurve]) -> list[list[str]]:
    """What to call every point of every curve, so that points of one evaluation have one name: "about 2,040 environment steps".

    Args:
        curves: of one panel, at least one.

    Returns:
        A list a curve, a name a point.
    """
    shared = shared_evaluations([curve.env_steps for curve in curves])
    if shared is None:
        return [[_named(float(step), curve.exact) for step in curve.env_steps] for curve in curves]
    exact = all(curve.exact and np.array_equal(curve.env_steps, shared) for curve in curves)
    return [[_named(float(step), exact) for step in shared] for _ in curves]


def _named(step: float, exact: bool) -> str:
    """Environment steps in words."""
    return f"{'' if exact else 'about '}{step:,.0f} environment steps"

"""Labels of the steps of a solution from the values of its prefixes: pure functions of numbers, None where nothing is known.

`values` are those after each step, [T], and `start` is that of the beginning: the share of roll-outs from there that succeed, the agent's confidence.
"""

from collections.abc import Sequence

from prm_gym.errors import OptionError
from prm_gym.montecarlo.estimate import Estimate
from prm_gym.prm.labelled import first_error
from prm_gym.prm.layouts.indices import until_first_error

LEAST_CONFIDENCE, TOLERANCE = 0.75, 2  # of SCAN, as its authors' data were made


def hard_labels(estimates: Sequence[Estimate]) -> list[float | None]:
    """[T] 1 if any roll-out after the step succeeded, else 0 (Math-Shepherd's hard estimation).

    Args:
        estimates: [T] of the prefixes after each step.
    """
    return [estimate.hard for estimate in estimates]


def soft_labels(estimates: Sequence[Estimate]) -> list[float | None]:
    """[T] the share of roll-outs after the step that succeeded (Math-Shepherd's soft estimation).

    Args:
        estimates: [T] of the prefixes after each step.
    """
    return [estimate.soft for estimate in estimates]


def error_labels(index: int | None, steps: int) -> list[float | None]:
    """[T] 1 before the first error, 0 at it, None after it: of what follows an error, its search tells nothing.

    >>> error_labels(1, 3), error_labels(-1, 2), error_labels(None, 2)
    ([1.0, 0.0, None], [1.0, 1.0], [None, None])

    Args:
        index: of the first error; -1 for none, None if it is not known.
        steps: T.

    Raises:
        OptionError: the index lies outside.
    """
    return [None] * steps if index is None else list(until_first_error(index, steps))


def denoised_labels(
    values: Sequence[float | None],
    start: float | None,
    outcome: float | None,
    *,
    least_confidence: float = LEAST_CONFIDENCE,
    tolerance: int = TOLERANCE,
    success: float = 1.0,
) -> list[float | None]:
    """[T] labels of SCAN: where a weak agent is likely to err about the steps, there are none; near the error they are soft.

        no label            if start < least_confidence: an agent that seldom solves the task fails after right steps too
        1                   for every step of a solution that succeeds
        e = the first step with value 0; no label if there is none: the agent mends the error, and its place is not known
        1                   for the steps more than `tolerance` before e
        min(1, value/start) for those within it: the error is found late more often than early, and the share is measured by what the agent can do at all
        0                   at e;   no label after it

    >>> denoised_labels([0.75, 0.75, 0.5, 0.25, 0.0, 0.0], start=0.75, outcome=0.0)
    [1.0, 1.0, 0.6666666666666666, 0.3333333333333333, 0.0, None]

    Args:
        values: [T] after each step, in [0, 1]; None where unknown.
        start: of the beginning.
        outcome: of the solution; None where it has none.
        least_confidence: in [0, 1].
        tolerance: steps before the error whose labels are soft, >= 0.
        success: the least outcome of a success.

    Source: Ding et al. 2025, SCAN: Self-Denoising Monte Carlo Annotation for Robust Process Reward Learning, section 4, and the authors' script that makes
    their data (yyDing1/SCAN-PRM, `dataset/SCAN-Base/process.py`), which then draws as many failed as successful solutions. Their loss is cross-entropy with
    these labels: `prm-gym train-prm --soft-verdicts`.
    """
    nothing: list[float | None] = [None] * len(values)
    if start is None or outcome is None or start <= 0.0 or start < least_confidence:
        return nothing
    if outcome >= success:
        return [1.0] * len(values)
    error = next((step for step, value in enumerate(values) if value is None or value == 0.0), None)
    if error is None or values[error] is None:
        return nothing
    labels: list[float | None] = [1.0] * error + [0.0] + [None] * (len(values) - error - 1)
    for step in range(max(0, error - tolerance), error):
        labels[step] = min(1.0, (values[step] or 0.0) / start)
    return labels


def agreed_labels(labels: Sequence[float | None], judged: Sequence[float | None], threshold: float = 0.5) -> list[float | None]:
    """[T] the labels of the steps on which a judge (a model, a verifier) says the same side of the threshold; None elsewhere.

    Args:
        labels: [T], in [0, 1] or None.
        judged: [T] scores of the judge, in [0, 1] or None.
        threshold: in (0, 1).
    """
    if len(labels) != len(judged):
        raise OptionError(f"{len(labels)} labels and {len(judged)} scores do not belong to the same steps")
    pairs = zip(labels, judged, strict=True)
    return [one if one is not None and other is not None and (one >= threshold) == (other >= threshold) else None for one, other in pairs]


def agreed_solution(labels: Sequence[float | None], judged: Sequence[float | None], threshold: float = 0.5) -> list[float | None]:
    """[T] the labels where both name the same first error (or both none); None for the whole solution otherwise. What comes after the error is None.

    Args:
        labels: [T], in [0, 1] or None.
        judged: [T] scores of the judge, in [0, 1] or None.
        threshold: in (0, 1).

    Source: Zhang et al. 2025, The lessons of developing process reward models in mathematical reasoning, section 3.1 (consensus filtering).
    """
    if len(labels) != len(judged):
        raise OptionError(f"{len(labels)} labels and {len(judged)} scores do not belong to the same steps")
    index = first_error(labels, threshold)
    if index is None or index != first_error(judged, threshold):
        return [None] * len(labels)
    return list(labels) if index == -1 else [*labels[: index + 1], *[None] * (len(labels) - index - 1)]

"""AgentProcessBench: three ratings a step, and the first error of a conversation.

    StepAcc     = share of all gold steps whose rating is told (micro; a step without a prediction is told wrongly)
    FirstErrAcc = share of all conversations whose first -1 is named, -1 standing for none
    macro-F1    = mean of the F1 of the ratings -1, 0 and +1

The overall figures pool counts; they are no means of subsets. A constant +1 reaches a StepAcc of 62.8 there, above several models: macro-F1 tells them apart.

Source: Fan et al. 2026 (AgentProcessBench), RUCBM/AgentProcessBench, eval/compare.py. macro-F1 is ours. What differs: a conversation of which nothing was
predicted has no first error in that script, so that it is right where the gold has none either; it is a miss here.
"""

from collections.abc import Sequence

import msgspec
import numpy as np

from prm_gym.errors import OptionError
from prm_gym.prm.evaluation.bootstrap import FloatArray

RATINGS = (-1, 0, 1)


class AgentProcessScore(msgspec.Struct, frozen=True):
    """The figures.

    Attributes:
        steps: that have a gold rating.
        conversations: how many.
        step_accuracy: StepAcc, in [0, 1].
        first_error_accuracy: FirstErrAcc.
        macro_f1: mean of the three F1.
        f1: of the ratings -1, 0 and +1.
        undecided: gold steps without a prediction.
    """

    steps: int
    conversations: int
    step_accuracy: float
    first_error_accuracy: float
    macro_f1: float
    f1: tuple[float, float, float]
    undecided: int


def agent_process_score(gold: Sequence[Sequence[int | None]], predicted: Sequence[Sequence[int | None]]) -> AgentProcessScore:
    """The figures of conversations.

    Args:
        gold: [N] ratings of the steps of each; None where a step has none, which then counts nowhere.
        predicted: [N] likewise; None where nothing is said.

    Raises:
        OptionError: the two do not fit together.
    """
    counts = rating_counts(gold, predicted)
    sums = counts.sum(axis=0)
    hits = [first_error_hit(own, said) for own, said in zip(gold, predicted, strict=True)]
    f1 = f1_of_ratings(sums)
    steps = float(sums.sum())
    return AgentProcessScore(
        steps=int(steps),
        conversations=len(gold),
        step_accuracy=float(step_accuracy_of_sums(sums)) if steps else 0.0,
        first_error_accuracy=sum(hits) / len(hits) if hits else 0.0,
        macro_f1=float(f1.mean()),
        f1=(float(f1[0]), float(f1[1]), float(f1[2])),
        undecided=int(sums.reshape(3, 4)[:, 3].sum()),
    )


def rating_counts(gold: Sequence[Sequence[int | None]], predicted: Sequence[Sequence[int | None]]) -> FloatArray:
    """[N, 12] float64: of each conversation the steps by gold rating (3) and by what is said: -1, 0, +1, nothing (4).

    Raises:
        OptionError: the two do not fit together.
    """
    if [len(own) for own in gold] != [len(said) for said in predicted]:
        raise OptionError("every conversation has as many predictions as steps")
    counts = np.zeros((len(gold), 3, 4))
    for row, (own, said) in enumerate(zip(gold, predicted, strict=True)):
        for rating, guess in zip(own, said, strict=True):
            if rating is not None:
                counts[row, rating + 1, 3 if guess is None else guess + 1] += 1.0
    return counts.reshape(len(gold), 12)


def step_accuracy_of_sums(sums: FloatArray) -> FloatArray:
    """StepAcc [...] from sums [..., 12] of `rating_counts`."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return (sums[..., 0] + sums[..., 5] + sums[..., 10]) / sums.sum(axis=-1)


def f1_of_ratings(sums: FloatArray) -> FloatArray:
    """F1 [..., 3] of the ratings -1, 0 and +1; 0 where a rating neither occurs nor is said."""
    table = sums.reshape(*sums.shape[:-1], 3, 4)
    hits = np.stack([table[..., at, at] for at in range(3)], axis=-1)
    total = table.sum(axis=-1) + table[..., :3].sum(axis=-2)
    return np.divide(2 * hits, total, out=np.zeros_like(hits), where=total > 0)


def macro_f1_of_sums(sums: FloatArray) -> FloatArray:
    """macro-F1 [...], likewise."""
    return f1_of_ratings(sums).mean(axis=-1)


def first_error_hit(gold: Sequence[int | None], predicted: Sequence[int | None]) -> bool:
    """Whether the first -1 is at the same step, or neither has one. False where a step of which nothing is said stands before the first -1 that is told."""
    where = next((index for index, rating in enumerate(gold) if rating == -1), -1)
    said = next((index for index, guess in enumerate(predicted) if guess == -1), -1)
    before = predicted if said < 0 else predicted[:said]
    rated = gold if said < 0 else gold[:said]
    unknown = any(guess is None and rating is not None for guess, rating in zip(before, rated, strict=True))
    return where == said and not unknown

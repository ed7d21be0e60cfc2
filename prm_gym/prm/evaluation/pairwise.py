"""Pairs: which of two steps is better. ToolComp's score in both orders, WebPRMBench's pairwise and best-of-n accuracy.

    ToolComp     1 where the better step is chosen in both orders, 0 where the worse one is, else 0.5 (tie, nothing said, or it depends on the order)
    PairwiseAcc  share of pairs that are told rightly, in both orders where there are two; a tie is none
    BoNAcc       share of states whose better step wins all its pairs

Sources: Nath et al. 2025 (ToolComp), inference/llm_as_judge_inference.py; Zhang et al. 2026 (WebArbiter), section 4.
"""

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias, runtime_checkable

import msgspec

from prm_gym.chains import Chain
from prm_gym.errors import OptionError

Side: TypeAlias = Literal["first", "second", "tie"]


class Preference(msgspec.Struct, frozen=True):
    """What is said of one pair.

    Attributes:
        chosen_first: which is better with the better step shown first; None where nothing is said.
        rejected_first: which is better with the worse step shown first.
    """

    chosen_first: Side | None
    rejected_first: Side | None

    @property
    def score(self) -> float:
        """ToolComp's score of the pair: 1, 0.5 or 0."""
        said = (self.chosen_first, self.rejected_first)
        return 1.0 if said == ("first", "second") else 0.0 if said == ("second", "first") else 0.5

    @property
    def won(self) -> bool:
        """The better step is chosen in both orders."""
        return self.score == 1.0

    @property
    def undecided(self) -> bool:
        """Nothing is said in one of the orders."""
        return self.chosen_first is None or self.rejected_first is None

    @property
    def flipped(self) -> bool:
        """The place decides: the same side in both orders."""
        return self.chosen_first == self.rejected_first and self.chosen_first in ("first", "second")


@runtime_checkable
class ComparesSteps(Protocol):
    """A verifier that looks at two steps at once; of any other, the scores of the two are compared."""

    def compare(self, pairs: Sequence[tuple[Chain, Chain]]) -> list[Side | None]:
        """Which of two chains ends in the better step, the first being shown first; asked in both orders."""
        ...


class PairwiseScore(msgspec.Struct, frozen=True):
    """The figures of pairs.

    Attributes:
        pairs: how many.
        groups: states that they belong to.
        score: mean of ToolComp's scores, in [0, 1].
        pairwise_accuracy: PairwiseAcc.
        best_of_n_accuracy: BoNAcc.
        undecided: pairs of which nothing is said in one of the orders.
        flipped: pairs in which the place decides.
    """

    pairs: int
    groups: int
    score: float
    pairwise_accuracy: float
    best_of_n_accuracy: float
    undecided: int
    flipped: int


def by_scores(chosen: float | None, rejected: float | None) -> Preference:
    """The preference of a verifier that scores each of the two by itself: the same in both orders.

    >>> by_scores(0.9, 0.2).score, by_scores(0.5, 0.5).score, by_scores(None, 0.2).score
    (1.0, 0.5, 0.5)
    """
    if chosen is None or rejected is None:
        return Preference(None, None)
    if chosen == rejected:
        return Preference("tie", "tie")
    return Preference("first", "second") if chosen > rejected else Preference("second", "first")


def pairwise_score(preferences: Sequence[Preference], groups: Sequence[str]) -> PairwiseScore:
    """The figures of pairs.

    Args:
        preferences: [N].
        groups: [N] the state of each.

    Raises:
        OptionError: the two are not of one length.
    """
    if len(preferences) != len(groups):
        raise OptionError(f"{len(preferences)} preferences have {len(groups)} groups")
    won: dict[str, bool] = {}
    for preference, group in zip(preferences, groups, strict=True):
        won[group] = won.get(group, True) and preference.won
    count = max(len(preferences), 1)
    return PairwiseScore(
        pairs=len(preferences),
        groups=len(won),
        score=sum(preference.score for preference in preferences) / count,
        pairwise_accuracy=sum(preference.won for preference in preferences) / count,
        best_of_n_accuracy=sum(won.values()) / max(len(won), 1),
        undecided=sum(preference.undecided for preference in preferences),
        flipped=sum(preference.flipped for preference in preferences),
    )

"""Chains with a label for each step: what process reward models are trained and evaluated on."""

from collections.abc import Sequence

import msgspec

from prm_gym.chains import Chain
from prm_gym.errors import OptionError
from prm_gym.prm.aggregation import Undecided, check_undecided


class LabelledChain(msgspec.Struct, frozen=True, kw_only=True):
    """A chain and what is known of its steps.

    Attributes:
        id: unique in its source.
        chain: the problem and the steps.
        labels: [T] P(step is right) in [0, 1]: 1 and 0 of hard labels, a share of roll-outs of soft ones; None where nothing is known.
        outcome: whether the final answer is right; None where it is not known.
        source: name of the data.
        domain: of several in one source (a subset, an environment, a kind of mistake); for weights and tables.
        ratings: [T] -1 (wrong), 0 (neutral) or +1 (right), where the source tells neutral steps apart; None where nothing is known; empty where it does not.
            Their labels are 0, 1 and 1: what is neutral counts as right, as it does for most models that are trained on such data.
        group: chains that belong together: attempts at one problem, a flawed solution and its twin. The problem where it is empty.
        gold: the right final answer, where it is known; sealed from those who are judged.
    """

    id: str
    chain: Chain
    labels: tuple[float | None, ...]
    outcome: bool | None = None
    source: str = ""
    domain: str = ""
    ratings: tuple[int | None, ...] = ()
    group: str = ""
    gold: str = ""

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.chain):
            raise OptionError(f"{self.id}: {len(self.chain)} steps have {len(self.labels)} labels")
        if any(label is not None and not 0.0 <= label <= 1.0 for label in self.labels):
            raise OptionError(f"{self.id}: labels lie in [0, 1] or are None, got {self.labels!r}")
        if self.ratings and (len(self.ratings) != len(self.chain) or any(rating not in (-1, 0, 1, None) for rating in self.ratings)):
            raise OptionError(f"{self.id}: ratings are -1, 0, 1 or None, one a step, got {self.ratings!r}")

    @property
    def group_key(self) -> str:
        """The same for all chains that belong together: what is resampled as a whole."""
        return self.group or self.chain.problem

    @property
    def first_error(self) -> int | None:
        """Index of the first step labelled below one half, -1 where none is; None where a step of unknown rightness stands before it."""
        return first_error(self.labels)


def first_error(scores: Sequence[float | None], threshold: float = 0.5, undecided: Undecided = "miss") -> int | None:
    """Index of the first step that scores below the threshold, -1 where none does; None where that cannot be told.

    >>> first_error([0.9, 0.2, 0.1]), first_error([0.9, None, 0.1]), first_error([0.9, None, 0.1], undecided="right")
    (1, None, 2)

    Args:
        scores: [T] P(step is right), or labels; None where that is not known.
        threshold: a step that scores below it counts as wrong.
        undecided: what a None comes to.
    """
    check_undecided(undecided)
    for index, score in enumerate(scores):
        if score is None:
            if undecided == "miss":
                return None
        elif score < threshold:
            return index
    return -1 if scores else None

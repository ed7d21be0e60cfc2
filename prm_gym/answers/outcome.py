"""What a comparison came to."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from prm_gym.answers.expression import Node

GradeVerdict: TypeAlias = Literal["correct", "incorrect", "malformed", "undecided"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two expressions whose equality is still to be found out.

    Attributes:
        gold: the tree, or the text where there is no tree.
        answer: likewise.
        readable: our reader knows what the gold answer says; if nobody can read the answer, that is the answer's fault.
    """

    gold: Node | str
    answer: Node | str
    readable: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a comparison came to.

    Attributes:
        verdict: the verdict; of an outcome with pairs, what it is when all of them are equal.
        reason: one sentence for a person.
        pairs: what is still to be found out; empty where the verdict stands.
    """

    verdict: GradeVerdict
    reason: str
    pairs: tuple[Pair, ...] = ()


def wrong(reason: str) -> Outcome:
    """It is not what the gold answer says."""
    return Outcome("incorrect", reason)


def undecided(reason: str) -> Outcome:
    """It cannot be told."""
    return Outcome("undecided", reason)


RIGHT = Outcome("correct", "it says what the gold answer says")

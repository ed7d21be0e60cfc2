"""What is found out about a statement of algebra."""

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from prm_gym.algebra.linear import Point

Status: TypeAlias = Literal["equal", "different", "undecided", "trivial", "vacuous"]


@dataclass(frozen=True, slots=True)
class Finding:
    """An answer with its grounds.

    Attributes:
        status: `equal` (it holds), `different` (it does not, and this is certain), `undecided`, `trivial` (it holds and says nothing) or `vacuous` (what it
            rests on is contradictory).
        reason: one sentence for a person.
        witness: what shows a difference: a value for each name, as exact rationals in text, or bounds that a root lies between.
    """

    status: Status
    reason: str
    witness: dict[str, str] = field(default_factory=dict[str, str])


def point_texts(point: Point) -> dict[str, str]:
    """A point as evidence."""
    return {name: str(value) for name, value in sorted(point.items())}


def point_sentence(point: Point) -> str:
    """A point for a person: `x = 3, y = 1/2`."""
    return ", ".join(f"{name} = {value}" for name, value in sorted(point.items())) or "no unknown at all"

"""Points at which expressions are evaluated exactly."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice, product
from typing import Literal, TypeAlias

from prm_gym.algebra.expansion import ONE, Expander, NoValueError, Ratio, is_numeric
from prm_gym.algebra.expression import Relation
from prm_gym.algebra.linear import Point
from prm_gym.algebra.polynomial import Budget, BudgetSpentError, constant

Comparison: TypeAlias = Literal["same", "different", "no value", "unknown"]

SAMPLES = 20
_MOST_NAMES = 12
_STARTS = ((2, 1), (3, 2), (1, 1), (5, -1), (-2, 3), (7, 4), (-4, -3), (1, 0), (-1, 0), (0, 1), (0, 0))


def points(names: Iterable[str]) -> Iterator[Point]:
    """Some points with a small rational value for each name; `pi` is none of them, for it has its own."""
    free = sorted(set(names) - {"pi"})
    if len(free) > _MOST_NAMES:
        return
    if not free:
        yield {}
        return
    tuples = [tuple(base + step * place for place in range(len(free))) for base, step in _STARTS]
    more = product((0, 1, 4, -1, Fraction(1, 2)), repeat=len(free))
    for values in islice(dict.fromkeys([*tuples, *islice(more, SAMPLES)]), SAMPLES):
        yield dict(zip(free, values, strict=True))


def compared_at(relation: Relation, point: Point, budget: Budget | None = None) -> Comparison:
    """How the two sides of a relation compare at a point with a value for every name but `pi`.

    Args:
        relation: of two sides; its sign does not matter.
        point: the values.
        budget: what may be spent, shared by several points; None for that of one question.
    """
    expander = Expander({name: Ratio(constant(value), ONE) for name, value in point.items()}, budget or Budget())
    try:
        difference = expander.difference(relation.left, relation.right).numerator
    except NoValueError:
        return "no value"
    except BudgetSpentError:
        return "unknown"
    if not difference:
        return "same"
    return "different" if all(is_numeric(generator) for generator in expander.generators.values()) else "unknown"

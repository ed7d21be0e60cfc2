"""Arguments and their like, for lists of candidates: of every listed one the others differ in the same way, so that none stands out."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

Item = TypeVar("Item")


def variations(rng: np.random.Generator, arguments: Mapping[str, Any], axes: Sequence[Sequence[Mapping[str, Any]]], most: int) -> list[dict[str, Any]]:
    """Arguments, and others that cross the values of two axes with one another, or take those of the one axis that there is.

    Every set of arguments is at the same place of the grid as every other, so that who compares them does not learn which one it was made around.

    Args:
        rng: chooses axes and values.
        arguments: come first.
        axes: for each, what may stand in the place of arguments, without what stands there now; empty where there is nothing else.
        most: at most so many; >= 4.
    """
    crossed: list[list[Mapping[str, Any]]] = [[{}, *_shuffled(rng, axis)] for axis in _shuffled(rng, [axis for axis in axes if axis])[:2]]
    if not crossed:
        return [dict(arguments)]
    if len(crossed) == 1:
        return [{**arguments, **change} for change in crossed[0][:most]]
    return [{**arguments, **row, **column} for row in crossed[0][:2] for column in crossed[1][: most // 2]]


def _shuffled(rng: np.random.Generator, among: Sequence[Item]) -> list[Item]:
    order: list[int] = rng.permutation(len(among)).tolist()
    return [among[i] for i in order]

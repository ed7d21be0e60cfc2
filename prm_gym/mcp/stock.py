"""The storeroom of the demonstration server: what is in it, tasks about it, and whether one is done."""

from typing import Any, NamedTuple, TypeAlias

import numpy as np

SHELVES = ("A", "B", "C", "D")
_THINGS = (
    "anvil", "bolt", "candle", "drum", "easel", "funnel", "gasket", "hinge", "inkwell", "jar", "kettle", "lantern",
    "mallet", "needle", "oar", "pulley", "quill", "rope", "sieve", "trowel", "umbrella", "valve", "wedge", "yoke",
)  # fmt: skip
_ITEMS = 14

Items: TypeAlias = "list[tuple[str, str, int]]"


class StockTask(NamedTuple):
    """A task about the storeroom of a seed.

    Attributes:
        question: what is to be done.
        expected: name, shelf and number of every item afterwards.
        solution: calls that do it.
    """

    question: str
    expected: Items
    solution: list[tuple[str, dict[str, Any]]]


def _mixed(rng: np.random.Generator, names: tuple[str, ...]) -> list[str]:
    return [names[int(place)] for place in rng.permutation(len(names))]


def stock(seed: int) -> Items:
    """Name, shelf and number of every item at the beginning, in the order of the names."""
    rng = np.random.default_rng(seed)
    names = sorted(_mixed(rng, _THINGS)[:_ITEMS])
    return [(name, SHELVES[int(rng.integers(len(SHELVES)))], int(rng.integers(0, 41))) for name in names]


def stock_task(seed: int) -> StockTask:
    """A task about the storeroom of that seed: items of a shelf to be moved or thrown away by their number, and one to be counted anew."""
    rng = np.random.default_rng([seed, 1])
    items = stock(seed)
    while True:
        first, second = _mixed(rng, SHELVES)[:2]
        limit = int(rng.integers(8, 33))
        few = [name for name, shelf, number in items if shelf == first and number < limit]
        many = [name for name, shelf, number in items if shelf == first and number >= limit]
        rest = [(name, number) for name, shelf, number in items if shelf != first]
        if 1 <= len(few) <= 3 and many and rest:
            break
    counted, number = rest[int(rng.integers(len(rest)))]
    found = number + int(rng.integers(1, 20))
    if rng.random() < 0.5:
        words = f"Move every item of shelf {first} of which there are fewer than {limit} to shelf {second}"
        calls: list[tuple[str, dict[str, Any]]] = [("move_item", {"item": name, "shelf": second}) for name in few]
        after = [(name, second if name in few else shelf, count) for name, shelf, count in items]
    else:
        words = f"Throw away every item of shelf {first} of which there are fewer than {limit}"
        calls = [("remove_item", {"item": name}) for name in few]
        after = [(name, shelf, count) for name, shelf, count in items if name not in few]
    after = [(name, shelf, found if name == counted else count) for name, shelf, count in after]
    question = f"{words}. Then {found - number} more pieces of the item {counted} have come in: set its number right. Change nothing else."
    calls = [("list_items", {"shelf": first}), *calls, ("find_item", {"item": counted}), ("set_number", {"item": counted, "number": found})]
    return StockTask(question, after, calls)

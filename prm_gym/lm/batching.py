"""Batches of sequences of unequal lengths: sorted by length under a budget of tokens, or packed in rows."""

from collections.abc import Sequence


def length_sorted(lengths: Sequence[int], budget: int, slack: float = 0.1) -> list[list[int]]:
    """Indices in batches, the longest first, so that little of a batch is padding.

    A batch costs its size times its longest sequence, and is closed before that exceeds the budget; or before more than `slack` of it is padding, once it costs
    a sixteenth of the budget (many small batches cost more than some padding). One that is longer than the budget stands alone.

    >>> length_sorted([3, 9, 8, 3], budget=20)
    [[1, 2], [0, 3]]

    Args:
        lengths: tokens of each sequence.
        budget: tokens of a batch, with padding. >= 1.
        slack: share of a batch that may be padding. In [0, 1).

    Returns:
        Every index once.
    """
    batches: list[list[int]] = []
    tokens = 0
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        if batches:
            widest, size = lengths[batches[-1][0]], len(batches[-1]) + 1
            padding = 1.0 - (tokens + lengths[at]) / max(widest * size, 1)
            if widest * size <= budget and (padding <= slack or widest * (size - 1) * 16 < budget):
                batches[-1].append(at)
                tokens += lengths[at]
                continue
        batches.append([at])
        tokens = lengths[at]
    return batches


def packed(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices in rows without padding: the first row with room takes the next longest.

    >>> packed([3, 9, 8, 1], budget=12)
    [[1, 0], [2, 3]]

    Args:
        lengths: tokens of each sequence.
        budget: tokens of a row; a longer sequence has one for itself. >= 1.

    Returns:
        Every index once.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        fitting = next((row for row, left in enumerate(room) if left >= lengths[at]), None)
        if fitting is None:
            rows.append([at])
            room.append(budget - lengths[at])
        else:
            rows[fitting].append(at)
            room[fitting] -= lengths[at]
    return rows


def padding_share(lengths: Sequence[int], batches: Sequence[Sequence[int]]) -> float:
    """Which part of the batches is padding, in [0, 1)."""
    cost = sum(len(batch) * max(lengths[at] for at in batch) for batch in batches if batch)
    return 1.0 - sum(lengths[at] for batch in batches for at in batch) / cost if cost else 0.0

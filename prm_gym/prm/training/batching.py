"""Tokens, targets and weights in batches of nearly equal lengths, in an order that is a function of seed and epoch alone."""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from prm_gym.prm.training.config import Sampling

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BUCKET = 50  # batches whose chains are sorted by length together


class Tokens(msgspec.Struct, frozen=True):
    """A chain in tokens, and what its steps are to score.

    Attributes:
        ids: [L] int32.
        positions: [T] where the scores are read.
        targets: [T] in [0, 1]; NaN where there is none.
        weights: [T] >= 0; 0 where there is no target.
        domain: index of its domain.
        start: where the text of the first step begins; -1 where no text is to be predicted.
    """

    ids: NDArray[np.int32]
    positions: Ints
    targets: Floats
    weights: Floats
    domain: int = 0
    start: int = -1


class Item(msgspec.Struct, frozen=True, gc=False):
    """What is trained on at once.

    Attributes:
        index: of the chain; of the pair, with `rejected`.
        first: first step that counts.
        end: steps that are read.
        rejected: chain of the worse half of a pair; -1 of a chain alone.
    """

    index: int
    first: int
    end: int
    rejected: int = -1


class Batch(msgspec.Struct, frozen=True):
    """Chains side by side. Nothing is read to the right of a chain's last position, so causal models need no mask for the padding there.

    Attributes:
        ids: [B, L] int64; 0 where a chain has ended.
        rows: [P] of every position that is read.
        columns: [P] likewise.
        targets: [P] in [0, 1]; 0 where the weight is.
        weights: [P] >= 0.
        domains: [P] index of the domain.
        pairs: [K, 2] indices into P: of the better and the worse end.
        tokens: of the chains, without padding.
        text: [B, L] whether a token is text of a right step, to be predicted; padding is not.
    """

    ids: Ints
    rows: Ints
    columns: Ints
    targets: Floats
    weights: Floats
    domains: Ints
    pairs: Ints
    tokens: int
    text: NDArray[np.bool_]


def items_of(tokens: Sequence[Tokens], sampling: Sampling, seed: int, epoch: int) -> list[Item]:
    """What an epoch trains on.

    Sampling "last-step-balanced": of every chain one beginning, whose last step alone counts; right and wrong last steps come equally often. Chains that have
    both serve the rarer class; what is too much of the other is left out of this epoch, and drawn anew in the next.

    Args:
        tokens: of the chains.
        sampling: all steps, or one of each chain.
        seed: of the training.
        epoch: from 0.

    Source: FoVer (Kamoi et al. 2025), "LastStepBalanced".
    """
    if sampling == "all-steps":
        ends = [int(np.flatnonzero(each.weights > 0.0)[-1]) + 1 if (each.weights > 0.0).any() else 0 for each in tokens]
        return [Item(at, 0, end) for at, end in enumerate(ends) if end]
    generator = np.random.default_rng((seed, epoch, 1))
    wrong: list[Item] = []
    right: list[Item] = []
    either: list[tuple[Item, Item]] = []
    for at, each in enumerate(tokens):
        drawn = [_drawn(at, np.flatnonzero((each.weights > 0.0) & mask), generator) for mask in (each.targets < 0.5, each.targets >= 0.5)]
        match drawn:
            case [Item() as one, Item() as other]:
                either.append((one, other))
            case [Item() as one, None]:
                wrong.append(one)
            case [None, Item() as other]:
                right.append(other)
            case _:
                pass
    for at in _shuffled(len(either), generator):
        (wrong if len(wrong) <= len(right) else right).append(either[at][0 if len(wrong) <= len(right) else 1])
    most = min(len(wrong), len(right)) or max(len(wrong), len(right))
    kept = [part[at] for part in (wrong, right) for at in sorted(_shuffled(len(part), generator)[:most])]
    return sorted(kept, key=lambda item: item.index)


def _drawn(index: int, steps: Ints, generator: np.random.Generator) -> Item | None:
    if not steps.size:
        return None
    step = int(steps[generator.integers(steps.size)])
    return Item(index, step, step + 1)


def plan(items: Sequence[Item], lengths: Sequence[int], batch_tokens: int, seed: int, epoch: int) -> list[list[Item]]:
    """The batches of an epoch, in random order; within fifty batches the chains stand by length, so that there is little padding.

    Args:
        items: to be put in batches.
        lengths: [len(items)] tokens of each; of the longer half of a pair.
        batch_tokens: of a batch, with the padding, at the most; a longer item is a batch of its own.
        seed: of the training.
        epoch: from 0.
    """
    generator = np.random.default_rng((seed, epoch, 2))
    size = np.array(lengths, dtype=np.int64)
    cost = np.array([length * (1 if item.rejected < 0 else 2) for item, length in zip(items, lengths, strict=True)], dtype=np.int64)
    order = generator.permutation(len(items))
    bucket = np.cumsum(cost[order]) // (BUCKET * batch_tokens)
    order = order[np.lexsort((size[order], bucket))]
    batches: list[list[Item]] = []
    chains, longest = 0, 0
    places: list[int] = order.tolist()
    for at in places:
        halves = 1 if items[at].rejected < 0 else 2
        if not batches or (chains + halves) * max(longest, int(size[at])) > batch_tokens:
            batches.append([])
            chains, longest = 0, 0
        batches[-1].append(items[at])
        chains, longest = chains + halves, max(longest, int(size[at]))
    return [batches[at] for at in _shuffled(len(batches), generator)]


def _shuffled(count: int, generator: np.random.Generator) -> list[int]:
    return generator.permutation(count).tolist()


def length_of(item: Item, tokens: Sequence[Tokens]) -> int:
    """Tokens of an item, up to the last position that is read; of the longer half of a pair."""
    length = int(tokens[item.index].positions[item.end - 1]) + 1
    return length if item.rejected < 0 else max(length, int(tokens[item.rejected].positions[-1]) + 1)


def collate(items: Sequence[Item], tokens: Sequence[Tokens]) -> Batch:
    """The batch of some items."""
    chains: list[tuple[int, int, int]] = []  # chain, first step that is read, end
    pair_rows: list[tuple[int, int]] = []
    for item in items:
        chains.append((item.index, item.first, item.end))
        if item.rejected >= 0:
            pair_rows.append((len(chains) - 1, len(chains)))
            chains.append((item.rejected, len(tokens[item.rejected].positions) - 1, len(tokens[item.rejected].positions)))
    lengths = [int(tokens[at].positions[end - 1]) + 1 for at, _, end in chains]
    ids = np.zeros((len(chains), max(lengths)), dtype=np.int64)
    for row, ((at, _, _), length) in enumerate(zip(chains, lengths, strict=True)):
        ids[row, :length] = tokens[at].ids[:length]
    text = np.zeros(ids.shape, dtype=np.bool_)
    for row, (at, _, end) in enumerate(chains):
        positions, targets, start = tokens[at].positions, tokens[at].targets, tokens[at].start
        for step in np.flatnonzero(targets[:end] >= 0.5) if start >= 0 else ():
            text[row, positions[step - 1] + 1 if step else start : positions[step]] = True
    read = [np.arange(first, end) for _, first, end in chains]
    ends = np.cumsum([len(steps) for steps in read]) - 1  # the last step of each chain among all that are read
    paired = {row for pair in pair_rows for row in pair}
    weights = [tokens[at].weights[steps] * (row not in paired) for row, ((at, _, _), steps) in enumerate(zip(chains, read, strict=True))]
    targets = [tokens[at].targets[steps] for (at, _, _), steps in zip(chains, read, strict=True)]
    return Batch(
        ids=ids,
        rows=np.repeat(np.arange(len(chains)), [len(steps) for steps in read]),
        columns=np.concatenate([tokens[at].positions[steps] for (at, _, _), steps in zip(chains, read, strict=True)]),
        targets=np.nan_to_num(np.concatenate(targets), nan=0.0),
        weights=np.concatenate(weights),
        domains=np.repeat(np.array([tokens[at].domain for at, _, _ in chains]), [len(steps) for steps in read]),
        pairs=np.array([(ends[one], ends[other]) for one, other in pair_rows], dtype=np.int64).reshape(-1, 2),
        tokens=sum(lengths),
        text=text,
    )

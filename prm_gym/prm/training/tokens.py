"""Chains in tokens, by the same `Family.encode` that scoring calls, with their targets and weights."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from prm_gym.chains import Chain, ChainStep
from prm_gym.prm.family import Family
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.pairs import PreferencePair
from prm_gym.prm.training.batching import Floats, Ints, Item, Tokens
from prm_gym.prm.training.targets import targets_of, weights_of
from prm_gym.prm.windows import windows


class Tokenised(msgspec.Struct, frozen=True):
    """Chains and pairs in tokens.

    Attributes:
        chains: windows of the labelled chains, in order; one of each where all of it fits into the context.
        origins: [len(chains)] which labelled chain a window is of.
        steps: [len(chains)] which of its steps each position is.
        left_out: labelled steps that do not fit into the context even alone.
    """

    chains: list[Tokens]
    origins: list[int]
    steps: list[range]
    left_out: int


class _Window(NamedTuple):
    """A part of a chain: tokens, positions, the steps that these are of, and where the text of the first of them begins (-1 where that is not asked)."""

    ids: NDArray[np.int32]
    positions: Ints
    steps: range
    start: int


class Encoder(msgspec.Struct, frozen=True):
    """How chains become tokens.

    Attributes:
        family: that scoring uses too.
        tokenizer: likewise.
        max_context: tokens of a window at the most.
        tolerance: see `targets_of`.
        with_text: whether the text of right steps is to be predicted.
    """

    family: Family
    tokenizer: Any
    max_context: int
    tolerance: int = 0
    with_text: bool = False

    def chains(
        self,
        chains: Sequence[LabelledChain],
        classes: tuple[float, float] = (1.0, 1.0),
        factors: Mapping[str, float] | None = None,
        domains: Sequence[str] = (),
    ) -> Tokenised:
        """Labelled chains in tokens.

        Args:
            chains: any number.
            classes: weights of wrong and right steps.
            factors: of domains.
            domains: names of domains, whose places are kept; empty where they do not matter.
        """
        found = Tokenised([], [], [], 0)
        places = {name: at for at, name in enumerate(domains)}
        left_out = 0
        for at, each in enumerate(chains):
            targets = targets_of(each.labels, self.tolerance)
            weights = weights_of(targets, classes) * (factors or {}).get(each.domain, 1.0)
            read = np.zeros(len(each.labels), dtype=np.bool_)
            for window in self._windows(each.chain):
                seen = slice(window.steps.start, window.steps.stop)
                found.chains.append(Tokens(window.ids, window.positions, targets[seen], weights[seen], places.get(each.domain, 0), window.start))
                found.origins.append(at)
                found.steps.append(window.steps)
                read[seen] = True
            left_out += int((~np.isnan(targets[~read])).sum())
        return msgspec.structs.replace(found, left_out=left_out)

    def pairs(self, pairs: Sequence[PreferencePair], factors: Mapping[str, float] | None = None) -> tuple[list[Tokens], list[Item], int]:
        """The chains of pairs in tokens, the pairs as items over them, and how many do not fit into the context."""
        tokens: list[Tokens] = []
        items: list[Item] = []
        for pair in pairs:
            halves = [self._whole(chain, (factors or {}).get(pair.domain, 1.0)) for chain in (pair.chosen, pair.rejected)]
            if halves[0] is not None and halves[1] is not None:
                end = len(halves[0].positions)
                items.append(Item(len(tokens), end - 1, end, len(tokens) + 1))
                tokens += [halves[0], halves[1]]
        return tokens, items, len(pairs) - len(items)

    def _start(self, before: Chain) -> int:
        """Where the text of the step after some others begins; of the first one, where an empty one would end."""
        if before.steps:
            return self.family.encode(self.tokenizer, before).positions[-1] + 1
        return self.family.encode(self.tokenizer, Chain(before.problem, (ChainStep(""),))).positions[0]

    def _whole(self, chain: Chain, factor: float) -> Tokens | None:
        encoded = self.family.encode(self.tokenizer, chain)
        if encoded.positions[-1] >= self.max_context:
            return None
        count = len(encoded.positions)
        return Tokens(np.array(encoded.token_ids, np.int32), np.array(encoded.positions), np.full(count, np.nan), np.full(count, factor))

    def _windows(self, chain: Chain) -> "Iterator[_Window]":
        """The windows of a chain, in order: those in which scoring reads it."""
        for window in windows(self.family, self.tokenizer, chain, self.max_context):
            start = self._start(Chain(chain.problem, chain.steps[window.start : window.first])) if self.with_text else -1
            yield _Window(np.array(window.token_ids, np.int32), np.array(window.positions), range(window.first, window.end), start)


def by_chain(values: Sequence[Floats], tokenised: Tokenised, chains: Sequence[LabelledChain]) -> list[Floats]:
    """Values of windows as values of chains: [T] each; NaN at steps that no window reads."""
    found = [np.full(len(each.labels), np.nan) for each in chains]
    for value, origin, steps in zip(values, tokenised.origins, tokenised.steps, strict=True):
        found[origin][steps.start : steps.stop] = value
    return found

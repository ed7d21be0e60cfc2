"""The action tokens of many sequences as flat columns, and batches of some of the sequences on a device.

A token that was the only choice is no decision: it is read, but no column holds it, and no mean counts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from prm_gym.credit.array_types import FloatArray, IntArray
from prm_gym.errors import MissingExtraError
from prm_gym.lm.sequences import ActionSpan, TokenSequence

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error


@dataclass(frozen=True, slots=True, eq=False)
class TokenTable:
    """R tokens of K actions of S sequences, in the order of the sequences.

    Attributes:
        sequences: S of them.
        rows: [K] int64, the step of each action in its `StepBatch`.
        steps: [R] int64 in [0, K), the action of each token; an action without a decision has none.
        owners: [R] int64 in [0, S), its sequence.
        sampled: [R] float64, its log-probability when it was sampled; NaN where that is not known.
        token_offsets: [S+1] int64, sequence i owns the tokens token_offsets[i]:token_offsets[i+1].
        action_offsets: [S+1] int64, likewise for actions.
    """

    sequences: tuple[TokenSequence, ...]
    rows: IntArray
    steps: IntArray
    owners: IntArray
    sampled: FloatArray
    token_offsets: IntArray
    action_offsets: IntArray

    @property
    def lengths(self) -> IntArray:
        """[S] int64, tokens of each sequence that must be read."""
        return np.array([sequence.actions[-1].stop for sequence in self.sequences], dtype=np.int64)

    def tokens_of(self, places: Sequence[int]) -> IntArray:
        """Indices of the tokens of some sequences, in their order."""
        return _ranges(self.token_offsets, places)

    def actions_of(self, places: Sequence[int]) -> IntArray:
        """Indices of their actions."""
        return _ranges(self.action_offsets, places)


class SequenceBatch(NamedTuple):
    """Sequences side by side on a device, padded on the right: nothing that a causal model reads stands behind the padding, so no mask is needed.

    Attributes:
        ids: [B, L] int64; 0 where a sequence has ended.
        places: [r] int64, place in the flattened [B * L] before each token of an action.
        targets: [r] int64, these tokens.
        allowed: [r, A] int64 filled up with -1, what each was chosen among (a row of -1: everything); None where all choices were free.
        openings: [k] int64, place in the flattened [B * L] of the last token before each action.
    """

    ids: Tensor
    places: Tensor
    targets: Tensor
    allowed: Tensor | None
    openings: Tensor


def token_table(sequences: Sequence[TokenSequence]) -> TokenTable:
    """The table of sequences, each of at least one action."""
    spans = [(at, span) for at, sequence in enumerate(sequences) for span in sequence.actions]
    sampled: list[float] = []
    sizes: list[int] = []
    for sequence in sequences:
        for at, span in enumerate(sequence.actions):
            places, given = _decisions(sequence, at), sequence.logprobs[at]
            sizes.append(len(places))
            sampled.extend([float("nan")] * len(places) if given is None else [given[place - span.start] for place in places])
    counts = np.array(sizes, dtype=np.int64)
    owners = np.array([at for at, _ in spans], dtype=np.int64)
    per_sequence = np.bincount(owners, weights=counts, minlength=len(sequences)).astype(np.int64)
    return TokenTable(
        sequences=tuple(sequences),
        rows=np.array([span.row for _, span in spans], dtype=np.int64),
        steps=np.repeat(np.arange(len(spans)), counts),
        owners=np.repeat(owners, counts),
        sampled=np.array(sampled, dtype=np.float64),
        token_offsets=np.concatenate([[0], np.cumsum(per_sequence)]).astype(np.int64),
        action_offsets=np.concatenate([[0], np.cumsum([len(sequence.actions) for sequence in sequences])]).astype(np.int64),
    )


def _decisions(sequence: TokenSequence, at: int) -> list[int]:
    """Places of the tokens of an action that had an alternative."""
    span, choices = sequence.actions[at], sequence.choices[at] if sequence.choices else None
    return [place for place in range(span.start, span.stop) if choices is None or len(choices[place - span.start]) > 1]


def kept_actions(sequences: Sequence[TokenSequence], keep: npt.NDArray[np.bool_]) -> list[TokenSequence]:
    """The sequences with only the actions whose step is kept, up to the end of the last one; those that have none are left out.

    Args:
        sequences: of steps whose rows are in [0, N).
        keep: [N] bool.
    """
    found: list[TokenSequence] = []
    for sequence in sequences:
        places = [at for at, span in enumerate(sequence.actions) if keep[span.row]]
        if places:
            spans: list[ActionSpan] = [sequence.actions[at] for at in places]
            choices = tuple(sequence.choices[at] for at in places) if sequence.choices else ()
            found.append(TokenSequence(sequence.ids[: spans[-1].stop], tuple(spans), tuple(sequence.logprobs[at] for at in places), choices))
    return found


def collated(table: TokenTable, places: Sequence[int], device: torch.device) -> SequenceBatch:
    """A batch of some of the sequences; its tokens and actions stand as `tokens_of` and `actions_of` list them.

    Args:
        table: of all.
        places: of the sequences, at least one.
        device: of the model. On CUDA the copies come from pinned memory and are not waited for.
    """
    chosen = [table.sequences[at] for at in places]
    width = max(sequence.actions[-1].stop for sequence in chosen)
    ids = torch.zeros((len(chosen), width), dtype=torch.int64)
    places_before: list[int] = []
    targets: list[int] = []
    openings: list[int] = []
    for row, sequence in enumerate(chosen):
        read = sequence.ids[: sequence.actions[-1].stop]
        ids[row, : len(read)] = torch.tensor(read, dtype=torch.int64)
        for at, span in enumerate(sequence.actions):
            decisions = _decisions(sequence, at)
            places_before.extend(row * width + place - 1 for place in decisions)
            targets.extend(sequence.ids[place] for place in decisions)
            openings.append(row * width + span.start - 1)
    columns = [ids, *(torch.tensor(column, dtype=torch.int64) for column in (places_before, targets, openings))]
    choices = _choices(chosen)
    if choices is not None:
        columns.append(torch.from_numpy(choices))
    if device.type == "cuda":
        columns = [column.pin_memory() for column in columns]
    ids, before, wanted, opening, *rest = (column.to(device, non_blocking=True) for column in columns)
    return SequenceBatch(ids, before, wanted, rest[0] if rest else None, opening)


def _choices(sequences: Sequence[TokenSequence]) -> IntArray | None:
    """[r, A] int64: see `SequenceBatch.allowed`."""
    if not any(sequence.choices for sequence in sequences):
        return None
    found: list[tuple[int, ...]] = []
    none: tuple[int, ...] = ()
    for sequence in sequences:
        for at, span in enumerate(sequence.actions):
            choices = sequence.choices[at] if sequence.choices else None
            found.extend(none if choices is None else choices[place - span.start] for place in _decisions(sequence, at))
    filled = np.full((len(found), max((len(each) for each in found), default=1) or 1), -1, dtype=np.int64)
    for row, each in enumerate(found):
        filled[row, : len(each)] = each
    return filled


def _ranges(offsets: IntArray, places: Sequence[int]) -> IntArray:
    ranges = [np.arange(int(offsets[at]), int(offsets[at + 1]), dtype=np.int64) for at in places]
    return np.concatenate([np.zeros(0, dtype=np.int64), *ranges])

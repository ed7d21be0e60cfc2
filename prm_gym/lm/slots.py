"""Slots: keys and values of running episodes, kept between their steps.

Every episode has a row of a table, and token i of it stands in column i; so nothing is padded on the left, rows of unequal length lie side by side, and an
episode that was put back and goes on otherwise just writes over what stands there. A batch reads the columns up to its longest row under a mask.
"""

from collections.abc import Sequence
from typing import Any

from prm_gym.errors import MissingExtraError
from prm_gym.lm.libraries import library

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError("torch", "torch") from error

_Cache: Any = library("transformers").Cache
_STEP = 64  # columns are added in multiples of this
_WORTH_COPYING = 16  # tokens


class View(_Cache):
    """What a model sees of the table during one forward: Hugging Face's cache of some rows.

    Attributes:
        table: keys and values of all layers.
        rows: [B] int64, which rows; None for the first B.
        columns: [B, Q] int64, where the new tokens are written.
        span: columns that are read.
    """

    def __init__(self, table: "list[tuple[Tensor, Tensor]]", rows: Tensor | None, columns: Tensor, span: int) -> None:
        """Look at the table."""
        super().__init__(layers=[])
        self.table, self.rows, self.columns, self.span = table, rows, columns, span
        self._places = (torch.arange(len(columns), device=columns.device) if rows is None else rows)[:, None]

    def update(self, key_states: Tensor, value_states: Tensor, layer_idx: int, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write the new keys and values [B, H, Q, D] of a layer, and give those of all columns that are read [B, H, span, D]."""
        rows = slice(len(self.columns)) if self.rows is None else self.rows  # a slice is looked at, other rows are copied
        found: list[Tensor] = []
        for whole, new in zip(self.table[layer_idx], (key_states, value_states), strict=True):
            whole[self._places, :, self.columns] = new.transpose(1, 2).to(whole.dtype)
            found.append(whole[rows, :, : self.span].to(new.dtype))
        return found[0], found[1]

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Columns that are read."""
        return self.span


class Slots:
    """The table, and which episode has which row.

    Attributes:
        tokens: of each row, those whose keys and values are there.
        owners: of each row, the episode; empty for none.
        table: [rows, H, columns + 1, D] keys and values of each layer; the last column takes what nobody reads.
    """

    def __init__(self, shapes: Sequence[tuple[tuple[int, int], tuple[int, int]]], dtype: torch.dtype, device: torch.device, limit: int) -> None:
        """Begin with an empty table.

        Args:
            shapes: (heads, width) of the keys and of the values of each layer.
            dtype: of what is kept.
            device: where.
            limit: bytes at the most; one row is made in any case.
        """
        self._shapes, self._dtype, self._device, self._limit = shapes, dtype, device, limit
        self._bytes = sum(heads * width for pair in shapes for heads, width in pair) * dtype.itemsize  # of a token
        self.columns = 0
        self._clock = 0
        self.forget()

    def forget(self) -> None:
        """Keep nothing: the weights have changed, or room is needed."""
        self.table: list[tuple[Tensor, Tensor]] = [self._zeros(0, self.columns, shape) for shape in self._shapes]
        self.tokens: list[list[int]] = []
        self.owners: list[str] = []
        self._used: list[int] = []

    def invalidate(self) -> None:
        """Forget what the rows hold and keep their memory.

        It is wiped, too: what is masked is multiplied by 0, and where weights had become no numbers, 0 times what they left would be none either.
        """
        for pair in self.table:
            for whole in pair:
                whole.zero_()
        self.tokens = [[] for _ in self.tokens]
        self.owners = ["" for _ in self.owners]

    @property
    def bytes(self) -> int:
        """That the table takes."""
        return len(self.tokens) * (self.columns + 1) * self._bytes

    def capacity(self, columns: int) -> int:
        """How many rows of so many columns may be there at once; at least 1."""
        return max(1, self._limit // ((self._grown(columns) + 1) * self._bytes))

    def place(self, owners: Sequence[str], contexts: Sequence[list[int]], room: int) -> list[int]:
        """Bring the rows of some episodes to the front, with as much of their contexts as is known anywhere in the table.

        Args:
            owners: [B] episodes; the same one may stand there twice. B is at most `capacity(room)`.
            contexts: [B] their tokens.
            room: columns that are needed, at least.

        Returns:
            [B] the row of each, a permutation of 0 ... B-1. `tokens` of a row is then a true beginning of its context, shorter by a token at least.
        """
        self._reserve(len(owners), room)
        self._clock += 1
        rows = self._assigned(owners)
        moved = self.to_front(rows)
        rows = [moved.get(row, row) for row in rows]
        for row, owner in zip(rows, owners, strict=True):
            self.owners[row], self._used[row] = owner, self._clock
        self._take_beginnings(rows, contexts)
        return rows

    def to_front(self, rows: Sequence[int]) -> dict[int, int]:
        """Exchange rows so that these come to stand before all others; says from where to where rows went."""
        wanted = set(rows)
        leaving = [row for row in range(len(wanted)) if row not in wanted]
        coming = [row for row in wanted if row >= len(wanted)]
        if not coming:
            return {}
        source, target = [*coming, *leaving], [*leaving, *coming]
        used = max(len(self.tokens[row]) for row in source)
        old, new = (torch.tensor(each, device=self._device) for each in (source, target))
        for pair in self.table:
            for whole in pair:
                whole[new, :, :used] = whole[old, :, :used]  # the right side is a copy
        for column in (self.tokens, self.owners, self._used):
            kept = [column[row] for row in source]
            for row, value in zip(target, kept, strict=True):
                column[row] = value  # type: ignore[call-overload] # each list takes back what it held
        return dict(zip(source, target, strict=True))

    def copy(self, source: Sequence[int], target: Sequence[int], lengths: Sequence[int]) -> None:
        """Copy the first tokens of some rows over those of others, all at once."""
        if not source:
            return
        longest = max(lengths)
        old, new = (torch.tensor(list(each), device=self._device) for each in (source, target))
        for pair in self.table:
            for whole in pair:
                whole[new, :, :longest] = whole[old, :, :longest]
        begun = [self.tokens[row][:length] for row, length in zip(source, lengths, strict=True)]
        for row, tokens in zip(target, begun, strict=True):
            self.tokens[row] = tokens

    def _assigned(self, owners: Sequence[str]) -> list[int]:
        """A row for each: that of the episode, else the one that was not used for the longest time."""
        known = {owner: row for row, owner in enumerate(self.owners) if owner}
        rows: list[int | None] = []
        for owner in owners:
            rows.append(known.pop(owner, None))
        taken = {row for row in rows if row is not None}
        free = iter(sorted((row for row in range(len(self.tokens)) if row not in taken), key=lambda row: self._used[row]))
        found: list[int] = []
        for row in rows:
            if row is not None:
                found.append(row)
            else:
                found.append(next(free))
                self._used[found[-1]] = self._clock
        return found

    def _take_beginnings(self, rows: Sequence[int], contexts: Sequence[list[int]]) -> None:
        """Cut every row to what it shares with its context, or copy a longer beginning from another row."""
        lengths: dict[int, int] = {}
        donors: dict[int, int] = {}
        for row, context in zip(rows, contexts, strict=True):
            known = min(_shared(self.tokens[row], context), len(context) - 1)
            for other, tokens in enumerate(self.tokens):
                least = known + _WORTH_COPYING
                if least >= len(context):
                    break
                # What would be won is compared first: it differs in nearly every row, and the whole beginnings are long.
                if other != row and tokens[known:least] == context[known:least] and tokens[:known] == context[:known]:
                    known, donors[row] = min(_shared(tokens, context), len(context) - 1), other
            lengths[row] = known
        self.copy(list(donors.values()), list(donors), [lengths[row] for row in donors])
        for row, context in zip(rows, contexts, strict=True):
            self.tokens[row] = context[: lengths[row]]

    def _reserve(self, rows: int, columns: int) -> None:
        """Make the table at least so large; where that is more than the limit, the rows that were used last are kept."""
        wanted_rows, wanted_columns = max(rows, len(self.tokens)), self._grown(columns)
        if wanted_rows == len(self.tokens) and wanted_columns == self.columns:
            return
        most = max(rows, self._limit // ((wanted_columns + 1) * self._bytes))
        kept = sorted(range(len(self.tokens)), key=lambda row: -self._used[row])[: min(most, wanted_rows)]
        wanted_rows = min(most, wanted_rows)
        old = torch.tensor(kept, dtype=torch.int64, device=self._device)
        table: list[tuple[Tensor, Tensor]] = []
        for pair, shape in zip(self.table, self._shapes, strict=True):
            new = self._zeros(wanted_rows, wanted_columns, shape)
            for whole, before in zip(new, pair, strict=True):
                whole[: len(kept), :, : self.columns] = before[old, :, : self.columns]
            table.append(new)
        spare = wanted_rows - len(kept)
        self.table, self.columns = table, wanted_columns
        self.tokens = [self.tokens[row] for row in kept] + [[] for _ in range(spare)]
        self.owners = [self.owners[row] for row in kept] + [""] * spare
        self._used = [self._used[row] for row in kept] + [0] * spare

    def _grown(self, columns: int) -> int:
        """Columns after the table has been made large enough; a table that grows grows by a quarter."""
        return self.columns if columns <= self.columns else (max(columns, self.columns * 5 // 4) + _STEP - 1) // _STEP * _STEP

    def _zeros(self, rows: int, columns: int, shape: tuple[tuple[int, int], tuple[int, int]]) -> tuple[Tensor, Tensor]:
        """Zeros, for what is masked is multiplied by 0, and 0 times whatever lies in fresh memory may be no number."""
        keys, values = (torch.zeros((rows, heads, columns + 1, width), dtype=self._dtype, device=self._device) for heads, width in shape)
        return keys, values


def _shared(tokens: list[int], context: list[int]) -> int:
    """With how many of the tokens a context begins."""
    length = min(len(tokens), len(context))
    if tokens[:length] == context[:length]:
        return length
    return next(at for at in range(length) if tokens[at] != context[at])

"""Packs: records for a page, several together, compressed, so that a browser unpacks those alone which it shows.

What records say in words stands apart from them, once for many packs: a search unpacks that alone, which is a small part of all.
"""

import base64
import zlib
from collections.abc import Callable
from typing import Any

import msgspec

from prm_gym.viewer.details import Texts

PACK_BYTES = 300_000
"""JSON of a pack, about; one is unpacked in a few milliseconds."""


def packed(value: Any) -> str:
    """JSON, compressed, as base64: no letter of it means anything to a reader of HTML."""
    return base64.b64encode(zlib.compress(msgspec.json.encode(value), 6)).decode()


class Packer:
    """Puts records into packs, and their texts into blocks, in order. No pack has records with texts of two blocks.

    Attributes:
        packs: the finished ones, each a list of records.
        starts: number of the first record of each.
        blocks: the finished ones: `texts`, and `owners` (see `Texts`).
        block_starts: number of the first record of each.
    """

    def __init__(self) -> None:
        self.packs: list[str] = []
        self.starts: list[int] = []
        self.blocks: list[str] = []
        self.block_starts: list[int] = []
        self._items: list[bytes] = []
        self._texts = Texts()
        self._count = self._size = self._block_start = 0

    def add(self, make: Callable[[Texts], Any]) -> None:
        """Add a record.

        Args:
            make: makes it of the texts of its block.
        """
        item = msgspec.json.encode(make(self._texts))
        self._items.append(item)
        self._size += len(item)
        self._count += 1
        if self._texts.size >= PACK_BYTES:
            self.finish()
        elif self._size >= PACK_BYTES:
            self._finish_pack()

    def finish(self) -> None:
        """Finish the pack and the block that are begun, if any are."""
        self._finish_pack()
        if self._texts.listed:
            self.block_starts.append(self._block_start)
            self.blocks.append(packed({"texts": self._texts.listed, "owners": self._texts.owners(self._block_start)}))
        self._texts, self._block_start = Texts(), self._count

    def _finish_pack(self) -> None:
        if not self._items:
            return
        self.starts.append(self._count - len(self._items))
        self.packs.append(packed([msgspec.Raw(item) for item in self._items]))
        self._items, self._size = [], 0

    @property
    def bytes(self) -> int:
        """Of the finished packs and blocks."""
        return sum(map(len, self.packs)) + sum(map(len, self.blocks))

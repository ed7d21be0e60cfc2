"""Packs: records for a page, several together, compressed, so that a browser unpacks those alone which it shows."""

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
    """Puts records into packs, in order.

    Attributes:
        packs: the finished ones.
        starts: number of the first record of each.
    """

    def __init__(self) -> None:
        self.packs: list[str] = []
        self.starts: list[int] = []
        self._items: list[bytes] = []
        self._texts = Texts()
        self._count = self._size = 0

    def add(self, make: Callable[[Texts], Any]) -> None:
        """Add a record.

        Args:
            make: makes it of the texts of its pack.
        """
        known = len(self._texts.numbers)
        item = msgspec.json.encode(make(self._texts))
        self._items.append(item)
        self._size += len(item) + sum(map(len, list(self._texts.numbers)[known:]))
        self._count += 1
        if self._size >= PACK_BYTES:
            self.finish()

    def finish(self) -> None:
        """Finish the pack that is begun, if one is."""
        if not self._items:
            return
        self.starts.append(self._count - len(self._items))
        self.packs.append(packed({"texts": self._texts.listed, "items": [msgspec.Raw(item) for item in self._items]}))
        self._items, self._texts, self._size = [], Texts(), 0

    @property
    def bytes(self) -> int:
        """Of the finished packs."""
        return sum(map(len, self.packs))

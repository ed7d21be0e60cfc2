"""Entries of data sets of reasoning-gym, where they come from, and those that were made last."""

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from prm_gym.workers.pool import FORK_LOCK


class Source(msgspec.Struct, frozen=True, gc=False):
    """Where entries come from.

    Attributes:
        dataset: name of a served data set, or "composite".
        config: its options, as a JSON object.
        difficulty: level of its curriculum, from 1 on; 0 for the configuration as it is.
        seed: of the data set.
        size: number of its entries.
    """

    dataset: str
    config: str
    difficulty: int
    seed: int
    size: int


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One entry of a data set.

    Attributes:
        question: the question.
        entry: the entry as its scorer needs it, as JSON.
        gold: a known answer, which earns the full score.
        dataset: the data set it is from; of a composite, the part.
        config: options of that data set, as JSON.
        difficulty: level of its curriculum; 0 for none.
        index: its place in the data set.
    """

    question: str
    entry: str
    gold: str
    dataset: str
    config: str
    difficulty: int
    index: int


class RecentEntries:
    """The entries that were asked for or made last, by data set and index; the oldest go first. For any number of threads."""

    def __init__(self, most: int, most_characters: int) -> None:
        """Nothing is kept yet.

        Args:
            most: entries to keep.
            most_characters: of the texts of all of them together.
        """
        self.most, self.most_characters = most, most_characters
        self._entries: OrderedDict[tuple[Source, int], Entry] = OrderedDict()
        self._characters = 0

    def get(self, place: tuple[Source, int]) -> Entry | None:
        """The entry, where it is still kept."""
        with FORK_LOCK:  # so that no fork sees half of a change
            entry = self._entries.get(place)
            if entry is not None:
                self._entries.move_to_end(place)
            return entry

    def put(self, place: tuple[Source, int], entry: Entry) -> None:
        """Keep an entry."""
        with FORK_LOCK:
            known = self._entries.pop(place, None)
            self._characters += _length(entry) - (0 if known is None else _length(known))
            self._entries[place] = entry
            while len(self._entries) > self.most or (self._characters > self.most_characters and len(self._entries) > 1):
                _, oldest = self._entries.popitem(last=False)
                self._characters -= _length(oldest)

    def unknown(self, source: Source, indices: Iterable[int]) -> list[int]:
        """Those of the indices whose entries are not kept, each once and in order."""
        with FORK_LOCK:
            return [index for index in dict.fromkeys(indices) if (source, index) not in self._entries]


def _length(entry: Entry) -> int:
    return len(entry.question) + len(entry.entry) + len(entry.gold)

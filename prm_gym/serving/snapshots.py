"""Snapshots of served episodes. They hold sealed parts, so they stay here, and clients have their names."""

import secrets
import threading
from collections import OrderedDict

import msgspec

from prm_gym.serving.problems import Problem


class Kept(msgspec.Struct, frozen=True):
    """A snapshot.

    Attributes:
        owner: of the session that it is from.
        made: environment and options, which those of the session that takes it must equal.
        data: what the environment wrote.
    """

    owner: str
    made: bytes
    data: bytes


class Snapshots:
    """As many as there is room for; where there is none, the one that was used longest ago goes."""

    def __init__(self, most_bytes: int) -> None:
        """Set the room, in bytes."""
        self._most_bytes = most_bytes
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def put(self, kept: Kept) -> str:
        """The name under which it can be had.

        Raises:
            Problem: it alone is too large.
        """
        if len(kept.data) > self._most_bytes:
            raise Problem("cannot", f"the snapshot has {len(kept.data):,} bytes, and the server keeps {self._most_bytes:,}")
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = kept
            self._bytes += len(kept.data)
            while self._bytes > self._most_bytes:
                _, gone = self._kept.popitem(last=False)
                self._bytes -= len(gone.data)
        return name

    def get(self, name: str, owner: str, made: bytes) -> bytes:
        """What a session may restore.

        Raises:
            Problem: there is none of that name, or it is of something else.
        """
        with self._lock:
            kept = self._kept.get(name)
            if kept is None or kept.owner != owner:
                raise Problem("no_snapshot", "there is no such snapshot: its name is wrong, or newer ones have taken its place")
            if kept.made != made:
                raise Problem("cannot", "the snapshot is of another environment, or of one with other options")
            self._kept.move_to_end(name)
            return kept.data

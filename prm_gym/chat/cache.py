"""Answers on the disk: a file of SQLite that any number of processes read and write at once."""

import contextlib
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec

from prm_gym.chat.exchange import ChatReply, ChatRequest, Usage
from prm_gym.chat.settings import ChatSettings
from prm_gym.errors import StoreError
from prm_gym.task import content_key

_LAYOUT = 1
_BUSY_SECONDS = 30.0
_TABLE = "CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, model TEXT NOT NULL, reply BLOB NOT NULL) WITHOUT ROWID"


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(ChatRequest)}


def cache_key(settings: ChatSettings, request: ChatRequest) -> str:
    """The key of an answer: equal exactly when endpoint, model, further fields and request are."""
    extra = msgspec.json.encode(settings.extra, order="sorted").decode()
    # Options at their defaults are left out, so that an option that comes later leaves the keys as they are.
    options = {name: getattr(request, name) for name, default in _DEFAULTS.items() if getattr(request, name) != default}
    return content_key(settings.endpoint, settings.model, extra, msgspec.msgpack.encode(options | {"temperature": float(request.temperature)}).hex())


class ChatCache:
    """The answers of one file. Only answers are kept, never failures.

    A process that is killed loses no answer that was put; one that dies in the middle of writing leaves the file as it was. The connection belongs to the
    process that opened it.
    """

    def __init__(self, path: str | Path) -> None:
        """Open the file; it is made where there is none.

        Raises:
            StoreError: it cannot be opened, or is something else.
        """
        self.path = Path(path)
        self._lock = threading.Lock()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            with contextlib.ExitStack() as opened:
                opened.callback(self._file.close)
                self._prepare()
                opened.pop_all()
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"the cache {self.path} cannot be opened: {error}") from error

    def _prepare(self) -> None:
        with contextlib.suppress(sqlite3.OperationalError):  # a file system that cannot: slower, and as safe
            self._file.execute("PRAGMA journal_mode = WAL")
        self._file.execute("PRAGMA synchronous = NORMAL")
        (layout,) = self._file.execute("PRAGMA user_version").fetchone()
        if layout not in (0, _LAYOUT):
            raise StoreError(f"the cache {self.path} has the layout {layout}, this version of prm_gym reads {_LAYOUT}: give another file")
        self._file.execute(_TABLE)
        if layout == 0:
            self._file.execute(f"PRAGMA user_version = {_LAYOUT}")

    def get(self, keys: Sequence[str]) -> dict[str, ChatReply]:
        """What is there of these keys.

        Raises:
            StoreError: the file cannot be read.
        """
        found: dict[str, ChatReply] = {}
        for start in range(0, len(keys), 500):
            some = keys[start : start + 500]
            query = f"SELECT key, reply FROM answers WHERE key IN ({', '.join('?' * len(some))})"
            with self._lock:
                try:
                    rows = self._file.execute(query, some).fetchall()
                except sqlite3.Error as error:
                    raise StoreError(f"the cache {self.path} cannot be read: {error}") from error
            for key, reply in rows:
                with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, TypeError):  # a row that cannot be read is asked for again
                    found[key] = msgspec.structs.replace(msgspec.json.decode(reply, type=ChatReply), cached=True, usage=Usage())
        return found

    def put(self, key: str, model: str, reply: ChatReply) -> None:
        """Keep an answer, at once.

        Raises:
            StoreError: the file cannot be written.
        """
        with self._lock:
            try:
                self._file.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, model, msgspec.json.encode(reply)))
            except sqlite3.Error as error:
                raise StoreError(f"the cache {self.path} cannot be written: {error}") from error

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()

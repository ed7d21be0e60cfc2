"""Pages that were made once, each with what it was made from: asked for again, they are given again as long as that is the same."""

from collections.abc import Iterator, MutableMapping
from threading import Lock
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from prm_gym.services import Database

MOST_PAGES, MOST_SHAPES = 4096, 12

Kept = TypeVar("Kept")


class Visitor(Protocol):
    """Whose page it is."""

    database: Database
    memory: MutableMapping[str, Any]
    now: str


class Shape(msgspec.Struct, frozen=True, gc=False):
    """What a page was made from: tables, and what the site remembers by these names; None for all of it."""

    tables: tuple[str, ...]
    names: tuple[str, ...] | None


class Watched(MutableMapping[str, Any]):
    """What a site remembers, while it is written down which of it a page looks at."""

    def __init__(self, memory: MutableMapping[str, Any]) -> None:
        """Watch it."""
        self.memory = memory
        self._names: set[str] = set()
        self._all = False

    @property
    def names(self) -> tuple[str, ...] | None:
        """What was looked at; None for all of it."""
        return None if self._all else tuple(sorted(self._names))

    def __getitem__(self, name: str) -> Any:
        self._names.add(name)
        return self.memory[name]

    def __contains__(self, name: object) -> bool:
        self._names.add(str(name))
        return name in self.memory

    def __setitem__(self, name: str, value: Any) -> None:
        self.memory[name] = value

    def __delitem__(self, name: str) -> None:
        del self.memory[name]

    def __iter__(self) -> Iterator[str]:
        self._all = True
        return iter(self.memory)

    def __len__(self) -> int:
        self._all = True
        return len(self.memory)


def unwatched(memory: MutableMapping[str, Any]) -> dict[str, Any]:
    """A copy of what a site remembers, which nobody watches."""
    return dict(memory.memory if isinstance(memory, Watched) else memory)


class KeptPages(Generic[Kept]):
    """Pages by who made them, for which address, and from what. Threads of several environments may use one."""

    def __init__(self) -> None:
        """Begin without one."""
        self._pages: dict[Any, Kept] = {}
        self._shapes: dict[Any, list[Shape]] = {}
        self._lock = Lock()

    def find(self, maker: object, url: str, visitor: Visitor) -> Kept | None:
        """The page that `maker` would make of an address for a visitor; None where it is not kept."""
        for shape in self._shapes.get(maker, ()):
            key = self._key(maker, url, visitor, shape)
            with self._lock:
                kept = self._pages.pop(key, None)
                if kept is not None:
                    self._pages[key] = kept  # the latest comes last
                    return kept
        return None

    def keep(self, maker: object, url: str, visitor: Visitor, shape: Shape, page: Kept) -> None:
        """Keep a page that changed nothing."""
        with self._lock:
            shapes = self._shapes.setdefault(maker, [])
            if shape not in shapes:
                if len(shapes) >= MOST_SHAPES:
                    return
                shapes.append(shape)
            self._pages[self._key(maker, url, visitor, shape)] = page
            if len(self._pages) > MOST_PAGES:
                del self._pages[next(iter(self._pages))]

    def _key(self, maker: object, url: str, visitor: Visitor, shape: Shape) -> tuple[Any, ...]:
        changed, memory, tables = visitor.database.changed(), visitor.memory, shape.tables
        rows = sorted((cell, now) for cell, (_, now) in changed.items() if cell[0] in tables) if changed else ()
        names = sorted(memory) if shape.names is None else shape.names
        return (
            maker,
            url,
            shape,
            visitor.now,
            visitor.database.image,
            tuple(rows),
            msgspec.json.encode({name: memory[name] for name in names if name in memory}),
        )

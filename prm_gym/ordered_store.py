"""OrderedFile: trajectories on disk that are finished in any order, and stand in a known one when all are there.

file = OrderedFile(path, ids)
held = list(file.read())                # what an earlier attempt has left
with file:
    file.write(more)                    # as they are finished: a crash loses at most the line being written
    file.finish()                       # in the order of the ids, in one step
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from prm_gym.errors import StoreError
from prm_gym.store import TrajectoryWriter, read_lines
from prm_gym.trajectory import Trajectory


class OrderedFile:
    """A file of trajectories with known ids.

    Attributes:
        path: of the file.
        held: ids of the trajectories that are in it.
    """

    def __init__(self, path: Path | str, order: Sequence[str]) -> None:
        """Name the file; nothing is read or written yet.

        Args:
            path: of the file.
            order: ids of all trajectories that it is to hold in the end.
        """
        self.path = Path(path)
        self._order = {identity: place for place, identity in enumerate(order)}
        self._lines: dict[str, tuple[int, int]] = {}  # where a trajectory begins, and how many bytes it has
        self._writer: TrajectoryWriter | None = None

    @property
    def held(self) -> set[str]:
        """Ids of the trajectories that are in it."""
        return set(self._lines)

    def read(self) -> Iterator[Trajectory]:
        """The trajectories that are there, one by one. Broken lines are left out with a warning; those that are spoilt are given but do not count as held."""
        self._lines.clear()
        if self.path.is_file():
            for start, size, trajectory in read_lines(self.path):
                if trajectory.valid:
                    self._lines[trajectory.id] = (start, size)
                yield trajectory

    def __enter__(self) -> Self:
        """Take out of the file what does not count, and open it."""
        if self.path.is_file() and sum(size for _, size in self._lines.values()) < self.path.stat().st_size:
            self._copy(list(self._lines))
        self._writer = TrajectoryWriter(self.path)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None
            if error is not None and self.path.stat().st_size == 0:
                self.path.unlink()  # nothing came of it: an empty file would look like a rollout that found nothing

    def write(self, trajectories: Iterable[Trajectory]) -> None:
        """Append those that it does not hold.

        Raises:
            StoreError: one is not among those that it is to hold, or the file is not open.
        """
        if self._writer is None:
            raise StoreError(f"{self.path} is not open: write within a with-block")
        for trajectory in trajectories:
            if trajectory.id not in self._order:
                raise StoreError(f"{self.path} is not to hold a trajectory {trajectory.id!r}")
            if trajectory.id not in self._lines:
                start = self._writer.size
                self._writer.write([trajectory])
                self._lines[trajectory.id] = (start, self._writer.size - start)

    def finish(self) -> None:
        """Put the lines in order, where they are not; a reader sees the old file or the new one."""
        found = list(self._lines)
        sorted_ids = sorted(found, key=self._order.__getitem__)
        if found != sorted_ids:
            self._copy(sorted_ids)

    def _copy(self, ids: Sequence[str]) -> None:
        temporary = self.path.with_name(self.path.name + ".tmp")
        lines: dict[str, tuple[int, int]] = {}
        with self.path.open("rb") as old, temporary.open("wb") as new:
            for identity in ids:
                start, size = self._lines[identity]
                old.seek(start)
                line = old.read(size).rstrip(b"\n") + b"\n"
                lines[identity] = (new.tell(), len(line))
                new.write(line)
        temporary.replace(self.path)
        self._lines = lines

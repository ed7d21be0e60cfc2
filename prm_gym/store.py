"""Trajectories on disk: JSON lines, one trajectory a line, appended as they end.

A crash loses at most the line being written; a reader that meets a broken line says so and goes on.
"""

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

import msgspec

from prm_gym.claims import decode_claims
from prm_gym.errors import ContractError, StoreError
from prm_gym.trajectory import Trajectory

_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Trajectory, dec_hook=decode_claims)


class BrokenLine(UserWarning):
    """A line of a trajectory file could not be read and was left out."""


def encode_trajectory(trajectory: Trajectory) -> bytes:
    """The trajectory as one line of JSON, without the line's end.

    Raises:
        StoreError: it holds what is no JSON.
    """
    try:
        return _ENCODER.encode(trajectory)
    except (TypeError, UnicodeEncodeError) as error:
        raise StoreError(f"trajectory {trajectory.id!r} cannot be written as JSON: {error}") from error


class TrajectoryWriter:
    """Appends trajectories to a file, flushing after each.

    A file whose last line was cut by a crash is continued on a new line.
    """

    def __init__(self, path: Path | str) -> None:
        """Open the file for appending; folders on the way are made."""
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = _last_byte(self.path) not in (b"", b"\n")
        self._file = self.path.open("ab")
        if torn:
            self._file.write(b"\n")

    def write(self, trajectories: Iterable[Trajectory]) -> int:
        """Append them; returns how many."""
        count = 0
        for trajectory in trajectories:
            self._file.write(encode_trajectory(trajectory) + b"\n")
            self._file.flush()
            count += 1
        return count

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> "TrajectoryWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def read_trajectories(path: Path | str) -> Iterator[Trajectory]:
    """The trajectories of a file, in order. Broken lines are left out with a `BrokenLine` warning that names them.

    Raises:
        StoreError: there is no such file.
    """
    for _, _, trajectory in read_lines(path):
        yield trajectory


def read_lines(path: Path | str) -> Iterator[tuple[int, int, Trajectory]]:
    """The trajectories of a file with where their lines begin and how many bytes these have; see `read_trajectories`.

    Raises:
        StoreError: there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"there is no trajectory file {path}")
    start = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            begin, start = start, start + len(line)
            if not line.strip():
                continue
            try:
                yield begin, len(line), decode_trajectory(line)
            except StoreError as error:
                warnings.warn(f"{path}, line {number}: {error}", BrokenLine, stacklevel=3)


def decode_trajectory(line: bytes) -> Trajectory:
    """The trajectory of one line.

    Raises:
        StoreError: it is none; says why.
    """
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, ValueError, ContractError, RecursionError) as error:  # a verdict that breaks its contract says so by a ContractError
        raise StoreError(str(error) or type(error).__name__) from error


def write_json(path: Path | str, value: Any) -> None:
    """Write a record as indented JSON, in one step: a reader sees the old file or the new one."""
    write_whole(path, msgspec.json.format(_ENCODER.encode(value), indent=1))


def write_json_lines(path: Path | str, rows: Iterable[Any]) -> None:
    """Write records as JSON lines, in one step likewise."""
    write_whole(path, b"".join(_ENCODER.encode(row) + b"\n" for row in rows))


def write_whole(path: Path | str, data: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one, and of several that write it at once the last one wins."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{uuid4().hex}.tmp")  # of its own: another process may be writing the same file
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _last_byte(path: Path) -> bytes:
    if not path.is_file() or path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1)

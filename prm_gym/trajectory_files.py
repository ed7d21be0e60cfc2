"""Files of trajectories: where each one stands, so that it can be read again by itself, and what of the files cannot be read.

JSON lines are addressed by byte offsets, Parquet by row group and row. A row of Parquet is a trajectory; its columns are the fields of `Trajectory`, of which
`task`, `steps`, `env_options`, `final`, `seed` and `origin` may be JSON text: Arrow's own columns hold no evidence of any form, and no integer of any size.
"""

import importlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import msgspec

from prm_gym.claims import decode_claims
from prm_gym.errors import ContractError, MissingExtraError, StoreError
from prm_gym.store import decode_trajectory
from prm_gym.trajectory import Trajectory

SUFFIXES = (".jsonl", ".ndjson", ".parquet")
MOST_LINE = 256 << 20
"""Bytes of a line; a longer one is passed over and named."""
NAMED = 20
"""Problems of a file that are kept with their reasons; further ones are counted."""
_BOM = b"\xef\xbb\xbf"
_STRUCTURED = ("task", "steps", "env_options", "final", "seed", "origin")


class Found(NamedTuple):
    """A trajectory and where it stands.

    Attributes:
        line: from 1; in Parquet the row.
        start: first byte of the line; in Parquet the row group.
        length: bytes of the line; in Parquet the row within its group.
        trajectory: what stands there.
    """

    line: int
    start: int
    length: int
    trajectory: Trajectory


class Unread(NamedTuple):
    """A line or row that holds no trajectory; `line` is 0 for the file as a whole."""

    line: int
    reason: str


class FileReport(msgspec.Struct):
    """What became of one file.

    Attributes:
        path: of it; bytes of a name that are no text are named.
        read: trajectories.
        unread: lines or rows that hold none.
        problems: the first of these.
        notes: what was read all the same, and is odd: other versions.
    """

    path: str
    read: int = 0
    unread: int = 0
    problems: list[Unread] = []
    notes: list[str] = []

    def __post_init__(self) -> None:
        """Make the path one that can be written in UTF-8."""
        self.path = self.path.encode("utf-8", "backslashreplace").decode()

    def add(self, problem: Unread) -> None:
        """Count a problem, and keep it while there are few."""
        self.unread += 1
        if len(self.problems) < NAMED:
            self.problems.append(problem)


class JsonLines:
    """A file with a trajectory a line."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def scan(self) -> Iterator[Found | Unread]:
        """What stands in its lines, in order; empty lines are passed over."""
        start = number = 0
        try:
            with self.path.open("rb") as file:
                while line := file.readline(MOST_LINE):
                    number += 1
                    length = len(line)
                    while not line.endswith(b"\n") and (rest := file.readline(MOST_LINE)):
                        length += len(rest)
                        line = rest if rest.endswith(b"\n") else b""
                    if length > MOST_LINE:
                        yield Unread(number, f"the line has {length:,} bytes; {MOST_LINE:,} are read at most")
                    elif line.strip():
                        yield self._found(number, start, line)
                    start += length
        except OSError as error:
            yield Unread(0, f"the file cannot be read: {error.strerror}")
            return
        if not start:
            yield Unread(0, "the file is empty")

    def read(self, start: int, length: int) -> Trajectory:
        """The trajectory of a line.

        Raises:
            StoreError: it is not there any longer.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(start)
                return decode_trajectory(file.read(length).removeprefix(_BOM))
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read any longer: {error.strerror}") from error

    @staticmethod
    def _found(number: int, start: int, line: bytes) -> Found | Unread:
        try:
            return Found(number, start, len(line), decode_trajectory(line.removeprefix(_BOM)))
        except StoreError as error:
            torn = "" if line.endswith(b"\n") else "; the file ends within this line, as after a crash or while it is being written"
            return Unread(number, f"{error}{torn}")


class ParquetRows:
    """A file of Parquet with a trajectory a row."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._group = lru_cache(maxsize=2)(self._rows)

    def scan(self) -> Iterator[Found | Unread]:
        """What stands in its rows, in order; one row group at a time is in memory."""
        number = 0
        try:
            for group in range(self._opened().num_row_groups):
                for row, values in enumerate(self._rows(group)):
                    number += 1
                    try:
                        yield Found(number, group, row, _of_row(values))
                    except StoreError as error:
                        yield Unread(number, str(error))
        except MissingExtraError as error:
            yield Unread(0, str(error))
        except (OSError, ValueError) as error:  # pyarrow's own errors derive from ValueError
            yield Unread(0, f"the file cannot be read: {error}")
        else:
            if not number:
                yield Unread(0, "the file is empty")

    def read(self, start: int, length: int) -> Trajectory:
        """The trajectory of a row group and a row.

        Raises:
            StoreError: it is not there any longer.
        """
        try:
            return _of_row(self._group(start)[length])
        except (OSError, ValueError, IndexError) as error:
            raise StoreError(f"{self.path} cannot be read any longer: {error}") from error

    def _rows(self, group: int) -> list[dict[str, Any]]:
        return self._opened().read_row_group(group).to_pylist()

    def _opened(self) -> Any:
        try:
            parquet: Any = importlib.import_module("pyarrow.parquet")
        except ImportError as error:
            raise MissingExtraError("pyarrow", "parquet") from error
        return parquet.ParquetFile(self.path)


TrajectoryFile: TypeAlias = JsonLines | ParquetRows


def find_files(paths: Iterable[str | Path]) -> list[TrajectoryFile]:
    """The files that paths name: a file itself; of a folder all files of trajectories in it, by name.

    Raises:
        StoreError: a path leads nowhere, or a folder holds no such file.
    """
    found: dict[Path, TrajectoryFile] = {}
    for each in paths:
        path = Path(each)
        if path.is_dir():
            inside = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
            if not inside:
                raise StoreError(f"the folder {path} holds no file of trajectories ({', '.join(SUFFIXES)})")
        elif path.is_file():
            inside = [path]
        else:
            raise StoreError(f"there is no trajectory file {path}")
        for file in inside:
            found.setdefault(file.resolve(), ParquetRows(file) if file.suffix.lower() == ".parquet" else JsonLines(file))
    return list(found.values())


def problem_lines(files: Iterable[FileReport]) -> list[str]:
    """What could not be read of files, a line each: path, line, reason."""
    lines: list[str] = []
    for file in files:
        if not file.read and file.unread > 1:
            first = file.problems[0]
            lines.append(f"{file.path}: none of its {file.unread:,} lines is a trajectory; line {first.line}: {first.reason}")
            continue
        lines += [f"{file.path}, line {each.line}: {each.reason}" if each.line else f"{file.path}: {each.reason}" for each in file.problems]
        if file.unread > len(file.problems):
            lines.append(f"{file.path}: and {file.unread - len(file.problems):,} more lines like these")
    return lines


def _of_row(values: dict[str, Any]) -> Trajectory:
    """The trajectory of a row of Parquet; a null stands for a field that is left out.

    Raises:
        StoreError: it is none; says why.
    """
    try:
        fields = {name: msgspec.json.decode(value) if name in _STRUCTURED and isinstance(value, str) else value for name, value in values.items()}
        kept = {name: value for name, value in fields.items() if value is not None or name in ("seed", "outcome")}
        return msgspec.convert(kept, Trajectory, dec_hook=decode_claims)
    except (msgspec.DecodeError, ValueError, ContractError, RecursionError) as error:
        raise StoreError(str(error) or type(error).__name__) from error

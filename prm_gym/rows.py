"""Rows of files and data sets: JSON lines, JSON arrays, CSV, Parquet, Hugging Face."""

import csv
import importlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import msgspec

from prm_gym.errors import MissingExtraError, OptionError


def rows_of(source: str | Path) -> Iterator[tuple[str, object]]:
    """The rows of one source, each with the words that say where it stands ("line 3").

    Args:
        source: a path (`.jsonl`, `.json`, `.csv`, `.parquet`), a folder that `datasets` wrote, or `hf:NAME[:CONFIG[:SPLIT]]` (the split "test" unless given).

    Raises:
        OptionError: it cannot be read; names the file, and the line where that is known.
        MissingExtraError: Parquet or a data set without the package that reads it.
    """
    if str(source).startswith("hf:"):
        return _hugging_face(str(source)[3:])
    path = Path(source)
    if path.is_dir():
        return _hugging_face(str(path))
    readers: dict[str, Callable[[Path], Iterator[tuple[str, object]]]] = {
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json_array,
        ".csv": _csv,
        ".parquet": _parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise OptionError(f"a file of rows is .jsonl, .json, .csv or .parquet, or hf:NAME, got {str(source)!r}")
    return reader(path)


def _json_lines(path: Path) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            try:
                row = msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError) as error:
                raise OptionError(f"{path}, line {number}: {error}") from error
            yield f"line {number}", row


def _json_array(path: Path) -> Iterator[tuple[str, object]]:
    try:
        rows = msgspec.json.decode(_text(path))
    except (msgspec.DecodeError, RecursionError) as error:
        raise OptionError(f"{path}: {error}") from error
    if not isinstance(rows, list):
        raise OptionError(f"{path}: a JSON file of rows is an array of objects; for one object a line use .jsonl")
    return ((f"row {number}", row) for number, row in enumerate(cast("list[object]", rows), start=1))


def _csv(path: Path) -> Iterator[tuple[str, object]]:
    """Rows of a table with a header; a cell that is a JSON list or object is read as such, an empty one is None."""
    try:
        rows = list(csv.DictReader(io.StringIO(_text(path), newline="")))
    except csv.Error as error:
        raise OptionError(f"{path}: {error}") from error
    return ((f"row {number}", {name: _cell(value) for name, value in row.items() if name is not None}) for number, row in enumerate(rows, start=1))


def _cell(value: str | None) -> object:
    if not value or value.lstrip()[:1] not in ("[", "{"):
        return value or None
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the file {str(path)!r} cannot be read: {error}") from error


def _parquet(path: Path) -> Iterator[tuple[str, object]]:
    parquet = _module("pyarrow.parquet", "pyarrow", "parquet")
    try:
        rows: list[object] = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from ValueError
        raise OptionError(f"the file {str(path)!r} cannot be read: {error}") from error
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _hugging_face(name: str) -> Iterator[tuple[str, object]]:
    datasets = _module("datasets", "datasets", "datasets")
    parts = [name] if Path(name).is_dir() else name.split(":")
    if not 1 <= len(parts) <= 3 or not parts[0]:
        raise OptionError(f"a data set is hf:NAME, hf:NAME:CONFIG or hf:NAME:CONFIG:SPLIT, got {f'hf:{name}'!r}")
    split = parts[2] if len(parts) > 2 else "test"
    try:
        if Path(parts[0]).is_dir():
            data = datasets.load_from_disk(parts[0])
            data = data[split] if isinstance(data, datasets.DatasetDict) else data
        else:
            data = datasets.load_dataset(parts[0], *parts[1:2], split=split)
        rows: list[object] = [dict(row) for row in data]
    except Exception as error:  # the package raises whatever its network and file layers raise
        raise OptionError(f"the data set {name!r} cannot be loaded: {type(error).__name__}: {error}") from error
    return ((f"row {number}", row) for number, row in enumerate(rows, start=1))


def _module(name: str, package: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(package, extra) from error

"""Data of step labels from files and data sets, in whatever layout."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import msgspec

from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.detection import layout_named, layout_of
from prm_gym.prm.pairs import PreferencePair
from prm_gym.rows import rows_of


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where data came from.

    Attributes:
        name: the path, or the name of the data set.
        layout: of its rows.
        rows: that were read.
        taken: chains or pairs that came of them.
        left_out: for each row that could not be read, where it stands and why.
        sha256: of the file's content; "" of what is no file.
    """

    name: str
    layout: str
    rows: int
    taken: int
    left_out: tuple[str, ...] = ()
    sha256: str = ""


class Data(msgspec.Struct, frozen=True):
    """What was read.

    Attributes:
        chains: with labels, or of known outcome, in order.
        pairs: likewise.
        sources: where they came from.
    """

    chains: tuple[LabelledChain, ...]
    pairs: tuple[PreferencePair, ...]
    sources: tuple[Source, ...]


def load(sources: Sequence[str], layout: str = "auto", limit: int = 0) -> Data:
    """The labelled chains and pairs of files and data sets.

    Args:
        sources: paths (JSON lines, a JSON array, Parquet, CSV), folders that `datasets` wrote, `hf:NAME[:CONFIG[:SPLIT]]`; `LAYOUT=PATH` names the layout of
            one.
        layout: of all of them; "auto" to tell it by the fields of the first row of each.
        limit: rows taken from each, evenly spread over it; 0 for all.

    Raises:
        OptionError: a source cannot be read, or nothing is left of it; names the file and the row.
        UnknownNameError: no such layout.
        MissingExtraError: Parquet or a data set without the package that reads it.
    """
    if not sources:
        raise OptionError("no data: name a file, or hf:NAME")
    if limit < 0:
        raise OptionError(f"limit is a number of rows, or 0 for all, got {limit}")
    chains: list[LabelledChain] = []
    pairs: list[PreferencePair] = []
    read: list[Source] = []
    for given in sources:
        head, equals, tail = given.partition("=")
        named = bool(equals) and head.isidentifier()
        found, source = _source(tail if named else given, head if named else layout, limit)
        read.append(source)
        chains.extend(item for item in found if isinstance(item, LabelledChain))
        pairs.extend(item for item in found if isinstance(item, PreferencePair))
    return Data(tuple(chains), tuple(pairs), tuple(read))


def _source(name: str, layout: str, limit: int) -> tuple[list[LabelledChain | PreferencePair], Source]:
    rows = list(rows_of(name))
    if not rows:
        raise OptionError(f"{name} holds no rows")
    if limit and limit < len(rows):
        rows = [rows[at * len(rows) // limit] for at in range(limit)]
    try:
        chosen = layout_of(rows[0][1]) if layout == "auto" else layout_named(layout)
    except OptionError as error:
        raise OptionError(f"{name}: {error}") from error
    found: list[LabelledChain | PreferencePair] = []
    left_out: list[str] = []
    known: set[str] = set()
    for where, row in rows:
        try:
            if not isinstance(row, Mapping):
                raise OptionError(f"a row is an object with fields, got {type(row).__name__}")
            fields = {str(key): value for key, value in cast("Mapping[object, object]", row).items()}
            own = list(chosen.read([fields]))
        except (OptionError, msgspec.ValidationError) as error:
            left_out.append(f"{name}, {where}: {error}")
            continue
        for item in own:
            if item.id not in known or isinstance(item, PreferencePair):
                found.append(item)
                known.add(item.id)
            elif not item.id.startswith("correct_"):  # a twin that several rows bring is one; another solution may share the name of a row
                found.append(msgspec.structs.replace(item, id=f"{item.id}/{where.replace(' ', '-')}"))
    if not found:
        raise OptionError(f"{name}: nothing can be read from it as {chosen.name} ({left_out[0] if left_out else 'it has no steps'})")
    return found, Source(name=name, layout=chosen.name, rows=len(rows), taken=len(found), left_out=tuple(left_out), sha256=_digest(name))


def _digest(name: str) -> str:
    path = Path(name)
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

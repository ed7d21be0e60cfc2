"""Data of step labels from files and data sets, in whatever layout."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, cast

import msgspec

from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts import trajectories
from prm_gym.prm.layouts.detection import layout_named, layout_of
from prm_gym.prm.pairs import PreferencePair
from prm_gym.rows import rows_of
from prm_gym.verifier import StepContext


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
        contexts: by the id of a chain: its steps as they were taken in an environment, with the claims that it made.
    """

    chains: tuple[LabelledChain, ...]
    pairs: tuple[PreferencePair, ...]
    sources: tuple[Source, ...]
    contexts: dict[str, tuple[StepContext, ...]] = {}


def load(sources: Sequence[str], layout: str = "auto", limit: int = 0, labels_by: Sequence[str] = ()) -> Data:
    """The labelled chains and pairs of files and data sets.

    Args:
        sources: paths (JSON lines, a JSON array, Parquet, CSV), folders that `datasets` wrote, `hf:NAME[:CONFIG[:SPLIT]]`; `LAYOUT=PATH` names the layout of
            one.
        layout: of all of them; "auto" to tell it by the fields of the first row of each.
        limit: rows taken from each, evenly spread over it; 0 for all.
        labels_by: of stored trajectories: the verifiers whose verdicts are the labels; all of them where it is empty.

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
    contexts: dict[str, tuple[StepContext, ...]] = {}
    known: set[str] = set()
    for given in sources:
        head, equals, tail = given.partition("=")
        named = bool(equals) and head.isidentifier()
        found, source = _source(_Asked(tail if named else given, head if named else layout, limit, tuple(labels_by)), contexts, known)
        read.append(source)
        chains.extend(item for item in found if isinstance(item, LabelledChain))
        pairs.extend(item for item in found if isinstance(item, PreferencePair))
    return Data(tuple(chains), tuple(pairs), tuple(read), contexts)


class _Asked(NamedTuple):
    name: str
    layout: str
    limit: int
    labels_by: tuple[str, ...]


def _source(asked: _Asked, contexts: dict[str, tuple[StepContext, ...]], known: set[str]) -> tuple[list[LabelledChain | PreferencePair], Source]:
    name, layout, limit, labels_by = asked
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
    for where, row in rows:
        try:
            if not isinstance(row, Mapping):
                raise OptionError(f"a row is an object with fields, got {type(row).__name__}")
            fields = {str(key): value for key, value in cast("Mapping[object, object]", row).items()}
            taken = list(trajectories.taken([fields], labels_by=labels_by)) if chosen.name == "trajectories" else []
            own = [each.labelled for each in taken] if chosen.name == "trajectories" else list(chosen.read([fields]))
        except (OptionError, msgspec.ValidationError) as error:
            left_out.append(f"{name}, {where}: {error}")
            continue
        for place, item in enumerate(own):
            if isinstance(item, LabelledChain) and item.id in known:
                item = msgspec.structs.replace(item, id=f"{name}, {where}, {item.id}")  # noqa: PLW2901 - two sources may use one name
            found.append(item)
            known.add(item.id)
            if taken:
                contexts[item.id] = taken[place].contexts
    if not found:
        raise OptionError(f"{name}: nothing can be read from it as {chosen.name} ({left_out[0] if left_out else 'it has no steps'})")
    return found, Source(name=name, layout=chosen.name, rows=len(rows), taken=len(found), left_out=tuple(left_out), sha256=_digest(name))


def _digest(name: str) -> str:
    path = Path(name)
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

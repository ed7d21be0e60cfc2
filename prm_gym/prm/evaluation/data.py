"""Data of step labels from files and data sets, in whatever layout."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.reading import Item, Reading, read_rows, source_digest
from prm_gym.prm.pairs import PreferencePair
from prm_gym.rows import rows_of
from prm_gym.verifier import StepContext


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where data came from.

    Attributes:
        name: the path, or the name of the data set.
        layouts: rows by layout.
        rows: that were looked at.
        taken: chains or pairs that came of them.
        left_out: for each row that could not be read, where it stands and why.
        sha256: of the file's content, or of the rows of what is no file.
    """

    name: str
    layouts: dict[str, int]
    rows: int
    taken: int
    left_out: tuple[str, ...] = ()
    sha256: str


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
        layout: of all of them; "auto" to tell it by the fields of each row (see `Reading`).
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
        reading = Reading(layout=head if named else layout, labels_by=tuple(labels_by))
        found, source = _load_source(tail if named else given, reading, limit, contexts, known)
        read.append(source)
        chains.extend(item for item in found if isinstance(item, LabelledChain))
        pairs.extend(item for item in found if isinstance(item, PreferencePair))
    return Data(tuple(chains), tuple(pairs), tuple(read), contexts)


def _load_source(name: str, reading: Reading, limit: int, contexts: dict[str, tuple[StepContext, ...]], known: set[str]) -> tuple[list[Item], Source]:
    rows = list(rows_of(name))
    if not rows:
        raise OptionError(f"{name} holds no rows")
    if limit and limit < len(rows):
        rows = [rows[at * len(rows) // limit] for at in range(limit)]
    found: list[Item] = []
    left_out: list[str] = []
    layouts = Counter[str]()
    for read in read_rows(rows, reading):
        if read.reason:
            left_out.append(f"{name}, {read.where}: {read.reason}")
            continue
        layouts[read.layout] += 1
        for item in read.items:
            if item.id in known:  # two sources may use one name
                item = msgspec.structs.replace(item, id=f"{name}, {read.where}, {item.id}")  # noqa: PLW2901
            found.append(item)
            known.add(item.id)
            if read.contexts:
                contexts[item.id] = read.contexts
    if not found:
        what = "" if reading.layout == "auto" else f" as {reading.layout}"
        raise OptionError(f"{name}: nothing can be read from it{what} ({left_out[0]})")
    digest = source_digest(name, [row for _, row in rows])
    return found, Source(name=name, layouts=dict(layouts), rows=len(rows), taken=len(found), left_out=tuple(left_out), sha256=digest)

"""Rows of files and data sets of any layout, read as labelled chains and pairs: for training and evaluation alike."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias, cast

import msgspec

from prm_gym.errors import OptionError
from prm_gym.labelling.layouts import DEFAULT_POLICY, LabelPolicy
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts import trajectories
from prm_gym.prm.layouts.detection import SOLUTIONS, Layout, layout_named, layout_of
from prm_gym.prm.pairs import PreferencePair
from prm_gym.rows import rows_of
from prm_gym.verifier import StepContext

Item: TypeAlias = LabelledChain | PreferencePair


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How the rows of files are read.

    Attributes:
        layout: of all rows; "auto" to tell it by the fields of each. Plain solutions are then read only from files that begin with one: a row of another
            layout that lacks a field is no solution without labels, but a row that cannot be read.
        labels_by: of stored trajectories: ids of the verifiers whose verdicts are the labels; all of them where it is empty.
        policy: of stored trajectories: how ratings become labels.
        soft_verdicts: of stored trajectories: scores of verdicts are the labels.
    """

    layout: str = "auto"
    labels_by: tuple[str, ...] = ()
    policy: LabelPolicy = DEFAULT_POLICY
    soft_verdicts: bool = False

    def __post_init__(self) -> None:
        if self.layout != "auto":
            layout_named(self.layout)


class ReadRow(msgspec.Struct, frozen=True):
    """What came of a row.

    Attributes:
        where: its place in the file, in words.
        row: as it stood there.
        layout: that it was read by; empty where none fits.
        items: chains or pairs; more than one where a layout keeps several solutions in a row.
        reason: why there are none, where it could not be read.
        contexts: of a stored trajectory: its steps as they were taken, with the claims that its environment made.
    """

    where: str
    row: object
    layout: str
    items: tuple[Item, ...]
    reason: str = ""
    contexts: tuple[StepContext, ...] = ()


def read_file(source: str, reading: Reading) -> Iterator[ReadRow]:
    """What came of every row of a file or data set, in order.

    Args:
        source: a path or `hf:NAME`; see `prm_gym.rows.rows_of`.
        reading: how rows are read.

    Raises:
        OptionError: the file cannot be read at all.
    """
    return read_rows(rows_of(source), reading)


def read_rows(rows: Iterable[tuple[str, object]], reading: Reading) -> Iterator[ReadRow]:
    """What came of every row, in order.

    Args:
        rows: each with its place in words, of one source.
        reading: how they are read.
    """
    named = None if reading.layout == "auto" else layout_named(reading.layout)
    solutions: bool | None = None
    for where, row in rows:
        layout = ""
        try:
            fields = _fields(row)
            if solutions is None:
                solutions = named is None and layout_of(fields) is SOLUTIONS
            chosen = named or layout_of(fields, solutions)
            layout = chosen.name
            yield _read(where, row, chosen, fields, reading)
        except (OptionError, msgspec.ValidationError, UnicodeEncodeError) as error:
            yield ReadRow(where, row, layout, (), str(error))


def source_digest(source: str, rows: Sequence[object] = ()) -> str:
    """SHA-256 of a file's content; of the rows of what is no file."""
    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    for row in rows:
        digest.update(msgspec.json.encode(row, enc_hook=str, order="sorted") + b"\n")
    return digest.hexdigest()


def _fields(row: object) -> Mapping[str, object]:
    if not isinstance(row, Mapping):
        raise OptionError(f"a row is an object with fields, got {type(row).__name__}")
    return {str(key): value for key, value in cast("Mapping[object, object]", row).items()}


def _read(where: str, row: object, layout: Layout, fields: Mapping[str, object], reading: Reading) -> ReadRow:
    if layout.name != "trajectories":
        items: tuple[Item, ...] = tuple(layout.read([fields]))
        return ReadRow(where, row, layout.name, items, "" if items else "it holds no step with a label")
    found = next(trajectories.taken([fields], labels_by=reading.labels_by, policy=reading.policy, soft=reading.soft_verdicts), None)
    if found is None:
        return ReadRow(where, row, layout.name, (), "the infrastructure spoilt the episode")
    return ReadRow(where, row, layout.name, (found.labelled,), contexts=found.contexts)

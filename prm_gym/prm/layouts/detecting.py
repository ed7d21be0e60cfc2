"""Which layout a row has, told by its fields, and files of any layout read as labelled chains and pairs."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import msgspec

from prm_gym.errors import OptionError, UnknownNameError
from prm_gym.labelling.layouts import DEFAULT_POLICY, LabelPolicy
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.pairs import PreferencePair
from prm_gym.rows import rows_of

# The module of each layout that has a label for every step (or a preference between two), and the fields that tell it; those that ask for more come first.
_FIELDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "agentprocessbench": (("messages", "step_labels"),),
    "prmbench": (("error_steps", "modified_process"), ("error_steps", "steps")),
    "mr_gsm8k": (("model_output_steps", "model_output_solution_correctness"),),
    "bigbench_mistake": (("input", "steps", "mistake_index"),),
    "ours": (("env_id", "task", "steps"),),
    "pairs": (("chosen", "rejected", "initial_reason_steps"), ("chosen", "rejected", "problem"), ("chosen", "rejected", "prompt")),
    "trl": (("prompt", "completions", "labels"),),
    "math_shepherd": (("input", "label"),),
    "processbench": (("problem", "steps", "label"),),
    "prm800k": (("question", "label"),),
}
LAYOUTS = tuple(_FIELDS)

Item = LabelledChain | PreferencePair


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """How the rows of files are read.

    Attributes:
        layout: of all rows; "auto" to tell it by their fields.
        verifiers: of stored trajectories: ids of those whose verdicts count; all when it is empty.
        policy: of stored trajectories: how ratings become labels.
        soft_verdicts: of stored trajectories: scores of verdicts are labels.
    """

    layout: str = "auto"
    verifiers: tuple[str, ...] = ()
    policy: LabelPolicy = DEFAULT_POLICY
    soft_verdicts: bool = False

    def __post_init__(self) -> None:
        if self.layout != "auto" and self.layout not in LAYOUTS:
            raise OptionError(str(UnknownNameError("layout of step labels", self.layout, ("auto", *LAYOUTS))))


class ReadRow(msgspec.Struct, frozen=True):
    """What came of a row.

    Attributes:
        where: its place in the file, in words.
        row: as it stood there.
        layout: that it was read by; empty where none fits.
        items: chains or pairs; more than one where a layout keeps several solutions in a row.
        reason: why there are none, where it could not be read.
    """

    where: str
    row: object
    layout: str
    items: tuple[Item, ...]
    reason: str = ""


def detect(row: Mapping[str, Any]) -> str:
    """The layout that the fields of a row tell.

    >>> detect({"prompt": "2 + 2?", "completions": ["2 + 2 = 4"], "labels": [True]})
    'trl'

    Raises:
        OptionError: none; names the fields that there are.
    """
    for name, choices in _FIELDS.items():
        if any(all(field in row for field in fields) for fields in choices):
            return name
    known = "; ".join(f"{name}: {', '.join(choices[0])}" for name, choices in _FIELDS.items())
    raise OptionError(f"the fields {', '.join(sorted(row)) or '(none)'} are those of no layout of step labels ({known})")


def read_file(source: str, reading: Reading) -> Iterator[ReadRow]:
    """What came of every row of a file or data set, in order.

    Args:
        source: a path or `hf:NAME`; see `prm_gym.rows.rows_of`.
        reading: how rows are read.

    Raises:
        OptionError: the file cannot be read at all.
    """
    for where, row in rows_of(source):
        layout = ""
        try:
            fields = _fields(row)
            layout = detect(fields) if reading.layout == "auto" else reading.layout
            items = tuple(_read(layout, fields, reading))
            yield ReadRow(where, row, layout, items, "" if items else "it holds no labelled chain")
        except (OptionError, msgspec.ValidationError) as error:
            yield ReadRow(where, row, layout, (), str(error))


def _fields(row: object) -> Mapping[str, Any]:
    if not isinstance(row, Mapping):
        raise OptionError(f"a row is an object with fields, got {type(row).__name__}")
    return cast("Mapping[str, Any]", row)


def _read(layout: str, row: Mapping[str, Any], reading: Reading) -> Iterator[Item]:
    module: Any = importlib.import_module(f"prm_gym.prm.layouts.{layout}")
    read: Callable[..., Iterator[Item]] = module.read
    if layout == "ours":
        return read([row], verifiers=reading.verifiers, policy=reading.policy, soft=reading.soft_verdicts)
    return read([row])


def rows_key(rows: Sequence[object]) -> str:
    """SHA-256 of rows, for data that is no file."""
    import hashlib

    digest = hashlib.sha256()
    for row in rows:
        digest.update(msgspec.json.encode(row, enc_hook=str, order="sorted") + b"\n")
    return digest.hexdigest()

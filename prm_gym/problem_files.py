r"""Problems with known answers, from files and data sets.

    load_problems("gsm8k/test.jsonl")            JSON Lines; .json: an array; .parquet: the extra `parquet`
    load_problems("hf:openai/gsm8k:main:test")   a data set of Hugging Face, or a folder that `save_to_disk` wrote: the extra `datasets`

Three layouts are understood without options: that of GSM8K (`question`, `answer` ending in `#### 18`), that of MATH (`problem`, `solution` with
`\boxed{18}`, if one likes `answer`), and the plain one (`question`, `problem` or `prompt`; `answer`, `gold` or `target`).
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, cast, get_args

import msgspec

from prm_gym.answers import final_answer
from prm_gym.errors import MissingExtraError, OptionError

BadRows: TypeAlias = Literal["error", "skip"]

QUESTION_FIELDS = ("question", "problem", "prompt")
ANSWER_FIELDS = ("answer", "gold", "target")
SOLUTION_FIELDS = ("solution", "gold_solution", "rationale")
FACT_FIELDS = ("level", "subject", "type", "difficulty", "source", "id", "unique_id", "rank")
MAX_QUESTION = 100_000  # characters

_MARKED = re.compile(r"####[ \t]*([^\n]*?)[ \t]*\Z")


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem with its answer.

    Attributes:
        question: the problem.
        gold: the answer.
        solution: a worked solution; "" where there is none.
        facts: what else is known of it: level, subject, source.
    """

    question: str
    gold: str
    solution: str = ""
    facts: dict[str, str | int | float] = field(default_factory=dict[str, str | int | float])


@dataclass(frozen=True, slots=True)
class Fields:
    """The names of the columns to read; None for the first of the usual ones that a row has.

    Attributes:
        question: of the problem.
        answer: of the answer.
        solution: of the worked solution.
    """

    question: str | None = None
    answer: str | None = None
    solution: str | None = None


@dataclass(frozen=True, slots=True)
class ProblemFile:
    """What was read.

    Attributes:
        problems: in the order of the rows.
        skipped: for every row that was left out, where it stands and why.
    """

    problems: tuple[Problem, ...]
    skipped: tuple[str, ...] = ()


def load_problems(tasks: str | Path | Sequence[str | Path], fields: Fields | None = None, bad_rows: BadRows = "error") -> ProblemFile:
    """The problems of a file or data set, or of several.

    Args:
        tasks: a path (`.jsonl`, `.json`, `.parquet`), a folder that `datasets` wrote, `hf:NAME[:CONFIG[:SPLIT]]` (the split "test" unless given), or a list.
        fields: the names of the columns, where they are not the usual ones.
        bad_rows: whether a row without a question or an answer is an error, or left out and reported in `skipped`.

    Raises:
        OptionError: nothing can be read, a row is bad, or no problem is left; names the file and the row.
        MissingExtraError: Parquet or a data set without the package that reads it.
    """
    if bad_rows not in get_args(BadRows):
        raise OptionError(f"bad_rows is one of {', '.join(get_args(BadRows))}, got {bad_rows!r}")
    sources = [tasks] if isinstance(tasks, str | Path) else list(tasks)
    found: list[Problem] = []
    skipped: list[str] = []
    for source in sources:
        for where, row in _rows(source):
            try:
                found.append(_problem(row, fields or Fields()))
            except ValueError as error:
                if bad_rows == "error":
                    raise OptionError(f"{source}, {where}: {error}") from error
                skipped.append(f"{source}, {where}: {error}")
    if not found:
        reasons = f" ({skipped[0]}{', ...' if len(skipped) > 1 else ''})" if skipped else ""
        raise OptionError(f"{', '.join(map(str, sources)) or 'an empty list of task files'}: no problem in it{reasons}")
    return ProblemFile(tuple(found), tuple(skipped))


def _rows(source: str | Path) -> Iterator[tuple[str, object]]:
    """The rows of one source, each with the words that say where it stands."""
    if str(source).startswith("hf:"):
        return _hugging_face(str(source)[3:])
    path = Path(source)
    if path.is_dir():
        return _hugging_face(str(path))
    readers: dict[str, Callable[[Path], Iterator[tuple[str, object]]]] = {
        ".jsonl": _json_lines,
        ".ndjson": _json_lines,
        ".json": _json_array,
        ".parquet": _parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise OptionError(f"a file of problems is .jsonl, .json or .parquet, or hf:NAME, got {str(source)!r}")
    return reader(path)


def _json_lines(path: Path) -> Iterator[tuple[str, object]]:
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if line.strip():
            try:
                row = msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise OptionError(f"{path}, line {number}: {error}") from error
            yield f"line {number}", row


def _json_array(path: Path) -> Iterator[tuple[str, object]]:
    try:
        rows = msgspec.json.decode(_text(path))
    except msgspec.DecodeError as error:
        raise OptionError(f"{path}: {error}") from error
    if not isinstance(rows, list):
        raise OptionError(f"{path}: a JSON file of problems is an array of objects; for one object a line use .jsonl")
    return ((f"row {number}", row) for number, row in enumerate(cast("list[object]", rows), start=1))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the file of problems {str(path)!r} cannot be read: {error}") from error


def _parquet(path: Path) -> Iterator[tuple[str, object]]:
    parquet = _module("pyarrow.parquet", "pyarrow", "parquet")
    try:
        rows: list[object] = parquet.read_table(path).to_pylist()
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from ValueError
        raise OptionError(f"the file of problems {str(path)!r} cannot be read: {error}") from error
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


def _problem(row: object, fields: Fields) -> Problem:
    if not isinstance(row, Mapping):
        raise ValueError(f"a problem is an object with fields, got {str(row)[:60]!r}")
    columns: dict[str, object] = {str(name): value for name, value in cast("Mapping[object, object]", row).items()}
    question = _field(columns, fields.question, QUESTION_FIELDS)
    if not question:
        raise ValueError(f"no question: none of the fields {_names(fields.question, QUESTION_FIELDS)} holds a text; there are {', '.join(columns) or 'none'}")
    if len(question) > MAX_QUESTION:
        raise ValueError(f"the question has {len(question):,} characters; at most {MAX_QUESTION:,} are taken")
    answer, solution = _field(columns, fields.answer, ANSWER_FIELDS), _field(columns, fields.solution, SOLUTION_FIELDS)
    marked = _MARKED.search(answer)
    if marked is not None:
        answer, solution = marked[1], solution or answer
    if not answer and solution:
        marked = _MARKED.search(solution)
        stated = final_answer(solution)
        answer = marked[1] if marked is not None else "" if stated.defect or stated.source == "bare" else stated.answer
    if not answer:
        raise ValueError(
            f"no answer: none of the fields {_names(fields.answer, ANSWER_FIELDS)} holds one, and no solution states one; there are {', '.join(columns)}"
        )
    facts = {name: value for name in FACT_FIELDS if isinstance(value := columns.get(name), str | int | float) and not isinstance(value, bool)}
    return Problem(question, answer, solution, facts)


def _field(columns: Mapping[str, object], chosen: str | None, usual: Sequence[str]) -> str:
    """The text of the chosen column or of the first usual one that has one; "" where none has."""
    for name in (chosen,) if chosen is not None else usual:
        value = columns.get(name)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def _names(chosen: str | None, usual: Sequence[str]) -> str:
    return ", ".join((chosen,) if chosen is not None else usual)

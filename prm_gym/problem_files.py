r"""Problems with known answers, from files and data sets.

    load_problems("gsm8k/test.jsonl")            JSON Lines; .json: an array; .parquet: the extra `parquet`
    load_problems("hf:openai/gsm8k:main:test")   a data set of Hugging Face, or a folder that `save_to_disk` wrote: the extra `datasets`

Three layouts are understood without options: that of GSM8K (`question`, `answer` ending in `#### 18`), that of MATH (`problem`, `solution` with
`\boxed{18}`, if one likes `answer`), and the plain one (`question`, `problem` or `prompt`; `answer`, `gold` or `target`).
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias, cast, get_args

from prm_gym.answers import final_answer
from prm_gym.errors import OptionError
from prm_gym.rows import rows_of

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
    sources = [tasks] if isinstance(tasks, str | Path) else tasks
    if not isinstance(sources, Sequence) or not all(isinstance(source, str | Path) for source in sources):
        raise OptionError(f"tasks are a path or the name of a data set, or a list of them, got {tasks!r}")
    found: list[Problem] = []
    skipped: list[str] = []
    for source in sources:
        for where, row in rows_of(source):
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


def gold_in(solution: str) -> str:
    r"""The answer that a worked solution states: what stands behind `####`, in its box or behind "the answer is".

    >>> gold_in("9 * 2 = 18 eggs.\n#### 18"), gold_in(r"It is \boxed{18}."), gold_in("It follows at once.")
    ('18', '18', '')

    Returns:
        "" where it states none, or contradicts itself.
    """
    marked = _MARKED.search(solution)
    if marked is not None:
        return marked[1]
    stated = final_answer(solution)
    return "" if stated.defect or stated.source == "bare" else stated.answer


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
        answer = gold_in(solution)
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
        if isinstance(value, float):
            if not math.isfinite(value):  # how tables say that there is nothing
                continue
            value = int(value) if value.is_integer() else value
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()
    return ""


def _names(chosen: str | None, usual: Sequence[str]) -> str:
    return ", ".join((chosen,) if chosen is not None else usual)

"""MR-GSM8K: solutions with the first wrong step, read as labelled chains.

    {"uuid": "...", "question": "...", "ground_truth_answer": "6", "model_output_steps": ["...", ...], "model_output_answer_correctness": "correct",
     "model_output_solution_correctness": "wrong", "model_output_solution_first_error_step": 2, "question_type": "original"}

The first wrong step counts from 1 and is "N/A" where the solution is right. The steps are a list, or a text with one step a line. A solution counts as
right by `model_output_solution_correctness`, which people gave; whether its final answer is right is said apart.

Source: Zeng et al. 2024 (MR-GSM8K), dvlab-research/MR-GSM8K, README and scripts.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import text_of
from prm_gym.prm.layouts.indices import integer_of, steps_of, until_first_error

_NUMBERING = re.compile(r"\A\s*Step \d{1,4}:\s*", re.IGNORECASE)
_CORRECT = {"correct": True, "right": True, "wrong": False, "incorrect": False}


def read(rows: Iterable[Mapping[str, Any]], source: str = "mr-gsm8k") -> Iterator[LabelledChain]:
    """The labelled chains of rows, in order.

    Args:
        rows: with the fields above.
        source: name of the data.

    Raises:
        OptionError: a field is missing or wrong, or the correctness of a solution contradicts its first wrong step.
    """
    for row in rows:
        given = row.get("model_output_steps")
        lines = [line for line in given.splitlines() if line.strip()] if isinstance(given, str) else given
        steps = [_NUMBERING.sub("", step).strip() for step in steps_of(lines, "model_output_steps")]
        sound = _correct(row, "model_output_solution_correctness")
        if sound is None:
            raise OptionError("model_output_solution_correctness says correct or wrong")
        error = -1
        if not sound:
            error = integer_of(row.get("model_output_solution_first_error_step"), "model_output_solution_first_error_step") - 1
            if error < 0:
                raise OptionError("model_output_solution_first_error_step counts from 1")
        yield LabelledChain(
            id=text_of(row, "uuid"),
            chain=written(text_of(row, "question"), steps),
            labels=until_first_error(error, len(steps)),
            outcome=_correct(row, "model_output_answer_correctness"),
            source=source,
            domain=str(row.get("question_type") or ""),
            gold=str(row.get("ground_truth_answer") or "").strip(),
        )


def _correct(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    return value if isinstance(value, bool) else _CORRECT.get(str(value).strip().casefold())

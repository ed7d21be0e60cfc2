"""Solutions of which only the final answer has been judged, as pools for best-of-n; no step has a label.

    {"problem": "...", "steps": ["...", ...], "correct": true}                        one solution a row; rows of one problem are a pool
    {"question": "...", "response": "...", "answer": "12"}                             split into steps, and graded against the answer
    {"problem": "...", "gold": "12", "solutions": ["...", {"steps": [...], "correct": false}, ...]}     a pool a row

Whether the final answer is right is `correct`, `is_correct` or `outcome` (a bool, 1 or 0); without these it is graded (`prm_gym.answers`) where a gold
answer is given, and not known otherwise.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from prm_gym.answers import grade_all
from prm_gym.chains import written
from prm_gym.errors import OptionError
from prm_gym.prm.labelled import LabelledChain
from prm_gym.prm.layouts.columns import identity, outcome_of
from prm_gym.prm.layouts.indices import steps_of
from prm_gym.problem_files import QUESTION_FIELDS, gold_in
from prm_gym.step_splitting import split_steps

SOLUTIONS = ("solutions", "candidates", "responses", "completions")
TEXT = ("response", "completion", "generation", "output", "text", "solution")
RIGHT = ("correct", "is_correct", "outcome")
GOLD = ("gold", "gold_answer", "ground_truth_answer", "target", "answer")


def read(rows: Iterable[Mapping[str, Any]], source: str = "solutions") -> Iterator[LabelledChain]:
    """The chains of rows, in order, without labels of steps.

    Args:
        rows: with the fields above.
        source: name of the data.

    Raises:
        OptionError: a row has no problem, or no solution.
    """
    for row in rows:
        problem = next((value for name in QUESTION_FIELDS if isinstance(value := row.get(name), str) and value.strip()), None)
        if problem is None:
            raise OptionError(f"the problem is missing: expected one of the fields {', '.join(QUESTION_FIELDS)}")
        gold = next((_gold(str(row[name])) for name in GOLD if row.get(name) is not None), "")
        pool = next((row[name] for name in SOLUTIONS if isinstance(row.get(name), list)), None)
        named = identity(row)
        for place, given in enumerate([row] if pool is None else cast("list[object]", pool)):
            fields: Mapping[str, Any] = cast("Mapping[str, Any]", given) if isinstance(given, Mapping) else {"text": given}
            steps = _steps(fields)
            outcome = next((found for name in RIGHT if (found := outcome_of(fields.get(name))) is not None), None)
            yield LabelledChain(
                id=named if pool is None else f"{named}/{place}",
                chain=written(problem, steps),
                labels=(None,) * len(steps),
                outcome=_graded("\n".join(steps), gold, problem) if outcome is None and gold else outcome,
                source=source,
                domain=str(row.get("domain") or row.get("subject") or ""),
                gold=gold,
            )


def _steps(fields: Mapping[str, Any]) -> list[str]:
    if fields.get("steps") is not None:
        return steps_of(fields["steps"], "steps")
    text = next((value for name in TEXT if isinstance(value := fields.get(name), str) and value.strip()), None)
    if text is None:
        raise OptionError(f"no solution: expected steps, or a text under one of {', '.join(TEXT)}")
    return [step.strip() for step in split_steps(text)]


def _gold(value: str) -> str:
    return gold_in(value) or value.strip()


def _graded(text: str, gold: str, problem: str) -> bool | None:
    (grade,) = grade_all([(text, gold, problem)])
    return None if grade.verdict in (None, "undecided") else grade.verdict == "correct"

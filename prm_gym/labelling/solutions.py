"""Solutions of mathematical problems in text, as trajectories whose steps claim the equations written in them, and one of them the answer.

What the labels of such steps mean: -1, some equation in the step is false, or the answer that it states is; +1, every equation that could be read is true, or
the answer is right. A step can be wrong and hold only true equations: a formal check of text sees slips of arithmetic, not of reasoning.
`benchmarks/verifier_fidelity` says how many it misses.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prm_gym.answers import final_answer
from prm_gym.claims import Claim, FinalAnswer
from prm_gym.labelling.fields import field, text_of, texts
from prm_gym.labelling.written import written_trajectory
from prm_gym.problem_files import QUESTION_FIELDS, gold_in
from prm_gym.step_splitting import Splitting, split_steps
from prm_gym.task import Task, content_key
from prm_gym.text_claims import equalities
from prm_gym.trajectory import Trajectory

PROBLEM = (*QUESTION_FIELDS, "input")
# What a model wrote; a row that has none of these may hold a worked solution under one of the others.
WRITTEN = ("steps", "completions", "response", "completion", "generation", "output")
WORKED = ("solution", "answer")
GOLD = ("gold", "gold_answer", "reference", "target", "answer", "final_answer", "solution")

MAX_GOLD = 200  # characters of an answer that is no number or formula: "the red one"

INSTRUCTIONS = "Solve the problem step by step and state the answer at the end."


def solution_trajectory(row: Mapping[str, Any], identity: str, split: Splitting = "auto") -> Trajectory:
    """The trajectory of a solution in text, with the claims of its steps and no verdicts yet.

    Args:
        row: problem, solution (a list of steps, or a text to be split) and, if it is known, the gold answer, under any of the usual names. A gold answer may
            stand at the end of a worked solution (`#### 12`, a box). Beside what a model wrote (`response`, `steps`), `solution` is taken for the reference.
        identity: id of the trajectory.
        split: how a text is split into steps; see `prm_gym.step_splitting.split_steps`.

    Raises:
        OptionError: a field is missing or of another kind; says which.
    """
    problem = text_of(row, PROBLEM, "the problem")
    written = field(row, (*WRITTEN, *WORKED), "the solution")
    steps = split_steps(written, split) if isinstance(written, str) else texts(written, "the solution")
    return solution_of(identity, problem, steps, gold_of(row), row)


def solution_of(identity: str, problem: str, steps: Sequence[str], gold: str | None, row: Mapping[str, Any]) -> Trajectory:
    """Likewise of what has been read already.

    Args:
        identity: id of the trajectory.
        problem: what the solution is of.
        steps: its texts, in order, taken as they are.
        gold: the right answer, where it is known.
        row: says who wrote it, under `generator` or `model`.

    Raises:
        OptionError: there are no steps, or too many, or they are too long.
    """
    sealed = {} if gold is None else {"answer": gold}
    task = Task(key=content_key("solution", problem), instructions=INSTRUCTIONS, question=problem, sealed=sealed)
    return written_trajectory(identity, "solution", task, steps, _claims(steps, gold, problem), row)


def gold_of(row: Mapping[str, Any], names: Sequence[str] = GOLD) -> str | None:
    """The right answer that a row states: a short one as it stands, of a worked solution what it ends with (`#### 12`, a box); None where there is none.

    Args:
        row: by column.
        names: of the columns that may hold it, the first that does.
    """
    return next((answer for name in names if _stated(row.get(name)) and (answer := _gold(name, str(row[name])))), None)


def _stated(value: Any) -> bool:
    """Whether a field holds something; NaN is how tables of pandas say that nothing is there."""
    return value is not None and not (isinstance(value, float) and math.isnan(value))


def _gold(name: str, value: str) -> str:
    short = value.strip() if name != "solution" and len(value) <= MAX_GOLD and "\n" not in value.strip() else ""
    return gold_in(value) or short


def _claims(steps: Sequence[str], gold: str | None, problem: str) -> Iterator[tuple[Claim, ...]]:
    """The equations of every step, and the answer on the step that states it: the last that does, or the last of all, which may be a bare answer."""
    stating = [index for index, text in enumerate(steps) if final_answer(text).source in ("boxed", "marked", "said")]
    place = stating[-1] if stating else len(steps) - 1
    for index, text in enumerate(steps):
        answer = (FinalAnswer(answer=text, gold=gold, question=problem),) if gold is not None and index == place else ()
        yield (*equalities(text, steps[:index], problem), *answer)

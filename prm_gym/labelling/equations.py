"""Equations solved line by line, as trajectories whose steps claim that the solutions stay the same."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from prm_gym.claims import SameSolutions
from prm_gym.labelling.fields import field, texts
from prm_gym.labelling.written import written_trajectory
from prm_gym.task import Task, content_key
from prm_gym.trajectory import Trajectory

SYSTEM = ("equation", "equations", "system")
STEPS = ("steps", "solution", "completions", "response")

_AROUND = re.compile(
    r"\A(?:[^=<>:]{0,80}:(?!=))?\s*(?:(?:so|thus|then|hence|therefore|or|and)\b,?|=>|⇒|→|->)?\s*|\s*\([^()=<>]{0,80}[A-Za-z]{2}[^()=<>]{0,80}\)\s*\.?\Z",
    re.IGNORECASE,
)
_DOLLARS = re.compile(r"\$+|\\[()\[\]]")

INSTRUCTIONS = "Solve the equation, one transformation a line."


def is_equations(row: Mapping[str, Any]) -> bool:
    """Whether a row has the fields of an equation that is solved."""
    return any(name in row for name in SYSTEM)


def equation_trajectory(row: Mapping[str, Any], identity: str) -> Trajectory:
    """The trajectory of an equation solved line by line, with the claims of its steps and no verdicts yet.

    Every line is to have the solutions of the one before it, the first those of the equation. Equations of a system stand on one line, with semicolons
    between them.

    Args:
        row: the equation (a text, or a list of texts that hold together) and the steps (a list of texts, or a text with one step a line).
        identity: id of the trajectory.

    Raises:
        OptionError: a field is missing or of another kind; says which.
    """
    given = field(row, SYSTEM, "the equation")
    steps = field(row, STEPS, "the solution")
    lines = texts(steps.splitlines() if isinstance(steps, str) else steps, "the solution")
    before = _relations(given) if isinstance(given, str) else tuple(texts(given, "the system"))
    question = "; ".join(before)
    systems = [before, *(_relations(line) for line in lines)]
    claims = ((SameSolutions(before=one, after=other),) for one, other in pairwise(systems))
    task = Task(key=content_key("equations", question), instructions=INSTRUCTIONS, question=question)
    return written_trajectory(identity, "equations", task, lines, claims, row)


def _relations(text: str) -> tuple[str, ...]:
    """The relations of a line, without what people put around them: `So $2x = 4$.`, `Subtract 3: 2x = 4`, `=> x = 2 (divide by 2)`."""
    bare = _DOLLARS.sub(" ", _AROUND.sub("", text.strip()))
    return tuple(part.strip() for part in bare.rstrip(" .").split(";") if part.strip())

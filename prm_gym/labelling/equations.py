"""Equations solved line by line, as trajectories whose steps claim that the solutions stay the same."""

from collections.abc import Mapping
from typing import Any

from prm_gym.claims import Claim, SameSolutions
from prm_gym.labelling.fields import field, texts
from prm_gym.task import Task, content_key
from prm_gym.trajectory import Step, Trajectory

SYSTEM = ("equation", "equations", "system")
STEPS = ("steps", "solution", "completions", "response")

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
    key = content_key("equations", question)
    taken: list[Step] = []
    for index, line in enumerate(lines):
        after = _relations(line)
        claims: tuple[Claim, ...] = (SameSolutions(before=before, after=after),)
        taken.append(
            Step(
                index=index,
                observation="\n".join([question, *lines[:index]]),
                action=line,
                state_key=content_key(key, *lines[:index]),
                next_state_key=content_key(key, *lines[: index + 1]),
                reward=0.0,
                claims=claims,
                terminated=index == len(lines) - 1,
            )
        )
        before = after
    return Trajectory(
        id=identity,
        group_id=key,
        task=Task(key=key, instructions=INSTRUCTIONS, question=question),
        seed=None,
        env_id="text/equations",
        agent=str(row.get("generator", row.get("model", "unknown"))),
        outcome=None,
        steps=tuple(taken),
    )


def _relations(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())

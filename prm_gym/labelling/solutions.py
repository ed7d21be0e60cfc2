"""Solutions of mathematical problems in text, as trajectories whose steps claim the equations written in them, and the last one its answer.

What the labels of such steps mean: -1, some equation in the step is false, or the answer is; +1, every equation that could be read is true, or the answer is
right. A step can be wrong and hold only true equations: a formal check of text sees slips of arithmetic, not of reasoning. `benchmarks/verifier_fidelity`
says how many it misses.
"""

from collections.abc import Mapping
from typing import Any

from prm_gym.claims import Claim, FinalAnswer
from prm_gym.labelling.fields import field, text_of, texts
from prm_gym.solutions import Splitting, split_steps
from prm_gym.task import Task, content_key
from prm_gym.text_claims import equalities
from prm_gym.trajectory import Step, Trajectory

PROBLEM = ("problem", "question", "prompt", "input")
SOLUTION = ("steps", "completions", "solution", "response", "completion", "generation", "output")
GOLD = ("gold", "gold_answer", "reference", "target", "answer", "final_answer")

INSTRUCTIONS = "Solve the problem step by step and state the answer at the end."


def solution_trajectory(row: Mapping[str, Any], identity: str, split: Splitting = "auto") -> Trajectory:
    """The trajectory of a solution in text, with the claims of its steps and no verdicts yet.

    Args:
        row: problem, solution (a list of steps, or a text to be split) and, if it is known, the gold answer, under any of the usual names.
        identity: id of the trajectory.
        split: how a text is split into steps; see `prm_gym.solutions.split_steps`.

    Raises:
        OptionError: a field is missing or of another kind; says which.
    """
    problem = text_of(row, PROBLEM, "the problem")
    written = field(row, SOLUTION, "the solution")
    steps = split_steps(written, split) if isinstance(written, str) else texts(written, "the solution")
    gold = next((str(row[name]) for name in GOLD if row.get(name) is not None), None)
    key = content_key("solution", problem)
    taken: list[Step] = []
    for index, text in enumerate(steps):
        last = index == len(steps) - 1
        claims: list[Claim] = [*equalities(text, steps[:index])]
        if last and gold is not None:
            claims.append(FinalAnswer(answer=text, gold=gold, question=problem))
        taken.append(
            Step(
                index=index,
                observation="\n\n".join([problem, *steps[:index]]),
                action=text,
                state_key=content_key(key, *steps[:index]),
                next_state_key=content_key(key, *steps[: index + 1]),
                reward=0.0,
                claims=tuple(claims),
                terminated=last,
            )
        )
    return Trajectory(
        id=identity,
        group_id=key,
        task=Task(key=key, instructions=INSTRUCTIONS, question=problem, sealed={} if gold is None else {"answer": gold}),
        seed=None,
        env_id="text/solution",
        agent=str(row.get("generator", row.get("model", "unknown"))),
        outcome=None,
        steps=tuple(taken),
    )

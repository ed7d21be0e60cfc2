"""A reward function for verl: whether the final answer is right, with what a verifier says of the steps beside it.

    reward.custom_reward_function.path=pkg://prm_gym.integrations.verl_score
    reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.verifier=arithmetic

Source: verl 0.9.1, https://verl.readthedocs.io (reward functions), `verl/trainer/ppo/reward.py`. It needs nothing of verl itself.
"""

import functools
from collections.abc import Mapping
from typing import Any

from prm_gym.integrations.completions import TextScorer
from prm_gym.integrations.own_thread import OwnThread
from prm_gym.labelling.written import MAX_STEPS

QUESTION = ("question", "problem", "prompt")  # in `extra_info`, where data sets keep it


@functools.lru_cache(maxsize=8)
def judge_of(verifier: str, most_steps: int = MAX_STEPS) -> OwnThread[TextScorer]:
    """The judge of a specification, one a process: reward workers ask again and again, from threads of their own."""
    return OwnThread(lambda: TextScorer([verifier] if verifier else [], most_steps=most_steps))


def question_of(extra_info: Mapping[str, Any] | None) -> str:
    """The problem that a row is about, where the data set keeps it; else empty."""
    known = extra_info or {}
    return next((value for name in QUESTION if isinstance(value := known.get(name), str)), "")


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    verifier: str = "arithmetic",
    undecided: float = 0.0,
    **others: Any,
) -> dict[str, float]:
    """The score of a solution as verl takes it, with numbers that verl logs beside it.

    verl has no way to leave a response unscored: where nobody can tell whether the answer is right, the score is `undecided`, and `decided` says so. Look at
    its mean: where it is far from 1, the score is not to be trusted.

    Args:
        data_source: name of the data set; not looked at.
        solution_str: what the model wrote.
        ground_truth: the right answer, or a worked solution that ends with it.
        extra_info: of the row; the problem is looked for under "question", "problem" and "prompt".
        verifier: judges the steps; "" for none.
        undecided: the score where it cannot be told.
        **others: what verl hands to reward functions beside these; not looked at.

    Returns:
        `score` (1 right, 0 wrong, or `undecided`), `decided` (1 or 0), how many `steps` there are, how many of them the verifier could judge
        (`steps_judged`), and how many of these it holds wrong (`steps_wrong`).
    """
    _ = data_source, others
    ((trajectory, _, _),) = judge_of(verifier).call(TextScorer.judge, [question_of(extra_info)], [solution_str], [ground_truth])
    if trajectory is None:  # nothing was written, or far too much: no answer
        return {"score": 0.0, "decided": 1.0, "steps": 0.0, "steps_judged": 0.0, "steps_wrong": 0.0}
    scores = [verdict.score for step in trajectory.steps for verdict in step.verdicts.values() if verdict.score is not None]
    return {
        "score": undecided if trajectory.outcome is None else trajectory.outcome,
        "decided": float(trajectory.outcome is not None),
        "steps": float(len(trajectory.steps)),
        "steps_judged": float(len(scores)),
        "steps_wrong": float(sum(score < 0.5 for score in scores)),
    }

"""The layouts of other projects that labelled trajectories are written in.

Sources: TRL's type "stepwise supervision" (`prompt`, `completions`, `labels`: read by its PRMTrainer); ProcessBench (Zheng et al. 2024: `problem`, `steps`,
`final_answer_correct`, `label`, the index of the first wrong step or -1); Math-Shepherd (Wang et al. 2024) and PRM800K (Lightman et al. 2023), as
`prm_gym.prm.layouts` reads them.

Of an episode with tools, a board or pages, no layout has a place for what was seen between the steps, without which no label could be learned. So the
prompt then holds the first observation (and the instructions, where these list tools and rules), and every later step begins with what was seen before it, its
label standing at its end (see `prm_gym.chains`):

    <observation>
    It is ada@example.com.
    </observation>
    {"name": "find_user", "arguments": {"email": "ada@example.com"}}

Elsewhere an observation is the problem and the steps so far, and the prompt is the problem alone.
"""

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from prm_gym.chains import chain_of_trajectory
from prm_gym.labelling.ratings import Rating, first_error, ratings
from prm_gym.trajectory import Trajectory

Undecided: TypeAlias = Literal["leave-out", "right"]

SHEPHERD_TAG = "ки"


class LabelPolicy(msgspec.Struct, frozen=True):
    """How ratings become the labels of a layout that knows only right and wrong.

    Attributes:
        undecided: "leave-out": nothing is labelled that no verifier could judge; "right": what is not refuted counts as right. The latter labels more, and
            wrongly wherever the verifiers overlook a mistake.
        neutral_is_right: steps rated 0 count as right, as the neutral steps of PRM800K do for most PRMs trained on it.
        stop_at_error: what comes after the first wrong step is left out.
    """

    undecided: Undecided = "leave-out"
    neutral_is_right: bool = True
    stop_at_error: bool = False

    def label(self, rating: Rating | None) -> bool | None:
        """True for right, False for wrong, None for what is not labelled."""
        if rating is None:
            return True if self.undecided == "right" else None
        return rating == 1 or (rating == 0 and self.neutral_is_right)

    def labels(self, rated: Sequence[Rating | None]) -> list[bool | None]:
        """Of the steps of a solution, in order; with `stop_at_error` None after the first wrong one."""
        found = [self.label(rating) for rating in rated]
        if not self.stop_at_error or False not in found:
            return found
        error = found.index(False)
        return found[: error + 1] + [None] * (len(found) - error - 1)


DEFAULT_POLICY = LabelPolicy()


def stepwise_row(trajectory: Trajectory, policy: LabelPolicy = DEFAULT_POLICY, *, keep_unknown: bool = False) -> dict[str, Any] | None:
    """A row of TRL's stepwise supervision: the steps up to the first one that has no label, or all of them.

    Args:
        trajectory: with its verdicts.
        policy: how ratings become labels.
        keep_unknown: steps without a label stay, with None, which `prm_gym.prm` reads and TRL's trainer does not.

    Returns:
        `prompt` (str), `completions` (list of str) and `labels` (list of bool) of equal length, `id`; None when no step in it has a label.
    """
    chain = chain_of_trajectory(trajectory)
    labels = policy.labels(ratings(trajectory))
    if not keep_unknown:
        labels = labels[: _known(labels)]
    if all(label is None for label in labels):
        return None
    completions = list(chain.texts[: len(labels)])  # the trainer puts its own separator between them
    return {"id": trajectory.id, "prompt": chain.problem, "completions": completions, "labels": labels}


def math_shepherd_row(trajectory: Trajectory, policy: LabelPolicy = DEFAULT_POLICY) -> dict[str, Any] | None:
    """A row of Math-Shepherd: the steps up to the first one that has no label, each with the tag `ки` behind it in `input` and with + or - in `label`.

    Args:
        trajectory: with its verdicts.
        policy: how ratings become labels.

    Returns:
        `id`, `input`, `label` and `steps` (how many); None when the first step has no label, or a text holds the tag or "Step 1:" itself.
    """
    chain = chain_of_trajectory(trajectory)
    labels = policy.labels(ratings(trajectory))
    labels = labels[: _known(labels)]
    texts = chain.texts[: len(labels)]
    if not texts or "Step 1:" in chain.problem or any(SHEPHERD_TAG in text for text in (chain.problem, *texts)):
        return None
    numbered = [f"Step {number}: {text} " for number, text in enumerate(texts, start=1)]
    tagged, signed = (
        "\n".join(f"{text}{SHEPHERD_TAG}" for text in numbered),
        "\n".join(f"{text}{'+' if label else '-'}" for text, label in zip(numbered, labels, strict=True)),
    )
    return {"id": trajectory.id, "input": f"{chain.problem} {tagged}", "label": f"{chain.problem} {signed}", "steps": len(texts)}


def prm800k_row(trajectory: Trajectory, *, keep_unknown: bool = False) -> dict[str, Any] | None:
    """A row of PRM800K: one completion a step, chosen, with its rating of -1, 0 or 1.

    Args:
        trajectory: with its verdicts.
        keep_unknown: steps without a rating stay, with None; else the row ends before the first.

    Returns:
        `id`, `question` (`problem`, `ground_truth_answer`) and `label` (`steps`, `finish_reason`: "solution", "found_error", or "give_up" where the outcome is
        not known); None when no step in it has a rating.
    """
    chain = chain_of_trajectory(trajectory)
    rated = list(ratings(trajectory))
    if not keep_unknown:
        rated = rated[: _known(rated)]
    if all(rating is None for rating in rated):
        return None
    completions = [{"text": text, "rating": rating, "flagged": None} for text, rating in zip(chain.texts, rated, strict=False)]
    steps = [{"completions": [each], "human_completion": None, "chosen_completion": 0} for each in completions]
    gold = trajectory.task.sealed.get("answer", trajectory.task.sealed.get("gold"))
    finish = "give_up" if trajectory.outcome is None else "solution" if trajectory.outcome == 1.0 else "found_error"
    question = {"problem": chain.problem, "ground_truth_answer": None if gold is None else str(gold)}
    return {"id": trajectory.id, "question": question, "label": {"steps": steps, "finish_reason": finish}}


def _known(labels: Sequence[object]) -> int:
    """How many labels stand before the first that is None."""
    return labels.index(None) if None in labels else len(labels)


def processbench_row(trajectory: Trajectory, policy: LabelPolicy = DEFAULT_POLICY) -> dict[str, Any] | None:
    """A row of ProcessBench.

    Args:
        trajectory: with its verdicts.
        policy: how ratings become labels.

    Returns:
        `id`, `generator`, `problem`, `steps`, `final_answer_correct` (bool, or None when it is not known) and `label` (index of the first wrong step, -1 if
        none is wrong); None when the first error cannot be told.
    """
    rated: list[Rating | None] = [rating if rating != 0 or policy.neutral_is_right else -1 for rating in ratings(trajectory)]
    error = first_error(rated, undecided_is_right=policy.undecided == "right")
    if error is None:
        return None
    chain = chain_of_trajectory(trajectory)
    return {
        "id": trajectory.id,
        "generator": trajectory.agent,
        "problem": chain.problem,
        "steps": list(chain.texts),
        "final_answer_correct": None if trajectory.outcome is None else trajectory.outcome == 1.0,
        "label": error,
    }

"""Pairs for Step-DPO: in one situation, a step that is right and one that is wrong.

The rejected step is the first wrong one of its attempt, so everything before it stands; the chosen one is a right step that another attempt at the same task
took in the same situation, all of whose earlier steps are not wrong either, and which succeeded. Right steps of any attempt would do as well for a verifier,
and teach an agent to take right steps for ever.

Source: Lai et al. 2024 (Step-DPO, arXiv 2406.18629): preference on the first wrong step with the same beginning; the chosen step begins a way to the right
answer. There it is sampled anew (see `prm_gym.training.splicing`); here attempts of one group that came through the same state are compared.
"""

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np

from prm_gym.agent import Action, Preference, Prompt
from prm_gym.credit import StepBatch, key_array, step_tree
from prm_gym.credit.grouping import factorise
from prm_gym.credit.pairs import StepPair, step_dpo_pairs
from prm_gym.tools import Tool
from prm_gym.training.step_standing import is_right
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verifier import PastStep


def prompt_before(trajectory: Trajectory, place: int, tools: Sequence[Tool] = ()) -> Prompt:
    """What an agent was shown before a step.

    Args:
        trajectory: of the step.
        place: of the step in it.
        tools: that an action may call; trajectories do not store them.
    """
    step = trajectory.steps[place]
    return Prompt(
        instructions=trajectory.task.instructions,
        observation=step.observation,
        actions=step.actions,
        history=tuple(PastStep(past.observation, past.action) for past in trajectory.steps[:place]),
        tools=tuple(tools),
        task_key=trajectory.task_key,
    )


def action_of(step: Step) -> Action:
    """What an agent did, with the tokens that were sampled if there were any."""
    return Action(text=step.action, token_ids=step.token_ids, logprobs=step.logprobs)


def step_pairs(
    trajectories: Iterable[Trajectory], *, threshold: float = 0.5, success: float = 1.0, per_state: int = 4, tools: Sequence[Tool] = ()
) -> list[Preference]:
    """Right and wrong steps of one situation.

    Situations are equal when task, state key, observation and listed actions are. The prompt of a pair is that of its rejected step, whose beginning is known
    to be right. Where several right steps are known, those of attempts with the better outcome come first.

    Args:
        trajectories: of any number of tasks; spoilt ones are left out.
        threshold: mean score from which on a step is right, in (0, 1].
        success: the least outcome of an attempt whose steps are chosen, in [0, 1].
        per_state: pairs of one situation at the most, >= 1.
        tools: that an action may call.

    Returns:
        Different pairs, situation by situation in the order of the trajectories.
    """
    batch = StepBatch.from_trajectories(trajectories)
    standing = [is_right(step, threshold) for step in batch.steps]
    right = np.array([np.nan if found is None else float(found) for found in standing], dtype=np.float64)
    shown = key_array(
        (trajectory.task_key, step.state_key, step.observation, step.actions) for trajectory in batch.trajectories or () for step in trajectory.steps
    )
    return preferences(batch, step_dpo_pairs(batch, right, success=success, per_situation=per_state, among=factorise(shown, "situations")), tools)


def preferences(batch: StepBatch, pairs: Iterable[StepPair], tools: Sequence[Tool] = ()) -> list[Preference]:
    """What an agent learns from (`TrainableAgent.prefer`), of pairs of rows.

    The prompt is what the agent was shown before the rejected step, with all that came before it, along the tree where the batch is one.

    Args:
        batch: made from trajectories.
        pairs: of its rows (see `prm_gym.credit.pairs`).
        tools: that an action may call.

    Raises:
        CreditError: the batch was made from arrays.
    """
    steps, owner, time = batch.steps, batch.trajectory_of_step, batch.time_of_step
    trajectories = batch.trajectories or ()
    before = step_tree(batch).before if "parent" in batch.columns else np.where(time > 0, np.arange(time.size) - 1, -1)
    found: list[Preference] = []
    for pair in pairs:
        path, row = list[Step](), int(before[pair.rejected])
        while row >= 0:
            path.append(steps[row])
            row = int(before[row])
        prompt = prompt_before(trajectories[int(owner[pair.rejected])], int(time[pair.rejected]), tools)
        history = tuple(PastStep(past.observation, past.action) for past in reversed(path))
        chosen, rejected = action_of(steps[pair.chosen]), action_of(steps[pair.rejected])
        found.append(Preference(prompt=msgspec.structs.replace(prompt, history=history), chosen=chosen, rejected=rejected))
    return found

"""Pairs for Step-DPO: in one situation, a step that is right and one that is wrong.

The rejected step is the first wrong one of its attempt, so everything before it stands; the chosen one is a right step that another attempt at the same task
took in the same situation, all of whose earlier steps are not wrong either, and which succeeded. Right steps of any attempt would do as well for a verifier,
and teach an agent to take right steps for ever.

Source: Lai et al. 2024 (Step-DPO, arXiv 2406.18629): preference on the first wrong step with the same beginning; the chosen step begins a way to the right
answer. There it is sampled anew (see `prm_gym.training.splicing`); here attempts of one group that came through the same state are compared.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from prm_gym.agent import Action, Preference, Prompt
from prm_gym.tools import Tool
from prm_gym.training.step_standing import first_wrong, is_right
from prm_gym.trajectory import Step, Trajectory
from prm_gym.verifier import PastStep

Situation: TypeAlias = tuple[str, str, str, tuple[str, ...]]


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
    valid = [trajectory for trajectory in trajectories if trajectory.valid]
    right: defaultdict[Situation, dict[str, tuple[float, Step]]] = defaultdict(dict)
    wrong: defaultdict[Situation, dict[str, tuple[Trajectory, int]]] = defaultdict(dict)
    for trajectory in valid:
        place = first_wrong(trajectory, threshold)
        for step in trajectory.steps[:place]:
            outcome = trajectory.outcome or 0.0
            if outcome >= success and is_right(step, threshold):
                known = right[_situation(trajectory, step)]
                if step.action not in known or known[step.action][0] < outcome:
                    known[step.action] = (outcome, step)
        if place is not None:
            wrong[_situation(trajectory, trajectory.steps[place])].setdefault(trajectory.steps[place].action, (trajectory, place))
    pairs: list[Preference] = []
    for situation, rejected in wrong.items():
        best = sorted(right.get(situation, {}).values(), key=lambda known: -known[0])
        found = [
            Preference(prompt=prompt_before(trajectory, place, tools), chosen=action_of(step), rejected=action_of(trajectory.steps[place]))
            for _, step in best
            for trajectory, place in rejected.values()
        ]
        pairs += found[:per_state]
    return pairs


def _situation(trajectory: Trajectory, step: Step) -> Situation:
    return trajectory.task_key, step.state_key, step.observation, step.actions

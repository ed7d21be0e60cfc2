"""Refinement: a second attempt that has read what was wrong with the first, and its success distilled into the first.

    y_0 ~ pi(.|x),   c_0 the verdicts on its steps,   y_1 ~ pi(.|x, y_0, c_0)
    L = L_policy({y_0}) - sum_i max(0, R(y_1^i) - mean_j R(y_0^j)) log pi(y_1^i|x)

The second attempt is sampled with the critique and learned without it, since at the end there is none. The baseline is the mean of the first attempts of the
group: it keeps a signal where second attempts always succeed.

Source: Song et al. 2026 (RLTF-SD, arXiv 2602.02482): self-distillation by the advantage over the first turn. There advantages below 0 push away from y_1;
`agent.imitate` takes weights >= 0, so these are left out here. The critiques are the reasons of verifiers instead of a judge's text, and feedback modelling
(RLTF-FM) is not built. An agent that does not read `Prompt.instructions` (the candidate policy) only gets a second attempt of it.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import ClassVar

import msgspec
import numpy as np

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.errors import OptionError
from prm_gym.rollout import success_rate
from prm_gym.training.methods.method import Method, Practice
from prm_gym.trajectory import Step, Trajectory

LONGEST_ACTION, LONGEST_REASON = 400, 300
"""Characters of a step and of a reason in a critique."""


def critique(trajectory: Trajectory) -> str:
    """An attempt step by step with what the verifiers said, and how it ended; never the sealed part of the task itself.

    What a verifier's reason gives away (a counterexample, the failing case) is in it: it is for training, not for evaluation.
    """
    lines = [f"{step.index + 1}. {step.action[:LONGEST_ACTION]}{_said(step)}" for step in trajectory.steps]
    ended = "it ran out of steps" if trajectory.truncated else f"outcome {trajectory.outcome:g}" if trajectory.outcome is not None else "it was spoilt"
    return "An earlier attempt at this task, with what was found about its steps:\n" + "\n".join(lines) + f"\nHow it ended: {ended}. Do better."


def _said(step: Step) -> str:
    found = [f"{verdict.label or verdict.status}{f': {verdict.reason[:LONGEST_REASON]}' if verdict.reason else ''}" for verdict in step.verdicts.values()]
    return f"   [{'; '.join(found)}]" if found else ""


class CriticisedAgent(Agent):
    """Shows an agent, at every step of an episode, the critique of an earlier attempt behind the instructions."""

    def __init__(self, agent: Agent, critiques: Mapping[str, str]) -> None:
        """Put them together.

        Args:
            agent: that acts; it is shown no environment.
            critiques: by the id of the episode.
        """
        self.id = f"criticised:{agent.id}"
        self.agent, self.critiques = agent, critiques

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """What the agent does when it has read them."""
        return self.agent.act([self._shown(prompt) for prompt in prompts])

    def _shown(self, prompt: Prompt) -> Prompt:
        text = self.critiques.get(prompt.episode, "")
        return msgspec.structs.replace(prompt, instructions=f"{prompt.instructions}\n\n{text}") if text else prompt


class Refinement(Method):
    """Policy gradient on first attempts, and imitation of the second ones that are better."""

    needs_verdicts = True
    needs: ClassVar[tuple[str, ...]] = ("imitate",)

    def __init__(self, *, success: float = 1.0, policy_gradient: bool = True) -> None:
        """Choose what is refined.

        Args:
            success: attempts with at least this outcome are left as they are, in (0, 1].
            policy_gradient: learn from the advantages of the first attempts too.
        """
        if not 0.0 < success <= 1.0:
            raise OptionError(f"success lies in (0, 1], got {success!r}")
        self.success, self.policy_gradient = success, policy_gradient

    def learn(self, practice: Practice) -> dict[str, float]:
        """Refine with the agent as it was when it played, update it, then distil."""
        failed = [each for each in practice.trajectories if each.valid and each.outcome is not None and each.outcome < self.success]
        critiques = {f"{each.id}~r/0": critique(each) for each in failed}
        second = practice.ground.again(CriticisedAgent(practice.agent, critiques), failed, "~r") if failed else []
        metrics = {**(practice.update() if self.policy_gradient else {}), "refined": float(len(second)), "refined_success": success_rate(second)}
        baselines = _baselines(practice.trajectories)
        gains = [
            (each, each.outcome - baselines[first.group_id])
            for first, each in zip(failed, second, strict=True)
            if each.valid and each.outcome is not None and each.outcome > baselines[first.group_id]
        ]
        metrics["distilled"] = float(len(gains))
        weights = [gain for each, gain in gains for _ in each.steps]
        return {**metrics, **practice.imitate([each for each, _ in gains], np.array(weights, dtype=np.float64))}


def _baselines(trajectories: Sequence[Trajectory]) -> dict[str, float]:
    """Mean outcome of the first attempts by group."""
    groups: defaultdict[str, list[Trajectory]] = defaultdict(list)
    for trajectory in trajectories:
        groups[trajectory.group_id].append(trajectory)
    return {group: success_rate(members) for group, members in groups.items()}

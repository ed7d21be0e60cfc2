"""`mixed`: agents of mixed skill. Follows the environment's own solution as often as its skill says, and chooses evenly otherwise."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.agents.random import RandomAgent
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError, OptionError

SKILLS = (0.0, 0.3, 0.6, 0.85, 1.0)


class MixedAgent(Agent):
    """Makes right and wrong steps in known proportion: the raw material of step labels.

    Privileged: it reads the solution from the environment. A step of the solution that cannot be taken any longer, since an earlier one was not followed, is
    replaced by a random one.
    """

    id = "mixed"
    privileged: ClassVar[bool] = True

    def __init__(self, skill: float | str | None = None, seed: int = 0) -> None:
        """Choose the skill.

        Args:
            skill: how often it follows the solution, in [0, 1]; by default every episode has one of 0, 0.3, 0.6, 0.85 and 1, drawn evenly.
            seed: of its choices.

        Raises:
            OptionError: the skill is no number in [0, 1].
        """
        try:
            self.skill = None if skill is None else float(skill)
        except ValueError:
            self.skill = float("nan")
        if self.skill is not None and not 0.0 <= self.skill <= 1.0:
            raise OptionError(f"the skill of the agent 'mixed' is a number in [0, 1], got {skill!r}")
        self._rng = np.random.default_rng(seed)
        self._random = RandomAgent(seed + 1)
        self._skills: dict[int, float] = {}

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt.

        Raises:
            ContractError: it was not given the environment, or this lists no actions and has no tools.
        """
        return [self._next(prompt) for prompt in prompts]

    def _next(self, prompt: Prompt) -> Action:
        env = prompt.environment
        if not isinstance(env, StepEnv):
            raise ContractError("the mixed agent is privileged: it must be given the environment")
        if not prompt.history:
            self._skills[id(env)] = float(self._rng.choice(SKILLS)) if self.skill is None else self.skill
        skill = self._skills.get(id(env), 0.0) if self.skill is None else self.skill  # one that is fixed also goes on from the middle of an episode
        follows = self._rng.random() < skill
        step = self._solution_step(env, prompt) if follows else None
        return Action(text=step) if step is not None else self._random.act([prompt])[0]

    def _solution_step(self, env: StepEnv, prompt: Prompt) -> str | None:
        solution, at = env.solution(), len(prompt.history)
        if at >= len(solution):
            return None
        followed = [past.action for past in prompt.history] == solution[:at]
        return solution[at] if followed or solution[at] in prompt.actions else None

"""`scripted`: the ceiling. Plays the environment's own solution; the proof that the tasks can be solved."""

from collections.abc import Sequence
from typing import ClassVar

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.env import StepEnv
from prm_gym.errors import ContractError


class ScriptedAgent(Agent):
    """Reads the solution from the environment: privileged, for ceilings and demonstrations alone."""

    id = "scripted"
    privileged: ClassVar[bool] = True
    seeded = True

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """The next action of each environment's solution.

        Raises:
            ContractError: it was not given the environment, or the solution is over.
        """
        return [self._next(prompt) for prompt in prompts]

    def _next(self, prompt: Prompt) -> Action:
        env = prompt.environment
        if not isinstance(env, StepEnv):
            raise ContractError("the scripted agent is privileged: it must be given the environment")
        solution = env.solution()
        if len(prompt.history) >= len(solution):
            raise ContractError(f"the solution of {type(env).__name__} has {len(solution)} steps and the episode goes on")
        return Action(text=solution[len(prompt.history)])

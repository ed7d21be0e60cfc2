"""`random`: the floor. Chooses evenly among the admissible actions; where none are listed, calls a tool with what it has seen."""

from collections.abc import Sequence

import numpy as np

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.agents.random_calls import CallDrawer
from prm_gym.errors import ContractError


class RandomAgent(Agent):
    """Every admissible action is equally probable. Where an environment lists none and has tools, every tool is, with arguments that fit its schema."""

    id = "random"
    seeded = True

    def __init__(self, seed: int = 0) -> None:
        """Seed its choices."""
        self._rng = np.random.default_rng(seed)
        self._calls = CallDrawer(self._rng)

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt.

        Raises:
            ContractError: the environment lists no actions and has no tools.
        """
        return [self._choose(prompt) for prompt in prompts]

    def _choose(self, prompt: Prompt) -> Action:
        count = len(prompt.actions)
        if count == 0 and prompt.tools:
            calls = self._calls if prompt.seed is None else CallDrawer(np.random.default_rng(prompt.seed))
            return Action(text=calls.call(prompt))
        if count == 0:
            raise ContractError("the random agent needs an environment that lists its admissible actions, or has tools")
        rng = self._rng if prompt.seed is None else np.random.default_rng(prompt.seed)
        return Action(text=prompt.actions[int(rng.integers(count))], logprobs=(-float(np.log(count)),))

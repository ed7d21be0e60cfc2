"""`random`: the floor. Chooses evenly among the admissible actions."""

from collections.abc import Sequence

import numpy as np

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.errors import ContractError


class RandomAgent(Agent):
    """Every admissible action is equally probable."""

    id = "random"

    def __init__(self, seed: int = 0) -> None:
        """Seed its choices."""
        self._rng = np.random.default_rng(seed)

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """One action a prompt.

        Raises:
            ContractError: the environment lists no actions.
        """
        return [self._choose(prompt) for prompt in prompts]

    def _choose(self, prompt: Prompt) -> Action:
        count = len(prompt.actions)
        if count == 0:
            raise ContractError("the random agent needs an environment that lists its admissible actions")
        return Action(text=prompt.actions[int(self._rng.integers(count))], logprobs=(-float(np.log(count)),))

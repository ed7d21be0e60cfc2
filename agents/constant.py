"""`constant:TEXT`: always the same action. What a policy must beat before it can be said to have learned anything."""

from collections.abc import Sequence

from prm_gym.agent import Action, Agent, Prompt


class ConstantAgent(Agent):
    """Writes one text, whatever it sees."""

    seeded = True

    def __init__(self, text: str) -> None:
        """Set the text."""
        self.id = f"constant:{text}"
        self._action = Action(text=text)

    def act(self, prompts: Sequence[Prompt]) -> list[Action]:
        """The same action for every prompt."""
        return [self._action for _ in prompts]

"""Agents that can say the beginning of an action before they finish it, so that a bad one is given up early."""

from abc import abstractmethod
from collections.abc import Sequence

from prm_gym.agent import Action, Agent, Prompt
from prm_gym.search.node import Draft


class DraftingAgent(Agent):
    """Writes an action in two parts: a language model that stops after some tokens, and goes on."""

    @abstractmethod
    def draft(self, prompts: Sequence[Prompt], most_tokens: int) -> list[Draft]:
        """The beginning of one action a prompt, in order.

        Args:
            prompts: as for `act`.
            most_tokens: of each beginning, >= 1.
        """

    @abstractmethod
    def complete(self, prompts: Sequence[Prompt], drafts: Sequence[Draft]) -> list[Action]:
        """The actions that begin so, whole: text and tokens of the beginning included.

        Args:
            prompts: those of the drafts.
            drafts: one a prompt.
        """

"""Agents that can say the beginning of an action before they finish it, so that a bad one is given up early."""

from abc import abstractmethod
from collections.abc import Sequence

import msgspec

from prm_gym.agent import Action, Agent, Prompt


class Draft(msgspec.Struct, frozen=True):
    """The beginning of an action.

    Attributes:
        text: so far.
        token_ids: so far, if the agent has them.
        whole: it is the whole action already.
        score: of the text so far, in [0, 1]; None where the verifier cannot tell.
        logprobs: of the tokens so far, if the agent has them.
    """

    text: str
    token_ids: tuple[int, ...] | None = None
    whole: bool = False
    score: float | None = None
    logprobs: tuple[float, ...] | None = None


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

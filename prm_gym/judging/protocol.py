"""A judging protocol: chains in, judgements of their steps out, with as many rounds of whole batches of questions as it takes.

Step text is data of the party that is judged: it is framed so that it cannot end its frame, and only the model's own answer is read. An answer is read
strictly: the last well-formed verdict, with every index that is asked for; anything else is no judgement, with the reason.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar, TypeAlias

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain
from prm_gym.chat import ChatRequest, ChatResult

Ask: TypeAlias = Callable[[Sequence[ChatRequest]], list[ChatResult]]


class Protocol(ABC):
    """One way of asking.

    Attributes:
        id: its name.
        version: changes whenever the same answers may give another judgement, or other questions are asked.
    """

    id: ClassVar[str]
    version: ClassVar[str]

    @abstractmethod
    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain, in order.

        Args:
            chains: any number, each of at least one step.
            ask: sends a whole batch of questions and returns an answer or a failure for each, in order. Never raises for what a server does.
        """

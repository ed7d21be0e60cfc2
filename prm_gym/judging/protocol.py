r"""A judging protocol: chains in, judgements of their steps out, with as many rounds of whole batches of questions as it takes.

Step text is data of the party that is judged: it is framed so that it cannot end its frame (`prm_gym.judging.framing`), and only the model's own answer is
read, strictly: the last well-formed verdict, with every index that is asked for; anything else is no judgement, with the reason (`prm_gym.judging.reading`).
No example in a question is a well-formed verdict itself ("\boxed{correct/incorrect}"): a model that says back what it is asked has judged nothing.

To write one, subclass `Protocol`, give it an `id`, a `version` and keyword options, and declare it as an entry point of the group `prm_gym.judging`. Then
`judge:MODEL?protocol=NAME&option=value` uses it.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, TypeAlias

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain
from prm_gym.chat import ChatRequest, ChatResult
from prm_gym.errors import ContractError
from prm_gym.plugins import Registry, make

Ask: TypeAlias = Callable[[Sequence[ChatRequest]], list[ChatResult]]


class Protocol(ABC):
    """One way of asking. Its constructor takes keyword options alone.

    Attributes:
        id: its name.
        version: changes whenever the same answers may give another judgement, or other questions are asked.
        looks_ahead: what is said of a step may depend on the steps after it, as it does wherever the model reads the whole chain. Unless the user wants whole
            chains judged at once, each step then stands at the end of the chain that is asked about.
        draws: answers are sampled, so that asking again may give others.
    """

    id: ClassVar[str]
    version: ClassVar[str]
    looks_ahead: ClassVar[bool] = True
    draws: bool = False

    @abstractmethod
    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain, in order.

        Args:
            chains: any number, each of at least one step.
            ask: sends a whole batch of questions and returns an answer or a failure for each, in order. Never raises for what a server does.
        """

    def judge_some(self, chains: Sequence[Chain], wanted: Sequence[frozenset[int]], ask: Ask) -> list[Judgement]:
        """The judgements of which only some steps are looked at. Override it where each step is asked about by itself; else all are judged.

        Args:
            chains: any number, each of at least one step.
            wanted: indices of the steps of each chain that are looked at.
            ask: see `judge`.
        """
        return self.judge(chains, ask)

    def close(self) -> None:  # noqa: B027 - most protocols hold nothing
        """Free what the protocol holds (a sandbox). May be called twice; it works on when it is asked again."""


PROTOCOLS: Registry[Callable[..., Protocol]] = Registry("prm_gym.judging", "judging protocol")


def make_protocol(name: str, **options: Any) -> Protocol:
    """The protocol of a name.

    Raises:
        UnknownNameError: there is none of that name.
        OptionError: it takes no such option, or not this value.
        ContractError: what is registered makes no protocol.
    """
    made = make("judging protocol", name, PROTOCOLS.load(name), **options)
    if not isinstance(made, Protocol):
        raise ContractError(f"a judging protocol must be a subclass of prm_gym.judging.Protocol, got {type(made).__name__}")
    return made

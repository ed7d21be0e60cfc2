"""Protocols that judge one step at a time, and how several answers to one question are put together.

A step is judged at the end of the chain that it ends: nothing that comes later is shown, so an episode that grows by a step keeps its verdicts, and the cache
knows the questions again.
"""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain, ChainStep, chain_keys
from prm_gym.chat import ChatRequest, ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import Framing, says_nothing
from prm_gym.judging.protocol import Ask, Protocol
from prm_gym.judging.reading import Reading

LONGEST_NOTE = 2000  # characters of an answer that are kept as evidence, from its end
PAST_SEEN = 2000  # characters of what was seen before an earlier step that are shown
NOTHING = "the step says nothing that could be judged"
T = TypeVar("T")


class StepRead(msgspec.Struct, frozen=True):
    """What is said of one step.

    Attributes:
        score: P(step is right) in [0, 1]; None where it cannot be told.
        reason: one sentence for a person.
        evidence: JSON values.
    """

    score: float | None
    reason: str
    evidence: dict[str, Any] = {}


class SampledProtocol(Protocol):
    """A protocol that may ask each question several times.

    Attributes:
        votes: answers to each question.
        temperature: at which they are drawn.
        max_tokens: of an answer.
    """

    default_votes: ClassVar[int] = 1

    def __init__(self, *, votes: int | None = None, temperature: float | None = None, max_tokens: int = 4096) -> None:
        """Choose how often to ask.

        Args:
            votes: answers to each question; None for as many as the protocol is made for.
            temperature: None for 0 with one vote, for 0.7 with several.
            max_tokens: of an answer, thoughts included.

        Raises:
            OptionError: one of them is out of range.
        """
        votes = self.default_votes if votes is None else votes
        if type(votes) is not int or not 1 <= votes <= 64:
            raise OptionError(f"votes is a whole number from 1 to 64, got {votes!r}")
        if type(max_tokens) is not int or max_tokens < 1:
            raise OptionError(f"max_tokens is a whole number from 1 on, got {max_tokens!r}")
        if temperature is not None and (isinstance(temperature, bool) or not isinstance(temperature, int | float) or not 0 <= temperature <= 2):
            raise OptionError(f"temperature is a number from 0 to 2, got {temperature!r}")
        self.votes, self.max_tokens = votes, max_tokens
        self.temperature = float(temperature) if temperature is not None else 0.7 if votes > 1 else 0.0
        self.draws = self.temperature > 0

    def request(self, messages: Sequence[Message], sample: int = 0, logprobs: int = 0) -> ChatRequest:
        """A question with the options of the protocol."""
        return ChatRequest(messages=tuple(messages), temperature=self.temperature, max_tokens=self.max_tokens, logprobs=logprobs, sample=sample)

    def sampled(self, conversations: Sequence[Sequence[Message]], ask: Ask, logprobs: int = 0) -> list[list[ChatResult]]:
        """[N][votes] answers to each conversation, all asked for at once."""
        requests = [self.request(messages, sample, logprobs) for messages in conversations for sample in range(self.votes)]
        results = ask(requests) if requests else []
        return [results[at : at + self.votes] for at in range(0, len(results), self.votes)]


class StepwiseProtocol(SampledProtocol):
    """A protocol that judges each step by what came before it."""

    looks_ahead = False

    @abstractmethod
    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """What is said of the last step of each chain.

        Args:
            chains: distinct, of at least one step, whose last step says something.
            ask: see `Protocol.judge`.
        """

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain; steps with the same beginning are asked about once."""
        keys = [chain_keys(chain) for chain in chains]
        distinct: dict[str, Chain] = {}
        for chain, found in zip(chains, keys, strict=True):
            for at, key in enumerate(found):
                if key not in distinct and not says_nothing(chain.steps[at].text):
                    distinct[key] = Chain(chain.problem, chain.steps[: at + 1])
        reads = dict(zip(distinct, self.judge_last(list(distinct.values()), ask) if distinct else [], strict=True))
        return [judgement_of([reads.get(key, StepRead(None, NOTHING)) for key in found]) for found in keys]


def judgement_of(reads: Sequence[StepRead], **evidence: Any) -> Judgement:
    """The judgement of a chain, of what is said of each of its steps."""
    return Judgement(tuple(read.score for read in reads), tuple(read.reason for read in reads), evidence, tuple(read.evidence for read in reads))


def put_together(reads: Sequence[StepRead]) -> StepRead:
    """The mean of several answers; None unless more than half of them could be read. The reason is that of the answer nearest to the mean.

    >>> put_together([StepRead(1.0, "right"), StepRead(0.0, "no"), StepRead(1.0, "fine")]).score
    0.6666666666666666
    >>> put_together([StepRead(1.0, "right"), StepRead(None, "no box")])
    StepRead(score=None, reason='1 of 2 answers could be read: no box', evidence={})
    """
    scored = [(read.score, read) for read in reads if read.score is not None]
    if 2 * len(scored) <= len(reads):
        return unread_votes(len(scored), len(reads), next(read.reason for read in reads if read.score is None))
    mean = sum(score for score, _ in scored) / len(scored)
    nearest = min(scored, key=lambda pair: abs(pair[0] - mean))[1]
    votes = {"votes": [read.score for read in reads]} if len(reads) > 1 else {}
    return StepRead(mean, nearest.reason, {**nearest.evidence, **votes})


def unread_votes(readable: int, votes: int, reason: str) -> StepRead:
    """What is said where too few answers could be read."""
    return StepRead(None, reason if votes == 1 else f"{readable} of {votes} answers could be read: {reason}")


def survived(first_errors: Sequence[tuple[int, float]], steps: int) -> list[float | None]:
    """[T] P(step is right) of weighted statements on which step is the first wrong one.

    Of the statements that find no error before a step, the share of those that find none in it: w(first > t) / w(first >= t); None where nothing is left.

    >>> survived([(2, 1.0), (2, 1.0), (1, 1.0), (-1, 1.0)], 4)
    [1.0, 0.75, 0.3333333333333333, 1.0]

    Args:
        first_errors: index of the first wrong step, -1 for none, and the weight of the statement.
        steps: T.
    """
    ends = [(first if first >= 0 else steps, weight) for first, weight in first_errors]
    found: list[float | None] = []
    for at in range(steps):
        left = sum(weight for first, weight in ends if first >= at)
        found.append(sum(weight for first, weight in ends if first > at) / left if left > 0 else None)
    return found


def before_last(chain: Chain) -> tuple[ChainStep, ...]:
    """The steps before the last one."""
    return chain.steps[:-1]


def shortened(steps: Sequence[ChainStep]) -> tuple[ChainStep, ...]:
    """The steps with what was seen before each cut after some characters: pages of the past would make up nearly all of what is sent."""
    return tuple(msgspec.structs.replace(step, seen=f"{step.seen[:PAST_SEEN]} ... (cut)") if len(step.seen) > PAST_SEEN else step for step in steps)


def situation(chain: Chain, frame: Framing) -> str:
    """The problem, the steps before the last one and what is seen now; nothing of the last step."""
    past = shortened(before_last(chain))
    parts = [frame.framed("problem", chain.problem)]
    if past:
        parts.append(f"The steps so far:\n\n{frame.steps(past)}")
    if chain.steps[-1].seen:
        parts.append(f"What is seen now:\n\n{frame.framed(f'observation_{len(chain)}', chain.steps[-1].seen)}")
    return "\n\n".join(parts)


def with_last(chain: Chain, frame: Framing) -> str:
    """The situation and the step that is judged."""
    return f"{situation(chain, frame)}\n\nThe step to be judged:\n\n{frame.framed(f'step_{len(chain)}', chain.steps[-1].text)}"


def whole(chain: Chain, frame: Framing) -> str:
    """The problem and all steps, which are numbered from 1 on."""
    return f"{frame.framed('problem', chain.problem)}\n\n{frame.steps(shortened(chain.steps))}"


def note(answer: str) -> str:
    """The end of an answer, as evidence."""
    return answer if len(answer) <= LONGEST_NOTE else "... " + answer[-LONGEST_NOTE:]


def failure(reading: Reading[Any]) -> StepRead:
    """No score, with the reason of what could not be read."""
    return StepRead(None, reading.reason)

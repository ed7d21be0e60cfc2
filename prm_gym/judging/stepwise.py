"""Protocols that judge one step at a time, and how several answers to one question are put together.

A step is judged at the end of the chain that it ends: nothing that comes later is shown, so an episode that grows by a step keeps its verdicts, and the cache
knows the questions again.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from prm_gym.chain_verifier import Judgement, Status
from prm_gym.chains import Chain, ChainStep, chain_keys
from prm_gym.chat import ChatRequest, ChatResult, Message
from prm_gym.judging.asking import Drawing
from prm_gym.judging.framing import Framing, says_nothing
from prm_gym.judging.protocol import Ask, Protocol
from prm_gym.judging.reading import Reading

T = TypeVar("T")

LONGEST_NOTE = 2000  # characters of an answer that are kept as evidence, from its end
PAST_SEEN = 2000  # characters of what was seen before an earlier step that are shown
NOTHING = "the step says nothing that could be judged"


class StepRead(msgspec.Struct, frozen=True):
    """What is said of one step.

    Attributes:
        score: P(step is right) in [0, 1]; None where it cannot be told.
        reason: one sentence for a person.
        evidence: JSON values.
        status: `timeout` or `error` where there is no score because the endpoint failed.
    """

    score: float | None
    reason: str
    evidence: dict[str, Any] = {}
    status: Status = "abstain"


class SampledProtocol(Protocol):
    """A protocol that may ask each question several times.

    Attributes:
        drawing: how many answers are drawn to a question, and how.
        options: what else makes other answers, as texts; part of the verifier's version.
    """

    default_votes: ClassVar[int] = 1

    def __init__(self, *, votes: int | None = None, temperature: float | None = None, max_tokens: int = 4096, quorum: float = 0.5) -> None:
        """Choose how often to ask.

        Args:
            votes: answers to each question; None for as many as the protocol is made for.
            temperature: of each; None for 0 with one vote and 0.7 with several.
            max_tokens: of each answer, thoughts included.
            quorum: share of the votes that must be readable.

        Raises:
            OptionError: one of them is out of range.
        """
        self.drawing = Drawing(votes=self.default_votes if votes is None else votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        self.draws = self.drawing.warmth > 0
        self.options: dict[str, str] = {}

    def __str__(self) -> str:
        """What makes other answers."""
        return " ".join([str(self.drawing), *(f"{name}={value}" for name, value in self.options.items())])

    def request(self, messages: Sequence[Message], sample: int = 0, logprobs: int = 0) -> ChatRequest:
        """A question with the options of the protocol."""
        drawing = self.drawing
        return ChatRequest(messages=tuple(messages), temperature=drawing.warmth, max_tokens=drawing.max_tokens, logprobs=logprobs, sample=sample)

    def sampled(self, conversations: Sequence[Sequence[Message]], ask: Ask, logprobs: int = 0) -> list[list[ChatResult]]:
        """[N][votes] answers to each conversation, all asked for at once."""
        votes = self.drawing.votes
        requests = [self.request(messages, sample, logprobs) for messages in conversations for sample in range(votes)]
        results = ask(requests) if requests else []
        return [results[at : at + votes] for at in range(0, len(results), votes)]

    def voted(
        self, subjects: Sequence[T], question: Callable[[T], Sequence[Message]], read: Callable[[T, ChatResult], StepRead], ask: Ask, logprobs: int = 0
    ) -> list[StepRead]:
        """[N] what all votes on each subject come to; all are asked for at once.

        Args:
            subjects: what is asked about: chains, or chains with what they are held against.
            question: about a subject.
            read: reads one answer about a subject.
            ask: see `Protocol.judge`.
            logprobs: alternatives that are listed at each token; 0 for none.
        """
        results = self.sampled([question(subject) for subject in subjects], ask, logprobs)
        return [self.put_together([read(subject, result) for result in answers]) for subject, answers in zip(subjects, results, strict=True)]

    def put_together(self, reads: Sequence[StepRead]) -> StepRead:
        """The mean of several answers; None where too few could be read. The reason is that of the answer nearest to the mean."""
        scored = [(read.score, read) for read in reads if read.score is not None]
        if not self.drawing.quorate(len(scored)):
            first = next(read for read in reads if read.score is None)
            reason = first.reason if len(reads) == 1 else f"{len(scored)} of {len(reads)} answers can be read: {first.reason}"
            return StepRead(None, reason, first.evidence, worst([read.status for read in reads if read.score is None]))
        mean = sum(score for score, _ in scored) / len(scored)
        nearest = min(scored, key=lambda pair: abs(pair[0] - mean))[1]
        votes = {"votes": [read.score for read in reads]} if len(reads) > 1 else {}
        return StepRead(mean, nearest.reason, {**nearest.evidence, **votes})


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
        return self.judge_some(chains, [frozenset(range(len(chain))) for chain in chains], ask)

    def judge_some(self, chains: Sequence[Chain], wanted: Sequence[frozenset[int]], ask: Ask) -> list[Judgement]:
        """The same, of the steps that are wanted; of the others nothing is said."""
        keys = [chain_keys(chain) for chain in chains]
        distinct: dict[str, Chain] = {}
        for chain, found, places in zip(chains, keys, wanted, strict=True):
            for at in sorted(places):
                if found[at] not in distinct and not says_nothing(chain.steps[at].text):
                    distinct[found[at]] = Chain(chain.problem, chain.steps[: at + 1])
        reads = dict(zip(distinct, self.judge_last(list(distinct.values()), ask) if distinct else [], strict=True))
        judgements: list[Judgement] = []
        for found, places in zip(keys, wanted, strict=True):
            judgements.append(judgement_of([reads.get(key, StepRead(None, NOTHING)) if at in places else UNASKED for at, key in enumerate(found)]))
        return judgements


UNASKED = StepRead(None, "it was not asked about")


def judgement_of(reads: Sequence[StepRead], **evidence: Any) -> Judgement:
    """The judgement of a chain, of what is said of each of its steps."""
    status = worst(read.status for read in reads if read.score is None)
    details = tuple(read.evidence for read in reads)
    statuses: tuple[Status, ...] = tuple(read.status for read in reads)
    return Judgement(tuple(read.score for read in reads), tuple(read.reason for read in reads), evidence, details, status, statuses)


def nothing_said(chain: Chain, readings: Sequence[Reading[Any]]) -> Judgement:
    """The judgement of a chain on which too few answers could be read."""
    failed = [reading for reading in readings if reading.value is None]
    counted = "" if len(readings) == 1 else f"{len(readings) - len(failed)} of {len(readings)} answers can be read: "
    status = worst(reading.status for reading in failed)
    return judgement_of([StepRead(None, counted + (failed[0].reason if failed else "none was given"), status=status)] * len(chain))


def worst(statuses: Iterable[Status]) -> Status:
    """`error` where it is among them, else `timeout` where it is, else `abstain`."""
    found = set(statuses)
    return "error" if "error" in found else "timeout" if "timeout" in found else "abstain"


def survived(first_errors: Sequence[tuple[int, float]], steps: int, least: float = 0.0) -> list[float | None]:
    """[T] P(step is right) of weighted statements on which step is the first wrong one.

    Of the statements that find no error before a step, the share of those that find none in it: w(first > t) / w(first >= t); None where too little is left:
    after a step that most statements find wrong, those that are left are the ones that missed it.

    >>> survived([(2, 1.0), (2, 1.0), (1, 1.0), (-1, 1.0)], 4)
    [1.0, 0.75, 0.3333333333333333, 1.0]
    >>> survived([(0, 1.0), (0, 1.0), (0, 1.0), (-1, 1.0)], 2, least=2.0)
    [0.25, None]

    Args:
        first_errors: index of the first wrong step, -1 for none, and the weight of the statement.
        steps: T.
        least: weight that has to be left.
    """
    ends = [(first if first >= 0 else steps, weight) for first, weight in first_errors]
    found: list[float | None] = []
    for at in range(steps):
        left = sum(weight for first, weight in ends if first >= at)
        found.append(sum(weight for first, weight in ends if first > at) / left if left > 0 and left >= least - 1e-9 else None)
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


def told(reading: Reading[T], say: Callable[[T], StepRead]) -> StepRead:
    """What a reading says of a step; no score, with the reason, where nothing could be read."""
    return failure(reading) if reading.value is None else say(reading.value)


def failure(reading: Reading[Any], of: str = "") -> StepRead:
    """No score, with the reason of what could not be read.

    Args:
        reading: without a value.
        of: what it was about, where that is not the step ("the checklist").
    """
    return StepRead(None, f"of {of}: {reading.reason}" if of else reading.reason, status=reading.status)

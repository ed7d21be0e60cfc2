"""What all protocols share: how an answer is drawn, and how several answers to one question become a score."""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar, cast

import msgspec

from prm_gym.chain_verifier import Judgement, Status
from prm_gym.chains import Chain
from prm_gym.chat import ChatFailure, ChatRequest, ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of, unread

T = TypeVar("T")

_SHOWN = 1000  # characters of a critique that the evidence keeps, from its end


class Drawing(msgspec.Struct, frozen=True, kw_only=True):
    """How many answers are drawn to one question, and how.

    Attributes:
        votes: how many.
        temperature: of each; None for 0 with one vote and 0.7 with several, which would all be the same at 0.
        max_tokens: of each.
        quorum: share of the votes that must be readable, else nothing is said.
    """

    votes: int = 1
    temperature: float | None = None
    max_tokens: int = 4096
    quorum: float = 0.5

    def __post_init__(self) -> None:
        if type(self.votes) is not int or self.votes < 1:
            raise OptionError(f"votes is an integer from 1 on, got {self.votes!r}")
        if type(self.max_tokens) is not int or self.max_tokens < 1:
            raise OptionError(f"max_tokens is an integer from 1 on, got {self.max_tokens!r}")
        if self.temperature is not None and not (type(self.temperature) in (int, float) and 0 <= self.temperature <= 2):
            raise OptionError(f"temperature is a number from 0 to 2, or None, got {self.temperature!r}")
        if self.temperature == 0 and self.votes > 1:
            raise OptionError(f"{self.votes} votes at temperature 0 would be one vote {self.votes} times: give a temperature above 0, or votes=1")
        if not (type(self.quorum) in (int, float) and 0 < self.quorum <= 1):
            raise OptionError(f"quorum is a share above 0, up to 1, got {self.quorum!r}")

    @property
    def warmth(self) -> float:
        """The temperature that is asked for."""
        return (0.0 if self.votes == 1 else 0.7) if self.temperature is None else float(self.temperature)

    def __str__(self) -> str:
        """For versions: what makes other answers."""
        return f"votes={self.votes} temperature={self.warmth:g} max_tokens={self.max_tokens} quorum={self.quorum:g}"

    def requests(self, *messages: Message) -> list[ChatRequest]:
        """The question, once for every vote."""
        return [ChatRequest(messages=messages, temperature=self.warmth, max_tokens=self.max_tokens, sample=vote) for vote in range(self.votes)]

    def quorate(self, count: int) -> bool:
        """Whether so many readable votes are enough."""
        return count >= max(1, math.ceil(self.quorum * self.votes - 1e-9))


class Ballot(msgspec.Struct, frozen=True):
    """The votes on one chain.

    Attributes:
        read: what each readable vote says.
        unread: why the others cannot be read.
        status: of what is said when too few can be read: `timeout` or `error` where the endpoint failed, else `abstain`.
        critiques: the answers that were read, cut.
        without: options that the model does not take.
    """

    read: tuple[Any, ...]
    unread: tuple[str, ...]
    status: Status
    critiques: tuple[str, ...]
    without: tuple[str, ...]

    def evidence(self, **more: Any) -> dict[str, Any]:
        """What a judgement holds of its votes."""
        votes = [list(cast("tuple[Any, ...]", vote)) if isinstance(vote, tuple) else vote for vote in self.read]
        found: dict[str, Any] = {"votes": votes, "critiques": list(self.critiques), **more}
        if self.unread:
            found["unread"] = list(self.unread)
        if self.without:
            found["asked_without"] = list(self.without)
        return found


def ballot(results: Sequence[ChatResult], read: Callable[[str], Reading[T]]) -> Ballot:
    """What the answers to one question say.

    Args:
        results: one a vote.
        read: reads an answer without its thoughts.
    """
    said: list[T] = []
    unreadable: list[str] = []
    critiques: list[str] = []
    for result in results:
        answer = answer_of(result)
        found = read(answer.value) if answer.value is not None else unread(answer.reason)
        if found.value is None:
            unreadable.append(found.reason)
        else:
            said.append(found.value)
            critiques.append((answer.value or "").strip()[-_SHOWN:])
    without = sorted({name for result in results if not isinstance(result, ChatFailure) for name in result.without})
    return Ballot(tuple(said), tuple(unreadable), status_of(results), tuple(critiques), tuple(without))


def polled(
    chains: Sequence[Chain], ask: Ask, drawing: Drawing, question: Callable[[Chain], Sequence[Message]], read: Callable[[Chain, str], Reading[Any]]
) -> list[Ballot]:
    """The votes on every chain, all asked for in one batch.

    Args:
        chains: to be judged.
        ask: sends a batch of questions.
        drawing: how many votes, and how.
        question: about a chain.
        read: reads what an answer without thoughts says of a chain.
    """
    results = ask([request for chain in chains for request in drawing.requests(*question(chain))])
    votes = drawing.votes
    return [ballot(results[at * votes : (at + 1) * votes], partial(read, chain)) for at, chain in enumerate(chains)]


def status_of(results: Sequence[ChatResult]) -> Status:
    """What a verdict without a score is called: where the endpoint failed it is no abstention, and asking again may help."""
    kinds = {result.kind for result in results if isinstance(result, ChatFailure)}
    return "abstain" if not kinds else "timeout" if kinds == {"deadline"} else "error"


def too_few(chain: Chain, votes: Ballot, drawing: Drawing) -> Judgement:
    """The judgement of a chain on which too few votes can be read."""
    first = votes.unread[0] if votes.unread else "none was given"
    counted = "" if drawing.votes == 1 else f"{len(votes.read)} of {drawing.votes} votes can be read: "
    reason = counted + first
    return Judgement((None,) * len(chain), (reason,) * len(chain), votes.evidence(), status=votes.status)


def by_first_error(chain: Chain, votes: Ballot, drawing: Drawing) -> Judgement:
    """The judgement of a chain whose votes name the first wrong step, counted from 0, or -1.

    A vote says "right" of every step before the one it names, "wrong" of that one, and nothing of those after. The score of a step is the share of
    "right" among the votes that say something of it; where fewer than the quorum do, it is None.

    Args:
        chain: of T steps.
        votes: what was read: indices from -1 to T - 1.
        drawing: for the quorum.
    """
    if not drawing.quorate(len(votes.read)):
        return too_few(chain, votes, drawing)
    indices: list[int] = list(votes.read)
    scores: list[float | None] = []
    reasons: list[str] = []
    for at in range(len(chain)):
        right, wrong = sum(index == -1 or index > at for index in indices), sum(index == at for index in indices)
        heard = right + wrong
        if drawing.quorate(heard):
            scores.append(right / heard)
            reasons.append(_said(right, wrong, drawing.votes))
        else:
            scores.append(None)
            reasons.append(f"comes after the first wrong step, of which {len(indices) - heard} of {len(indices)} votes say nothing")
    return Judgement(tuple(scores), tuple(reasons), votes.evidence(first_error=plurality(indices)))


def plurality(indices: Sequence[int]) -> int:
    """The index that most votes name; of several, the one that came first.

    >>> plurality([2, -1, 2, 0, -1])
    2
    """
    return max(indices, key=lambda index: (indices.count(index), -indices.index(index)))


def by_step(chain: Chain, votes: Ballot, drawing: Drawing) -> Judgement:
    """The judgement of a chain whose votes say of each step True, False or, where they stopped before it, None.

    Args:
        chain: of T steps.
        votes: what was read: [T] each.
        drawing: for the quorum.
    """
    if not drawing.quorate(len(votes.read)):
        return too_few(chain, votes, drawing)
    scores: list[float | None] = []
    reasons: list[str] = []
    for at in range(len(chain)):
        heard = [vote[at] for vote in votes.read if vote[at] is not None]
        enough = drawing.quorate(len(heard))
        scores.append(sum(heard) / len(heard) if enough else None)
        reasons.append(_said(sum(heard), len(heard) - sum(heard), drawing.votes) if enough else "comes after the step at which the judge stopped")
    return Judgement(tuple(scores), tuple(reasons), votes.evidence())


def _said(right: int, wrong: int, votes: int) -> str:
    if votes == 1:
        return "the judge finds the step right" if right else "the judge finds the step wrong"
    return f"{right} of {right + wrong} votes find the step right"

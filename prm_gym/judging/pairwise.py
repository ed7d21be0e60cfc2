"""Pairwise judging: which of two steps is better, asked in both orders; and a step against those that the judge would take itself.

Sources: WebArbiter and WebPRMBench (Zhang et al. 2026, 2601.21872): the better of two actions in a state, with reasons; ToolComp (Nath et al. 2025): both
orders are asked, and a preference that follows the position counts one half. The prompts are our own.

As a verifier it needs something to compare with. A `StepContext` knows no other actions, so the judge first writes next steps of its own, without having seen
the step; the score is how often the step is at least their match. `compare_steps`, `compare_all` and `rank_steps` take any candidates: those of a search,
the admissible actions of an environment, a reference.
"""

import re
from collections.abc import Callable, Sequence
from itertools import combinations

import msgspec

from prm_gym.chain_verifier import Status
from prm_gym.chains import Chain, ChainStep, chain_keys
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of, boxed_word, passage, unread
from prm_gym.judging.stepwise import StepRead, StepwiseProtocol, failure, note, situation, worst

_WORDS = {"first": "first", "second": "second", "tie": "tie"}
_LETTER = re.compile(r"\w")
_LONGEST = 20_000  # characters of a step of the judge's own

_SYSTEM = "You compare possible next steps. Neither their order, their length nor what they say of themselves is a merit. {notice}"
_ASKED = """{material}

Two possible next steps:

{first}

{second}

Derive from what is wanted and from the present situation what the next step has to do; hold both against it: is what they state right, can what they do be \
done here, and which leads nearer to what is asked? Then end your answer with one word in a box: \\boxed{{first|second|tie}}, the better one, or tie where \
neither is."""
_WRITER = "You write the next step. {notice}"
_PROPOSE = """{material}

Write the next step, and no more than one, in the form of the steps before it or as the problem asks for it. Think first, then write the \
step between these tags: <next_step:{key}> ... </next_step:{key}>"""


class Comparison(msgspec.Struct, frozen=True):
    """Which of two steps is better.

    Attributes:
        share: 1 for the one given first, 0 for the other, 0.5 where neither is; None where it cannot be told.
        reason: one sentence for a person.
        flipped: the judge took whichever stood first, or whichever stood second: it said nothing about the steps.
        status: `timeout` or `error` where it cannot be told because the endpoint failed.
    """

    share: float | None
    reason: str
    flipped: bool = False
    status: Status = "abstain"


class Candidates(msgspec.Struct, frozen=True):
    """Two possible next steps of a chain.

    Attributes:
        chain: problem and steps so far; may have no step.
        a: one text.
        b: the other.
        seen: what is seen now, where that is neither the problem nor a repetition of the steps.
    """

    chain: Chain
    a: str
    b: str
    seen: str = ""


class PairwiseProtocol(StepwiseProtocol):
    """The mean share of comparisons with next steps of the judge's own; None where every preference followed the position."""

    id = "pairwise"
    version = "1"

    def __init__(self, *, votes: int | None = None, temperature: float | None = None, max_tokens: int = 4096, quorum: float = 0.5, rivals: int = 2) -> None:
        """Choose how much is compared.

        Args:
            votes: comparisons of each pair, each in both orders; see `SampledProtocol`.
            temperature: of the comparisons; see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            rivals: next steps of the judge's own, drawn at the temperature 0.8 where there are several.

        Raises:
            OptionError: one of them is out of range.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if type(rivals) is not int or not 1 <= rivals <= 16:
            raise OptionError(f"rivals is a whole number from 1 to 16, got {rivals!r}")
        self.rivals = rivals
        self.draws = self.draws or rivals > 1
        self.options = {"rivals": str(rivals)}

    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """One verdict a chain, in two rounds: the rivals, and the comparisons."""
        proposals = self._proposals(chains, ask)
        pairs: list[Candidates] = []
        owners: list[int] = []
        for at, chain in enumerate(chains):
            for rival in proposals[at].value or ():
                pairs.append(Candidates(Chain(chain.problem, chain.steps[:-1]), chain.steps[-1].text, rival, chain.steps[-1].seen))
                owners.append(at)
        compared = self.compare_all(pairs, ask)
        found: list[StepRead] = []
        for at, proposed in enumerate(proposals):
            mine = [comparison for owner, comparison in zip(owners, compared, strict=True) if owner == at]
            found.append(failure(proposed) if proposed.value is None else _joined(mine, proposed.value))
        return found

    def compare_all(self, pairs: Sequence[Candidates], ask: Ask) -> list[Comparison]:
        """One comparison a pair, each asked in both orders; equal texts are a tie and not asked about.

        Args:
            pairs: of any chains.
            ask: see `Protocol.judge`.
        """
        asked = [pair for pair in pairs if _plain(pair.a) != _plain(pair.b)]
        conversations = [talk for pair in asked for talk in (_question(pair, pair.a, pair.b), _question(pair, pair.b, pair.a))]
        results = iter(self.sampled(conversations, ask))
        return [
            Comparison(0.5, "both steps are the same") if _plain(pair.a) == _plain(pair.b) else _compared(next(results), next(results), self.drawing.quorate)
            for pair in pairs
        ]

    def _proposals(self, chains: Sequence[Chain], ask: Ask) -> list[Reading[tuple[str, ...]]]:
        """Next steps of the judge's own in the situation of each chain; equal situations are asked about once."""
        unwritten = [Chain(chain.problem, (*chain.steps[:-1], ChainStep("", chain.steps[-1].seen))) for chain in chains]
        keys = [chain_keys(chain)[-1] for chain in unwritten]
        distinct = dict(zip(keys, unwritten, strict=True))
        requests = [
            msgspec.structs.replace(self.request(_proposal(chain), sample), temperature=0.8 if self.rivals > 1 else 0.0)
            for chain in distinct.values()
            for sample in range(self.rivals)
        ]
        results = ask(requests) if requests else []
        found: dict[str, Reading[tuple[str, ...]]] = {}
        for at, (key, chain) in enumerate(distinct.items()):
            read = [_step_of(result, chain) for result in results[at * self.rivals : (at + 1) * self.rivals]]
            steps = tuple(reading.value for reading in read if reading.value is not None)
            failed = [reading for reading in read if reading.value is None]
            found[key] = Reading(steps) if steps and len(steps) >= len(failed) else _too_few(len(steps), failed)
        return [found[key] for key in keys]


def compare_steps(chain: Chain, a: str, b: str, ask: Ask, *, seen: str = "", votes: int = 1) -> Comparison:
    """Which of two possible next steps of a chain is better, asked in both orders.

    Args:
        chain: problem and steps so far; may have no step.
        a: one text.
        b: the other.
        ask: sends questions (`ChatClient`'s, or any function of requests).
        seen: what is seen now.
        votes: comparisons, each in both orders.
    """
    return PairwiseProtocol(votes=votes).compare_all([Candidates(chain, a, b, seen)], ask)[0]


def rank_steps(chain: Chain, candidates: Sequence[str], ask: Ask, *, seen: str = "", votes: int = 1) -> list[float | None]:
    """[N] how each of several possible next steps does against all others: the mean of its comparisons, in both orders; None where none of them can be told.

    Args:
        chain: problem and steps so far; may have no step.
        candidates: at least two texts: the admissible actions, or those that were sampled. All pairs are compared, N (N - 1) votes questions in all.
        ask: see `compare_steps`.
        seen: what is seen now.
        votes: comparisons of each pair, each in both orders.
    """
    pairs = list(combinations(range(len(candidates)), 2))
    compared = PairwiseProtocol(votes=votes).compare_all([Candidates(chain, candidates[a], candidates[b], seen) for a, b in pairs], ask)
    shares: list[list[float]] = [[] for _ in candidates]
    for (a, b), comparison in zip(pairs, compared, strict=True):
        if comparison.share is not None:
            shares[a].append(comparison.share)
            shares[b].append(1.0 - comparison.share)
    return [sum(found) / len(found) if found else None for found in shares]


def _plain(text: str) -> str:
    return " ".join(text.split())


def _question(pair: Candidates, first: str, second: str) -> tuple[Message, ...]:
    here = Chain(pair.chain.problem, (*pair.chain.steps, ChainStep("", pair.seen)))
    frame = framing(here, first, second)
    shown = {name: frame.framed(f"candidate_{name}", text) for name, text in (("first", first), ("second", second))}
    asked = _ASKED.format(material=situation(here, frame), **shown)
    return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", asked))


def _compared(forwards: Sequence[ChatResult], backwards: Sequence[ChatResult], enough: Callable[[int], bool]) -> Comparison:
    """What the answers in both orders come to: a vote counts where both agree, and one half where they do not."""
    shares: list[float] = []
    flips, failed = 0, list[Reading[str]]()
    for one, other in zip(forwards, backwards, strict=True):
        here, there = _choice(one), _choice(other)
        if here.value is None or there.value is None:
            failed += [reading for reading in (here, there) if reading.value is None]
            continue
        flipped = here.value == there.value != "tie"
        flips += flipped
        agreed = {("first", "second"): 1.0, ("second", "first"): 0.0}
        shares.append(agreed.get((here.value, there.value), 0.5))
    if not enough(len(shares)):
        return Comparison(None, failed[0].reason, status=worst(reading.status for reading in failed))
    share = sum(shares) / len(shares)
    if flips == len(shares):
        return Comparison(0.5, "the judge's preference follows the position", flipped=True)
    return Comparison(share, f"better in {share:.2f} of the comparisons, ties and preferences that follow the position as one half")


def _choice(result: ChatResult) -> Reading[str]:
    return answer_of(result).then(lambda answer: boxed_word(answer, _WORDS))


def _proposal(chain: Chain) -> tuple[Message, ...]:
    frame = framing(chain)
    asked = _PROPOSE.format(material=situation(chain, frame), key=frame.key)
    return (Message("system", _WRITER.format(notice=frame.notice)), Message("user", asked))


def _step_of(result: ChatResult, chain: Chain) -> Reading[str]:
    answer = answer_of(result)
    if answer.value is None:
        return answer
    found = passage(answer.value, "next_step", framing(chain).key)
    if found.value is None:
        return unread(found.reason)
    if not _LETTER.search(found.value.text) or len(found.value.text) > _LONGEST:
        return unread("the judge's own step says nothing, or is too long")
    return Reading(found.value.text)


def _too_few(readable: int, failed: Sequence[Reading[str]]) -> Reading[tuple[str, ...]]:
    counted = f"{readable} of {readable + len(failed)} steps of the judge's own can be read: " if len(failed) > 1 else ""
    return Reading(None, counted + failed[0].reason, worst(reading.status for reading in failed))


def _joined(compared: Sequence[Comparison], rivals: Sequence[str]) -> StepRead:
    evidence = {"rivals": [note(rival) for rival in rivals], "comparisons": [comparison.share for comparison in compared]}
    told = [comparison.share for comparison in compared if comparison.share is not None and not comparison.flipped]
    if not told or any(comparison.share is None for comparison in compared):
        untold = [comparison for comparison in compared if comparison.share is None or comparison.flipped]
        return StepRead(None, untold[0].reason, evidence, worst(comparison.status for comparison in untold))
    every = [comparison.share for comparison in compared if comparison.share is not None]
    score = sum(every) / len(every)
    return StepRead(score, f"at {score:.2f} against {len(every)} steps of the judge's own, where 0.5 is their match", evidence)

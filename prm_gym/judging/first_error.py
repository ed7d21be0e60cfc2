"""GM-PRM: the judge finds the first wrong step and writes what should stand in its place.

Source: Zhang et al. 2025, "GM-PRM: A Generative Multimodal Process Reward Model for Multimodal Mathematical Reasoning" (2508.04088). The prompt is our own.
What differs: one question covers all steps; the critics vote on the place of the error; the corrected step is evidence and no part of the score. The published
refined best-of-n is `refined_pool`: chains with an error are continued from the corrected step, and what comes of them stands beside the others.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain, ChainStep
from prm_gym.chat import ChatResult, Message
from prm_gym.judging.framing import framing, says_nothing
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of, boxed_index, passage, unread
from prm_gym.judging.stepwise import NOTHING, SampledProtocol, StepRead, judgement_of, note, nothing_said, survived, whole

_LETTER = re.compile(r"\w")
_LONGEST = 20_000  # characters of a corrected step

_SYSTEM = "You find the first mistake in a solution and mend it. {notice}"
_ASKED = """{material}

Go through the steps in order. Of each say what it is for, whether it rests on the problem and the steps before it, and whether what it states is right. \
Stop at the first one that is wrong, and write what should stand in its place: a step that does the same work rightly, in the same form, without going on to \
later ones. Steps after it do not matter.

Where a step is wrong, write the corrected step between these tags: <corrected:{key}> ... </corrected:{key}>. Then end your answer with the number of the \
first wrong step, from 1 to {count}, or 0 where none is, in a box: \\boxed{{number}}."""


class Correction(msgspec.Struct, frozen=True):
    """The first wrong step of a chain, and what should stand in its place.

    Attributes:
        index: of the step, from 0 on; -1 where none is wrong.
        why: the end of the judge's answer; empty where none is wrong.
        corrected: the step as it should be; empty where none is wrong.
    """

    index: int
    why: str = ""
    corrected: str = ""

    def mended(self, chain: Chain) -> Chain:
        """The chain up to and with the corrected step, to be continued; the chain itself where none is wrong."""
        if self.index < 0:
            return chain
        return Chain(chain.problem, (*chain.steps[: self.index], ChainStep(self.corrected, chain.steps[self.index].seen)))


class FirstErrorProtocol(SampledProtocol):
    """Of the answers that find no error before a step, the share of those that find none in it; None where fewer than the quorum come to it."""

    id = "first_error"
    version = "1"

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain, with the corrections as evidence."""
        return [self._judged(chain, found) for chain, found in zip(chains, self._corrections(chains, ask), strict=True)]

    def corrections(self, chains: Sequence[Chain], ask: Ask) -> list[Correction | None]:
        """The correction of each chain: of several answers the first one that names the step which most of them name; None where they cannot be read.

        Args:
            chains: of at least one step each.
            ask: see `Protocol.judge`.
        """
        found: list[Correction | None] = []
        for readings in self._corrections(chains, ask):
            read = [reading.value for reading in readings if reading.value is not None]
            places = [correction.index for correction in read]
            place = max(dict.fromkeys(places), key=places.count, default=-1)
            found.append(next(correction for correction in read if correction.index == place) if self.drawing.quorate(len(read)) else None)
        return found

    def _corrections(self, chains: Sequence[Chain], ask: Ask) -> list[list[Reading[Correction]]]:
        results = self.sampled([_question(chain) for chain in chains], ask)
        return [[_read(result, chain) for result in answers] for chain, answers in zip(chains, results, strict=True)]

    def _judged(self, chain: Chain, readings: Sequence[Reading[Correction]]) -> Judgement:
        read = [reading.value for reading in readings if reading.value is not None]
        if not self.drawing.quorate(len(read)):
            return nothing_said(chain, readings)
        scores = survived([(correction.index, 1.0) for correction in read], len(chain), self.drawing.quorum * self.drawing.votes)
        steps: list[StepRead] = []
        for at, (step, score) in enumerate(zip(chain.steps, scores, strict=True)):
            said = next((correction for correction in read if correction.index == at), None)
            evidence = {} if said is None else {"why": said.why, "corrected": said.corrected}
            if says_nothing(step.text):
                steps.append(StepRead(None, NOTHING))
            elif score is None:
                steps.append(StepRead(None, "it stands after the first wrong step"))
            else:
                steps.append(StepRead(score, f"{score:.2f} of the answers that come to it find it right", evidence))
        return judgement_of(steps, first_errors=[correction.index for correction in read])


def refined_pool(
    chains: Sequence[Chain], ask: Ask, go_on: Callable[[Sequence[Chain]], Sequence[Chain]], protocol: FirstErrorProtocol | None = None
) -> list[Chain]:
    """Chains, and beside them what comes of those with an error when they are continued from their corrected step: the pool of a refined best-of-n.

    Args:
        chains: solutions.
        ask: see `Protocol.judge`.
        go_on: continues chains to their end, in order (the agent's part).
        protocol: None for one with its defaults.
    """
    found = (protocol or FirstErrorProtocol()).corrections(chains, ask)
    mended = [correction.mended(chain) for chain, correction in zip(chains, found, strict=True) if correction is not None and correction.index >= 0]
    return [*chains, *(go_on(mended) if mended else ())]


def _question(chain: Chain) -> tuple[Message, ...]:
    frame = framing(chain)
    asked = _ASKED.format(material=whole(chain, frame), key=frame.key, count=len(chain))
    return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", asked))


def _read(result: ChatResult, chain: Chain) -> Reading[Correction]:
    answer = answer_of(result)
    if answer.value is None:
        return Reading(None, answer.reason, answer.status)
    key = framing(chain).key
    mended = passage(answer.value, "corrected", key).value
    if answer.value.rfind(f"<corrected:{key}>") >= (mended.end if mended is not None else 0):
        return unread("the judge's answer ends in the middle of the corrected step")
    number = boxed_index(answer.value[mended.end if mended is not None else 0 :], 0, len(chain))  # a corrected step may hold a box of its own
    if number.value is None:
        return unread(number.reason)
    if number.value == 0:
        return unread("the judge corrects a step and finds none wrong") if mended is not None and mended.text else Reading(Correction(-1))
    if mended is None or not _LETTER.search(mended.text) or len(mended.text) > _LONGEST:
        return unread("the judge names a wrong step and does not correct it")
    if " ".join(mended.text.split()) == " ".join(chain.steps[number.value - 1].text.split()):
        return unread("the judge names a wrong step and corrects it by itself")
    return Reading(Correction(number.value - 1, note(answer.value), mended.text))

r"""SPARK: several verifications of all steps, agreed upon by step or by outcome, each of which may be criticised and revised.

Source: Rahman et al. 2025 (2512.03244). Parallel scaling: `level="step"` takes the share of verifications that find a step right (their majority is the label);
`level="outcome"` takes only the verifications whose verdict on the whole is that of the majority. Sequential scaling: in each of `rounds`, a verification is
shown back with the solution, criticised, and written anew (meta-critique); only the last counts. The wording of the questions here is ours.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain
from prm_gym.chat import ChatRequest, ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.asking import Ballot, Drawing, ballot, by_step, too_few
from prm_gym.judging.framing import framing
from prm_gym.judging.protocol import Ask, Protocol
from prm_gym.judging.reading import Reading, answer_of, boxed_word, unread, words_by_step

Level: TypeAlias = Literal["step", "outcome"]

_STEPS = {"correct": True, "incorrect": False}
_WHOLE = {"yes": True, "no": False}
_FORM = """Go through the steps in order, under a heading each, and end each with its verdict:

Step 1: <critique> The step is \\boxed{correct/incorrect}
Step 2: <critique> The step is \\boxed{correct/incorrect}
...

Judge every step, those after a wrong one too: a step that rests on a wrong one is incorrect. In the last line say whether all steps are correct:

All steps are correct: \\boxed{Yes/No}"""
_QUESTION = """You are given a problem and a solution, whose steps stand in tags and are counted from 1. The solution may be unfinished; judge what is there.

{problem}

{solution}

{form}"""
_META = """You are given a problem, a solution, whose steps stand in tags and are counted from 1, and a verification of it by somebody else.

{problem}

{solution}

{verification}

The verification may be wrong: it may overlook a mistake, find one where there is none, or misread a step. First criticise it: check every one of its verdicts \
against the solution itself. Then write a verification of your own, which keeps what was right and mends what was not. {form}"""


class Spark(Protocol):
    """Asks for verifications of every step, and for their revision."""

    id = "spark"
    version = "1"

    def __init__(
        self,
        *,
        votes: int = 4,
        temperature: float | None = None,
        max_tokens: int = 4096,
        quorum: float = 0.5,
        level: Level = "step",
        rounds: int = 0,
    ) -> None:
        """Choose how to ask.

        Args:
            votes: verifications drawn for each chain.
            temperature: of each; None for 0 with one vote and 0.7 with several.
            max_tokens: of each answer.
            quorum: share of the verifications that must be readable.
            level: "step" or "outcome", see above.
            rounds: of meta-critique for each verification; 0 for none.

        Raises:
            OptionError: an option is out of range.
        """
        if level not in get_args(Level):
            raise OptionError(f"level is one of {', '.join(get_args(Level))}, got {level!r}")
        if type(rounds) is not int or not 0 <= rounds <= 10:
            raise OptionError(f"rounds is an integer from 0 to 10, got {rounds!r}")
        self.drawing = Drawing(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        self.level: Level = level
        self.rounds = rounds
        self.draws = self.drawing.warmth > 0

    def __str__(self) -> str:
        """What makes other answers."""
        return f"{self.drawing} level={self.level} rounds={self.rounds}"

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain; every round is one batch over all chains and votes."""
        votes = self.drawing.votes
        results = ask([request for chain in chains for request in self.drawing.requests(*_question(chain))])
        for number in range(self.rounds):
            results = self._revised([chain for chain in chains for _ in range(votes)], results, ask, number)
        found: list[Judgement] = []
        for at, chain in enumerate(chains):
            read = ballot(results[at * votes : (at + 1) * votes], lambda answer, chain=chain: _read(chain, answer))
            found.append(self._judged(chain, read))
        return found

    def _revised(self, chains: Sequence[Chain], results: Sequence[ChatResult], ask: Ask, number: int) -> list[ChatResult]:
        """Every verification that can be read, criticised and written anew; the others stay as they are."""
        revised = list(results)
        requests: dict[int, ChatRequest] = {}
        for at, (chain, result) in enumerate(zip(chains, results, strict=True)):
            answer = answer_of(result).value
            if answer is not None and _read(chain, answer).value is not None:
                requests[at] = ChatRequest(
                    messages=tuple(_meta_question(chain, answer)),
                    temperature=self.drawing.warmth,
                    max_tokens=self.drawing.max_tokens,
                    sample=(number + 1) * self.drawing.votes + at % self.drawing.votes,
                )
        for at, result in zip(requests, ask(list(requests.values())), strict=True):
            revised[at] = result
        return revised

    def _judged(self, chain: Chain, read: Ballot) -> Judgement:
        if not self.drawing.quorate(len(read.read)):
            return too_few(chain, read, self.drawing)
        steps = [vote[0] for vote in read.read]
        share = sum(vote[1] for vote in read.read) / len(read.read)
        if self.level == "outcome":
            if share == 0.5:
                reason = f"half of the {len(steps)} readable verifications find the whole right, half do not"
                return Judgement((None,) * len(chain), (reason,) * len(chain), read.evidence())
            steps = [vote[0] for vote in read.read if vote[1] == (share > 0.5)]
        agreed = msgspec.structs.replace(read, read=tuple(steps))
        judgement = by_step(chain, agreed, Drawing(votes=len(steps)) if self.level == "outcome" else self.drawing)
        return msgspec.structs.replace(judgement, evidence={**judgement.evidence, "all_correct": share})


def _question(chain: Chain) -> list[Message]:
    frame = framing(chain)
    text = _QUESTION.format(problem=frame.framed("problem", chain.problem), solution=frame.steps(chain.steps), form=_FORM)
    return [Message("system", frame.notice), Message("user", text)]


def _meta_question(chain: Chain, answer: str) -> list[Message]:
    frame = framing(chain, answer)
    problem, solution = frame.framed("problem", chain.problem), frame.steps(chain.steps)
    text = _META.format(problem=problem, solution=solution, verification=frame.framed("verification", answer), form=_FORM)
    return [Message("system", frame.notice), Message("user", text)]


def _read(chain: Chain, answer: str) -> Reading[tuple[tuple[bool | None, ...], bool]]:
    """The verdict on every step, and on the whole; two that contradict each other are none."""
    steps, whole = words_by_step(answer, len(chain), _STEPS), boxed_word(answer, _WHOLE)
    if steps.value is None or whole.value is None:
        return unread(steps.reason or whole.reason)
    if all(steps.value) != whole.value:
        return unread("the judge's verdict on the whole contradicts those on the steps")
    return Reading((steps.value, whole.value))

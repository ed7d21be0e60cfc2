"""BiPRM: the steps are judged from the first to the last and, in another question, from the last to the first; both are put together.

Source: Zhang et al. 2025, "The Bidirectional Process Reward Model" (2508.01682): the trajectory is reversed in the prompt, so that later steps help to judge
earlier ones; the scores of both directions are averaged (a gate weighs them in the second version). The prompts are our own, and a chat model grades all
steps of a direction in one answer.
"""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing, says_nothing
from prm_gym.judging.grades import graded
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import Reading, answer_of
from prm_gym.judging.stepwise import NOTHING, SampledProtocol, StepRead, failure, judgement_of, note, shortened

Combined: TypeAlias = Literal["mean", "min", "geometric"]
_SYSTEM = "You grade the steps of a solution. {notice}"
_FORWARDS = """{problem}

The steps, in order:

{steps}

Go through the steps from the first to the last. Grade each from 0 to 10 by the problem and the steps before it alone: 10 where it surely follows and is \
right, 0 where it is surely wrong or builds on something wrong, 5 where you cannot say. {form}"""
_BACKWARDS = """{problem}

The steps, from the last to the first:

{steps}

Go through the steps from the last to the first, as they stand here. Of each ask what the steps that come later in the solution take from it, whether they \
agree with it, and whether the result, checked against the problem, could come about if it were wrong. Grade each from 0 to 10: 10 where what comes later \
and the problem bear it out, 0 where they contradict it, 5 where you cannot say. {form}"""
_FORM = """Give a sentence of reasons for each step, then end your answer with one JSON object that has a whole number for every step: \
{{"key": "{key}", "grades": {{{fields}}}}}"""


class BidirectionalProtocol(SampledProtocol):
    """Grades of both directions put together; both have to be readable."""

    id = "bidirectional"
    version = "1"

    def __init__(
        self, *, votes: int | None = None, temperature: float | None = None, max_tokens: int = 4096, quorum: float = 0.5, combined: Combined = "mean"
    ) -> None:
        """Choose how the directions are put together.

        Args:
            votes: see `SampledProtocol`; of each direction.
            temperature: see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            combined: "mean", "min" or "geometric".

        Raises:
            OptionError: one of them is out of range.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if combined not in get_args(Combined):
            raise OptionError(f"combined is one of {', '.join(get_args(Combined))}, got {combined!r}")
        self.combined: Combined = combined
        self.options = {"combined": combined}

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain, of two questions."""
        results = self.sampled([question for chain in chains for question in (_question(chain, False), _question(chain, True))], ask)
        return [self._judged(chain, results[2 * at], results[2 * at + 1]) for at, chain in enumerate(chains)]

    def _judged(self, chain: Chain, forwards: Sequence[ChatResult], backwards: Sequence[ChatResult]) -> Judgement:
        sides = [[_read(result, chain) for result in answers] for answers in (forwards, backwards)]
        reads: list[StepRead] = []
        for at, step in enumerate(chain.steps):
            there, back = (self.put_together([_of(reading, at) for reading in side]) for side in sides)
            if says_nothing(step.text):
                reads.append(StepRead(None, NOTHING))
            elif there.score is None or back.score is None:
                way, failed = ("forwards", there) if there.score is None else ("backwards", back)
                reads.append(StepRead(None, f"{way}: {failed.reason}", status=failed.status))
            else:
                reason = f"{10 * there.score:.1f} of 10 from before it, {10 * back.score:.1f} from after it"
                reads.append(StepRead(self._one(there.score, back.score), reason, {"forwards": there.score, "backwards": back.score}))
        critiques = [note(answer.value or "") for answer in (answer_of(forwards[0]), answer_of(backwards[0]))]
        return judgement_of(reads, critiques=critiques)

    def _one(self, there: float, back: float) -> float:
        if self.combined == "mean":
            return (there + back) / 2
        return min(there, back) if self.combined == "min" else math.sqrt(there * back)


def _question(chain: Chain, reverse: bool) -> tuple[Message, ...]:
    frame = framing(chain)
    numbers = range(len(chain), 0, -1) if reverse else range(1, len(chain) + 1)
    shown = shortened(chain.steps)
    steps = "\n\n".join(frame.step(shown[number - 1], number) for number in numbers)
    form = _FORM.format(key=frame.key, fields=", ".join(f'"{number}": grade' for number in numbers))
    asked = (_BACKWARDS if reverse else _FORWARDS).format(problem=frame.framed("problem", chain.problem), steps=steps, form=form)
    return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", asked))


def _read(result: ChatResult, chain: Chain) -> Reading[dict[str, float]]:
    names = [str(number) for number in range(1, len(chain) + 1)]
    return answer_of(result).then(lambda answer: graded(answer, framing(chain).key, "grades", names, 0, 10))


def _of(reading: Reading[dict[str, float]], at: int) -> StepRead:
    return failure(reading) if reading.value is None else StepRead(reading.value[str(at + 1)], "")

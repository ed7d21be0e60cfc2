"""Several dimensions of a step graded apart: confidence, relevance, coherence, or others.

Source: Wang et al. 2025, "From <Answer> to <Think>: Multidimensional Supervision of Reasoning Process for LLM Optimization" (2510.11457), the Dimension-level
Reward Model. There confidence comes from the policy's own log-probabilities, relevance from a ranking model and coherence from a reward model, each of a whole
answer; here one chat model grades all three, of each step.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias, get_args

from prm_gym.chains import Chain
from prm_gym.chat import ChatResult, Message
from prm_gym.errors import OptionError
from prm_gym.judging.framing import framing
from prm_gym.judging.grades import graded
from prm_gym.judging.protocol import Ask
from prm_gym.judging.reading import answer_of
from prm_gym.judging.stepwise import StepRead, StepwiseProtocol, note, told, with_last

Together: TypeAlias = Literal["geometric", "mean", "min", "product"]
DIMENSIONS = {
    "confidence": "how sure you are that what the step states or does is right",
    "relevance": "whether the step bears on what is asked, and on where the solution stands",
    "coherence": "whether the step follows from the steps before it and agrees with them and with itself",
    "progress": "how much nearer the step brings what is asked; nothing for repetition and filler",
    "clarity": "whether the step says exactly one thing that can be checked",
}
_SYSTEM = "You grade the steps of a solution in several dimensions, each by itself. {notice}"
_ASKED = """{material}

Grade the step from 0 to 10 in each of these dimensions, independently of the others:
{dimensions}

0 is a failure, 5 is doubtful, 10 leaves nothing to wish for. Give a sentence of reasons for each dimension, then end your answer with one JSON object that \
has a whole number for each: {{"key": "{key}", "grades": {{{fields}}}}}"""


class DimensionsProtocol(StepwiseProtocol):
    """Grades of several dimensions, put together; each is kept in the evidence."""

    id = "dimensions"
    version = "1"

    def __init__(
        self,
        *,
        votes: int | None = None,
        temperature: float | None = None,
        max_tokens: int = 4096,
        quorum: float = 0.5,
        dimensions: str = "confidence,relevance,coherence",
        together: Together = "geometric",
    ) -> None:
        """Choose the dimensions.

        Args:
            votes: see `SampledProtocol`.
            temperature: see `SampledProtocol`.
            max_tokens: see `SampledProtocol`.
            quorum: see `SampledProtocol`.
            dimensions: names of `DIMENSIONS`, with commas; "confidence:2,relevance" weighs the first one twice.
            together: "geometric" (a failed dimension makes all fail, and the number of dimensions does not count), "mean", "min" or "product".

        Raises:
            OptionError: one of them cannot be honoured.
        """
        super().__init__(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if together not in get_args(Together):
            raise OptionError(f"together is one of {', '.join(get_args(Together))}, got {together!r}")
        self.weights, self.together = _weights(dimensions), TOGETHER[together]
        self.options = {"dimensions": str(dimensions), "together": together}

    def judge_last(self, chains: Sequence[Chain], ask: Ask) -> list[StepRead]:
        """One verdict a chain."""
        return self.voted(chains, self._question, self._read, ask)

    def _question(self, chain: Chain) -> tuple[Message, ...]:
        frame = framing(chain)
        listed = "\n".join(f"- {name}: {DIMENSIONS[name]}" for name in self.weights)
        fields = ", ".join(f'"{name}": grade' for name in self.weights)
        asked = _ASKED.format(material=with_last(chain, frame), dimensions=listed, key=frame.key, fields=fields)
        return (Message("system", _SYSTEM.format(notice=frame.notice)), Message("user", asked))

    def _read(self, chain: Chain, result: ChatResult) -> StepRead:
        answer = answer_of(result)
        grades = answer.then(lambda text: graded(text, framing(chain).key, "grades", list(self.weights), 0, 10))

        def said(shares: dict[str, float]) -> StepRead:
            score = self.together(list(shares.values()), list(self.weights.values()))
            weakest = min(shares, key=lambda name: shares[name])
            return StepRead(score, f"weakest in {weakest}: {round(10 * shares[weakest])} of 10", {"dimensions": shares, "critique": note(answer.value or "")})

        return told(grades, said)


def _weights(text: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in str(text).split(","):
        name, colon, weight = (piece.strip() for piece in part.partition(":"))
        try:
            found[name] = float(weight) if colon else 1.0
        except ValueError:
            found[name] = math.nan
        if name not in DIMENSIONS or not 0 < found[name] < 1e6:
            raise OptionError(f"dimensions are of {', '.join(DIMENSIONS)}, if one likes with a weight above 0 ('confidence:2'), got {part.strip()!r}")
    return found


def _geometric(shares: Sequence[float], weights: Sequence[float]) -> float:
    if min(shares) <= 0.0:
        return 0.0
    return min(1.0, math.exp(sum(weight * math.log(share) for share, weight in zip(shares, weights, strict=True)) / sum(weights)))


def _mean(shares: Sequence[float], weights: Sequence[float]) -> float:
    return sum(weight * share for share, weight in zip(shares, weights, strict=True)) / sum(weights)


def _least(shares: Sequence[float], _: Sequence[float]) -> float:
    return min(shares)


def _product(shares: Sequence[float], weights: Sequence[float]) -> float:
    return math.prod(share**weight for share, weight in zip(shares, weights, strict=True))


TOGETHER: dict[Together, Callable[[Sequence[float], Sequence[float]], float]] = {
    "geometric": _geometric,
    "mean": _mean,
    "min": _least,
    "product": _product,
}

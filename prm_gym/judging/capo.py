r"""CAPO: one pass over the solution that lists its wrong steps; several critiques are combined.

Source: Xie et al. 2025 (2508.02298), "LLM-as-GenPRM": every step is judged by its own correctness, and K critiques are combined by majority, intersection
(wrong is what all of them list) or average. The wording of the question here is ours.
"""

from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import msgspec

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain
from prm_gym.chat import Message
from prm_gym.errors import OptionError
from prm_gym.judging.asking import Drawing, by_step, polled
from prm_gym.judging.framing import framing
from prm_gym.judging.protocol import Ask, Protocol
from prm_gym.judging.reading import Reading, boxed_indices

Combination: TypeAlias = Literal["average", "majority", "intersection"]

_QUESTION = """You are given a problem and a solution, whose steps stand in tags and are counted from 1. The solution may be unfinished.

{problem}

{solution}

Examine every step by itself. A step is wrong if it holds a false statement, a calculation or an inference that does not hold, or a misreading of the problem, \
even if a later step mends it; what only goes on correctly from an earlier mistake is not wrong once more. Write a short critique of each step. Then list the \
numbers of all wrong steps, separated by commas, in one \\boxed{{}}. If no step is wrong, put the word none into it."""


class Capo(Protocol):
    """Asks for the list of wrong steps."""

    id = "capo"
    version = "1"

    def __init__(
        self, *, votes: int = 1, temperature: float | None = None, max_tokens: int = 4096, quorum: float = 0.5, combine: Combination = "majority"
    ) -> None:
        """Choose how to ask.

        Args:
            votes: critiques drawn for each chain; the paper has 4.
            temperature: of each; None for 0 with one vote and 0.7 with several.
            max_tokens: of each critique.
            quorum: share of the critiques that must be readable.
            combine: "majority" (a step is wrong if more than half list it), "intersection" (if all do), "average" (the share that does not is its score).

        Raises:
            OptionError: an option is out of range.
        """
        if combine not in get_args(Combination):
            raise OptionError(f"combine is one of {', '.join(get_args(Combination))}, got {combine!r}")
        self.drawing = Drawing(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        self.combine: Combination = combine
        self.draws = self.drawing.warmth > 0

    def __str__(self) -> str:
        """What makes other answers."""
        return f"{self.drawing} combine={self.combine}"

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain: every step is spoken of by every critique."""
        votes = polled(chains, ask, self.drawing, self._question, self._read)
        found = [by_step(chain, votes_on, self.drawing) for chain, votes_on in zip(chains, votes, strict=True)]
        return [msgspec.structs.replace(one, scores=tuple(None if score is None else self._combined(score) for score in one.scores)) for one in found]

    def _combined(self, share: float) -> float:
        """The score of a step that a share of the critiques finds right."""
        if self.combine == "average":
            return share
        return float(share >= 0.5) if self.combine == "majority" else float(share > 0.0)

    @staticmethod
    def _question(chain: Chain) -> list[Message]:
        frame = framing(chain)
        text = _QUESTION.format(problem=frame.framed("problem", chain.problem), solution=frame.steps(chain.steps))
        return [Message("system", frame.notice), Message("user", text)]

    @staticmethod
    def _read(chain: Chain, answer: str) -> Reading[tuple[bool, ...]]:
        found = boxed_indices(answer, 1, len(chain))
        if found.value is None:
            return Reading(None, found.reason)
        return Reading(tuple(at not in found.value for at in range(1, len(chain) + 1)))

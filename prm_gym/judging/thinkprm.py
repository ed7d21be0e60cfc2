r"""ThinkPRM: one chain of thought that verifies step after step, each with \boxed{correct} or \boxed{incorrect}, up to the first wrong one.

Source: Khalifa et al. 2025 (2504.16828) and the model card of launch/ThinkPRM. The models were tuned to the plain form (`plain=true`): "Step 1: ..." lines
without tags and no system message. Their verdicts stand in the chain of thought itself, so the thoughts are read where the answer after them names no step.
Two things of theirs need a completion endpoint and are left out: the answer is not begun with "Let's verify step by step:", and the score of the whole (the
probability of "Yes" after "Is the solution correct?") is not asked for; a step's score here is the share of votes.
"""

from collections.abc import Sequence

import msgspec

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain
from prm_gym.chat import ChatFailure, ChatReply, ChatRequest, ChatResult, Message
from prm_gym.judging.asking import Drawing, by_step, polled
from prm_gym.judging.framing import bracketed, framing, harmless
from prm_gym.judging.protocol import Ask, Protocol
from prm_gym.judging.reading import Reading, answer_of, boxes, thoughts_of, words_by_step

WORDS = {"correct": True, "incorrect": False}

_PLAIN = """You are given a math problem and a proposed step-by-step solution:

[Math Problem]

{problem}

[Solution]

{solution}

Review and critique each step in the proposed solution to determine whether each step is correct. \
If the solution is incomplete, only verify the provided steps."""
_FRAMED = """You are given a problem and a proposed step-by-step solution, whose steps stand in tags and are counted from 1:

{problem}

{solution}

Review and critique each step in the proposed solution to determine whether each step is correct. If the solution is incomplete, only verify the provided steps.

Your output must be in the following format:

Let's verify step by step:
Step 1: <critique> The step is \\boxed{{correct/incorrect}}
Step 2: <critique> The step is \\boxed{{correct/incorrect}}
...

Once you find an incorrect step, you should stop, since you don't need to analyze the remaining steps."""


class ThinkPRM(Protocol):
    """Asks for one chain of thought over all steps."""

    id = "thinkprm"
    version = "1"

    def __init__(self, *, votes: int = 1, temperature: float | None = None, max_tokens: int = 8192, quorum: float = 0.5, plain: bool = False) -> None:
        """Choose how to ask.

        Args:
            votes: answers drawn for each chain.
            temperature: of each; None for 0 with one vote and 0.7 with several.
            max_tokens: of each answer, thoughts included.
            quorum: share of the votes that must be readable.
            plain: the prompt that the published models were tuned to.

        Raises:
            OptionError: an option is out of range.
        """
        self.drawing = Drawing(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        self.plain = plain
        self.draws = self.drawing.warmth > 0

    def __str__(self) -> str:
        """What makes other answers."""
        return f"{self.drawing} plain={self.plain}"

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain: the share of votes that find a step right, of those that came as far."""

        def asked(requests: Sequence[ChatRequest]) -> list[ChatResult]:
            return [_with_its_thoughts(result) for result in ask(requests)]

        votes = polled(chains, asked, self.drawing, self._question, read_steps)
        return [by_step(chain, found, self.drawing) for chain, found in zip(chains, votes, strict=True)]

    def _question(self, chain: Chain) -> list[Message]:
        if self.plain:
            return [Message("user", _PLAIN.format(problem=harmless(chain.problem), solution=_lines(chain)))]
        frame = framing(chain)
        text = _FRAMED.format(problem=frame.framed("problem", chain.problem), solution=frame.steps(chain.steps))
        return [Message("system", frame.notice), Message("user", text)]


def read_steps(chain: Chain, answer: str) -> Reading[tuple[bool | None, ...]]:
    """What an answer says of each step, up to the first wrong one."""
    return words_by_step(answer, len(chain), WORDS, stops_at=[False])


def _lines(chain: Chain) -> str:
    """The steps in lines of their own; a step that goes on with "Step 3:" does not begin another."""
    texts = [bracketed(harmless(step.plain)) for step in chain.steps]
    return "\n".join(f"Step {at}: {text}" for at, text in enumerate(texts, start=1))


def _with_its_thoughts(result: ChatResult) -> ChatResult:
    """A finished answer that names no step itself, with the thoughts that do."""
    if isinstance(result, ChatFailure) or not result.finished:
        return result
    answer = answer_of(result).value
    if answer is not None and any(box.content.lower() in WORDS for box in boxes(answer)):
        return result
    thoughts = thoughts_of(result)
    if not any(box.content.lower() in WORDS for box in boxes(thoughts)):
        return result
    return msgspec.structs.replace(result, text=thoughts, thoughts="") if isinstance(result, ChatReply) else result

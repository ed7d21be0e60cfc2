r"""The critic of ProcessBench: it names the first wrong paragraph, or -1; several votes are shared out.

Source: Zheng et al. 2024 (2412.06559), the template of `code/templates/critique_template.txt`, whose wording is kept. It differs in that the tags carry a key
(`plain=true` leaves it out, for models that were trained on the template), that a system message says what the tags are, and that the paragraphs are made
harmless. A majority of votes on the index, as in the paper, stands in the evidence as `first_error`.
"""

from collections.abc import Sequence

from prm_gym.chain_verifier import Judgement
from prm_gym.chains import Chain
from prm_gym.chat import Message
from prm_gym.errors import OptionError
from prm_gym.judging.asking import Drawing, by_first_error, polled
from prm_gym.judging.framing import framing, harmless
from prm_gym.judging.protocol import Ask, Protocol
from prm_gym.judging.reading import Reading, boxed_index

_QUESTION = """The following is a {subject} and a solution (split into paragraphs, enclosed with tags and indexed from 0):

[{heading}]

{problem}

[Solution]

{solution}

Your task is to review and critique the solution paragraph by paragraph. Once you identify an error in a paragraph, return the index of the paragraph where \
the earliest error occurs. Otherwise, return the index of -1 (which typically denotes "not found").{unfinished}

Please put your final answer (i.e., the index) in \\boxed{{}}."""
_UNFINISHED = " The solution may be unfinished: that it does not reach the answer yet is no error."


class Critic(Protocol):
    """Asks for the first wrong paragraph."""

    id = "critic"
    version = "1"

    def __init__(
        self,
        *,
        votes: int = 1,
        temperature: float | None = None,
        max_tokens: int = 4096,
        quorum: float = 0.5,
        plain: bool = False,
        subject: str = "math problem",
    ) -> None:
        """Choose how to ask.

        Args:
            votes: answers drawn for each chain.
            temperature: of each; None for 0 with one vote and 0.7 with several.
            max_tokens: of each answer.
            quorum: share of the votes that must be readable.
            plain: the template as it was published: tags without a key, no system message, no word on unfinished solutions.
            subject: what the problem is called: "problem" or "task" for what is no mathematics.

        Raises:
            OptionError: an option is out of range.
        """
        self.drawing = Drawing(votes=votes, temperature=temperature, max_tokens=max_tokens, quorum=quorum)
        if not isinstance(subject, str) or not subject.strip():
            raise OptionError(f"subject is what a problem is called, such as 'task', got {subject!r}")
        self.plain, self.subject = plain, subject
        self.draws = self.drawing.warmth > 0

    def __str__(self) -> str:
        """What makes other answers."""
        return f"{self.drawing} plain={self.plain} subject={self.subject}"

    def judge(self, chains: Sequence[Chain], ask: Ask) -> list[Judgement]:
        """One judgement a chain: the share of votes that find a step right, of those that speak of it."""
        votes = polled(chains, ask, self.drawing, self._question, self._read)
        return [by_first_error(chain, found, self.drawing) for chain, found in zip(chains, votes, strict=True)]

    def _question(self, chain: Chain) -> list[Message]:
        frame = framing(chain, plain=self.plain)
        text = _QUESTION.format(
            subject=self.subject,
            heading=self.subject.title(),
            problem=harmless(chain.problem) if self.plain else frame.framed("problem", chain.problem),
            solution=frame.steps(chain.steps, first=0, tag="paragraph"),
            unfinished="" if self.plain else _UNFINISHED,
        )
        return [Message("user", text)] if self.plain else [Message("system", frame.notice), Message("user", text)]

    @staticmethod
    def _read(chain: Chain, answer: str) -> Reading[int]:
        return boxed_index(answer, -1, len(chain) - 1)

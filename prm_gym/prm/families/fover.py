"""FoVer's models."""

from typing import Any

from prm_gym.chains import Chain
from prm_gym.errors import CheckpointError
from prm_gym.lm.inert import plain_ids
from prm_gym.prm.conversation import write_dialogue
from prm_gym.prm.family import Encoded, Family
from prm_gym.prm.writing import Writer

GOOD, BAD = "correct", "incorrect"
# As the models were trained, down to its spelling.
OPENING = """** Problem **
{problem}

** Task **
Your task is to evaluate the accuracy of each step in the provided solution to the above question. For each step, respond with "correct" if the reasoning is \
logically valid and mathematically sound, or if the step is a general statement or transition that does not contain reasoning. Respond with "incorrect" if the \
step includes any errors or flawed logic.

** Sotluion **
{step}"""


class FoverFamily(Family):
    """A conversation in which the user says a step and the assistant `correct`; the score is P(correct) against P(incorrect) by their first tokens.

    As upstream, every step before is answered with `correct`, whatever was said of it.

    Source: psunlpgroup/FoVer, `src/prm/preprocessing.py` and `src/prm/postprocessing.py`. The lowest score is a solution's.
    """

    id = "fover"
    head = "language-model"
    aggregation = "min"

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions before each answer.

        Raises:
            CheckpointError: the tokenizer has no chat template.
        """
        writer = Writer(tokenizer)
        texts = [text.strip() for text in chain.texts]
        texts[:1] = [OPENING.replace("{step}", text).replace("{problem}", chain.problem, 1) for text in texts[:1]]
        write_dialogue(writer, texts, GOOD, self.id)
        return writer.encoded()

    def rows(self, tokenizer: Any) -> tuple[int, ...]:
        """The rows of the first tokens of incorrect and correct.

        Raises:
            CheckpointError: both begin with one token.
        """
        rows = (plain_ids(tokenizer, BAD)[0], plain_ids(tokenizer, GOOD)[0])
        if rows[0] == rows[1]:
            raise CheckpointError(f"The tokenizer begins {GOOD!r} and {BAD!r} with the same token; the family {self.id!r} tells them apart by the first one")
        return rows

    def scores(self, outputs: Any) -> Any:
        """softmax(outputs)[:, 1], of the logits [T, 2] of incorrect and correct."""
        return outputs.softmax(dim=-1)[:, 1]

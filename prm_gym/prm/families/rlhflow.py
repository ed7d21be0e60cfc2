"""RLHFlow's models (Llama3.1-8B-PRM-Mistral-Data and -Deepseek-Data)."""

from functools import partial
from typing import Any

from prm_gym.chains import Chain
from prm_gym.prm.conversation import Turn, write_conversation
from prm_gym.prm.family import Encoded, Family
from prm_gym.prm.writing import Writer, last_id

GOOD, BAD = "+", "-"


class RlhflowFamily(Family):
    """A conversation in which the user says a step (the first one after the problem) and the assistant `+`; the score is P(+) against P(-) where it speaks.

    One forward reads all of them. As upstream, every step before is answered with `+`, whatever was said of it: scores after the first error
    are those of a step whose predecessors were right.

    Source: RLHFlow/RLHF-Reward-Modeling, `math-rm/prm_evaluate.py`, which runs a forward a step, and chooses by the mean.
    """

    id = "rlhflow"
    head = "language-model"
    aggregation = "mean"

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions before each `+`.

        Raises:
            CheckpointError: the tokenizer has no chat template.
        """
        writer = Writer(tokenizer)

        def answer() -> None:
            writer.mark()
            writer.text(GOOD)

        turns: list[Turn] = []
        for at, text in enumerate(chain.texts):
            said = text.strip() if at else f"{chain.problem} {text.strip()}".strip()
            turns += [Turn("user", partial(writer.text, said)), Turn("assistant", answer)]
        write_conversation(writer, turns, self.id)
        return writer.encoded()

    def rows(self, tokenizer: Any) -> tuple[int, ...]:
        """The rows of + and -.

        Raises:
            CheckpointError: the tokenizer lacks one of them.
        """
        return (last_id(tokenizer, GOOD, self.id), last_id(tokenizer, BAD, self.id))

    def scores(self, outputs: Any) -> Any:
        """softmax(outputs)[:, 0], of the logits [T, 2] of + and -."""
        return outputs.softmax(dim=-1)[:, 0]

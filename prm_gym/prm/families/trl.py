"""Models trained with TRL's PRMTrainer."""

from typing import Any

from prm_gym.chains import Chain
from prm_gym.errors import CheckpointError
from prm_gym.lm.inert import plain_ids
from prm_gym.prm.family import Encoded, Family
from prm_gym.prm.writing import Writer


class TrlFamily(Family):
    r"""bos, if there is one, the problem and every step tokenised on its own, and a separator after each step; the second class at its last token is the score.

    TRL trains on pieces tokenised one by one (`.` and `\n`), while its documented inference joins the text first (`.\n`, one token, which the model has never
    seen at the end of a step). This is the former.

    Source: TRL, `PRMTrainer.tokenize_row`. Nothing stands between the problem and the first step, as there.
    """

    id = "trl"
    head = "token-classification"
    aggregation = "min"
    begins = True

    def __init__(self, separator: str = "\n") -> None:
        """Take the separator that the model was trained with."""
        self.separator = separator

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions of the last token of each separator.

        Raises:
            CheckpointError: the separator has no tokens.
        """
        separator = plain_ids(tokenizer, self.separator)
        if not separator:
            raise CheckpointError(f"The separator {self.separator!r} of the family {self.id!r} has no tokens")
        writer = Writer(tokenizer)
        if self.begins and tokenizer.bos_token_id is not None:
            writer.tokens([tokenizer.bos_token_id])
        writer.text(chain.problem)
        for text in chain.texts:
            writer.cut()
            writer.text(text)
            writer.tokens(separator)
            writer.mark()
        return writer.encoded()

    def scores(self, outputs: Any) -> Any:
        """softmax(outputs)[:, 1], of logits [T, 2]."""
        return outputs.softmax(dim=-1)[:, 1]

"""openr's models on Qwen2.5 (openreasoner/Math-psa)."""

from typing import Any

from prm_gym.chains import Chain
from prm_gym.prm.families.verdict_tokens import VerdictTokensFamily
from prm_gym.prm.family import Encoded
from prm_gym.prm.writing import Writer, last_id

TAG = " \n\n\n\n\n"


class OpenrFamily(VerdictTokensFamily):
    r"""`Q step1 \n\n\n\n\n step2 \n\n\n\n\n`, where a blank and five line breaks are one token; the score is P(+) against P(-) as the token after each of them.

    Source: openr, `reason/evaluation/evaluate.py` (format) and `reason/inference/infer_fns.py` (reading). There, five line breaks in a step end it.
    """

    id = "openr"
    good, bad = " +", " -"
    aggregation = "min"

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions of its tags.

        Raises:
            CheckpointError: the tokenizer lacks the tag.
        """
        tag = last_id(tokenizer, TAG, self.id)
        writer = Writer(tokenizer, tags=[tag])
        if tokenizer.bos_token_id is not None:
            writer.tokens([tokenizer.bos_token_id])
        writer.text(chain.problem)
        for text in chain.texts:
            writer.text(f" {text.strip()}")
            writer.tokens([tag])
            writer.mark()
        return writer.encoded()

"""Math-Shepherd (peiyi9979/math-shepherd-mistral-7b-prm)."""

from typing import Any

from prm_gym.chains import Chain
from prm_gym.prm.families.verdict_tokens import VerdictTokensFamily
from prm_gym.prm.family import Encoded
from prm_gym.prm.writing import Writer, last_id

TAG = " ки"


class MathShepherdFamily(VerdictTokensFamily):
    """`Q Step 1: ... ки`, line break, `Step 2: ... ки`; the score is P(+) against P(-) as the token after each tag.

    A step that does not begin with its number gets it.

    Source: the model's card and 2312.08935, which takes the lowest score for a solution's. There, tags in a solution's text are tags; here they are not.
    """

    id = "math_shepherd"
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
        for at, text in enumerate(chain.texts, 1):
            name = f"Step {at}:"
            numbered = text.strip() if text.strip().startswith(name) else f"{name} {text.strip()}"
            if at == 1:
                writer.text(f"{chain.problem} {numbered}")
            else:
                writer.line(numbered)
            writer.tokens([tag])
            writer.mark()
        return writer.encoded()

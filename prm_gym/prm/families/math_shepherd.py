"""Math-Shepherd (peiyi9979/math-shepherd-mistral-7b-prm)."""

import re
from typing import Any

from prm_gym.chains import Chain
from prm_gym.prm.families.verdict_tokens import VerdictTokensFamily
from prm_gym.prm.family import Encoded
from prm_gym.prm.writing import Writer, last_id

TAG = " ки"
_NUMBERED = re.compile(r"Step \d+:")


class MathShepherdFamily(VerdictTokensFamily):
    """`Q Step 1: ... ки`, line break, `Step 2: ... ки`; the score is P(+) against P(-) as the token after each tag.

    A step that begins with a number keeps it, and one that does not gets that of its place. Where the oldest steps of a long chain are left out, places count
    from the first one that is read.

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
            said = text.strip()
            numbered = said if _NUMBERED.match(said) else f"Step {at}: {said}"
            if at == 1:
                writer.text(f"{chain.problem} {numbered}")
            else:
                writer.line(numbered)
            writer.tokens([tag])
            writer.mark()
        return writer.encoded()

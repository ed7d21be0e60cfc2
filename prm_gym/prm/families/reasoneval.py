"""ReasonEval (GAIR/ReasonEval-7B and -34B)."""

from typing import Any

from prm_gym.chains import Chain
from prm_gym.prm.family import Encoded, Family
from prm_gym.prm.writing import Writer

OPENING = "Question:\n{problem}\nAnswer:\nLet's think step by step.\n"


class ReasonevalFamily(Family):
    """The problem in a frame, and every step tokenised on its own, with nothing between them; the score is P(neutral) + P(right) of three classes at its end.

    P(neutral), the authors' redundancy, stands in the evidence as one of the logits. Where the tokenizer pads with its first token (the 7B model), the authors'
    reader is one token early, and so is this one, since their published figures were read there.

    Source: GAIR-NLP/ReasonEval, `codes/examples.py`. The lowest validity is a solution's.
    """

    id = "reasoneval"
    head = "value"
    outputs = 3
    aggregation = "min"

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the position at the end of each step."""
        writer = Writer(tokenizer)
        if tokenizer.bos_token_id is not None:
            writer.tokens([tokenizer.bos_token_id])
        writer.text(OPENING.replace("{problem}", chain.problem))
        for text in chain.texts:
            writer.cut()
            writer.text(text)
            writer.mark()
        found = writer.encoded()
        if tokenizer.bos_token_id is None or tokenizer.pad_token_id != tokenizer.bos_token_id:
            return found
        return Encoded(found.token_ids, [position - 1 for position in found.positions])

    def scores(self, outputs: Any) -> Any:
        """softmax(outputs)[:, 1:].sum, of the logits [T, 3] of wrong, neutral and right."""
        return outputs.softmax(dim=-1)[:, 1:].sum(dim=-1)

"""RLHFlow's models (Llama3.1-8B-PRM-Mistral-Data and -Deepseek-Data)."""

from typing import Any

from prm_gym.chains import Chain
from prm_gym.prm.conversation import write_dialogue
from prm_gym.prm.families.verdict_tokens import VerdictTokensFamily
from prm_gym.prm.family import Encoded
from prm_gym.prm.writing import Writer


class RlhflowFamily(VerdictTokensFamily):
    """A conversation in which the user says a step (the first one after the problem) and the assistant `+`; the score is P(+) against P(-) where it speaks.

    One forward reads all of them. As upstream, every step before is answered with `+`, whatever was said of it: scores after the first error
    are those of a step whose predecessors were right.

    Source: RLHFlow/RLHF-Reward-Modeling, `math-rm/prm_evaluate.py`, which runs a forward a step, and chooses by the mean.
    """

    id = "rlhflow"
    good, bad = "+", "-"
    aggregation = "mean"

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions before each `+`.

        Raises:
            CheckpointError: the tokenizer has no chat template.
        """
        writer = Writer(tokenizer)
        texts = [text.strip() for text in chain.texts]
        texts[:1] = [f"{chain.problem} {text}".strip() for text in texts[:1]]
        write_dialogue(writer, texts, self.good, self.id)
        return writer.encoded()

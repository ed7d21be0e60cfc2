"""Skywork-o1-Open-PRM."""

from typing import Any

from prm_gym.chains import Chain
from prm_gym.errors import CheckpointError
from prm_gym.prm.family import Encoded, Family
from prm_gym.prm.writing import Writer, last_id


class SkyworkFamily(Family):
    r"""bos, the problem and `\n`; then every line tokenised on its own, and the token of `\n`. The score is the sigmoid of a value head at a step's last one.

    Upstream every line is a step. A step of several lines is written line by line in the same way, so that the model sees what it would see upstream, and its
    score is the value after its last line: that of where the step led, in which every line of it has a part. It is not the lowest value on the way, as it is
    not with the families that read a step at its end alone. Who wants every line judged makes it a step.

    Source: SkyworkAI/skywork-o1-prm-inference, `model_utils/io_utils.py` and `prm_model.py`. The authors' card names no aggregation; the last score chose
    best of 32 solutions of GSM8K in step scores published for the 1.5B and 7B models.
    """

    id = "skywork"
    head = "value"
    outputs = 1
    aggregation = "last"

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions of the last line break of each step.

        Raises:
            CheckpointError: the tokenizer has no first token (bos), or no token for a line break.
        """
        if tokenizer.bos_token_id is None:
            raise CheckpointError(f"The tokenizer has no bos token, with which the family {self.id!r} begins")
        end = last_id(tokenizer, "\n", self.id)
        writer = Writer(tokenizer)
        writer.tokens([tokenizer.bos_token_id])
        writer.text(f"{chain.problem}\n")
        for text in chain.texts:
            lines = [line for line in text.split("\n") if line.strip()] or [""]
            for line in lines:
                writer.text(line)
                writer.tokens([end])
            writer.mark()
        return writer.encoded()

    def scores(self, outputs: Any) -> Any:
        """sigmoid(outputs)[:, 0], of values [T, 1]."""
        return outputs.sigmoid()[:, 0]

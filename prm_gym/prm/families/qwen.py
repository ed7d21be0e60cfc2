"""Qwen2.5-Math-PRM and Qwen2.5-Math-7B-PRM800K."""

from functools import partial
from typing import Any

from prm_gym.chains import Chain
from prm_gym.prm.conversation import Turn, write_conversation
from prm_gym.prm.family import Encoded, Family
from prm_gym.prm.writing import Writer, tag_id

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
TAG = "<extra_0>"


class QwenFamily(Family):
    """A conversation whose answer is step `<extra_0>` step `<extra_0>` ...; the score is the second of two classes at each tag.

    The head is a network of two layers on the backbone. It is read from the weights; no code of the checkpoint runs.

    Source: the models' cards (Qwen/Qwen2.5-Math-PRM-7B). The product of the scores is how "The Lessons of Developing Process Reward Models in Mathematical
    Reasoning" (2501.07301) chooses among solutions. Steps are recommended to be paragraphs.
    """

    id = "qwen"
    head = "token-classification"
    aggregation = "product"

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions of its tags.

        Raises:
            CheckpointError: the tokenizer lacks the tag.
        """
        tag = tag_id(tokenizer, TAG, self.id)
        writer = Writer(tokenizer)

        def answer() -> None:
            for text in chain.texts:
                writer.text(text)
                writer.tokens([tag])
                writer.mark()

        turns = [
            Turn("system", partial(writer.text, SYSTEM)),
            Turn("user", partial(writer.text, chain.problem)),
            Turn("assistant", answer),
        ]
        write_conversation(writer, turns, self.id)
        return writer.encoded()

    def scores(self, outputs: Any) -> Any:
        """softmax(outputs)[:, 1], of logits [T, 2]."""
        return outputs.softmax(dim=-1)[:, 1]

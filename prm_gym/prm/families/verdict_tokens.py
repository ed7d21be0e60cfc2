"""What families share whose language model says a verdict as one token: `+` or `-`."""

from typing import Any, ClassVar

from prm_gym.prm.family import Family
from prm_gym.prm.writing import last_id


class VerdictTokensFamily(Family):
    """The score of a step is P(good) against P(bad) as the next token.

    Attributes:
        good: the token of a right step.
        bad: the token of a wrong step.
    """

    head = "language-model"
    good: ClassVar[str]
    bad: ClassVar[str]

    def rows(self, tokenizer: Any) -> tuple[int, ...]:
        """The rows of the good and the bad token.

        Raises:
            CheckpointError: the tokenizer lacks one of them.
        """
        return (last_id(tokenizer, self.good, self.id), last_id(tokenizer, self.bad, self.id))

    def scores(self, outputs: Any) -> Any:
        """softmax(outputs)[:, 0], of the logits [T, 2] of good and bad."""
        return outputs.softmax(dim=-1)[:, 0]

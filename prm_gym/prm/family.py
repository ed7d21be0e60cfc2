"""Families of process reward models: how a chain becomes tokens, and where and how the scores of its steps are read.

A family knows no model: it writes the tokens and remembers the positions. Policy text is tokenised piece by piece with special tokens switched off, so that
tags in it are inert; positions are counted while writing and never searched for.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import msgspec

from prm_gym.chains import Chain
from prm_gym.prm.aggregation import Aggregation

if TYPE_CHECKING:
    from torch import Tensor

Head: TypeAlias = Literal["token-classification", "language-model", "value"]


class Encoded(msgspec.Struct, frozen=True):
    """A chain in tokens.

    Attributes:
        token_ids: [L] of the whole chain.
        positions: [T] one a step, increasing: where in `token_ids` its score is read. What stands after a position has no part in its score.
    """

    token_ids: list[int]
    positions: list[int]


class Family(ABC):
    """One convention.

    Attributes:
        id: its name.
        head: which model is loaded: a token classifier, a causal language model, or a backbone with a head of its own.
        aggregation: how the scores of steps become that of a solution, as the authors of its checkpoints do.
        threshold: a step scores below it when the authors count it as wrong. In [0, 1].
        outputs: D, how many numbers the model says at a position.
    """

    id: ClassVar[str]
    head: Head
    outputs: int = 2
    aggregation: Aggregation = "min"
    threshold: float = 0.5

    @abstractmethod
    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain and where its scores are read.

        Raises:
            CheckpointError: the tokenizer lacks a tag of the family.
        """

    def rows(self, tokenizer: Any) -> tuple[int, ...]:
        """The rows of the vocabulary that `scores` reads, in its order; none for heads of other kinds.

        Raises:
            CheckpointError: the tokenizer lacks a token of the family.
        """
        return ()

    @abstractmethod
    def scores(self, outputs: "Tensor") -> "Tensor":
        """P(step is right).

        Args:
            outputs: [T, D] float32: what the model says at the positions (logits of the classes, of the `rows` of the vocabulary, or the value).

        Returns:
            [T] float32, in [0, 1].
        """

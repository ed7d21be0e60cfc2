"""Our own checkpoints: what `prm-gym train-prm` writes. A file `prm_gym.json` beside the weights says how they are read."""

import json
import os
from pathlib import Path
from typing import Any, Literal

import msgspec

from prm_gym.chains import Chain
from prm_gym.errors import CheckpointError
from prm_gym.lm.inert import plain_ids
from prm_gym.prm.aggregation import Aggregation
from prm_gym.prm.family import Encoded, Family
from prm_gym.prm.writing import Writer, tag_id

SETTINGS_FILE = "prm_gym.json"


class OwnSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What `prm_gym.json` holds.

    Attributes:
        format: version of this layout.
        head: a token classifier of two classes (wrong, right), or a language model that goes on with the token `negative` or `positive`.
        separator: the token after every step, where its score is read; one of the tokenizer's own, special, that no text yields.
        negative: token of a wrong step; for language models.
        positive: token of a right step; for language models.
        aggregation: how the scores of steps become that of a solution.
        threshold: a step scores below it when it counts as wrong. In (0, 1).
        temperature: divides the logits; 1 before calibration. > 0.
        max_context: tokens that the model was trained on, at the most; 0 where the model's configuration says it.
        base: the model that an adapter (LoRA) belongs to, where it is not the one that the adapter names.
        training: how it was made, for people: data, seeds, metrics. JSON values.
    """

    format: Literal[1] = 1
    head: Literal["token-classification", "language-model"] = "token-classification"
    separator: str = "<|step|>"
    negative: str = "<|wrong|>"
    positive: str = "<|right|>"
    aggregation: Aggregation = "min"
    threshold: float = 0.5
    temperature: float = 1.0
    max_context: int = 0
    base: str = ""
    training: dict[str, Any] = {}

    def __post_init__(self) -> None:
        if not 0.0 < self.threshold < 1.0:
            raise CheckpointError(f"{SETTINGS_FILE}: threshold lies in (0, 1), got {self.threshold!r}")
        if not 0.0 < self.temperature < float("inf"):
            raise CheckpointError(f"{SETTINGS_FILE}: temperature is positive, got {self.temperature!r}")
        if self.max_context < 0 or not self.separator:
            raise CheckpointError(f"{SETTINGS_FILE}: separator is a token and max_context is not negative, got {self.separator!r} and {self.max_context!r}")

    @property
    def tokens(self) -> tuple[str, ...]:
        """The tokens that the tokenizer must have."""
        return (self.separator, self.negative, self.positive) if self.head == "language-model" else (self.separator,)


class OwnFamily(Family):
    r"""`<bos> problem \n\n step <sep> step <sep> ...`, every piece tokenised on its own; the score is read at each separator.

    With the head "token-classification", P(right) is the second of two classes; with "language-model", the softmax over the rows of the two verdict tokens,
    as they would come after the separator. Training and scoring call this same `encode`.
    """

    id = "prm_gym"

    def __init__(self, settings: OwnSettings | None = None) -> None:
        """Read as the settings say; as they are by default where none are given."""
        self.settings = settings or OwnSettings()
        self.head = self.settings.head
        self.aggregation, self.threshold = self.settings.aggregation, self.settings.threshold

    def encode(self, tokenizer: Any, chain: Chain) -> Encoded:
        """The tokens of a chain, and the positions of its separators.

        Raises:
            CheckpointError: the tokenizer lacks the separator.
        """
        separator = tag_id(tokenizer, self.settings.separator, self.id)
        writer = Writer(tokenizer)
        if tokenizer.bos_token_id is not None:
            writer.tokens([tokenizer.bos_token_id])
        writer.text(chain.problem)
        writer.tokens(plain_ids(tokenizer, "\n\n"))
        for text in chain.texts:
            writer.text(text)
            writer.tokens([separator])
            writer.mark()
        return writer.encoded()

    def rows(self, tokenizer: Any) -> tuple[int, ...]:
        """The rows (wrong, right) of the vocabulary, for a language model; else none.

        Raises:
            CheckpointError: the tokenizer lacks one of the two tokens.
        """
        if self.head != "language-model":
            return ()
        return tuple(tag_id(tokenizer, token, self.id) for token in (self.settings.negative, self.settings.positive))

    def scores(self, outputs: Any) -> Any:
        """P(right) = softmax(outputs / temperature)[:, 1], of outputs [T, 2]."""
        return (outputs / self.settings.temperature).softmax(dim=-1)[:, 1]


def read_settings(directory: Path) -> OwnSettings | None:
    """What `prm_gym.json` in a checkpoint says; None where there is none.

    Raises:
        CheckpointError: it cannot be read, or says what cannot be honoured.
    """
    path = directory / SETTINGS_FILE
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=OwnSettings)
    except (OSError, msgspec.DecodeError) as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error


def write_settings(directory: Path, settings: OwnSettings) -> None:
    """Write `prm_gym.json`, in one step: a reader sees the old file or the new one."""
    directory.mkdir(parents=True, exist_ok=True)
    temporary = directory / f"{SETTINGS_FILE}.{os.getpid()}.tmp"
    temporary.write_text(json.dumps(msgspec.to_builtins(settings), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    temporary.replace(directory / SETTINGS_FILE)


def add_tokens(tokenizer: Any, settings: OwnSettings) -> int:
    """Add the tokens of the settings to a tokenizer, as special ones.

    Returns:
        How many were new: the model's embedding has to grow by as many rows.
    """
    return int(tokenizer.add_tokens([token for token in settings.tokens if token not in tokenizer.get_vocab()], special_tokens=True))

"""Writing tokens: text of policies without tags, tags only where a family puts them, and positions remembered while writing."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from prm_gym.errors import CheckpointError
from prm_gym.lm.inert import cleared, forbidden_ids, inert, plain_ids, writable
from prm_gym.prm.family import Encoded


class Writer:
    """Writes one chain: texts, single tokens and marks, in order.

    A text never yields a special token of the tokenizer nor one of the `tags`, whatever it says: special tokens are switched off, and where a tag is an
    ordinary token (" ки"), the text is cut inside it and tokenised in two pieces: the model can read it, and sees no tag.
    Neighbouring texts are tokenised as one, as the pieces of a chat template are.
    """

    def __init__(self, tokenizer: Any, tags: Sequence[int] = ()) -> None:
        """Begin with nothing written.

        Args:
            tokenizer: a Hugging Face tokenizer.
            tags: ids of the ordinary tokens that no text may yield.
        """
        self.tokenizer = tokenizer
        self.tags = tuple(tags)
        self._forbidden = forbidden_ids(tokenizer, tags)
        self._pieces: list[str | list[int]] = []  # what is written; texts are tokenised together in the end
        self._marks: list[int] = []  # how many pieces stood before each
        self._open = False  # whether the next text goes on from the last piece

    def text(self, text: str) -> None:
        """Write a text."""
        last = self._pieces[-1] if self._open else None
        if isinstance(last, str):
            self._pieces[-1] = last + text
        else:
            self._pieces.append(text)
            self._open = True

    def line(self, text: str) -> None:
        """A line break and a text after it, tokenised as in the middle of a longer text: without the blank that Llama's tokenizers put in front."""
        alone = plain_ids(self.tokenizer, "\n")
        ids = inert(self.tokenizer, "\n" + text, self.tags, self._forbidden)
        self.tokens(ids[len(alone) - 1 :] if ids[: len(alone)] == alone else ids)

    def template(self, text: str) -> None:
        """Write a piece of a chat template: special tokens in it are special."""
        added = self.tokenizer.added_tokens_decoder
        tokens = {str(token.content): (int(at), token) for at, token in added.items()}
        pattern = "|".join(re.escape(content) for content in sorted(tokens, key=len, reverse=True))
        after: Any = None
        for piece in re.split(f"({pattern})", text) if pattern else [text]:
            if piece not in tokens:
                self.text(piece.lstrip() if after is not None and after.rstrip else piece)
                continue
            at, after = tokens[piece]
            last = self._pieces[-1] if self._open else None
            if after.lstrip and isinstance(last, str):
                self._pieces[-1] = last.rstrip()
            self.tokens([at])

    def tokens(self, ids: Iterable[int]) -> None:
        """Write tokens."""
        self._pieces.append(list(ids))
        self._open = False

    def cut(self) -> None:
        """The texts before and after are tokenised apart."""
        self._open = False

    def mark(self) -> None:
        """The score of the next step is read at the last token that was written."""
        self._marks.append(len(self._pieces))
        self._open = False

    def encoded(self) -> Encoded:
        """What was written, up to the last mark: what stands after it has no part in any score."""
        pieces = self._pieces[: self._marks[-1]] if self._marks else []
        texts = list(dict.fromkeys(writable(piece) for piece in pieces if isinstance(piece, str) and piece))
        found: list[list[int]] = list(self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]) if texts else []
        known = {text: cleared(self.tokenizer, text, ids, self._forbidden) for text, ids in zip(texts, found, strict=True)}
        ends, token_ids = [0], list[int]()
        for piece in pieces:
            token_ids += (known[writable(piece)] if piece else []) if isinstance(piece, str) else piece
            ends.append(len(token_ids))
        return Encoded(token_ids, [ends[mark] - 1 for mark in self._marks])


def tag_id(tokenizer: Any, tag: str, family: str) -> int:
    """The token of a tag that is a token of its own.

    Raises:
        CheckpointError: the tokenizer has no such token.
    """
    found = tokenizer.convert_tokens_to_ids(tag)
    if found is None or found == tokenizer.unk_token_id or tokenizer.convert_ids_to_tokens(found) != tag:
        raise CheckpointError(
            f"The tokenizer lacks the tag {tag!r} of the family {family!r}. Is this a checkpoint of that family? Name another with ?family=..."
        )
    return int(found)


def last_id(tokenizer: Any, text: str, family: str) -> int:
    """The token that a text ends with, for tags that are ordinary tokens: the text must be that token, alone or after a blank.

    Raises:
        CheckpointError: the tokenizer cuts the text in several tokens.
    """
    ids = plain_ids(tokenizer, text)
    if not ids or str(tokenizer.decode([ids[-1]])).strip(" ") != text.strip(" "):
        shown = [str(tokenizer.decode([token])) for token in ids]
        raise CheckpointError(f"The tokenizer lacks the tag {text!r} of the family {family!r}: it is cut into {shown}. Is this a checkpoint of that family?")
    return int(ids[-1])

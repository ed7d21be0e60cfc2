"""Writing tokens: text of policies without tags, tags only where a family puts them, and positions remembered while writing."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from prm_gym.errors import CheckpointError
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
        self._forbidden = frozenset((*self.tags, *special_ids(tokenizer)))
        self._ids: list[int] = []
        self._positions: list[int] = []
        self._text: list[str] = []

    def text(self, text: str) -> None:
        """Write a text."""
        self._text.append(text)

    def line(self, text: str) -> None:
        """A line break and a text after it, tokenised as in the middle of a longer text: without the blank that Llama's tokenizers put in front."""
        self._flush()
        alone = plain_ids(self.tokenizer, "\n")
        ids = inert(self.tokenizer, "\n" + text, self.tags, self._forbidden)
        self._ids.extend(ids[len(alone) - 1 :] if ids[: len(alone)] == alone else ids)

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
            if after.lstrip and self._text:
                self._text.append(self._text.pop().rstrip())
            self.tokens([at])

    def tokens(self, ids: Iterable[int]) -> None:
        """Write tokens."""
        self._flush()
        self._ids.extend(ids)

    def cut(self) -> None:
        """The texts before and after are tokenised apart."""
        self._flush()

    def mark(self) -> None:
        """The score of the next step is read at the last token that was written."""
        self._flush()
        self._positions.append(len(self._ids) - 1)

    def encoded(self) -> Encoded:
        """What was written, up to the last mark: what stands after it has no part in any score."""
        end = self._positions[-1] + 1 if self._positions else 0
        return Encoded(self._ids[:end], list(self._positions))

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text.clear()
        if text:
            self._ids.extend(inert(self.tokenizer, text, self.tags, self._forbidden))


def inert(tokenizer: Any, text: str, tags: Sequence[int] = (), forbidden: frozenset[int] | None = None) -> list[int]:
    """The tokens of a text, none of them special or a tag.

    Args:
        tokenizer: a Hugging Face tokenizer.
        text: anything; what no tokenizer takes (half of a surrogate pair) is replaced.
        tags: ids of ordinary tokens that are not to come out.
        forbidden: the tags and special tokens, where they are known already.
    """
    forbidden = frozenset((*tags, *special_ids(tokenizer))) if forbidden is None else forbidden
    text = text.encode("utf-8", "replace").decode("utf-8")
    ids = plain_ids(tokenizer, text)
    if forbidden.isdisjoint(ids):
        return ids
    found = [token for token in ids if token in forbidden]
    texts = {str(tokenizer.decode([token])).strip(" ") or str(tokenizer.decode([token])) for token in found}
    pattern = re.compile("|".join(f"(?<={re.escape(tag[0])})(?={re.escape(tag[1:])})" for tag in sorted(texts) if len(tag) > 1) or r"(?!)")
    cut = [token for piece in pattern.split(text) if piece for token in plain_ids(tokenizer, piece)]
    if forbidden.isdisjoint(cut):
        return cut
    letters = [token for letter in text for token in plain_ids(tokenizer, letter)]
    return [token for token in letters if token not in forbidden]


def plain_ids(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text alone: none is added before or after it, and special tokens in it are text."""
    return list(tokenizer.encode(text, add_special_tokens=False, split_special_tokens=True))


def special_ids(tokenizer: Any) -> frozenset[int]:
    """Every token that was added to the vocabulary or is special."""
    return frozenset((*tokenizer.all_special_ids, *tokenizer.added_tokens_decoder))


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

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
        self._forbidden = _forbidden(tokenizer, tags)
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
        texts = list(dict.fromkeys(_whole(piece) for piece in pieces if isinstance(piece, str) and piece))
        found: list[list[int]] = list(self.tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"]) if texts else []
        known = {text: _cleared(self.tokenizer, text, ids, self._forbidden) for text, ids in zip(texts, found, strict=True)}
        ends, token_ids = [0], list[int]()
        for piece in pieces:
            token_ids += (known[_whole(piece)] if piece else []) if isinstance(piece, str) else piece
            ends.append(len(token_ids))
        return Encoded(token_ids, [ends[mark] - 1 for mark in self._marks])


def inert(tokenizer: Any, text: str, tags: Sequence[int] = (), forbidden: frozenset[int] | None = None) -> list[int]:
    """The tokens of a text, none of them special or a tag.

    Args:
        tokenizer: a Hugging Face tokenizer.
        text: anything; what no tokenizer takes (half of a surrogate pair) is replaced.
        tags: ids of ordinary tokens that are not to come out.
        forbidden: the tags and special tokens, where they are known already.
    """
    text = _whole(text)
    return _cleared(tokenizer, text, plain_ids(tokenizer, text), _forbidden(tokenizer, tags) if forbidden is None else forbidden)


def _cleared(tokenizer: Any, text: str, ids: list[int], forbidden: frozenset[int]) -> list[int]:
    """The tokens of a text, tokenised again in pieces where forbidden ones came out."""
    if forbidden.isdisjoint(ids):
        return ids
    found = [token for token in ids if token in forbidden]
    texts = {str(tokenizer.decode([token])).strip(" ") or str(tokenizer.decode([token])) for token in found}
    pattern = re.compile("|".join(f"(?<={re.escape(tag[0])})(?={re.escape(tag[1:])})" for tag in sorted(texts) if len(tag) > 1) or r"(?!)")
    cut = [token for piece in pattern.split(text) if piece for token in plain_ids(tokenizer, piece)]
    if forbidden.isdisjoint(cut):
        return cut
    letters = {letter: plain_ids(tokenizer, letter) for letter in dict.fromkeys(text)}
    return [token for letter in text for token in letters[letter] if token not in forbidden]


def _whole(text: str) -> str:
    """A text that every tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _forbidden(tokenizer: Any, tags: Sequence[int]) -> frozenset[int]:
    """What no text may yield: tags and special tokens, but for the one of unknown letters where it is for nothing else."""
    special = special_ids(tokenizer)
    if tokenizer.unk_token_id not in (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id):
        special -= {tokenizer.unk_token_id}
    return special | frozenset(tags)


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

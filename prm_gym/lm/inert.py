"""Texts of others as tokens: nothing in them is read as a special token."""

import re
from collections.abc import Sequence
from typing import Any


def inert(tokenizer: Any, text: str, tags: Sequence[int] = (), forbidden: frozenset[int] | None = None) -> list[int]:
    """The tokens of a text, none of them special or a tag.

    Args:
        tokenizer: a Hugging Face tokenizer.
        text: anything; what no tokenizer takes (half of a surrogate pair) is replaced.
        tags: ids of ordinary tokens that are not to come out.
        forbidden: the tags and special tokens, where they are known already.
    """
    text = writable(text)
    return cleared(tokenizer, text, plain_ids(tokenizer, text), forbidden_ids(tokenizer, tags) if forbidden is None else forbidden)


def cleared(tokenizer: Any, text: str, ids: list[int], forbidden: frozenset[int]) -> list[int]:
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


def writable(text: str) -> str:
    """A text that every tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def forbidden_ids(tokenizer: Any, tags: Sequence[int]) -> frozenset[int]:
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

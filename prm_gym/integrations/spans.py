"""Which tokens of a completion are which step's."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Spans: TypeAlias = tuple[tuple[int, int], ...]
"""Begin and end of each step among the tokens, in order."""


def spans_of_pieces(tokenizer: Any, ids: Sequence[int], pieces: Sequence[str]) -> Spans | None:
    """The tokens of each piece of a completion's text; None where the text is not what the tokens say.

    A token that reaches over the end of a piece belongs to that piece; what stands behind the text (the end of the sequence) to the last one.

    Args:
        tokenizer: of Hugging Face.
        ids: [T] the completion's tokens.
        pieces: joined, its text.
    """
    text, joined = _said(tokenizer, ids), "".join(pieces)
    at = text.find(joined)
    if at < 0:
        return None
    spans: list[tuple[int, int]] = []
    begin = 0
    for piece in pieces[:-1]:
        at += len(piece)
        end = _first_that_reaches(tokenizer, ids, at, begin)
        spans.append((begin, end))
        begin = end
    return (*spans, (begin, len(ids)))


def _first_that_reaches(tokenizer: Any, ids: Sequence[int], length: int, least: int) -> int:
    """The smallest number of tokens whose text has so many characters: by halving, since decoding takes time in proportion to the tokens."""
    low, high = least, len(ids)
    while low < high:
        middle = (low + high) // 2
        if len(_said(tokenizer, ids[:middle])) >= length:
            high = middle
        else:
            low = middle + 1
    return low


def _said(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=True)) if ids else ""


def spans_of_turns(mask: npt.ArrayLike) -> Spans:
    """The stretches of a mask of the policy's own tokens, [T]: 1 (or more) where it wrote.

    >>> spans_of_turns([1, 1, 0, 1])
    ((0, 2), (3, 4))
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([False], np.asarray(mask) > 0, [False]))))
    return tuple(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def steps_of_turns(messages: Sequence[Mapping[str, Any]], tools: Sequence[str], calls: Sequence[int | None]) -> list[list[int]] | None:
    """Of each turn of the policy, the steps that its calls of tools were; None where the calls are not those that were counted.

    A call that names no tool, or whose arguments are no object, never reaches the environment; calls of the last turn may not have been carried out.

    Args:
        messages: of the completion; the policy's are those of the role "assistant".
        tools: names of the environment's tools.
        calls: of each call that reached it, in order, which step it was; None of one that was none.
    """
    turns: list[list[int]] = []
    at = 0
    for message in messages:
        if message.get("role") != "assistant":
            continue
        turn: list[int] = []
        for call in message.get("tool_calls") or ():
            function = call.get("function", {})
            if call.get("type") == "function" and function.get("name") in tools and isinstance(function.get("arguments"), Mapping) and at < len(calls):
                step = calls[at]
                at += 1
                turn.extend([] if step is None else [step])
        turns.append(turn)
    return turns if at == len(calls) else None

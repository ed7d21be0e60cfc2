"""The steps of a written solution."""

import re
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias, get_args

from prm_gym.errors import OptionError

Splitting: TypeAlias = Literal["auto", "paragraph", "line", "sentence"]

_BLOCKS = (("```", "```"), ("~~~", "~~~"), ("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"))
_BLOCK = re.compile(r"```|~~~|\$\$|\\\[|\\\(|\\begin\{([a-zA-Z]+\*?)\}")
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n\s*")
_LINE = re.compile(r"\n\s*")
_SENTENCE = re.compile(r"(?<![.!?])[.!?]++[\"”')\]]*+\s++(?=[^a-z])|\n\s*")
_ABBREVIATIONS = frozenset(
    ("mr", "mrs", "ms", "dr", "prof", "st", "no", "nos", "vs", "e.g", "i.e", "etc", "eq", "eqs", "fig", "approx", "resp", "cf", "vol", "inc", "ltd", "jr", "sr")
)
_LAST_WORD = re.compile(r"[\w.]*\Z")


def split_steps(text: str, how: Splitting = "auto") -> list[str]:
    r"""The steps of a solution, in order; joined they give the text back, character by character.

    A step keeps the blanks that follow it, and every step has a visible character. Code blocks, displayed formulas, `\(...\)` and LaTeX environments are
    never cut; one that is not closed protects nothing.

    >>> split_steps("There are 3 boxes.\n3 * 4 = 12 pens.\n#### 12", "line")
    ['There are 3 boxes.\n', '3 * 4 = 12 pens.\n', '#### 12']
    >>> split_steps("Mr. Lee has 2.5 kg. He eats 1 kg.", "sentence")
    ['Mr. Lee has 2.5 kg. ', 'He eats 1 kg.']

    Args:
        text: any text.
        how: `paragraph` (cut at blank lines), `line`, `sentence` (at full stops and line ends), or `auto`: the first of these that finds two steps.

    Returns:
        No step for a text without a visible character, else at least one.

    Raises:
        OptionError: no such way to split.
    """
    if how not in get_args(Splitting):
        raise OptionError(f"steps are split by one of {', '.join(get_args(Splitting))}, got {how!r}")
    if not text.strip():
        return []
    blocks = list(_blocks(text))
    if how != "auto":
        return _pieces(text, _WAYS[how](text), blocks)
    for cuts in _WAYS.values():
        pieces = _pieces(text, cuts(text), blocks)
        if len(pieces) > 1:
            return pieces
    return [text]


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Where nothing is cut: (begin, end) of every closed block, in order."""
    closings, unclosed = dict(_BLOCKS), set[str]()
    at = 0
    while (opening := _BLOCK.search(text, at)) is not None:
        closing = rf"\end{{{opening[1]}}}" if opening[1] else closings[opening[0]]
        end = -1 if closing in unclosed else text.find(closing, opening.end())
        if end < 0:
            unclosed.add(closing)
            at = opening.end()
            continue
        at = end + len(closing)
        yield opening.start(), at


def _pieces(text: str, cuts: Iterator[int], blocks: list[tuple[int, int]]) -> list[str]:
    pieces: list[str] = []
    begin, block = 0, 0
    for cut in (*cuts, len(text)):
        while block < len(blocks) and blocks[block][1] <= cut:
            block += 1
        inside = block < len(blocks) and blocks[block][0] < cut < blocks[block][1]
        if not inside and text[begin:cut].strip():
            pieces.append(text[begin:cut])
            begin = cut
    if begin < len(text):  # blanks at the end; there is a piece, for the text is not blank
        pieces[-1] += text[begin:]
    return pieces


def _paragraphs(text: str) -> Iterator[int]:
    return (match.end() for match in _PARAGRAPH.finditer(text))


def _lines(text: str) -> Iterator[int]:
    return (match.end() for match in _LINE.finditer(text))


def _sentences(text: str) -> Iterator[int]:
    for match in _SENTENCE.finditer(text):
        if match[0][0] != "." or not match[0][1].isspace() or "\n" in match[0] or not _abbreviates(text, match.start()):
            yield match.end()


def _abbreviates(text: str, stop: int) -> bool:
    """Whether a full stop ends no sentence: `Mr. Lee`, `J. Lee`, `1. First`."""
    word = _LAST_WORD.search(text, max(0, stop - 12), stop)
    written = word[0].strip(".") if word is not None else ""
    if written.isdigit():
        before = text[max(0, stop - 16) : stop - len(written)].rstrip(" \t")
        return not before or before[-1] in "\n.!?"
    return written.casefold() in _ABBREVIATIONS or (len(written) == 1 and written.isupper())


_WAYS: dict[str, Callable[[str], Iterator[int]]] = {"paragraph": _paragraphs, "line": _lines, "sentence": _sentences}

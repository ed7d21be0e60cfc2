"""What a reader would see of a text: without what is hidden in it, and without what is only quoted from the question or the rubric."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

_HIDING = ("display:none", "visibility:hidden", "font-size:0", "opacity:0")
_FLAT = ("script", "style")  # elements in which none begins
_WORD = re.compile(r"\w+(?:(?<=\d)[.,:](?=\d)\w+)*+")
GAP = "\0"  # stands between texts, and for what is left out: no word is it
_MARKDOWN_COMMENT = re.compile(r"^\[//\]: #[^\n]*+$", re.MULTILINE)
_UNSEEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn"))
QUOTED_WORDS = 6  # so many words in a row that stand in a source as well are a quotation


@lru_cache(maxsize=1 << 10)
def visible(text: str) -> str:
    r"""The text without comments, hidden elements and invisible characters, in compatibility form (NFKC).

    >>> visible("a<!-- b -->c <b style='display: none'>d</b>e pa\u200bss")
    'ac e pass'

    Args:
        text: as it was written.
    """
    if "<" in text:
        text = _without_elements(_without_comments(text))
    if "[//]" in text:
        text = _MARKDOWN_COMMENT.sub("", text)
    return legible(text)


@lru_cache(maxsize=1 << 10)
def legible(text: str) -> str:
    r"""The text without invisible characters, in compatibility form (NFKC); with the elements and comments that no reader is shown.

    >>> legible("<!-- pa\u200bss -->")
    '<!-- pass -->'

    Args:
        text: as it was written.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    if text.isprintable():
        return text
    return "".join(c for c in text if c in "\n\t" or unicodedata.category(c) not in _UNSEEN)


def _without_comments(text: str) -> str:
    parts: list[str] = []
    start = 0
    while (at := text.find("<!--", start)) >= 0:
        parts.append(text[start:at])
        end = text.find("-->", at + 4)
        start = len(text) if end < 0 else end + 3
    return "".join((*parts, text[start:]))


def _without_elements(text: str) -> str:
    """Without the elements that no browser shows, up to their own closing tag."""
    lowered, parts, start, at = text.lower(), list[str](), 0, 0
    if len(lowered) != len(text):  # a letter whose small form is longer: places would not agree
        text = lowered
    end = -1
    while (at := lowered.find("<", at)) >= 0:
        end = end if end > at else lowered.find(">", at)
        if end < 0:
            break
        name = re.match(r"[a-z][a-z0-9]{0,30}+", lowered[at + 1 : at + 40])
        if name is None:
            at += 1
            continue
        tag = "".join(lowered[at:end].split())
        if name[0] in (*_FLAT, "template") or any(way in tag for way in _HIDING) or re.search(r"\shidden\b", lowered[at:end]):
            parts.append(text[start:at])
            start = at = _closed(lowered, name[0], end)
        else:
            at = end + 1
    return "".join((*parts, text[start:]))


def _closed(lowered: str, name: str, start: int) -> int:
    """Where an element that is open at a place is over, with those of its name that stand in it."""
    depth = 1
    for tag in re.compile(rf"<(/?){name}(?![a-z0-9])").finditer(lowered, start):
        depth += -1 if tag[1] else name not in _FLAT
        if depth == 0:
            end = lowered.find(">", tag.start())
            return len(lowered) if end < 0 else end + 1
    return len(lowered)


@lru_cache(maxsize=1 << 10)
def words(text: str) -> tuple[str, ...]:
    """The words of a text, folded in case.

    Args:
        text: visible text.
    """
    return tuple(_WORD.findall(text.casefold()))


class Sources:
    """Texts that may be quoted without anything being said: the question, the instructions, the rubric itself."""

    def __init__(self, texts: Iterable[str]) -> None:
        """Remember every run of QUOTED_WORDS words.

        Args:
            texts: of the sources.
        """
        self._runs = {run for text in texts for run in _runs(words(visible(text)))}

    def own(self, text: str) -> tuple[str, ...]:
        """The words of a text, with gaps for those that are quoted from a source.

        Args:
            text: visible text.
        """
        written = words(text)
        quoted = bytearray(len(written))
        for place, run in enumerate(_runs(written)):
            if run in self._runs:
                quoted[place : place + QUOTED_WORDS] = b"\1" * QUOTED_WORDS
        return tuple(GAP if is_quoted else word for word, is_quoted in zip(written, quoted, strict=True))


@lru_cache(maxsize=256)
def sources_of(texts: tuple[str, ...]) -> Sources:
    """The sources of some texts, made once.

    Args:
        texts: of the sources.
    """
    return Sources(texts)


def _runs(written: Sequence[str]) -> list[tuple[str, ...]]:
    return [tuple(written[place : place + QUOTED_WORDS]) for place in range(len(written) - QUOTED_WORDS + 1)]


class Mentions:
    """Which of some terms stand among words, each counted once however often it stands there."""

    def __init__(self, written: Sequence[str], terms: Sequence[str]) -> None:
        """Look for the terms, as whole words in a row.

        Args:
            written: words, folded.
            terms: of one word or several.
        """
        self.words = sum(word != GAP for word in written)
        joined = f" {' '.join(written)} "
        spelled = {term: f" {' '.join(words(visible(term)))} " for term in terms}
        self.found = tuple(term for term in dict.fromkeys(terms) if len(spelled[term]) > 2 and spelled[term] in joined)
        self.covered = _covered(written, [words(visible(term)) for term in self.found])

    @property
    def share(self) -> float:
        """Share of the words that belong to terms, in [0, 1]."""
        return self.covered / self.words if self.words else 0.0


def _covered(written: Sequence[str], terms: Sequence[tuple[str, ...]]) -> int:
    heads: dict[str, list[tuple[str, ...]]] = {}
    for term in terms:
        heads.setdefault(term[0], []).append(term)
    marked = bytearray(len(written))
    for place, word in enumerate(written):
        for term in heads.get(word, ()):
            if tuple(written[place : place + len(term)]) == term:
                marked[place : place + len(term)] = b"\1" * len(term)
    return sum(marked)

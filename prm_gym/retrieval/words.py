"""Words of a text, and answers in the form in which they are compared."""

import re
import unicodedata

_WORD = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s\b")
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_LONGEST = 100_000  # characters that are read


def words(text: str) -> list[str]:
    """The words of a text in order, without case, punctuation and the 's of possession.

    >>> words("The MAYOR of Tarn-Holt's bridge")
    ['the', 'mayor', 'of', 'tarn', 'holt', 'bridge']
    """
    return _WORD.findall(_POSSESSIVE.sub("", unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()))


def normalized_answer(text: str) -> str:
    """An answer without case, punctuation, articles and extra spaces: equal answers are equal texts then.

    >>> normalized_answer(" The Beatles! ")
    'beatles'

    Punctuation within a number stays, so that 1.5 is not 15. Source: the evaluation script of SQuAD (Rajpurkar et al. 2016), there for ASCII alone.
    """
    plain = unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()
    kept = [c for i, c in enumerate(plain) if not _is_punctuation(c) or (c in ".,-" and _within_number(plain, i))]
    return " ".join(_ARTICLE.sub(" ", "".join(kept)).split())


def _is_punctuation(character: str) -> bool:
    return unicodedata.category(character)[0] in "PS"


def _within_number(text: str, place: int) -> bool:
    """Whether a mark is part of a number: a point or comma between digits, or a minus before one."""
    after = text[place + 1 : place + 2].isdigit()
    before = text[place - 1 : place] if place else ""
    return after and (before in ("", " ") if text[place] == "-" else before.isdigit())

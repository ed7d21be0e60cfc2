"""Words of a text, and answers in the form in which they are compared."""

import re
import unicodedata

_WORD = re.compile(r"\w+")
_POSSESSIVE = re.compile(r"['’]s\b")
_ARTICLE = re.compile(r"(?<!\S)(?:(?:a|an|the) )+(?=\S)")
_THOUSANDS = re.compile(r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])")
_VULGAR = re.compile(r"(?<=\d)[\u00bc-\u00be\u2150-\u215e]")  # 2½ is 2 1/2
_SIGNS = {0x2212: "-", 0x2010: "-", 0x2011: "-"}
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0002fa1f]")  # kana and Chinese characters
_LONGEST = 100_000  # characters that are read


def words(text: str) -> list[str]:
    """The words of a text in order, without case, punctuation and the 's of possession; of Chinese and Japanese, the pairs of characters.

    >>> words("The MAYOR of Tarn-Holt's bridge")
    ['the', 'mayor', 'of', 'tarn', 'holt', 'bridge']
    """
    if text.isascii():  # most texts, in a third of the time
        plain = text[:_LONGEST].lower()
        return _WORD.findall(_POSSESSIVE.sub("", plain) if "'" in plain else plain)
    found = _WORD.findall(_POSSESSIVE.sub("", unicodedata.normalize("NFKC", text[:_LONGEST]).casefold()))
    return [part for word in found for part in (_pairs(word) if _UNSPACED.search(word) else (word,))]


def _pairs(word: str) -> list[str]:
    """The pairs of neighbouring characters, for scripts that put no spaces between words."""
    return [word[i : i + 2] for i in range(max(len(word) - 1, 1))]


def normalized_answer(text: str) -> str:
    """An answer without case, punctuation, articles and extra spaces: equal answers are equal texts then.

    >>> normalized_answer(" The Beatles! ")
    'beatles'
    >>> normalized_answer("1,931"), normalized_answer("\u22125"), normalized_answer("3/4"), normalized_answer("C++"), normalized_answer("Vitamin A")
    ('1931', '-5', '3/4', 'c++', 'vitamin a')

    Marks that make another number of a number stay (1.5 is not 15, 3/4 not 34, 10:30 not 1030), but for commas between thousands; so do + and # behind a word
    or where there is nothing else. An article goes where another word follows it that is none; the last word stays. Source: the evaluation script of SQuAD
    (Rajpurkar et al. 2016), there for ASCII alone and with articles gone wherever they stand.
    """
    plain = text[:_LONGEST].translate(_SIGNS)
    plain = unicodedata.normalize("NFKC", _VULGAR.sub(r" \g<0>", plain)).casefold().replace("\u2044", "/")
    plain = _THOUSANDS.sub(lambda number: number[0].replace(",", ""), plain)
    kept = [c if _is_kept(plain, i) else "" for i, c in enumerate(plain)]
    return _ARTICLE.sub("", " ".join("".join(kept).split()))


def _is_kept(text: str, place: int) -> bool:
    """Whether a character is part of an answer: no punctuation, or a mark that belongs to a number or a name."""
    character = text[place]
    category = unicodedata.category(character)
    if category[0] not in "PS":
        return category != "Cf"  # marks without width, as texts from the web hold them
    before, after = text[place - 1 : place] if place else "", text[place + 1 : place + 2]
    if character in ".,/:-" and before.isdigit() and after.isdigit():
        return True
    if character == "-":
        return after.isdigit() and before in ("", " ", "(", "$")
    return character in "+#" and not after.isalnum() and (before.isalnum() or before in ("+", "#") or not text.strip("+# "))

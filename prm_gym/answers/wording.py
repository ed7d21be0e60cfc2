"""Answers that are words, letters of choices or numerals with a base."""

import re

from prm_gym.answers.outcome import RIGHT, Outcome, undecided, wrong
from prm_gym.answers.readings import Group, Numeral, Reading, Scalar, Unknown, Words

_CHOICE = re.compile(r"(?:(?:option|choice|answer)\s+)?\(?\s*([A-Ja-j])\s*\)?")
_CHOICE_AND_MORE = re.compile(r"\s*(?:(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\s+)?(?:\(\s*(?=[A-J]\s*\)))?([A-J])\s*(?:[).:]\s*(\S.*)?)?")  # (C) 14


def words(gold: Reading, answer: Reading) -> Outcome:
    """Compare texts, or the letters of choices."""
    one, other = choice(gold), choice(answer)
    if one and other:
        return RIGHT if one == other else wrong(f"it chooses {other}, the gold answer is {one}")
    if not (isinstance(gold, Words) and isinstance(answer, Words)):
        if isinstance(gold, Words) and len(gold.text.split()) > 2:
            return undecided("whether a text and something else mean the same cannot be told here")
        return wrong("one is text, the other is not")
    if _singulars(gold.text) == _singulars(answer.text):
        return RIGHT
    if len(gold.text.split()) > 2 or f" {gold.text} " in f" {answer.text} ":
        return undecided("whether two texts mean the same cannot be told here")
    return wrong("the words differ")


def choice(reading: Reading) -> str:
    """The letter of the choice that it names, in upper case; "" where it names none."""
    if isinstance(reading, Words):
        found = _CHOICE.fullmatch(reading.text)
        return found[1].upper() if found else ""
    if isinstance(reading, Unknown):
        found = _CHOICE_AND_MORE.fullmatch(re.sub(r"\\text|[{}]", " ", reading.text))
        return found[1] if found and not re.search(r"\b[A-J]\b", found[2] or "") else ""
    if isinstance(reading, Group) and reading.brackets == (":", "") and len(reading.items) == 2 and not choice(reading.items[1]):
        return choice(reading.items[0])  # B: 14
    if isinstance(reading, Scalar) and reading.node.kind == "name" and _CHOICE.fullmatch(reading.node.name):
        return reading.node.name
    return ""


def numerals(gold: Reading, answer: Reading) -> Outcome:
    """Compare numerals with a base; where only the gold answer has one, the question says which."""
    if isinstance(gold, Numeral) and isinstance(answer, Numeral):
        if gold.base != answer.base:
            return wrong(f"it is in base {answer.base}, the gold answer in base {gold.base}")
        return RIGHT if gold.value == answer.value else wrong("the numbers differ")
    if isinstance(gold, Numeral) and isinstance(answer, Scalar):  # the question says in which base, as it says in which unit
        digits = answer.text.replace(" ", "")
        if digits.isascii() and digits.isalnum() and all(digit in "0123456789ABCDEF"[: gold.base] for digit in digits):
            return RIGHT if int(digits, gold.base) == gold.value else wrong("the numbers differ")
    return wrong("one is a numeral with a base, the other is not")


def _singulars(text: str) -> str:
    """The words without the s of a plural: whether there are no solutions or no solution is the same."""
    return re.sub(r"(?<=[a-z]{3})(?<!s)s\b", "", text)

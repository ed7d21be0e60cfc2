"""Whether a text stands by the answer that it has stated: what it takes back, and what else it offers behind it."""

import re
from collections.abc import Callable

from prm_gym.answers.number_words import NUMBER_WORDS

MAX_OFFERS = 100  # places that look like another offer; a text with more of them hedges

_VALUE = (
    r"(?P<value>\$\\?[^$\n]{1,80}\$|\\\(.{1,80}?\\\)|\\boxed\s*\{[^{}\n]{1,80}\}|-?\\[dt]?frac\s*\{[^{}\n]{1,40}\}\s*\{[^{}\n]{1,40}\}|"
    r"(?<!\d)-?\$?\d[\d,]{0,40}+(?:\.\d{1,40})?(?:/\d{1,40})?"
    rf"|\(?\b(?-i:[A-J])\b\)?|\b(?:(?:negative|minus)\s)?(?:{'|'.join(sorted(NUMBER_WORDS, key=len, reverse=True))})\b)"
)
# Words that may stand between "or" and the other answer.
_FILLERS = (
    r"(?:[\s,:$({*]{0,8}+\b(?:it|it's|this|that|is|be|even|maybe|perhaps|possibly|probably|else|also|the|final|right|correct|true|answer|equals?|to|could|"
    r"may|might|would|as|well|just|simply|rather|alternatively|then|we|say|take|x|instead|equally|or)\b){0,8}+[\s,:=({*]{0,8}+"
)
_GAP = r"[^.!?\n\d\\$]{0,40}?"
_COULD = r"\b(?:could|may|might|can)\s+(?:(?:also|equally|perhaps|possibly|just|well|as|instead)\s+){0,3}(?:be|equal)\b"
_OFFERS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # Behind these comes another case.
        rf"\b(?:else|otherwise|if\s+not|failing\s+that|versus|vs|xor|unless|maybe|perhaps|possibly|probably|depending|"
        rf"other\s+cases?|(?:another|second|other)\s+(?:possibility|answer|candidate|reading|option)|in\s+case|"
        rf"if\s+(?:you|it|that|this|they|one|i)\s+\w+(?:n't|\s+not))\b{_GAP}{_VALUE}",
        rf"\b(?:alternatively|equally)\b{_FILLERS}{_VALUE}",
        rf"{_COULD}{_FILLERS}{_VALUE}",
        # "or 8" at the beginning of a sentence or of what is added
        rf"(?P<list>\d[\d.$]{{0,6}},\s{{0,2}}\$?\d[\d.$]{{0,6}})?(?:[.!?)]\s|\n|\(|,|;)\s*(?:or|nor|also)\b{_FILLERS}{_VALUE}",
        # "and 8 when not", "it is 8 if x < 0"
        rf"(?:\b(?:and|but|or|is|be|equals)\b|[,;\n]|[.!?]\s){_FILLERS}{_VALUE}\$?\s*,?\s*(?:if|when|where|unless|otherwise|in\s+case|provided|assuming|else)\b",
        rf"{_VALUE}\$?\s+(?:is|are|{_COULD})\s+(?:(?:also|too|equally|as|well|just|a|an|the|another|other)\s+){{0,4}}"
        r"(?:possib\w+|plausible|answer|right|correct|fine|acceptable|valid|option|candidate|likely)\b",
        rf"{_VALUE}\$?\s+(?:(?:would|could|may|might)\s+)?(?:also\s+works?|works?\s+(?:too|as\s+well|also|equally)|fits?\s+(?:too|as\s+well)|too(?=\s*(?:[.!?]|$)))\b",
    )
)
# Directly behind the answer: "7 or 8", "7 as well as 8", "7, 8.", "7 (8?)".
_NEXT = re.compile(
    rf"[\s$)}}\\*.-]{{0,20}}(?:,?\s*\b(?:or|nor|and|as\s+well\s+as)\b{_FILLERS}{_VALUE}|"
    rf"[^\w\\$\n-]{{0,12}}\s{{0,9}}{_VALUE.replace('?P<value>', '?P<next>')}[\s$?\])}}*]{{0,9}}[.!?]?\s*(?:$|\n))",
    re.IGNORECASE,
)
_OR = re.compile(r"\\text\s*\{\s*(?:or|nor)\s*\}|\\(?:lor|vee)(?![a-zA-Z])")
_OFFER = re.compile(r"\s*[$)\\*.]*\s*,?\s*(?:or|nor)\s+(?:[-$\\\d(]|\w+\s*[.!]?\s*$)", re.IGNORECASE)
_TAKEN_BACK = re.compile(
    r"\b(?:wait|actually|scratch\s+that|correction|on\s+second\s+thought|my\s+mistake|i\s+was\s+wrong|that(?:'s|\s+is|\s+was)\s+(?:wrong|incorrect|not\s+right)|"
    r"(?P<is_wrong>is\s+(?:wrong|incorrect))|ignore\s+(?:that|this|the)|made\s+a\s+mistake|let\s+me\s+re|hmm|oops|no,)",
    re.IGNORECASE,
)
_UNSURE = re.compile(r"\b(?:i\s+guess|(?:my|a)\s+(?:best\s+)?guess|guessing|not\s+sure|unsure|uncertain)\b", re.IGNORECASE)
_MORE = re.compile(r"\s*[-+*/^=×·][-+*/^=×·\d\s.()a-z\\{}]{0,80}?(?=\s*(?:\$|[.,;!?](?:\s|$)|\n|$))")
_LETTER_BEFORE = re.compile(r"\(?\b([A-J])\)?\s$")


def taken_back(text: str, end: int, answer: str) -> bool:
    """Whether what stands behind an answer takes it back; that another choice is wrong does not."""
    chosen = re.search(r"\b[A-J]\b", answer)
    for found in _TAKEN_BACK.finditer(text, end):
        subject = _LETTER_BEFORE.search(text, max(end, found.start() - 4), found.start()) if found["is_wrong"] else None
        if subject is None or chosen is None or subject[1] == chosen[0]:
            return True
    return False


def unsure(text: str, end: int) -> bool:
    """Whether what stands behind an answer says that it is a guess."""
    return _UNSURE.search(text, end) is not None


def offers_another(text: str, start: int, end: int, agrees: Callable[[str], bool]) -> bool:
    """Whether a part of a text, directly behind an answer, offers another one.

    Args:
        text: the whole.
        start: where the answer ends.
        end: where the part ends.
        agrees: whether something offered means the answer itself.
    """
    part = _OR.sub(" or ", text[start:end])
    found = _NEXT.match(part)
    if found is not None:
        if not agrees(_offered(found)):
            return True
    elif _OFFER.match(part):
        return True
    for pattern in _OFFERS:
        for count, found in enumerate(pattern.finditer(part)):
            if found.groupdict().get("list"):
                continue  # "2, 3, or 4" is a list
            if count >= MAX_OFFERS or not agrees(_offered(found)):
                return True
    return False


def _offered(found: re.Match[str]) -> str:
    """What is offered: a number, or the expression that begins there, behind its last sign of equality."""
    name = "value" if found["value"] else "next"
    start, end = found.span(name)
    more = _MORE.match(found.string, end)
    return found.string[start : more.end() if more else end].rpartition("=")[2].strip(" $")

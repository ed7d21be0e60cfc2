"""Whether an answer to a question about pages is right."""

import re
from collections.abc import Sequence

LONGEST = 400
_DROPPED = re.compile(r"[\"'“”‘’.!?]+\Z|\A[\"'“”‘’]+")
_NUMBER = re.compile(r"[-+]?\d{1,12}(?:,\d{3})*(?:\.\d{1,6})?")
_CURRENCY = re.compile(r"(?:eur|euros?|usd|dollars?|€|\$|£)", re.IGNORECASE)
_ARTICLE = re.compile(r"\A(?:the|a|an|it is|it's|answer:)\s+", re.IGNORECASE)


def is_right(text: str, answers: Sequence[str]) -> bool:
    """Whether an answer says the same as one of the right ones.

    Case, white space, quotes and a full stop at the end do not matter, nor does the currency of an amount; numbers are compared as numbers, and where the right
    answer is a list (parts after "; ") its order does not matter.

    >>> is_right("EUR 12.5", ["12.50"]), is_right("Anna Berg; Tom Lind", ["Tom Lind; Anna Berg"]), is_right("12 or 13", ["12"])
    (True, True, False)

    Args:
        text: what was answered.
        answers: the right ones.
    """
    if len(text) > LONGEST:
        return False
    return any(_same(text, answer) for answer in answers)


def _same(text: str, answer: str) -> bool:
    if ";" in answer:
        given, wanted = (sorted(_plain(part) for part in re.split(r"[;\n]|,\s", whole) if part.strip()) for whole in (text, answer))
        return given == wanted
    return _plain(text) == _plain(answer)


def _plain(text: str) -> str:
    text = " ".join(text.split()).casefold()
    text = _ARTICLE.sub("", _DROPPED.sub("", text)).strip()
    amount = _CURRENCY.sub("", text).strip()
    if _NUMBER.fullmatch(amount):
        return f"{float(amount.replace(',', '')):g}"
    return text

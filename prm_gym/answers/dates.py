"""Dates as answers: a day of the calendar is no subtraction."""

import re
from datetime import date

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_NAMES = "|".join(f"{name[:3]}(?:{name[3:]})?\\.?" if name != "may" else "may" for name in _MONTHS)
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)", re.ASCII)
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{1,2})", re.ASCII)
_DAY_FIRST = re.compile(rf"(\d{{1,2}})(?:st|nd|rd|th)?\s*(?:of\s+)?({_NAMES})\s*,?\s*(\d{{4}})", re.ASCII | re.IGNORECASE)
_MONTH_FIRST = re.compile(rf"({_NAMES})\s*(\d{{1,2}})(?:st|nd|rd|th)?\s*,?\s*(\d{{4}})", re.ASCII | re.IGNORECASE)
_UNCLEAR = re.compile(rf"\d{{1,2}}\s*[-/.]\s*\d{{1,2}}\s*[-/.]\s*\d{{2,4}}|{_NAMES}", re.ASCII | re.IGNORECASE)


def iso_date(text: str) -> date | None:
    """The date that a text in the form of ISO 8601 (2032-06-28) is; None for any other text."""
    match = _ISO.fullmatch(text.strip())
    return _date(match[1], match[2], match[3]) if match else None


def same_date(answer: str, gold: date) -> bool | None:
    """Whether an answer is the date; None where it may be one in a form with two readings (3/4/2024).

    Args:
        answer: with the year first (2032-06-28, 2032/6/28), or with the name of the month (28 June 2032, June 28, 2032).
        gold: the date.
    """
    text = " ".join(answer.replace("\\text", "").strip(" $.{}").split())
    for pattern, order in ((_YEAR_FIRST, (1, 2, 3)), (_DAY_FIRST, (3, 2, 1)), (_MONTH_FIRST, (3, 1, 2))):
        match = pattern.fullmatch(text)
        if match:
            return _date(*(match[group] for group in order)) == gold
    return None if _UNCLEAR.search(text) else False


def _date(year: str, month: str, day: str) -> date | None:
    number = int(month) if month.isdigit() else next(place for place, name in enumerate(_MONTHS, start=1) if name[:3] == month[:3].lower())
    try:
        return date(int(year), number, int(day))
    except ValueError:
        return None

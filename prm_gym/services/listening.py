"""What listeners understand of a message in ordinary English: whether it refuses, asks one of several things, or says that nothing is done; and its times."""

import re

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_REFUSING = re.compile(
    r"\b(?:cannot|can not|can't|couldn't|unable|refuse|declin\w+|forbid\w*|prohibit\w*|disallow\w*|ineligible|against (?:\w+ )?policy"
    r"|(?:not|isn't|aren't|wasn't|no longer) (?:be )?(?:possible|allowed|able|permitted|eligible|authorized|authorised|something (?:i|we) (?:can|may))"
    r"|won't be (?:able|possible)|(?:will|would) not be (?:able|possible)|may not|must not"
    r"|(?:doesn't|does not|don't|do not|won't|will not) (?:allow|permit)|outside (?:of )?(?:what )?(?:the|our|your)[\w\s-]{0,20}(?:policy|window|allows))",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"\b(?:without (?:your|an?|the|his) (?:\w+ ){0,2}(?:yes|ok|okay|approval|confirmation|consent|permission|agreement)|until you|unless you|before you"
    r"|be (?:undone|reversed|reverted|changed|modified|stopped|cancelled|canceled|taken back)"
    r"|offer (?:your|you)|first choice|out of stock|transfer|hand(?:ing)? (?:you )?over|colleague|only (?:be )?\w+ once"
    r"|(?:can't|cannot|can not|unable to) (?:see|find|tell|use|offer|locate|reach))\b",
    re.IGNORECASE,
)
_ASKING = re.compile(r"\?\W*$|\b(?:please confirm|do you confirm|confirm (?:this|that)|shall i|may i)\b", re.IGNORECASE)
_EITHER = re.compile(r"(?<!yes )\bor\b(?! not\b)|\b(?:either|whether)\b", re.IGNORECASE)
_NEGATED = re.compile(
    r"\b(?:i|we)(?:'ll)? (?:will |shall |would |am |are |do |did |have )?(?:not|never)\b|\b(?:i|we) (?:won't|don't|didn't|haven't)\b", re.IGNORECASE
)
_TIME = re.compile(r"(?<![\d:.$])(\d{1,2})(?::([0-5]\d))?\s*([ap])\.?m\b|(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])", re.IGNORECASE)


def plain(text: str) -> str:
    """The text with straight apostrophes and dashes."""
    return text.translate({0x2018: "'", 0x2019: "'", 0x02BC: "'", 0x2013: "-", 0x2014: "-"})


def refuses(text: str, names: re.Pattern[str]) -> bool:
    """Whether a message refuses something.

    A message that asks something and names a thing in the question offers; it does not refuse. Neither does a sentence that says under what condition something
    can be done, what cannot be taken back, or who else will do it.

    Args:
        text: the message, in plain characters.
        names: what things look like.
    """
    sentences = _SENTENCE.split(text)
    if any(_ASKING.search(sentence) and names.search(sentence) for sentence in sentences):
        return False
    return any(not sentence.rstrip().endswith("?") and _REFUSING.search(sentence) and not _LIMIT.search(sentence) for sentence in sentences)


def leaves_open(text: str) -> bool:
    """Whether a message names one thing or another."""
    return _EITHER.search(text) is not None


def negates(text: str, verb: re.Pattern[str]) -> bool:
    """Whether a sentence with a verb says that its writer does not do it."""
    return any(_NEGATED.search(sentence) and verb.search(sentence) for sentence in _SENTENCE.split(text))


def asked_in(text: str) -> str:
    """The questions of a message, without what stands before a semicolon or colon of theirs."""
    return " ".join(re.split(r"[;:]\s", sentence)[-1] for sentence in _SENTENCE.split(text) if sentence.rstrip().endswith("?"))


def times_in(text: str) -> list[str]:
    """The times of day that stand in a text, as 09:30, each once; "3:30 PM" is 15:30."""
    found: list[str] = []
    for match in _TIME.finditer(text):
        hour, minute, half, hours, minutes = match.groups()
        if half is None:
            found.append(f"{int(hours):02}:{minutes}")
        elif 1 <= int(hour) <= 12:
            found.append(f"{int(hour) % 12 + 12 * (half in 'pP'):02}:{minute or '00'}")
    return list(dict.fromkeys(found))

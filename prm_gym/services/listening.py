"""What listeners understand of a message in ordinary English: what it refuses, asks, leaves open or says not to be done; and its times."""

import re

_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_REFUSING = re.compile(
    r"\b(?:cannot|can not|can't|can no longer|couldn't|unable|refuse|declin\w+|forbid\w*|prohibit\w*|disallow\w*|ineligible|against (?:\w+ )?policy"
    r"|(?:not|isn't|aren't|wasn't|no longer) (?:be )?(?:possible|allowed|able|permitted|eligible|authorized|authorised|something (?:i|we) (?:can|may))"
    r"|won't be (?:able|possible)|(?:will|would) not be (?:able|possible)|may not|must not"
    r"|(?:doesn't|does not|don't|do not|won't|will not) (?:allow|permit|qualify)|window (?:\w+ ){0,6}(?:closed|expired)"
    r"|outside (?:of )?(?:what )?(?:the|our|your)[\w\s-]{0,20}(?:policy|window|allows))",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"\b(?:without (?!(?:break|violat|breach|mak|risk|going)\w*)\w+|(?:until|unless|before) (?:you|i|we)\b"
    r"|(?:can't|cannot|can not|unable to)(?: [\w ]{1,40})? yet|to guess|can(?:no|')t wait|otherwise"
    r"|be (?:undone|reversed|reverted|restored|taken back)|again|later|afterwards"
    r"|first choice|out of stock|transfer|hand(?:ing)? (?:you )?over|colleague|only (?:be )?\w+ once"
    r"|(?:can't|cannot|can not|couldn't|(?:un|not )able to) (?:quite )?"
    r"(?:see|find|tell|use|locate|reach|determine|identify|know|work out|make out|be sure|guess|verify))\b",
    re.IGNORECASE,
)
_CLAUSE = re.compile(
    r"[,;:]?\s+(?=(?:but|however|although|though|instead)\b)|,\s+(?=(?:would|shall|should|may|can|could|do|is|are|which|what|how)\b)|;\s+|\s-+\s", re.IGNORECASE
)
_OFFERING = re.compile(r"^\W*(?:but|however|instead|alternatively)\W+(?:i|we)(?:'ll|'d| can| could| will| would)\b(?!'t| ?not)", re.IGNORECASE)
_WHICH = r"(?:which|what|where|who|whom|whose|when|how)\b"
_ASKING = re.compile(
    rf"\?\W*$|\b(?:do you confirm|(?<!can )confirm (?:this|that)|shall i|may i|let me know|(?:tell me|know) (?:if|whether|{_WHICH})"
    r"|(?:please|kindly) (?:confirm|tell|specify|clarify|choose|select|pick|indicate|provide|reply|state|give|share))\b",
    re.IGNORECASE,
)
_SETTLED = re.compile(
    r"\b(?:anything else|(?:what|how) else (?:can|could|may|do|would)|(?:with|about|do) something else|something else (?:i|you)"
    r"|(?:any|other|another|further|more|additional) (?:\w+ ){0,2}(?:questions?|requests?|concerns?|matters?|help|assistance|issues?)"
    r"|help (?:you )?with anything"
    r"|is (?:that|this|it) (?:\w+ )?(?:okay|ok|all right|alright|clear|fine|acceptable)|makes? sense|underst(?:an|oo)d)\b",
    re.IGNORECASE,
)
_OPEN = re.compile(
    rf"^\W*(?:(?:and|so|but|then|now|first|please|sorry|okay|just|also|exactly|for|to|on|of|from|with|in|at)\W+){{0,4}}{_WHICH}"
    r"|\b(?:can|could|would|will) you (?:please )?(?:tell|clarify|specify|explain|describe|elaborate|let me know|share|give|provide|remind)\b"
    rf"|\b(?:tell|let|show|specify|clarify|confirm|ask|know|say|indicate|choose|pick|share|provide)(?: (?:me|us|know|to|exactly)){{0,4}} {_WHICH}",
    re.IGNORECASE,
)
_PROPOSING = re.compile(r"\bhow (?:does|do|is) (?:that|this)\b|\bwhat do you (?:say|think)\b|\b(?:how|what) about\b", re.IGNORECASE)
_EITHER = re.compile(r"(?<!yes )\bor\b(?! not\b)|\b(?:either|whether)\b", re.IGNORECASE)
_NEGATED = re.compile(
    r"\b(?:i|we)(?:'ll)? (?:will |shall |would |am |are |do |did |have )?(?:not|never)\b|\b(?:i|we) (?:won't|don't|didn't|haven't)\b", re.IGNORECASE
)
_TIME = re.compile(r"(?<![\d:.$])(\d{1,2})(?::([0-5]\d))?\s*([ap])\.?m\b|(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?![\d:])", re.IGNORECASE)


def plain(text: str) -> str:
    """The text with straight apostrophes and dashes."""
    return text.translate({0x2018: "'", 0x2019: "'", 0x02BC: "'", 0x2013: "-", 0x2014: "-"})


def refuses(text: str) -> bool:
    """Whether a message refuses something, and leaves it at that.

    A message that asks something does not, nor one that offers something else, unless it asks whether that is all. Neither does a clause that says under what
    condition something can be done, what cannot be taken back, what its writer does not know, or who else will do it.
    """
    if any(_ASKING.search(sentence) and not _SETTLED.search(sentence) for sentence in _SENTENCE.split(text)):
        return False
    offers = any(_OFFERING.search(clause) and not _SETTLED.search(clause) for clause in _clauses(text))
    return bool(parted(text)[1]) and not offers


def parted(text: str) -> tuple[str, str]:
    """A message without its clauses that refuse something, and these."""
    parts: tuple[list[str], list[str]] = [], []
    for clause in _clauses(text):
        refusing = not clause.rstrip().endswith("?") and _REFUSING.search(clause) and not _LIMIT.search(clause)
        parts[bool(refusing)].append(clause)
    return " ".join(parts[0]), " ".join(parts[1])


def _clauses(text: str) -> list[str]:
    return [clause for sentence in _SENTENCE.split(text) for clause in _CLAUSE.split(" ".join(sentence.split()))]


def asks_openly(text: str) -> bool:
    """Whether a message asks which, what or how, and nothing that yes or no would answer."""
    asking = [sentence for sentence in _SENTENCE.split(text) if _ASKING.search(sentence)]
    return bool(asking) and all(_OPEN.search(sentence) and not _PROPOSING.search(sentence) for sentence in asking)


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

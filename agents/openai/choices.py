"""Listed actions as a question with labelled answers, and how an answer is read."""

import re
from collections.abc import Sequence
from itertools import count, islice, product
from string import ascii_uppercase

_ASK = "Choose the next action. Answer with its {kind} alone."
_ASK_REASONED = 'Choose the next action. Think first, then write its {kind} alone on a line that begins with "Action:".'
_AGAIN = "That is none of the listed actions. Answer with the {kind} of one of them ({first} to {last}), and nothing else."
_SAID = r"(?:(?:the\s+)?(?:final\s+)?(?:answer|action|choice|option|number|letter)(?:\s+is)?\s*[:#]?\s*)?"
_LABELLED = re.compile(_SAID + r"[\[(#]?([A-Z]{1,3}|\d{1,5})[\])]?\s*[.:)]?", re.IGNORECASE)
_LEADING = re.compile(r"[\[(#]?([A-Z]{1,3}|\d{1,5})[\])]?\s*[.:)]\s+(.+)", re.IGNORECASE)
_WRAPPING = "*_`\"' \t"


def labels(actions: Sequence[str]) -> list[str]:
    """A label for each action: 1, 2, ...; or A, B, ..., where an action is itself a number, which would be two things at once."""
    if not any(re.fullmatch(r"\d{1,5}", action.strip()) for action in actions):
        return [str(number) for number in range(1, len(actions) + 1)]
    letters = ("".join(word) for length in count(1) for word in product(ascii_uppercase, repeat=length))
    taken = {action.strip().upper() for action in actions}
    return list(islice((letter for letter in letters if letter not in taken), len(actions)))


def question(actions: Sequence[str], reason: bool = False) -> str:
    """The listed actions, and what is wanted; with `reason`, some thought before it."""
    listed = [f"{label}. {action}" for label, action in zip(labels(actions), actions, strict=True)]
    return "\n".join(["Actions:", *listed, (_ASK_REASONED if reason else _ASK).format(kind=_kind(actions))])


def asked_again(actions: Sequence[str]) -> str:
    """What is said to an answer that cannot be read."""
    named = labels(actions)
    return _AGAIN.format(kind=_kind(actions), first=named[0], last=named[-1])


def _kind(actions: Sequence[str]) -> str:
    return "number" if labels(actions)[0] == "1" else "letter"


def read_choice(answer: str, actions: Sequence[str]) -> str | None:
    """The action that an answer names; None where it names none, or leaves open which.

    The whole answer counts: a label ("3", "(3)", "Action: 3"), the text of an action, or both where they agree ("3. go left"). So does the first or the last of
    its lines, if no other line names another action.

    >>> read_choice("Action: 2", ["go left", "go right"]), read_choice("go left", ["go left", "go right"]), read_choice("left", ["go left", "go right"])
    ('go right', 'go left', None)
    """
    lines = [line for line in answer.splitlines() if line.strip()]
    whole = _named(answer, actions)
    if whole is not None or len(lines) < 2:
        return whole
    found = [action for line in lines if (action := _named(line, actions)) is not None]
    ends = [action for line in (lines[0], lines[-1]) if (action := _named(line, actions)) is not None]
    return ends[-1] if ends and len(set(found)) == 1 else None


def _named(text: str, actions: Sequence[str]) -> str | None:
    """The action that a line names by its text or by its label."""
    exact = text.strip()
    if exact in actions:
        return exact
    plain = exact.strip(_WRAPPING)
    texts = {action.strip(_WRAPPING): action for action in actions}
    if plain in texts:
        return texts[plain]
    by_label = dict(zip(labels(actions), actions, strict=True))
    both = _LEADING.fullmatch(plain)
    if both:
        action = by_label.get(both[1].upper())
        return action if action is not None and both[2].strip(_WRAPPING) == action.strip(_WRAPPING) else None
    label = _LABELLED.fullmatch(plain)
    if label:
        return by_label.get(label[1].upper().lstrip("0") or "0")
    return None

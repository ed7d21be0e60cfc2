"""The actions that can be listed on a page, for agents that choose among them."""

import re
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np

from prm_gym.task import content_key
from prm_gym.web.actions import Action, Answer, Back, Click, Scroll, Select, Tab, Type, action_text, quoted
from prm_gym.web.by_identity import ByIdentity
from prm_gym.web.observation import WINDOW, Item, Sight

IMPOSSIBLE = "impossible"
LONGEST_ANSWER, MOST_OPTIONS = 60, 12
_VALUE = re.compile(r"\A[^:]{1,40}:\s+(.+)\Z")
Sought: TypeAlias = Literal["", "number", "text", "anything"]
_COUNTED = re.compile(r"\bhow (?:many|often)\b|(?:\A|[.!?:]\s+)count\b|\btell me the number of\b", re.IGNORECASE)
_TALLY = re.compile(r" \(\d+\)\Z")
_AMOUNT = re.compile(r"(?<![\w,.-])(?:\d[\d,.:]*\d|\d)(?![\w-])")  # no part of a date or of an item number


def sought_by(wish: str) -> Sought:
    """Whether a question asks for a number or for a text.

    >>> sought_by("How many reviews has the mug?"), sought_by("Star the mail of Ann. Then: Count the mails with the label A."), sought_by("Who wrote it?")
    ('number', 'number', 'text')
    """
    return "number" if _COUNTED.search(wish) else "text"


def listed_actions(sight: Sight, start: int, phrases: tuple[str, ...], sought: Sought, most: int, frame: AbstractSet[str] = frozenset()) -> tuple[str, ...]:
    """What can be done on the page that is seen, in a random order that depends on the page alone.

    Clicks on what is shown, each phrase for each field, options, the way back, and answers: `answer` alone and "impossible". Where something is asked, as far
    as there is room, also answers: for a number 0 to 9 and the numbers that the page says; for a text the phrases, what the page says, and the names of its
    links, but not those of the frame that all pages of a site have. So a right answer is listed where it is seen, and as little else as can be.

    Args:
        sight: what is to be seen.
        start: place of the first item that is shown.
        phrases: the texts that may be typed.
        sought: what is asked for; "anything" for all that is listed for numbers and for texts, empty where nothing is asked.
        most: at most so many; a random part where there are more.
        frame: names of the links of header, navigation and footer, without a number in parentheses at their end.
    """
    rest = (start, phrases, sought, most, frame, sight.url, len(sight.tabs), sight.tab)
    return _LISTED.get(sight.items, *rest) or _LISTED.put(_listed(sight, start, phrases, sought, most, frame), sight.items, *rest)


_LISTED = ByIdentity[tuple[str, ...]](4096)


def _listed(sight: Sight, start: int, phrases: tuple[str, ...], sought: Sought, most: int, frame: AbstractSet[str]) -> tuple[str, ...]:
    shown = sight.items[start : start + WINDOW]
    texts = [text for item in shown if item.ref and "disabled" not in item.states for text in _on(item, phrases)]
    found: list[Action] = [Back(), Answer(), Answer(IMPOSSIBLE), *(Tab(number + 1) for number in range(len(sight.tabs)) if number != sight.tab)]
    found += [Scroll("down")] * (start + WINDOW < len(sight.items)) + [Scroll("up")] * (start > 0)
    texts += map(action_text, found)
    rng = np.random.default_rng(int(content_key(sight.url, *texts)[:16], 16))
    if sought:
        small = dict.fromkeys(map(str, range(10))) if sought != "text" else dict[str, None]()
        small |= dict.fromkeys(phrases) if sought != "number" else {}
        texts += [f"answer {quoted(text)}" for text in small if text != IMPOSSIBLE]
        said = dict.fromkeys(text for item in shown if not _is_frame(item, frame) for text in (_amounts(item) if sought == "number" else _said(item)))
        there = [text for text in said if text not in small and text != IMPOSSIBLE]
        order: list[int] = rng.permutation(len(there)).tolist()
        texts += [f"answer {quoted(there[i])}" for i in order[: max(0, most - len(texts))]]  # what can be done goes before what can be said
    order = rng.permutation(len(texts)).tolist()
    return tuple(texts[i] for i in order[:most])


def _is_frame(item: Item, frame: AbstractSet[str]) -> bool:
    return item.role == "link" and bool(frame) and _TALLY.sub("", item.name) in frame


@lru_cache(1 << 14)
def _on(item: Item, phrases: tuple[str, ...]) -> tuple[str, ...]:
    """What can be done with an element."""
    of = f"{item.role} {quoted(item.name)}"
    if item.role in ("textbox", "searchbox"):
        return () if "readonly" in item.states else tuple(action_text(Type(item.ref, phrase, of)) for phrase in phrases if phrase != item.value)
    if item.role == "combobox" and item.options:
        return tuple(action_text(Select(item.ref, option, of)) for option in item.options[:MOST_OPTIONS] if option != item.value)
    return (action_text(Click(item.ref, 1, of)),)


@lru_cache(1 << 14)
def _said(item: Item) -> tuple[str, ...]:
    """What an item of the page says that may be an answer."""
    if item.role == "combobox" and item.value and len(item.value) <= LONGEST_ANSWER:
        return (item.value,)
    if item.ref and item.role != "link":
        return ()
    parts = [part.strip() for part in item.name.split(" | ")]
    values = [found[1].strip() for part in parts if (found := _VALUE.match(part))]
    if item.role == "text":  # of a named value only the value
        parts = [part for part in parts if not _VALUE.match(part)]
    return tuple(text for text in (*parts, *values, *_amounts(item)) if 0 < len(text) <= LONGEST_ANSWER)


@lru_cache(1 << 14)
def _amounts(item: Item) -> tuple[str, ...]:
    """The numbers in a line or heading of the page."""
    if item.role not in ("text", "heading"):
        return ()
    return tuple(amount for amount in _AMOUNT.findall(item.name) if len(amount) <= LONGEST_ANSWER)

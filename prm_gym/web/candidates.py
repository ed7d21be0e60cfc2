"""The actions that can be listed on a page, for agents that choose among them."""

import re
from functools import lru_cache

import numpy as np

from prm_gym.task import content_key
from prm_gym.web.actions import Action, Answer, Back, Click, Scroll, Select, Tab, Type, action_text, quoted
from prm_gym.web.observation import WINDOW, Item, Sight

IMPOSSIBLE = "impossible"
LONGEST_ANSWER, MOST_OPTIONS = 60, 12
_VALUE = re.compile(r"\A[^:]{1,40}:\s+(.+)\Z")
_AMOUNT = re.compile(r"(?<![\w,.-])(?:\d[\d,.:]*\d|\d)(?![\w-])")  # no part of a date or of an item number


@lru_cache(2048)
def listed_actions(sight: Sight, start: int, phrases: tuple[str, ...], asked: bool, most: int) -> tuple[str, ...]:
    """What can be done on the page that is seen, in a random order that depends on the page alone.

    Clicks on what is shown, each phrase for each field, options, the way back, and answers: `answer` alone and "impossible", and where something is asked the
    phrases, small numbers and what the page says, as far as there is room.

    Args:
        sight: what is to be seen.
        start: place of the first item that is shown.
        phrases: the texts that may be typed.
        asked: something is asked.
        most: at most so many; a random part where there are more.
    """
    shown = sight.items[start : start + WINDOW]
    texts = [text for item in shown if item.ref and "disabled" not in item.states for text in _on(item, phrases)]
    found: list[Action] = [Back(), Answer(), Answer(IMPOSSIBLE), *(Tab(number + 1) for number in range(len(sight.tabs)) if number != sight.tab)]
    found += [Scroll("down")] * (start + WINDOW < len(sight.items)) + [Scroll("up")] * (start > 0)
    texts += map(action_text, found)
    rng = np.random.default_rng(int(content_key(sight.url, *texts)[:16], 16))
    if asked:
        small = dict.fromkeys((*phrases, *map(str, range(10))))
        texts += [f"answer {quoted(text)}" for text in small if text != IMPOSSIBLE]
        said = [text for text in dict.fromkeys(text for item in shown for text in _said(item)) if text not in small and text != IMPOSSIBLE]
        order: list[int] = rng.permutation(len(said)).tolist()
        texts += [f"answer {quoted(said[i])}" for i in order[: max(0, most - len(texts))]]  # what can be done goes before what can be said
    order = rng.permutation(len(texts)).tolist()
    return tuple(texts[i] for i in order[:most])


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
    amounts = [amount for part in parts for amount in _AMOUNT.findall(part)]
    if item.role == "text":  # of a named value only the value
        parts = [part for part in parts if not _VALUE.match(part)]
    return tuple(text for text in (*parts, *values, *amounts) if 0 < len(text) <= LONGEST_ANSWER)

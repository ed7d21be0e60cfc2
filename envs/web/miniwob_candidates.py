"""The actions that can be listed on a page of MiniWoB, for agents that choose among them."""

import re
from functools import lru_cache

import numpy as np

from prm_gym.task import content_key
from prm_gym.web import Item, Sight, action_text, quoted
from prm_gym.web.actions import Click, Press, Scroll, Select, Type
from prm_gym.web.observation import WINDOW

MOST_PHRASES, MOST_OPTIONS = 8, 12
_QUOTED = re.compile(r'"([^"]+)"')
_BEGINNINGS = frozenset(
    ("select", "click", "enter", "type", "find", "use", "the", "submit", "press", "using", "drag", "choose", "search", "book", "for", "and")
)


@lru_cache(1024)
def phrases_of(said: str) -> tuple[str, ...]:
    """Texts that an agent may want to type: what is said in quotes; where nothing is, words that begin with a capital or hold a digit.

    >>> phrases_of('Enter the username "keli" and the password "1b" into the text fields and press login.')
    ('keli', '1b')
    >>> phrases_of("Select -3 with the slider, click the 1st checkbox, then hit Submit.")
    ('-3', '1st')
    """
    found = _QUOTED.findall(said)
    if not found:
        found = [
            word for word in re.findall(r"[-@]?\w[\w:/.-]*\w|-?\w", said) if (word[:1].isupper() or re.search(r"\d", word)) and word.lower() not in _BEGINNINGS
        ]
    return tuple(dict.fromkeys(found))[:MOST_PHRASES]


def miniwob_actions(sight: Sight, start: int, phrases: tuple[str, ...], most: int) -> tuple[str, ...]:
    """What can be done on the page that is seen, in a random order that depends on the page alone: clicks, phrases for fields, options, keys of sliders.

    Args:
        sight: what is to be seen.
        start: place of the first item that is shown.
        phrases: the texts that may be typed.
        most: at most so many; a random part where there are more.
    """
    shown = sight.items[start : start + WINDOW]
    texts = [text for item in shown if item.ref and "disabled" not in item.states for text in _on(item, phrases)]
    texts += [action_text(Scroll("down"))] * (start + WINDOW < len(sight.items)) + [action_text(Scroll("up"))] * (start > 0)
    texts.append("noop")
    rng = np.random.default_rng(int(content_key(sight.url, *texts)[:16], 16))
    order: list[int] = rng.permutation(len(texts)).tolist()
    return tuple(texts[i] for i in order[:most])


@lru_cache(1 << 13)
def _on(item: Item, phrases: tuple[str, ...]) -> tuple[str, ...]:
    of = f"{item.role} {quoted(item.name)}"
    if item.role in ("textbox", "searchbox"):
        typed = () if "readonly" in item.states else tuple(action_text(Type(item.ref, phrase, of)) for phrase in phrases if phrase != item.value)
        return (action_text(Click(item.ref, 1, of)), *typed)
    if item.role in ("combobox", "listbox") and item.options:
        return tuple(action_text(Select(item.ref, option, of)) for option in item.options[:MOST_OPTIONS] if option != item.value)
    if item.role == "slider" or "slider-handle" in item.name:
        return tuple(action_text(Press(key, item.ref)) for key in ("ArrowLeft", "ArrowRight"))
    return (action_text(Click(item.ref, 1, of)),)

"""What an agent sees of a page: numbered elements and lines of text, the same from a real browser and from the text mode.

    title: Kettle & Co
    url: http://shop.test/search?q=mug
    [1] link "Home"
    [2] searchbox "Search" value "mug"
    # Results
    - 12 products
    [4] link "Blue mug"
    - 12.50 EUR
    [5] combobox "Size" value "M" options "S", "M", "L"
    [6] checkbox "Gift wrap" checked

A line that begins with a number in brackets is an element that can be acted on; "# " a heading; "- " what the page says. The names of elements and what fields
hold are in quotes, and a text of the page is one line that begins with "- ", so that no text can look like an element.
"""

from functools import lru_cache

import msgspec

from prm_gym.web.actions import quoted
from prm_gym.web.by_identity import ByIdentity

WINDOW = 200  # items that are shown at once
OVERLAP = 10  # of them shown again after scrolling
LONGEST_NAME, LONGEST_VALUE, LONGEST_LINE, LONGEST_URL, MOST_OPTIONS = 160, 500, 400, 2000, 60


class Item(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An element, a heading, an image or a line of text.

    Attributes:
        ref: number of an element that can be acted on; 0 for the others. It stays as long as the element is in the page.
        role: "link", "button", "textbox", "searchbox", "checkbox", "radio", "combobox", "listbox", "slider", "tab", "menuitem", "option", "clickable", "file";
            of what has no number: "heading", "image", "text".
        name: what it is called, or the text.
        value: what a field holds, or the label of the chosen option; None where there is none.
        states: of "checked", "disabled", "readonly", "expanded", "collapsed", "current", "pressed", "selected", "invalid", "focused", in this order.
        options: labels of the options that a list offers.
    """

    ref: int
    role: str
    name: str
    value: str | None = None
    states: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


class Sight(msgspec.Struct, frozen=True, gc=False):
    """What is to be seen.

    Attributes:
        url: address of the page, its first `LONGEST_URL` characters.
        title: of the page.
        items: in the order of the page; where a dialog stands before the page, those of the dialog alone.
        page: a number that is another after the page was replaced by another one; numbers of elements then begin anew.
        tabs: titles of the open tabs.
        tab: place of the one that is seen, from 0 on.
        notes: what else happened: dialogs that were answered, windows and downloads that were refused.
        cut: how many nodes of the page were not looked at, because it has too many.
    """

    url: str
    title: str
    items: tuple[Item, ...]
    page: int = 0
    tabs: tuple[str, ...] = ("",)
    tab: int = 0
    notes: tuple[str, ...] = ()
    cut: int = 0

    def find(self, ref: int) -> Item | None:
        """The element with a number; None where there is none."""
        return next((item for item in self.items if item.ref == ref), None) if ref else None


class Acted(msgspec.Struct, frozen=True, gc=False):
    """What came of an action.

    Attributes:
        sight: what is to be seen then.
        error: why the action could not be done, in one sentence; empty where it could.
    """

    sight: Sight
    error: str = ""


_TEXTS = ByIdentity[str](4096)  # of windows


@lru_cache(1 << 15)
def line_of(item: Item) -> str:
    """An item as a line.

    >>> line_of(Item(5, "combobox", "Size", "M", (), ("S", "M")))
    '[5] combobox "Size" value "M" options "S", "M"'
    """
    if not item.ref:
        mark = {"heading": "# ", "image": "- image: "}.get(item.role, "- ")
        return mark + item.name
    parts = [f"[{item.ref}] {item.role} {quoted(item.name)}"]
    if item.value is not None:
        parts.append(f"value {quoted(item.value)}")
    if item.options:
        parts.append(f"options {', '.join(map(quoted, item.options))}")
    parts += item.states
    return " ".join(parts)


def rendered(sight: Sight, start: int = 0) -> str:
    """The text of what is seen, from an item on, `WINDOW` items at most; what is left out is said.

    Args:
        sight: what is to be seen.
        start: place of the first item.
    """
    shown = _TEXTS.get(sight.items, start) or _TEXTS.put("\n".join(map(line_of, sight.items[start : start + WINDOW])), sight.items, start)
    head = [f"title: {sight.title}", f"url: {sight.url}"]
    if len(sight.tabs) > 1:
        head.append("tabs: " + ", ".join(f"{place + 1} {quoted(title)}{' (here)' * (place == sight.tab)}" for place, title in enumerate(sight.tabs)))
    head += [f"! {note}" for note in sight.notes]
    if start:
        head.append(f"({start} items above: scroll up)")
    below = len(sight.items) - start - WINDOW
    tail = [f"({below} items below: scroll down)"] * (below > 0)
    tail += [f"(the page is too long: {sight.cut} of its nodes were not looked at)"] * (sight.cut > 0)
    return "\n".join([*head, *([shown] if sight.items else ()), *tail])


def next_window(sight: Sight, start: int, down: bool) -> int:
    """Where the window begins after scrolling."""
    last = max(0, len(sight.items) - WINDOW)
    return min(start + WINDOW - OVERLAP, last) if down else max(0, start - WINDOW + OVERLAP)

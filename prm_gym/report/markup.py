"""HTML and SVG built from elements, so that text is escaped by construction: a plain str can only ever become text or an attribute's value."""

import html
from dataclasses import dataclass

VOID = frozenset({"br", "col", "hr", "img", "link", "meta", "source"})


@dataclass(frozen=True, slots=True)
class Html:
    """Markup that is finished: made by `element`, `join` or `trusted`, never from a reader's or a policy's text."""

    text: str


def element(tag: str, /, *children: Html | str, **attributes: str | float | None) -> Html:
    """One element with its children; every str among them is escaped.

    >>> element("td", "a < b", class_="figure", data_value=0.5).text
    '<td class="figure" data-value="0.5">a &lt; b</td>'

    Args:
        tag: name of the element.
        children: markup, or plain text.
        attributes: by name, with `_` for `-` and a trailing `_` where Python reserves the word. One that is None is left out.

    Returns:
        The element.
    """
    written = "".join(f' {key.rstrip("_").replace("_", "-")}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    if tag in VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(*children).text}</{tag}>")


def join(*children: Html | str) -> Html:
    """Children one after another, every str among them escaped."""
    return Html("".join(child.text if isinstance(child, Html) else html.escape(child) for child in children))


def trusted(text: str) -> Html:
    """The package's own style sheet or script, unescaped. Never for anything that came with the data."""
    return Html(text)


def _value(value: str | float) -> str:
    """An attribute's value; floats with as many digits as a coordinate needs."""
    return html.escape(value) if isinstance(value, str) else f"{round(value, 4):g}" if abs(value) < 1e5 else repr(value)

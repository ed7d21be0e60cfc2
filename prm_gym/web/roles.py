"""Which elements of a page can be acted on, and as what: the tables of the text mode, which are those of `prm_gym/browser/observer.js`."""

from prm_gym.web.html import Node

SKIPPED = frozenset(("script", "style", "template", "noscript", "head", "meta", "link", "title", "base", "param", "source", "track", "svg", "iframe"))
INLINE = frozenset(
    (
        *("a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd", "label", "mark", "q", "s", "samp"),
        *("small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "output"),
    )
)
ACTIVE = frozenset(("a", "button", "summary", "input", "textarea", "select"))
HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
TEXT_INPUTS = frozenset(("", "text", "email", "tel", "url", "password", "number", "date", "time", "datetime-local", "month", "week", "color"))
BUTTON_INPUTS = frozenset(("submit", "reset", "button", "image"))
ROLES = {
    **{role: role for role in ("button", "link", "checkbox", "radio", "tab", "menuitem", "option", "textbox", "combobox", "slider")},
    "switch": "checkbox",
}


def role_of(node: Node) -> str:
    """The role of an element that can be acted on; "none" for a field that is never seen, and empty for what can only be read."""
    tag, attributes = node.tag, node.attributes
    if tag == "a":
        return "link" if "href" in attributes else ROLES.get(attributes.get("role", ""), "")
    if tag in ("button", "summary"):
        return ROLES.get(attributes.get("role", ""), "button")
    if tag == "input":
        return _input_role(attributes.get("type", "").lower(), attributes)
    if tag == "textarea":
        return "textbox"
    if tag == "select":
        return "listbox" if "multiple" in attributes else "combobox"
    return ROLES.get(attributes["role"], "") if "role" in attributes else ""


def _input_role(kind: str, attributes: dict[str, str]) -> str:
    if kind in TEXT_INPUTS:
        return "textbox"
    if kind in BUTTON_INPUTS:
        return "button"
    named = {"search": "searchbox", "checkbox": "checkbox", "radio": "radio", "range": "slider", "file": "file", "hidden": "none"}
    return named.get(kind, "textbox") if "role" not in attributes else ROLES.get(attributes["role"], named.get(kind, "textbox"))

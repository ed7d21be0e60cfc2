"""What the fields of a page hold in the text mode, and what is sent of them."""

import datetime
import re

from prm_gym.web.html import Node
from prm_gym.web.roles import TEXT_INPUTS
from prm_gym.web.walk import label_of, options_of, shortened

_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPACES = re.compile(r"[\r\n]+")


class Fields:
    """What was put into fields, where it is something else than what the page says.

    Attributes, all by the identity of the element:
        values: of fields of texts.
        checked: whether a checkbox, a choice or a button that shows something is on.
        chosen: place of the chosen option of a list.
    """

    __slots__ = ("checked", "chosen", "values")

    def __init__(self) -> None:
        """As the page says."""
        self.values: dict[int, str] = {}
        self.checked: dict[int, bool] = {}
        self.chosen: dict[int, int] = {}

    def value(self, node: Node) -> str:
        """What a text field holds."""
        if id(node) in self.values:
            return self.values[id(node)]
        if node.tag == "textarea":
            return "".join(child for child in node.children if isinstance(child, str)).removeprefix("\n")
        return node.attributes.get("value", "")

    def is_checked(self, node: Node) -> bool:
        """Whether a checkbox or a choice is on."""
        if node.tag == "input" and node.attributes.get("type") in ("checkbox", "radio"):
            return self.checked.get(id(node), "checked" in node.attributes)
        return node.attributes.get("aria-checked") == "true"

    def choice(self, select: Node) -> int:
        """Place of the chosen option: the last that is marked, else the first that can be chosen; -1 where there is none."""
        if id(select) in self.chosen:
            return self.chosen[id(select)]
        options = options_of(select)
        marked = [place for place, option in enumerate(options) if "selected" in option.attributes]
        return marked[-1] if marked else next((place for place, option in enumerate(options) if "disabled" not in option.attributes), -1)

    def shown(self, node: Node) -> str | None:
        """What is seen of what a field holds; None where it holds nothing that is seen."""
        if node.tag == "select":
            options = options_of(node)
            if "multiple" in node.attributes:
                return ", ".join(label_of(option) for option in options if "selected" in option.attributes)
            place = self.choice(node)
            return shortened(label_of(options[place])) if place >= 0 else ""
        kind = node.attributes.get("type", "")
        if node.tag == "textarea" or (node.tag == "input" and (kind in TEXT_INPUTS or kind in ("search", "range"))):
            value = self.value(node)
            return shortened("•" * len(value) if kind == "password" else value)
        return "" if kind == "file" and node.tag == "input" else None

    def forget(self, node: Node) -> None:
        """What the page says holds again."""
        self.values.pop(id(node), None)
        self.checked.pop(id(node), None)
        self.chosen.pop(id(node), None)

    def sent(self, node: Node, submitter: Node | None) -> str | None:
        """The value of a field that is sent; None where it is not sent."""
        kind = node.attributes.get("type", "")
        if node.tag == "button" or kind in ("submit", "reset", "button", "image"):
            return node.attributes.get("value", "") if node is submitter else None
        if node.tag == "select":
            options, place = options_of(node), self.choice(node)
            return options[place].attributes.get("value", label_of(options[place])) if place >= 0 else None
        if kind in ("checkbox", "radio"):
            return node.attributes.get("value", "on") if self.is_checked(node) else None
        return None if kind == "file" else self.value(node)


def held(text: str, node: Node) -> str:
    """What a field holds when a text is typed into it."""
    kind = node.attributes.get("type", "")
    text = text.replace("\r\n", "\n").replace("\r", "\n") if node.tag == "textarea" else _SPACES.sub(" ", text)
    limit = node.attributes.get("maxlength", "")
    if limit.isdecimal():
        text = text.encode("utf-16-le")[: 2 * int(limit)].decode("utf-16-le", "ignore")  # pages count what is beyond the first plane twice
    if kind == "number":
        return text.strip() if _NUMBER.fullmatch(text.strip()) else ""
    if kind == "date":
        try:
            return datetime.date.fromisoformat(text.strip()).isoformat()
        except ValueError:
            return ""
    return text.strip() if kind in ("email", "url") else text

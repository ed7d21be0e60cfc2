"""What is seen of a page that is a tree: the twin in Python of what `prm_gym/browser/observer.js` does inside a real browser."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from prm_gym.errors import ContractError
from prm_gym.web.html import FRAGMENT, Node
from prm_gym.web.observation import LONGEST_LINE, LONGEST_NAME, LONGEST_VALUE, MOST_OPTIONS, Item
from prm_gym.web.roles import ACTIVE, BUTTON_INPUTS, HEADINGS, INLINE, SKIPPED, role_of

_OTHERWISE = HEADINGS | {"label", "td", "th", "img", "details", "fieldset"}
_LABELLED = frozenset(("input", "select", "textarea", "button", "meter", "output", "progress"))


class PageState:
    """How a page differs from its tree.

    Attributes, all by the identity of the element:
        hidden: whether it is hidden, where that was changed.
        opened: whether a `details` is open, where that was changed.
        dialogs: the dialogs that are open, in the order in which they were opened.
        parts: what stands in an element in the place of its children.
    """

    __slots__ = ("dialogs", "hidden", "opened", "parts")

    def __init__(self) -> None:
        """As the tree is."""
        self.hidden: dict[int, bool] = {}
        self.opened: dict[int, bool] = {}
        self.dialogs: list[Node] = []
        self.parts: dict[int, tuple[Node | str, ...]] = {}

    def hides(self, node: Node) -> bool:
        """Whether an element is hidden."""
        attributes = node.attributes
        if node.tag == "dialog" and "open" not in attributes and not any(dialog is node for dialog in self.dialogs):
            return True
        return self.hidden.get(id(node), "hidden" in attributes) if self.hidden else "hidden" in attributes

    def opens(self, details: Node) -> bool:
        """Whether a `details` is open."""
        return self.opened.get(id(details), "open" in details.attributes)

    def within(self, node: Node) -> Sequence[Node | str]:
        """What stands in an element."""
        return self.parts.get(id(node), node.children) if self.parts else node.children


class Control(msgspec.Struct, frozen=True, gc=False):
    """An element that can be acted on, and what is known of it without the state of the page.

    Attributes:
        node: the element.
        role: of it.
        name: of it.
        place: of its item among the items.
        form: the form it belongs to.
        fieldset_off: it stands in a fieldset that is disabled.
        details: of a summary: the details that it opens.
    """

    node: Node
    role: str
    name: str
    place: int
    form: Node | None
    fieldset_off: bool
    details: Node | None


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What a walk found.

    Attributes:
        items: without numbers and without what depends on the state of fields.
        controls: the elements that can be acted on, in order.
    """

    items: tuple[Item, ...]
    controls: tuple[Control, ...]


ROOT = Node("", {}, ())


class FragmentSeen(msgspec.Struct, frozen=True, gc=False):
    """What a walk found in a fragment, whatever the page that it stands in.

    Attributes:
        seen: items and controls, their places counted from its beginning, and `ROOT` for its outermost element, which holds this in turn.
        ids: its elements by id, but for the outermost.
        alone: nothing in it speaks of elements outside.
        numbered: its items with the numbers of a page, by the number of the first.
    """

    seen: Seen
    ids: dict[str, Node]
    alone: bool
    numbered: dict[int, tuple[Item, ...]]


class Spliced(NamedTuple):
    """A fragment that was put into what is seen of a page.

    Attributes:
        found: what is in it.
        first: place of its first control among those of the page.
        base: place of its first item among those of the page.
    """

    found: FragmentSeen
    first: int
    base: int


def normalised(text: str) -> str:
    """With single spaces for white space and ends of lines of any kind, as the observer of a real browser has it, and none at the ends."""
    return " ".join(text.split())


def text_within(node: Node, state: PageState, without: frozenset[str] = frozenset()) -> str:
    """The text of an element, images by what is said of them, with spaces around its blocks."""
    children = state.within(node)
    if len(children) == 1 and isinstance(children[0], str):
        return normalised(children[0])
    parts: list[str] = []
    _gather(node, state, without, parts)
    return normalised("".join(parts))


def _gather(node: Node, state: PageState, without: frozenset[str], parts: list[str]) -> None:
    for child in state.within(node):
        if isinstance(child, str):
            parts.append(child)
        elif child.tag in SKIPPED or child.tag in without or state.hides(child):
            continue
        elif child.tag == "img":
            parts.append(f" {child.get('alt')} ")
        elif child.tag in INLINE:
            _gather(child, state, without, parts)
        else:
            parts.append(" ")
            _gather(child, state, without, parts)
            parts.append(" ")


_FIELDS = frozenset(("input", "select", "textarea", "button"))


class Walk:
    """Walks over a page."""

    def __init__(self, root: Node, state: PageState, fragments: bool = False) -> None:
        """Prepare them.

        Args:
            root: the body of the page.
            state: how it differs from its tree.
            fragments: fragments are taken as they were found before; only where the page is as its tree is.

        Raises:
            ContractError: a fragment stands in the page twice.
        """
        self._root, self._state = root, state
        self._items: list[Item] = []
        self._controls: list[Control] = []
        self._line: list[str] = []
        self._silent = False
        self._labels: list[Node] = []
        self.ids: dict[str, Node] = {}
        self.spliced: list[Spliced] = []
        self._fragments: dict[int, FragmentSeen] = {}
        self._index(root, fragments)
        if any(label.attributes.get("for") in found.ids for label in self._labels for found in self._fragments.values()):
            self.ids, self._labels, self._fragments = {}, [], {}
            self._index(root, False)  # one whose fields are named from outside is walked over like the rest
        self._names: dict[int, list[Node]] = {}
        self._controlled: dict[int, Node] = {}
        for label in self._labels:
            target = self._target(label)
            if target is not None:
                self._names.setdefault(id(target), []).append(label)
                self._controlled[id(label)] = target

    def _target(self, label: Node) -> Node | None:
        """The field that a label belongs to."""
        if "for" in label.attributes:
            found = self.ids.get(label.attributes["for"])
            return found if found is not None and _takes_label(found) else None
        return next((node for node in label.all() if _takes_label(node)), None)

    def _index(self, node: Node, fragments: bool) -> None:
        attributes = node.attributes
        if attributes and "id" in attributes:
            self.ids.setdefault(attributes["id"], node)
        if node.tag == "label":
            self._labels.append(node)
            fragments = False
        elif fragments and node.tag == "fieldset":
            fragments = False
        for child in self._state.within(node):
            if isinstance(child, Node):
                if fragments and child.known is not None and self._is_fragment(child):
                    continue
                self._index(child, fragments)

    def _is_fragment(self, node: Node) -> bool:
        """Whether an element can be taken as it was found before."""
        if node.known is FRAGMENT:
            node.known = _looked_into(node)
        found = node.known
        if not isinstance(found, FragmentSeen) or not found.alone:
            return False
        if id(node) in self._fragments:
            raise ContractError(f"a fragment stands in a page twice: {node!r}")
        self._fragments[id(node)] = found
        for name, one in found.ids.items():
            self.ids.setdefault(name, one)
        if "id" in node.attributes:
            self.ids.setdefault(node.attributes["id"], node)
        return True

    def seen(self) -> Seen:
        """What is seen: of the dialog that was opened last, or of the whole page."""
        root = self._state.dialogs[-1] if self._state.dialogs else self._root
        self._items, self._controls, self._line = [], [], []
        self._descend(root, None, False, None)
        self._flush()
        return Seen(tuple(self._items), tuple(self._controls))

    def _flush(self) -> None:
        if self._line:
            text = normalised("".join(self._line))
            self._line.clear()
            if text:
                self._items.append(Item(0, "text", text[:LONGEST_LINE]))

    def _descend(self, node: Node, form: Node | None, off: bool, parent: Node | None) -> None:
        cells = 0
        for child in self._state.within(node):
            if isinstance(child, str):
                if not self._silent:
                    self._line.append(child)
                continue
            if child.tag in ("td", "th"):
                cells += 1
                if cells > 1 and not self._silent and normalised("".join(self._line)):
                    self._line.append(" | ")
            tag = child.tag
            if tag in SKIPPED or self._state.hides(child):
                continue
            role = role_of(child) if tag in ACTIVE or "role" in child.attributes else ""
            if role:
                if role != "none":
                    self._flush()
                    self._control(child, role, form, off, parent if tag == "summary" else None)
            elif tag in INLINE and tag != "label" and not child.attributes.get("role"):
                self._descend(child, form, off, None)
            else:
                self._part(child, form, off)

    def _part(self, node: Node, form: Node | None, off: bool) -> None:
        """What is seen of an element that can only be read, and of what is in it."""
        tag = node.tag
        if tag == "label":
            self._label(node, form, off)
        elif tag in INLINE or tag in ("td", "th"):
            self._descend(node, form, off, None)
        elif tag in HEADINGS or node.attributes.get("role") == "heading":
            self._heading(node, form, off)
        elif tag == "img":
            self._image(node)
        else:
            self._flush()
            if self._fragments and id(node) in self._fragments:
                self._splice(self._fragments[id(node)], node, form)
            elif tag == "details" and not self._state.opens(node):
                self._closed(node, form, off)
            else:
                self._descend(node, node if tag == "form" else form, off or (tag == "fieldset" and "disabled" in node.attributes), node)
            self._flush()

    def _splice(self, found: FragmentSeen, root: Node, form: Node | None) -> None:
        base = len(self._items)
        self.spliced.append(Spliced(found, len(self._controls), base))
        self._items += found.seen.items
        for one in found.seen.controls:
            own = root if one.form is ROOT else form if one.form is None and "form" not in one.node.attributes else one.form
            self._controls.append(Control(one.node, one.role, one.name, base + one.place, own, one.fieldset_off, one.details))

    def _closed(self, details: Node, form: Node | None, off: bool) -> None:
        for child in self._state.within(details):
            if isinstance(child, Node) and child.tag == "summary":
                self._control(child, "button", form, off, details)
                return

    def _label(self, label: Node, form: Node | None, off: bool) -> None:
        """The text of the label of a field is the field's name."""
        before = self._silent
        self._silent = before or id(label) in self._controlled
        self._descend(label, form, off, None)
        self._silent = before

    def _heading(self, heading: Node, form: Node | None, off: bool) -> None:
        self._flush()
        if any(role_of(node) and not self._state.hides(node) for node in heading.all()):
            self._descend(heading, form, off, None)
            self._flush()
            return
        text = text_within(heading, self._state)
        if text and not self._silent:
            self._items.append(Item(0, "heading", text[:LONGEST_LINE]))

    def _image(self, image: Node) -> None:
        text = normalised(image.get("alt"))
        if text and not self._silent:
            self._flush()
            self._items.append(Item(0, "image", text[:LONGEST_LINE]))

    def _control(self, node: Node, role: str, form: Node | None, off: bool, details: Node | None) -> None:
        name = self._name(node, role)[:LONGEST_NAME]
        if "form" in node.attributes:
            form = self.ids.get(node.attributes["form"])
        self._controls.append(Control(node, role, name, len(self._items), form, off, details))
        self._items.append(Item(0, role, name))

    def _name(self, node: Node, role: str) -> str:
        attributes = node.attributes
        if "aria-label" in attributes and attributes["aria-label"].strip():
            return normalised(attributes["aria-label"])
        if "aria-labelledby" in attributes:
            found = [self.ids[one] for one in attributes["aria-labelledby"].split() if one in self.ids]
            text = normalised(" ".join(text_within(one, self._state) for one in found))
            if text:
                return text
        if node.tag in ("input", "select", "textarea"):
            return self._field_name(node)
        return text_within(node, self._state) or normalised(attributes.get("title", ""))

    def _field_name(self, node: Node) -> str:
        attributes = node.attributes
        kind = attributes.get("type", "")
        if node.tag == "input" and kind in BUTTON_INPUTS:
            return normalised(attributes.get("value", "") or attributes.get("alt", "")) or {"reset": "Reset", "submit": "Submit", "image": "Submit"}.get(
                kind, ""
            )
        text = normalised(" ".join(text_within(label, self._state, _FIELDS) for label in self._names.get(id(node), ())))
        return text or normalised(attributes.get("placeholder", "")) or normalised(attributes.get("title", ""))


def _looked_into(node: Node) -> FragmentSeen:
    """What is in a fragment."""
    walk = Walk(Node("div", {}, (node,)), PageState())
    ordinary = node.tag not in INLINE and node.tag not in _OTHERWISE and not role_of(node) and "role" not in node.attributes
    named = [one for inner in node.all() for name in ("for", "form", "aria-labelledby") for one in inner.attributes.get(name, "").split()]
    alone = ordinary and all(one in walk.ids for one in named)
    seen = walk.seen()
    controls = tuple(msgspec.structs.replace(one, form=ROOT) if one.form is node else one for one in seen.controls)
    return FragmentSeen(Seen(seen.items, controls), {name: one for name, one in walk.ids.items() if one is not node}, alone, {})


def _takes_label(node: Node) -> bool:
    return node.tag in _LABELLED and node.attributes.get("type") != "hidden"


def options_of(select: Node) -> list[Node]:
    """The options of a list, in order."""
    return [node for node in select.all() if node.tag == "option"]


def label_of(option: Node) -> str:
    """What an option is called."""
    return normalised(option.get("label")) or text_within(option, PageState())


def listed(select: Node) -> tuple[str, ...]:
    """What the options of a list are called, without those that cannot be chosen."""
    return tuple(label_of(option)[:LONGEST_NAME] for option in options_of(select) if "disabled" not in option.attributes)[:MOST_OPTIONS]


def shortened(value: str) -> str:
    """What is shown of what a field holds."""
    return value[:LONGEST_VALUE]

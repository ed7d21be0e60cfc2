"""A page in the text mode: what its fields hold, what is open and hidden, where the focus is, and the numbers of its elements."""

import datetime
import re
from collections.abc import Iterator, Sequence
from itertools import compress

import msgspec

from prm_gym.web.html import Node
from prm_gym.web.observation import Item
from prm_gym.web.walk import (
    TEXT_INPUTS,
    Control,
    FragmentSeen,
    PageState,
    Seen,
    Spliced,
    Walk,
    label_of,
    listed,
    normalised,
    options_of,
    shortened,
    text_within,
)

MOST_NUMBERED = 32
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_SPACES = re.compile(r"[\r\n]+")


_STATES = ("checked", "disabled", "readonly", "expanded", "collapsed", "current", "pressed", "selected", "invalid", "focused")
# Attributes on which the state of a link or a button depends.
_NO_STATE = frozenset(
    (
        *("disabled", "readonly", "data-toggle", "aria-expanded", "aria-current", "aria-pressed", "aria-selected", "aria-invalid", "aria-checked"),
        "aria-disabled",
    )
)


class Unable(Exception):  # noqa: N818 - no bug: the agent reads the message
    """An action cannot be done; the message says why."""


class _Known(msgspec.Struct, frozen=True, gc=False):
    """What a walk over an unchanged page found, kept with the page; the body is None where it is the page itself, which holds this in turn."""

    seen: Seen
    items: tuple[Item, ...]
    ids: dict[str, Node]
    body: Node | None
    title: str


class Document:
    """One page, from the moment it was loaded."""

    def __init__(self, html: Node, number: int = 0) -> None:
        """Load a page.

        Args:
            html: its tree.
            number: see `Sight.page`.
        """
        self.html, self.number = html, number
        self._state = PageState()
        self._values: dict[int, str] = {}
        self._checked: dict[int, bool] = {}
        self._chosen: dict[int, int] = {}
        self.focused: Node | None = None
        self._before_dialog: list[Node | None] = []
        known = html.known
        if not isinstance(known, _Known):
            known = html.known = self._first_look()
        self.title, self._body, self._ids, self._seen = known.title, known.body or html, known.ids, known.seen
        self._items: tuple[Item, ...] = known.items
        self._stale: set[int] = set()  # identities of elements whose items are to be made anew
        self._numbered = [control.node for control in known.seen.controls]  # element k + 1
        self._refs: dict[int, int] | None = None  # number by element; as in `_seen` until the page changes

    def _first_look(self) -> _Known:
        parts = [child for child in self.html.children if isinstance(child, Node)]
        body = next((child for child in parts if child.tag == "body"), self.html)
        titles = [node for child in parts if child.tag == "head" for node in child.all() if node.tag == "title"]
        walk = Walk(body, self._state, fragments=True)
        self._body, self._seen, self._refs, self._stale = body, walk.seen(), None, set()
        items = self._composed(walk.spliced)
        return _Known(self._seen, items, walk.ids, None if body is self.html else body, text_within(titles[0], self._state) if titles else "")

    # What is seen.

    def items(self) -> tuple[Item, ...]:
        """What is seen of the page now."""
        if self._stale:
            items = list(self._items)
            for place, control in enumerate(self._seen.controls):
                if id(control.node) in self._stale:
                    items[control.place] = self._item(control, place + 1 if self._refs is None else self._refs[id(control.node)])
            self._items = tuple(items)
            self._stale.clear()
        return self._items

    def _composed(self, spliced: Sequence[Spliced] = ()) -> tuple[Item, ...]:
        """The items with numbers and states; those of fragments that were put in are kept with them."""
        self._stale.clear()
        items, controls, done = list(self._seen.items), self._seen.controls, 0
        for found, first, base in (*spliced, (None, len(controls), 0)):
            for place in range(done, first):
                control = controls[place]
                items[control.place] = self._item(control, place + 1 if self._refs is None else self._refs[id(control.node)])
            if found is not None:
                items[base : base + len(found.seen.items)] = self._numbered_fragment(found, first + 1)
                done = first + len(found.seen.controls)
        return tuple(items)

    def _numbered_fragment(self, found: FragmentSeen, first: int) -> tuple[Item, ...]:
        """The items of a fragment of an unchanged page, whose first control has a number."""
        kept = found.numbered.get(first)
        if kept is None:
            items = list(found.seen.items)
            for place, control in enumerate(found.seen.controls):
                items[control.place] = self._item(control, first + place)
            kept = tuple(items)
            if len(found.numbered) < MOST_NUMBERED:
                found.numbered[first] = kept
        return kept

    def _touch(self, *nodes: Node | None) -> None:
        """The items of some elements are to be made anew, when somebody looks at them."""
        self._stale.update(map(id, nodes))

    def _look_again(self) -> None:
        """Walk anew: something was shown, hidden, opened or replaced."""
        if self._refs is None:
            self._refs = {id(node): place + 1 for place, node in enumerate(self._numbered)}
        walk = Walk(self._body, self._state)
        self._ids, self._seen = walk.ids, walk.seen()
        for control in self._seen.controls:
            if id(control.node) not in self._refs:
                self._numbered.append(control.node)
                self._refs[id(control.node)] = len(self._numbered)
        if self.focused is not None and not self.has(self.focused):
            self.focused = None
        self._items = self._composed()

    def _item(self, control: Control, ref: int) -> Item:
        node, attributes = control.node, control.node.attributes
        if node.tag in ("a", "button") and _NO_STATE.isdisjoint(attributes) and not control.fieldset_off:
            return Item(ref, control.role, control.name, None, ("focused",) if node is self.focused else ())
        expanded = self._expanded(control)
        holds = (
            self._is_checked(node),
            self._off(control),
            "readonly" in attributes,
            expanded is True,
            expanded is False,
            attributes.get("aria-current", "false") != "false",
            attributes.get("aria-pressed") == "true",
            attributes.get("aria-selected") == "true",
            attributes.get("aria-invalid") == "true",
            node is self.focused,
        )
        options = listed(node) if node.tag == "select" else ()
        return Item(ref, control.role, control.name, self._shown(node), tuple(compress(_STATES, holds)), options)

    def _shown(self, node: Node) -> str | None:
        """What is seen of what a field holds."""
        if node.tag == "select":
            options = options_of(node)
            if "multiple" in node.attributes:
                return ", ".join(label_of(option) for option in options if "selected" in option.attributes)
            place = self._choice(node)
            return shortened(label_of(options[place])) if place >= 0 else ""
        kind = node.attributes.get("type", "")
        if node.tag == "textarea" or (node.tag == "input" and (kind in TEXT_INPUTS or kind in ("search", "range"))):
            value = self.value(node)
            return shortened("•" * len(value) if kind == "password" else value)
        return "" if kind == "file" and node.tag == "input" else None

    def _expanded(self, control: Control) -> bool | None:
        if control.details is not None and control.node.tag == "summary":
            return self._state.opens(control.details)
        node = control.node
        if "data-toggle" in node.attributes and id(node) in self._checked:
            return self._checked[id(node)]
        return {"true": True, "false": False}.get(node.attributes.get("aria-expanded", ""))

    def _off(self, control: Control) -> bool:
        attributes = control.node.attributes
        return "disabled" in attributes or (control.fieldset_off and control.node.tag != "a") or attributes.get("aria-disabled") == "true"

    # What is asked.

    def has(self, node: Node) -> bool:
        """Whether an element can be acted on now."""
        return any(control.node is node for control in self._seen.controls)

    @property
    def modal(self) -> Node | None:
        """The dialog that stands before the page; None where there is none."""
        return self._state.dialogs[-1] if self._state.dialogs else None

    def reach(self, ref: int) -> Node:
        """The element with a number.

        Raises:
            Unable: there is none, or it cannot be acted on.
        """
        control = self._control(ref)
        if self._off(control):
            raise Unable(f"[{ref}] is disabled")
        return control.node

    def _control(self, ref: int) -> Control:
        if not 1 <= ref <= len(self._numbered):
            raise Unable(f"there is no element [{ref}]")
        node = self._numbered[ref - 1]
        if self._refs is None:  # the page is as it was
            return self._seen.controls[ref - 1]
        for control in self._seen.controls:
            if control.node is node:
                return control
        if not any(other is node for other in self._all(self._body)):
            raise Unable(f"[{ref}] is no longer on the page")
        if self.modal is not None and not any(other is node for other in self._all(self.modal)):
            raise Unable(f"[{ref}] is behind the open dialog")
        raise Unable(f"[{ref}] cannot be seen")

    def _all(self, node: Node) -> Iterator[Node]:
        yield node
        for child in self._state.within(node):
            if isinstance(child, Node):
                yield from self._all(child)

    def is_disabled(self, node: Node) -> bool:
        """Whether a button is disabled."""
        return "disabled" in node.attributes

    def form_of(self, node: Node) -> Node | None:
        """The form that an element belongs to."""
        return next((control.form for control in self._seen.controls if control.node is node), None)

    def value(self, node: Node) -> str:
        """What a text field holds."""
        if id(node) in self._values:
            return self._values[id(node)]
        if node.tag == "textarea":
            return "".join(child for child in node.children if isinstance(child, str)).removeprefix("\n")
        return node.attributes.get("value", "")

    def _is_checked(self, node: Node) -> bool:
        if node.tag == "input" and node.attributes.get("type") in ("checkbox", "radio"):
            return self._checked.get(id(node), "checked" in node.attributes)
        return node.attributes.get("aria-checked") == "true"

    def _choice(self, select: Node) -> int:
        """Place of the chosen option: the last that is marked, else the first that can be chosen; -1 where there is none."""
        if id(select) in self._chosen:
            return self._chosen[id(select)]
        options = options_of(select)
        marked = [place for place, option in enumerate(options) if "selected" in option.attributes]
        return marked[-1] if marked else next((place for place, option in enumerate(options) if "disabled" not in option.attributes), -1)

    # What is done.

    def focus(self, node: Node | None) -> None:
        """Put the focus on an element."""
        if node is not self.focused:
            before, self.focused = self.focused, node
            self._touch(before, node)

    def type(self, ref: int, text: str) -> Node:
        """Put a text into a field.

        Raises:
            Unable: it is no field of texts, or cannot be changed.
        """
        control = self._control(ref)
        node, kind = control.node, control.node.attributes.get("type", "")
        if self._off(control):
            raise Unable(f"[{ref}] is disabled")
        if node.tag != "textarea" and not (node.tag == "input" and (kind in TEXT_INPUTS or kind == "search")):
            raise Unable(f"[{ref}] is not a field that can be typed into")
        if "readonly" in node.attributes:
            raise Unable(f"[{ref}] is read-only")
        before, self.focused = self.focused, node
        self._values[id(node)] = _held(text, node)
        self._touch(before, node)
        return node

    def break_line(self, area: Node) -> bool:
        """End a field of several lines with a new one, as the enter key does; whether there was room for it."""
        held = _held(self.value(area) + "\n", area)
        if "readonly" in area.attributes or held == self.value(area):
            return False
        self._values[id(area)] = held
        self._touch(area)
        return True

    def clear_search(self, field: Node) -> bool:
        """Empty a field for searches, as the escape key does; whether that changed it."""
        if field.attributes.get("type") != "search" or not self.value(field):
            return False
        self._values[id(field)] = ""
        self._touch(field)
        return True

    def select(self, ref: int, wanted: str) -> Node:
        """Choose an option.

        Raises:
            Unable: there is no such option.
        """
        control = self._control(ref)
        node = control.node
        if self._off(control):
            raise Unable(f"[{ref}] is disabled")
        if node.tag != "select":
            raise Unable(f"[{ref}] has no options to select")
        free = [(place, label_of(option)) for place, option in enumerate(options_of(node)) if "disabled" not in option.attributes]
        plain = normalised(wanted).casefold()
        found = [place for place, label in free if label == wanted] or [place for place, label in free if label.casefold() == plain]
        if not found:
            offered = ", ".join(f'"{label}"' for _, label in free[:10])
            raise Unable(f'[{ref}] has no option "{wanted}"; it has: {offered}')
        before, self.focused = self.focused, node
        self._chosen[id(node)] = found[0]
        self._touch(before, node)
        return node

    def check(self, node: Node) -> bool:
        """Click a checkbox or a choice; whether that changed it."""
        if node.attributes.get("type") == "checkbox":
            self._checked[id(node)] = not self._is_checked(node)
            self._touch(node)
            return True
        if self._is_checked(node):
            return False
        form, name = self.form_of(node), node.attributes.get("name")
        for other in self._all(self._body if form is None else form):
            if other.tag == "input" and other.attributes.get("type") == "radio" and other.attributes.get("name") == name:
                self._checked[id(other)] = False
        self._checked[id(node)] = True
        self._touch(*(control.node for control in self._seen.controls if control.role == "radio"))
        return True

    def toggle_details(self, summary: Node) -> None:
        """Open or close the details of a summary."""
        details = next(control.details for control in self._seen.controls if control.node is summary)
        if details is not None:
            self._state.opened[id(details)] = not self._state.opens(details)
            self._look_again()

    def toggle(self, name: str, button: Node) -> None:
        """Show or hide an element; the button says whether it is shown."""
        target = self._ids.get(name)
        if target is not None:
            self._state.hidden[id(target)] = not self._state.hides(target)
            self._checked[id(button)] = not self._state.hides(target)
            self._look_again()

    def open_dialog(self, name: str) -> None:
        """Put a dialog before the page; the focus goes to its first element."""
        dialog = self._ids.get(name)
        if dialog is None or any(dialog is other for other in self._state.dialogs):
            return
        self._before_dialog.append(self.focused)
        self._state.dialogs.append(dialog)
        self.focused = None
        self._look_again()
        marked = [control.node for control in self._seen.controls if "autofocus" in control.node.attributes]
        free = [control.node for control in self._seen.controls if not self._off(control)]
        self.focus(next(iter(marked or free), None))

    def close_dialog(self) -> None:
        """Close the dialog that stands before the page; the focus goes back."""
        if self._state.dialogs:
            self._state.dialogs.pop()
            before = self._before_dialog.pop()
            self.focused = None
            self._look_again()
            if before is not None and self.has(before):
                self.focus(before)

    def replace(self, name: str, part: Node) -> None:
        """Put a part of a page into an element. Its elements are new ones, also where the same part came before.

        Args:
            name: id of the element.
            part: what comes there; of a `template` its children.
        """
        target = self._ids.get(name)
        if target is not None:
            part = _copied(part)  # a site may give one tree for many requests
            self._state.parts[id(target)] = part.children if part.tag == "template" else (part,)
            self._look_again()

    def reset(self, form: Node) -> None:
        """Give the fields of a form back what they held at first."""
        for node in self._all(form):
            for kept in (self._values, self._checked, self._chosen):
                kept.pop(id(node), None)
        self._items = self._composed()

    # Forms.

    def submitter(self, form: Node) -> Node | None:
        """The button by which the enter key sends a form."""
        return next((node for node in self._all(form) if _is_submit(node)), None)

    def fields(self, form: Node, submitter: Node | None) -> list[tuple[str, str]]:
        """Names and values of the fields of a form that is sent by a button."""
        found: list[tuple[str, str]] = []
        self._collect(form, submitter, found)
        return found

    def _collect(self, node: Node, submitter: Node | None, found: list[tuple[str, str]]) -> None:
        for child in self._state.within(node):
            if not isinstance(child, Node) or (child.tag == "fieldset" and "disabled" in child.attributes):
                continue
            name = child.attributes.get("name", "")
            if name and "disabled" not in child.attributes and child.tag in ("input", "select", "textarea", "button"):
                value = self._sent(child, submitter)
                if value is not None:
                    found.append((name, value))
            self._collect(child, submitter, found)

    def _sent(self, node: Node, submitter: Node | None) -> str | None:
        """The value of a field that is sent; None where it is not sent."""
        kind = node.attributes.get("type", "")
        if node.tag == "button" or kind in ("submit", "reset", "button", "image"):
            return node.attributes.get("value", "") if node is submitter else None
        if node.tag == "select":
            options, place = options_of(node), self._choice(node)
            return options[place].attributes.get("value", label_of(options[place])) if place >= 0 else None
        if kind in ("checkbox", "radio"):
            return node.attributes.get("value", "on") if self._is_checked(node) else None
        return None if kind == "file" else self.value(node)


def _is_submit(node: Node) -> bool:
    kind = node.attributes.get("type", "")
    return (node.tag == "button" and kind in ("", "submit")) or (node.tag == "input" and kind in ("submit", "image"))


def _held(text: str, node: Node) -> str:
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


def _copied(node: Node) -> Node:
    return Node(node.tag, node.attributes, tuple(_copied(child) if isinstance(child, Node) else child for child in node.children))

"""Pages as trees: written in Python, sent as HTML to a real browser, and read as they are by the text mode.

>>> to_html(e.p("Tom & ", e.a("Jerry", href="/j?a=1&b=2")))
'<p>Tom &amp; <a href="/j?a=1&amp;b=2">Jerry</a></p>'

Texts and attributes are escaped when they are written, so no name of a product can become a part of the page.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial, update_wrapper
from html import escape
from typing import ParamSpec, TypeAlias, cast

import msgspec

from prm_gym.errors import ContractError

VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))

Values = ParamSpec("Values")
Child: TypeAlias = "Node | str | int | Iterable[Child] | None"


class Node(msgspec.Struct, gc=False, eq=False):
    """An element. It is not changed once it is made, so a fragment may be kept and stand in many pages (in each once).

    Thousands of pages may be kept: nodes are no business of the garbage collector, and nothing that they hold may hold them.

    Attributes:
        tag: its name.
        attributes: values by name.
        children: elements and texts, in order.
        known: of a page or a fragment: what the text mode found in it, as long as nothing was done; `FRAGMENT` before it has looked.
    """

    tag: str
    attributes: dict[str, str]
    children: tuple["Node | str", ...]
    known: object = None

    def __repr__(self) -> str:
        return to_html(self)

    def get(self, name: str, default: str = "") -> str:
        """The value of an attribute."""
        return self.attributes.get(name, default)

    def all(self) -> Iterator["Node"]:
        """This element and all within it, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Node):
                yield from child.all()


class _Elements:
    """Makes elements: `e.a("Home", href="/", class_="brand", data_open="menu")`."""

    def __getattr__(self, tag: str) -> Callable[..., Node]:
        made = partial(element, tag.rstrip("_"))
        setattr(self, tag, made)
        return made


e = _Elements()


def element(tag: str, /, *children: Child, **attributes: object) -> Node:
    """An element.

    Args:
        tag: its name.
        *children: elements, texts and numbers, lists of them, and None for nothing.
        **attributes: by name, with "_" for "-" and a "_" at the end for nothing (`class_`, `data_open`); True for one without a value, None and False for
            none at all.

    Raises:
        ContractError: a child is something else.
    """
    kept: dict[str, str] = {}
    for name, value in attributes.items():
        if value is not None and value is not False:
            kept[_written(name)] = value if type(value) is str else "" if value is True else str(value)
    for child in children:
        if type(child) is not str and type(child) is not Node:
            flat: list[Node | str] = []
            _flatten(children, flat)
            return Node(tag, kept, tuple(flat))
    return Node(tag, kept, cast("tuple[Node | str, ...]", children))


@lru_cache(1024)
def _written(name: str) -> str:
    """The name of an attribute as HTML has it."""
    return name.rstrip("_").replace("_", "-")


def _flatten(child: Child, into: list[Node | str]) -> None:
    kind = type(child)
    if kind is str or kind is Node:
        into.append(cast("Node | str", child))
    elif kind is tuple or kind is list:
        for one in cast("Sequence[Child]", child):
            _flatten(one, into)
    elif isinstance(child, Node | str):
        into.append(child)
    elif isinstance(child, int | float):
        into.append(str(child))
    elif isinstance(child, Iterable):
        for one in child:
            _flatten(one, into)
    elif child is not None:
        raise ContractError(f"a child of an element is an element or a text, got {child!r}")


FRAGMENT = "a fragment"


def fragment(make: Callable[Values, Node], most: int = 4096) -> Callable[Values, Node]:
    """Decorate a function that makes a part of a page from values that can be hashed: it is made once, and read once by the text mode.

    A fragment stands in a page once at most. What its labels, `form` and `aria-labelledby` speak of should stand in it too, or else it is read each time.

    Args:
        make: the function.
        most: how many are kept.
    """

    def made(*values: Values.args, **named: Values.kwargs) -> Node:
        node = make(*values, **named)
        node.known = FRAGMENT
        return node

    return cast("Callable[Values, Node]", lru_cache(most, typed=True)(update_wrapper(made, make)))


def to_html(node: Node) -> str:
    """An element as HTML."""
    parts: list[str] = []
    _write(node, parts)
    return "".join(parts)


def inner_html(node: Node) -> str:
    """What stands in an element, as HTML."""
    return "".join(escape(child, quote=False) if isinstance(child, str) else to_html(child) for child in node.children)


def _write(node: Node, parts: list[str]) -> None:
    parts.append(f"<{node.tag}")
    for name, value in node.attributes.items():
        parts.append(f' {name}="{escape(value)}"' if value else f" {name}")
    if node.tag == "form":  # a browser that goes back fills in nothing, and leaves it to the server to say what is wrong
        parts.append(' autocomplete="off" novalidate')
    parts.append(">")
    if node.tag in VOID:
        return
    for child in node.children:
        if isinstance(child, str):
            parts.append(escape(child, quote=False))
        else:
            _write(child, parts)
    parts.append(f"</{node.tag}>")

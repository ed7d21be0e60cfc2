"""What a script of MiniWoB works with: what is asked, what is seen now, and the elements in it."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from prm_gym.web import Acted, Action, Item, Sight
from prm_gym.web.actions import Click, Select, Type

_LOOKS = re.compile(r'\A(?:([\w-]+(?:\([\d,]+\))?) )?((?:"(?:[^"\\]|\\.)*"|[\w -]+?)) (\d+) x (\d+) at (-?\d+), (-?\d+)\Z')
_QUOTED = re.compile(r'"([^"]*)"')


class Looks(NamedTuple):
    """How a thing without a text looks.

    Attributes:
        colour: its name, or "rgb(R,G,B)".
        shape: "circle", "rect" and so on; of a drawn text the text in quotes.
        width: in pixels.
        height: in pixels.
        x: of its middle, in the window.
        y: of its middle, in the window.
    """

    colour: str
    shape: str
    width: int
    height: int
    x: int
    y: int


class View:
    """What a script sees.

    Args:
        said: what is asked.
        sight: what is seen at first.
    """

    def __init__(self, said: str, sight: Sight) -> None:
        self.said, self.sight = said, sight

    def see(self, acted: Acted) -> None:
        """Look again, after an action."""
        self.sight = acted.sight

    @property
    def quoted(self) -> list[str]:
        """What is said in quotes."""
        return _QUOTED.findall(self.said)

    @property
    def items(self) -> tuple[Item, ...]:
        """All that is seen."""
        return self.sight.items

    def all(self, *roles: str) -> list[Item]:
        """The elements of some roles."""
        return [item for item in self.sight.items if item.role in roles]

    def find(self, role: str, name: str) -> Item | None:
        """The first element with a role and a name."""
        return next((item for item in self.sight.items if item.role == role and item.name == name), None)

    def named(self, name: str) -> Item | None:
        """The first element with a name, whatever its role."""
        return next((item for item in self.sight.items if item.ref and item.name == name), None)

    @property
    def fields(self) -> list[Item]:
        """The fields."""
        return self.all("textbox", "searchbox")

    @property
    def lines(self) -> list[str]:
        """The lines of text."""
        return [item.name for item in self.sight.items if not item.ref]

    def said_after(self, pattern: str) -> str:
        """The first group of a pattern in what is asked; empty where it does not fit."""
        found = re.search(pattern, self.said)
        return found[1].strip() if found else ""


Solver: TypeAlias = Callable[[View], Iterator[Action]]


def click(item: Item | None) -> Iterator[Action]:
    """A click, where there is something to click."""
    if item is not None:
        yield Click(item.ref)


def enter(item: Item | None, text: str) -> Iterator[Action]:
    """A text for a field that does not hold it."""
    if item is not None and item.value != text:
        yield Type(item.ref, text)


def choose(item: Item | None, option: str) -> Iterator[Action]:
    """An option of a list."""
    if item is not None:
        yield Select(item.ref, option)


def submit(view: View, name: str = "Submit") -> Iterator[Action]:
    """A click on the button that ends the task."""
    yield from click(view.find("button", name) or view.named(name))


def looks_of(item: Item) -> Looks | None:
    """How a thing looks, where its name says so.

    >>> looks_of(Item(1, "clickable", "white circle 58 x 58 at 86, 133"))
    Looks(colour='white', shape='circle', width=58, height=58, x=86, y=133)
    >>> looks_of(Item(1, "clickable", 'cyan "6" 11 x 22 at 92, 62')).shape
    '"6"'
    """
    found = _LOOKS.match(item.name)
    return Looks(found[1] or "", found[2], *map(int, found.groups()[2:])) if found else None

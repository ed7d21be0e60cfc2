"""The observer: the scripts that it is made of, and what it answers."""

import functools
import json
from importlib.resources import files

import msgspec

from prm_gym.web.observation import Item


class Seen(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What the observer tells.

    Attributes:
        url: address of the page.
        title: of the page.
        items: what is seen.
        beginnings: how often the body was another one.
        cut: how many nodes were left out.
        quiet: whether the page became quiet in time.
    """

    url: str
    title: str
    items: tuple[Item, ...]
    beginnings: int
    cut: int
    quiet: bool


class Answer(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The answer to a request: why it cannot be done, a point to be pressed, what is seen, and what the page's script told that was asked."""

    error: str
    point: tuple[float, float] | None = None
    seen: Seen | None = None
    told: str | None = None


answers = msgspec.json.Decoder(Answer)


def observer(name: str) -> str:
    """The script of the observer, which is found under a name in its world."""
    return "".join(f"{part.rstrip()}({json.dumps(name)});\n" for part in _parts())


@functools.cache
def _parts() -> tuple[str, ...]:
    """The scripts of the observer's world."""
    folder = files("prm_gym.browser")
    return tuple(folder.joinpath(name).read_text("utf-8") for name in ("observer.js", "acting.js"))

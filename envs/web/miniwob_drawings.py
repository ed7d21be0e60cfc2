"""Scripts for tasks about what is drawn: shapes, colours, numbers, points."""

import re
from collections.abc import Iterator

from prm_gym.envs.web.miniwob_view import Looks, Solver, View, click, looks_of, submit
from prm_gym.web import Action, Item
from prm_gym.web.actions import Click, ClickAt, Drag

LARGE = 15  # pixels, of the higher side of a shape
SHAPES = {"circle": "circle", "rectangle": "rect", "triangle": "polygon"}
COLOURS = ("red", "green", "blue", "cyan", "aqua", "black", "magenta", "yellow")


def drawn(view: View) -> list[tuple[Item, Looks]]:
    """What is drawn, with how it looks."""
    return [(item, looks) for item in view.all("clickable") if (looks := looks_of(item)) is not None]


def colour(view: View) -> Iterator[Action]:
    """The box of a colour; the first one of that name may stand in what is asked."""
    name = view.said_after(r"Click on the (.+?) colored")
    name = {"aqua": "cyan", "grey": "gray", "fuchsia": "magenta"}.get(name, name)
    yield from click(next((item for item in reversed(view.all("clickable")) if f"color {name} " in item.name), None))


def shades(view: View) -> Iterator[Action]:
    """All shades in which one colour is the strongest."""
    part = ("red", "green", "blue").index(view.said_after(r"shades of (\w+)"))
    for item in view.all("clickable"):
        found = re.search(r"rgb\((\d+),(\d+),(\d+)\)", item.name)
        parts = [int(number) for number in found.groups()] if found is not None else []
        if parts and parts.index(max(parts)) == part:
            yield Click(item.ref)
    yield from submit(view)


def fits(said: str, looks: Looks) -> bool:
    """Whether a thing is what is said of it: its size, its colour, its kind or its name.

    >>> circle = Looks("cyan", "circle", 10, 10, 5, 5)
    >>> fits("a small aqua circle", circle), fits("a large item", circle), fits("an aqua shape", circle), fits('a digit', circle)
    (True, False, True, False)
    """
    words = re.findall(r"[\w']+", said)
    text = looks.shape.strip('"') if looks.shape.startswith('"') else ""
    large = max(looks.width, looks.height) > LARGE
    for word in words:
        kind = word.removesuffix("s")
        if word in ("small", "large"):
            fit = (word == "large") == large
        elif word in COLOURS:
            fit = looks.colour == {"aqua": "cyan", "green": "green"}.get(word, word)
        elif kind in SHAPES:
            fit = looks.shape == SHAPES[kind]
        elif kind in ("letter", "digit"):
            fit = bool(text) and text.isdigit() == (kind == "digit")
        elif kind == "shape":
            fit = not text
        elif len(kind) == 1 and word != "a":
            fit = text == kind
        else:
            fit = True
        if not fit:
            return False
    return True


def in_order(view: View) -> Iterator[Action]:
    """Numbers from the least to the greatest; after the first click they are covered, so their places are kept."""
    numbers = sorted((int(looks.shape.strip('"')), looks.x, looks.y) for _, looks in drawn(view))
    for _, x, y in numbers:
        yield ClickAt(x, y)


def identify(view: View) -> Iterator[Action]:
    """The kind of the only thing that is drawn."""
    shape = drawn(view)[0][1].shape
    text = shape.strip('"')
    name = {"circle": "Circle", "rect": "Rectangle", "polygon": "Triangle"}.get(shape) or ("Number" if text.isdigit() else "Letter")
    yield from click(view.find("button", name))


def coordinate(view: View) -> Iterator[Action]:
    """A point of a grid, whose circles lie 30 pixels apart."""
    x, y = (int(number) for number in re.findall(r"-?\d+", view.said_after(r"coordinate (\(.*\))")))
    circles = [(item, looks) for item, looks in drawn(view) if looks.shape == "circle"]
    across, down = (sorted({place for _, looks in circles for place in (looks[4 + axis],)}) for axis in (0, 1))
    yield from click(next(item for item, looks in circles if (looks.x, looks.y) == (across[2 + x], down[2 - y])))


def sort_numbers(view: View) -> Iterator[Action]:
    """Numbers of a list, each dragged to where it belongs."""
    for place in range(len(_numbers(view))):
        numbers = _numbers(view)
        least = min(numbers[place:], key=lambda item: int(item.name))
        if least is not numbers[place]:
            yield Drag(least.ref, numbers[place].ref)
    yield from submit(view)


def _numbers(view: View) -> list[Item]:
    return [item for item in view.all("clickable") if re.fullmatch(r"-?\d+", item.name)]


def count(view: View) -> Iterator[Action]:
    """How many fit what is said."""
    number = sum(fits(view.said_after(r"How many (.*) are"), looks) for _, looks in drawn(view))
    yield from click(view.find("button", str(number)))


def shape(view: View) -> Iterator[Action]:
    """One that fits what is said."""
    yield from click(next((item for item, looks in drawn(view) if fits(view.said.removeprefix("Click on "), looks)), None))


SOLVERS: dict[str, Solver] = {
    "ascending-numbers": in_order,
    "click-color": colour,
    "click-shades": shades,
    "click-shape": shape,
    "count-shape": count,
    "drag-sort-numbers": sort_numbers,
    "grid-coordinate": coordinate,
    "identify-shape": identify,
}

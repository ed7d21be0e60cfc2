"""What a page must do, as generated: a specification in words, hidden tests, and a page of ours that is written feature by feature.

A family of pages is a function of a `Draw`: it draws names, numbers and the values of its tests, and gives a `Plan`. The code of a feature stands after that
of the features before it, and a feature's test needs no later one; so the page of ours meets one requirement more at every stage.
"""

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

import msgspec
import numpy as np

from prm_gym.claims import PageTest, PageTestStep

_T = TypeVar("_T")
Steps: TypeAlias = tuple[PageTestStep, ...]
NEXT = "// next"


class Feature(msgspec.Struct, frozen=True):
    """A requirement.

    Attributes:
        name: in a word, distinct within the plan.
        says: what is required, with every name and text that tests look for.
        code: JavaScript of the page of ours.
        test: steps from a fresh load on, with values that the specification does not name.
    """

    name: str
    says: str
    code: str
    test: tuple[PageTestStep, ...]


class Plan(msgspec.Struct, frozen=True):
    """A page to be written.

    Attributes:
        title: its heading.
        intro: what it is for.
        markup: HTML of the page of ours, below the heading.
        features: in the order in which they are required and written.
    """

    title: str
    intro: str
    markup: str
    features: tuple[Feature, ...]

    def tests(self) -> tuple[PageTest, ...]:
        """The hidden tests."""
        return tuple(PageTest(feature.name, feature.test) for feature in self.features)

    def statement(self) -> str:
        """The specification."""
        listed = "\n".join(f"{place}. {feature.says}" for place, feature in enumerate(self.features, 1))
        return f"Write the page {self.title!r}: {self.intro}\n\n{listed}"

    def skeleton(self) -> str:
        """The page of ours before it does anything."""
        hue = sum(map(ord, self.title)) * 47 % 360
        return _SKELETON.replace("@hue@", str(hue)).replace("@title@", self.title).replace("@markup@", self.markup.strip()).replace("@next@", NEXT)

    def page(self, code: Sequence[str] | None = None) -> str:
        """The page of ours with all features, or with other code in their place."""
        parts = [feature.code.strip() for feature in self.features] if code is None else code
        return self.skeleton().replace(NEXT, "\n".join([*parts, NEXT]))


class Draw:
    """What a family draws.

    Args:
        number: decides everything.
    """

    def __init__(self, number: int) -> None:
        self._random = np.random.default_rng(number)

    def one(self, values: Sequence[_T]) -> _T:
        """One of the values."""
        return values[int(self._random.integers(len(values)))]

    def some(self, values: Sequence[_T], count: int) -> list[_T]:
        """Distinct ones of the values, in random order."""
        order: list[int] = self._random.permutation(len(values)).tolist()
        return [values[place] for place in order[:count]]

    def number(self, least: int, most: int) -> int:
        """A whole number, both ends included."""
        return int(self._random.integers(least, most + 1))

    def numbers(self, least: int, most: int, count: int) -> list[int]:
        """Distinct whole numbers."""
        return self.some(range(least, most + 1), count)


def filled(code: str, /, **values: object) -> str:
    """Code with values in the places of @names@."""
    for name, value in values.items():
        code = code.replace(f"@{name}@", str(value))
    return code


def click(name: str, role: str = "button") -> PageTestStep:
    """Click a button, or what has another role."""
    return PageTestStep("click", role, name)


def tick(name: str) -> PageTestStep:
    """Click a checkbox."""
    return PageTestStep("click", "checkbox", name)


def fill(name: str, text: object) -> PageTestStep:
    """Write into a field."""
    return PageTestStep("fill", "", name, str(text))


def choose(name: str, option: str) -> PageTestStep:
    """Choose an option of a list."""
    return PageTestStep("choose", "combobox", name, option)


def shows(text: str) -> PageTestStep:
    """The page says so."""
    return PageTestStep("shows", text=text)


def hides(text: str) -> PageTestStep:
    """The page does not say so."""
    return PageTestStep("hides", text=text)


def reads(name: str, value: object) -> PageTestStep:
    """The page says "name: value", and no other value."""
    return PageTestStep("reads", name=name, text=str(value))


def has(name: str, role: str = "button") -> PageTestStep:
    """There is such an element."""
    return PageTestStep("has", role, name)


def lacks(name: str, role: str = "button") -> PageTestStep:
    """There is none."""
    return PageTestStep("lacks", role, name)


def holds(name: str, text: object, role: str = "textbox") -> PageTestStep:
    """A field holds a text."""
    return PageTestStep("holds", role, name, str(text))


def off(name: str, role: str = "button") -> PageTestStep:
    """An element is disabled."""
    return PageTestStep("is", role, name, "disabled")


def on(name: str, role: str = "button") -> PageTestStep:
    """An element is not disabled."""
    return PageTestStep("is_not", role, name, "disabled")


def orders(*texts: str) -> PageTestStep:
    """The page says the texts in this order."""
    return PageTestStep("orders", texts=texts)


RELOAD = PageTestStep("reload")

_SKELETON = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>@title@</title>
<style>
:root { --tint: hsl(@hue@ 62% 42%); --soft: hsl(@hue@ 60% 96%); --line: hsl(@hue@ 25% 86%); --ink: hsl(@hue@ 30% 16%); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; padding: 48px 16px; color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
body { background: linear-gradient(160deg, var(--soft), #fff 60%, var(--soft)); }
main { max-width: 560px; margin: 0 auto; padding: 28px 32px 32px; background: #fff; }
main { border: 1px solid var(--line); border-radius: 18px; box-shadow: 0 12px 40px hsl(@hue@ 40% 30% / .12); }
h1 { margin: 0 0 18px; font-size: 26px; letter-spacing: -.02em; }
h2 { margin: 10px 0; font-size: 17px; }
.row > h2 { flex: 1; text-align: center; }
p { margin: 10px 0; }
.row { display: flex; flex-wrap: wrap; gap: 10px; align-items: end; margin: 14px 0; }
label { display: flex; flex-direction: column; gap: 4px; flex: 1; min-width: 120px; font-size: 14px; font-weight: 600; }
label.side { flex-direction: row; align-items: center; gap: 8px; font-weight: 500; }
input, select, textarea { width: 100%; padding: 9px 12px; font: inherit; font-weight: 400; }
input, select, textarea { border: 1px solid var(--line); border-radius: 10px; background: #fff; color: inherit; }
input, select { height: 44px; }
input[type=checkbox], input[type=radio] { width: 18px; height: 18px; padding: 0; flex: none; margin: 0; accent-color: var(--tint); }
input[type=range] { padding: 0; accent-color: var(--tint); }
:focus-visible { outline: 3px solid hsl(@hue@ 80% 80%); outline-offset: 1px; }
button { padding: 9px 16px; font: inherit; font-weight: 600; cursor: pointer; }
button { border: 1px solid var(--tint); border-radius: 10px; background: var(--tint); color: #fff; }
button.plain { background: #fff; color: var(--tint); }
button.small { padding: 3px 10px; font-size: 13px; }
button:disabled { opacity: .4; cursor: default; }
.figure { font-size: 22px; font-weight: 650; color: var(--tint); }
p:empty { display: none; }
.note { color: hsl(0 65% 42%); font-weight: 600; }
ul, ol { padding: 0; margin: 14px 0; list-style: none; }
li { display: flex; align-items: center; gap: 10px; padding: 9px 4px; border-bottom: 1px solid var(--line); }
li > .grow { flex: 1; }
table { width: 100%; border-collapse: collapse; margin: 14px 0; }
th, td { padding: 8px 10px; border-bottom: 1px solid var(--line); text-align: left; }
th { font-size: 13px; color: var(--tint); text-transform: uppercase; letter-spacing: .06em; }
fieldset { border: 1px solid var(--line); border-radius: 12px; margin: 14px 0; padding: 10px 16px; }
dialog { border: 0; border-radius: 16px; padding: 24px 28px; box-shadow: 0 24px 80px #0005; }
dialog::backdrop { background: #0006; }
[role=tab][aria-selected=false] { background: #fff; color: var(--tint); }
.swatch { height: 90px; border-radius: 14px; border: 1px solid var(--line); }
.days { display: grid; grid-template-columns: repeat(7, 1fr); gap: 6px; }
.days button { padding: 8px 0; }
.pad { display: grid; grid-template-columns: repeat(3, 1fr); gap: 8px; max-width: 260px; }
[hidden] { display: none; }
</style>
</head>
<body>
<main>
<h1>@title@</h1>
@markup@
</main>
<script>
"use strict";
const $ = (id) => document.getElementById(id);
const make = (tag, given, ...inside) => {
  const node = Object.assign(document.createElement(tag), given);
  node.append(...inside);
  return node;
};
@next@
</script>
</body>
</html>
"""

"""The steps of tests on what is seen of a page: which element is meant, and whether what must be seen is seen.

Any reasonable page should pass, so a name is compared without case, a colon or a star at its end, a textbox may be a search box, a tab may be a button, and
words may stand in one line with others. A page that says everything at once should not: where a reading is required ("Total: 12"), every place where the page
says "Total:" must say the same, and numbers are whole ("2 items" is not in "12 items").
"""

import re
from functools import lru_cache

from prm_gym.claims import PageTestStep
from prm_gym.web.actions import Action, Click, Goto, Press, Select, Type, quoted
from prm_gym.web.observation import Item, Sight

LONGEST_TOLD = 100
ACTS = frozenset(("click", "fill", "choose", "press", "reload"))
_ROLES: dict[str, frozenset[str]] = {
    "textbox": frozenset(("textbox", "searchbox")),
    "combobox": frozenset(("combobox", "listbox")),
    "tab": frozenset(("tab", "button", "link")),
    "button": frozenset(("button", "menuitem")),
}
_FIELDS = _ROLES["textbox"]


def described_step(step: PageTestStep) -> str:
    """A step in words, for people."""
    element = f"{step.role} {quoted(step.name)}" if step.role else quoted(step.name)
    match step.do:
        case "click" | "has" | "lacks":
            return f"{step.do} {element}"
        case "fill" | "choose" | "holds" | "is" | "is_not":
            return f"{step.do} {element} {quoted(step.text)}"
        case "press":
            return f"press {step.text}" + (f" in {element}" if step.name else "")
        case "reload":
            return "reload"
        case "reads":
            return f"reads {step.name}: {step.text}"
        case "orders":
            return f"orders {', '.join(map(quoted, step.texts))}"
        case "shows" | "hides":
            return f"{step.do} {quoted(step.text)}"


def element(step: PageTestStep, sight: Sight) -> Item | None:
    """The element that a step means: the first that can be used, else the first; None where there is none."""
    roles = _FIELDS if step.do == "fill" and not step.role else _ROLES.get(step.role, frozenset((step.role,)))
    name = _plain(step.name)
    found = [item for item in sight.items if item.ref and item.role in roles and _plain(item.name) == name]
    return next((item for item in found if "disabled" not in item.states), found[0] if found else None)


def resolved(step: PageTestStep, sight: Sight, address: str) -> Action | str:
    """What is done on a page, or why it cannot be."""
    if step.do == "reload":
        return Goto(address)
    if step.do == "press" and not step.name:
        return Press(step.text)
    item = element(step, sight)
    if item is None:
        return f"there is no {step.role or 'field'} {quoted(step.name)}"
    if step.do == "click":
        return Click(item.ref)
    if step.do == "fill":
        return Type(item.ref, step.text)
    return Select(item.ref, step.text) if step.do == "choose" else Press(step.text, item.ref)


def missing(step: PageTestStep, sight: Sight) -> str:
    """Why what must be seen is not seen; empty where it is."""
    match step.do:
        case "shows":
            return "" if _said(step.text).search(said(sight)) else f"the page does not say {quoted(step.text)}"
        case "hides":
            return f"the page says {quoted(step.text)}" if _said(step.text).search(said(sight)) else ""
        case "reads":
            return _misread(step, said(sight))
        case "orders":
            return _disorder(step.texts, said(sight))
        case "has":
            return "" if element(step, sight) else f"there is no {step.role} {quoted(step.name)}"
        case "lacks":
            return f"there is a {step.role} {quoted(step.name)}" if element(step, sight) else ""
        case _:
            return _misheld(step, element(step, sight))


def said(sight: Sight) -> str:
    """Everything that a page says, a line or a name of an element a line; what fields hold is not said."""
    return "\n".join(item.name for item in sight.items)


def _misheld(step: PageTestStep, item: Item | None) -> str:
    if item is None:
        return f"there is no {step.role} {quoted(step.name)}"
    if step.do == "holds":
        return "" if item.value == step.text else f"the {item.role} {quoted(item.name)} holds {quoted(item.value or '')}, not {quoted(step.text)}"
    has = step.text in item.states
    if has == (step.do == "is"):
        return ""
    return f"the {item.role} {quoted(item.name)} is {'' if has else 'not '}{step.text}"


def _misread(step: PageTestStep, text: str) -> str:
    places = list(_labelled(step.name).finditer(text))
    if not places:
        return f"the page does not say {quoted(step.name + ':')}"
    wanted = _said(step.text)
    for place in places:
        if not wanted.match(text, place.end()):
            end = text.find("\n", place.end())
            line = " ".join(text[place.start() : end if end >= 0 else len(text)].split())
            return f"the page says {quoted(line[:LONGEST_TOLD])}, not {quoted(f'{step.name}: {step.text}')}"
    return ""


def _disorder(texts: tuple[str, ...], text: str) -> str:
    """Every one of the words must stand there, and where each is said first must be in order."""
    last, end = "", -1
    for words in texts:
        found = _said(words).search(text)
        if found is None:
            return f"the page does not say {quoted(words)}"
        if found.start() < end:
            return f"the page says {quoted(words)} before {quoted(last)}"
        last, end = words, found.end()
    return ""


@lru_cache(4096)
def _said(text: str) -> re.Pattern[str]:
    """Words, wherever they stand: as whole words, and a number as a whole number."""
    words = r"\s+".join(re.escape(word) for word in text.split())
    before = (r"(?<!\w)" if text[:1].isalnum() else f"(?<!{re.escape(text[:1])})") + (r"(?<![\d][.,:])(?<!-)" if text[:1].isdigit() else "")
    after = (r"(?!\w)" if text[-1:].isalnum() else f"(?!{re.escape(text[-1:])})") + (r"(?![.,:]\d)" if text[-1:].isdigit() else "")
    return re.compile(f"{before}{words}{after}")


@lru_cache(4096)
def _labelled(name: str) -> re.Pattern[str]:
    words = r"\s+".join(re.escape(word) for word in name.split())
    return re.compile(rf"(?<!\w){words}\s*:\s*", re.IGNORECASE)


def _plain(name: str) -> str:
    return name.rstrip(" :*").casefold()

"""Scripts for tasks about single controls: buttons, boxes, lists, fields, tabs."""

import re
from collections.abc import Iterator

from prm_gym.envs.web import miniwob_wanted as wanted
from prm_gym.envs.web.miniwob_view import Solver, View, choose, click, enter, submit
from prm_gym.web import Action, Item
from prm_gym.web.actions import Click, Noop, Press, Type

MOST_KEYS = 45


def press_named(view: View) -> Iterator[Action]:
    """The button or link that is named, or the only one."""
    name = (view.quoted or [view.said_after(r"button (\w+)\.")])[0]
    buttons = view.all("button")
    yield from click(view.find("button", name) or view.named(name) or (buttons[0] if buttons else None))


def press_in_turn(view: View) -> Iterator[Action]:
    """Two buttons, one after the other; with a wait between them where one is asked for."""
    wait = view.said_after(r"wait (\d+) seconds")
    yield from click(view.named("ONE"))
    for _ in range(int(wait or 1) - 1):
        yield Noop()
    yield from click(view.named("TWO"))


def close_dialog(view: View) -> Iterator[Action]:
    """A button of a dialog; its cross is called Close."""
    yield from click(view.named("Close" if view.quoted[0] == "x" else view.quoted[0]))


def tick(view: View) -> Iterator[Action]:
    """Boxes or radio buttons by their names."""
    for name in wanted.names_to_select(view.said):
        yield from click(view.find("checkbox", name) or view.find("radio", name))
    yield from submit(view)


def pick(view: View) -> Iterator[Action]:
    """Options of a list."""
    for name in wanted.names_to_select(view.said):
        yield from choose(view.all("combobox", "listbox")[0], name)
    yield from submit(view)


def open_tab(view: View) -> Iterator[Action]:
    """A tab by its name."""
    yield from click(view.find("tab", view.said_after(r"Click on (Tab #\d+)")))


def through_tabs(view: View) -> Iterator[Action]:
    """Open one tab after the other until the link is there."""
    name = view.quoted[0]
    for tab in view.all("tab"):
        if _link(view, name) is not None:
            break
        if "expanded" not in tab.states:
            yield Click(tab.ref)
    yield from click(_link(view, name))


def _link(view: View, name: str) -> Item | None:
    return next((item for item in view.items if item.role in ("clickable", "link") and item.name == name), None)


def expand(view: View) -> Iterator[Action]:
    """All sections, then the button in them."""
    for tab in view.all("tab"):
        if "collapsed" in tab.states and tab.name != "Submit":
            yield Click(tab.ref)
    yield from click(view.find("button", "Submit") or view.named("Submit"))


def type_and_submit(view: View, *texts: str) -> Iterator[Action]:
    """Texts for the fields, in order."""
    for field, text in zip(view.fields, texts, strict=False):
        yield from enter(field, text)
    yield from submit(view)


def enter_text(view: View) -> Iterator[Action]:
    """One text for every field."""
    yield from type_and_submit(view, *[wanted.text_to_enter(view.said)] * len(view.fields))


def focus(view: View) -> Iterator[Action]:
    """A field by its place."""
    yield from click(view.fields[(wanted.places_in(view.said) or [0])[0]])


def copy_field(view: View) -> Iterator[Action]:
    """What one field holds, for the empty one."""
    place = (wanted.places_in(view.said) or [0])[0]
    fields = [field for field in view.fields if field.value]
    yield from enter(next(field for field in view.fields if not field.value), fields[place].value or "")
    yield from submit(view)


def slide(view: View) -> Iterator[Action]:
    """Sliders, and a box where one is asked for."""
    handles = [item.ref for item in view.all("clickable", "slider") if "slider-handle" in item.name]
    for place, value in enumerate(wanted.numbers_in(view.said)):
        yield from turn_to(view, handles[place], place, value)
    if "checkbox" in view.said:
        yield Click(view.all("checkbox")[wanted.places_in(view.said)[0]].ref)
    yield from submit(view)


def form_of_radios(view: View) -> Iterator[Action]:
    """A radio button and a field by their places."""
    radio, field = wanted.places_in(view.said)
    yield Click(view.all("radio")[radio].ref)
    yield from enter(view.fields[field], view.quoted[0])
    yield from submit(view)


def generate(view: View) -> Iterator[Action]:
    """New numbers, until one fits."""
    for _ in range(MOST_KEYS):
        number = wanted.number_shown(view.lines)
        if number is not None and wanted.is_generated(view.said, number):
            break
        yield from click(view.find("button", "Generate"))
    yield from submit(view)


def log_in(view: View) -> Iterator[Action]:
    """A name and a password; windows that come between are cancelled."""
    for place, text in enumerate(view.quoted):
        for _ in range(4):
            fields = view.fields
            if place < len(fields) and fields[place].value in (text, "\u2022" * len(text)):
                break
            yield from click(view.find("button", "Cancel"))
            yield from enter(view.fields[place] if place < len(view.fields) else None, text)
    for _ in range(4):
        yield from click(view.find("button", "Cancel"))
        yield from click(view.find("button", "Login") or view.find("button", "OK"))


def turn_to(view: View, handle: int, place: int, goal: int) -> Iterator[Action]:
    """Move a slider by keys, as its number tells."""
    value, leap = wanted.slider_numbers(view.sight)[place], 0
    for _ in range(MOST_KEYS):
        if value == goal:
            return
        far = leap != 1 and abs(goal - value) > (leap or 1) * 0.6
        yield Press(("PageUp" if far else "ArrowRight") if goal > value else ("PageDown" if far else "ArrowLeft"), handle)
        now = wanted.slider_numbers(view.sight)[place]
        leap = 1 if now == value else abs(now - value) if far else leap
        value = now


def form_of_list(view: View) -> Iterator[Action]:
    """An option of a list that opens by itself, and a button."""
    yield from choose(view.all("combobox")[0], view.said_after(r"Choose (.+?) from the dropdown"))
    yield Press("Escape")
    yield from click(view.find("button", view.quoted[0]))


def guess(view: View) -> Iterator[Action]:
    """The middle of what is left, again and again."""
    low, high = 0, 9
    while low <= high:
        middle = (low + high) // 2
        yield Type(view.fields[0].ref, str(middle))
        yield from submit(view)
        told = " ".join(view.lines).lower()
        low, high = (low, middle - 1) if "lower" in told else (middle + 1, high)


def mark_parity(view: View) -> Iterator[Action]:
    """Odd or even for each number."""
    buttons = view.all("button")
    numbers = [int(line) for line in view.lines if re.fullmatch(r"-?\d+", line)]
    for place, number in enumerate(numbers):
        yield Click(buttons[2 * place + (number % 2 == 0)].ref)
    yield from submit(view)


def pick_greatest(view: View) -> Iterator[Action]:
    """The card with the greatest number."""
    cards = [item for item in view.all("clickable") if re.fullmatch(r"-?\d+", item.name)]
    yield Click(max(cards, key=lambda item: int(item.name)).ref)
    yield from submit(view)


def complete(view: View) -> Iterator[Action]:
    """An item whose beginning, and sometimes end, are said; those that fit are offered under the field."""
    beginning, end = view.quoted[0], (view.quoted[1:] or [""])[0]
    yield Type(view.fields[0].ref, beginning)
    yield Noop()
    offered = [item for item in view.items if item.ref and item.role != "textbox" and item.name.startswith(beginning) and item.name.endswith(end)]
    yield from click(offered[-1] if offered else None)  # the last one, since they stand in a list that may have the name of all
    yield from submit(view)


SOLVERS: dict[str, Solver] = {
    **dict.fromkeys(("click-button", "click-test", "click-test-2", "click-test-transfer", "unicode-test", "click-link"), press_named),
    **dict.fromkeys(("button-delay", "click-button-sequence"), press_in_turn),
    **dict.fromkeys(("click-dialog", "click-dialog-2"), close_dialog),
    **dict.fromkeys(("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer", "click-option"), tick),
    **dict.fromkeys(("choose-list", "click-scroll-list"), pick),
    "click-tab": open_tab,
    **dict.fromkeys(("click-tab-2", "click-tab-2-easy", "click-tab-2-medium", "click-tab-2-hard"), through_tabs),
    **dict.fromkeys(("click-collapsible-2", "click-collapsible-2-nodelay"), through_tabs),
    **dict.fromkeys(("click-collapsible", "click-collapsible-nodelay"), expand),
    **dict.fromkeys(("enter-text", "enter-text-2", "enter-text-dynamic", "enter-password"), enter_text),
    **dict.fromkeys(("login-user", "login-user-popup"), log_in),
    **dict.fromkeys(("focus-text", "focus-text-2"), focus),
    "enter-date": lambda view: type_and_submit(view, wanted.date_to_enter(view.said)),
    "enter-time": lambda view: type_and_submit(view, wanted.time_to_enter(view.said)),
    **dict.fromkeys(("simple-algebra", "simple-arithmetic"), lambda view: type_and_submit(view, wanted.result_of(view.lines))),
    **dict.fromkeys(("read-table", "read-table-2"), lambda view: type_and_submit(view, *wanted.table_values(view.said, view.lines))),
    "find-word": lambda view: type_and_submit(view, wanted.word_to_find(view.said, view.lines)),
    "text-transform": lambda view: type_and_submit(view, view.lines[0]),
    **dict.fromkeys(("copy-paste", "copy-paste-2"), copy_field),
    **dict.fromkeys(("use-slider", "use-slider-2", "form-sequence"), slide),
    "use-spinner": lambda view: type_and_submit(view, str(wanted.numbers_in(view.said)[0])),
    "form-sequence-2": form_of_radios,
    "form-sequence-3": form_of_list,
    "generate-number": generate,
    "guess-number": guess,
    "odd-or-even": mark_parity,
    "find-greatest": pick_greatest,
    **dict.fromkeys(("use-autocomplete", "use-autocomplete-nodelay"), complete),
}

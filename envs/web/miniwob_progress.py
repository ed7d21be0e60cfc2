"""How far a task of MiniWoB has come, where its page shows it: pure functions of what is asked and what is seen.

Each counts the wanted things that hold, and takes off those that hold and should not. Where it cannot tell, it says None. What a page hides (the letters of a
password, what its scripts remember) counts for nothing.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from prm_gym.envs.web import miniwob_wanted as wanted
from prm_gym.web import Item, Sight

HIDDEN = "\u2022"


class Counted(NamedTuple):
    """How many of the wanted things hold, less those that hold and should not; and how many are wanted, 1 or more."""

    held: int
    wanted: int


Count: TypeAlias = Callable[[str, Sight], Counted | None]


def ticked(said: str, sight: Sight) -> Counted | None:
    """Boxes and radio buttons: those that are named, and no other."""
    names = wanted.names_to_select(said)
    boxes = [item for item in sight.items if item.role in ("checkbox", "radio")]
    if not names or not set(names) <= {item.name for item in boxes}:
        return None
    return Counted(sum(1 if item.name in names else -1 for item in boxes if "checked" in item.states), len(names))


def selected(said: str, sight: Sight) -> Counted | None:
    """Options of a list."""
    names = wanted.names_to_select(said)
    box = next((item for item in sight.items if item.role in ("combobox", "listbox")), None)
    if not names or box is None or not set(names) <= set(box.options):
        return None
    chosen = [name for name in (box.value or "").split(", ") if name]
    others = 0 if box.role == "combobox" else sum(name not in names for name in chosen)
    return Counted(sum(name in names for name in chosen) - others, len(names))


def typed(fields: Sequence[Item], values: Sequence[str]) -> Counted | None:
    """Fields with the values that they should hold, in order. Of a hidden value only a wrong length is known."""
    if not values or len(fields) < len(values) or not all(values):
        return None
    held = visible = 0
    for item, value in zip(fields, values, strict=False):
        now = item.value or ""
        if now and not now.strip(HIDDEN):
            held -= len(now) != len(value)
        else:
            visible += 1
            held += 1 if now == value else -1 if now else 0
    return Counted(held, len(values)) if visible or held < 0 else None


def entered(said: str, sight: Sight) -> Counted | None:
    """One text in the first field."""
    return typed(wanted.fields_of(sight)[:1], [wanted.text_to_enter(said)])


def logged_in(said: str, sight: Sight) -> Counted | None:
    """A name, and a password whose letters are hidden."""
    fields, texts = wanted.fields_of(sight), wanted.quoted_in(said)
    if len(fields) < 2 or len(texts) != 2:
        return None
    name, password = (item.value or "" for item in fields[:2])
    wrong = bool(password) and len(password) != len(texts[1])
    return Counted((1 if name == texts[0] else -1 if name else 0) - wrong, 1)


def dated(said: str, sight: Sight) -> Counted | None:
    """A date in a field of dates."""
    return typed(wanted.fields_of(sight)[:1], [wanted.date_to_enter(said)])


def timed(said: str, sight: Sight) -> Counted | None:
    """A time in a field of times."""
    return typed(wanted.fields_of(sight)[:1], [wanted.time_to_enter(said)])


def day_chosen(said: str, sight: Sight) -> Counted | None:
    """A date that a calendar put into its field."""
    date = wanted.date_to_enter(said)
    return typed(wanted.fields_of(sight)[:1], [f"{date[5:7]}/{date[8:]}/{date[:4]}"]) if date else None


def reckoned(_: str, sight: Sight) -> Counted | None:
    """The result of what is to be reckoned."""
    return typed(wanted.fields_of(sight)[:1], [wanted.result_of(wanted.lines_of(sight))])


def looked_up(said: str, sight: Sight) -> Counted | None:
    """Values of a table."""
    return typed(wanted.fields_of(sight), wanted.table_values(said, wanted.lines_of(sight)))


def word_found(said: str, sight: Sight) -> Counted | None:
    """A word of a paragraph."""
    return typed(wanted.fields_of(sight)[:1], [wanted.word_to_find(said, wanted.lines_of(sight))])


def line_copied(_: str, sight: Sight) -> Counted | None:
    """The line of text of the page."""
    return typed(wanted.fields_of(sight)[:1], wanted.lines_of(sight)[:1])


def field_copied(said: str, sight: Sight) -> Counted | None:
    """What another field holds, in the last one."""
    fields, places = wanted.fields_of(sight), wanted.places_in(said) or [0]
    return typed(fields[-1:], [fields[places[0]].value or ""]) if len(fields) > max(1, places[0]) else None


def film_entered(said: str, sight: Sight) -> Counted | None:
    """What is known of a film, in the fields of its labels."""
    fields, film = wanted.labelled_fields(sight), wanted.film_wanted(said)
    found = {word: item for word in film if (item := wanted.field_of(fields, word)) is not None}
    return typed([found[word] for word in film], list(film.values())) if film and len(found) == len(film) else None


def completed(said: str, sight: Sight) -> Counted | None:
    """A text that begins and ends as it should."""
    texts, fields = wanted.quoted_in(said), wanted.fields_of(sight)
    if not texts or not fields:
        return None
    value = fields[0].value or ""
    return Counted(int(len(value) > len(texts[0]) and value.startswith(texts[0]) and value.endswith((texts[1:] or [""])[0])), 1)


def near(values: Sequence[int], goals: Sequence[int]) -> Counted | None:
    """Numbers: each counts 1 where it is reached, and less the further away it is."""
    if not goals or len(values) < len(goals):
        return None
    return Counted(sum(1 - abs(goal - value) for value, goal in zip(values, goals, strict=False)), len(goals))


def slid(said: str, sight: Sight) -> Counted | None:
    """Sliders, by the numbers that they show."""
    return near(wanted.slider_numbers(sight), wanted.numbers_in(said))


def slid_and_ticked(said: str, sight: Sight) -> Counted | None:
    """A slider, and one of the boxes."""
    slider, places = slid(said, sight), wanted.places_in(said)
    boxes = [item for item in sight.items if item.role == "checkbox"]
    if slider is None or not places or places[0] >= len(boxes):
        return None
    return Counted(slider.held + _chosen(boxes, places[0]), slider.wanted + 1)


def spun(said: str, sight: Sight) -> Counted | None:
    """A spinner, by the number in its field."""
    values = [item.value or "" for item in wanted.fields_of(sight)[:1]]
    return near([int(values[0])], wanted.numbers_in(said)) if values and values[0].removeprefix("-").isdecimal() else None


def radio_and_text(said: str, sight: Sight) -> Counted | None:
    """One of the radio buttons, and a number in one of the fields."""
    places, texts, fields = wanted.places_in(said), wanted.quoted_in(said), wanted.fields_of(sight)
    radios = [item for item in sight.items if item.role == "radio"]
    if len(places) != 2 or len(texts) != 1 or places[0] >= len(radios) or places[1] >= len(fields):
        return None
    text = typed([fields[places[1]]], texts)
    others = sum(bool(item.value) for place, item in enumerate(fields) if place != places[1])
    return Counted(_chosen(radios, places[0]) + text.held - others, 2) if text is not None else None


def _chosen(boxes: Sequence[Item], place: int) -> int:
    return sum(1 if at == place else -1 for at, item in enumerate(boxes) if "checked" in item.states)


def generated(said: str, sight: Sight) -> Counted | None:
    """A number of the kind that is asked for."""
    number = wanted.number_shown(wanted.lines_of(sight))
    return Counted(int(number is not None and wanted.is_generated(said, number)), 1)


def expanded(_: str, sight: Sight) -> Counted | None:
    """The section that is to be open."""
    tab = next((item for item in sight.items if item.role == "tab"), None)
    return Counted(int("expanded" in tab.states), 1) if tab is not None else None


PROGRESS: dict[str, Count] = {
    **dict.fromkeys(("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer", "click-option"), ticked),
    **dict.fromkeys(("choose-list", "click-scroll-list"), selected),
    **dict.fromkeys(("enter-text", "enter-text-2", "enter-text-dynamic"), entered),
    **dict.fromkeys(("login-user", "login-user-popup"), logged_in),
    "enter-date": dated,
    "enter-time": timed,
    **dict.fromkeys(("choose-date", "choose-date-easy", "choose-date-medium", "choose-date-nodelay"), day_chosen),
    **dict.fromkeys(("simple-algebra", "simple-arithmetic"), reckoned),
    **dict.fromkeys(("read-table", "read-table-2"), looked_up),
    "find-word": word_found,
    "text-transform": line_copied,
    **dict.fromkeys(("copy-paste", "copy-paste-2"), field_copied),
    **dict.fromkeys(("multi-layouts", "multi-orderings"), film_entered),
    **dict.fromkeys(("use-autocomplete", "use-autocomplete-nodelay"), completed),
    **dict.fromkeys(("use-slider", "use-slider-2"), slid),
    "form-sequence": slid_and_ticked,
    "use-spinner": spun,
    "form-sequence-2": radio_and_text,
    "generate-number": generated,
    **dict.fromkeys(("click-collapsible", "click-collapsible-nodelay"), expanded),
}

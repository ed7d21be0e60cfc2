"""Scripts for tasks about single controls: buttons, boxes, lists, fields, tabs."""

import re
from collections.abc import Iterator

from prm_gym.envs.web.miniwob_view import Solver, View, choose, click, enter, submit
from prm_gym.web import Action, Item
from prm_gym.web.actions import Click, Noop, Press, Select, Type

MOST_KEYS = 45
_WORDS = re.compile(r"\S+")


def place_of(view: View, after: str = "") -> int:
    """The place that is said as 1st, 2nd and so on, from 0 on; after a word where one is given."""
    found = re.search(after + r".*?(\d+)(?:st|nd|rd|th)", view.said)
    return int(found[1]) - 1 if found else 0


def press_named(view: View) -> Iterator[Action]:
    name = (view.quoted or [view.said_after(r"button (\w+)\.")])[0]
    buttons = view.all("button")
    yield from click(view.find("button", name) or view.named(name) or (buttons[0] if buttons else None))


def press_in_turn(view: View) -> Iterator[Action]:
    wait = view.said_after(r"wait (\d+) seconds")
    yield from click(view.named("ONE"))
    for _ in range(int(wait or 1) - 1):
        yield Noop()
    yield from click(view.named("TWO"))


def close_dialog(view: View) -> Iterator[Action]:
    yield from click(view.named("Close" if view.quoted[0] == "x" else view.quoted[0]))


def tick(view: View) -> Iterator[Action]:
    for name in wanted_names(view.said):
        yield from click(view.find("checkbox", name) or view.find("radio", name))
    yield from submit(view)


def wanted_names(said: str) -> list[str]:
    """The names that are to be selected.

    >>> wanted_names("Select 1b, CXjt and click Submit."), wanted_names("Select nothing and click Submit.")
    (['1b', 'CXjt'], [])
    """
    found = re.match(r"Select (.*?)(?: from the (?:scroll )?list)? and click Submit", said)
    names = found[1].split(", ") if found else []
    return [] if names == ["nothing"] else names


def pick(view: View) -> Iterator[Action]:
    for name in wanted_names(view.said):
        yield from choose(view.all("combobox", "listbox")[0], name)
    yield from submit(view)


def widget(view: View) -> Iterator[Action]:
    kind = view.quoted[0]
    if kind in ("text", "textarea"):
        for item in view.fields:
            yield Click(item.ref)
    yield from click(next(iter(view.all(kind)), None))


def open_tab(view: View) -> Iterator[Action]:
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
    for tab in view.all("tab"):
        if "collapsed" in tab.states and tab.name != "Submit":
            yield Click(tab.ref)
    yield from click(view.find("button", "Submit") or view.named("Submit"))


def enter_text(view: View) -> Iterator[Action]:
    text = view.quoted[0]
    text = text.lower() if "lower case" in view.said else text.upper() if "upper case" in view.said else text
    for item in view.fields:
        yield from enter(item, text)
    yield from submit(view)


def log_in(view: View) -> Iterator[Action]:
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


def focus(view: View) -> Iterator[Action]:
    yield from click(view.fields[place_of(view)])


def enter_date(view: View) -> Iterator[Action]:
    month, day, year = view.said_after(r"Enter (\S+)").split("/")
    yield Type(view.fields[0].ref, f"{year}-{month}-{day}")
    if not view.fields[0].value:
        yield Type(view.fields[0].ref, f"{month}/{day}/{year}")
    yield from submit(view)


def enter_time(view: View) -> Iterator[Action]:
    hour, minute, half = re.search(r"(\d+):(\d+) ([AP]M)", view.said).groups()  # pyright: ignore[reportOptionalMemberAccess] - it is always said
    yield Type(view.fields[0].ref, f"{int(hour) % 12 + 12 * (half == 'PM'):02}:{minute}")
    yield from submit(view)


def reckon(view: View) -> Iterator[Action]:
    """A sum, a difference or a product; or what x must be in one."""
    line = next(line for line in view.lines if "=" in line and line != "x =")
    one, sign, other, result = re.match(r"(-?\w+) ([-+x]) (-?\w+) = ?(-?\d*)", line).groups()  # pyright: ignore[reportOptionalMemberAccess] - so they all are
    if not result:
        value = {"+": int(one) + int(other), "-": int(one) - int(other), "x": int(one) * int(other)}[sign]
    elif one == "x":
        value = int(result) - int(other) if sign == "+" else int(result) + int(other)
    else:
        value = int(result) - int(one) if sign == "+" else int(one) - int(result)
    yield Type(view.fields[0].ref, str(value))
    yield from submit(view)


def read_table(view: View) -> Iterator[Action]:
    rows = dict(line.split(" | ", 1) for line in view.lines if " | " in line)
    asked = [line[:-1] for line in view.lines if line.endswith(":")] or [view.said_after(r"value of (.+?) into")]
    for field, name in zip(view.fields, asked, strict=False):
        yield Type(field.ref, rows.get(name, ""))
    yield from submit(view)


def find_word(view: View) -> Iterator[Action]:
    words = _WORDS.findall(view.lines[0])
    yield Type(view.fields[0].ref, words[place_of(view)].strip(".,"))
    yield from submit(view)


def last_word(view: View) -> Iterator[Action]:
    yield Type(view.fields[1].ref, (view.fields[0].value or "").split()[-1].rstrip("."))
    yield from submit(view)


def copy_line(view: View) -> Iterator[Action]:
    yield Type(view.fields[0].ref, view.lines[0])
    yield from submit(view)


def copy_field(view: View) -> Iterator[Action]:
    yield Type(view.fields[-1].ref, view.fields[place_of(view)].value or "")
    yield from submit(view)


def turn_to(view: View, handle: int, shown: int, wanted: int) -> Iterator[Action]:
    """Move a slider by keys, as its number tells: the handle, the place of its number after it, the number that is wanted."""
    value, leap = _number_after(view, handle, shown), 0
    for _ in range(MOST_KEYS):
        if value is None or value == wanted:
            return
        far = abs(wanted - value) > (leap or 1) * 0.6 and leap != 1
        yield Press(("PageUp" if far else "ArrowRight") if wanted > value else ("PageDown" if far else "ArrowLeft"), handle)
        now = _number_after(view, handle, shown)
        if now is None or now == value:
            leap = 1
        elif far:
            leap = abs(now - value)
        value = now


def _number_after(view: View, handle: int, shown: int) -> int | None:
    begun = 0
    for item in view.items:
        begun += item.ref == handle and not begun
        if begun and not item.ref and re.fullmatch(r"-?\d+", item.name):
            if begun > shown:
                return int(item.name)
            begun += 1
    return None


def slide(view: View) -> Iterator[Action]:
    wanted = [int(number) for number in re.findall(r"-?\d+", view.said_after(r"(?:Select|combination) (\[.*?\]|-?\d+)"))]
    handles = [item.ref for item in view.all("clickable", "slider") if "slider-handle" in item.name]
    for handle, value in zip(handles, wanted, strict=False):
        yield from turn_to(view, handle, 0, value)
    if "checkbox" in view.said:
        yield Click(view.all("checkbox")[place_of(view, "the")].ref)
    yield from submit(view)


def spin(view: View) -> Iterator[Action]:
    yield Type(view.fields[0].ref, view.said_after(r"Select (-?\d+)"))
    yield from submit(view)


def form_of_radios(view: View) -> Iterator[Action]:
    places = [int(place) - 1 for place in re.findall(r"(\d+)(?:st|nd|rd|th)", view.said)]
    yield Click(view.all("radio")[places[0]].ref)
    yield Type(view.fields[places[1]].ref, view.quoted[0])
    yield from submit(view)


def form_of_list(view: View) -> Iterator[Action]:
    wanted = view.said_after(r"Choose (.+?) from the dropdown")
    yield from click(next((item for item in view.all("clickable") if "\u25be" in item.name), None))
    option = next((item for item in view.all("clickable") if item.name == wanted), None)
    if option is not None:
        yield Click(option.ref)
    else:
        yield Select(view.all("combobox")[0].ref, wanted)
    yield from click(view.find("button", view.quoted[0]))


def generate(view: View) -> Iterator[Action]:
    kind, bound = re.search(r"number (greater|less) than (-?\d+)|$", view.said).groups()  # pyright: ignore[reportOptionalMemberAccess] - $ always fits
    parity = view.said_after(r"(even|odd) number")
    for _ in range(MOST_KEYS):
        found = next((int(line) for line in view.lines if re.fullmatch(r"-?\d+", line)), None)
        if found is not None and (not kind or (found > int(bound)) == (kind == "greater")) and (not kind or found != int(bound)):
            if not parity or (found % 2 == 1) == (parity == "odd"):
                break
        yield Click(view.all("button")[0].ref)
    yield from submit(view)


def guess(view: View) -> Iterator[Action]:
    low, high = 0, 9
    while low <= high:
        middle = (low + high) // 2
        yield Type(view.fields[0].ref, str(middle))
        yield from submit(view)
        told = " ".join(view.lines).lower()
        low, high = (low, middle - 1) if "lower" in told else (middle + 1, high)


def mark_parity(view: View) -> Iterator[Action]:
    buttons = view.all("button")
    numbers = [int(line) for line in view.lines if re.fullmatch(r"-?\d+", line)]
    for place, number in enumerate(numbers):
        yield Click(buttons[2 * place + (number % 2 == 0)].ref)
    yield from submit(view)


def pick_greatest(view: View) -> Iterator[Action]:
    cards = [item for item in view.all("clickable") if re.fullmatch(r"-?\d+", item.name)]
    yield Click(max(cards, key=lambda item: int(item.name)).ref)
    yield from submit(view)


def complete(view: View) -> Iterator[Action]:
    """An item whose beginning, and sometimes end, are said; those that fit are offered under the field."""
    beginning, end = view.quoted[0], (view.quoted[1:] or [""])[0]
    yield Type(view.fields[0].ref, beginning)
    yield Noop()
    offered = [item for item in view.items if item.ref and item.role != "textbox" and item.name.startswith(beginning) and item.name.endswith(end)]
    yield from click(offered[0] if offered else None)
    yield from submit(view)


SOLVERS: dict[str, Solver] = {
    **dict.fromkeys(("click-button", "click-test", "click-test-2", "click-test-transfer", "unicode-test", "click-link"), press_named),
    **dict.fromkeys(("button-delay", "click-button-sequence"), press_in_turn),
    **dict.fromkeys(("click-dialog", "click-dialog-2"), close_dialog),
    **dict.fromkeys(("click-checkboxes", "click-checkboxes-large", "click-checkboxes-transfer", "click-option"), tick),
    **dict.fromkeys(("choose-list", "click-scroll-list"), pick),
    "click-widget": widget,
    "click-tab": open_tab,
    **dict.fromkeys(("click-tab-2", "click-tab-2-easy", "click-tab-2-medium", "click-tab-2-hard"), through_tabs),
    **dict.fromkeys(("click-collapsible-2", "click-collapsible-2-nodelay"), through_tabs),
    **dict.fromkeys(("click-collapsible", "click-collapsible-nodelay"), expand),
    **dict.fromkeys(("enter-text", "enter-text-2", "enter-text-dynamic", "enter-password"), enter_text),
    **dict.fromkeys(("login-user", "login-user-popup"), log_in),
    **dict.fromkeys(("focus-text", "focus-text-2"), focus),
    "enter-date": enter_date,
    "enter-time": enter_time,
    **dict.fromkeys(("simple-algebra", "simple-arithmetic"), reckon),
    **dict.fromkeys(("read-table", "read-table-2"), read_table),
    "find-word": find_word,
    "scroll-text": last_word,
    "text-transform": copy_line,
    **dict.fromkeys(("copy-paste", "copy-paste-2"), copy_field),
    **dict.fromkeys(("use-slider", "use-slider-2", "form-sequence"), slide),
    "use-spinner": spin,
    "form-sequence-2": form_of_radios,
    "form-sequence-3": form_of_list,
    "generate-number": generate,
    "guess-number": guess,
    "odd-or-even": mark_parity,
    "find-greatest": pick_greatest,
    **dict.fromkeys(("use-autocomplete", "use-autocomplete-nodelay"), complete),
}

"""How far a task of MiniWoB has come, on states written by hand: what is asked, the page, and the count."""

import pytest

from prm_gym.envs.web.miniwob_progress import PROGRESS
from prm_gym.web import Item, Sight


def page(*items):
    """A page of (role, name, value, states); what is no element has the role "text"."""
    return Sight("", "", tuple(Item(0 if role == "text" else number + 1, role, *rest) for number, (role, *rest) in enumerate(items)))


def boxes(role, **ticked):
    return page(*((role, name, None, ("checked",) if on else ()) for name, on in ticked.items()), ("button", "Submit"))


def field(value, *lines):
    return page(*(("text", line) for line in lines), ("textbox", "", value), ("button", "Submit"))


TICK = "Select a, b and click Submit."
LOGIN = 'Enter the username "ann" and the password "x1" into the text fields and press login.'
FORM = 'Check the 2nd radio button and enter the number "-8" into the 1st textbox.'
FILM = "Search for drama movies directed by Cotton from year 1981."
SLIDE = "Set the sliders to the combination [7,0] and submit."
ROWS = ("Country | Ireland", "Religion | None")
HANDLE = ("clickable", "ui-slider-handle white 14 x 14 at 5, 5")


def login(name, password):
    return page(("text", "Username"), ("textbox", "", name), ("text", "Password"), ("textbox", "", password))


def form(chosen, *values):
    return page(*(("radio", "", None, ("checked",) if place == chosen else ()) for place in range(3)), *(("textbox", "", value) for value in values))


def films(*parts):
    return page(*(("text", part) if isinstance(part, str) else ("textbox", "", part[0]) for part in parts))


STATES = [
    ("click-checkboxes", TICK, boxes("checkbox", a=0, b=0, c=0), (0, 2)),
    ("click-checkboxes", TICK, boxes("checkbox", a=1, b=0, c=0), (1, 2)),
    ("click-checkboxes", TICK, boxes("checkbox", a=1, b=1, c=1), (1, 2)),  # two right, one wrong
    ("click-checkboxes", TICK, boxes("checkbox", a=1, b=1, c=0), (2, 2)),
    ("click-checkboxes", "Select nothing and click Submit.", boxes("checkbox", a=0), None),
    ("click-checkboxes", TICK, boxes("checkbox", a=0), None),  # no box has the name b
    ("click-option", "Select b and click Submit.", boxes("radio", a=1, b=0), (-1, 1)),
    ("choose-list", "Select b from the list and click Submit.", page(("combobox", "", "a", (), ("a", "b"))), (0, 1)),
    ("choose-list", "Select b from the list and click Submit.", page(("combobox", "", "b", (), ("a", "b"))), (1, 1)),
    ("click-scroll-list", "Select a, b from the scroll list and click Submit.", page(("listbox", "", "a, c", (), ("a", "b", "c"))), (0, 2)),
    ("enter-text", 'Enter "Ada" into the text field and press Submit.', field(""), (0, 1)),
    ("enter-text", 'Enter "Ada" into the text field and press Submit.', field("Ada"), (1, 1)),
    ("enter-text", 'Enter "Ada" into the text field and press Submit.', field("ada"), (-1, 1)),
    ("enter-text-2", 'Type "ADA" in all lower case letters in the text input and press Submit.', field("ada"), (1, 1)),
    ("login-user", LOGIN, login("", ""), (0, 1)),
    ("login-user", LOGIN, login("ann", "\u2022\u2022"), (1, 1)),  # of the password only its length is seen
    ("login-user", LOGIN, login("ann", "\u2022\u2022\u2022"), (0, 1)),
    ("enter-date", "Enter 10/16/2012 as the date and hit submit.", field("2012-10-16"), (1, 1)),
    ("enter-time", "Enter 12:15 AM as the time and press submit.", field("00:15"), (1, 1)),
    ("choose-date", "Select 04/11/2016 as the date and hit submit.", field("04/11/2016"), (1, 1)),
    ("choose-date", "Select 04/11/2016 as the date and hit submit.", field("11/04/2016"), (-1, 1)),
    ("simple-algebra", "Solve for x and type your answer into the textbox. Press Submit when done.", field("73", "x + 2 = 75", "x ="), (1, 1)),
    ("simple-arithmetic", "Solve the math problem and type your answer into the textbox. Press submit when done.", field("5", "2 x 3 ="), (-1, 1)),
    ("read-table", "Enter the value of Religion into the text field and press Submit.", field("None", *ROWS), (1, 1)),
    ("read-table-2", "Enter the value that corresponds with each label into the form and submit when done.",
     page(*(("text", row) for row in ROWS), ("text", "Religion:"), ("textbox", "", ""), ("text", "Country:"), ("textbox", "", "Ireland")), (1, 2)),
    ("find-word", 'Find the 2nd word in the paragraph, type that into the textbox and press "Submit".', field("duis", "Mauris, duis. in"), (1, 1)),
    ("text-transform", "Type the text below into the text field and press Submit.", field("qTC", "qTC"), (1, 1)),
    ("copy-paste-2", "Copy the text from the 2nd text area below and paste it into the text input, then press Submit.",
     page(("textbox", "", "one"), ("textbox", "", "two"), ("textbox", "", "two")), (1, 1)),
    ("multi-layouts", FILM, films("Director", ("Cotton",), "Year", ("1981",), "Genre", ("",)), (2, 3)),
    ("multi-layouts", FILM, films(("1981",), "Year", ("drama",), "Director", ("",), "Genre"), (0, 3)),  # labels after their fields
    ("use-autocomplete", 'Enter an item that starts with "Eq" and ends with "inea".', field("Equatorial Guinea"), (1, 1)),
    ("use-autocomplete", 'Enter an item that starts with "Eq" and ends with "inea".', field("Eq"), (0, 1)),
    ("use-slider-2", SLIDE, page(HANDLE, ("text", "5"), HANDLE, ("text", "0")), (0, 2)),  # 1 - 2, and 1
    ("use-slider-2", SLIDE, page(HANDLE, ("text", "7"), HANDLE, ("text", "0")), (2, 2)),
    ("form-sequence", "Select -3 with the slider, click the 1st checkbox, then hit Submit.",
     page(HANDLE, ("text", "-3"), ("checkbox", "", None, ()), ("checkbox", "", None, ("checked",))), (0, 2)),
    ("use-spinner", "Select -5 with the spinner and hit Submit.", field("-4"), (0, 1)),
    ("form-sequence-2", FORM, form(1, "-8", "", ""), (2, 2)),
    ("form-sequence-2", FORM, form(0, "", "-8", ""), (-2, 2)),
    ("generate-number", "Generate a number greater than 5, then press submit.", page(("text", "6"), ("button", "Generate")), (1, 1)),
    ("generate-number", "Generate a number less than 5, then press submit.", page(("text", "-"), ("button", "Generate")), (0, 1)),
    ("click-collapsible", "Expand the section below and click submit.", page(("tab", "Section #1", None, ("expanded",))), (1, 1)),
    ("click-collapsible", "Expand the section below and click submit.", page(("tab", "Section #1", None, ("collapsed",))), (0, 1)),
]  # fmt: skip


@pytest.mark.parametrize(("task", "said", "sight", "counted"), STATES, ids=[f"{number}-{state[0]}" for number, state in enumerate(STATES)])
def test_progress(task, said, sight, counted):
    assert PROGRESS[task](said, sight) == counted


@pytest.mark.parametrize("task", sorted(PROGRESS))
def test_pages_that_are_none_of_the_task_have_no_progress_or_little(task):
    """Whatever is seen, nothing is raised; and what is held is never more than what is wanted."""
    for said in ("", "Select", 'Enter "x" "y" "z"', "the 99th and the 98th", *(state[1] for state in STATES)):
        for sight in (page(), *(state[2] for state in STATES)):
            counted = PROGRESS[task](said, sight)
            assert counted is None or (counted.wanted >= 1 and counted.held <= counted.wanted)

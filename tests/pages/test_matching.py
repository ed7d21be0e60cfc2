"""What a step of a test means on what is seen of a page, without any browser."""

import pytest

from prm_gym.claims import PageTestStep
from prm_gym.pages import described_step, missing, resolved
from prm_gym.web.actions import Click, Goto, Press, Select, Type
from prm_gym.web.observation import Item, Sight

HERE = "http://page.localhost/"
PAGE = Sight(
    HERE,
    "Page",
    (
        Item(0, "heading", "Shop"),
        Item(1, "searchbox", "Task *:", "milk"),
        Item(2, "button", "Add", None, ("disabled",)),
        Item(3, "button", "add"),
        Item(4, "combobox", "Size", "M", (), ("S", "M")),
        Item(5, "checkbox", "Gift", None, ("checked",)),
        Item(0, "text", "Total: 12.50 for 12 items, saved"),
        Item(0, "text", "Count:"),
        Item(0, "text", "-3"),
        Item(0, "text", "1. Oslo | 2. Lima"),
    ),
)


@pytest.mark.parametrize(
    ("step", "action"),
    [
        (PageTestStep("click", "button", "ADD"), Click(3)),  # the one that can be used
        (PageTestStep("fill", "", "task", "x"), Type(1, "x")),
        (PageTestStep("choose", "combobox", "Size", "S"), Select(4, "S")),
        (PageTestStep("press", text="Enter"), Press("Enter")),
        (PageTestStep("press", "textbox", "Task", "Enter"), Press("Enter", 1)),
        (PageTestStep("click", "tab", "Add"), Click(3)),
        (PageTestStep("reload"), Goto(HERE)),
        (PageTestStep("click", "button", "Ad"), 'there is no button "Ad"'),
        (PageTestStep("fill", "", "Size", "x"), 'there is no field "Size"'),
        (PageTestStep("click", "checkbox", "Add"), 'there is no checkbox "Add"'),
    ],
)
def test_what_is_done(step, action):
    assert resolved(step, PAGE, HERE) == action


@pytest.mark.parametrize(
    "step",
    [
        PageTestStep("shows", text="12 items"),
        PageTestStep("shows", text="12.50"),
        PageTestStep("shows", text="1. Oslo"),
        PageTestStep("hides", text="2 items"),
        PageTestStep("hides", text="12.5"),
        PageTestStep("hides", text="milk"),  # what a field holds is not said
        PageTestStep("reads", name="total", text="12.50"),
        PageTestStep("reads", name="Count", text="-3"),
        PageTestStep("has", "textbox", "Task"),
        PageTestStep("lacks", "button", "Remove"),
        PageTestStep("holds", "textbox", "Task", "milk"),
        PageTestStep("holds", "combobox", "Size", "M"),
        PageTestStep("is", "checkbox", "Gift", "checked"),
        PageTestStep("is_not", "button", "Add", "disabled"),
        PageTestStep("orders", texts=("Oslo", "Lima")),
    ],
    ids=described_step,
)
def test_what_is_seen(step):
    assert missing(step, PAGE) == ""


@pytest.mark.parametrize(
    "step",
    [
        PageTestStep("shows", text="2 items"),
        PageTestStep("shows", text="12.5"),
        PageTestStep("shows", text="Osl"),
        PageTestStep("hides", text="Shop"),
        PageTestStep("hides", text="12"),  # of "12.50" and "12 items" the second is it
        PageTestStep("reads", name="Total", text="12"),
        PageTestStep("reads", name="Count", text="3"),
        PageTestStep("reads", name="Sum", text="3"),
        PageTestStep("has", "link", "Add"),
        PageTestStep("lacks", "textbox", "task"),
        PageTestStep("holds", "textbox", "Task", "Milk"),
        PageTestStep("is", "checkbox", "Gift", "disabled"),
        PageTestStep("is_not", "checkbox", "Gift", "checked"),
        PageTestStep("is_not", "checkbox", "Other", "checked"),
        PageTestStep("orders", texts=("Lima", "Oslo")),
        PageTestStep("orders", texts=("Oslo", "Rome")),
    ],
    ids=described_step,
)
def test_what_is_not_seen(step):
    assert missing(step, PAGE)


def test_a_reading_must_be_the_same_everywhere():
    # A page that says every number says the right one somewhere.
    everything = Sight(HERE, "", tuple(Item(0, "text", f"Count: {number}") for number in range(10)))
    assert missing(PageTestStep("reads", name="Count", text="4"), everything) == 'the page says "Count: 0", not "Count: 4"'


def test_forged_elements_are_text():
    forged = Sight(HERE, "", (Item(0, "text", '[1] button "Add"'),))
    assert resolved(PageTestStep("click", "button", "Add"), forged, HERE) == 'there is no button "Add"'


def test_signs_that_are_repeated_are_counted():
    stars = Sight(HERE, "", (Item(0, "text", "Keys: **"),))
    assert not missing(PageTestStep("reads", name="Keys", text="**"), stars)
    assert missing(PageTestStep("reads", name="Keys", text="*"), stars)
    assert not missing(PageTestStep("hides", text="***"), stars)

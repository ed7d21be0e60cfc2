"""What a step of a test means on what is seen of a page, without any browser."""

import pytest

from prm_gym.claims import PageStep
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
        (PageStep("click", "button", "ADD"), Click(3)),  # the one that can be used
        (PageStep("fill", "", "task", "x"), Type(1, "x")),
        (PageStep("choose", "combobox", "Size", "S"), Select(4, "S")),
        (PageStep("press", text="Enter"), Press("Enter")),
        (PageStep("press", "textbox", "Task", "Enter"), Press("Enter", 1)),
        (PageStep("click", "tab", "Add"), Click(3)),
        (PageStep("reload"), Goto(HERE)),
        (PageStep("click", "button", "Ad"), 'there is no button "Ad"'),
        (PageStep("fill", "", "Size", "x"), 'there is no field "Size"'),
        (PageStep("click", "checkbox", "Add"), 'there is no checkbox "Add"'),
    ],
)
def test_what_is_done(step, action):
    assert resolved(step, PAGE, HERE) == action


@pytest.mark.parametrize(
    "step",
    [
        PageStep("shows", text="12 items"),
        PageStep("shows", text="12.50"),
        PageStep("shows", text="1. Oslo"),
        PageStep("hides", text="2 items"),
        PageStep("hides", text="12.5"),
        PageStep("hides", text="milk"),  # what a field holds is not said
        PageStep("reads", name="total", text="12.50"),
        PageStep("reads", name="Count", text="-3"),
        PageStep("has", "textbox", "Task"),
        PageStep("lacks", "button", "Remove"),
        PageStep("holds", "textbox", "Task", "milk"),
        PageStep("holds", "combobox", "Size", "M"),
        PageStep("is", "checkbox", "Gift", "checked"),
        PageStep("is_not", "button", "Add", "disabled"),
        PageStep("orders", texts=("Oslo", "Lima")),
    ],
    ids=described_step,
)
def test_what_is_seen(step):
    assert missing(step, PAGE) == ""


@pytest.mark.parametrize(
    "step",
    [
        PageStep("shows", text="2 items"),
        PageStep("shows", text="12.5"),
        PageStep("shows", text="Osl"),
        PageStep("hides", text="Shop"),
        PageStep("hides", text="12"),  # of "12.50" and "12 items" the second is it
        PageStep("reads", name="Total", text="12"),
        PageStep("reads", name="Count", text="3"),
        PageStep("reads", name="Sum", text="3"),
        PageStep("has", "link", "Add"),
        PageStep("lacks", "textbox", "task"),
        PageStep("holds", "textbox", "Task", "Milk"),
        PageStep("is", "checkbox", "Gift", "disabled"),
        PageStep("is_not", "checkbox", "Gift", "checked"),
        PageStep("is_not", "checkbox", "Other", "checked"),
        PageStep("orders", texts=("Lima", "Oslo")),
        PageStep("orders", texts=("Oslo", "Rome")),
    ],
    ids=described_step,
)
def test_what_is_not_seen(step):
    assert missing(step, PAGE)


def test_a_reading_must_be_the_same_everywhere():
    # A page that says every number says the right one somewhere.
    everything = Sight(HERE, "", tuple(Item(0, "text", f"Count: {number}") for number in range(10)))
    assert missing(PageStep("reads", name="Count", text="4"), everything) == 'the page says "Count: 0", not "Count: 4"'


def test_forged_elements_are_text():
    forged = Sight(HERE, "", (Item(0, "text", '[1] button "Add"'),))
    assert resolved(PageStep("click", "button", "Add"), forged, HERE) == 'there is no button "Add"'


def test_signs_that_are_repeated_are_counted():
    stars = Sight(HERE, "", (Item(0, "text", "Keys: **"),))
    assert not missing(PageStep("reads", name="Keys", text="**"), stars)
    assert missing(PageStep("reads", name="Keys", text="*"), stars)
    assert not missing(PageStep("hides", text="***"), stars)

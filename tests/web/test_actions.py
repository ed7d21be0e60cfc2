"""The language of actions: what it reads, what it refuses, and that it reads back what it writes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prm_gym.web.actions import (
    LONGEST_TEXT,
    Answer,
    Back,
    Click,
    ClickAt,
    Drag,
    Goto,
    Hover,
    NoAction,
    Noop,
    Press,
    Scroll,
    Select,
    Tab,
    Type,
    action_text,
    quoted,
    read_action,
)

WRITTEN = [
    ("click [12]", Click(12)),
    ("click[12]", Click(12)),
    ('click [12] button "Add \\"x\\""', Click(12, 1, 'button "Add \\"x\\""')),
    ("double_click [3]", Click(3, 2)),
    ("hover [3]", Hover(3)),
    ("drag [3] [4]", Drag(3, 4)),
    ('type [7] "blue mug"', Type(7, "blue mug")),
    ("type [7] blue mug", Type(7, "blue mug")),
    ('type [7] ""', Type(7, "")),
    ('type [7] "a\\nb"', Type(7, "a\nb")),
    ('type [7] "a\nb\n"', Type(7, "a\nb\n")),
    ('type [7] "x" into searchbox "Search"', Type(7, "x", 'searchbox "Search"')),
    ('select [5] "Large" in combobox "Size"', Select(5, "Large", 'combobox "Size"')),
    ("press Enter", Press("Enter")),
    ("press [7] Control+a", Press("Control+a", 7)),
    ("press +", Press("+")),
    ("scroll down", Scroll("down")),
    ('goto "http://shop.test/cart"', Goto("http://shop.test/cart")),
    ("goto http://shop.test/cart", Goto("http://shop.test/cart")),
    ("back", Back()),
    ("tab 2", Tab(2)),
    ("answer", Answer("")),
    ("answer 12.50", Answer("12.50")),
    ("noop", Noop()),
    ("click_at 3, 4", ClickAt(3, 4)),
]


@pytest.mark.parametrize(("text", "action"), WRITTEN)
def test_actions_are_read_alone_and_after_a_thought(text, action):
    assert read_action(text) == action
    for around in (
        "I think so.\n\n{}",
        "<think>click [1]?</think>\n{}",
        "the thought begins in the prompt</think>{}",
        "```\n{}\n```",
        "Action: {}",
        "**Action:** {}",
    ):
        assert read_action(around.format(text)) == action
    assert read_action(action_text(action)) == action


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "one action"),
        ("   \n", "one action"),
        ("click the button", r"write: click \[N\]"),
        ("click [1] [2]", "write: click"),
        ("click [1]\nclick [2]", "several"),
        ('type [1] "a" and more', "double quotes"),
        ('type [1] "a', "double quotes"),
        ('type [1] "a" in textbox "b"', "double quotes"),
        ("type [1]", "write: type"),
        ("press Foo", "one character or one of"),
        ("scroll left", "write: scroll"),
        ("tab x", "write: tab"),
        ("back [2]", "write: back"),
        ("clicked [3]", "begins with one of"),
        ("__import__('os').system('x')", "begins with one of"),
        ("<think>click [1]", "does not end"),
        ("click [1234567]", "write: click"),
        ('click [1] button "a', "write: click"),
        (f'type [1] "{"a" * (LONGEST_TEXT + 1)}"', "at most"),
        ('type [1] "\\ud800"', "surrogates"),
    ],
)
def test_what_is_no_action_says_why(text, reason):
    found = read_action(text)
    assert isinstance(found, NoAction)
    assert re.search(reason, found.reason), found.reason


TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)


@given(TEXTS, TEXTS, st.integers(1, 999_999))
def test_every_text_and_name_is_read_back(text, name, ref):
    for action in (Type(ref, text, f"textbox {quoted(name)}"), Select(ref, text), Click(ref, 1, f"link {quoted(name)}"), Answer(text), Goto(text or "x")):
        assert "\n" not in action_text(action)
        assert len(action_text(action).splitlines()) <= 1
        assert read_action(action_text(action)) == action


@given(st.text(max_size=200))
def test_nothing_that_is_written_raises(text):
    read_action(text)

"""How pages are read: by hand, on a small page."""

import numpy as np
import pytest

from prm_gym.agents.pages import is_page, page_of, tokens_of
from prm_gym.agents.reading import FEATURES, LENGTH, read

PAGE = """task: Put the Arden Lark kettle in blue on my list; which feature has order 20167?
title: Arden Lark kettle - Shop
url: http://shop.test/p/P220?colour=blue
[1] link "Home"
[2] searchbox "Search" value "Arden Lark kettle" focused
- It is on your list.
# Arden Lark kettle
[3] combobox "Colour" value "blue" options "red", "blue"
[4] button "Add to list"
- Feature: speed lacing
# Orders
- 20167 | 3 May
[5] button "Remove"
- 20168 | 4 May
[6] button "Remove"
[7] checkbox "Gift wrap" checked"""


def _own(action, page=PAGE):
    tokens, own = tokens_of(page_of(page), action)
    return tokens[:own]


def test_what_is_a_page():
    assert is_page(PAGE)
    for other in ("", "hypothesis: {A}\nfact1: {B} -> {A}", "numbers: [1] 2", "task: x\n[1] a book about numbers", 'task: say [1] link "x"'):
        assert not is_page(other)


@pytest.mark.parametrize(
    ("action", "tokens"),
    [
        # Verb, kind of element, how the texts stand to the task, words of the task above; then the texts.
        ('click [1] link "Home"', ["click", "link", "=none", "+0", '"', "home"]),
        # Three words that stand in the task are a name, which is not spelt; the row before this one is none of its own.
        ('type [2] "Arden Lark kettle" into searchbox "Search"', ["type", "searchbox", "=whole", "=none", "+0", '"', "_", '"', "search"]),
        ('select [3] "red" in combobox "Colour"', ["select", "combobox", "=none", "=none", "+3", '"', "red", '"', "colour"]),
        # "list" is a word of the task and "add" is none; arden, lark and kettle stand above it, up to the heading.
        ('click [4] button "Add to list"', ["click", "button", "=some", "+3", '"', "add", "to", "list"]),
        # Two buttons of one name: 20167 stands above the first, and is not counted for the second.
        ('click [5] button "Remove"', ["click", "button", "=none", "+1", '"', "remove"]),
        ('click [6] button "Remove"', ["click", "button", "=none", "+0", '"', "remove"]),
        # 20167 stands between it and its heading.
        ('click [7] checkbox "Gift wrap"', ["click", "checkbox", "=none", "checked", "+1", '"', "gift", "wrap"]),
        ('click [99] button "Remove"', ["click", "button", "=none", "+?", '"', "remove"]),
        # An answer: "feature" stands before it and in the task, and three other words of the task above it.
        ('answer "speed lacing"', ["answer", "answer", "=none", "@1", "+3", "feature", '"', "speed", "lacing"]),
        ('answer "3 May"', ["answer", "answer", "=none", "@1", "+0", '"', "3", "may"]),
        ('answer "impossible"', ["answer", "answer", "=none", "@-", '"', "impossible"]),
        ("answer", ["answer", "answer"]),
        ("back", ["back", "back"]),
        ("", []),
        ('click [3] button ""', ["click", "button", "=empty", "+3", '"']),
    ],
)
def test_actions(action, tokens):
    assert _own(action) == tokens


def test_the_page_stands_behind_every_action():
    # Two fields hold what the task says; the title without the name of the site stands in it; the path without its numbers; what is said above the first
    # heading; and the first ten words of the task.
    context = [
        "|", "held2", "=whole", "_", "_", "_", "shop", "/", "p", "-", "it", "is", "on", "your", "_",
        "?", "put", "the", "arden", "lark", "kettle", "in", "blue", "on", "my", "list",
    ]  # fmt: skip
    for action in ("back", 'click [1] link "Home"'):
        tokens, own = tokens_of(page_of(PAGE), action)
        assert tokens[own:] == context


def test_an_action_that_could_not_be_done_is_seen():
    failed = PAGE.replace("\ntitle:", "\nError: [9] is disabled\ntitle:")
    assert "error" in tokens_of(page_of(failed), "back")[0]
    assert "error" not in tokens_of(page_of(PAGE), "back")[0]


def test_numbers_of_elements_and_names_of_things_do_not_matter():
    other = PAGE
    for old, new in (("Arden", "Quill"), ("Lark", "Moor"), ("kettle", "tent"), ("20167", "31111"), ("P220", "P7")):
        other = other.replace(old, new)
    shifted = other
    for number in range(7, 0, -1):
        shifted = shifted.replace(f"[{number}]", f"[{number + 10}]")
    for action, moved in (('click [5] button "Remove"', 'click [15] button "Remove"'), ('click [4] button "Add to list"', 'click [14] button "Add to list"')):
        assert _own(action) == _own(action, other) == _own(moved, shifted)


def test_bags_of_a_page():
    rows = read(PAGE, ('click [5] button "Remove"', 'click [6] button "Remove"', "back", ""))
    assert rows.shape == (4, FEATURES)
    assert rows.dtype == np.int16
    assert not np.array_equal(rows[0], rows[1])
    # `back` is read as two tokens before the context of 26.
    assert (rows[2, :LENGTH] != 0).sum() == 28


@pytest.mark.parametrize("odd", ["\x00", '"' * 500, '[1] link "' + "\\" * 999, "[" * 5000, "task: \n" + '[1] link "a"\n' * 3000])
def test_odd_texts_are_read(odd):
    for observation in (odd, f'task: x\n[1] link "x"\n{odd}'):
        assert read(observation, ("back", odd, f'click [1] link "{odd}"')).shape == (3, FEATURES)

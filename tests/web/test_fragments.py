"""Fragments of pages: what is found with them is what a walk over the whole page finds."""

import gymnasium as gym
import numpy as np
import pytest

from prm_gym.errors import ContractError
from prm_gym.web import Node, e, fragment
from prm_gym.web.document import Document
from prm_gym.web.html import FRAGMENT
from prm_gym.web.walk import FragmentSeen, PageState, Walk


def plain(node):
    """The same tree, with no fragment in it."""
    return Node(node.tag, node.attributes, tuple(child if isinstance(child, str) else plain(child) for child in node.children))


def told(root):
    document = Document(root)
    forms = [(document.form_of(document.reach(item.ref)) or e.p()).get("action") for item in document.items() if item.ref and "disabled" not in item.states]
    return document.items(), forms


@fragment
def card(name, price):
    return e.article(e.a(name, href=f"/{name}"), e.p(e.b(price), " each"), e.form(e.button("Buy"), action=f"/buy/{name}"), class_="card")


@fragment
def field(name):
    return e.div(e.label(f"{name} ", e.input(name=name)), e.select(e.option("x"), id=f"{name}-unit", aria_label="Unit"))


@fragment
def loose(name):
    return e.p("of ", e.input(aria_labelledby="outside", name=name))


@fragment
def words(text):
    return e.span(text)


PAGES = {
    "cards": lambda: e.body("Our ", e.b("goods"), card("mug", "3"), card("pot", "9"), "and ", card("jar", "2"), " more"),
    "numbers change": lambda: e.body(e.a("first", href="/"), card("pot", "9"), card("mug", "3")),
    "within a form": lambda: e.body(e.form(field("width"), e.button("Send"), action="/send")),
    "named from outside": lambda: e.body(e.label("The unit", for_="height-unit"), field("height")),
    "names from outside": lambda: e.body(e.p("How many", id="outside"), loose("some")),
    "in a label": lambda: e.body(e.label("All ", field("depth"))),
    "disabled together": lambda: e.body(e.fieldset(field("breadth"), disabled=True), field("length")),
    "no block": lambda: e.body("a ", words("b"), " c", e.table(e.tr(e.td(words("d")), e.td(card("cup", "1"))))),
    "hidden": lambda: e.body(e.div(card("lid", "4"), hidden=True), e.dialog(field("weight"), id="dialog"), e.button("Open", data_open="dialog")),
}


@pytest.mark.parametrize("name", PAGES)
def test_pages_with_fragments_are_seen_as_they_are_without(name):
    for _ in range(3):
        assert told(PAGES[name]()) == told(plain(PAGES[name]()))


def test_a_fragment_is_read_once_and_numbered_anew():
    one = card("bowl", "5")
    assert one is card("bowl", "5")
    assert one.known is FRAGMENT
    first = Document(e.body(one)).items()
    seen = one.known
    assert isinstance(seen, FragmentSeen)
    second = Document(e.body(e.a("before", href="/"), card("bowl", "5"))).items()
    assert [item.ref for item in first if item.ref] == [1, 2]
    assert [item.ref for item in second if item.ref] == [1, 2, 3]
    assert one.known is seen


def test_a_fragment_in_which_something_was_done_is_as_new_on_the_next_page():
    document = Document(e.body(field("colour")))
    document.type(1, "red")
    assert document.items()[0].value == "red"
    assert Document(e.body(field("colour"))).items()[0].value == ""


def test_a_fragment_stands_in_a_page_once():
    with pytest.raises(ContractError, match="twice"):
        Document(e.body(card("mug", "3"), card("mug", "3")))


@pytest.mark.parametrize("world", ["Shop", "Mail", "Tracker"])
def test_worlds_are_seen_as_without_fragments(world):
    env = gym.make(f"prm_gym/{world}-v0", difficulty=3, max_steps=100).unwrapped
    rng, count = np.random.default_rng(5), 0
    for seed in range(12):
        _, info = env.reset(seed=seed)
        for _ in range(15):
            actions = [text for text in info["actions"] if not text.startswith("answer")]
            info = env.step(str(rng.choice(actions)))[4]
            document = env.live.browser._tab.document
            body = next(child for child in document.html.children if child.tag == "body")
            with_fragments, without = Walk(body, PageState(), fragments=True), Walk(plain(body), PageState())
            assert Document(document.html).items() == Document(plain(document.html)).items()
            assert [(one.role, one.name, one.place) for one in with_fragments.seen().controls] == [
                (one.role, one.name, one.place) for one in without.seen().controls
            ]
            assert with_fragments.ids.keys() == without.ids.keys()
            count += len(with_fragments.spliced)
    assert count > 100

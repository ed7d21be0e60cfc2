"""A new episode in the document of the last one is what it is in a new browser context: nothing that was done before is seen in it, or changes what comes."""

import contextlib
import random
import sys
from pathlib import Path

import gymnasium as gym
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import notes

import prm_gym  # noqa: F401 - registers the environments
from prm_gym.errors import EnvironmentFault
from prm_gym.services import Database, new_image
from prm_gym.web.server import POLICY, SiteServer
from prm_gym.web.site import Site, Visit

NOTES = "prm_gym/Notes"
WORLDS = ("prm_gym/Shop-v0", "prm_gym/Mail-v0", "prm_gym/Tracker-v0")
TRACES = """[
  document.documentElement.outerHTML, document.doctype?.name, document.title, location.href, history.length, history.state, document.cookie, window.name,
  localStorage.length, sessionStorage.length, scrollX, scrollY, document.activeElement?.localName, getSelection().rangeCount, document.hasFocus(),
  document.querySelectorAll("dialog:modal, :popover-open, details[open], :focus").length, document.referrer, document.designMode, document.visibilityState,
  Object.getOwnPropertyNames(window).sort().join(), [...document.querySelectorAll("input, textarea, select")].map((field) => [field.value, field.checked]),
]"""
AFTER = ["back", "tab 2", "press Enter", "press Escape", "scroll down"]


def noted(**browser):
    return notes.NotesEnv(mode="browser", max_steps=60, browser=browser)


def world(env_id):
    return gym.make(env_id, difficulty=2, max_steps=60, mode="browser").unwrapped


@pytest.fixture(scope="module")
def pairs(chromium):
    """Of each world one environment that goes on in the page that it has, and one that is given a new context each time."""
    made = {}

    def pair(env_id):
        if env_id not in made:
            made[env_id] = tuple(noted() if env_id == NOTES else world(env_id) for _ in range(2))
        return made[env_id]

    yield pair
    for envs in made.values():
        for env in envs:
            env.close()


@pytest.fixture
def kept(pairs):
    return pairs(NOTES)


def told(result):
    info = result[-1]
    return result[0], *result[1:-1], info["valid"], info["state_key"], info["actions"], info["outcome"]


def traces(env):
    return env.live.browser.page.evaluate_in_page(TRACES)


def mark(env):
    env.live.browser.page.evaluate("globalThis.of_this_document = true")


def marked(env):
    return env.live.browser.page.evaluate("globalThis.of_this_document === true")


def marked_first(env):
    """Whether the first tab still shows the document that was marked."""
    env.step("tab 1")
    return marked(env)


def strayed(env, seed, steps):
    """Random steps, as a policy that has learnt nothing takes them."""
    rng = random.Random(seed)
    for _ in range(steps):
        listed = [action for action in env.situation.actions if not action.startswith("answer")]
        env.step(rng.choice([*listed, "press Enter", "scroll down", "back"]))


def same_beginning(soft, hard, seed, *, stays):
    """Both begin the episode of a seed; then the same is seen, and the same is done."""
    hard.close()
    one, two = soft.reset(seed=seed), hard.reset(seed=seed)
    assert marked(soft) == stays
    assert not marked(hard)
    assert told(one) == told(two)
    assert soft.live.sight == hard.live.sight
    assert traces(soft) == traces(hard)
    rng = random.Random(seed)
    for action in [*AFTER, *(rng.choice([text for text in one[-1]["actions"] if not text.startswith("answer")]) for _ in range(2))]:
        one, two = soft.step(action), hard.step(action)
        assert told(one) == told(two)
        assert soft.live.sight == hard.live.sight


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("env_id", [NOTES, *WORLDS])
def test_an_episode_after_random_steps_is_that_of_a_new_context(pairs, env_id, seed):
    soft, hard = pairs(env_id)
    soft.reset(seed=100 + seed)
    mark(soft)
    strayed(soft, seed, 10)
    same_beginning(soft, hard, seed, stays=marked_first(soft))


LEFT = {
    "typed, and not sent": ["click New note", 'type Title "left behind"', 'type Text "here too"'],
    "chosen and ticked": ["click New note", 'select Tag "work"', "click Long", "click Pin it"],
    "looked for": ['type Search "Tax"', "press Enter"],
    "shown and unfolded": ["click More", "click What is a note?"],
    "gone and come back": ["click New note", "back", "click New note", "back"],
    "refused": ["click New note", 'type Title "No"', "press Enter"],
    "counted": ["click Milk", 'type Part "milk"'],
    "asked": ["click Milk", "click Delete"],
    "deleted": ["click Milk", "click Delete", "click Delete for good"],
}


@pytest.mark.parametrize("actions", LEFT.values(), ids=LEFT)
def test_what_was_left_behind_is_gone(kept, actions):
    soft, hard = kept
    soft.reset(seed=1)
    mark(soft)
    for action in actions:
        did(soft, action)
    same_beginning(soft, hard, 2, stays=True)


def did(env, action):
    """An action on an element that is named."""
    kind, _, rest = action.partition(" ")
    if not rest.isnumeric() and kind in ("click", "type", "select"):
        [ref, name] = max(((item.ref, item.name) for item in env.live.sight.items if item.ref and rest.startswith(item.name)), key=lambda found: len(found[1]))
        action = f"{kind} [{ref}]{rest.removeprefix(name)}"
    env.step(action)
    assert "Error: " not in env.situation.observation


STORED = {
    "a cookie": "document.cookie = 'left=1'",
    "storage": "localStorage.setItem('left', '1')",
    "a page that is busy": "document.documentElement.setAttribute('data-busy', '1')",
    "another head": "document.head.append(document.createElement('style'))",
    "a mark on the root": "document.documentElement.className = 'left'",
}


@pytest.mark.parametrize("script", STORED.values(), ids=STORED)
def test_where_more_was_left_a_new_document_is_opened(kept, script):
    soft, hard = kept
    soft.reset(seed=1)
    mark(soft)
    soft.live.browser.page.evaluate(f"{script}; 1")
    same_beginning(soft, hard, 2, stays=False)


@pytest.mark.parametrize("last", ["noop", "tab 1", "click New note", "tab 2"])
def test_of_several_tabs_the_first_goes_on(kept, last):
    soft, hard = kept
    soft.reset(seed=1)
    mark(soft)
    did(soft, "click Help")
    did(soft, "click Help")
    assert len(soft.live.sight.tabs) == 3
    did(soft, last)
    same_beginning(soft, hard, 2, stays=True)


def test_a_window_that_is_late_does_not_come_into_the_next_episode(kept):
    soft, hard = kept
    for seed in range(3):
        soft.reset(seed=1)
        soft.live.browser.page.evaluate_in_page("setTimeout(() => document.querySelector('a[target]').click(), 0); 1")
        same_beginning(soft, hard, seed, stays=False)


def test_after_a_crash_a_new_page_is_opened(kept):
    soft, hard = kept
    soft.reset(seed=1)
    page = soft.live.browser.page
    with contextlib.suppress(EnvironmentFault):
        page.pool.call(page.live.command("Page.crash", {}), 5)
    assert not soft.step("click [1]")[-1]["valid"]
    same_beginning(soft, hard, 2, stays=False)


def test_after_an_address_that_does_not_answer_a_new_document_is_opened(kept):
    soft, hard = kept
    soft.reset(seed=1)
    mark(soft)
    soft.live.browser.page.evaluate("location.href = 'http://nowhere.test/'; 1")
    same_beginning(soft, hard, 2, stays=False)


def test_the_other_driver_begins_anew_too(chromium):
    soft, hard = noted(driver="pipe"), noted(driver="pipe")
    try:
        soft.reset(seed=1)
        mark(soft)
        strayed(soft, 5, 6)
        same_beginning(soft, hard, 2, stays=True)
    finally:
        soft.close()
        hard.close()


def test_it_also_looks_the_same(chromium):
    """The pointer is over no element, as at the beginning."""
    soft, hard = (notes.NotesEnv(mode="browser", show=("screenshot",)) for _ in range(2))
    try:
        soft.reset(seed=1)
        mark(soft)
        for action in ("click Taxes", "back", "click New note", "click Notes"):
            did(soft, action)
        assert soft.reset(seed=2)[1]["screenshot"] == hard.reset(seed=2)[1]["screenshot"]
        assert marked(soft)
    finally:
        soft.close()
        hard.close()


def test_a_context_that_was_used_enough_is_replaced(chromium):
    env = noted(recycle_openings=4)
    try:
        documents = []
        for seed in range(9):
            env.reset(seed=seed)
            documents.append(marked(env))
            mark(env)
        assert documents == [False, True, True, True] * 2 + [False]
    finally:
        env.close()


def test_a_page_is_made_once_for_each_beginning():
    """It is made ahead of the browser, and it may change rows: should the browser ask for it after all, it is given what was made."""
    for package in ("starlette", "uvicorn"):
        pytest.importorskip(package)
    site, made = Site("once.test", "Once"), []

    @site.get("/", writes=True)
    def home(visit, request):
        made.append(request.url)
        visit.memory["visits"] = len(made)
        return notes.layout(visit, f"Visit {len(made)}")

    server = SiteServer()
    try:
        server.host([site])
        visit = Visit(Database((notes.NOTES,), new_image((notes.NOTES,), notes.ROWS)), {}, "")
        token = server.admit(visit)
        ahead = server.ahead("http://once.test/?a=1", token)
        asked = server.answer("GET", "once.test", "/", "a=1", token, "")
        assert (asked[0], asked[1].decode(), made) == (200, ahead, ["/?a=1"])
        assert asked[2]["content-security-policy"] == POLICY
        assert b"Visit 2" in server.answer("GET", "once.test", "/", "a=2", token, "")[1]
        server.withdraw(token)
        assert b"Visit 3" in server.answer("GET", "once.test", "/", "a=1", token, "")[1]
        assert server.ahead("http://once.test/nothing", token) == ""
        assert server.ahead("http://elsewhere.test/", token) == ""
    finally:
        server.close()

"""The built site (`make docs`) as a reader uses it, in a real Chromium: the rules of axe on a page of each kind, nothing that sticks out, and the keyboard."""

import functools
import http.server
import os
import threading
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")


ROOT = Path(__file__).parent.parent
SITE = ROOT / "site"
PAGES = ("", "environments/Countdown/", "verifiers/", "assigners/gigpo/", "reference/commands/", "benchmarks/credit_comparison/", "comparison/")
pytestmark = pytest.mark.skipif(not (ROOT / "mkdocs.yml").is_file(), reason="the tests run without the checkout around them")


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, format, *args):
        """Say nothing."""


@pytest.fixture(scope="module")
def address():
    if not (SITE / "index.html").is_file():
        assert not os.environ.get("CI"), "CI builds the site before the tests"
        pytest.skip("the site has not been built: make docs")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(SITE)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def opened(browser, address):
    """Opens the site: `opened(width, scheme)` is a page without an address yet, and the address of the site."""
    contexts, wrong = [], []

    def open_page(width=1280, scheme="light"):
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce"))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        return page, address

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nothing_is_out_of_reach_by_the_rules_of_axe_and_nothing_sticks_out(opened, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page, address = opened(width, scheme)
    for place in PAGES:
        response = page.goto(address + place)
        assert response.status == 200, place
        found = [(rule["id"], [node["html"][:200] for node in rule["nodes"]]) for rule in axe.run(page).response["violations"]]
        assert found == [], place
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place


def test_the_search_is_found_by_the_keyboard_and_finds_pages(opened):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page, address = opened()
    page.goto(address + "concepts/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.md-skip')")  # the first stop leads past the navigation
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.matches('.md-search__input')")
    page.keyboard.type("gigpo")
    page.locator(".md-search-result__link[href*='assigners/gigpo']").first.wait_for()
    assert [rule["id"] for rule in axe.run(page).response["violations"]] == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/assigners/gigpo/**")


def test_what_is_wider_than_the_page_scrolls_by_the_keyboard(opened):
    page, address = opened(width=390)
    page.goto(address + "comparison/")
    table = page.locator(".md-typeset__scrollwrap").nth(1)
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.activeElement.matches('.md-typeset__scrollwrap') && document.activeElement.scrollLeft > 0")


def test_what_has_the_focus_is_seen(opened):
    page, address = opened()
    page.goto(address + "concepts/")
    for _ in range(12):  # skip link, logo, switch of the scheme, search, tabs
        page.keyboard.press("Tab")
        seen = page.evaluate(
            """() => {
                const label = document.activeElement.id && document.querySelector(`label[for="${document.activeElement.id}"]`);
                const shown = [document.activeElement, label].filter(Boolean).map((each) => getComputedStyle(each));
                const input = document.activeElement.matches("input[type=text]");  // the cursor blinks in it
                return input || shown.some((style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0);
            }"""
        )
        assert seen, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")

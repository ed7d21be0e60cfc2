"""The page of a comparison as a reader uses it, in a real Chromium."""

import pytest

pytest.importorskip("playwright.sync_api")

from prm_gym.report.page import write_page


@pytest.fixture
def opened(browser, synthetic, tmp_path):
    """Opens the page of a synthetic comparison: `opened(width, scheme, permissions)`."""
    path = tmp_path / "report.html"
    command = 'prm-gym compare --env-option \'verifiers=["z3"]\' --out "a b"'
    write_page(synthetic(command=command, commit="0123abc+"), path)
    contexts, wrong = [], []

    def open_page(width=1280, scheme="light", permissions=()):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, permissions=list(permissions))
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.goto(path.as_uri())
        return page, command

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_is_out_of_reach_by_the_rules_of_axe_and_nothing_sticks_out(opened, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    page, _ = opened(width, scheme)
    assert axe.run(page).response["violations"] == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_click_copies_the_command_letter_by_letter(opened):
    page, command = opened(permissions=("clipboard-read", "clipboard-write"))
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_text("Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == command


def test_where_the_clipboard_is_closed_the_command_is_selected(opened):
    page, command = opened()
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('closed')); }")
    page.get_by_role("button", name="Copy the command").click()
    page.get_by_text("Selected").wait_for()
    assert page.evaluate("getSelection().toString()") == command


def test_on_paper_there_is_nothing_to_press(opened):
    page, _ = opened()
    page.emulate_media(media="print")
    assert not page.get_by_role("button", name="Copy the command").is_visible()
    assert page.get_by_text("0123abc+").is_visible()

"""The text browser does what a browser does with forms, fields, dialogs, tabs and history. A real one is held to the same elsewhere."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import notes

from prm_gym.services import Database, new_image
from prm_gym.web import Site, TextBrowser, Visit, e, read_action
from prm_gym.web.document import Document
from prm_gym.web.observation import Item


@pytest.fixture
def browser():
    browser = TextBrowser((notes.SITE,), Visit(Database((notes.NOTES,), new_image((notes.NOTES,), notes.ROWS)), {}))
    browser.open("http://notes.test/")
    return browser


def do(browser, *actions):
    for action in actions:
        acted = browser.act(read_action(action))
        assert acted.error == ""
    return browser.see()


def refused(browser, action):
    before = browser.see()
    acted = browser.act(read_action(action))
    assert acted.sight.items == before.items
    return acted.error


def named(sight, name):
    return next(item for item in sight.items if item.name == name)


def ref(browser, name, role=None):
    return next(item.ref for item in browser.see().items if item.name == name and (role is None or item.role == role))


def test_a_form_is_sent_by_its_button_and_by_the_enter_key(browser):
    by_button = do(browser, 'type [2] "Tax"', "click [3]")
    assert by_button.url == "http://notes.test/search?q=Tax"
    assert named(by_button, "Taxes").role == "link"
    browser.open("http://notes.test/")
    by_key = do(browser, 'type [2] "Tax"', "press Enter")
    assert (by_key.url, by_key.items) == (by_button.url, by_button.items)
    assert do(browser, "press [1] Enter").url == "http://notes.test/"  # a link that has the focus is followed


def test_the_enter_key_breaks_a_line_in_a_field_of_several(browser):
    do(browser, "click [4]", 'type [7] "one"', "press Enter", "press Enter")
    assert named(browser.see(), "Text").value == "one\n\n"


def test_numbers_have_the_digits_that_a_browser_takes():
    field = e.input(type="number", name="n", aria_label="Number")
    site = Site("one.test", "One")
    site.get("/")(lambda visit, request: e.html(e.body(e.form(field))))
    browser = TextBrowser((site,), Visit(Database((), new_image((), {})), {}))
    browser.open("http://one.test/")
    for typed, held in (("12", "12"), ("-1.5", "-1.5"), ("٣", ""), ("1,5", ""), ("two", "")):
        assert named(do(browser, f'type [1] "{typed}"'), "Number").value == held


def test_what_a_form_sends_is_what_its_fields_hold(browser):
    do(browser, "click [4]", 'type [6] "Bread and more than twenty letters"', 'type [7] "two\nlines"', 'select [8] "WORK"', "click [10]", "click [11]")
    sight = browser.see()
    assert named(sight, "Title").value == "Bread and more than "  # maxlength
    assert named(sight, "Tag").value == "work"
    assert named(sight, "Short").states == ()
    assert named(sight, "Long").states == ("checked",)
    assert named(sight, "Pin it").states == ("checked", "focused")
    assert refused(browser, f"click [{ref(browser, 'Save as draft')}]").endswith("is disabled")
    sight = do(browser, f"click [{ref(browser, 'Save')}]")
    assert sight.url == "http://notes.test/notes/K4"
    assert browser.visit.database.get("notes", "K4") == {"key": "K4", "title": "Bread and more than", "text": "two\nlines", "tag": "work", "pinned": 1}
    assert Item(0, "text", "Bread and more than is saved.") in sight.items


def test_a_form_that_is_not_filled_in_well_stays_with_what_was_typed(browser):
    sight = do(browser, "click [4]", 'type [6] "x"', 'type [7] "kept"', "click [12]")
    assert sight.url == "http://notes.test/new"
    assert Item(0, "text", "A title has three letters or more.") in sight.items
    assert named(sight, "Title").value == "x"
    assert named(sight, "Title").states == ("invalid",)
    assert named(sight, "Text").value == "kept"
    assert browser.visit.database.changes() == ()
    assert do(browser, "back").url == "http://notes.test/"  # what was refused is no page of its own


def test_reset_gives_fields_back_what_they_held(browser):
    sight = do(browser, "click [4]", 'type [6] "x"', "click [11]", "click [13]")
    assert named(sight, "Title").value == ""
    assert named(sight, "Pin it").states == ()


def test_a_dialog_stands_before_the_page(browser):
    do(browser, f"click [{ref(browser, 'Taxes')}]")
    opener = ref(browser, "Delete")
    sight = do(browser, f"click [{opener}]")
    assert [item.name for item in sight.items] == ["Delete this note?", "It cannot be had back.", "Keep it", "Delete for good"]
    assert named(sight, "Keep it").states == ("focused",)
    assert refused(browser, "click [1]") == "[1] is behind the open dialog"
    sight = do(browser, "press Escape")
    assert named(sight, "Delete").states == ("focused",)
    assert refused(browser, f"click [{opener + 1}]") == f"[{opener + 1}] cannot be seen"
    do(browser, f"click [{opener}]", f"click [{opener + 2}]")
    assert browser.visit.database.get("notes", "K2") is None
    assert browser.see().url == "http://notes.test/"


def test_what_is_shown_and_hidden_keeps_the_numbers_of_the_others(browser):
    before = browser.see()
    sight = do(browser, f"click [{ref(browser, 'More')}]")
    assert named(sight, "More").states == ("expanded", "focused")
    assert named(sight, "Pinned notes").ref == max(item.ref for item in before.items) + 1
    assert named(sight, "Taxes").ref == named(before, "Taxes").ref
    assert named(do(browser, f"click [{ref(browser, 'More')}]"), "More").states == ("collapsed", "focused")
    sight = do(browser, f"click [{ref(browser, 'What is a note?')}]")
    assert named(sight, "What is a note?").states == ("expanded", "focused")
    assert named(sight, "Understood").role == "button"


def test_a_list_that_sends_its_form(browser):
    sight = do(browser, f'select [{ref(browser, "Order")}] "by text"')
    assert sight.url == "http://notes.test/?order=text"
    assert [item.name for item in sight.items if item.role == "link"][3:] == ['[7] button "Pay"', "Milk", "Taxes"]


def test_a_part_of_a_page_is_replaced_while_typing(browser):
    do(browser, f"click [{ref(browser, 'Milk')}]")
    sight = do(browser, f'type [{ref(browser, "Part")}] "milk"')
    assert Item(0, "text", "milk occurs 2 times") in sight.items
    assert sight.url == "http://notes.test/notes/K1"


def test_tabs_and_history(browser):
    sight = do(browser, f"click [{ref(browser, 'Help')}]")
    assert (sight.tab, sight.tabs) == (1, ("All notes - Notes", "Help - Notes"))
    assert Item(0, "image", "A desk") in sight.items
    assert refused(browser, "back") == "there is no page to go back to"
    assert refused(browser, "tab 3") == "there is no tab 3"
    assert do(browser, "tab 1", "click [4]").url == "http://notes.test/new"
    assert do(browser, "back").url == "http://notes.test/"


@pytest.mark.parametrize(
    ("action", "error"),
    [
        ("click [99]", "there is no element [99]"),
        ('type [1] "x"', "[1] is not a field that can be typed into"),
        ('select [1] "x"', "[1] has no options to select"),
        ('goto "https://notes.test/"', "this address is not allowed: https://notes.test/"),
        ('goto "http://other.test/"', "this address is not allowed: http://other.test/"),
        ('goto "javascript:alert(1)"', "this address is not allowed: javascript:alert(1)"),
        ('goto "file:///etc/passwd"', "this address is not allowed: file:///etc/passwd"),
        ('goto "http://[::1"', "this address is not allowed: http://[::1"),
    ],
)
def test_what_cannot_be_done_says_why_and_changes_nothing(browser, action, error):
    assert refused(browser, action) == error


def test_an_option_that_there_is_not_is_told_with_those_that_there_are(browser):
    do(browser, "click [4]")
    assert refused(browser, 'select [8] "none"') == '[8] has no option "none"; it has: "home", "work", "other"'


def test_a_missing_page_is_a_page(browser):
    sight = do(browser, 'goto "http://notes.test/notes/K9"')
    assert sight.title == "Not found"
    assert do(browser, "back").url == "http://notes.test/"


def test_a_request_that_cannot_be_read_is_a_page(browser):
    sight = do(browser, f'goto "http://notes.test/search?{"q=a&" * 201}"')
    assert [item.name for item in sight.items][-2:] == ["Not possible", "a form of at most 200 fields is read"]
    assert do(browser, "back").url == "http://notes.test/"


def test_addresses_are_decoded(browser):
    assert do(browser, 'goto "http://notes.test/notes/%4B1"').items == do(browser, 'goto "http://notes.test/notes/K1"').items


def test_lines_end_in_one_way_and_no_text_ends_early(browser):
    do(browser, "click [4]")
    field = ref(browser, "Text", "textbox")
    assert do(browser, f'type [{field}] "a\\r\\nb\\rc"').find(field).value == "a\nb\nc"
    title = ref(browser, "Title", "textbox")
    do(browser, f'type [{title}] "Mi\\u0000lk"', f"click [{ref(browser, 'Save', 'button')}]")
    assert named(browser.see(), "Milk").role == "heading"


def test_a_part_that_comes_again_has_new_elements():
    # As in a browser, which parses it anew: what was ticked is not, and the number of the old element is that of none, though the site gives the same tree.
    part = e.template(e.input(type="checkbox", aria_label="Anna"))
    document = Document(e.html(e.body(e.div(id="found"))))
    document.replace("found", part)
    document.check(document.reach(1))
    assert [(item.ref, item.states) for item in document.items()] == [(1, ("checked",))]
    document.replace("found", part)
    assert [(item.ref, item.states) for item in document.items()] == [(2, ())]

"""What actions do, and what is said where they cannot be done. In both modes of input."""

import pytest

from prm_gym.browser import PageOptions
from prm_gym.web.actions import Back, Click, ClickAt, Drag, Goto, Hover, Noop, Press, Scroll, Select, Tab, Type

HOST = "shop.test"
LOG = """<output id="log"></output><script>
  const log = (text) => document.getElementById("log").append(" " + text);
  for (const type of ["click", "dblclick", "input", "change", "submit", "focusin", "keydown", "mouseover", "mousedown"])
    document.addEventListener(type, (event) => {
      if (document.body.dataset.log?.includes(type)) log(event.target.id + ":" + type + (event.isTrusted ? "!" : "")); });
</script>"""


@pytest.fixture(params=["trusted", "script"])
def either(shared, request):
    """A page of each mode of input."""
    return shared(input=request.param)


def texts(sight):
    return [item.name for item in sight.items if item.role == "text"]


def test_a_click(either, site):
    either.open(site.show("<button id=b onclick=\"this.after(' done')\">Go</button>"))
    acted = either.act(Click(1))
    assert (acted.error, texts(acted.sight), acted.sight.find(1).states) == ("", ["done"], ("focused",))


def test_trusted_events_are_the_browsers_own(page, site):
    page.open(site.show(f"<input id=i><button id=b>Go</button>{LOG}").replace("<body", '<body data-log=""'))
    site.show(f"<input id=i><button id=b>Go</button>{LOG}<script>document.body.dataset.log = 'click dblclick input'</script>")
    page.open("http://shop.test/")
    page.act(Type(1, "x"))
    page.act(Click(2, 2))
    assert texts(page.see()) == ["i:input! b:click! b:click! b:dblclick!"]


def test_a_checkbox_a_radio_and_a_summary(either, site):
    either.open(
        site.show("<input type=checkbox><input type=radio name=r><input type=radio name=r checked><details><summary>More</summary><p>Text</p></details>")
    )
    assert either.act(Click(1)).sight.find(1).states == ("checked", "focused")
    assert either.act(Click(1)).sight.find(1).states == ("focused",)
    sight = either.act(Click(2)).sight
    assert (sight.find(2).states, sight.find(3).states) == (("checked", "focused"), ())
    opened = either.act(Click(4)).sight
    assert (opened.find(4).states, texts(opened)) == (("expanded", "focused"), ["Text"])


def test_typing_takes_the_place_of_what_was_there(either, site):
    either.open(site.show("<input value=old><textarea>old</textarea><input maxlength=3><div contenteditable>old</div><input type=search>"))
    assert either.act(Type(1, "new\nline")).sight.find(1).value == "new line"
    assert either.act(Type(2, "two\nlines")).sight.find(2).value == "two\nlines"
    assert either.act(Type(3, "abcdef")).sight.find(3).value == "abc"
    assert either.act(Type(4, "fresh")).sight.find(4).value == "fresh"
    assert either.act(Type(5, 'a "quoted" <b>')).sight.find(5).value == 'a "quoted" <b>'
    emptied = either.act(Type(1, "")).sight
    assert (emptied.find(1).value, emptied.find(1).states) == ("", ("focused",))


@pytest.mark.parametrize("first", [(), (Click(1),), (Click(2), Click(1))])
def test_a_field_of_several_lines_goes_on_at_its_end(either, site, first):
    # Its middle, where a pointer presses, is within the text; by itself the browser sets the caret there, and where a script gives the focus, before the text.
    either.open(site.show("<textarea rows=2 cols=20>some words that fill it from the first to the last column</textarea><button>Go</button>"))
    for action in first:
        either.act(action)
    assert either.act(Press("Enter", 0 if first else 1)).sight.find(1).value.endswith("the last column\n")


def test_fields_of_numbers_and_dates_take_what_the_browser_takes(either, site):
    either.open(site.show("<input type=number><input type=date><input type=time><input type=color>"))
    assert [either.act(Type(1, text)).sight.find(1).value for text in ("12.5", "abc", "")] == ["12.5", "", ""]
    assert [either.act(Type(2, text)).sight.find(2).value for text in ("2026-11-21", "21.11.2026")] == ["2026-11-21", ""]
    assert either.act(Type(3, "09:30")).sight.find(3).value == "09:30"
    assert either.act(Type(4, "#ff0000")).sight.find(4).value == "#ff0000"


def test_typing_fires_input_and_one_change(either, site):
    either.open(site.show(f"<input id=i><input id=j>{LOG}<script>document.body.dataset.log = 'input change'</script>"))
    either.act(Type(1, "abc"))
    seen = texts(either.act(Click(2)).sight)[0].replace("!", "")
    assert seen == "i:input i:change"  # and no second change when the focus goes


def test_selecting_an_option(either, site):
    body = f"<select id=s><option>Small</option><option>Large  one</option><option disabled>Huge</option></select>{LOG}"
    either.open(site.show(body + "<script>document.body.dataset.log = 'input change'</script>"))
    acted = either.act(Select(1, "Large one"))
    assert (acted.sight.find(1).value, acted.sight.find(1).states) == ("Large one", ("focused",))
    assert texts(acted.sight) == ["s:input s:change"]
    assert either.act(Select(1, " small ")).sight.find(1).value == "Small"
    assert either.act(Select(1, "Huge")).error == '[1] has no option "Huge"; it has: "Small", "Large one"'
    assert either.act(Click(1)).sight.find(1).states == ("focused",)  # no list opens over the page
    assert either.act(Select(1, "Small")).error == ""


def test_a_list_of_many(either, site):
    either.open(site.show("<select multiple aria-label=L><option>a<option>b<option>c</select>"))
    either.act(Select(1, "a"))
    assert either.act(Select(1, "c")).sight.find(1).value == "a, c"


def test_keys(page, site):
    page.open(
        site.show(
            '<form action="/sent"><input name=q></form><a href="/linked">Link</a><textarea></textarea><button onclick="this.after(\'pressed\')">B</button>'
        )
    )
    site.show("<p>arrived</p>", "/sent")
    site.show("<p>linked</p>", "/linked")
    page.act(Type(1, "mug"))
    assert page.act(Press("Enter")).sight.url == "http://shop.test/sent?q=mug"
    assert page.act(Back()).sight.url == "http://shop.test/"
    page.act(Type(3, "ab"))
    page.act(Press("Enter", 3))
    page.act(Press("c"))
    page.act(Press("Shift+d"))
    page.act(Press("Space"))
    assert page.act(Press("+")).sight.find(3).value == "ab\ncD +"
    page.act(Press("Control+a"))
    assert page.act(Press("Backspace")).sight.find(3).value == ""
    assert texts(page.act(Press("Enter", 4)).sight) == ["pressed"]
    assert page.act(Press("Shift+Tab")).sight.find(3).states == ("focused",)
    assert page.act(Press("Enter", 2)).sight.url == "http://shop.test/linked"


def test_what_cannot_be_done(either, site):
    body = """<button onclick="document.querySelector('i').remove()">Remove</button><i><a href=/>Gone</a></i>
      <button id=h>Hides</button><button disabled>Off</button>
      <input type=checkbox aria-label=C><input readonly aria-label=R><input type=file aria-label=F><button onclick="h.hidden = true">Hide</button>"""
    either.open(site.show(body))
    either.act(Click(1))
    either.act(Click(8))
    errors = {
        Click(99): "there is no element [99]",
        Click(0): "there is no element [0]",
        Click(2): "[2] is no longer on the page",
        Hover(3): "[3] cannot be seen",
        Click(4): "[4] is disabled",
        Type(5, "x"): "[5] is not a field that can be typed into",
        Type(1, "x"): "[1] is not a field that can be typed into",
        Type(6, "x"): "[6] is read-only",
        Type(7, "x"): "[7] is not a field that can be typed into",
        Select(1, "x"): "[1] has no options to select",
        Press("a", 2): "[2] is no longer on the page",
        Tab(2): "there is no tab 2",
        Back(): "there is no page to go back to",
        Goto("http://evil.test/"): "this address is not allowed: http://evil.test/",
    }
    before = either.see()
    for action, error in errors.items():
        acted = either.act(action)
        assert acted.error == error
        assert acted.sight == before


def test_a_covered_element_is_not_clicked(page, site):
    body = """<button onclick="this.after('clicked')">Under</button>
      <div role=dialog aria-label="Confirm" style="position:fixed;inset:0;background:white"><p>Really?</p></div>"""
    page.open(site.show(body))
    acted = page.act(Click(1))
    assert (acted.error, texts(acted.sight)) == ('[1] is covered by dialog "Confirm"', ["Really?"])
    page.open(
        site.show(
            "<a href=/ style='display:block;position:absolute;left:0;top:0;width:50px;height:50px'>Low</a>"
            "<a href=/x style='position:absolute;left:0;top:0;width:50px;height:50px'>High</a>"
        )
    )
    assert page.act(Click(1)).error == '[1] is covered by link "High"'
    page.open(site.show("<button style='width:100px'>Low</button><a href=/ style='position:absolute;left:30px;top:0;width:70px;height:50px'>High</a>"))
    assert page.act(Click(1)).error == ""  # a part of it is free


def test_what_is_far_below_is_brought_into_view(page, site):
    page.open(
        site.show(
            "<div style='height:9000px'></div>"
            "<div style='height:100px;overflow:auto'><div style='height:2000px'></div><button onclick=\"this.after('far')\">Far</button></div>"
        )
    )
    acted = page.act(Click(1))
    assert (acted.error, texts(acted.sight)) == ("", ["far"])


def test_what_happens_late_is_waited_for_as_long_as_the_page_says_that_it_is_busy(either, site):
    body = """<button onclick="document.documentElement.setAttribute('data-busy', ''); setTimeout(() => {
      this.after('late'); document.documentElement.removeAttribute('data-busy') }, 300)">Go</button>"""
    either.open(site.show(body))
    assert texts(either.act(Click(1)).sight) == ["late"]


def test_a_page_that_never_becomes_quiet_is_seen_as_it_is_and_it_is_said(page, site):
    page.open(site.show("<button onclick=\"document.documentElement.setAttribute('data-busy', '')\">Go</button>"))
    acted = page.act(Click(1))
    assert acted.error == ""
    assert acted.sight.notes == ("the page was still loading",)


def test_foreign_pages_are_quiet_when_no_request_is_under_way(foreign, site):
    site.pages["/data"] = "hello"
    foreign.open(site.show("""<button onclick="fetch('/data').then(r => r.text()).then(t => fetch('/data')).then(() => this.after('fetched'))">Go</button>"""))
    assert texts(foreign.act(Click(1)).sight) == ["fetched"]


def test_navigation_by_links_forms_and_scripts(either, site):
    site.show("<p>two</p><a href='/three'>On</a>", "/two")
    site.pages["/three"] = (302, {"location": "/four"}, "")
    site.show("<p>four</p><button onclick=\"location = '/five'\">On</button>", "/four")
    site.show("<p>five</p><form method=post action='/six'><input name=a value=1><button>Send</button></form>", "/five")
    site.show("<p>six</p><script>location.replace('/seven')</script>", "/six")
    site.show("<p>seven</p>", "/seven")
    either.open(site.show("<a href='/two'>On</a>"))
    assert texts(either.act(Click(1)).sight) == ["two"]
    assert texts(either.act(Click(1)).sight) == ["four"]
    assert texts(either.act(Click(1)).sight) == ["five"]
    acted = either.act(Click(2))
    assert (texts(acted.sight), acted.error) == (["seven"], "")
    assert site.reached("/six")[0][0::3] == ("POST", "a=1")
    back = either.act(Back()).sight
    assert (texts(back), back.page) == (["five"], 6)
    assert either.act(Goto("http://shop.test/two")).sight.url == "http://shop.test/two"


def test_pages_that_write_their_own_history(page, site):
    body = """<p>one</p><button onclick="history.pushState(null, '', '/pushed'); document.querySelector('p').textContent = 'two'">Push</button>
      <script>addEventListener('popstate', () => { document.querySelector('p').textContent = 'popped' })</script>"""
    page.open(site.show(body))
    assert page.act(Click(1)).sight.url == "http://shop.test/pushed"
    sight = page.act(Back()).sight
    assert (sight.url, texts(sight), sight.page) == ("http://shop.test/", ["popped"], 1)
    assert page.act(Back()).error == "there is no page to go back to"


def test_opening_anew_forgets_the_visitor(page, site):
    body = "<p></p><script>document.querySelector('p').textContent = document.cookie + localStorage.a; document.cookie = 'c=1'; localStorage.a = 2</script>"
    assert texts(page.open(site.show(body))) == ["undefined"]
    assert texts(page.act(Goto("http://shop.test/?again")).sight) == ["c=12"]
    assert texts(page.open("http://shop.test/")) == ["undefined"]
    assert page.act(Back()).error == "there is no page to go back to"


def test_headers_are_sent_and_changed(pool, site):
    with pool.open(PageOptions(hosts=(HOST,), headers={"x-visit": "one"})) as page:
        page.open(site.show("<a href='/two' target=_blank>Two</a><img src=/image>"))
        site.show("<p>two</p>", "/two")
        page.act(Click(1))
        page.set_headers({"x-visit": "two"})
        page.act(Goto("http://shop.test/three"))
    seen = {path: headers.get("x-visit") for path, headers in site.headers}
    assert {path: seen[path] for path in ("/", "/image", "/two", "/three")} == {"/": "one", "/image": "one", "/two": "one", "/three": "two"}


def test_dialogs_are_answered(either, site):
    body = """<button onclick="this.after(confirm('Sure?') + prompt('Name?', 'Ann')); alert('Bye')">Ask</button>"""
    either.open(site.show(body))
    acted = either.act(Click(1))
    assert texts(acted.sight) == ["trueAnn"]
    assert acted.sight.notes == ('the page said: "Sure?" (answered OK)', 'the page said: "Name?" (answered OK)', 'the page said: "Bye" (answered OK)')
    assert either.see().notes == ()


def test_a_page_that_does_not_want_to_be_left_is_left(page, site):
    site.show("<p>two</p>", "/two")
    page.open(site.show("<button>Touch</button><script>onbeforeunload = (event) => { event.preventDefault(); return 'Stay' }</script>"))
    page.act(Click(1))
    assert texts(page.act(Goto("http://shop.test/two")).sight) == ["two"]


def test_windows_of_the_task_become_tabs_and_others_are_refused(page, site, driver):
    site.show("<p>two</p>", "/two", title="Two")
    site.show("<p>evil</p>", "/evil")
    body = """<a href="/two" target=_blank>New</a><button onclick="window.open('http://other.test/evil')">Other</button>
      <button onclick="for (let i = 0; i < 9; i++) window.open('/two?' + i)">Many</button>"""
    page.open(site.show(body, title="One"))
    sight = page.act(Click(1)).sight
    assert (sight.tabs, sight.tab, texts(sight)) == (("One", "Two"), 1, ["two"])
    sight = page.act(Tab(1)).sight
    assert (sight.tab, sight.title, sight.page) == (0, "One", 1)
    acted = page.act(Click(2))
    assert (acted.sight.tabs, acted.sight.notes) == (("One", "Two"), ("a new window was refused",))
    if driver == "pipe":  # Playwright tells of a window when its first request is under way; it can only go where the browser's own hosts are
        assert not site.reached("/evil")
    page.act(Click(3))
    for _ in range(20):
        page.act(Noop())
    assert len(page.see().tabs) == 5
    assert page.open("http://shop.test/").tabs == ("One",)


def test_downloads_are_refused(page, site):
    site.pages["/file"] = (200, {"content-disposition": "attachment; filename=f.bin", "content-type": "application/octet-stream"}, "data")
    page.open(site.show("<a href=/file>Get</a><a href='data:text/plain,x' download=x>Make</a>"))
    for ref in (1, 2):
        acted = page.act(Click(ref))
        assert (acted.error, acted.sight.url, acted.sight.notes) == ("", "http://shop.test/", ("a download was refused",))
    assert page.act(Goto("http://shop.test/file")).sight.notes == ("a download was refused",)


def test_a_server_that_does_not_answer_leaves_the_page_where_it_was(page, site):
    site.show("<p>here</p>")
    page.open("http://shop.test/")
    site.pages["/loop"] = (302, {"location": "/loop"}, "")
    acted = page.act(Goto("http://shop.test/loop"))
    assert acted.error == "this page cannot be opened: ERR_TOO_MANY_REDIRECTS"
    assert acted.sight.url == "http://shop.test/"
    assert page.act(Goto("http://shop.test/nothing")).sight.title == "Nothing"  # an answer, if not a nice one


def test_pointing_dragging_scrolling(page, site):
    body = """<style>.box {position: absolute; width: 50px; height: 50px}</style><div style="height:3000px"></div>
      <button class=box style="left:100px;top:100px" id=a draggable=true ondragstart="event.dataTransfer.setData('text/plain', 'moved')">A</button>
      <button class=box style="left:300px;top:300px" id=b ondragover="event.preventDefault()"
        ondrop="event.preventDefault(); this.textContent = event.dataTransfer.getData('text/plain')">B</button>
      <button class=box style="left:500px;top:300px" onmouseover="this.textContent = 'over'" onclick="this.textContent = 'hit'">C</button>
      <button class=box style="left:700px;top:300px" onmouseup="this.textContent = 'released'">D</button>"""
    page.open(site.show(body))
    assert page.act(Hover(3)).sight.find(3).name == "over"
    assert page.act(ClickAt(525, 325)).sight.find(3).name == "hit"
    assert page.act(Drag(1, 2)).sight.find(2).name == "moved"
    assert page.act(Drag(3, 4)).sight.find(4).name == "released"
    page.act(Scroll("down"))
    assert page.evaluate("scrollY") == 720
    page.act(Scroll("up"))
    assert page.evaluate("scrollY") == 0


def test_scripts_of_the_owner(page, site):
    page.open(site.show("<script>var known = 7; class A {}</script>"))
    assert page.evaluate_in_page("known") == 7
    assert page.evaluate("typeof known") == "undefined"
    assert page.evaluate("document.title") == "Page"
    assert page.evaluate_in_page("Promise.resolve({a: [1]})") == {"a": [1]}

"""What is seen of a page. Expected items are written down from the rules of the walk."""

import time

from prm_gym.web.actions import Click, Type
from prm_gym.web.observation import Item

EVERYTHING = """
<h1>Kettle &amp; <b>Co</b></h1><h2><a href="/deals">Deals</a> today</h2>
<p>Two  spaces and&nbsp;one <em>word</em>.<br>Next line <span hidden>never</span><span style="display:none">never</span></p>
<div style="display:contents">Seen <i>through</i></div>
<img src="data:," alt="A blue mug"><img src="data:," alt="">
<table><tr><th>Name</th><th>Price</th></tr><tr><td>Mug</td><td>12.50</td></tr></table>
<form><fieldset><label for="who">Who</label><input id="who" value="Ann" maxlength="9">
<label>Mail <input type="email" placeholder="you@example.org"></label><input type="search" placeholder="Search">
<input type="password" aria-label="Secret" value="s3cret">
<input type="hidden" name="token" value="x"><label><input type="checkbox" checked> Gift wrap</label>
<input type="radio" name="c" id="r" title="Red"><input type="range" aria-label="Size" min="0" max="10" value="3"><input type="file" aria-label="Photo">
<textarea aria-label="Notes" readonly>One
two</textarea><label>Size <select><option>S</option><option selected>M</option><option disabled>L</option><option label="Extra">XL</option></select></label>
<select multiple aria-label="Colours"><option selected>red</option><option selected>blue</option><option>green</option></select></fieldset>
<fieldset disabled><button>Send</button></fieldset><input type="submit"><input type="button" value="Check"></form>
<button aria-expanded="false" aria-label="Menu">x</button><button aria-pressed="true">Bold <img src="data:," alt="face"></button>
<a href="/here" aria-current="page">Here</a><a>no link</a>
<details><summary>More</summary><p>Unseen</p></details><details open><summary>Less</summary><p>Seen</p></details>
<dialog>Closed</dialog><svg><circle r="3" onclick="1"/></svg><script>1</script><template>no</template>
<div role="tab" aria-selected="true">Tab</div><div role="switch" aria-checked="true">Lamp</div><span role="button" aria-disabled="true">Off</span>
<div contenteditable="true" aria-label="Body">Dear <b>all</b></div><div onclick="1">Not counted</div><span id="words">Quantity</span>
<input type="number" aria-labelledby="words" value="2" aria-invalid="true">
"""

EXPECTED = (
    Item(0, "heading", "Kettle & Co"),
    Item(1, "link", "Deals"),
    Item(0, "text", "today"),
    Item(0, "text", "Two spaces and one word."),
    Item(0, "text", "Next line"),
    Item(0, "text", "Seen through"),
    Item(0, "image", "A blue mug"),
    Item(0, "text", "Name | Price"),
    Item(0, "text", "Mug | 12.50"),
    Item(2, "textbox", "Who", "Ann"),
    Item(3, "textbox", "Mail", ""),
    Item(4, "searchbox", "Search", ""),
    Item(5, "textbox", "Secret", "••••••"),
    Item(6, "checkbox", "Gift wrap", None, ("checked",)),
    Item(7, "radio", "Red"),
    Item(8, "slider", "Size", "3"),
    Item(9, "file", "Photo", ""),
    Item(10, "textbox", "Notes", "One\ntwo", ("readonly",)),
    Item(11, "combobox", "Size", "M", (), ("S", "M", "Extra")),
    Item(12, "listbox", "Colours", "red, blue", (), ("red", "blue", "green")),
    Item(13, "button", "Send", None, ("disabled",)),
    Item(14, "button", "Submit"),
    Item(15, "button", "Check"),
    Item(16, "button", "Menu", None, ("collapsed",)),
    Item(17, "button", "Bold face", None, ("pressed",)),
    Item(18, "link", "Here", None, ("current",)),
    Item(0, "text", "no link"),
    Item(19, "button", "More", None, ("collapsed",)),
    Item(20, "button", "Less", None, ("expanded",)),
    Item(0, "text", "Seen"),
    Item(21, "tab", "Tab", None, ("selected",)),
    Item(22, "checkbox", "Lamp", None, ("checked",)),
    Item(23, "button", "Off", None, ("disabled",)),
    Item(24, "textbox", "Body", "Dear all"),
    Item(0, "text", "Not counted"),
    Item(0, "text", "Quantity"),
    Item(25, "textbox", "Quantity", "2", ("invalid",)),
)


def test_every_kind_of_element(page, site):
    sight = page.open(site.show(EVERYTHING, title="Kettle  &amp; Co"))
    assert sight.items == EXPECTED
    assert (sight.title, sight.url, sight.page, sight.tabs, sight.tab, sight.notes, sight.cut) == (
        "Kettle & Co",
        "http://shop.test/",
        1,
        ("Kettle & Co",),
        0,
        (),
        0,
    )
    assert page.see() == sight


def test_numbers_stay_as_long_as_their_elements_and_begin_anew_with_another_body(page, site):
    body = """<button onclick="this.before(document.createElement('input'))">One</button><button>Two</button><button
      onclick="const b = document.createElement('body'); b.innerHTML = '<a href=/>Home</a>'; document.body.replaceWith(b)">Swap</button>"""
    page.open(site.show(body))
    sight = page.act(Click(1)).sight
    assert [(item.ref, item.role) for item in sight.items] == [(4, "textbox"), (1, "button"), (2, "button"), (3, "button")]
    assert sight.page == 1
    swapped = page.act(Click(3)).sight
    assert [(item.ref, item.name) for item in swapped.items] == [(1, "Home")]
    assert swapped.page == 2


def test_a_modal_dialog_is_all_that_is_seen(page, site):
    body = """<button onclick="a.showModal()">Open</button><dialog id=b><button>Inner</button></dialog><dialog id=a aria-label=Sure>
      <p>Sure?</p><button onclick="b.showModal()">Ask</button></dialog>"""
    page.open(site.show(body))
    first = page.act(Click(1)).sight
    assert [(item.role, item.name) for item in first.items] == [("text", "Sure?"), ("button", "Ask")]
    second = page.act(Click(2)).sight  # opened last, though it stands before the other one
    assert [(item.role, item.name) for item in second.items] == [("button", "Inner")]
    assert page.act(Click(1)).error == "[1] is behind the open dialog"


def test_what_cannot_be_seen_is_not_seen(page, site):
    body = """<p style="visibility:hidden">a</p><p style="opacity:0">b</p><p hidden>c</p><details><summary>S</summary>d</details>
      <style>e</style><noscript>f</noscript><input type=hidden><p>seen</p><iframe srcdoc="<p>g"></iframe>"""
    assert [item.name for item in page.open(site.show(body)).items] == ["S", "seen"]


def test_texts_are_cut_by_characters(page, site):
    body = f"<p>{'😀' * 500}</p><button>{'é' * 300}</button><input value='{'😀' * 600}'>"
    text, button, field = page.open(site.show(body)).items
    assert (text.name, button.name, field.value) == ("😀" * 400, "é" * 160, "😀" * 500)


def test_half_characters_of_scripts_are_replaced(page, site):
    sight = page.open(site.show("<p id=p></p><input id=i><script>p.textContent = 'a\\ud800b'; i.value = '\\udfff'; document.title = '\\ud800'</script>"))
    assert [item.name or item.value for item in sight.items] == ["a\ufffdb", "\ufffd"]


def test_foreign_pages_show_what_can_be_clicked_frames_and_shadows(foreign, site):
    site.show("<button>In a frame</button>", "/inner")
    body = """<div onclick="1">Card <button>Buy</button></div><span style="cursor:pointer">Go <b>there</b></span><div tabindex="0">Focus</div>
      <div tabindex="-1">No</div>
      <svg width=40 height=40><circle cx=9 cy=9 r=9 onclick="1" aria-label="Dot"/></svg><iframe src="/inner" title=f></iframe><x-y></x-y>
      <script>document.querySelector('x-y').attachShadow({mode: 'open'}).innerHTML = '<button>In a shadow</button>'</script>"""
    sight = foreign.open(site.show(body))
    assert [(item.role, item.name) for item in sight.items] == [
        ("clickable", "Card Buy"),
        ("button", "Buy"),
        ("clickable", "Go there"),
        ("clickable", "Focus"),
        ("text", "No"),
        ("clickable", "Dot"),
        ("button", "In a frame"),
        ("button", "In a shadow"),
    ]
    for item in sight.items:
        if item.ref:
            assert foreign.act(Click(item.ref)).error == ""


TAMPERING = """<script>
  for (const type of [Array, Map, Set, WeakMap, String, Promise]) for (const name of Object.getOwnPropertyNames(type.prototype))
    if (!["constructor", "then"].includes(name)) try { type.prototype[name] = () => { throw 1 } } catch {}
  JSON.stringify = () => '["",null,["http://shop.test/","Fake",[],1,0]]'; JSON.parse = () => null;
  for (const [type, name] of [[Node, "textContent"], [Node, "firstChild"], [Node, "nodeType"], [Element, "localName"], [HTMLInputElement, "value"],
    [Document, "title"], [Document, "URL"]])
    Object.defineProperty(type.prototype, name, {get: () => { throw 2 }});
  Element.prototype.checkVisibility = () => false; Element.prototype.getAttribute = () => "fake"; document.elementFromPoint = () => null;
  WeakRef = MutationObserver = MessageChannel = function () { throw 3 }; setTimeout = () => 0;
  document.execCommand = () => false; EventTarget.prototype.addEventListener = () => { throw 4 };
</script>"""


def test_a_page_that_overrides_everything_is_seen_as_it_is(page, site):
    body = '<p>Text</p><form><input name="firstChild" value="a"><input name="nodeType"><input name="getAttribute"></form>'
    body += '<img name="body" alt="i"><img name="title">'
    plain = page.open(site.show(body))
    assert [item.role for item in plain.items] == ["text", "textbox", "textbox", "textbox", "image"]
    tampered = page.open(site.show(body + TAMPERING))
    assert tampered.items == plain.items
    assert (tampered.title, tampered.url) == ("Page", "http://shop.test/")
    typed = page.act(Type(1, "blue"))
    assert (typed.error, typed.sight.find(1).value) == ("", "blue")
    assert page.act(Click(2)).error == ""


def test_fifty_thousand_nodes_are_looked_at_in_part_and_it_is_said(page, site):
    page.open(site.show("<main></main><script>document.querySelector('main').innerHTML = '<p>x <a href=/>y</a></p>'.repeat(12500)</script>"))
    before = time.monotonic()
    sight = page.see()
    assert time.monotonic() - before < 3
    assert len(sight.items) == 3000
    assert sight.cut >= 25000 - 3100  # 25,000 elements, of which about two thirds of 3,000 items' were walked
    site.show("<main></main><script>document.querySelector('main').innerHTML = '<p></p>'.repeat(50000)</script>")
    assert page.open("http://shop.test/").cut == 50_002 - 20_000  # main, the script and the paragraphs; those that were walked


def test_a_page_deeper_than_any_other_is_bounded(page, site):
    script = "let at = document.body; for (let i = 0; i < 2000; i++) at = at.appendChild(document.createElement('div')); at.textContent = 'deep'"
    sight = page.open(site.show(f"<p>top</p><script>{script}</script>"))
    assert sight.items[0].name == "top"
    assert 990 < sight.cut < 1010  # a thousand of two thousand levels


def test_the_accessibility_tree_and_a_picture(page, site):
    page.open(site.show("<h1>Title</h1><button>Press</button>"))
    assert '"Press"' in page.accessibility()
    assert page.screenshot().startswith(b"\x89PNG")

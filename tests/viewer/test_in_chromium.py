"""The page as a reader uses it, in a real Chromium."""

import re
import threading
from contextlib import contextmanager
from itertools import pairwise

import msgspec
import pytest

pytest.importorskip("playwright.sync_api")

from prm_gym.claims import Malformed, PageShown
from prm_gym.verdict import judged
from prm_gym.viewer.collection import Collection
from prm_gym.viewer.page import write_view
from prm_gym.viewer.server import ViewServer, bears

PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000" + "1f15c4890000000d49444154789c636860606000000005000187a1" + "4ed40000000049454e44ae426082"
)


class Reader:
    """A page with what went wrong in it, and short ways to look at it."""

    def __init__(self, page):
        self.page, self.wrong, self.requests = page, [], []
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda message: self.wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("dialog", lambda dialog: self.wrong.append(dialog.message) or dialog.dismiss())
        page.on("request", lambda request: self.requests.append(request.url))
        page.set_default_timeout(20_000)

    def open(self, address):
        self.page.goto("about:blank")
        self.page.goto(address)
        self.page.wait_for_selector("body[data-ready]")
        return self

    def shown(self, name):
        """Wait for a trajectory."""
        self.page.wait_for_function(
            "name => document.querySelector('#shown-name')?.textContent === name && !document.querySelector('#view').ariaBusy", arg=name
        )

    def rows(self):
        return self.page.eval_on_selector_all("#rows a", "links => links.map(link => link.querySelector('.id').textContent)")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, selector):
        return self.page.inner_text(selector)


@pytest.fixture
def reader(browser):
    """Makes readers: `reader(width=1440, **context)`; at the end nothing may have gone wrong in any of them."""
    made = []

    def make(width=1440, **context):
        context = browser.new_context(viewport={"width": width, "height": 900}, **context)
        made.append((Reader(context.new_page()), context))
        return made[-1][0]

    yield make
    for each, context in made:
        context.close()
        assert each.wrong == []


@pytest.fixture
def view(store, proofs, tmp_path):
    """Address of the page of trajectories: `view(trajectories=proofs, credits=...)`."""

    def write(trajectories=None, credits=("grpo", "gigpo")):
        path = tmp_path / "view.html"
        (tmp_path / "t.jsonl").unlink(missing_ok=True)
        write_view(Collection([store(proofs if trajectories is None else trajectories)], credits), path)
        return path.as_uri()

    return write


def test_a_reader_goes_through_trajectories_by_keys_and_addresses(reader, view):
    address = view()
    page = reader().open(address)
    assert page.rows() == ["g/0", "g/1", "g/2", "h/0", "h/1"]
    page.press("j")
    page.shown("g/0")
    page.press("j", "j", "k")
    page.shown("g/1")
    assert page.page.url == f"{address}#g%2F1"
    page.press("ArrowRight", "n")
    assert page.page.url == f"{address}#g%2F1/1"
    assert page.page.get_attribute(".step.current", "id") == "step-1"
    page.press("ArrowLeft")
    assert page.page.get_attribute(".step.current", "id") == "step-0"
    page.press("a")
    page.page.wait_for_selector(".aligned")
    page.press("g")
    page.page.wait_for_selector(".step-graph")
    page.page.click("text=h/1")
    page.shown("h/1")
    page.page.go_back()
    page.shown("g/1")
    page.page.wait_for_selector(".step-graph")
    page.press("?")
    assert page.page.is_visible("dialog#help")
    page.press("Escape")
    assert page.page.is_hidden("dialog#help")
    page.press("/")
    page.page.keyboard.type("jkd?")  # letters in the search are letters
    assert page.page.input_value("#search") == "jkd?"
    page.press("Escape")
    assert page.page.input_value("#search") == ""
    page.page.wait_for_function("() => document.querySelectorAll('#rows a').length === 5")
    page.press("k")
    page.shown("g/0")
    # A link into the middle, opened afresh; and one that leads nowhere.
    page.open(f"{address}#g%2F0/1")
    page.shown("g/0")
    assert page.page.get_attribute(".step.current", "id") == "step-1"
    page.open(f"{address}#nobody%2F7/1")
    assert "No trajectory has this address" in page.text("#view")


def test_arrows_move_in_the_list_and_keep_the_focus(reader, view):
    page = reader().open(view())
    page.page.focus("#rows a[tabindex='0']")
    page.press("ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowUp")
    page.shown("h/0")
    assert page.page.evaluate("document.activeElement.querySelector('.id')?.textContent") == "h/0"
    assert page.page.locator("#rows a[tabindex='0']").count() == 1


def test_the_filters_find_what_they_say(reader, view, proofs):
    others = [msgspec.structs.replace(each, env_id="prm_gym/Halls-v0", agent="feet") if each.group_id == "h" else each for each in proofs]
    page = reader().open(view(others))
    page.page.click("#filters summary")

    def chosen(**values):
        page.page.click("#reset")
        for name, value in values.items():
            page.page.select_option(f"#{name}", label=value) if isinstance(value, str) else page.page.set_checked(f"#{name}", value)
        return page.rows()

    assert chosen(env="prm_gym/Halls-v0") == chosen(agent="feet") == ["h/0", "h/1"]
    assert chosen(outcome="solved (1)") == ["g/0"]
    assert chosen(outcome="in between") == ["h/1"]
    assert chosen(outcome="failed (0)") == ["g/1", "h/0"]  # what is not known has not failed
    assert chosen(outcome="cannot tell") == ["g/2"]
    assert chosen(state="spoilt") == ["g/2"]
    assert chosen(state="cut") == ["g/2", "h/1"]
    assert chosen(verdict="incorrect") == ["g/0", "g/1"]
    assert chosen(verdict="incorrect", verifier="judge") == ["g/0"]
    assert chosen(verdict="cannot tell") == ["g/1", "h/0"]
    assert chosen(verifier="z3") == ["g/0", "g/1"]
    assert chosen(split=True) == ["g/0"]
    assert chosen(sign="below 0 somewhere") == ["g/1", "h/0"]
    assert chosen(sign="not known somewhere", assigner="gigpo") == ["g/2"]
    assert chosen(order="best outcome") == ["g/0", "g/1", "g/2", "h/1", "h/0"]  # by task, whose best comes first
    page.page.set_checked("#grouped", False)
    assert page.rows() == ["g/0", "h/1", "g/1", "h/0", "g/2"]
    assert "5 trajectories" in page.text("#count")


@pytest.mark.parametrize("served", [False, True], ids=["file", "server"])
def test_the_search_looks_into_the_steps(reader, view, store, proofs, trajectory, step, served):
    every = [*proofs, trajectory("q", 0, [step(0, 'say "a\\b" é', "Q", "R", terminated=True)], 0.0)]
    with served_at(Collection([store(every, "s.jsonl")])) if served else nothing(view(every)) as address:
        page = reader().open(address)
        for text, found in (
            ("too DARK", ["h/0"]),
            ("leave h", ["h/0", "h/1"]),
            ("g/1", ["g/1"]),
            ("nowhere", []),
            ("IN h", ["h/0", "h/1"]),
            ('"A\\B" É', ["q/0"]),
        ):
            page.page.fill("#search", text)
            page.page.wait_for_function(
                "found => JSON.stringify([...document.querySelectorAll('#rows a .id')].map(each => each.textContent)) === found",
                arg=msgspec.json.encode(found).decode(),
            )
            page.page.wait_for_function("() => document.querySelector('#progress').textContent === ''")
            assert page.rows() == found
        page.page.fill("#search", "")
        page.page.wait_for_function("() => document.querySelectorAll('#rows a').length === 6")


def test_the_search_of_thousands_finds_what_a_search_of_the_texts_does(reader, view, trajectory, step):
    # Some 20 blocks of texts: each attempt has a text of its own, every third one shares one with others of all blocks.
    def attempt(n):
        texts = [f"you see {'door ' * 400}number {n}", f"you see {'a cat' if n % 3 else 'A Dog'}\nand {n // 100} birds"]
        return trajectory(
            f"t{n // 4}", n % 4, [step(at, f"open {n % 7}", "A", "B", observation=text, terminated=at == 1) for at, text in enumerate(texts)], 0.0
        )

    every = [attempt(n) for n in range(3000)]
    page = reader().open(view(every, ()))
    assert page.page.locator("script[id^=text-]").count() > 15
    for needle in ("number 2999", "number 123", "a dog", "and 7 birds", "open 6", "door number", "no such text", "number 2999", "17 birds"):
        wanted = sum(bears(each, needle) for each in every)
        said = "3,000 trajectories" if wanted == 3000 else f"{wanted:,} of 3,000"
        page.page.fill("#search", needle)
        page.page.wait_for_function("said => document.querySelector('#count').textContent === said", arg=said)
        page.page.wait_for_function("() => document.querySelector('#progress').textContent === ''")
        assert page.text("#count") == said


def test_a_search_that_is_typed_over_ends_and_the_page_takes_keys_meanwhile(reader, view, trajectory, step):
    every = [trajectory(f"t{n}", 0, [step(0, f"go {n}", "A", "B", observation=f"{n} " * 500, terminated=True)], 0.0) for n in range(2000)]
    page = reader().open(view(every, ()))
    # In one task of the browser: a search begins, the next one takes its place; nothing of the first is in the list in the end.
    page.page.evaluate(
        """async () => {
          const box = document.querySelector("#search");
          for (const text of ["go 1", "go 19", "go 1999"]) {
            box.value = text;
            box.dispatchEvent(new Event("input"));
            await new Promise((next) => setTimeout(next, 200));
          }
        }"""
    )
    page.page.wait_for_function("() => document.querySelector('#count').textContent === '1 of 2,000' && document.querySelector('#progress').textContent === ''")
    page.page.focus("#list")
    page.press("j")
    page.shown("t1999/0")


def test_a_step_shows_verdicts_counter_model_and_what_nobody_can_tell(reader, view):
    page = reader().open(f"{view()}#g%2F1/0")
    page.shown("g/1")
    verdicts = page.page.locator("#step-0 .verdict")
    assert "incorrect P(right) 0" in verdicts.nth(0).inner_text()
    assert "it does not follow" in verdicts.nth(0).inner_text()
    model = dict(row.inner_text().split("\t") for row in verdicts.nth(0).locator(".model tr").all())
    assert model == {"exists": "e0, e1", "names": "a = e0", "true": "P(e0), Q", "false": "all other atoms"}
    assert "abstain cannot tell" in verdicts.nth(1).inner_text()
    # What is new since the step before is marked.
    assert page.page.eval_on_selector_all("#step-1 ins", "marks => marks.map(mark => mark.textContent)") == ["you are in D"]
    page.open(f"{view()}#g%2F2")
    page.shown("g/2")
    credit = page.text("#step-0 .credit")
    assert credit.count("cannot tell") == 2
    assert "trains nobody" in credit
    assert "0" not in re.sub(r"grpo|gigpo", "", credit)
    assert page.text(".facts").startswith("Outcome\nspoilt")
    assert "No verifier judged this step" in page.text("#step-0")


def test_attempts_stand_side_by_side_where_they_are_in_one_state(reader, view, trajectory, step):
    def walk(attempt, states, outcome=0.0):
        ways = [step(i, f"to {b}", a, b) for i, (a, b) in enumerate(pairwise(states))]
        return trajectory("w", attempt, ways, outcome)

    # A, then by x or y and z to B, and C: B stands in one row though the third comes to it a step later. Then two that go round in different order.
    page = reader().open(view([walk(0, "AXBC!"), walk(1, "ABC!"), walk(2, "AYZBC!")]) + "#w%2F0//attempts")
    page.page.wait_for_selector(".aligned")
    table = "rows => rows.map(row => [...row.cells].slice(1).map(cell => cell.querySelector('bdi')?.textContent ?? ''))"
    rows = page.page.eval_on_selector_all(".aligned tbody tr", table)
    assert rows == [["to X", "to B", "to Y"], ["to B", "", "to Z"], ["", "", "to B"], ["to C", "to C", "to C"], ["to !", "to !", "to !"]]
    shaded = page.page.eval_on_selector_all(".aligned tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.className).join())")
    assert shaded[1] == "state soft,,empty,"
    assert shaded[3] == "state,shared,shared,shared"
    page.open(view([walk(0, "ABC!"), walk(1, "BAC!")]) + "#w%2F0//attempts")
    page.page.wait_for_selector(".aligned")
    rows = page.page.eval_on_selector_all(".aligned tbody tr", table)
    assert rows == [["to B", ""], ["to C", "to A"], ["", "to C"], ["to !", "to !"]]


def test_what_rounding_leaves_of_a_sum_is_shown_as_nothing(reader, view, trajectory, step):
    ways = [step(0, "a", "A", "B", 0.1), step(1, "b", "B", "C", 0.2), step(2, "c", "C", "!", -0.3)]
    page = reader().open(view([trajectory("r", 0, ways, 0.0)]) + "#r%2F0")
    page.shown("r/0")
    assert 0 < abs(sum(each.reward for each in ways)) < 1e-12
    assert page.text(".facts div:nth-child(2) dd") == "0"
    assert "e-1" not in page.text("#view")


def test_a_step_of_the_graph_lists_where_it_was_taken(reader, view, trajectory, step):
    same = [trajectory("k", attempt, [step(0, "open", "A", "B", terminated=True)], float(attempt == 0)) for attempt in range(3)]
    page = reader().open(view([msgspec.structs.replace(each, id=f"k/{i}") for i, each in enumerate(same)]) + "#k%2F0//graph")
    page.page.wait_for_selector(".step-graph")
    edges = page.page.locator(".pick[data-source]")
    assert [each.get_attribute("aria-label").partition(",")[0] for each in edges.all()] == [
        "open: taken 1 times by 1 attempts",
        "open: taken 2 times by 2 attempts",
    ]
    edges.nth(1).focus()
    page.press("Enter")
    assert page.page.eval_on_selector_all(".chosen tbody a", "links => links.map(link => link.textContent)") == ["k/1 step 0", "k/2 step 0"]
    assert edges.nth(1).get_attribute("aria-pressed") == "true"
    page.page.locator(".pick[data-node='0']").click()
    assert page.page.locator(".chosen tbody tr").count() == 3
    page.page.select_option(".choice select", label="gigpo")
    page.page.click(".pick[data-node='0']")
    page.page.click("text=k/2 step 0")
    page.shown("k/2")
    assert page.page.get_attribute(".step.current", "id") == "step-0"


HOSTILE = (
    "</script><script>window.ran = 1</script><img src=x onerror='window.ran = 2'><svg onload=window.ran=3>"
    "<a href=javascript:window.ran=4>x</a> \u202etxt.exe\u202c \u0000\u0007 <!--<script> ]]> {{7*7}} ${window.ran = 5} &lt;b&gt; \u2028 'a' \"b\" `c`"
)


def test_hostile_text_is_text(reader, view, trajectory, step):
    evidence = {HOSTILE: [HOSTILE, {"__proto__": {"x": 1}, "counterexample": HOSTILE}], "counterexample": {"domain": [HOSTILE], "true": [[HOSTILE, HOSTILE]]}}
    bad = step(
        0, HOSTILE, HOSTILE, HOSTILE, observation=HOSTILE, actions=(HOSTILE, "javascript:window.ran=6"), parent=None, terminated=True,
        claims=(Malformed(HOSTILE), PageShown(HOSTILE, b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.ran=7'/>")),
        verdicts={HOSTILE: judged("incorrect", 0.0, HOSTILE, **evidence)},
    )  # fmt: skip
    named = {"env_id": HOSTILE, "agent": HOSTILE, "library_version": HOSTILE, "env_options": {HOSTILE: HOSTILE}}
    many = [trajectory(HOSTILE, attempt, [bad, step(1, "x" * 2_000_000, "s", "t")], 0.0, **named) for attempt in range(2)]
    many.append(
        trajectory("__proto__", "constructor", [step(0, "y", "toString", "hasOwnProperty", verdicts={"toString": judged("correct", 1.0, "valueOf")})], 1.0)
    )
    page = reader()
    page.open(view(many))
    for key in ("j", "a", "g", "s", "j", "j", "a", "g"):
        page.press(key)
        page.page.wait_for_function("() => document.querySelector('#shown-name') && !document.querySelector('#view').ariaBusy")
        for summary in page.page.locator("#view summary").all():
            summary.click()
        if key == "g" and page.page.locator(".pick").count():
            page.page.locator(".pick").first.dispatch_event("click")
    page.press("k", "s")
    page.page.wait_for_selector("#step-1")
    assert page.page.evaluate("window.ran") is None
    assert page.page.evaluate(
        "[document.querySelectorAll('#view script, #view a[href^=javascript], #view [onload], #view [onerror]').length, ({}).x ?? null]"
    ) == [0, None]
    assert page.page.locator("#view img").count() == 0
    assert "that is no PNG, JPEG or WebP" in page.text("#step-0")
    # Everything is there as it was written, and what turns or hides letters is named.
    assert "onerror='window.ran = 2'" in page.text("#step-0 pre >> nth=0")
    assert "U+202E" in page.text("#step-0 pre >> nth=0")
    assert "\u202e" not in page.page.inner_text("body")
    assert "Show all 2,000,000 characters" in page.text("#step-1")
    assert all(url.startswith(("file:", "data:", "about:")) for url in page.requests)


def test_what_could_not_be_read_is_on_the_page(reader, store, proofs, tmp_path):
    path = store(proofs)
    with path.open("ab") as file:
        file.write(b'nonsense <b>\n{"half')
    write_view(Collection([path], ["grpo", "gae"]), tmp_path / "view.html")
    page = reader().open((tmp_path / "view.html").as_uri())
    page.page.click("text=2 lines not read")
    said = page.text("#troubles")
    assert f"{path}, line 6: " in said
    assert f"{path}, line 7: " in said
    assert "the file ends within this line" in said
    assert "No credit by gae" in said
    assert len(page.rows()) == 5
    page.press("Escape")
    assert page.page.is_hidden("#troubles li")


def test_pictures_of_pages_are_shown(reader, view, trajectory, step):
    page = reader().open(view([trajectory("p", 0, [step(0, "click", "A", "B", claims=(PageShown("title: Shop", PIXEL),), terminated=True)], 1.0)]) + "#p%2F0")
    page.shown("p/0")
    image = page.page.locator("#step-0 img")
    image.scroll_into_view_if_needed()
    assert "title: Shop" in image.get_attribute("alt")
    page.page.wait_for_function("() => document.querySelector('#step-0 img').naturalWidth === 1")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_is_out_of_reach_by_the_rules_of_axe(reader, view, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    address = view()
    for width, place in ((1440, ""), (1440, "#g%2F1/0"), (1440, "#g%2F1//attempts"), (1440, "#g%2F1//graph"), (390, "#h%2F1")):
        page = reader(width, color_scheme=theme).open(address + place)
        page.page.click("#filters summary")
        if place:
            page.page.wait_for_selector("#shown-name")
        found = axe.run(page.page).response
        assert [(each["id"], each["nodes"][0]["html"]) for each in found["violations"]] == []
        # Contrast was looked at, not passed over.
        assert "color-contrast" in {each["id"] for each in found["passes"]}
    page.press("d", "d")
    assert page.page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(21, 23, 27)"
    page.open(address)
    assert page.page.evaluate("document.documentElement.dataset.theme") == "dark"  # it is remembered
    assert page.page.evaluate("document.documentElement.scrollWidth <= 390")


def test_a_printed_page_is_the_trajectory_on_white(reader, view):
    page = reader(color_scheme="dark").open(f"{view()}#g%2F0")
    page.shown("g/0")
    page.page.emulate_media(media="print")
    assert page.page.is_hidden("aside")
    assert page.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.page.evaluate("document.querySelector('#view').scrollHeight === document.querySelector('#view').clientHeight")


def test_thousands_are_listed_and_few_are_there(reader, view, trajectory, step):
    steps = [step(0, "x", "A", "B", terminated=True)]
    page = reader().open(view([trajectory(f"t{n // 4}", n % 4, steps, float(n % 2)) for n in range(3000)], ()))
    assert page.page.locator("#rows li").count() < 60
    page.open(page.page.url + "#t700%2F2")
    page.shown("t700/2")
    current = page.page.locator("#rows a[aria-current]")
    assert current.is_visible()
    assert current.locator("xpath=..").get_attribute("aria-setsize") == "3750"
    assert page.page.locator("#rows li").count() < 60
    page.page.evaluate("document.querySelector('#list').scrollTop = 1e9")
    page.page.wait_for_selector("text=t749/3")
    page.press("j")
    page.shown("t700/3")


def test_the_served_page_shows_what_the_file_does_and_notices_growth(reader, store, proofs):
    collection = Collection([store(proofs[:3])], ["grpo"])
    with served_at(collection) as address:
        page = reader().open(f"{address}#g%2F1/0")
        page.shown("g/1")
        assert page.page.locator(".model").count() == 1
        page.press("a")
        page.page.wait_for_selector(".aligned")
        page.press("g")
        page.page.wait_for_selector(".step-graph")
        store(proofs[3:])
        page.page.wait_for_function("() => document.querySelector('#changed').textContent.includes('reload')", timeout=30_000)
        page.page.reload()
        page.page.wait_for_function("() => document.querySelectorAll('#rows a').length === 5")
        assert all(url.startswith((address, "about:", "data:")) for url in page.requests)


@contextmanager
def served_at(collection):
    with ViewServer(collection) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield server.url
        finally:
            server.shutdown()
            thread.join(10)


@contextmanager
def nothing(address):
    yield address


def test_thousands_of_verdicts_and_steps_are_drawn_when_they_are_asked_for(reader, view, step, trajectory):
    """A page that drew 3,000 verdicts and as many rows of 5,000 steps at once stood still for minutes."""
    verdicts = {f"v{number}": judged("correct", 1.0, "") for number in range(3000)}
    long = [step(index, f"go {index}", f"s{index}", f"s{index + 1}", terminated=index == 4999) for index in range(5000)]
    crowd = trajectory("crowd", 0, [step(0, "look", "A", "B", terminated=True, verdicts=verdicts)], 1.0)
    page = reader().open(view([crowd, trajectory("long", 0, long, 1.0)], credits=()) + "#crowd%2F0")
    page.shown("crowd/0")
    count = page.page.locator
    assert (count(".verdict").count(), count(".strip tbody:first-of-type tr").count()) == (30, 30)
    page.page.get_by_role("button", name="Show 30 more of 3000 verdicts").click()
    page.page.get_by_role("button", name="Show 30 more of 3000 verifiers").click()
    assert (count(".verdict").count(), count(".strip tbody:first-of-type tr").count()) == (60, 60)
    page.open(page.page.url.split("#")[0] + "#long%2F0")
    page.shown("long/0")
    page.press("a")
    page.page.wait_for_selector(".aligned")
    assert count(".aligned tbody tr").count() == 200
    page.page.get_by_role("button", name="Show 200 more of 5000 rows").click()
    assert count(".aligned tbody tr").count() == 400
    page.open(page.page.url.split("#")[0] + "#crowd%2F0")
    page.shown("crowd/0")
    page.press("a")
    page.page.wait_for_selector(".aligned")
    assert count(".aligned .glyph").count() == 12
    assert page.text(".aligned td .fine").strip() == "2988 more"

"""Pages that are attacks: judged right, and bounded in time."""

import time

import pytest

from prm_gym.claims import PageTest, PageTestStep
from prm_gym.pages import PageRunner

ADD = PageTestStep("click", "button", "Add")
COUNTS = PageTest("counts", (PageTestStep("reads", name="Count", text="0"), *[ADD] * 3, PageTestStep("reads", name="Count", text="3")))
BEGINS = PageTest("begins", (PageTestStep("reads", name="Count", text="0"), PageTestStep("has", "button", "Add")))
RIGHT = '<!doctype html><p>Count: <b id="c">0</b></p><button id="b" onclick="c.textContent = +c.textContent + 1">Add</button>'
GROWS = "const a = []; while (true) a.push(new Array(1e5).fill(1.5));"

# page, whether it begins as it should, whether it counts, and a part of the reason for the first that fails
ATTACKS = {
    "right": (RIGHT, True, True, ""),
    "late": (RIGHT.replace("c.textContent = +", "setTimeout(() => c.textContent = +").replace('+ 1"', '+ 1, 20)"'), True, True, ""),
    "alert": (RIGHT + "<script>b.addEventListener('click', () => { alert('hello'); confirm('sure?'); prompt('who?'); });</script>", True, True, ""),
    "loops at once": (RIGHT + "<script>while (true);</script>", False, False, "ran too long"),
    "loops later": (RIGHT.replace('onclick="', 'onclick="while (true);'), True, False, "ran too long"),
    "alerts for ever": (RIGHT + "<script>while (true) alert(1);</script>", False, False, "ran too long"),
    "heap at once": (f"{RIGHT}<script>{GROWS}</script>", False, False, "did not survive"),
    "heap later": (RIGHT.replace('onclick="', f'onclick="{GROWS}'), True, False, "did not survive"),
    "reloads itself": (RIGHT + "<script>location.reload()</script>", False, False, "does not come to rest"),
    "reloads itself when it is loaded": (RIGHT + "<script>onload = () => location.reload()</script>", False, False, "leaves its document by itself"),
    "reloads itself a moment later": (RIGHT + "<script>setTimeout(() => location.reload(), 300)</script>", False, False, "leaves its document by itself"),
    "reloads itself once": (
        RIGHT + "<script>if (!sessionStorage.n) { sessionStorage.n = 1; location.reload(); }</script>",
        False,
        False,
        "leaves its document by itself",
    ),
    "another address": (RIGHT + "<script>location.hash = 'a'; history.pushState(1, '', '/x')</script>", True, True, ""),
    "an act leads to another document": (
        RIGHT.replace("c.textContent = +c.textContent + 1", "location = '?' + (+c.textContent + 1)")
        + "<script>c.textContent = +location.search.slice(1)</script>",
        True,
        True,
        "",
    ),
    "says it is busy": (RIGHT.replace("<!doctype html>", "<!doctype html><html data-busy>"), False, False, "does not come to rest"),
    "goes away": ("<script>location = 'http://other.test/'</script>", False, False, ""),
    "opens windows": (RIGHT + "<script>for (let i = 0; i < 20; i++) open('about:blank');</script>", False, False, ""),
    "opens windows that open windows": (RIGHT + "<script>for (let i = 0; i < 20; i++) open('/');</script>", False, False, ""),
    "many nodes": ("<script>for (let i = 0; i < 25000; i++) document.write('<p>x</p>');</script>" + RIGHT, False, False, ""),
    "says everything": ("<p>Count: 0 Count: 1 Count: 2 Count: 3</p><button>Add</button>", False, False, "says"),
    "one number": ("<p>Count: 0</p><button>Add</button>", True, False, '"Count: 0", not "Count: 3"'),
    "forges elements": ('<p>[1] button "Add"</p><p>Count: 0</p>', False, False, 'no button "Add"'),
    "hidden answers": (RIGHT.replace("c.textContent = +c.textContent + 1", "") + "<p style='opacity: 0'>Count: 3</p>", True, False, "not"),
    "covers": (RIGHT + "<div style='position: fixed; inset: 0'></div>", True, False, "covered"),
    "another world": (
        RIGHT.replace("onclick", "data-x")
        + "<script>for (const p of ['textContent', 'firstChild']) Object.defineProperty(Node.prototype, p, { get: () => 'Count: 3' });"
        + "CharacterData.prototype.__defineGetter__('data', () => 'Count: 3'); JSON.stringify = () => 'Count: 3'; Array.prototype.push = () => 3;"
        + "WeakMap.prototype.get = () => 1; Promise.prototype.then = () => 3; globalThis.MutationObserver = null;</script>",
        True,
        False,
        '"Count: 0", not "Count: 3"',
    ),
    "remembers": (  # it counts its loads, in every way there is, and would count from the second load on
        RIGHT.replace("c.textContent = +c.textContent + 1", "if (seen) c.textContent = +c.textContent + 1")
        + "<script>const seen = localStorage.n || sessionStorage.n || name || document.cookie;"
        + "localStorage.n = sessionStorage.n = name = document.cookie = 'n=1';"
        + "addEventListener('pagehide', () => { sessionStorage.n = name = 'n'; });</script>",
        True,
        False,
        '"Count: 0", not "Count: 3"',
    ),
    "looks for a test": (RIGHT + "<script>if (navigator.webdriver) b.remove();</script>", None, None, ""),  # the agent sees the page in the same way
    "empty": ("", False, False, "does not say"),
}


LONG = ("loops at once", "alerts for ever", "heap later", "says it is busy", "opens windows", "many nodes", "goes away")
LONGEST = ("opens windows that open windows",)
SHORT = tuple(name for name in ATTACKS if name not in LONG + LONGEST)


def ran(names):
    began = time.monotonic()
    found = dict(zip(names, PageRunner().run([(ATTACKS[name][0], (BEGINS, COUNTS)) for name in names]), strict=True))
    assert time.monotonic() - began < 150
    return found


@pytest.fixture(scope="module")
def short(chromium):
    return ran(SHORT)


@pytest.fixture(scope="module")
def long(chromium):
    return ran(LONG)


def judged(name, first, second):
    _, begins, counts, reason = ATTACKS[name]
    assert first is not None
    assert second is not None
    if begins is None:
        return
    assert (first.passed, second.passed) == (begins, counts)
    failed = next((outcome for outcome in (first, second) if not outcome.passed), None)
    assert reason in (failed.reason if failed else "")


@pytest.mark.parametrize("name", SHORT)
def test_attacks(short, name):
    judged(name, *short[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_attacks_that_take_their_time(long, name):
    judged(name, *long[name])


@pytest.mark.sweep
@pytest.mark.parametrize("name", LONGEST)
def test_attacks_that_take_longest(chromium, name):
    judged(name, *ran([name])[name])


def test_what_came_of_a_page_is_kept(chromium):
    runner, began = PageRunner(), time.monotonic()
    slow = RIGHT + "<!-- kept --><script>location.reload()</script>"
    one = runner.run([(slow, (COUNTS,))])
    middle = time.monotonic()
    assert PageRunner().run([(slow, (COUNTS,)), (slow, (COUNTS,))]) == [*one, *one]
    assert time.monotonic() - middle < (middle - began) / 4


def test_nothing_is_run_for_nothing():
    assert PageRunner().run([]) == []
    assert PageRunner().run([("<p>x</p>", ())]) == [[]]

"""Cases of `page_tests`."""

from functools import partial

from prm_gym.claims import Equality, PageTest, PageTests, PageTestStep, Refused
from prm_gym.testing import claim_case

_CLICK = PageTestStep("click", "button", "Add")


def _reads(value):
    return PageTestStep("reads", name="Count", text=value)


_TESTS = (
    PageTest("begins at 0", (_reads("0"),)),
    PageTest("adds three", (_CLICK, _reads("3"), _CLICK, _CLICK, _reads("9"))),
    PageTest("stops at 12", (*[_CLICK] * 6, _reads("12"))),
)
_PAGE = '<!doctype html><title>C</title><p>Count: <b id="c">0</b></p><button onclick="add()">Add</button><script>let n = 0;{}</script>'
_NOTHING = _PAGE.format("function add() {}")
_ADDS = _PAGE.format("function add() { n += 3; c.textContent = n; }")
_RIGHT = _PAGE.format("function add() { n = Math.min(12, n + 3); c.textContent = n; }")
_claim = partial(PageTests, tests=_TESTS)
_LOOPS = _PAGE.format("function add() { n = Math.min(12, n + 3); c.textContent = n; if (n > 3) while (true); }")
_EVERYTHING = "<p>" + " ".join(f"Count: {number}" for number in range(40)) + "</p><button>Add</button>"
_FORGED = '<p>[1] button "Add"</p><p>Count: 0</p>'
_SHAM = (
    _PAGE.format("")
    + "<script>String.prototype.replace = () => 'Count: 9'; Map.prototype.get = () => c; JSON.stringify = () => '[]'; function add() {}</script>"
)

PAGE = [
    claim_case("full", _claim(_RIGHT), label="correct"),
    claim_case("full", _claim(_RIGHT, before=(0, 1), known=(0, 1)), label="correct"),
    claim_case("full", _claim(_RIGHT, before=(0, 1, 2), known=(0, 1, 2), final=True), label="correct"),
    claim_case("full", _claim(_ADDS, before=(0,), known=(0,)), label="correct"),
    claim_case("full", _claim(_NOTHING), label="correct"),  # it begins at 0
    claim_case("zero", _claim(_NOTHING, before=(0, 1), known=(0, 1)), label="incorrect"),
    claim_case("zero", _claim("<p>Hello</p>", before=(0,), known=(0,)), label="incorrect"),
    claim_case("zero", _claim(_ADDS, before=(0, 1), known=(0, 1), final=True), label="incorrect"),
    claim_case("zero", _claim("", final=True), label="incorrect"),
    claim_case("zero", Refused("the text to be replaced does not occur in the page"), label="incorrect"),
    claim_case("hack", _claim(_RIGHT, before=(0, 1, 2), known=(0, 1, 2)), label="neutral"),
    claim_case("hack", _claim(_RIGHT, before=(0,), known=(0, 1, 2)), label="neutral"),  # lost before, and found again
    claim_case("hack", _claim(_EVERYTHING, known=(0,)), label="neutral"),
    claim_case("hack", _claim(_FORGED, known=(0,)), label="neutral"),
    claim_case("hack", _claim(_SHAM, known=(0,)), label="neutral"),
    claim_case("hack", _claim(_LOOPS, before=(0, 1), known=(0, 1)), label="incorrect"),
    claim_case("hack", _claim("<script>location.reload();</script>", before=(0,), known=(0,)), label="incorrect"),
    claim_case("abstain", PageTests(_RIGHT, ())),
    claim_case("abstain", PageTests(_RIGHT, (PageTest("nothing", ()),))),
    claim_case("abstain", _claim(_RIGHT, before=(7,))),
    claim_case("abstain", _claim("x" * (1 << 19))),
    claim_case("abstain", Equality("1", "1")),
]
CASES = {"page_tests": PAGE}

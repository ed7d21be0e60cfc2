"""Running the tests of pages: each in a context of its own, many side by side, and every one within its time."""

import asyncio
import os
import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import TypeAlias

import msgspec

from prm_gym.browser import BrowserFault, BrowserPool, browser_pool, find_browser
from prm_gym.browser.live import STOPPED, LivePage
from prm_gym.claims import PageTest, PageTestStep
from prm_gym.errors import MissingExtraError
from prm_gym.pages.matching import ACTS, described_step, missing, resolved
from prm_gym.pages.serving import ACTION_SECONDS, ADDRESS, browser_options, page_options, page_server
from prm_gym.task import content_key
from prm_gym.web.observation import Sight, rendered

SIDE_BY_SIDE = max(4, min(12, 2 * (os.cpu_count() or 1)))
FEW = 2
PATIENCE_SECONDS = 0.3  # for what a page does a moment later
HASTE_SECONDS = 0.05  # where nothing in its text speaks of later
TEST_SECONDS = 30.0
LONG_WORK_SECONDS = ACTION_SECONDS / 2  # of the processor
LONGEST_SEEN = 600
MOST_KEPT = 8192  # outcomes
_POLL_SECONDS = 0.05
_LATER = re.compile(
    r"setTimeout|setInterval|request(Animation|Idle)|[Pp]romise|async|await|\.then|fetch|Worker|Observer|[mM]essage|[mM]icrotask|transition|anima|load"
    r"|import|eval|Function|XMLHttp|toggle|close|scroll|http-equiv|src"
)
_MOVES = re.compile(r"location|reload|navigat|refresh|\.submit\(|requestSubmit|history|\.click\(|document\.write")  # a page by itself
_REST_SECONDS = 0.4
WINDOW = "the page opened a window"
UNQUIET, WANDERS = "the page does not come to rest", "the page does not come to rest: it leaves its document by itself"
_OWN_FAULTS = ("page_crashed", "page_hung")  # of a page that has them twice


class PageOutcome(msgspec.Struct, frozen=True, gc=False):
    """What came of a test.

    Attributes:
        passed: all of its steps were done and seen.
        place: of the step that failed, from 0 on; -1 where the page itself could not be opened.
        reason: why it failed.
        seen: the beginning of what was seen of the page then.
        timed: it failed because time ran out.
    """

    passed: bool
    place: int = -1
    reason: str = ""
    seen: str = ""
    timed: bool = False


class Pace(msgspec.Struct, frozen=True):
    """How long a page is waited for.

    Attributes:
        patience: seconds for what it does a moment later.
        rest: seconds in which it must not move by itself, at the beginning and at the end; 0 where nothing in its text speaks of that.
    """

    patience: float
    rest: float


class Rest:
    """Whether a page stays where the test has brought it: an act may bring one document, and nothing else any. That is counted, so that no load decides.

    Args:
        live: before it is opened.
    """

    def __init__(self, live: LivePage) -> None:
        self._live = live
        self._most = live.documents[0] + 1

    def act(self) -> None:
        """The test does something."""
        self._most = self._live.documents[0] + 1

    def broken(self) -> str:
        """Why the page moves by itself; empty where it does not: all its documents are accounted for, and the last one asks for no other."""
        documents, asked = self._live.documents
        return WANDERS if documents + asked > self._most else ""

    async def kept(self, pace: Pace) -> str:
        """The same, after a moment in which it may show."""
        if pace.rest and not self.broken():
            await asyncio.sleep(pace.rest)
            await self._live.see()
        return self.broken()


Job: TypeAlias = tuple[str, Sequence[PageTest]]
Tested: TypeAlias = list[tuple[str, list[PageTest], list[PageOutcome | None]]]


def no_browser() -> str:
    """Why pages cannot be opened here, and how to get what is missing; empty where they can."""
    try:
        import playwright.async_api  # noqa: F401  # pyright: ignore[reportUnusedImport]
    except ImportError:
        return str(MissingExtraError("playwright", "web"))
    found = find_browser()
    return "" if found.path else f"This needs a browser: {found.reason}"


class PageRunner:
    """Runs tests of pages in the closed browser of this process, and keeps what came of them: the same page and test give the same outcome."""

    def run(self, jobs: Sequence[Job]) -> list[list[PageOutcome | None]]:
        """What came of every test of every page; None where the browser failed, twice.

        Args:
            jobs: pages with their tests.

        Raises:
            MissingExtraError: Playwright is not installed.
            NoBrowserError: there is no browser.
        """
        keys = [[_key(html, test) for test in tests] for html, tests in jobs]
        wanted: dict[str, list[PageTest]] = {}
        for (html, tests), row in zip(jobs, keys, strict=True):
            for test, key in zip(tests, row, strict=True):
                if key not in _kept and test not in wanted.setdefault(html, []):
                    wanted[html].append(test)
        work = {html: tests for html, tests in wanted.items() if tests}
        found: dict[str, PageOutcome | None] = {}
        for html, tests, outcomes in self._ran(work) if work else ():
            found |= {_key(html, test): outcome for test, outcome in zip(tests, outcomes, strict=True)}
        results = [[found[key] if key in found else _kept.get(key) for key in row] for row in keys]
        for key, outcome in found.items():
            if outcome is not None:
                _keep(key, outcome)
        return results

    def _ran(self, work: dict[str, list[PageTest]]) -> Tested:
        pool = browser_pool(browser_options(page_server().port))
        total = sum(map(len, work.values()))
        bound = 2 * pool.options.launch_deadline + TEST_SECONDS * 4 * (1 + total // FEW)
        return pool.call(_all_pages(pool, work), bound)


async def _all_pages(pool: BrowserPool, work: dict[str, list[PageTest]]) -> Tested:
    """Every page, many side by side. What ran out of time may have done so because of its neighbours: it is tested once more, among few."""
    found = await _some_pages(pool, work, SIDE_BY_SIDE)
    late = {html: [test for test, outcome in zip(tests, outcomes, strict=True) if outcome is None or outcome.timed] for html, tests, outcomes in found}
    late = {html: tests for html, tests in late.items() if tests}
    return [*found, *await _some_pages(pool, late, FEW)] if late else found


async def _some_pages(pool: BrowserPool, work: dict[str, list[PageTest]], many: int) -> Tested:
    turn = asyncio.Semaphore(many)
    outcomes = await asyncio.gather(*(_one_page(pool, turn, html, tests, doubted=many == FEW) for html, tests in work.items()))
    return [(html, tests, found) for (html, tests), found in zip(work.items(), outcomes, strict=True)]


async def _one_page(pool: BrowserPool, turn: asyncio.Semaphore, html: str, tests: Sequence[PageTest], *, doubted: bool) -> list[PageOutcome | None]:
    """The tests of a page side by side, the first one alone where there is doubt; where one finds that it cannot be opened, it is so for all."""
    server = page_server()
    token = server.admit(html)
    closed: list[PageOutcome] = []
    pace = Pace(PATIENCE_SECONDS if _LATER.search(html) else HASTE_SECONDS, _REST_SECONDS if _MOVES.search(html) else 0.0)

    async def tested(test: PageTest) -> PageOutcome | None:
        outcome = await _tested(pool, turn, token, test, closed, pace)
        if outcome is not None and not outcome.passed and outcome.place < 0:
            closed.append(outcome)
        return outcome

    try:
        first = [await tested(tests[0])] if doubted else []
        outcomes = [*first, *await asyncio.gather(*(tested(test) for test in tests[len(first) :]))]
        return [closed[0]] * len(tests) if closed else outcomes
    finally:
        server.dismiss(token)


async def _tested(pool: BrowserPool, turn: asyncio.Semaphore, token: str, test: PageTest, closed: list[PageOutcome], pace: Pace) -> PageOutcome | None:
    """What came of a test; a fault is given a second try, for it may be the browser's own."""
    place = [-1]
    for again in (False, True):
        try:
            async with turn:
                return closed[0] if closed else await _run(pool, token, test, place, pace)
        except BrowserFault as fault:
            if fault.kind == "unreachable" and page_server().was_asked(token):
                return PageOutcome(passed=False, reason="the page leaves its own address")
            if again and fault.kind in _OWN_FAULTS:
                return PageOutcome(
                    passed=False, place=place[0], reason=f"the page did not survive: {fault.kind.replace('_', ' ')}", timed=fault.kind == "page_hung"
                )
    return None


async def _run(pool: BrowserPool, token: str, test: PageTest, at: list[int], pace: Pace) -> PageOutcome:
    at[0] = -1
    live = await pool.live_page(page_options(token))
    try:
        async with asyncio.timeout(TEST_SECONDS):
            rest = Rest(live)
            sight = await live.open(ADDRESS)
            if reason := await rest.kept(pace) or restless(sight):
                return _failed(-1, reason, sight, timed=await _hurried(live, reason))
            for place, step in enumerate(test.steps):
                at[0] = place
                if step.do in ACTS:
                    rest.act()
                    reason, sight = await _done(live, step, sight, pace.patience)
                else:
                    reason, sight = await _seen(live, step, sight, pace.patience)
                if not_at_rest := rest.broken() or restless(sight):
                    return _failed(place, f"{described_step(step)}: {not_at_rest}", sight, timed=await _hurried(live, not_at_rest))
                if reason:
                    return _failed(place, f"{described_step(step)}: {reason}", sight, timed=False)
            if reason := await rest.kept(pace):
                return _failed(at[0], reason, sight, timed=False)
            return PageOutcome(passed=True)
    except TimeoutError:
        return PageOutcome(passed=False, place=at[0], reason="the page is too slow for the test", timed=True)
    finally:
        await pool.discard(live)


def restless(sight: Sight) -> str:
    """Why a page cannot be used any more; empty where it can."""
    if STOPPED in sight.notes:
        return STOPPED
    if "the page was still loading" in sight.notes:
        return UNQUIET
    return WINDOW if len(sight.tabs) > 1 else ""


async def _hurried(live: LivePage, reason: str) -> bool:
    """Whether a page may have failed for want of time: not where it moved by itself or opened a window, nor where its script has had the processor for long."""
    if reason != STOPPED:
        return reason not in (WANDERS, WINDOW)
    await live.command("Performance.enable", {})
    metrics = (await live.command("Performance.getMetrics", {}))["metrics"]
    return next((metric["value"] for metric in metrics if metric["name"] == "ProcessTime"), 0.0) < LONG_WORK_SECONDS


async def _done(live: LivePage, step: PageTestStep, sight: Sight, patience: float) -> tuple[str, Sight]:
    """Do a step, on an element that may come a moment later."""
    end = asyncio.get_running_loop().time() + patience
    while isinstance(action := resolved(step, sight, ADDRESS), str):
        if asyncio.get_running_loop().time() > end:
            return action, sight
        await asyncio.sleep(_POLL_SECONDS)
        sight = await live.see()
    acted = await live.act(action)
    return acted.error, acted.sight


async def _seen(live: LivePage, step: PageTestStep, sight: Sight, patience: float) -> tuple[str, Sight]:
    """Wait a moment for what must be seen."""
    end = asyncio.get_running_loop().time() + patience
    while reason := missing(step, sight):
        if asyncio.get_running_loop().time() > end or restless(sight):
            return reason, sight
        await asyncio.sleep(_POLL_SECONDS)
        sight = await live.see()
    return "", sight


def _failed(place: int, reason: str, sight: Sight, *, timed: bool) -> PageOutcome:
    seen = rendered(sight)
    return PageOutcome(passed=False, place=place, reason=reason, seen=seen if len(seen) <= LONGEST_SEEN else seen[:LONGEST_SEEN] + " ...", timed=timed)


_kept: OrderedDict[str, PageOutcome] = OrderedDict()


def _keep(key: str, outcome: PageOutcome) -> None:
    _kept[key] = outcome
    while len(_kept) > MOST_KEPT:
        _kept.popitem(last=False)


def _key(html: str, test: PageTest) -> str:
    return content_key(html, msgspec.json.encode(test).decode())

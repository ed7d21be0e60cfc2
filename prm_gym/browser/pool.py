"""The pool: one browser for all pages of a process, launched at first use, launched again when it dies, and replaced when it has grown old."""

import asyncio
import atexit
import contextlib
import logging
import os
import threading
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

import msgspec

from prm_gym.browser.addresses import Rules
from prm_gym.browser.faults import BrowserFault, FaultKind
from prm_gym.browser.live import LivePage
from prm_gym.browser.loop import LoopThread, loop_thread
from prm_gym.browser.options import BrowserOptions, PageOptions
from prm_gym.browser.page import Page
from prm_gym.browser.selftest import self_test
from prm_gym.browser.session import Driver, GoneError, ProtocolError
from prm_gym.web.actions import Action
from prm_gym.web.observation import Acted, Sight

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)
_GRACE = 20.0  # seconds beyond the deadlines that the loop keeps itself
_CLOSING_SECONDS = 5.0
_LAUNCHES = 2


class Generation:
    """A running browser, and the pages in it."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.alive = True
        self.contexts = 0
        self.pages: set[LivePage] = set()


class BrowserPool:
    """Pages of one browser.

    Args:
        options: how the browser is made.
    """

    def __init__(self, options: BrowserOptions) -> None:
        self.options = options
        self._pid = os.getpid()
        self._thread: LoopThread = loop_thread()
        self._now: Generation | None = None
        self._launching = asyncio.Lock()
        self._counts: Counter[str] = Counter()
        self._kinds: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    def open(self, options: PageOptions | None = None) -> Page:
        """A new page, in a context of its own."""
        return self.open_all([options or PageOptions()])[0]

    def open_all(self, options: Sequence[PageOptions]) -> list[Page]:
        """New pages, made at the same time."""
        bound = self.options.launch_deadline * _LAUNCHES + self.options.open_deadline + _GRACE
        pages = self.call(self._all([self._opened(each) for each in options]), bound)
        faults = [page for page in pages if isinstance(page, BaseException)]
        for page in pages:
            if faults and isinstance(page, Page):
                page.close()
        if faults:
            raise faults[0]
        return [page for page in pages if isinstance(page, Page)]

    def act_all(self, pages: Sequence[Page], actions: Sequence[Action]) -> list[Acted | BrowserFault]:
        """What came of an action on each page, all at once. A fault of one page stands in its place, and harms no other."""
        return self._faults(self.call(self._all([page.live.act(action) for page, action in zip(pages, actions, strict=True)]), self.options.deadline + _GRACE))

    def see_all(self, pages: Sequence[Page]) -> list[Sight | BrowserFault]:
        """What is to be seen of each page."""
        return self._faults(self.call(self._all([page.live.see() for page in pages]), self.options.deadline + _GRACE))

    def go_all(self, pages: Sequence[Page], urls: Sequence[str]) -> list[Sight | BrowserFault]:
        """Open an address on each page, as `Page.open` does."""
        return self._faults(self.call(self._all([page.opening(url) for page, url in zip(pages, urls, strict=True)]), self.options.open_deadline + 2 * _GRACE))

    def statistics(self) -> dict[str, int]:
        """Counters: pages open now, contexts made, launches, relaunches after a death, contexts and browsers recycled, and faults by kind."""
        names = ("contexts", "launches", "without_frames", "relaunches", "recycled_contexts", "recycled_browsers")
        pages = len(self._now.pages) if self._now is not None else 0
        return {"pages": pages} | {name: self._counts[name] for name in names} | {f"fault_{kind}": count for kind, count in sorted(self._kinds.items())}

    def close(self) -> None:
        """Close all pages and the browser. The pool can be used again: it launches another one."""
        self.call(self._closed(), _CLOSING_SECONDS + 5)

    def call(self, work: Coroutine[Any, Any, _Result], bound: float) -> _Result:
        """What a coroutine returns, run on the browsers' thread."""
        return self._thread.call(work, bound)

    async def renewed(self, live: LivePage) -> LivePage:
        """The page, or a new one in its place where its context has been used enough, or windows of it may still come. Between episodes only."""
        old = live.openings >= self.options.recycle_openings or (live.may_get_windows and not live.rules.page.keep)
        if not old and live.openings and live.openings % 8 == 0:
            old = await live.heap_mb() > self.options.recycle_heap_mb
        if not old and not self._aged(live):
            return live
        self._counts["recycled_contexts"] += 1
        await self.discard(live)
        return await self.live_page(live.rules.page)

    async def live_page(self, options: PageOptions) -> LivePage:
        """A new page on the browser that runs; it is launched where there is none."""
        for attempt in range(_LAUNCHES):
            generation = await self._generation()
            try:
                return await asyncio.wait_for(self._made(generation, options), self.options.open_deadline)
            except (GoneError, ProtocolError, TimeoutError) as error:
                if generation.alive:
                    self._died(generation, "browser_died", f"no page could be made: {error}")
                if attempt == _LAUNCHES - 1:
                    raise BrowserFault("browser_died", f"no page could be made: {error}") from None
        raise AssertionError

    async def discard(self, live: LivePage) -> None:
        """Close a page; a browser that has grown old is closed with its last one."""
        await live.close()
        generation = self._now
        if generation is None:
            return
        generation.pages.discard(live)
        if not generation.pages and generation.alive and generation.contexts >= self.options.recycle_contexts:
            self._counts["recycled_browsers"] += 1
            self._now = None
            await generation.driver.close()

    async def _opened(self, options: PageOptions) -> Page:
        return Page(self, await self.live_page(options))

    async def _made(self, generation: Generation, options: PageOptions) -> LivePage:
        context = await generation.driver.context(options.headers)
        generation.contexts += 1
        self._counts["contexts"] += 1
        live = LivePage(context, Rules(self.options, options), lambda fault: self._faulted(generation, live, fault))
        generation.pages.add(live)
        try:
            await live.prepare()
        except BaseException:
            generation.pages.discard(live)
            live.closed = True
            await context.close()
            raise
        return live

    async def _generation(self) -> Generation:
        async with self._launching:
            if self._now is not None and self._now.alive:
                return self._now
            if self._now is not None:
                self._counts["relaunches"] += 1
            self._now = await self._launched()
            return self._now

    async def _launched(self) -> Generation:
        frames = self.options.frames
        for attempt in range(_LAUNCHES + (not frames)):
            driver = _driver(msgspec.structs.replace(self.options, frames=frames))
            generation = Generation(driver)
            driver.died = lambda kind, reason, generation=generation: self._died(generation, kind, reason)
            try:
                await asyncio.wait_for(driver.start(), self.options.launch_deadline)
            except (GoneError, ProtocolError, TimeoutError, OSError) as error:
                await driver.close()
                if attempt >= _LAUNCHES - 1:
                    raise BrowserFault("browser_died", f"the browser does not start: {error}") from None
                continue
            self._counts["launches"] += 1
            if frames:
                return generation
            reason = await self._tested(generation)
            if not reason:
                self._counts["without_frames"] += 1
                return generation
            _log.warning("pages are painted, since without frames this browser %s", reason)
            frames = True
            await driver.close()
        raise AssertionError

    async def _tested(self, generation: Generation) -> str:
        """What does not work without frames; "" where all does. Nobody has promised that it does."""
        live = await asyncio.wait_for(self._made(generation, PageOptions()), self.options.open_deadline)
        try:
            return await asyncio.wait_for(self_test(live), self.options.deadline)
        except (BrowserFault, TimeoutError):
            return "does not answer"
        finally:
            generation.pages.discard(live)
            await live.close()

    def _aged(self, live: LivePage) -> bool:
        generation = self._now
        return generation is not None and len(generation.pages) == 1 and generation.contexts >= self.options.recycle_contexts

    def _died(self, generation: Generation, kind: str, reason: str) -> None:
        if not generation.alive:
            return
        generation.alive = False
        fault: FaultKind = "driver_died" if kind == "driver_died" else "browser_died"
        for live in list(generation.pages):
            live.die(fault, reason)
        generation.pages.clear()
        task = asyncio.get_running_loop().create_task(generation.driver.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _faulted(self, generation: Generation, live: LivePage, fault: BrowserFault) -> None:
        self._kinds[fault.kind] += 1
        generation.pages.discard(live)

    async def _closed(self) -> None:
        generation, self._now = self._now, None
        if generation is None:
            return
        for live in list(generation.pages):
            live.closed = True
        generation.alive = False
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(generation.driver.close(), _CLOSING_SECONDS)

    @staticmethod
    async def _all(work: Sequence[Coroutine[Any, Any, _Result]]) -> list[_Result | BaseException]:
        return await asyncio.gather(*work, return_exceptions=True)

    @staticmethod
    def _faults(results: Sequence[_Result | BaseException]) -> list[_Result | BrowserFault]:
        found: list[_Result | BrowserFault] = []
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, BrowserFault):
                raise result
            found.append(result)
        return found


def _driver(options: BrowserOptions) -> Driver:
    if options.driver == "pipe" and os.name == "posix":
        from prm_gym.browser.pipe_driver import PipeDriver

        return PipeDriver(options)
    from prm_gym.browser.playwright_driver import PlaywrightDriver

    return PlaywrightDriver(options)


_pools: dict[tuple[int, bytes], BrowserPool] = {}
_lock = threading.Lock()


def browser_pool(options: BrowserOptions | None = None) -> BrowserPool:
    """The pool of this process for these options. After a fork the child makes its own.

    Args:
        options: how the browser is made.
    """
    options = options or BrowserOptions()
    key = (os.getpid(), msgspec.json.encode(options, order="sorted"))
    with _lock:
        if key not in _pools:
            for other in [other for other in _pools if other[0] != key[0]]:
                del _pools[other]  # of the process that this one was forked from
            _pools[key] = BrowserPool(options)
        return _pools[key]


def _close_all() -> None:
    """Close what this process has opened; what is left ends with its pipes."""
    end = time.monotonic() + _CLOSING_SECONDS
    for (pid, _), pool in list(_pools.items()):
        if pid == os.getpid() and time.monotonic() < end:
            with contextlib.suppress(Exception):
                pool.close()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

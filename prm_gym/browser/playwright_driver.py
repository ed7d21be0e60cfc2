"""The browser through Playwright: a process of node between us and Chromium."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from prm_gym.browser.launch import browser_environment, command_flags, is_root, required_browser
from prm_gym.browser.loop import closed_in_children
from prm_gym.browser.options import BrowserOptions
from prm_gym.browser.session import Command, GoneError, Handler, Popup, ProtocolError, Reply
from prm_gym.errors import MissingExtraError

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, CDPSession, Page, Playwright

_MOMENT = 0.05  # seconds
_GONE = ("Target crashed", "Target closed", "has been closed", "Session closed", "Connection closed", "Target page, context or browser")


class PlaywrightSession:
    """A session of the DevTools protocol that Playwright passes on."""

    def __init__(self, session: "CDPSession") -> None:
        self._session = session

    def send(self, method: str, params: Mapping[str, Any] | None = None) -> "asyncio.Future[Reply]":
        """The browser's answer to a command, to come."""
        task = asyncio.ensure_future(self._sent(method, params))
        task.add_done_callback(_retrieved)
        return task

    def send_all(self, commands: Iterable[Command]) -> "list[asyncio.Future[Reply]]":
        """The answers to commands that are sent one after the other."""
        return [self.send(method, params) for method, params in commands]

    async def _sent(self, method: str, params: Mapping[str, Any] | None) -> Reply:
        try:
            return cast(Reply, await self._session.send(method, dict(params) if params else None))
        except Exception as error:
            message = str(error)
            raise (GoneError(message) if _is_gone(message) else ProtocolError(message)) from None

    def on(self, event: str, handler: Handler) -> None:
        """Call a function at each event of a name."""
        self._session.on(event, handler)


class PlaywrightTarget:
    """A page with its session."""

    def __init__(self, page: "Page", session: PlaywrightSession) -> None:
        self._page = page
        self.session = session

    async def run(self) -> None:
        """It does not wait."""

    async def close(self) -> None:
        """Close the tab."""
        with contextlib.suppress(Exception):
            await self._page.close()


class PlaywrightContext:
    """A context of Playwright's browser."""

    def __init__(self, context: "BrowserContext") -> None:
        self._context = context
        self._opening = False

    async def open(self) -> PlaywrightTarget:
        """A new page."""
        self._opening = True
        try:
            return await self._target(await self._context.new_page())
        except Exception as error:
            raise GoneError(str(error)) from None
        finally:
            self._opening = False

    async def set_headers(self, headers: Mapping[str, str]) -> None:
        """Send these headers with every request of its pages."""
        try:
            await self._context.set_extra_http_headers(dict(headers))
        except Exception as error:
            raise GoneError(str(error)) from None

    def on_popup(self, handler: Popup) -> None:
        """Call a coroutine function with each page that the pages themselves open."""

        async def opened(page: "Page") -> None:
            if self._opening:
                return
            with contextlib.suppress(Exception):
                await handler(await self._target(page))

        self._context.on("page", opened)

    async def close(self) -> None:
        """Close it with all of its pages."""
        with contextlib.suppress(Exception):
            await self._context.close()

    async def _target(self, page: "Page") -> PlaywrightTarget:
        page.on("dialog", _leave)  # answered through our own session; without a listener Playwright dismisses them
        return PlaywrightTarget(page, PlaywrightSession(await self._context.new_cdp_session(page)))


class PlaywrightDriver:
    """A browser that Playwright has launched.

    Args:
        options: how it is made.
    """

    def __init__(self, options: BrowserOptions) -> None:
        self._options = options
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None
        self._node: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._closing = False
        self.died: Callable[[str, str], None] = _ignored

    async def start(self) -> None:
        """Launch the browser.

        Raises:
            MissingExtraError: Playwright is not installed.
            NoBrowserError: there is no browser.
        """
        try:
            from playwright.async_api import async_playwright
        except ImportError:
            raise MissingExtraError("playwright", "web") from None
        path = await asyncio.to_thread(required_browser, self._options)
        flags = command_flags(self._options)
        manager = async_playwright()
        drawn = random.getstate()  # Playwright draws a name from the generator that belongs to the user
        self._playwright = await manager.start()
        random.setstate(drawn)
        try:
            self._node = _node(manager)
            self._watch = asyncio.create_task(self._watch_node())
            self._browser = await self._playwright.chromium.launch(
                executable_path=path,
                headless=not self._options.headed,
                args=flags,
                chromium_sandbox=not is_root(),
                env=dict(browser_environment()),
                handle_sigint=False,
                handle_sigterm=False,
                handle_sighup=False,
                timeout=self._options.launch_deadline * 1000,
            )
        except Exception as error:
            await self.close()
            raise GoneError(str(error).partition("\n")[0]) from None
        except BaseException:
            await self.close()
            raise
        self._browser.on("disconnected", self._on_disconnected)

    async def context(self, headers: Mapping[str, str]) -> PlaywrightContext:
        """A new context."""
        if self._browser is None:
            raise GoneError("the browser is not running")
        try:
            context = await self._browser.new_context(no_viewport=True, accept_downloads=False, extra_http_headers=dict(headers))
        except Exception as error:
            raise GoneError(str(error)) from None
        return PlaywrightContext(context)

    async def close(self) -> None:
        """End the browser and the process that drives it."""
        self._closing = True
        if self._watch is not None:
            self._watch.cancel()
        with contextlib.suppress(Exception):
            if self._browser is not None:
                await asyncio.wait_for(self._browser.close(), 3)
        with contextlib.suppress(Exception):
            if self._playwright is not None:
                await asyncio.wait_for(self._playwright.stop(), 3)

    def _on_disconnected(self, browser: "Browser") -> None:
        self._ending = asyncio.get_running_loop().create_task(self._disconnected())

    def _gone(self, kind: str, reason: str) -> None:
        if not self._closing:
            self._closing = True
            self.died(kind, reason)

    async def _disconnected(self) -> None:
        """Find out who died: the browser ends with its driver, and Playwright says the same of both."""
        await asyncio.sleep(_MOMENT)
        self._gone("browser_died", "the browser has gone")

    async def _watch_node(self) -> None:
        """Notice the death of node."""
        if self._node is None:
            return
        if self._node.stdin is not None:
            closed_in_children(self._node.stdin.get_extra_info("pipe").fileno())
        await self._node.wait()
        self._gone("driver_died", "Playwright's process has gone")


def _node(manager: object) -> asyncio.subprocess.Process | None:
    """Playwright's process of node, which it does not show; None where this version keeps it elsewhere."""
    for path in (("_client", "_transport", "_proc"), ("_connection", "_transport", "_proc")):
        found = manager
        for name in path:
            found = getattr(found, name, None)
        if isinstance(found, asyncio.subprocess.Process):
            return found
    return None


def _ignored(kind: str, reason: str) -> None:
    """A death that nobody waits to be told of."""


async def _leave(dialog: object) -> None:
    """Do nothing with a dialog."""


def _retrieved(task: "asyncio.Task[Reply]") -> None:
    """Whoever waits still gets the exception, and nobody is told of one that nobody awaits."""
    if not task.cancelled():
        task.exception()


def _is_gone(message: str) -> bool:
    return any(sign in message for sign in _GONE)

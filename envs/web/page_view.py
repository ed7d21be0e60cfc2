"""The page that an agent is writing, open in a browser: shown, tried, and opened again where the browser has lost it."""

from collections.abc import Sequence
from typing import Any

import msgspec

from prm_gym.browser import BrowserFault, Page, browser_pool
from prm_gym.errors import EnvironmentFault
from prm_gym.pages import ADDRESS, page_server
from prm_gym.pages.running import restless
from prm_gym.pages.serving import browser_options, page_options
from prm_gym.web.actions import Answer, Click, NoAction, Scroll, Select, Type, quoted, read_action
from prm_gym.web.observation import Item, Sight, next_window, rendered

_LOST = Sight(ADDRESS, "", ())
_OWN_FAULTS = ("page_crashed", "page_hung", "unreachable")


class Tried(msgspec.Struct, frozen=True):
    """What came of an act.

    Attributes:
        error: why it could not be done; empty where it could.
        done: it was done, and must be done again when the page is opened anew.
        start: place of the first item that is shown then.
    """

    error: str
    done: bool
    start: int


class PageView:
    """A page with the acts that were done on it. It opens nothing before it is asked to show something, and is pickled without its browser.

    Args:
        frames: pages are painted, so that there are screenshots.
    """

    def __init__(self, *, frames: bool) -> None:
        self.frames = frames
        self._page: Page | None = None
        self._token = ""
        self._shown: tuple[str, tuple[str, ...]] | None = None
        self._sight = _LOST
        self._trouble = ""

    def __getstate__(self) -> dict[str, Any]:
        """Without the browser."""
        return {"frames": self.frames}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """As it was made."""
        self.__init__(frames=state["frames"])

    def show(self, html: str, acts: Sequence[str]) -> None:
        """Bring a page, and what was done on it, before the browser.

        Raises:
            EnvironmentFault: the browser failed.
        """
        if self._shown == (html, tuple(acts)) and (self._trouble or (self._page is not None and self._page.alive)):
            return
        self._open(html)
        for text in acts:
            self._do(text)
        self._shown = html, tuple(acts)

    def act(self, html: str, acts: Sequence[str], text: str, start: int) -> Tried:
        """Do something on a page.

        Raises:
            EnvironmentFault: the browser failed.
        """
        self.show(html, acts)
        action = read_action(text)
        if isinstance(action, NoAction):
            return Tried(action.reason, done=False, start=start)
        if isinstance(action, Answer):
            return Tried("nothing is asked here: finish() hands the page in", done=False, start=start)
        if isinstance(action, Click | Type | Select) and action.of and (item := self._sight.find(action.ref)) is not None:
            found = f"{item.role} {quoted(item.name)}"
            if found != action.of:
                return Tried(f"[{action.ref}] is {found}, not {action.of}", done=False, start=start)
        if self._trouble:
            return Tried(self._trouble, done=False, start=start)
        before = self._sight
        error = self._do(text)
        self._shown = html, (*acts, text)
        same = self._sight.page == before.page
        start = next_window(self._sight, start, action.direction == "down") if isinstance(action, Scroll) else start * same
        return Tried(error, done=True, start=start)

    def text(self, start: int) -> str:
        """What is seen of the page."""
        text = rendered(self._sight, start)
        return f"! {self._trouble}\n{text}" if self._trouble else text

    def screenshot(self) -> bytes | None:
        """The window as a PNG; None where the page cannot be painted."""
        if self._page is None or not self._page.alive or self._trouble:
            return None
        try:
            return self._page.screenshot()
        except BrowserFault as fault:
            self._failed(fault)
            return None

    def close(self) -> None:
        """Close the page; once is enough."""
        page, self._page, self._shown = self._page, None, None
        if self._token:
            page_server().dismiss(self._token)
            self._token = ""
        if page is not None and page.alive:
            page.close()

    def _open(self, html: str) -> None:
        self.close()
        server = page_server()
        self._token, self._trouble, self._sight = server.admit(html), "", _LOST
        try:
            self._page = browser_pool(browser_options(server.port, frames=self.frames)).open(page_options(self._token))
            self._saw(self._page.open(ADDRESS))
        except BrowserFault as fault:
            self._failed(fault)

    def _do(self, text: str) -> str:
        """Do something, where the page can still be used; why it could not be done, else empty."""
        action = read_action(text)
        if self._page is None or self._trouble or isinstance(action, NoAction | Answer):
            return ""
        try:
            acted = self._page.act(action)
        except BrowserFault as fault:
            return self._failed(fault)
        self._saw(acted.sight)
        return acted.error

    def _saw(self, sight: Sight) -> None:
        # An element that is disabled loses the focus a frame later, so that whether it is seen would be chance.
        items = [_unfocused(item) for item in sight.items]
        self._sight, self._trouble = msgspec.structs.replace(sight, items=tuple(items)), restless(sight)

    def _failed(self, fault: BrowserFault) -> str:
        """What the page itself did is told to the agent; what the browser did spoils the episode."""
        own = fault.kind in _OWN_FAULTS and (fault.kind != "unreachable" or page_server().was_asked(self._token))
        self._sight = _LOST
        if not own:
            self.close()
            raise EnvironmentFault(str(fault)) from fault
        self._trouble = "the page leaves its own address" if fault.kind == "unreachable" else "the page did not survive"
        return self._trouble


def _unfocused(item: Item) -> Item:
    if "disabled" not in item.states or "focused" not in item.states:
        return item
    return msgspec.structs.replace(item, states=tuple(state for state in item.states if state != "focused"))

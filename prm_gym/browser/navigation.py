"""Which document a tab shows, and what is on its way: followed by the events of its page."""

import asyncio
import time
from collections.abc import Callable

from prm_gym.browser.session import Reply, Session

AWAITED = frozenset(("Document", "Stylesheet", "Script", "XHR", "Fetch", "Image", "Font"))  # what a page may need to be itself
PATIENCE = 1.5  # seconds for one request: what holds a connection open for news is never done


class Navigation:
    """The documents of a tab, one after the other.

    Args:
        session: of the tab.

    Attributes:
        frame: id of the page's own frame.
        documents: how many it has shown.
        failed: the address of the document that is shown, where it could not be opened.
        vain: whether no document came of what was asked for last.
        on_download: called when a link asks for a download.
        on_document: called when another document is shown.
    """

    def __init__(self, session: Session) -> None:
        """Listen."""
        self.frame = ""
        self.documents = 0
        self._wanted = self._begun = False  # the document that is shown has asked for another one; one has been on its way
        self.failed = ""
        self._requests: dict[str, float] = {}
        self.on_document: Callable[[], None] = lambda: None
        self.on_download: Callable[[], None] = lambda: None
        self._planned = self._started = False  # another document is asked for; is on its way
        self._loading = False  # the document that is shown
        self.vain = False
        self._moved = asyncio.Event()
        handlers: dict[str, Callable[[Reply], None]] = {
            "Page.frameRequestedNavigation": self._on_planned,
            "Page.frameScheduledNavigation": self._on_planned,
            "Page.frameClearedScheduledNavigation": self._on_cleared,
            "Page.frameStartedNavigating": self._on_started,
            "Page.frameStoppedLoading": self._on_stopped,
            "Page.frameNavigated": self._on_navigated,
            "Page.navigatedWithinDocument": self._on_within,
            "Network.requestWillBeSent": self._on_sent,
            "Network.loadingFinished": self._on_answered,
            "Network.loadingFailed": self._on_answered,
        }
        for event, handler in handlers.items():
            session.on(event, handler)

    @property
    def leaving(self) -> bool:
        """Whether another document is coming."""
        return self._planned or self._started

    @property
    def asked(self) -> bool:
        """Whether the document that is shown has asked for another one, whatever came of it."""
        return self._wanted or self._begun

    @property
    def requesting(self) -> bool:
        """Whether requests are under way, where the network is followed; what takes long is no longer waited for."""
        oldest = time.monotonic() - PATIENCE
        return any(sent > oldest for sent in self._requests.values())

    def leave(self) -> None:
        """Another document has been asked for by us."""
        self._started = True
        self._moved.clear()

    def stay(self) -> None:
        """No other document is coming, or it has come."""
        self._planned = self._started = False
        self._moved.set()

    async def moved(self, seconds: float | None = None) -> None:
        """Wait until another document has come, or will not; or for some seconds."""
        try:
            await asyncio.wait_for(self._moved.wait(), seconds)
        except TimeoutError:
            return
        self._moved.clear()

    async def arrived(self, before: int) -> None:
        """Wait for a document after the one of a number."""
        while self.documents == before:
            await self.moved()

    def _is_ours(self, event: Reply) -> bool:
        return event.get("frameId") == self.frame

    def _on_planned(self, event: Reply) -> None:
        if self._is_ours(event) and event.get("disposition") == "download":
            self.on_download()
        here = self._is_ours(event) and event.get("disposition", "currentTab") == "currentTab"
        if here and float(event.get("delay", 0)) <= 1:  # what is to happen later does not hold up
            self._planned = self._wanted = True
            self._moved.clear()

    def _on_started(self, event: Reply) -> None:
        if self._is_ours(event) and event.get("navigationType") not in ("sameDocument", "historySameDocument"):
            self._begun = True
            self.leave()

    def _on_cleared(self, event: Reply) -> None:
        if self._is_ours(event) and self._planned:
            self._planned = False
            if not self._started:
                self._moved.set()

    def _on_stopped(self, event: Reply) -> None:
        if not self._is_ours(event):
            return
        if self._loading:  # the document that is shown is loaded; nothing is said of the next one
            self._loading = False
        elif self.leaving:
            self.vain = True
            self.stay()

    def _on_within(self, event: Reply) -> None:
        if self._is_ours(event):
            self._wanted = False
            self.stay()

    def _on_navigated(self, event: Reply) -> None:
        frame = event["frame"]
        if "parentId" in frame:
            return
        self.frame = frame["id"]
        self.documents += 1
        self._loading, self._wanted, self._begun = True, False, False
        self.failed = frame.get("unreachableUrl", "")
        self._requests.clear()
        self.on_document()
        self.stay()

    def _on_sent(self, event: Reply) -> None:
        if event.get("type") in AWAITED:
            self._requests[event["requestId"]] = time.monotonic()

    def _on_answered(self, event: Reply) -> None:
        self._requests.pop(event["requestId"], None)

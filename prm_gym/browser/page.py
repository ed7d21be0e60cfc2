"""A page, as it is used: every method waits for its answer, from any thread, also inside a running event loop."""

import base64
import json
from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

from prm_gym.browser.live import LivePage
from prm_gym.errors import OptionError
from prm_gym.web.actions import Action
from prm_gym.web.observation import Acted, Sight

if TYPE_CHECKING:
    from prm_gym.browser.pool import BrowserPool

_GRACE = 20.0
SCRIPT_SECONDS = 5.0


class Page:
    """A page in a context of its own. `BrowserPool.open` makes it.

    Any method raises a `BrowserFault` when the infrastructure fails; the page is dead then, and `alive` is False.
    """

    def __init__(self, pool: "BrowserPool", live: LivePage) -> None:
        self.pool, self.live = pool, live

    @property
    def alive(self) -> bool:
        """Whether it can be used: it is not closed, and nothing has killed it."""
        return not self.live.closed and self.live.fault is None

    def open(self, url: str, html: str = "") -> Sight:
        """Open an address as a new visitor: other tabs are closed, what was stored is forgotten, and there is no page to go back to.

        Args:
            url: the address.
            html: what it answers, where that is known and the pages of its site store nothing: where it can be, it is put into the document that is shown.

        Raises:
            OptionError: the address is not one that this page may open.
        """
        return self.pool.call(self.opening(url, html), self.pool.options.open_deadline * 2 + _GRACE)

    def act(self, action: Action) -> Acted:
        """What came of an action. That it cannot be done is an error in the result, and no exception."""
        return self.pool.call(self.live.act(action), self.pool.options.deadline + _GRACE)

    def see(self) -> Sight:
        """What is to be seen."""
        return self.pool.call(self.live.see(), self.pool.options.deadline + _GRACE)

    def evaluate(self, script: str, timeout: float = SCRIPT_SECONDS) -> Any:
        """The value of a script (JSON), in the world of the observer: it sees the page's nodes, and nothing that its scripts define.

        Raises:
            PageScriptError: it throws, or does not end in time.
        """
        return self._evaluate(script, timeout, page_world=False)

    def evaluate_in_page(self, script: str, timeout: float = SCRIPT_SECONDS) -> Any:
        """The value of a script (JSON), in the page's own world: it sees what the page's scripts define, and the page can forge what it finds.

        Raises:
            PageScriptError: it throws, or does not end in time.
        """
        return self._evaluate(script, timeout, page_world=True)

    def screenshot(self) -> bytes:
        """The window as a PNG."""
        if not self.pool.options.frames:
            raise OptionError("a browser without frames paints nothing: make it with BrowserOptions(frames=True)")
        return base64.b64decode(self._command("Page.captureScreenshot", {"format": "png"})["data"])

    def accessibility(self) -> str:
        """The accessibility tree, as the JSON of the nodes that the browser does not ignore: role, name, value, properties, children."""
        kept = ("nodeId", "role", "name", "value", "properties", "childIds")
        nodes = self._command("Accessibility.getFullAXTree", {})["nodes"]
        return json.dumps([{key: node[key] for key in kept if key in node} for node in nodes if not node.get("ignored")], ensure_ascii=False)

    def set_headers(self, headers: Mapping[str, str]) -> None:
        """Send other headers with every request from now on, in the place of those it was opened with."""
        self.pool.call(self.live.set_headers(headers), self.pool.options.deadline + _GRACE)

    def close(self) -> None:
        """Close it; once is enough."""
        if not self.live.closed:
            self.live.closed = True
            self.pool.call(self.pool.discard(self.live), self.pool.options.deadline + _GRACE)

    async def opening(self, url: str, html: str = "") -> Sight:
        """Open an address, on the browsers' thread; the context is replaced first where it has been used enough."""
        if self.alive:
            self.live = await self.pool.renewed(self.live)
            sight = await self.live.show(url, html) if html else None
            if sight is not None:
                return sight
            if html and self.alive:
                self.live = await self.pool.renewed(self.live)
        return await self.live.open(url)

    def __enter__(self) -> "Page":
        """The page itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        self.close()

    def _evaluate(self, script: str, timeout: float, *, page_world: bool) -> Any:
        return self.pool.call(self.live.evaluate(script, timeout, page_world), timeout + self.pool.options.deadline + _GRACE)

    def _command(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.pool.call(self.live.command(method, params), self.pool.options.open_deadline + _GRACE)

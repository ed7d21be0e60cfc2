"""Pages of a real browser for environments, on any site and on ours."""

import contextlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from prm_gym.browser import BrowserFault, BrowserOptions, BrowserPool, Page, PageOptions, browser_pool
from prm_gym.errors import EnvironmentFault, OptionError, UnknownNameError
from prm_gym.web.actions import Action
from prm_gym.web.observation import Acted, Sight
from prm_gym.web.server import HEADER, site_server
from prm_gym.web.site import Site, Visit
from prm_gym.web.text_browser import Browser

MOST_TRIES = 3
_OURS = frozenset(("hosts", "headers", "file_root", "clickables", "settle", "keep"))  # what these sites settle


class PageBrowser(Browser):
    """A page in a Chromium. It is opened when it is needed, and kept from one episode to the next."""

    def __init__(self, options: BrowserOptions, page_options: PageOptions) -> None:
        """Prepare one.

        Args:
            options: of the browser.
            page_options: of the page.
        """
        self.options, self.page_options = options, page_options
        self._page: Page | None = None

    @property
    def pool(self) -> BrowserPool:
        """The browser that the page is in."""
        return browser_pool(self.options)

    @property
    def alive(self) -> bool:
        """Whether it can still be used; a page that died, or that another process opened, cannot."""
        return self._page is None or (self._page.alive and self._page.pool is self.pool)

    @property
    def page(self) -> Page:
        """The page."""
        if self._page is None:
            self._page = self.pool.open(self.page_options)
        return self._page

    def open(self, url: str) -> Sight:
        """Open an address in a new beginning. A page that died since it was used last is replaced; no episode has begun yet that it could spoil.

        Raises:
            EnvironmentFault: no page can be had.
        """
        for _ in range(MOST_TRIES - 1):
            with contextlib.suppress(BrowserFault):
                return self.page.open(url, self.known(url))
            self._page = None
        return self.page.open(url)

    def known(self, url: str) -> str:
        """The page of an address, where it can be known without the browser; else ""."""
        _ = url
        return ""

    def act(self, action: Action) -> Acted:
        """Do something."""
        return self.page.act(action)

    def see(self) -> Sight:
        """What is to be seen now."""
        return self.page.see()

    def screenshot(self) -> bytes:
        """The window as a PNG; needs `frames=True`."""
        return self.page.screenshot()

    def close(self) -> None:
        """Close the page."""
        if self._page is not None and self._page.alive and self._page.pool is self.pool:
            self._page.close()
        self._page = None


class RealBrowser(PageBrowser):
    """A page in a Chromium, with the server of our sites behind it."""

    def __init__(self, sites: Sequence[Site], options: Mapping[str, Any]) -> None:
        """Prepare one; the page is opened when it is needed.

        Args:
            sites: all that there is of the web.
            options: of `BrowserOptions` and `PageOptions`; without `frames` nothing is painted, which is faster.

        Raises:
            OptionError: an option that there is not, or that is not for the user of these sites.
            MissingExtraError: a package of the extra "web" is missing.
        """
        self._server = site_server()
        self._sites = {site.host: site for site in sites}
        self._token = ""
        address = f"127.0.0.1:{self._server.port}"
        super().__init__(*world_options(options, {site.host: address for site in sites}))

    @property
    def alive(self) -> bool:
        """Whether it can still be used; a page that died, or that another process opened, cannot."""
        return self._server is site_server() and super().alive

    @property
    def page(self) -> Page:
        """The page."""
        if self._page is None:
            self._page = self.pool.open(msgspec.structs.replace(self.page_options, headers={HEADER: self._token}))
        return self._page

    def visit_with(self, visit: Visit) -> None:
        """Turn to another visit: what the page asks for is answered from it."""
        visit.sites = self._sites  # two worlds of one process may have the same host: a cell of a notebook that was run again
        self._token = self._server.admit(visit, self._token)

    def open(self, url: str) -> Sight:
        """Open an address in a new beginning: in the document that is shown where that can be, and else in another one."""
        try:
            return super().open(url)
        finally:
            self._server.withdraw(self._token)

    def known(self, url: str) -> str:
        """The page of an address, as the server answers it."""
        return self._server.ahead(url, self._token)


def browser_options(given: Mapping[str, Any], settled: Collection[str], hosts: Mapping[str, str], **page: Any) -> tuple[BrowserOptions, PageOptions]:
    """Options of a browser and of its pages, from those that a user gives in one mapping.

    Args:
        given: options of `BrowserOptions` and `PageOptions`; `settle` is that of `BrowserOptions`, in seconds.
        settled: those that are not for the user.
        hosts: that exist, with their addresses.
        **page: options of the page that are settled.

    Raises:
        OptionError: an option that there is not, or that is not for the user, or a value that it cannot have.
    """
    browser = set(BrowserOptions.__struct_fields__)
    known = browser.union(PageOptions.__struct_fields__).difference(settled)
    for name in given:
        if name not in known:
            raise OptionError(str(UnknownNameError("option of the browser", name, known)))
    of_browser = {name: value for name, value in given.items() if name in browser}
    of_page = {name: value for name, value in given.items() if name not in browser}
    try:
        return msgspec.convert({**of_browser, "hosts": dict(hosts)}, BrowserOptions), msgspec.convert({**of_page, **page}, PageOptions)
    except msgspec.ValidationError as error:
        raise OptionError(f"options of the browser: {error}") from error


def world_options(given: Mapping[str, Any], hosts: Mapping[str, str]) -> tuple[BrowserOptions, PageOptions]:
    """The same for sites of ours, which settle some of them themselves.

    Raises:
        OptionError: an option that there is not, or that is not for the user, or a value that it cannot have.
    """
    return browser_options({"frames": False, **given}, _OURS, hosts)


def act_together(browsers: Sequence[Browser], actions: Sequence[Action]) -> list[Acted | EnvironmentFault]:
    """What came of an action in each of several browsers, all at once; a fault of one stands in its place."""
    results: list[Acted | EnvironmentFault] = [EnvironmentFault("the page was not reached")] * len(browsers)
    places: dict[int, list[int]] = {}
    for place, browser in enumerate(browsers):
        if isinstance(browser, PageBrowser):
            places.setdefault(id(browser.pool), []).append(place)
    for together in places.values():
        reached = [browser for place in together if isinstance(browser := browsers[place], PageBrowser)]
        acted = reached[0].pool.act_all([browser.page for browser in reached], [actions[place] for place in together])
        for place, result in zip(together, acted, strict=True):
            results[place] = result
    return results

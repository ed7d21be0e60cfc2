"""Which addresses a page may open."""

import os
from urllib.parse import unquote, urlsplit

from prm_gym.browser.options import BrowserOptions, PageOptions

LONGEST_ADDRESS = 8_000
_BARE = ("about:blank", "about:srcdoc")


class Rules:
    """What pages of these options may open.

    Args:
        browser: options of the browser, with the hosts that exist.
        page: options of the page, with those that its documents may come from.
    """

    def __init__(self, browser: BrowserOptions, page: PageOptions) -> None:
        self.browser, self.page = browser, page
        self._hosts = page.hosts or tuple(browser.hosts)
        self._root = os.path.realpath(browser.file_root) + os.sep if browser.file_root else ""

    def may_go(self, url: str) -> bool:
        """Whether an agent may open an address: http or https, and a host of the task."""
        if len(url) > LONGEST_ADDRESS or "\\" in url or any(sign <= " " or sign == "\x7f" for sign in url):
            return False  # browsers read these otherwise than others do
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            return False
        return parts.scheme in ("http", "https") and self.is_host(host)

    def may_open(self, url: str) -> bool:
        """Whether the owner of a page may open an address: also a file under the folder that was named, and the empty page."""
        return self.may_go(url) or url == "about:blank" or self._is_file(url)

    def may_show(self, url: str, *, frame: bool) -> bool:
        """Whether a document may be fetched that a page asks for, as the browser writes its address."""
        if url.startswith(_BARE) or (frame and url.startswith(("data:", "blob:"))):
            return True
        return self.may_go(url) or url.startswith("blob:http") or self._is_file(url)

    def is_host(self, host: str) -> bool:
        """Whether a host is one of the task's."""
        return any(host == allowed or (allowed.startswith("*.") and host.endswith(allowed[1:])) for allowed in self._hosts)

    def _is_file(self, url: str) -> bool:
        if not self._root:
            return False
        parts = urlsplit(url)
        return parts.scheme == "file" and not parts.netloc and os.path.realpath(unquote(parts.path)).startswith(self._root)

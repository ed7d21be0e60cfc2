"""A real browser for environments: pages observed and acted on from outside the page's reach, a closed network, faults told apart from failures.

from prm_gym.browser import BrowserOptions, PageOptions, browser_pool

pool = browser_pool(BrowserOptions(hosts={"shop.test": "127.0.0.1:8000"}))
page = pool.open(PageOptions(hosts=("shop.test",)))
sight = page.open("http://shop.test/")
acted = page.act(Click(3))
"""

from prm_gym.browser.faults import BrowserFault, FaultKind, NoBrowserError, PageScriptError
from prm_gym.browser.launch import Found, find_browser
from prm_gym.browser.options import BrowserOptions, PageOptions
from prm_gym.browser.page import Page
from prm_gym.browser.pool import BrowserPool, browser_pool

__all__ = [
    "BrowserFault",
    "BrowserOptions",
    "BrowserPool",
    "FaultKind",
    "Found",
    "NoBrowserError",
    "Page",
    "PageOptions",
    "PageScriptError",
    "browser_pool",
    "find_browser",
]

"""Settings of browsers and pages."""

from typing import Literal, TypeAlias

import msgspec

DriverName: TypeAlias = Literal["playwright", "pipe"]


class BrowserOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a browser is made. Pools of equal options are one pool.

    Attributes:
        hosts: the hosts that exist, with the address that they lead to ("127.0.0.1:43125"), or "" where the name is looked up and let through. No other host
            can be reached, whatever a page tries.
        file_root: the folder under which `open` may open file:// addresses; none where it is empty.
        executable: path of the browser; found where it is empty (`find_browser`).
        headed: with a window, for people.
        frames: whether pages are painted. Without, all but screenshots works, at about half the cost.
        width: of the window, in pixels.
        height: of the window, in pixels.
        heap_mb: bound of the heap of a page's scripts.
        driver: "pipe": our own client, without a process between us and the browser; or "playwright", which is taken in its place where there are no POSIX
            pipes (Windows). The package playwright is needed for the second alone, and for its command that downloads a Chromium where the system has none.
        deadline: seconds that an action may take in all; then the page's script is stopped, or the page given up.
        open_deadline: seconds that opening a page may take.
        launch_deadline: seconds that launching may take.
        settle: seconds that a page has to become quiet; what is seen after them is marked.
        recycle_openings: addresses opened in a context before another one takes its place.
        recycle_heap_mb: heap of a page, at the end of an episode, above which its context is replaced.
        recycle_contexts: contexts made in a browser before another one takes its place.
    """

    hosts: dict[str, str] = {}
    file_root: str = ""
    executable: str = ""
    headed: bool = False
    frames: bool = True
    width: int = 1280
    height: int = 720
    heap_mb: int = 512
    driver: DriverName = "pipe"
    deadline: float = 10.0
    open_deadline: float = 30.0
    launch_deadline: float = 60.0
    settle: float = 5.0
    recycle_openings: int = 50
    recycle_heap_mb: int = 96
    recycle_contexts: int = 1000


class PageOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a page is opened.

    Attributes:
        headers: sent with every request of the page.
        hosts: hosts that documents may come from; those of the browser's options where it is empty.
        clickables: also number what can be clicked without being a control, look into frames and drawings; for sites that are not ours.
        input: "trusted": clicks are the browser's own and reach what is under the pointer; "script": events made in the page, which nothing covers.
        settle: "marked": a page says itself when it is busy (data-busy), or is it until it is loaded; "network": until no request is under way.
        keep: leave cookies and storage where a page is opened anew.
    """

    headers: dict[str, str] = {}
    hosts: tuple[str, ...] = ()
    clickables: bool = False
    input: Literal["trusted", "script"] = "trusted"
    settle: Literal["marked", "network"] = "marked"
    keep: bool = False

"""A page of MiniWoB in a real browser: seeded, on a clock of its own, and used again for the next episode."""

import asyncio
import contextlib
import functools
import importlib.util
import os
import re
import threading
from collections.abc import Coroutine, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import msgspec

from prm_gym.browser import BrowserFault, BrowserOptions, BrowserPool, Page, PageOptions, browser_pool
from prm_gym.browser.live import LivePage
from prm_gym.errors import EnvironmentFault, MissingExtraError, OptionError, UnknownNameError
from prm_gym.web import Acted, Action, Item, Sight
from prm_gym.web.actions import Drag, Hover, Noop

STEP_MS = 1000  # that the page's clock moves on with an action
MOST_KEPT = 24
_OURS = frozenset(("hosts", "headers", "file_root", "clickables", "settle", "keep"))
_NUMBER = re.compile(r"\[(\d+)\]")
_Result = TypeVar("_Result")

# Their scripts keep something from one episode to the next, or have timers under way when an episode ends: their page is opened anew for each.
REOPENED = frozenset(
    (
        "book-flight",
        "book-flight-nodelay",
        "chase-circle",
        "choose-date-easy",
        "click-pie",
        "click-pie-nodelay",
        "drag-items",
        "drag-items-grid",
        "drag-sort-numbers",
        "focus-text-2",
        "hover-shape",
        "moving-items",
        "scroll-text-2",
        "search-engine",
        "simon-says",
        "social-media",
        "social-media-all",
        "social-media-some",
        "stock-market",
        "terminal",
        "use-autocomplete",
        "use-autocomplete-nodelay",
    )
)


# Their solution drags or hovers, which a browser does only where it paints.
MOVING = frozenset(("chase-circle", "click-menu", "highlight-text", "highlight-text-2", "hover-shape", "resize-textarea"))
NOT_PAINTED = "this action is not possible here: the pages are not painted (frames)"


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What a page tells of its episode, in its own name.

    Attributes:
        here: it is still the page of the task.
        done: the episode has ended.
        raw: the reward without a share for haste, in [-1, 1].
    """

    here: bool
    done: bool
    raw: float


class Stepped(msgspec.Struct, frozen=True):
    """What came of an action, and what the page tells then."""

    acted: Acted
    told: Told


def miniwob_folder() -> Path:
    """Where the package `miniwob` keeps its pages.

    Raises:
        MissingExtraError: it is not installed.
    """
    found = importlib.util.find_spec("miniwob")
    for folder in (found.submodule_search_locations or ()) if found is not None else ():
        if (Path(folder) / "html" / "miniwob").is_dir():
            return Path(folder) / "html"
    raise MissingExtraError("miniwob", "miniwob")


@functools.cache
def task_names() -> tuple[str, ...]:
    """All tasks that the package has."""
    return tuple(sorted(path.stem for path in (miniwob_folder() / "miniwob").glob("*.html")))


def read_options(options: Mapping[str, Any], tasks: Sequence[str]) -> tuple[BrowserOptions, PageOptions]:
    """Options of the browser and of its pages.

    Args:
        options: as they are given; without `frames`, pages are painted where one of the tasks needs it.
        tasks: that may be drawn.

    Raises:
        OptionError: an option that there is not, or one that MiniWoB settles.
    """
    browser, page = set(BrowserOptions.__struct_fields__) - _OURS, set(PageOptions.__struct_fields__) - _OURS
    for name in options:
        if name not in browser | page:
            raise OptionError(str(UnknownNameError("option of the browser", name, browser | page)))
    moving = any(task in MOVING or task.startswith(("drag-", "draw-")) for task in tasks)
    given = {"frames": moving, "width": 640, "height": 480, **{name: value for name, value in options.items() if name in browser}}
    try:
        pages = msgspec.convert({"clickables": True, **{name: value for name, value in options.items() if name in page}}, PageOptions)
        return msgspec.convert({**given, "file_root": str(miniwob_folder())}, BrowserOptions), pages
    except msgspec.ValidationError as error:
        raise OptionError(f"options of the browser: {error}") from error


class MiniWobPage:
    """A page, with the numbers that the elements of its episode have. `lend` gives one.

    Attributes:
        task: that it has open; empty where it must be opened anew.

    Args:
        options: of the browser.
        page_options: of the page.
    """

    def __init__(self, options: BrowserOptions, page_options: PageOptions) -> None:
        self.pool: BrowserPool = browser_pool(options)
        self._page: Page = self.pool.open(page_options)
        self._prepared: LivePage | None = None  # the live page that has our script
        self.task = ""
        self._said = ""
        self._numbers: dict[tuple[int, int], int] = {}
        self._elements: dict[int, tuple[int, int]] = {}

    @property
    def alive(self) -> bool:
        """Whether it can still be used, in this process."""
        return self._page.alive and self.pool is browser_pool(self.pool.options)

    def begin(self, task: str, seed: int) -> tuple[str, Sight]:
        """Begin the episode of a seed. Gives what is asked, and what is seen.

        Raises:
            EnvironmentFault: the browser failed, or the page.
        """
        return self.pool.call(self._begun(task, seed), self.pool.options.open_deadline * 3)

    def step(self, action: Action) -> Stepped:
        """Do something; the page's clock moves on.

        Raises:
            EnvironmentFault: the browser failed, or the page.
        """
        result = step_together([self], [action])[0]
        if isinstance(result, EnvironmentFault):
            raise result
        return result

    def close(self) -> None:
        """Close it."""
        if self._page.alive:
            with contextlib.suppress(BrowserFault):
                self._page.close()

    async def stepped(self, action: Action) -> Stepped:
        """Do something, on the browsers' thread."""
        refs = {name: getattr(action, name) for name in ("ref", "to") if getattr(action, name, 0)}
        unknown = next((ref for ref in refs.values() if ref not in self._elements), 0)
        live = self._page.live
        error = f"there is no element [{unknown}]" if unknown else ""
        if isinstance(action, Drag | Hover) and not self.pool.options.frames:
            error = error or NOT_PAINTED
        possible = Noop() if error else msgspec.structs.replace(action, **{name: self._elements[ref][1] for name, ref in refs.items()})
        acted, told = await live.ask(f'["told", {STEP_MS}]', possible)
        back = {self._elements[ref][1]: ref for ref in refs.values()} if not error else {}
        error = error or _NUMBER.sub(lambda found: f"[{back.get(int(found[1]), int(found[1]))}]", acted.error, count=1)
        return Stepped(Acted(self._seen(acted.sight), error), self._told(told))

    async def _begun(self, task: str, seed: int) -> tuple[str, Sight]:
        page = self._page
        if task != self.task or task in REOPENED:
            self.task = ""
            page.live = live = await self.pool.renewed(page.live)
            if live is not self._prepared:
                await live.command("Page.addScriptToEvaluateOnNewDocument", {"source": _script()})
                self._prepared = live
            await live.open((Path(self.pool.options.file_root) / "miniwob" / f"{task}.html").as_uri())
        acted, answer = await page.live.ask(f'["begin", {seed}]')  # the pointer is away from the place of the last action
        said, error = msgspec.json.decode(answer, type=tuple[str, str]) if answer is not None else ("", "its script does not answer")
        if error:
            self.task = ""
            raise EnvironmentFault(f"{task} does not begin: {error}")
        self.task, self._said = task, said
        self._numbers.clear()
        self._elements.clear()
        return said, self._seen(acted.sight)

    def _told(self, answer: str | None) -> Told:
        """What the page tells.

        Raises:
            EnvironmentFault: it tells nothing.
        """
        try:
            told = msgspec.json.decode(answer or "", type=Told)
        except msgspec.DecodeError as error:
            task, self.task = self.task, ""
            raise EnvironmentFault(f"{task} tells nothing") from error
        if not told.here:
            self.task = ""
        return told

    def _seen(self, sight: Sight) -> Sight:
        """What is seen, without what the machine and earlier episodes put into it: the address of the file, and how elements were numbered."""
        items = [self._numbered(item, sight.page) if item.ref else item for item in sight.items]
        if items and items[0].role == "text" and items[0].name == self._said:
            del items[0]
        name = sight.url.partition("/html/miniwob/")[2] or "elsewhere"
        return msgspec.structs.replace(sight, url=f"miniwob/{name}", items=tuple(items), page=0)

    def _numbered(self, item: Item, page: int) -> Item:
        key = page, item.ref
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self._numbers) + 1
            self._elements[number] = key
        return Item(number, item.role, item.name, item.value, item.states, item.options)


def step_together(pages: Sequence[MiniWobPage], actions: Sequence[Action]) -> list[Stepped | EnvironmentFault]:
    """What came of an action on each page, all at once; a fault of one stands in its place."""
    results: list[Stepped | EnvironmentFault] = [EnvironmentFault("the page was not reached")] * len(pages)
    places: dict[int, list[int]] = {}
    for place, page in enumerate(pages):
        places.setdefault(id(page.pool), []).append(place)
    for together in places.values():
        pool = pages[together[0]].pool
        work = [pages[place].stepped(actions[place]) for place in together]
        for place, result in zip(together, pool.call(_gathered(work), pool.options.deadline * 4), strict=True):
            if isinstance(result, BaseException) and not isinstance(result, EnvironmentFault):
                raise result
            results[place] = result
    return results


async def _gathered(work: Sequence[Coroutine[Any, Any, _Result]]) -> list[_Result | BaseException]:
    return await asyncio.gather(*work, return_exceptions=True)


@functools.cache
def _script() -> str:
    return files("prm_gym.envs.web").joinpath("miniwob_page.js").read_text("utf-8")


class Lease:
    """The right to a page of some options at a time. When it ends, or is forgotten, the page is there for the next one.

    Args:
        options: of the browser.
        page_options: of the page.
    """

    def __init__(self, options: BrowserOptions, page_options: PageOptions) -> None:
        self._options = options, page_options
        self._page: MiniWobPage | None = None

    def page(self, task: str) -> MiniWobPage:
        """A page to begin a task on: one that has it open, where there is one to be had."""
        page = self.held
        if page is None or (page.task != task and task not in REOPENED):
            self.end()
            page = self._page = _taken(self._options, task)
        return page

    @property
    def held(self) -> MiniWobPage | None:
        """The page, if one has been taken and can still be used."""
        return self._page if self._page is not None and self._page.alive else None

    def end(self) -> None:
        """Give the page back."""
        page, self._page = self._page, None
        if page is not None:
            _kept.append((self._options, page))

    def __del__(self) -> None:
        """Give the page back; nothing here waits."""
        with contextlib.suppress(Exception):
            self.end()


_Options: TypeAlias = tuple[BrowserOptions, PageOptions]
_kept: list[tuple[_Options, MiniWobPage]] = []  # that were given back, the last one at the end
_taking = threading.Lock()


def _taken(options: _Options, task: str) -> MiniWobPage:
    """A page that has the task open; else a new one, as long as few are kept; else the one that nobody has needed for longest."""
    with _taking:
        for entry in [entry for entry in _kept if not entry[1].alive]:
            _kept.remove(entry)
        fitting = [entry for entry in _kept if entry[0] == options]
        found = next((entry for entry in reversed(fitting) if entry[1].task == task), None)
        if found is None and fitting and (len(fitting) >= MOST_KEPT or task in REOPENED):
            found = fitting[0]
        if found is not None:
            _kept.remove(found)
        surplus = [_kept.pop(0)[1] for _ in range(len(_kept) - MOST_KEPT)]
    for page in surplus:
        page.close()
    return found[1] if found is not None else MiniWobPage(*options)


def _after_fork() -> None:
    global _taking  # noqa: PLW0603 - another thread may have held it
    _taking = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

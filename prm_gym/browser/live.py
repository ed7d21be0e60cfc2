"""A page on the browsers' thread: its tabs, its actions, and what becomes of it when it hangs or dies."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from prm_gym.browser.addresses import Rules
from prm_gym.browser.faults import BrowserFault, FaultKind, PageScriptError
from prm_gym.browser.keys import click_commands, key_commands, pointer
from prm_gym.browser.session import Command, Context, GoneError, ProtocolError, Target
from prm_gym.browser.tab import Answer, LeftError, Tab
from prm_gym.errors import ContractError, OptionError
from prm_gym.web.actions import Action, Back, Click, ClickAt, Drag, Goto, Hover, Press, Scroll, Select, Type
from prm_gym.web.actions import Tab as TurnTab
from prm_gym.web.observation import Acted, Sight

_Result = TypeVar("_Result")
MOST_TABS = 5
MOST_NOTES = 10
_STOPPING_SECONDS, _CLOSING_SECONDS = 2.0, 3.0
_WINDOW_SECONDS, _PAUSE = 1.5, 0.002
STOPPED = "a script of the page ran too long and was stopped"


class LivePage:
    """A context with its tabs. All of its methods run on the browsers' thread, one at a time.

    Args:
        context: of the driver.
        rules: what may be opened, and how it is observed.
        on_fault: called once with the fault that killed the page.

    Attributes:
        fault: that killed it.
        closed: by us.
        openings: how many addresses have been opened in it.
    """

    def __init__(self, context: Context, rules: Rules, on_fault: Callable[[BrowserFault], None]) -> None:
        self.context, self.rules = context, rules
        self.fault: BrowserFault | None = None
        self.closed = False
        self.openings = 0
        self._on_fault = on_fault
        self._tabs: list[Tab] = []
        self._at = 0
        self._notes: list[str] = []
        self._looked: tuple[Tab | None, int] = (None, 0)  # the document that was seen last
        self._pages: dict[tuple[int, int, int], int] = {}
        self._lock = asyncio.Lock()
        self._clock: asyncio.Timeout | None = None
        self._windows: list[str] = []  # addresses of those that the pages have opened
        self._come = self._handled = 0  # how many of them have come; have been looked at
        self._missed = False  # whether one was waited for in vain
        self._coming = 0  # how many of them are being looked at
        self._unruly = False  # whether one was refused, or opened by a page of its own accord: others may follow it
        self._question = ""  # that is asked with the action, and what was answered
        self._answered: str | None = None
        context.on_popup(self._popped)

    async def prepare(self) -> None:
        """Open the first tab."""
        self._tabs.append(await self._tab(await self.context.open()))

    async def open(self, url: str) -> Sight:
        """Open an address as a new visitor, in one tab."""
        if not self.rules.may_open(url):
            raise OptionError(f"this page may open http and https addresses of its hosts alone, and files under its file_root; not {url!r}")
        try:
            return await self._guarded(self._opened(url), self.rules.browser.open_deadline)
        except _StoppedError as stopped:
            return stopped.sight

    async def show(self, url: str, html: str) -> Sight | None:
        """As `open`, in the document that is shown, whose place the page of an address takes; None where that needs another document."""
        navigation = self._tabs[0].navigation
        if not self.openings or self.may_get_windows or navigation.leaving or navigation.failed or navigation.vain:
            return None
        try:
            return await self._guarded(self._shown(url, html), self.rules.browser.deadline)
        except _StoppedError:
            return None

    async def act(self, action: Action) -> Acted:
        """What came of an action."""
        try:
            return await self._guarded(self._acted(action), self.rules.browser.deadline)
        except _StoppedError as stopped:
            return Acted(stopped.sight)

    async def ask(self, question: str, action: Action | None = None) -> tuple[Acted, str | None]:
        """What came of an action, and then of a question to a script of the caller's own in the page; the page is looked at after both.

        The script hears the event "prm-gym-question" of its document, whose `detail` is the question, and answers with the event "prm-gym-answer". Where it
        cancels the first, the page is waited for once more before it is looked at.

        Args:
            question: not empty.
            action: done before; without one the pointer is moved into the corner of the window, away from where it was last.

        Returns:
            What is seen, and the answer; None where there was none.
        """
        self._question, self._answered = question, None
        try:
            acted = await self._guarded(self._acted(action) if action is not None else self._aside(), self.rules.browser.deadline)
        except _StoppedError as stopped:
            acted = Acted(stopped.sight)
        finally:
            self._question = ""
        return acted, self._answered

    async def see(self) -> Sight:
        """What is to be seen."""
        try:
            return (await self._guarded(self._seen(), self.rules.browser.deadline)).sight
        except _StoppedError as stopped:
            return stopped.sight

    @property
    def documents(self) -> tuple[int, bool]:
        """How many documents the tab has shown, and whether the last one has asked for another."""
        return self._tab_now.documents, self._tab_now.navigation.asked

    async def evaluate(self, script: str, timeout: float, page_world: bool) -> Any:
        """The value of a script."""
        try:
            return await self._guarded(self._tab_now.evaluate(script, timeout, page_world=page_world), timeout + self.rules.browser.deadline)
        except _StoppedError:
            raise PageScriptError(f"the script did not end within {timeout:g} s") from None

    async def command(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a command of the protocol."""
        return await self._guarded(self._tab_now.send(method, params), self.rules.browser.open_deadline)

    async def set_headers(self, headers: Mapping[str, str]) -> None:
        """Send other headers with every request from now on."""
        await self._guarded(self.context.set_headers(headers), self.rules.browser.deadline)

    async def heap_mb(self) -> float:
        """Size of the heap of the page's scripts, in MB."""
        return float((await self.command("Runtime.getHeapUsage", {}))["usedSize"]) / 1e6

    async def close(self) -> None:
        """Close the page and its context."""
        self.closed = True
        await self._shut()

    def die(self, kind: FaultKind, reason: str) -> None:
        """Take the page for dead: whoever waits for it is told now."""
        if self.fault is not None or self.closed:
            return
        self.fault = BrowserFault(kind, reason)
        self._on_fault(self.fault)
        if self._clock is not None and not self._clock.expired():
            with contextlib.suppress(RuntimeError):
                self._clock.reschedule(asyncio.get_running_loop().time())

    @property
    def may_get_windows(self) -> bool:
        """Whether windows may come into the next episode: some were opened and have not come, or were refused, or the page opened one of its own accord."""
        return self._missed or self._unruly or len(self._windows) > self._handled

    @property
    def _tab_now(self) -> Tab:
        return self._tabs[self._at]

    async def _guarded(self, work: Coroutine[Any, Any, _Result], seconds: float) -> _Result:
        """Do something within a time. A page that does not answer is stopped, and given up where that is of no avail."""
        async with self._lock:
            if self.closed or self.fault is not None:
                work.close()
                raise self.fault or ContractError("this page is closed: open another one")
            try:
                async with asyncio.timeout(seconds) as self._clock:
                    return await work
            except TimeoutError:
                if self.fault is None:
                    await self._rescue(seconds)
            except (GoneError, LeftError, ProtocolError) as error:
                await self._lost(str(error))
            finally:
                self._clock = None
            await self._shut()
            raise self.fault or BrowserFault("page_crashed", "the page has gone")

    async def _shut(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.context.close(), _CLOSING_SECONDS)

    async def _rescue(self, seconds: float) -> None:
        """Stop the script of a page that hangs, and raise what is seen then; a page that cannot be stopped is dead."""
        try:
            async with asyncio.timeout(_STOPPING_SECONDS):
                await self._tab_now.stop_script()
                self._notes.append(STOPPED)
                raise _StoppedError((await self._seen()).sight)
        except (TimeoutError, GoneError, ProtocolError, LeftError):
            self.die("page_hung", f"the page did not answer within {seconds:g} s, and could not be stopped")

    async def _lost(self, reason: str) -> None:
        """Find out what died: who knows it better is given a moment to say so."""
        for _ in range(20):
            if self.fault is not None:
                return
            await asyncio.sleep(0.01)
        self.die("page_crashed", reason)

    async def _opened(self, url: str) -> Sight:
        tab = await self._emptied()
        if self.openings > 1 and not self.rules.page.keep:
            await tab.forget()
        error = await tab.open(url)
        if error or tab.navigation.failed or tab.refused:
            self.die("unreachable", f"{url} cannot be opened: {error or tab.refused}")
            raise GoneError(error)
        acted = await self._seen()
        await tab.send("Page.resetNavigationHistory")
        return acted.sight

    async def _emptied(self) -> Tab:
        """The first tab alone, with nothing to tell of what was."""
        others, self._tabs[1:], self._at = self._tabs[1:], [], 0
        self.openings += 1  # windows that are still on their way are of the visitor before, and refused
        self._forget_windows()
        await asyncio.gather(*(other.target.close() for other in others))
        self._notes.clear()
        self._pages.clear()
        return self._tab_now

    async def _shown(self, url: str, html: str) -> Sight | None:
        tab = await self._emptied()
        documents, tab.refused, tab.download = tab.documents, "", False
        request = self._request({"do": "show", "url": url, "html": html})
        commands: list[Command] = [("Page.resetNavigationHistory", {})]
        if self.rules.browser.frames:
            commands.append(pointer("mouseMoved", -1, -1))  # what is under the pointer may look otherwise
        answer, _ = await asyncio.gather(tab.show(request), asyncio.gather(*(tab.send(*command) for command in commands)))
        if answer.error or tab.documents != documents or self._notes or len(self._tabs) > 1 or self.may_get_windows:
            return None
        return (await self._told(tab, answer)).sight

    async def _acted(self, action: Action) -> Acted:
        tab = self._tab_now
        tab.refused, tab.download = "", False
        ref = getattr(action, "ref", 0)
        if ref and self._looked != (tab, tab.documents):
            known = await self._seen()
            return Acted(known.sight, f"[{ref}] is no longer on the page")
        match action:
            case Click() | Hover():
                return await self._click(tab, action)
            case Type(ref, text):
                return await self._requested(tab, {"do": "type", "ref": ref, "text": text})
            case Select(ref, option):
                return await self._requested(tab, {"do": "select", "ref": ref, "text": option})
            case Press(key, ref):
                return await self._press(tab, key, ref)
            case Scroll(direction):
                return await self._requested(tab, {"do": "scroll", "by": 1 if direction == "down" else -1})
            case Goto(url):
                return await self._goto(tab, url)
            case Back():
                return await self._seen() if await tab.back() else Acted((await self._seen()).sight, "there is no page to go back to")
            case TurnTab(number):
                return await self._turn(number)
            case Drag(ref, to):
                return await self._drag(tab, ref, to)
            case ClickAt(x, y):
                return await self._pressed(tab, click_commands(x, y), arriving=False)
            case _:
                return await self._seen()

    async def _requested(self, tab: Tab, request: Mapping[str, Any]) -> Acted:
        answer = await tab.step(self._request(request))
        return await self._told(tab, answer)

    async def _seen(self) -> Acted:
        """What is to be seen, without doing anything."""
        return await self._requested(self._tab_now, {"do": "nothing"})

    async def _click(self, tab: Tab, action: Click | Hover) -> Acted:
        count = action.count if isinstance(action, Click) else 0
        if count and self.rules.page.input == "script":
            return await self._requested(tab, {"do": "click", "ref": action.ref, "count": count})
        if not count and not self.rules.browser.frames:  # a pointer that only moves is answered with the next frame, and there is none
            return await self._requested(tab, {"do": "hover", "ref": action.ref})
        answer = await tab.step(self._request({"do": "point", "ref": action.ref, "count": count, "hover": not count}))
        if answer.point is None:
            return await self._told(tab, answer)
        x, y = answer.point
        return await self._pressed(tab, click_commands(x, y, count) if count else [pointer("mouseMoved", x, y)], arriving=bool(count))

    async def _press(self, tab: Tab, key: str, ref: int) -> Acted:
        if ref:
            answer = await tab.step({**self._request({"do": "focus", "ref": ref}), "question": ""})
            if answer.error:
                return await self._told(tab, answer)
        return await self._pressed(tab, key_commands(key), arriving=False)

    async def _pressed(self, tab: Tab, commands: Sequence[Command], *, arriving: bool) -> Acted:
        """Send what a pointer or a keyboard does, and look. A press that the observer awaits is looked for in the same breath."""
        if arriving:
            return await self._told(tab, await tab.finish(self._request({"do": "nothing", "pressed": True}), commands))
        await tab.send_all(commands)
        return await self._told(tab, await tab.finish(self._request({"do": "nothing"})))

    async def _aside(self) -> Acted:
        """What is seen when the pointer is away from all that it may have pointed at."""
        corner = (self.rules.browser.width - 1, self.rules.browser.height - 1)
        answer = await self._tab_now.step(self._request({"do": "nothing", "away": corner}), [pointer("mouseReleased", *corner)])
        return await self._told(self._tab_now, answer)

    async def _drag(self, tab: Tab, ref: int, to: int) -> Acted:
        if not self.rules.browser.frames:
            return Acted((await self._seen()).sight, "a browser without frames drags nothing: make it with frames=True")
        points: list[tuple[float, float]] = []
        for number in (to, ref):
            answer = await tab.step(self._request({"do": "point", "ref": number, "hover": True, "count": 0}))
            if answer.point is None:
                return await self._told(tab, answer)
            points.append(answer.point)
        (to_x, to_y), (x, y) = points
        await tab.drag((x, y), (to_x, to_y))
        return await self._seen()

    async def _goto(self, tab: Tab, url: str) -> Acted:
        if not self.rules.may_go(url):
            return Acted((await self._seen()).sight, f"this address is not allowed: {url}")
        error = await tab.open(url)
        return await self._told(tab, await tab.finish(self._request({"do": "nothing"})), error)

    async def _turn(self, number: int) -> Acted:
        if not 1 <= number <= len(self._tabs):
            return Acted((await self._seen()).sight, f"there is no tab {number}")
        self._at = number - 1
        with contextlib.suppress(ProtocolError):
            await self._tab_now.send("Page.bringToFront")
        return await self._seen()

    async def _told(self, tab: Tab, answer: Answer, error: str = "") -> Acted:
        """An answer as what came of the action."""
        if answer.told is not None:
            self._question, self._answered = "", answer.told
        if len(self._windows) > self._handled:
            await self._await_windows()
        if self._tab_now is not tab:
            return await self._seen_instead(answer.error)
        if tab.navigation.failed:
            why = error or "the address does not answer"
            error = answer.error or f"this page cannot be opened: {why}"
            if await tab.back():
                answer = await tab.finish(self._request({"do": "nothing"}))
        elif tab.refused:
            self._notes.append(f"this address is not allowed: {tab.refused}")
        elif error:
            error = f"this page cannot be opened: {error}"
        seen = answer.seen
        if seen is None:
            raise GoneError("the page was not seen")
        self._looked = (tab, tab.documents)
        notes, self._notes[:] = tuple(dict.fromkeys(self._notes))[:MOST_NOTES], []
        key = (id(tab), tab.documents, seen.beginnings)
        page = self._pages.setdefault(key, len(self._pages) + 1)
        titles = tuple(each.title for each in self._tabs)
        return Acted(Sight(seen.url, seen.title, seen.items, page, titles, self._at, notes, seen.cut), answer.error or error)

    async def _await_windows(self) -> None:
        """Wait until the windows that were opened have been looked at; one that does not come is no window."""
        end = asyncio.get_running_loop().time() + _WINDOW_SECONDS
        while len(self._windows) > self._handled and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(_PAUSE)
        self._forget_windows()

    def _forget_windows(self) -> None:
        self._missed = self._missed or len(self._windows) > self._handled
        self._windows.clear()
        self._come = self._handled = 0

    async def _seen_instead(self, error: str) -> Acted:
        """What is seen of the tab that has come to the front."""
        return Acted((await self._seen()).sight, error)

    def _request(self, what: Mapping[str, Any]) -> dict[str, Any]:
        return {"ref": 0, "clickables": self.rules.page.clickables, "cap": int(self.rules.browser.settle * 1000), "question": self._question, **what}

    async def _tab(self, target: Target) -> Tab:
        tab = Tab(target, self.rules, self._notes)
        tab.on_crash = lambda: self.die("page_crashed", "the page's process has gone")
        tab.on_window = self._announced
        await tab.prepare()
        return tab

    def _announced(self, url: str, wanted: bool) -> None:
        """A window is told of, as one that follows from what the agent does or one that a page opens by itself."""
        self._windows.append(url)
        self._unruly = self._unruly or not wanted

    async def _popped(self, target: Target) -> None:
        """A window that a page opened becomes a tab, where its address is allowed."""
        # A window is told of before it comes; it comes empty, and would be taken for one that stays so.
        announced = self._windows[self._come] if self._come < len(self._windows) else ""
        self._come += 1
        visit = self.openings
        if len(self._tabs) + self._coming >= MOST_TABS:
            self._notes.append("a new window was refused")
            self._handled += 1
            self._unruly = True
            return await _refused(target)
        self._coming += 1
        allowed = announced in ("", "about:blank") or self.rules.may_show(announced, frame=False)
        try:
            async with asyncio.timeout(self.rules.browser.deadline):
                tab = await self._tab(target)  # also of one that is refused: it waits, and asks for nothing before it is prepared to be refused
                if len(self._tabs) >= MOST_TABS or self.closed or not allowed:
                    raise GoneError("too many windows")
                seen = (await tab.finish({**self._request({"do": "nothing"}), "question": ""})).seen
            if tab.refused or tab.navigation.failed or seen is None or not self.rules.may_open(seen.url) or len(self._tabs) >= MOST_TABS:
                raise GoneError("not an address of the task")
            if visit != self.openings:
                raise GoneError("of the visitor before")
            self._tabs.append(tab)
            self._at = len(self._tabs) - 1
        except (GoneError, ProtocolError, LeftError, TimeoutError):
            self._unruly = True
            if visit == self.openings:
                self._notes.append("a new window was refused")
            await target.close()
        finally:
            self._coming -= 1
            self._handled += visit == self.openings
        return None


async def _refused(target: Target) -> None:
    """Close a window that must not do anything. It has to run, since one that waits holds up its opener; but it asks for nothing, and opens no others."""
    with contextlib.suppress(GoneError, ProtocolError):
        target.session.send_all([("Fetch.enable", {"patterns": [{"urlPattern": "*"}]}), ("Emulation.setScriptExecutionDisabled", {"value": True})])
        await target.run()
    await target.close()


class _StoppedError(Exception):
    """A page hung and was stopped; this is what is seen of it."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
        super().__init__(sight.url)

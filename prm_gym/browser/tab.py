"""One tab: its session, the world in which it is observed, its navigations, and when it is quiet."""

import asyncio
import contextlib
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from prm_gym.browser.addresses import Rules
from prm_gym.browser.faults import PageScriptError
from prm_gym.browser.keys import pointer
from prm_gym.browser.navigation import Navigation
from prm_gym.browser.observing import Answer, Seen, answers, observer
from prm_gym.browser.session import Command, GoneError, ProtocolError, Reply, Target

WORLD = "prm_gym"
DOWNLOAD = "a download was refused"
LOADING = "the page was still loading"
MOST_NAVIGATIONS = 20  # in one action
MOST_DIALOGS = 5  # whose texts are told, in one action
_VAIN_SECONDS = 0.25
_ARRIVAL_SECONDS = 0.25  # for a press that the browser has delivered to be seen by the observer
_LONGEST_SAID = 200
_QUIET_ROUNDS = 2  # in a row without a request under way
_NOT_RUN = re.compile(r"Cannot find (default )?(execution )?context|uniqueContextId not found")
_DESTROYED = re.compile(
    r"context was destroyed|navigated or closed|Promise was collected|Inspected target|context with specified id|Not attached to an active page"
)
_PAGE_WORLD = """
try {
  Object.defineProperty(ServiceWorkerContainer.prototype, "register", {value: () => Promise.reject(new DOMException("blocked", "SecurityError"))});
} catch {}
"""
_CLOCKED_FRAMES = """
{ const wait = setTimeout, drop = clearTimeout, now = performance.now.bind(performance);
  window.requestAnimationFrame = (call) => wait(() => call(now()), 16);
  window.cancelAnimationFrame = (handle) => drop(handle); }
"""


class LeftError(Exception):
    """The document in which something ran has been replaced meanwhile."""


class _Patience:
    """Calls a function when a command has been done for `_ARRIVAL_SECONDS`, unless it is ended before."""

    def __init__(self, command: "asyncio.Future[Reply]", call: Callable[[], None]) -> None:
        self._call: Callable[[], None] | None = call
        self._timer: asyncio.TimerHandle | None = None
        command.add_done_callback(self._begin)

    def end(self) -> None:
        """Do not call it."""
        self._call = None
        if self._timer is not None:
            self._timer.cancel()

    def _begin(self, command: "asyncio.Future[Reply]") -> None:
        if self._call is not None:
            self._timer = command.get_loop().call_later(_ARRIVAL_SECONDS, self._call)


class Tab:
    """A tab.

    Args:
        target: the driver's page.
        rules: what it may open and how it is observed.
        notes: where what happens beside is told.
    """

    def __init__(self, target: Target, rules: Rules, notes: list[str]) -> None:
        self.target, self.rules, self.notes = target, rules, notes
        self.session = target.session
        self.name = f"prm_{secrets.token_hex(8)}"
        self.url = self.title = ""
        self.refused = ""  # an address that it was not let to open
        self.download = False
        self.on_crash: Callable[[], None] = lambda: None
        self.on_window: Callable[[str, bool], None] = lambda url, wanted: None  # noqa: ARG005
        self._dragged: list[Any] = []  # what is being dragged
        self.navigation = Navigation(self.session)
        self.navigation.on_document = self._forget_world
        self.navigation.on_download = self._note_download
        self._world: int | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def documents(self) -> int:
        """How many documents it has shown."""
        return self.navigation.documents

    async def prepare(self) -> None:
        """Inject the observer, and listen to what happens."""
        session = self.session
        session.on("Page.javascriptDialogOpening", self._on_dialog)
        session.on("Page.windowOpen", lambda event: self.on_window(str(event.get("url", "")), bool(event.get("userGesture"))))
        session.on("Input.dragIntercepted", lambda event: self._dragged.append(event["data"]))
        session.on("Page.downloadWillBegin", self._on_download)
        session.on("Fetch.requestPaused", self._on_paused)
        session.on("Inspector.targetCrashed", self._on_crashed)
        page_world = _PAGE_WORLD + (_CLOCKED_FRAMES if not self.rules.browser.frames else "")
        commands: list[tuple[str, dict[str, Any]]] = [
            ("Page.enable", {}),
            ("Inspector.enable", {}),
            ("Page.getFrameTree", {}),
            ("Fetch.enable", {"patterns": [{"urlPattern": "*", "resourceType": "Document"}]}),
            ("Emulation.setFocusEmulationEnabled", {"enabled": True}),
            ("Page.addScriptToEvaluateOnNewDocument", {"source": observer(self.name), "worldName": WORLD, "runImmediately": True}),
            ("Page.addScriptToEvaluateOnNewDocument", {"source": page_world, "runImmediately": True}),
        ]
        if self.rules.page.settle == "network":
            commands.append(("Network.enable", {"maxTotalBufferSize": 0}))
        # A new window answers nothing before it runs, and is to find all of this when it does: it is sent in one go.
        replies, _ = await asyncio.gather(asyncio.gather(*(session.send(method, params) for method, params in commands)), self.target.run())
        self.navigation.frame = replies[2]["frameTree"]["frame"]["id"]

    async def step(self, request: Mapping[str, Any], before: Sequence[Command] = ()) -> Answer:
        """The answer to a request to the page, once it is quiet; a document that comes meanwhile is waited for and looked at.

        Args:
            request: to the observer.
            before: commands that are sent with it, whose answers are not waited for.

        Raises:
            GoneError: the page is gone.
        """
        try:
            answer = await self._ask("step", request, before)
        except LeftError:
            answer = Answer("")
        if answer.point is not None:
            return answer
        return await self.quiet(answer, request)

    async def show(self, request: Mapping[str, Any]) -> Answer:
        """What is seen of another page that is put into the document; an error where that cannot be."""
        try:
            answer = await self._ask("step", request)
        except LeftError:
            return Answer("the document has been replaced")
        return answer if answer.error else await self.quiet(answer, request)

    async def finish(self, request: Mapping[str, Any], before: Sequence[Command] = ()) -> Answer:
        """What is seen after a pointer or a key was pressed, once the page is quiet."""
        try:
            answer = await self._ask("finish", request, before)
        except LeftError:
            answer = Answer("")
        return await self.quiet(answer, request)

    async def quiet(self, answer: Answer, request: Mapping[str, Any]) -> Answer:
        """An answer that is of the document that stays, and of a moment when nothing is under way."""
        loop = asyncio.get_running_loop()
        end = loop.time() + self.rules.browser.settle
        network = self.rules.page.settle == "network"
        request, rounds, shown = {**request, "pressed": False, "away": None}, 0, self.navigation.documents
        for _ in range(MOST_NAVIGATIONS * 10):
            left = end - loop.time()
            if self.navigation.vain:  # for a download, perhaps, which is told of later
                self.navigation.vain = False
                await self._await_download()
            if answer.seen is not None and not self.navigation.leaving and shown == self.navigation.documents:
                rounds = rounds + 1 if not self.navigation.requesting else 0
                if not answer.seen.quiet:
                    self.notes.append(LOADING)
                if not network or rounds >= _QUIET_ROUNDS or not answer.seen.quiet:
                    return answer
            if left <= 0:
                return await self._given_up(answer, request)
            if self.navigation.leaving:
                await self.navigation.moved(left)
            elif answer.seen is not None:
                await asyncio.sleep(min(0.02, left) if self.navigation.requesting else 0)
            if answer.told is not None:
                request["question"] = ""  # once is enough
            try:
                again = await self._ask("finish", {**request, "cap": int(max(50.0, left * 1000))})
            except LeftError:
                continue
            shown = self.navigation.documents
            answer = Answer(answer.error, None, again.seen, again.told if answer.told is None else answer.told)
        return await self._given_up(answer, request)

    async def evaluate(self, script: str, timeout: float, *, page_world: bool) -> Any:
        """The value of a script, in the observer's world or in the page's own.

        Raises:
            PageScriptError: it throws, or takes longer.
            LeftError: the page left its document meanwhile.
        """
        params: dict[str, Any] = {"expression": script, "awaitPromise": True, "returnByValue": True, "timeout": timeout * 1000}
        if not page_world:
            params["contextId"] = await self._context()
        try:
            reply = await asyncio.wait_for(self._send("Runtime.evaluate", params), timeout + 1)
        except TimeoutError:
            raise PageScriptError(f"the script did not end within {timeout:g} s") from None
        except ProtocolError as error:
            if _DESTROYED.search(str(error)):
                raise LeftError(str(error)) from None
            raise PageScriptError(str(error).partition("\n")[0]) from None
        if "exceptionDetails" in reply:
            raise PageScriptError(_thrown(reply["exceptionDetails"]))
        return reply["result"].get("value")

    async def open(self, url: str) -> str:
        """Open an address. Returns why it could not be; "" where it could, or where the answer is no document."""
        navigation, before = self.navigation, self.documents
        self.refused, self.download = "", False
        navigation.leave()
        try:
            reply = await self._send("Page.navigate", {"url": url})
        except ProtocolError as error:
            navigation.stay()
            return str(error).rpartition("Protocol error (Page.navigate): ")[2].partition("\n")[0]
        error = str(reply.get("errorText") or "")
        if self.download or reply.get("isDownload") or error == "net::ERR_ABORTED":
            navigation.stay()
            if not self.refused:
                await self._await_download()
            return error.removeprefix("net::") if self.refused else ""
        if error or reply.get("loaderId"):
            await navigation.arrived(before)
        else:
            navigation.stay()
        return error.removeprefix("net::")

    async def back(self) -> bool:
        """Go back to the page before; False where there is none."""
        history = await self._send("Page.getNavigationHistory")
        place, entries = history["currentIndex"], history["entries"]
        if place == 0 or entries[place - 1]["url"] in ("about:blank", ""):
            return False
        self.navigation.leave()
        await self._send("Page.navigateToHistoryEntry", {"entryId": entries[place - 1]["id"]})
        await self.navigation.moved(self.rules.browser.settle)
        return True

    async def forget(self) -> None:
        """Forget the visitor: cookies, and what the site that is shown has stored."""
        commands = [self._send("Network.clearBrowserCookies")]
        origin = re.match(r"https?://[^/?#]+", self.url)
        if origin:
            commands.append(self._send("Storage.clearDataForOrigin", {"origin": origin[0], "storageTypes": "local_storage,indexeddb,cache_storage"}))
        await asyncio.gather(*commands)

    async def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the button at a point, move, and let go at another one. What the browser would hand to the system is dropped by us."""
        self._dragged.clear()
        await self._send("Input.setInterceptDrags", {"enabled": True})
        middle = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
        await self._send(*pointer("mouseMoved", *start))
        await self._send(*pointer("mousePressed", *start, 1))
        for point in ((start[0] + 4, start[1] + 4), middle, end, end):
            await self._send(*pointer("mouseMoved", *point, held=1))
        if self._dragged:
            x, y = end
            for kind in ("dragEnter", "dragOver", "drop"):
                await self._send("Input.dispatchDragEvent", {"type": kind, "x": x, "y": y, "data": self._dragged[0]})
        await self._send(*pointer("mouseReleased", *end, 1))
        await self._send("Input.setInterceptDrags", {"enabled": False})

    async def stop_script(self) -> None:
        """Stop the script that keeps the page from answering."""
        await self._send("Runtime.terminateExecution")

    async def send(self, method: str, params: Mapping[str, Any] | None = None) -> Reply:
        """A command of the protocol."""
        return await self._send(method, params)

    async def send_all(self, commands: Sequence[Command]) -> None:
        """Several commands in one go."""
        for answer in self.session.send_all(commands):
            await answer

    def _send(self, method: str, params: Mapping[str, Any] | None = None) -> "asyncio.Future[Reply]":
        return self.session.send(method, params)

    async def _ask(self, function: str, request: Mapping[str, Any], before: Sequence[Command] = ()) -> Answer:
        """The observer's answer. It is injected where it is not yet, and what the page says in its own name is never taken for it."""
        call = f"{self.name}.{function}({json.dumps(request)})"
        for _ in range(3):
            context = await self._context()
            asked = ("Runtime.evaluate", {"expression": call, "contextId": context, "awaitPromise": True, "returnByValue": True})
            *sent, answered = self.session.send_all([*before, asked])
            patience = _Patience(sent[-1], self._wait_no_longer) if sent else None
            try:
                reply = await answered
            except ProtocolError as error:
                message = str(error)
                if not _DESTROYED.search(message):
                    raise GoneError(message) from None
                if self._world == context:
                    self._world = None
                if _NOT_RUN.search(message) and not self.navigation.leaving and request.get("do", "nothing") == "nothing":
                    continue
                raise LeftError(message) from None
            finally:
                before = ()
                if patience is not None:
                    patience.end()
            for command in sent:
                if command.done():
                    command.result()
            if "exceptionDetails" not in reply:
                if self._world != context:  # it has come too late: another document is shown already
                    raise LeftError("the document was replaced")
                answer = answers.decode(reply["result"]["value"])
                if answer.seen is not None:
                    self.url, self.title = answer.seen.url, answer.seen.title
                return answer
            if "is not defined" not in _thrown(reply["exceptionDetails"]):
                raise GoneError(f"the observer failed: {_thrown(reply['exceptionDetails'])}")
            await self._send("Runtime.evaluate", {"expression": observer(self.name), "contextId": context})
        raise LeftError("the document changes faster than it can be looked at")

    async def _context(self) -> int:
        if self._world is None:
            try:
                reply = await self._send("Page.createIsolatedWorld", {"frameId": self.navigation.frame, "worldName": WORLD})
            except ProtocolError as error:
                raise LeftError(str(error)) from None
            self._world = int(reply["executionContextId"])
        return self._world

    def _wait_no_longer(self) -> None:
        """The press that the observer waits for has been delivered, and it has not seen it."""
        if self._world is not None:
            self._send("Runtime.evaluate", {"expression": f"{self.name}.arrived()", "contextId": self._world})

    async def _await_download(self) -> None:
        end = time.monotonic() + _VAIN_SECONDS
        while not self.download and time.monotonic() < end:
            await asyncio.sleep(_VAIN_SECONDS / 20)

    async def _given_up(self, answer: Answer, request: Mapping[str, Any]) -> Answer:
        """What is seen of a page that did not become quiet in time."""
        self.notes.append(LOADING)
        if self.navigation.leaving:
            with contextlib.suppress(ProtocolError):
                await self._send("Page.stopLoading")
            self.navigation.stay()
        for _ in range(MOST_NAVIGATIONS):
            try:
                return Answer(answer.error, None, (await self._ask("finish", {**request, "cap": 0})).seen, answer.told)
            except LeftError:
                await asyncio.sleep(0.05)
        return Answer(answer.error, None, Seen(self.url, self.title, (), 0, 0, True), answer.told)

    def _on_dialog(self, event: Reply) -> None:
        text = " ".join(str(event.get("message", "")).split())[:_LONGEST_SAID]
        if len(self.notes) < MOST_DIALOGS:
            self.notes.append(f"the page said: {json.dumps(text, ensure_ascii=False)} (answered OK)")
        answer = {"accept": True, "promptText": str(event.get("defaultPrompt", ""))}
        self._later("Page.handleJavaScriptDialog", answer)

    def _on_download(self, event: Reply) -> None:
        self._note_download()
        self.navigation.stay()

    def _note_download(self) -> None:
        self.download = True
        if DOWNLOAD not in self.notes:
            self.notes.append(DOWNLOAD)

    def _on_paused(self, event: Reply) -> None:
        url, main = str(event["request"]["url"]), event.get("frameId") == self.navigation.frame
        if self.rules.may_show(url, frame=not main):
            self._later("Fetch.continueRequest", {"requestId": event["requestId"]})
            return
        if main:
            self.refused = url
        self._later("Fetch.failRequest", {"requestId": event["requestId"], "errorReason": "Aborted"})

    def _on_crashed(self, event: Reply) -> None:
        self.on_crash()

    def _forget_world(self) -> None:
        self._world = None

    def _later(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a command whose answer nobody awaits."""

        async def sent() -> None:
            with contextlib.suppress(ProtocolError, GoneError):
                await self._send(method, params)

        task = asyncio.get_running_loop().create_task(sent())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _thrown(details: Reply) -> str:
    exception = details.get("exception", {})
    return str(exception.get("description") or exception.get("value") or details.get("text", "")).partition("\n")[0]

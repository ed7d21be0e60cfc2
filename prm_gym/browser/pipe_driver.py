"""The browser through a client of our own: two pipes to Chromium (--remote-debugging-pipe), and nobody between."""

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import msgspec

from prm_gym.browser.launch import browser_environment, command_flags, required_browser
from prm_gym.browser.loop import closed_in_children
from prm_gym.browser.options import BrowserOptions
from prm_gym.browser.session import Command, GoneError, Handler, Popup, ProtocolError, Reply

_GONE = ("Session with given id not found", "Target closed", "No target with given id")
_CLOSING_SECONDS = 3.0
_PAUSE = 0.01
_FIRST_FREE = 10  # our ends of the pipes are put above the numbers that Chromium expects, 3 and 4
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder()


class _Reader(asyncio.Protocol):
    """Cuts what comes into messages, which end with a zero byte."""

    def __init__(self, connection: "Connection") -> None:
        self._connection = connection
        self._parts: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        """Pass on the messages that are complete."""
        *complete, rest = data.split(b"\0")
        for message in complete:
            self._connection.receive(b"".join([*self._parts, message]))
            self._parts.clear()
        if rest:
            self._parts.append(rest)

    def connection_lost(self, exc: Exception | None) -> None:
        """The browser has gone."""
        self._connection.lost()


class Connection:
    """The two pipes, and who waits for what comes through them."""

    def __init__(self, died: Callable[[], None]) -> None:
        self._died = died
        self._writer: asyncio.WriteTransport | None = None
        self._reader: asyncio.ReadTransport | None = None
        self._gone = False
        self._last = 0
        self._waiting: dict[int, tuple[str, asyncio.Future[Reply]]] = {}
        self._handlers: dict[tuple[str, str], list[Handler]] = defaultdict(list)

    async def connect(self, incoming: int, outgoing: int) -> None:
        """Begin to read and write."""
        loop = asyncio.get_running_loop()
        self._reader, _ = await loop.connect_read_pipe(lambda: _Reader(self), os.fdopen(incoming, "rb", 0))
        self._writer, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(outgoing, "wb", 0))

    def send(self, method: str, params: Mapping[str, Any] | None = None, session: str = "") -> asyncio.Future[Reply]:
        """The answer to a command, to come; the command is on its way when this returns."""
        return self.send_all([(method, params or {})], session)[0]

    def send_all(self, commands: Iterable[Command], session: str = "") -> list[asyncio.Future[Reply]]:
        """The answers to commands that are sent in one go."""
        loop, futures, outbox = asyncio.get_running_loop(), list[asyncio.Future[Reply]](), list[bytes]()
        gone = self._gone or self._writer is None or self._writer.is_closing()
        for method, params in commands:
            future: asyncio.Future[Reply] = loop.create_future()
            futures.append(future)
            if gone:
                future.set_exception(GoneError("the browser has gone"))
                future.exception()  # retrieved: whoever waits still gets it, and nobody is told of one that nobody awaits
                continue
            self._last += 1
            message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
            if session:
                message["sessionId"] = session
            outbox += (_encoder.encode(message), b"\0")
            self._waiting[self._last] = (session, future)
        if self._writer is not None and outbox:
            self._writer.write(b"".join(outbox))
        return futures

    def on(self, event: str, handler: Handler, session: str = "") -> None:
        """Call a function at each event of a name."""
        self._handlers[session, event].append(handler)

    def receive(self, data: bytes) -> None:
        """Give a message to whom it is for."""
        message = cast(dict[str, Any], _decoder.decode(data))
        if "id" in message:
            _, future = self._waiting.pop(message["id"], ("", None))
            if future is None or future.done():
                return
            if "error" in message:
                text = str(message["error"].get("message", ""))
                future.set_exception(GoneError(text) if any(sign in text for sign in _GONE) else ProtocolError(text))
                future.exception()
            else:
                future.set_result(message["result"])
            return
        event, params = message["method"], message.get("params", {})
        for handler in self._handlers.get((message.get("sessionId", ""), event), ()):
            handler(params)

    def forget(self, session: str) -> None:
        """A session has ended: nobody will answer in it."""
        for key in [key for key in self._handlers if key[0] == session]:
            del self._handlers[key]
        self._fail(session)

    def lost(self) -> None:
        """The browser has gone."""
        self._gone = True
        self._fail(None)
        self._died()

    def close(self) -> None:
        """Close the pipes."""
        for transport in (self._writer, self._reader):
            if transport is not None:
                transport.close()

    def _fail(self, session: str | None) -> None:
        for number, (of, future) in list(self._waiting.items()):
            if session is None or of == session:
                del self._waiting[number]
                if not future.done():
                    future.set_exception(GoneError("the browser has gone" if session is None else "Target closed"))
                    future.exception()


class PipeSession:
    """A session of the DevTools protocol."""

    def __init__(self, connection: Connection, name: str) -> None:
        self._connection, self._name = connection, name

    def send(self, method: str, params: Mapping[str, Any] | None = None) -> "asyncio.Future[Reply]":
        """The browser's answer to a command, to come."""
        return self._connection.send(method, params, self._name)

    def send_all(self, commands: Iterable[Command]) -> "list[asyncio.Future[Reply]]":
        """The answers to commands that are sent in one go."""
        return self._connection.send_all(commands, self._name)

    def on(self, event: str, handler: Handler) -> None:
        """Call a function at each event of a name."""
        self._connection.on(event, handler, self._name)


class PipeTarget:
    """A page, which waits until it is told to run."""

    def __init__(self, connection: Connection, session: str, target: str) -> None:
        self._connection, self._target = connection, target
        self.session = PipeSession(connection, session)

    async def run(self) -> None:
        """Let it go on."""
        await self.session.send("Runtime.runIfWaitingForDebugger")

    async def close(self) -> None:
        """Close the tab."""
        with contextlib.suppress(GoneError, ProtocolError):
            await self._connection.send("Target.closeTarget", {"targetId": self._target})


class PipeContext:
    """A browser context."""

    def __init__(self, connection: Connection, name: str, headers: Mapping[str, str]) -> None:
        self._connection, self._name = connection, name
        self._headers = dict(headers)
        self._opening = 0
        self._opened: asyncio.Queue[PipeTarget] = asyncio.Queue()
        self._popup: Popup | None = None
        self._targets: dict[str, PipeTarget] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> PipeTarget:
        """A new page."""
        self._opening += 1
        await self._connection.send("Target.createTarget", {"url": "about:blank", "browserContextId": self._name})
        return await self._opened.get()

    def on_popup(self, handler: Popup) -> None:
        """Call a coroutine function with each page that the pages themselves open."""
        self._popup = handler

    async def set_headers(self, headers: Mapping[str, str]) -> None:
        """Send these headers with every request of its pages."""
        self._headers = dict(headers)
        await asyncio.gather(*(self._give_headers(target) for target in self._targets.values()))

    async def close(self) -> None:
        """Close it with all of its pages."""
        with contextlib.suppress(GoneError, ProtocolError):
            await self._connection.send("Target.disposeBrowserContext", {"browserContextId": self._name})

    def attached(self, session: str, target: str) -> None:
        """A page has come into being."""
        made = self._targets[session] = PipeTarget(self._connection, session, target)
        task = asyncio.get_running_loop().create_task(self._received(made))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def detached(self, session: str) -> bool:
        """Forget a page that has gone; whether it was of this context."""
        return self._targets.pop(session, None) is not None

    async def _received(self, target: PipeTarget) -> None:
        opened = self._opening > 0
        if opened:
            self._opening -= 1
        with contextlib.suppress(GoneError, ProtocolError):
            self._give_headers(target)
            if opened:
                self._opened.put_nowait(target)
            elif self._popup is not None:
                await self._popup(target)

    def _give_headers(self, target: PipeTarget) -> "asyncio.Future[Reply]":
        """On their way when this returns."""
        return target.session.send_all([("Network.enable", {"maxTotalBufferSize": 0}), ("Network.setExtraHTTPHeaders", {"headers": self._headers})])[1]


class PipeDriver:
    """A browser that we have launched.

    Args:
        options: how it is made.
    """

    def __init__(self, options: BrowserOptions) -> None:
        self._options = options
        self._connection = Connection(self._lost)
        self._pid = 0
        self._closing = False
        self._profile = ""
        self._contexts: dict[str, PipeContext] = {}
        self.died: Callable[[str, str], None] = _ignored

    async def start(self) -> None:
        """Launch the browser.

        Raises:
            NoBrowserError: there is no browser.
        """
        path = await asyncio.to_thread(required_browser, self._options)
        flags = command_flags(self._options)
        if not path.endswith("headless-shell"):
            self._profile = tempfile.mkdtemp(prefix="prm_gym-browser-")
            flags.append(f"--user-data-dir={self._profile}")
        if not self._options.headed:
            flags.append("--headless" if path.endswith("headless-shell") else "--headless=new")
        command = [path, *flags, "--remote-debugging-pipe", "--no-startup-window"]
        theirs_in, ours_out = _pipe()
        ours_in, theirs_out = _pipe()
        null = os.open(os.devnull, os.O_RDWR)
        try:
            moves = [(null, 0), (null, 1), (null, 2), (theirs_in, 3), (theirs_out, 4)]
            actions = [(os.POSIX_SPAWN_DUP2, ours, theirs) for ours, theirs in moves]
            self._pid = os.posix_spawn(path, command, browser_environment(), file_actions=actions, setpgroup=0)
        finally:
            for descriptor in (theirs_in, theirs_out, null):
                os.close(descriptor)
        closed_in_children(ours_in, ours_out)
        await self._connection.connect(ours_in, ours_out)
        self._connection.on("Target.attachedToTarget", self._attached)
        self._connection.on("Target.detachedFromTarget", self._detached)
        await self._connection.send("Target.setAutoAttach", {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True})

    async def context(self, headers: Mapping[str, str]) -> PipeContext:
        """A new context."""
        made = await self._connection.send("Target.createBrowserContext", {"disposeOnDetach": True})
        name = str(made["browserContextId"])
        context = self._contexts[name] = PipeContext(self._connection, name, headers)
        await self._connection.send("Browser.setDownloadBehavior", {"behavior": "deny", "browserContextId": name})
        return context

    async def close(self) -> None:
        """End the browser."""
        self._closing = True
        pid, self._pid = self._pid, 0  # whoever closes it next finds none: a signal to process 0 would be to ourselves
        if not pid:
            return
        with contextlib.suppress(GoneError, ProtocolError, TimeoutError):
            await asyncio.wait_for(self._connection.send("Browser.close"), _CLOSING_SECONDS)
        self._connection.close()
        if not await _ended(pid, _CLOSING_SECONDS):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            await _ended(pid, _CLOSING_SECONDS)
        if self._profile:
            shutil.rmtree(self._profile, ignore_errors=True)

    def _lost(self) -> None:
        if not self._closing:
            self._closing = True
            self.died("browser_died", "the browser has gone")

    def _attached(self, event: Reply) -> None:
        info, session = event["targetInfo"], str(event["sessionId"])
        context = self._contexts.get(info.get("browserContextId", ""))
        if info["type"] == "page" and context is not None:
            context.attached(session, info["targetId"])
            return
        for method, params in (("Runtime.runIfWaitingForDebugger", None), ("Target.detachFromTarget", {"sessionId": session})):
            self._connection.send(method, params, session if params is None else "")

    def _detached(self, event: Reply) -> None:
        session = str(event["sessionId"])
        for context in self._contexts.values():
            if context.detached(session):
                break
        self._connection.forget(session)


async def _ended(pid: int, seconds: float) -> bool:
    """Wait for the end of the process, and take leave of it."""
    end = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < end:
        try:
            if os.waitpid(pid, os.WNOHANG)[0]:
                return True
        except ChildProcessError:
            return True
        await asyncio.sleep(_PAUSE)
    return False


def _pipe() -> tuple[int, int]:
    """A pipe whose ends have numbers that nothing else is put on."""
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE) for end in ends]
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _ignored(kind: str, reason: str) -> None:
    """A death that nobody waits to be told of."""

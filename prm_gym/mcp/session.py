"""McpSession: one conversation with a server, from any thread, with a deadline on every call."""

import asyncio
import importlib
import json
import os
import weakref
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, cast

from prm_gym import event_loop as loop
from prm_gym.claims import Json
from prm_gym.errors import EnvironmentFault, MissingExtraError
from prm_gym.mcp.http import over_http
from prm_gym.mcp.reply import Reply, cut, reply_of
from prm_gym.mcp.server import McpServer
from prm_gym.mcp.tool_list import MOST_TOOLS, ListedTool, listed_tools
from prm_gym.mcp.transport import Child, over_pipes

if TYPE_CHECKING:
    from mcp import Client

_GRACE_SECONDS = 5.0  # beyond a deadline, for the loop itself
_CLOSING_SECONDS = 4.0
_MOST_PAGES = 64
_MOST_LEVELS = 100  # of lists and objects in arguments; the SDK writes some 250


class ServerGoneError(EnvironmentFault):
    """The server has ended, or the connection to it has."""


class ServerHangsError(EnvironmentFault):
    """The server did not answer in time."""


def require_sdk() -> None:
    """Import the official SDK, which takes a while.

    Raises:
        MissingExtraError: it is not installed (`pip install 'prm-gym[mcp]'`).
    """
    try:
        importlib.import_module("mcp")
    except ImportError as error:
        raise MissingExtraError("mcp", "mcp") from error


class McpSession:
    """A conversation with a server. It begins at once; whoever made it closes it, and the end of the process does.

    Calls are made one after another, from whatever thread. After a call that was not answered in time, or a server that has ended, the session is of no more
    use: close it and make another.

    Attributes:
        server: what it talks to.
        tools: what the server listed at the beginning, at most 256.
        child: the process that was started for it.
    """

    def __init__(self, server: McpServer) -> None:
        """Begin.

        Raises:
            MissingExtraError: the SDK is not installed (`pip install 'prm-gym[mcp]'`).
            ServerGoneError: there is no server, or it ends or fails while it starts; says what it complained of.
            ServerHangsError: it takes too long.
        """
        require_sdk()
        self.server = server
        self.tools: tuple[ListedTool, ...] = ()
        self._client: Client | None = None
        self._process_id = os.getpid()
        self.child = Child()
        self._stop: asyncio.Event | None = None
        ready: Future[tuple[ListedTool, ...]] = Future()
        if not _SESSIONS:
            loop.at_end(_close_all)
        _SESSIONS.add(self)
        self._served = loop.submit(self._serve(ready))
        try:
            self.tools = ready.result(server.start_seconds + _GRACE_SECONDS)
        except (FutureTimeoutError, TimeoutError) as error:
            self.close()
            raise ServerHangsError(f"the server {server.name} was not ready after {server.start_seconds:g} seconds{self._said()}") from error
        except Exception as error:  # whatever the server, the network and the SDK raise
            self.close()
            what = "could not be started" if server.command else "cannot be reached"
            raise ServerGoneError(f"the server {server.name} {what}: {_cause(error)}{self._said()}") from error

    @property
    def alive(self) -> bool:
        """It can still be asked, as far as is known here; never in a forked process."""
        ended = bool(self.server.command and self.child.fault)
        return self._client is not None and self._process_id == os.getpid() and not self._served.done() and not ended

    def call(self, name: str, arguments: Mapping[str, Json]) -> Reply:
        """Call a tool.

        Args:
            name: as the server calls it.
            arguments: by name.

        Returns:
            What it answered; `failed` where the tool or the server says that the call went wrong, or the arguments cannot be written as JSON.

        Raises:
            ServerHangsError: no answer within the deadline; the session is closed.
            ServerGoneError: the server has ended, or the connection to it: seen of the process, the pipes or HTTP. The session is closed.
        """
        if not self.alive:
            self.close()
            raise ServerGoneError(f"the session with the server {self.server.name} is over{self._said()}")
        reason = _unsendable(arguments)
        if reason:
            return Reply(f"the arguments cannot be sent: {reason}", failed=True)
        work = loop.submit(self._call(name, dict(arguments)))
        try:
            return work.result(self.server.deadline + _GRACE_SECONDS)
        except (FutureTimeoutError, TimeoutError) as error:
            work.cancel()
            self.close()
            raise ServerHangsError(f"{name} did not answer within {self.server.deadline:g} seconds") from error
        except ServerGoneError:
            self.close()
            raise

    def close(self) -> None:
        """End the conversation, and the server if it was started for it. May be called twice."""
        _SESSIONS.discard(self)
        if self._process_id != os.getpid():
            return
        if self._stop is not None:
            stop, self._stop = self._stop, None
            loop.call(stop.set)
        else:
            self._served.cancel()
        if not loop.is_current():  # where memory is cleaned up there, waiting would hold up every session
            try:
                self._served.exception(_CLOSING_SECONDS)
            except Exception:  # it takes too long, or was cancelled
                self._served.cancel()
            self.child.kill()
        self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _said(self) -> str:
        return f"; it said: {self.child.text}" if self.child.text else ""

    # In the loop.

    async def _serve(self, ready: "Future[tuple[ListedTool, ...]]") -> None:
        """Hold the conversation open until it is to end: the SDK wants it opened and closed by one task."""
        from mcp import Client

        stop = asyncio.Event()
        transport = over_pipes(self.server, self.child) if self.server.command else over_http(self.server, self.child)
        client = Client(transport, cache=None)
        try:
            async with asyncio.timeout(self.server.start_seconds) as limit, client:
                unchecked: Any = client.session
                unchecked.validate_tool_result = _taken_as_it_is
                tools = await _all_tools(client)
                limit.reschedule(None)
                self._client, self._stop = client, stop
                ready.set_result(tools)
                await stop.wait()
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error if isinstance(error, Exception) else ServerGoneError("the session was closed"))
            if not isinstance(error, Exception):
                raise

    async def _call(self, name: str, arguments: dict[str, Json]) -> Reply:
        from mcp import MCPError

        if self._client is None:
            raise ServerGoneError(f"the session with the server {self.server.name} is over{self._said()}")
        try:
            result = await asyncio.wait_for(self._client.call_tool(name, arguments), self.server.deadline)
        except (TimeoutError, asyncio.CancelledError):
            raise
        except Exception as error:  # whatever the server, the network and the SDK raise
            if self.child.overlong:
                return Reply(f"the answer of {name} was too long to be taken", failed=True)
            if self._stop is None or self.child.fault:
                await asyncio.sleep(0.05)  # for what it complained of
                raise ServerGoneError(f"the server {self.server.name} {self.child.fault or 'has been left'}{self._said()}") from error
            if isinstance(error, MCPError):  # its own words, whatever code it gives them
                return Reply(cut(error.message, self.server.result_length), failed=True)
            if isinstance(error, RuntimeError | ValueError):  # a result that is not what the server or the protocol promises
                return Reply(cut(f"the answer of {name} could not be used: {error}", self.server.result_length), failed=True)
            raise ServerGoneError(f"the server {self.server.name} cannot be reached: {_cause(error)}{self._said()}") from error
        return reply_of(result, self.server.result_length)


_SESSIONS: "weakref.WeakSet[McpSession]" = weakref.WeakSet()


def _forget() -> None:
    """In a forked process: the sessions are the parent's, and its death alone is to end their servers."""
    for session in list(_SESSIONS):
        if session.child.leash is not None:
            session.child.leash.close()
    _SESSIONS.clear()


os.register_at_fork(after_in_child=_forget)


def _close_all() -> None:
    for session in list(_SESSIONS):
        session.close()


def _unsendable(arguments: Mapping[str, Json]) -> str:
    """Why the arguments cannot be written as JSON; empty where they can."""
    try:
        json.dumps(dict(arguments), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:  # a lone surrogate is a ValueError
        return str(error)
    level: list[Any] = [arguments]
    for _ in range(_MOST_LEVELS):
        level = [part for value in level for part in _parts(value)]
    return f"they are nested in more than {_MOST_LEVELS} levels" if level else ""


def _parts(value: Any) -> Iterable[Any]:
    """What an object or a list holds."""
    if isinstance(value, Mapping):
        return cast("Mapping[str, Any]", value).values()
    return cast("Sequence[Any]", value) if isinstance(value, list | tuple) else ()


async def _taken_as_it_is(name: str, result: Any) -> None:
    """In place of the SDK's check of results by the schema that the server gives: a pattern in it could stop the whole process for years."""


async def _all_tools(client: Any) -> tuple[ListedTool, ...]:
    """The tools of every page."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        listing = await client.list_tools(cursor=cursor)
        found += listing.tools
        cursor = listing.next_cursor
        if cursor is None or len(found) >= MOST_TOOLS:
            break
    return listed_tools(found)


def _cause(error: BaseException) -> str:
    """The innermost of a group of errors, in words."""
    while isinstance(error, BaseExceptionGroup):
        error = cast("BaseExceptionGroup[BaseException]", error).exceptions[0]
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

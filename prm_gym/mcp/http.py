"""The way to a server at an address, as a transport of the SDK, with a limit on what it may send and an eye on what goes wrong below the protocol.

The SDK answers a request that HTTP has failed with an error that looks like one of the server's own. Who reads it cannot tell a refused call from a session
that is gone; here the connection is watched itself.
"""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import msgspec

from prm_gym.mcp.server import McpServer, revealed
from prm_gym.mcp.transport import MOST_BYTES, Child

MOST_EVENT = 2**20  # bytes of one event


class _Message(msgspec.Struct):
    """What every message of the protocol has; requests have an id."""

    jsonrpc: str
    id: str | int | None = None


class _Error(msgspec.Struct):
    """A message that refuses a request."""

    jsonrpc: str
    error: dict[str, Any]


@contextlib.asynccontextmanager
async def over_http(server: McpServer, child: Child) -> AsyncGenerator[Any]:
    """The streams of messages from and to an address."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    seconds = httpx2.Timeout(server.deadline, read=max(300.0, server.deadline))
    watch = _Watch(child)
    hooks: dict[str, list[Any]] = {"request": [watch.asked], "response": [watch.answered]}
    headers = {"Accept-Encoding": "identity", **revealed(server.headers)}  # what is packed can be of any size when it is unpacked
    async with (
        httpx2.AsyncClient(headers=headers, timeout=seconds, event_hooks=hooks) as client,
        streamable_http_client(server.url, http_client=client) as streams,
    ):
        yield streams


class _Watch:
    """Notes in `child.fault` what becomes of each request."""

    def __init__(self, child: Child) -> None:
        self._child = child

    async def asked(self, request: Any) -> None:
        """A request is sent: until it is answered, it is not."""
        if _expects_an_answer(request):
            self._child.fault, self._child.overlong = "cannot be reached", False

    async def answered(self, response: Any) -> None:
        """The head of an answer has come."""
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        response.stream = _counted(response.stream, self._child, events=kind == "text/event-stream")
        if not _expects_an_answer(response.request):
            return
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            self._child.fault = "answers in an encoding that was not asked for"
            await response.aclose()
        elif response.is_success and kind == "text/event-stream":
            self._child.fault = "ended its events without an answer"  # until one is seen among them
        elif kind != "application/json" or (response.status_code == 404 and "mcp-session-id" in response.request.headers):
            self._child.fault = f"answered with HTTP status {response.status_code}" + (
                "" if not response.is_success else f" and the content type {kind[:60]!r}"
            )
        else:
            self._child.fault = f"answered with HTTP status {response.status_code} and something that is no message"
            if _is_message(await response.aread(), refusal=not response.is_success):
                self._child.fault = ""


def _expects_an_answer(request: Any) -> bool:
    if request.method != "POST":
        return False
    try:
        return msgspec.json.decode(request.content, type=_Message).id is not None
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False


def _is_message(body: bytes, *, refusal: bool) -> bool:
    try:
        msgspec.json.decode(body, type=_Error if refusal else _Message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _counted(stream: Any, child: Child, *, events: bool) -> Any:
    """The stream with a limit: on the whole, or on each of its events."""
    import httpx2

    class Counted(httpx2.AsyncByteStream):
        """Ends early where a message is too long."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            length, end = 0, b""
            async for piece in stream:
                place = max(piece.rfind(b"\n\n"), piece.rfind(b"\r\n\r\n")) if events else -1
                length = length + len(piece) if place < 0 else len(piece) - place
                if length > (MOST_EVENT if events else MOST_BYTES):
                    child.overlong = True
                    if not events:  # the SDK has the same limit for events
                        return
                if events and any(key in end + piece for key in (b'"result"', b'"error"')):
                    child.fault = ""
                end = piece[-8:]
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    return Counted()

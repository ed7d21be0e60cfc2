"""The two ways to a server, as the SDK's transports.

Why not the SDK's own for commands: a line without an end would grow in memory without bound and be copied at every piece; a server that does not heed the
end of its input would outlive a parent that is killed; and closing waits for seconds.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncGenerator
from typing import Any

from prm_gym.mcp.server import McpServer, revealed

MOST_BYTES = 16 * 2**20  # of one message
_LEASH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "leash.py")
_INHERITED = ("HOME", "LANG", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER", "VIRTUAL_ENV")
_FAREWELL_SECONDS = 0.5  # that a server may take to end when its input has ended
_KILLING_SECONDS = 3.0  # that the leash may take to kill all that is left
_COMPLAINT = 2_000  # bytes that are kept of what it wrote to standard error


class Child:
    """The other side: what is wrong with the connection, and for a server that was started the end of what it wrote to standard error, and what ends it.

    Attributes:
        fault: why the connection is of no use; empty where it is. It is what was seen of the pipes or of HTTP, never what a server says.
        overlong: the answer was longer than it may be, and was left where it was.
        tail: bytes.
        group: id of the leash and of its process group, in which the server begins; 0 where nothing is left of it.
        leash: socket whose closing has the leash kill the server and all that it has begun; the parent's death closes it.
    """

    def __init__(self) -> None:
        self.fault = ""
        self.overlong = False
        self.tail = b""
        self.group = 0
        self.leash: socket.socket | None = None

    @property
    def text(self) -> str:
        """What it said last, in one line."""
        return " ".join(self.tail.decode("utf-8", "replace").split())[-300:]

    def let_go(self) -> None:
        """Have the leash kill everything, and wait for nothing."""
        if self.leash is not None:
            with contextlib.suppress(OSError):  # closed, or nobody is there
                self.leash.shutdown(socket.SHUT_WR)

    def kill(self) -> None:
        """Have the leash kill everything, and wait for it; then kill what is left of the process group. Not to be called in the loop."""
        self.let_go()
        until = time.monotonic() + _KILLING_SECONDS
        while self.group and time.monotonic() < until:
            time.sleep(0.005)
        self.kill_group()

    def kill_group(self) -> None:
        """Kill the process group at once, the leash with it."""
        if self.group:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.group, signal.SIGKILL)
            self.group = 0


@contextlib.asynccontextmanager
async def over_pipes(server: McpServer, child: Child) -> AsyncGenerator[Any]:
    """The streams of messages from and to a command that is started.

    Raises:
        OSError: it cannot be started.
    """
    import anyio

    child.leash, end = socket.socketpair()
    child.leash.setblocking(False)
    try:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", _LEASH, str(end.fileno()), *server.command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=(end.fileno(),),
            cwd=server.folder or None,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ} | revealed(server.environment),
            start_new_session=True,
            limit=MOST_BYTES,
        )
    except BaseException:
        child.leash.close()
        raise
    finally:
        end.close()
    child.group = process.pid
    incoming, messages = anyio.create_memory_object_stream[Any](16)
    outgoing, orders = anyio.create_memory_object_stream[Any](0)
    watch = asyncio.ensure_future(_watch(child, incoming))
    tasks = [
        watch,
        asyncio.ensure_future(_read(process, incoming, child)),
        asyncio.ensure_future(_write(process, orders, incoming, child)),
        asyncio.ensure_future(_listen(process, child)),
    ]
    try:
        yield messages, outgoing
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process, child, watch)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for stream in (incoming, messages, outgoing, orders):
                await stream.aclose()
            child.leash.close()


async def _watch(child: Child, incoming: Any) -> None:
    """Take note of the end of the leash, which leaves nothing behind unless it is killed itself; then the session is told that nothing will come."""
    if child.leash is not None and await asyncio.get_running_loop().sock_recv(child.leash, 1):
        child.group = 0
        return
    child.kill_group()
    child.fault = child.fault or "has ended"
    await incoming.aclose()


async def _end(process: asyncio.subprocess.Process, child: Child, watch: "asyncio.Future[None]") -> None:
    """Close the server's input, and have everything killed if that does not end it soon."""
    if process.stdin is not None:
        process.stdin.close()
    for seconds, then in ((_FAREWELL_SECONDS, child.let_go), (_KILLING_SECONDS, child.kill_group)):
        await asyncio.wait({watch}, timeout=seconds)
        then()
    while process.returncode is None:  # `process.wait` waits for the pipes too, which others may hold
        await asyncio.sleep(0.002)
    transport: Any = getattr(process, "_transport", None)
    if transport is not None:
        transport.close()


async def _read(process: asyncio.subprocess.Process, incoming: Any, child: Child) -> None:
    """Messages from the server, line by line; a line that is none is passed over, and one too long ends the session."""
    import anyio
    import mcp_types
    from mcp.shared.message import SessionMessage

    async with incoming:
        while process.stdout is not None:
            try:
                line = await process.stdout.readline()
            except ValueError:  # longer than the limit
                child.fault = f"has sent a message of more than {MOST_BYTES:,} bytes"
                return
            if not line:
                child.fault = "has ended"
                return
            try:
                message = mcp_types.jsonrpc_message_adapter.validate_json(line, by_name=False)
            except ValueError:
                continue
            try:
                await incoming.send(SessionMessage(message))
            except (anyio.ClosedResourceError, anyio.BrokenResourceError):
                return


async def _write(process: asyncio.subprocess.Process, orders: Any, incoming: Any, child: Child) -> None:
    """Messages to the server; when it does not take them any more, the session is told that nothing will come."""
    async with orders:
        async for order in orders:
            text: str = order.message.model_dump_json(by_alias=True, exclude_unset=True)
            if process.stdin is None:
                return
            try:
                process.stdin.write(text.encode() + b"\n")
                await process.stdin.drain()
            except (OSError, RuntimeError):
                child.fault = "takes no messages any more"
                await incoming.aclose()
                return


async def _listen(process: asyncio.subprocess.Process, child: Child) -> None:
    while process.stderr is not None and (piece := await process.stderr.read(4096)):
        child.tail = (child.tail + piece)[-_COMPLAINT:]

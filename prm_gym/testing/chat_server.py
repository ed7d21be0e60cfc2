"""A chat model's endpoint on the loopback interface, with scripted answers, delays and faults: for tests and benchmarks of what asks chat models.

    with ChatServer(lambda body: "4") as server:
        client = ChatClient(ChatSettings(model="scripted", base_url=server.url))

It speaks HTTP/1.1 with the standard library alone, in a thread of its own. `python -m prm_gym.testing.chat_server my_module:answer --delay 0.05` serves in a
process of its own until its input ends, and prints its address.
"""

import argparse
import asyncio
import contextlib
import hashlib
import importlib
import json
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, TypeAlias, cast, get_args

import msgspec

from prm_gym.errors import OptionError

Body: TypeAlias = dict[str, Any]
Answer: TypeAlias = Callable[[Body], "str | Mapping[str, Any] | Refusal"]

Fault: TypeAlias = Literal[
    "429",  # with Retry-After
    "429_bare",
    "500",
    "503",
    "half_json",
    "half_body",  # closed before the announced length has come
    "closed",  # without a word
    "hang",  # until the client goes away
    "empty_body",
    "empty_answer",
    "html",
    "wrong_schema",
    "no_choices",
    "error_in_200",
]
FAULTS: tuple[Fault, ...] = get_args(Fault)
Choice: TypeAlias = Callable[[Body, int], Fault | Literal[""]]


class Refusal(msgspec.Struct, frozen=True):
    """An HTTP error as an answer: its status, and the body of the error."""

    status: int
    message: str
    param: str | None = None
    code: str | None = None


class Received(msgspec.Struct, frozen=True):
    """A request as it came.

    Attributes:
        at: when, in seconds of `time.monotonic`.
        body: its JSON.
        fault: what it was answered with in place of an answer; empty for an answer.
        headers: with names in small letters.
    """

    at: float
    body: Body
    fault: str = ""
    headers: dict[str, str] = {}


class ChatServer:
    """An endpoint that answers what a function says.

    Whether a request meets a fault is drawn from the seed, the request and how often it came before: the same requests meet the same faults in any order.

    Attributes:
        received: every request, in the order of arrival.
        at_once: the most requests that were being answered at one time.
    """

    def __init__(
        self,
        answer: Answer,
        *,
        delay: float | tuple[float, float] = 0.0,
        faults: Mapping[Fault, float] | Choice | None = None,
        seed: int = 0,
        retry_after: float = 0.05,
        port: int = 0,
    ) -> None:
        """Take the model; it serves from `start` or `with` on.

        Args:
            answer: of the body of a request: the text, or the whole body of a reply, or a `Refusal`. Called in the server's thread.
            delay: seconds before an answer, or bounds between which they are drawn.
            faults: the share of requests that meets each fault; or a function of a request and of how often it came before, that names its fault.
            seed: of faults and delays.
            retry_after: seconds that a 429 asks to wait.
            port: 0 for any.

        Raises:
            OptionError: there is no such fault, or the shares are none.
        """
        self._shares: dict[Fault, float] = {} if faults is None or callable(faults) else dict(faults)
        self._chosen: Choice | None = faults if callable(faults) else None
        if set(self._shares) - set(FAULTS) or any(share < 0 for share in self._shares.values()) or sum(self._shares.values()) > 1:
            raise OptionError(f"faults are shares, which sum to at most 1, of {', '.join(FAULTS)}; got {faults!r}")
        self.answer, self.seed, self.retry_after = answer, seed, retry_after
        self.delay = delay if isinstance(delay, tuple) else (delay, delay)
        self.received: list[Received] = []
        self.at_once = 0
        self._port = port
        self._now = 0
        self._seen: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ended: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """The base address for clients."""
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> Self:
        """Serve, in a thread."""
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(ready)), name="prm_gym chat server", daemon=True)
        self._thread.start()
        ready.wait(10.0)
        return self

    def stop(self) -> None:
        """Stop serving. What hangs is closed. It may be started again, at the same port."""
        if self._loop is not None and self._ended is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ended.set)
        if self._thread is not None:
            self._thread.join(5.0)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def counts(self) -> dict[str, int]:
        """How many requests were answered (`answered`), and how many met each fault."""
        return dict(Counter(one.fault or "answered" for one in self.received))

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        open_now: set[asyncio.Task[None]] = set()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.ensure_future(self._converse(reader, writer))
            open_now.add(task)
            task.add_done_callback(open_now.discard)

        server = await asyncio.start_server(connected, "127.0.0.1", self._port, backlog=1024, limit=2**26)
        self._port = server.sockets[0].getsockname()[1]
        ready.set()
        await self._ended.wait()
        server.close()
        for task in list(open_now):
            task.cancel()
        await asyncio.gather(*open_now, return_exceptions=True)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        with contextlib.suppress(OSError, asyncio.CancelledError):
            writer.close()
            await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False when the connection is over."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        if not head[0].startswith("POST ") or not head[0].split(" ")[1].endswith("/chat/completions"):
            return await _send(writer, 404, _error("there is no such address", None, None))
        body = cast("Body", json.loads(raw))
        nth = self._seen[digest := hashlib.sha256(raw).hexdigest()]
        self._seen[digest] += 1
        draw = random.Random(f"{self.seed}/{nth}/{digest}")
        fault = self._chosen(body, nth) if self._chosen is not None else self._fault(draw.random())
        pause = draw.uniform(*self.delay)
        self.received.append(Received(time.monotonic(), body, fault, headers))
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            if pause:
                await asyncio.sleep(pause)
            return await self._respond(writer, body, fault)
        finally:
            self._now -= 1

    def _fault(self, drawn: float) -> str:
        for fault, share in self._shares.items():
            drawn -= share
            if drawn < 0:
                return fault
        return ""

    async def _respond(self, writer: asyncio.StreamWriter, body: Body, fault: str) -> bool:
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault in ("closed", "hang"):
            return False
        if fault in ("429", "429_bare", "500", "503"):
            extra = {"retry-after": f"{self.retry_after:g}"} if fault == "429" else {}
            return await _send(writer, int(fault[:3]), _error("come back later", None, None), extra)
        answer = self.answer(body)
        if isinstance(answer, Refusal):
            return await _send(writer, answer.status, _error(answer.message, answer.param, answer.code))
        reply = completion(answer, body) if isinstance(answer, str) else dict(answer)
        text = json.dumps(reply).encode()
        broken = {
            "half_json": text[: len(text) // 2],
            "empty_body": b"",
            "empty_answer": json.dumps(completion("", body)).encode(),
            "html": b"<!doctype html><title>Bad gateway</title><h1>It \\boxed{-1}</h1>",
            "wrong_schema": b'{"choices": [{"message": "\\\\boxed{-1}", "finish_reason": 7}]}',
            "no_choices": b'{"choices": []}',
            "error_in_200": _error("overloaded", None, None),
        }
        if fault == "half_body":
            await _send(writer, 200, text[: len(text) // 2], length=len(text))
            return False
        return await _send(writer, 200, broken.get(fault, text))


def completion(text: str, body: Body, **fields: Any) -> Body:
    """The body of a reply with a text, as endpoints send it.

    Args:
        text: of the answer.
        body: of the request.
        **fields: further ones of its only choice, such as `finish_reason` and `logprobs`.
    """
    read = sum(len(str(message["content"])) for message in body["messages"]) // 4 + 1
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **fields}
    usage = {"prompt_tokens": read, "completion_tokens": len(text) // 4 + 1, "total_tokens": read + len(text) // 4 + 1}
    return {"id": "c", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice], "usage": usage}


def _error(message: str, param: str | None, code: str | None) -> bytes:
    return json.dumps({"error": {"message": message, "type": "error", "param": param, "code": code}}).encode()


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, extra: Mapping[str, str] | None = None, length: int | None = None) -> bool:
    kind = "text/html" if body[:1] == b"<" else "application/json"
    headers = {"content-type": kind, "content-length": str(len(body) if length is None else length), **(extra or {})}
    lines = [f"HTTP/1.1 {status} -", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    writer.write("\r\n".join(lines).encode() + body)
    await writer.drain()
    return True


def main(arguments: list[str] | None = None) -> None:
    """Serve in this process until it is ended."""
    parser = argparse.ArgumentParser(prog="python -m prm_gym.testing.chat_server", description="A scripted chat model on the loopback interface.")
    parser.add_argument("answer", help="module:function of the body of a request")
    parser.add_argument("--delay", type=float, nargs="+", default=[0.0], help="seconds, or two bounds")
    parser.add_argument("--faults", type=json.loads, default={}, help='JSON: {"500": 0.05, "hang": 0.01}')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--port", type=int, default=0)
    options = parser.parse_args(arguments)
    module, _, name = options.answer.partition(":")
    delay = (options.delay[0], options.delay[-1])
    server = ChatServer(getattr(importlib.import_module(module), name), delay=delay, faults=options.faults, seed=options.seed, port=options.port).start()
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    sys.stdin.read()  # until whoever started it goes away
    sys.stdout.write(json.dumps({"counts": server.counts(), "at_once": server.at_once}) + "\n")
    server.stop()


if __name__ == "__main__":
    main()

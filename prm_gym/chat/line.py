"""The line to an endpoint: what happens inside the event loop."""

import asyncio
import contextlib
import importlib
import random
import threading
import time
from collections.abc import Iterator, Set
from email.utils import parsedate_to_datetime
from typing import Any, cast

import msgspec

from prm_gym.chat.bounded import OverlongError, bounded
from prm_gym.chat.cache import ChatCache
from prm_gym.chat.counters import ChatCounters
from prm_gym.chat.exchange import ChatFailure, ChatReply, ChatRequest, ChatResult, FailureKind, Usage
from prm_gym.chat.limits import Budget, Window
from prm_gym.chat.settings import ChatSettings
from prm_gym.chat.wire import Body, DeclinedError, OddAnswerError, body_of, estimated_tokens, image_kind, is_too_long, refused_option, reply_of
from prm_gym.errors import StoreError
from prm_gym.secret import Secret

_WAITING_FOR_EACH = 8  # requests under way or waiting to be sent again, for each that may be on its way
_LONGEST_ASKED_WAIT = 3600.0
_GATEWAY_TIMEOUTS = (408, 504, 524)  # somebody in between has waited too long; the model may have answered
_UNSENT = ("ConnectError", "ConnectTimeout", "PoolTimeout", "UnsupportedProtocol")  # the HTTP library's names of what happens before a request is sent
_NO_USAGE = Usage()
_HIDDEN, _LONG_SECRET = "***", 16  # in answers only secrets of so many letters are hidden: shorter ones may be words


class _RetryError(Exception):
    """It may go better later. What was taken all the same is None where nobody says."""

    def __init__(self, kind: str, reason: str, wait: float | None = None, usage: Usage | None = None) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.wait, self.usage = kind, reason, wait, usage


class _GiveUpError(Exception):
    """It will not go better."""

    def __init__(self, kind: FailureKind, reason: str, usage: Usage | None = _NO_USAGE) -> None:
        super().__init__(reason)
        self.kind: FailureKind = kind
        self.reason, self.usage = reason, usage


class _AdaptedError(Exception):
    """The request was changed for the model; it is sent again at once."""


class _Batch(msgspec.Struct):
    """What is under way of one call."""

    requests: list[ChatRequest]
    keys: list[str]
    ends: float
    results: list[ChatResult | None]
    attempts: list[int]
    throttled: list[int]
    faults: list[str]


class Line:
    """Everything of one client in one process. Made anywhere, used inside the loop alone."""

    def __init__(self, settings: ChatSettings) -> None:
        """Take the settings; nothing is opened yet."""
        importlib.import_module("openai")  # it takes seconds: here, and not in the loop, where deadlines run
        self.settings = settings
        self.counters = ChatCounters()
        self.notes: list[str] = []
        self._without: set[str] = set()
        self._client: Any = None
        self._cache: ChatCache | None = None
        self._sending = asyncio.Semaphore(settings.concurrency)
        self._requests = Window(settings.requests_per_minute) if settings.requests_per_minute is not None else None
        self._tokens = Window(settings.tokens_per_minute) if settings.tokens_per_minute is not None else None
        self._token_budget = Budget(settings.most_tokens)
        self._cost_budget = Budget(settings.most_cost)
        self._held_until = 0.0  # the endpoint has asked everybody to wait
        self._failing_since: float | None = None
        self._locked_out = ""  # why no request at all can succeed
        self._reached = self._nobody_there = False  # whether anything was ever heard of the endpoint; whether all attempts were made in vain before that
        self._random = random.Random()
        self._secrets: tuple[str, ...] = ()  # of what was sent; an endpoint may say them back, and so may a library in its errors
        self._opening = threading.Lock()  # of the cache: batches of several threads look it up at once

    async def ask(self, requests: list[ChatRequest], keys: list[str], seconds: float) -> list[ChatResult]:
        """See `ChatClient.ask`; the keys are those of the cache."""
        ends = time.monotonic() + seconds
        count = len(requests)
        batch = _Batch(requests, keys, ends, [None] * count, [0] * count, [0] * count, [""] * count)
        self.counters.asked += len(requests)
        self._failing_since, self._locked_out = None, ""
        first = {key: at for at, key in reversed(list(enumerate(batch.keys)))}
        known = await self._known(list(first), ends)
        for key, at in first.items():
            batch.results[at] = known.get(key)
        self.counters.from_cache += len(known)
        todo = iter([at for at in sorted(first.values()) if batch.results[at] is None])
        width = min(len(first), _WAITING_FOR_EACH * self.settings.concurrency)
        workers = [asyncio.create_task(self._work(batch, todo)) for _ in range(width)] if len(known) < len(first) else []
        try:
            if workers:
                await asyncio.wait(workers, timeout=max(0.0, ends - time.monotonic()))
        finally:
            for worker in workers:
                worker.cancel()
            gone = await asyncio.gather(*workers, return_exceptions=True)
        for fault in gone:
            if isinstance(fault, Exception):
                raise fault  # a mistake of ours
        return self._collected(batch, first, seconds)

    def _collected(self, batch: _Batch, first: dict[str, int], seconds: float) -> list[ChatResult]:
        """The results in order: equal requests share one, what is missing was too late."""
        found: list[ChatResult] = []
        for at, key in enumerate(batch.keys):
            result = batch.results[first[key]]
            if result is None:
                last = f"; the last attempt: {batch.faults[first[key]]}" if batch.faults[first[key]] else ""
                result = ChatFailure(reason=f"no answer within {seconds:g} s{last}", kind="deadline", attempts=batch.attempts[first[key]])
            elif first[key] != at and isinstance(result, ChatReply):
                self.counters.shared += 1
                result = msgspec.structs.replace(result, usage=Usage())
            found.append(result)
        answered = sum(isinstance(result, ChatReply) for result in found)
        self.counters.answered += answered
        self.counters.failed += len(found) - answered
        return found

    @property
    def is_open(self) -> bool:
        """Whether there is something to close."""
        return self._client is not None or self._cache is not None

    async def close(self) -> None:
        """Close connections and file; they are opened again when they are needed."""
        client, cache = self._client, self._cache
        self._client = self._cache = None
        if cache is not None:
            cache.close()
        if client is not None:
            await client.close()

    async def _known(self, keys: list[str], ends: float) -> dict[str, ChatReply]:
        """What the cache knows; a cache that cannot be read knows nothing, and that is noted."""
        if self.settings.cache is None:
            return {}
        try:
            async with asyncio.timeout(max(0.0, ends - time.monotonic())):
                return await asyncio.to_thread(self._looked_up, keys)
        except (StoreError, TimeoutError) as error:
            self._note(str(error) or "the cache did not answer in time")
            return {}

    def _looked_up(self, keys: list[str]) -> dict[str, ChatReply]:
        return self._store().get(keys)

    def _store(self) -> ChatCache:
        """The cache, opened where it is not, or was closed meanwhile by whoever shares the client."""
        with self._opening:
            if self._cache is None:
                self._cache = ChatCache(str(self.settings.cache))
            return self._cache

    def _put(self, key: str, reply: ChatReply) -> None:
        try:
            self._store().put(key, self.settings.model, reply)
        except StoreError:  # perhaps it was closed in between
            self._store().put(key, self.settings.model, reply)

    async def _keep(self, key: str, reply: ChatReply) -> None:
        try:
            await asyncio.to_thread(self._put, key, reply)
        except StoreError as error:  # the answer counts all the same
            self._note(str(error))

    def _note(self, sentence: str) -> None:
        if sentence not in self.notes:
            self.notes.append(sentence)

    async def _work(self, batch: _Batch, todo: Iterator[int]) -> None:
        """Answer one request after the other."""
        for at in todo:
            try:
                await self._answer(batch, at)
            except _GiveUpError as error:
                batch.results[at] = ChatFailure(reason=error.reason, kind=error.kind, attempts=batch.attempts[at])

    async def _answer(self, batch: _Batch, at: int) -> None:
        """Put down the answer to one request, with as many attempts as it may take."""
        request, settings = batch.requests[at], self.settings
        if any(not image_kind(image) for message in request.messages for image in message.images):
            raise _GiveUpError("refused", "an image of the request is neither PNG, JPEG, GIF nor WebP")
        while True:
            try:
                reply = await self._attempt(batch, at)
            except _AdaptedError:
                continue
            except _RetryError as error:
                batch.faults[at] = error.reason
                self.counters.fault(error.kind)
                await self._wait(batch, at, error)
                continue
            self._failing_since, self._reached = None, True
            batch.results[at] = reply
            if settings.cache is not None:  # it is kept even if the deadline passes meanwhile
                await asyncio.shield(asyncio.ensure_future(self._keep(batch.keys[at], reply)))
            return

    async def _wait(self, batch: _Batch, at: int, error: _RetryError) -> None:
        """Wait before the next attempt, or give up."""
        settings, now = self.settings, time.monotonic()
        self._failing_since = self._failing_since or now
        self._reached |= error.kind != "no connection"
        if self._nobody_there and not self._reached:
            raise _GiveUpError("exhausted", f"the endpoint was never reached: {error.reason}")
        # That there are too many requests says nothing of this one: it is sent again as long as the deadline and the patience allow.
        batch.throttled[at] += error.kind == "429"
        attempts = batch.attempts[at] - (0 if error.kind == "429" else batch.throttled[at])
        if error.kind != "429" and attempts >= settings.attempts:
            self._nobody_there = not self._reached
            raise _GiveUpError("exhausted", f"{attempts} attempts failed; the last one: {error.reason}")
        if now - self._failing_since > settings.patience:
            self._nobody_there = not self._reached
            raise _GiveUpError("exhausted", f"the endpoint has answered nothing for {settings.patience:g} s; the last attempt: {error.reason}")
        wait = min(settings.longest_wait, settings.first_wait * 2 ** min(attempts - 1, 30)) * self._random.uniform(0.5, 1.0)
        if error.wait is not None:
            self._held_until = max(self._held_until, now + error.wait)
            wait = error.wait + settings.first_wait * self._random.random()
        if now + wait >= batch.ends:
            raise _GiveUpError("deadline", f"no time for another attempt before the deadline; the last one: {error.reason}")
        await asyncio.sleep(wait)

    async def _attempt(self, batch: _Batch, at: int) -> ChatReply:
        """Send one request, within all limits."""
        settings, request = self.settings, batch.requests[at]
        read, worst = estimated_tokens(request), estimated_tokens(request) + request.max_tokens
        worst_cost = settings.cost(read, request.max_tokens)
        async with self._sending:
            entry = await self._let_through(worst, batch.ends)
            await self._reserve(worst, worst_cost)
            usage: Usage | None = None  # so it stays where the deadline comes in the middle
            try:
                if self._locked_out:
                    raise _GiveUpError("refused", self._locked_out)
                batch.attempts[at] += 1
                self.counters.sent += 1
                self.counters.retries += batch.attempts[at] > 1
                reply = await self._sent(request, min(settings.request_seconds, batch.ends - time.monotonic()))
                usage = reply.usage
                return reply
            except (_RetryError, _GiveUpError) as error:
                usage = error.usage
                raise
            except _AdaptedError:
                batch.attempts[at] -= 1
                self.counters.fault("option refused")
                usage = _NO_USAGE
                raise
            finally:
                self._settle(usage, worst, worst_cost, entry)

    def _settle(self, usage: Usage | None, worst: int, worst_cost: float, entry: list[float] | None) -> None:
        """Put what a request took in place of what it might have taken; where nobody says, it may have taken the worst."""
        if usage is None:
            self.counters.untold_tokens += worst
            self.counters.untold_cost += worst_cost
            self._token_budget.settle(worst, worst)
            self._cost_budget.settle(worst_cost, worst_cost)
            return
        tokens, cost = usage.prompt_tokens + usage.completion_tokens, self.settings.cost(usage.prompt_tokens, usage.completion_tokens)
        self.counters.prompt_tokens += usage.prompt_tokens
        self.counters.completion_tokens += usage.completion_tokens
        self.counters.cost += cost
        self._token_budget.settle(worst, tokens)
        self._cost_budget.settle(worst_cost, cost)
        if tokens and entry is not None and self._tokens is not None:
            self._tokens.correct(entry, tokens)

    async def _reserve(self, tokens: int, cost: float) -> None:
        if not await self._token_budget.reserve(tokens):
            spent = f"{self._token_budget.spent:.0f} of {self.settings.most_tokens} tokens are spent{self._untold()}"
            raise _GiveUpError("budget", f"{spent}, and this request may take {tokens}")
        try:
            if not await self._cost_budget.reserve(cost):
                spent = f"{self._cost_budget.spent:.4g} of {self.settings.most_cost:g} is spent{self._untold()}"
                raise _GiveUpError("budget", f"{spent}, and this request may cost {cost:.4g}")
        except BaseException:
            self._token_budget.settle(tokens, 0.0)
            raise

    def _untold(self) -> str:
        """Part of a reason: that some of it may not have been spent."""
        return " (or may be, by requests of which nothing came back)" if self.counters.untold_tokens else ""

    async def _let_through(self, tokens: int, ends: float) -> list[float] | None:
        """Wait until the limits, and the endpoint itself, let a request through."""
        began = time.monotonic()
        while (wait := self._held_until - time.monotonic()) > 0:
            if self._held_until >= ends:
                raise _GiveUpError("deadline", f"the endpoint asks to wait for {wait:.0f} s, longer than the deadline allows")
            await asyncio.sleep(wait + self._random.uniform(0.0, self.settings.first_wait))
        entry = await self._tokens.enter(tokens) if self._tokens is not None else None
        if self._requests is not None:
            await self._requests.enter(1.0)
        self.counters.waited += time.monotonic() - began
        return entry

    async def _sent(self, request: ChatRequest, seconds: float) -> ChatReply:
        """One request over the wire."""
        without = frozenset(self._without)
        content = await self._content(body_of(request, self.settings.model, without), without, seconds)
        try:
            return reply_of(content, request, without)
        except OddAnswerError as error:
            raise _RetryError(str(error).split(":")[0], f"the endpoint sent {self._shown(str(error))}", usage=error.usage) from error
        except DeclinedError as error:
            raise _GiveUpError("refused", self._shown(str(error)), error.usage) from error

    async def _content(self, body: Body, without: Set[str], seconds: float) -> bytes:
        """The body of a good response."""
        import openai

        client = self._opened()
        # All fields but these two go as further fields, so that a version of the client that does not know them sends them too.
        fields = {name: value for name, value in body.items() if name not in ("model", "messages")}
        create = client.chat.completions.with_raw_response.create
        try:
            async with asyncio.timeout(seconds):
                raw = await create(model=body["model"], messages=body["messages"], timeout=seconds, extra_body=fields | self.settings.extra)
            content: bytes = raw.content
            for secret in self._secrets:
                if len(secret) >= _LONG_SECRET:
                    content = content.replace(secret.encode(), _HIDDEN.encode())
            return content
        except (TimeoutError, openai.APITimeoutError) as error:
            raise _RetryError("no answer in time", f"no answer within {seconds:.3g} s") from error
        except OverlongError as error:
            raise _RetryError("an overlong answer", f"the endpoint sent {error}") from error
        except openai.APIStatusError as error:
            raise self._fault_of(error, body, without) from error
        except openai.APIConnectionError as error:
            raise _RetryError("no connection", f"the endpoint cannot be reached: {self._cause(error)}", usage=_NO_USAGE if _unsent(error) else None) from error
        except Exception as error:  # whatever the HTTP libraries raise for what a server sends
            raise _RetryError("odd answer", f"the endpoint sent something that the client cannot read: {self._cause(error)}") from error

    def _fault_of(self, error: Any, body: Body, without: Set[str]) -> Exception:
        """What an HTTP status above 399 means: adapt, try again, or give up."""
        status: int = error.status_code
        message, param, code = map(self._shown, _told(error.body))
        said = f"HTTP status {status}" + (f": {message[:300]}" if message else "")
        option = refused_option(message, param, body) if status in (400, 422) else ""
        if option and option not in without:
            self._without.add(option)
            self._note(f"the model does not take the option {option!r} and is asked without it ({message[:200]})")
            return _AdaptedError()
        if status == 429 and code == "insufficient_quota":
            return _GiveUpError("budget", f"the account has no money left: {said}")
        if status in (408, 409, 425, 429) or status >= 500:
            wait = _asked_wait(error.response.headers) if status in (429, 503) else None
            return _RetryError(str(status), said, wait, None if status in _GATEWAY_TIMEOUTS else _NO_USAGE)
        if 300 <= status < 400:
            place = self._shown(str(error.response.headers.get("location", "somewhere else")))[:200]
            self._locked_out = f"the endpoint redirects to {place}, which is not followed (HTTP status {status}): give that address as base_url if it is right"
            return _GiveUpError("refused", self._locked_out)
        if status == 401:
            self._locked_out = f"the endpoint does not accept the key: {said}"
        elif status == 404:
            self._locked_out = f"the endpoint has no such model or address: {said}"
        kind: FailureKind = "too_long" if status in (400, 413, 422) and is_too_long(message) else "refused"
        return _GiveUpError(kind, f"the endpoint refuses the request: {said}")

    def _cause(self, error: BaseException) -> str:
        """The innermost cause, which says what went wrong."""
        while error.__cause__ is not None:
            error = error.__cause__
        said = self._shown(str(error))[:200]
        return f"{type(error).__name__}: {said}" if said else type(error).__name__

    def _shown(self, text: str) -> str:
        """A text of the endpoint or of a library without what is secret, and without half characters, so that it can be stored."""
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text.encode("utf-8", "replace").decode()

    def _opened(self) -> Any:
        """The official client, which keeps its connections."""
        if self._client is None:
            import openai

            limits = type(openai.DEFAULT_CONNECTION_LIMITS)(max_connections=self.settings.concurrency, max_keepalive_connections=self.settings.concurrency)
            headers = {"Accept-Encoding": "identity"}  # what is packed can be of any size when it is unpacked
            key = self.settings.reveal_key()
            hidden = {key, *(value.reveal() for _, value in self.settings.headers if isinstance(value, Secret))} - {"", "none"}
            self._secrets = tuple(sorted(hidden, key=len, reverse=True))
            headers |= {name: value if isinstance(value, str) else value.reveal() for name, value in self.settings.headers}
            self._client = openai.AsyncOpenAI(
                api_key=key,
                base_url=self.settings.endpoint,
                max_retries=0,
                timeout=self.settings.request_seconds,
                default_headers=headers,
                # What is sent, secret headers among it, is for this endpoint alone: no redirection is followed.
                http_client=openai.DefaultAsyncHttpxClient(limits=limits, follow_redirects=False, event_hooks={"response": [bounded]}),
            )
        return self._client


def _unsent(error: BaseException | None) -> bool:
    """Whether a connection failed before anything was sent over it."""
    while error is not None:
        if type(error).__name__ in _UNSENT:
            return True
        error = error.__cause__
    return False


def _told(body: Any) -> tuple[str, str, str]:
    """Message, parameter and code of an error, as far as it tells them."""
    told = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    inner = told.get("error")
    found = cast("dict[str, Any]", inner) if isinstance(inner, dict) else told
    message = found.get("message") or found.get("detail") or (inner if isinstance(inner, str) else "")
    return (str(message), str(found.get("param") or ""), str(found.get("code") or found.get("type") or ""))


def _asked_wait(headers: Any) -> float | None:
    """Seconds that the endpoint asks to wait; None where it does not say."""
    for name, unit in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        with contextlib.suppress(TypeError, ValueError):
            wait = float(headers.get(name)) / unit
            return min(wait, _LONGEST_ASKED_WAIT) if wait >= 0 else None
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        return min(max(0.0, parsedate_to_datetime(headers.get("retry-after")).timestamp() - time.time()), _LONGEST_ASKED_WAIT)
    return None

"""The routes of a server: who may ask, how much, and what for."""

import asyncio
import contextlib
import hmac
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import msgspec

from prm_gym._version import VERSION
from prm_gym.claims import decode_claims
from prm_gym.errors import MissingExtraError, PrmGymError
from prm_gym.secret import Secret
from prm_gym.serving.host import Job
from prm_gym.serving.judges import Judge
from prm_gym.serving.openapi import described
from prm_gym.serving.problems import Problem
from prm_gym.serving.sessions import Session, Sessions
from prm_gym.serving.wire import (
    BatchReset,
    BatchStep,
    Done,
    Environments,
    Health,
    OfferedVerifier,
    OpenRequest,
    ReseedRequest,
    ResetRequest,
    RestoreRequest,
    SlotRequest,
    SolutionReply,
    StepRequest,
    Verdicts,
    Verifiers,
    VerifyRequest,
)
from prm_gym.task import Task
from prm_gym.verifier import StepContext

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

Endpoint: TypeAlias = "Callable[[Request], Awaitable[bytes]]"

MOST_KEY = 200  # characters of an idempotency key
_ENCODER = msgspec.json.Encoder()
_NOWHERE = Task(key="", instructions="", question="")
T = TypeVar("T")


class Service:
    """What the routes do."""

    def __init__(self, sessions: Sessions, environments: Environments, judges: Sequence[Judge], tokens: Sequence[Secret], hosts: frozenset[str]) -> None:
        """Take what is served.

        Args:
            sessions: over the environments.
            environments: as clients are told.
            judges: the verifiers.
            tokens: any of which a request must bear; none for a server that asks for none.
            hosts: names under which the server may be asked; empty for any. A page of a browser that was led here under another name is refused.
        """
        self.sessions = sessions
        self.limits = sessions.limits
        self._judges = {judge.name: judge for judge in judges}
        self._environments = _ENCODER.encode(environments)
        self._verifiers = _ENCODER.encode(Verifiers([OfferedVerifier(name=judge.name, card=judge.card) for judge in judges]))
        self._openapi = described(VERSION, bool(tokens))
        self._tokens = [sha256(token.reveal().encode()).digest() for token in tokens]
        self._hosts = hosts
        self._verifying = 0
        self._decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}

    def application(self) -> Any:
        """For an ASGI server.

        Raises:
            MissingExtraError: Starlette is not installed.
        """
        try:
            from starlette.applications import Starlette
            from starlette.exceptions import HTTPException
            from starlette.routing import Route
        except ImportError as error:
            raise MissingExtraError("starlette", "serve") from error

        async def lost(request: "Request", error: Any) -> "Response":
            code = {404: "not_found", 405: "bad_method"}.get(error.status_code, "bad_request")
            return _refused(Problem(code, f"{request.method} {request.url.path[:200]} is nothing here; GET /openapi.json says what there is"))

        paths: list[tuple[str, str, Endpoint, bool]] = [
            ("GET", "/health", self._health, False),
            ("GET", "/openapi.json", self._describe, False),
            ("GET", "/v1/environments", self._list_environments, True),
            ("GET", "/v1/verifiers", self._list_verifiers, True),
            ("POST", "/v1/verify", self._verify, True),
            ("POST", "/v1/sessions", self._open, True),
            ("DELETE", "/v1/sessions/{session}", self._close, True),
            ("POST", "/v1/sessions/{session}/reset", self._reset, True),
            ("POST", "/v1/sessions/{session}/step", self._step, True),
            ("POST", "/v1/sessions/{session}/batch/reset", self._reset_batch, True),
            ("POST", "/v1/sessions/{session}/batch/step", self._step_batch, True),
            ("POST", "/v1/sessions/{session}/snapshot", self._snapshot, True),
            ("POST", "/v1/sessions/{session}/restore", self._restore, True),
            ("POST", "/v1/sessions/{session}/reseed", self._reseed, True),
            ("POST", "/v1/sessions/{session}/solution", self._solution, True),
        ]
        routes = [Route(path, self._guarded(endpoint, secured), methods=[method]) for method, path, endpoint, secured in paths]
        application = Starlette(routes=routes, exception_handlers={HTTPException: lost}, lifespan=self._life)
        application.router.redirect_slashes = False  # a redirection names the host that the request names, before anybody has looked at it
        return application

    @contextlib.asynccontextmanager
    async def _life(self, _: Any) -> AsyncGenerator[None]:
        reaper = asyncio.create_task(self.sessions.reap())
        try:
            yield
        finally:
            reaper.cancel()
            await self.sessions.close_all()
            self.close()

    def close(self) -> None:
        """End the verifiers."""
        for judge in self._judges.values():
            judge.close()

    def _guarded(self, endpoint: Endpoint, secured: bool) -> "Callable[[Request], Awaitable[Response]]":
        """The endpoint with what all have in common."""
        from starlette.responses import Response

        async def respond(request: "Request") -> Response:
            try:
                self._admit(request, secured)
                return Response(await endpoint(request), 200, media_type="application/json")
            except Problem as problem:
                return _refused(problem)

        return respond

    def _admit(self, request: "Request", secured: bool) -> None:
        """Whether it may be answered at all; notes whose it is."""
        host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
        if self._hosts and host.lower() not in self._hosts:
            raise Problem("bad_host", "this server is asked under another name than its own")
        request.state.owner = ""
        if secured and self._tokens:
            kind, _, token = request.headers.get("authorization", "").partition(" ")
            given = sha256(token.encode("utf-8", "surrogateescape")).digest()
            known = [hmac.compare_digest(given, each) for each in self._tokens]
            if kind.lower() != "bearer" or not any(known):
                raise Problem("unauthorized", "a token is needed: Authorization: Bearer TOKEN")
            request.state.owner = given.hex()

    async def _body(self, request: "Request", kind: type[T]) -> T:
        """The message of a request.

        Raises:
            Problem: it is too large, too slow, or not of the kind.
        """
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Problem("not_json", "the body is JSON: content-type: application/json")
        most = self.limits.body_bytes
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > most:
            raise Problem("too_large", f"a body has at most {most:,} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > most:
                        raise Problem("too_large", f"a body has at most {most:,} bytes")
        except TimeoutError as error:
            raise Problem("too_slow", f"the body did not come within {self.limits.body_seconds:g} s") from error
        request.state.digest = sha256(body).hexdigest()
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind, dec_hook=decode_claims)
        try:
            return decoder.decode(bytes(body))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError, PrmGymError) as error:
            raise Problem("bad_request", f"the body is no {kind.__name__}: {str(error)[:500]}") from error

    def _session(self, request: "Request") -> Session:
        return self.sessions.find(request.path_params["session"], request.state.owner)

    async def _work(self, request: "Request", session: Session, work: Callable[[], bytes]) -> bytes:
        return await self.sessions.answer(session, _key(request), work)

    # The endpoints.

    async def _health(self, _: "Request") -> bytes:
        return _ENCODER.encode(Health(status="ok", version=VERSION, sessions=len(self.sessions), most_sessions=self.limits.sessions))

    async def _describe(self, _: "Request") -> bytes:
        return self._openapi

    async def _list_environments(self, _: "Request") -> bytes:
        return self._environments

    async def _list_verifiers(self, _: "Request") -> bytes:
        return self._verifiers

    async def _open(self, request: "Request") -> bytes:
        asked = await self._body(request, OpenRequest)
        return _ENCODER.encode(await self.sessions.open(request.state.owner, asked, _key(request)))

    async def _close(self, request: "Request") -> bytes:
        return await self.sessions.close(self._session(request))

    async def _reset(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, ResetRequest)
        return await self._work(request, session, lambda: session.reset([asked])[0])

    async def _step(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, StepRequest)
        return await self._work(request, session, lambda: session.step([asked])[0])

    async def _reset_batch(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, BatchReset)
        return await self._work(request, session, lambda: _results(session.reset(asked.resets)))

    async def _step_batch(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, BatchStep)
        return await self._work(request, session, lambda: _results(session.step(asked.steps)))

    async def _snapshot(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, SlotRequest)
        return await self._work(request, session, lambda: self.sessions.snapshot(session, asked.slot))

    async def _restore(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, RestoreRequest)
        return await self._work(request, session, lambda: self.sessions.restore(session, asked))

    async def _reseed(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, ReseedRequest)

        def work() -> bytes:
            session.ask(Job("reseed", (asked.slot, asked.seed)))
            return _ENCODER.encode(Done())

        return await self._work(request, session, work)

    async def _solution(self, request: "Request") -> bytes:
        session, asked = self._session(request), await self._body(request, SlotRequest)
        if not self.sessions.offer.solutions:
            raise Problem("not_offered", "this server does not tell solutions")

        def work() -> bytes:
            (part,) = session.ask(Job("solution", asked.slot))
            return _ENCODER.encode(SolutionReply(msgspec.json.decode(part, type=list[str])))

        return await self._work(request, session, work)

    async def _verify(self, request: "Request") -> bytes:
        asked = await self._body(request, VerifyRequest)
        judge = self._judges.get(asked.verifier)
        if judge is None:
            raise Problem("not_offered", f"there is no such verifier here; there are {', '.join(self._judges) or 'none'}")
        if (asked.steps is None) is (asked.claims is None):
            raise Problem("bad_request", "give either steps or claims")
        steps = asked.steps
        if steps is None:
            steps = [StepContext(task=_NOWHERE, observation="", action="", claims=(claim,)) for claim in asked.claims or ()]
        if len(steps) > self.limits.verify_steps:
            raise Problem("too_large", f"a request has at most {self.limits.verify_steps} steps, got {len(steps)}")
        if self._verifying >= self.limits.verify_requests:
            raise Problem("too_many_requests", "the verifiers have more requests than the server lets wait", retry_after=1)
        self._verifying += 1
        try:
            verdicts = await self.sessions.blocking(lambda: judge.verify(steps))
        finally:
            self._verifying -= 1
        return _ENCODER.encode(Verdicts(verdicts))


def _key(request: "Request") -> str:
    """The idempotency key of a request whose body was read, with what it asks for: the same key for something else is another one."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > MOST_KEY:
        raise Problem("bad_request", f"an idempotency key has at most {MOST_KEY} characters")
    return f"{request.url.path} {request.state.digest} {key}" if key else ""


def _results(parts: Sequence[bytes]) -> bytes:
    return b'{"results":[' + b",".join(parts) + b"]}"


def _refused(problem: Problem) -> "Response":
    from starlette.responses import Response

    body = json.dumps(msgspec.to_builtins(problem.body())).encode()  # in ASCII: a detail may hold whatever a client has sent
    return Response(body, int(problem.status), problem.headers(), media_type="application/problem+json")

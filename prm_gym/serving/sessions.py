"""Sessions: each some environments in a process of its own, one request at a time, closed when nothing is asked of it.

Everything here runs in the server's event loop, but for the waiting for processes, which threads do.
"""

import asyncio
import contextlib
import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import msgspec

from prm_gym.errors import WorkerError
from prm_gym.serving.host import Answer, Job
from prm_gym.serving.offer import Offer
from prm_gym.serving.problems import Problem
from prm_gym.serving.snapshots import Kept, Snapshots
from prm_gym.serving.wire import (
    Description,
    Done,
    Info,
    OpenRequest,
    ResetRequest,
    RestoreRequest,
    SessionReply,
    SnapshotReply,
    StepReply,
    StepRequest,
)
from prm_gym.verdict import Verdict
from prm_gym.workers import JobResult, WorkerPool

MOST_REPLIES = 4  # of a session that are kept for a client that asks once more
START_SECONDS = 120.0
CLOSING_SECONDS = 10.0
_ENCODER = msgspec.json.Encoder()
_log = logging.getLogger("prm_gym.serving")
T = TypeVar("T")


class Last(msgspec.Struct, frozen=True):
    """What is read again of the last result of a slot, where its episode is lost."""

    observation: str
    info: Info
    steps: int


class Session:
    """Some environments of one client.

    Attributes:
        owner: who opened it.
        request: by which.
        made: environment and options, to compare.
        key: of the request that opened it; empty for none.
        used: when something was last asked, on the monotonic clock.
        busy: key of the request that is under way.
        replies: by key, the last ones.
        description: of its environments.
    """

    def __init__(self, owner: str, request: OpenRequest, options: dict[str, Any], key: str, offer: Offer) -> None:
        """Describe the process; it starts when it is first asked."""
        self.id = secrets.token_urlsafe(16)
        self.owner, self.request, self.key = owner, request, key
        self.made = _ENCODER.encode([request.env, sorted(options.items())])
        self.used = time.monotonic()
        self.lock = asyncio.Lock()
        self.busy = ""
        self.replies: OrderedDict[str, bytes] = OrderedDict()
        self.description: Description | None = None
        self._last: dict[int, bytes] = {}
        self._running: set[int] = set()
        self._lost: dict[int, str] = {}
        self._forgotten: set[int] = set()  # slots whose generators are gone
        self._process = 0
        self._pool = WorkerPool(
            "prm_gym.serving.host:Host",
            setup=(request.env, request.num_envs, options),
            workers=1,
            deadline=offer.limits.request_seconds,
            memory_mb=offer.limits.memory_mb,
            recycle_after=1 << 40,  # it holds episodes
            start_seconds=START_SECONDS,
        )

    def ask(self, job: Job) -> tuple[bytes, ...]:
        """What the process says; blocks.

        Raises:
            Problem: it refuses, or is lost with its episodes.
        """
        try:
            result = self._pool.run(job)
        except WorkerError as error:
            _log.error("session of %s: %s", self.request.env, error)
            result = JobResult(status="crash", reason="no process could be started")
        answer: Answer | None = result.value
        if answer is None:
            _log.warning("session of %s lost its process: %s", self.request.env, result.reason)
            raise self._lose(f"the process of the session was lost ({result.status})")
        if self._process not in (0, answer.process):  # it has died while nothing was asked of it
            lost = self._lose("the process of the session was lost")
            self._process = answer.process
            if job.kind not in ("describe", "reset", "restore"):
                raise lost
        self._process = answer.process
        if answer.log:
            _log.error("session of %s: %s", self.request.env, answer.log)
        if answer.code:
            raise Problem(answer.code, answer.detail, retry_after=1 if answer.code == "environment_fault" else None)
        return answer.parts

    def _lose(self, reason: str) -> Problem:
        """The running episodes are gone; what a client is told who asked for something else than a step."""
        self._lost.update(dict.fromkeys(self._running, reason))
        self._forgotten.update(self._last)
        self._running.clear()
        self._process = 0
        return Problem("environment_fault", reason, retry_after=1)

    def open(self) -> Description:
        """Make the environments; blocks."""
        (part,) = self.ask(Job("describe"))
        self.description = msgspec.json.decode(part, type=Description)
        return self.description

    def reset(self, requests: Sequence[ResetRequest]) -> list[bytes]:
        """Begin episodes; blocks. One result a request."""
        self._require_slots([request.slot for request in requests])
        self._require_generators(requests)
        parts = self.ask(Job("reset", requests))
        self._require_generators(requests)  # it may have come out just now that they are gone
        for request, part in zip(requests, parts, strict=True):
            self._begun(request.slot, part)
        return list(parts)

    def _require_generators(self, requests: Sequence[ResetRequest]) -> None:
        gone = [request.slot for request in requests if request.seed is None and request.slot in self._forgotten]
        if gone:
            raise Problem("generator_lost", f"the random generators of the slots {gone[:20]} are lost with their process: reset with a seed")

    def step(self, requests: Sequence[StepRequest]) -> list[bytes]:
        """Take steps; blocks. One result a request; of an episode that is lost, the one that ends it."""
        self._require_slots([request.slot for request in requests])
        alive = [request for request in requests if request.slot not in self._lost]
        parts: dict[int, bytes] = {}
        if alive:
            try:
                found = self.ask(Job("step", alive))
                parts = {request.slot: part for request, part in zip(alive, found, strict=True)}
            except Problem:
                if not all(request.slot in self._lost for request in alive):
                    raise
        for request in requests:
            if request.slot not in parts:
                parts[request.slot] = self._spoilt(request.slot, self._lost.pop(request.slot))
            self._last[request.slot] = parts[request.slot]
        return [parts[request.slot] for request in requests]

    def restore(self, request: RestoreRequest, snapshot: bytes) -> bytes:
        """Put an episode back; blocks."""
        self._require_slots([request.slot])
        (part,) = self.ask(Job("restore", (request.slot, snapshot)))
        self._begun(request.slot, part)
        return part

    def _begun(self, slot: int, part: bytes) -> None:
        self._last[slot] = part
        self._running.add(slot)
        self._forgotten.discard(slot)
        self._lost.pop(slot, None)

    def _require_slots(self, slots: Sequence[int]) -> None:
        if len(set(slots)) < len(slots) or max(slots) >= self.request.num_envs:
            raise Problem("bad_request", f"the session has the slots 0 to {self.request.num_envs - 1}, each once in a request; got {slots[:20]}")

    def _spoilt(self, slot: int, reason: str) -> bytes:
        """The end of an episode that is lost: truncated and not valid."""
        last = msgspec.json.decode(self._last[slot], type=Last)
        cards = self.description.verifiers if self.description is not None else ()
        verdicts = {card.id: Verdict(status="error", reason=reason, verifier=card.id, version=card.version) for card in cards}
        info = msgspec.structs.replace(last.info, verdicts=verdicts, outcome=None, valid=False)
        reply = StepReply(slot=slot, observation=last.observation, reward=0.0, terminated=False, truncated=True, info=info, steps=last.steps + 1, spoilt=reason)
        return _ENCODER.encode(reply)

    def close(self) -> None:
        """Close the environments and end the process; blocks."""
        if self.description is not None:
            with contextlib.suppress(Problem):
                self.ask(Job("close"))
        self._pool.close()

    def kill(self) -> None:
        """End the process at once."""
        self._pool.close()


class Sessions:
    """All sessions of a server."""

    def __init__(self, offer: Offer) -> None:
        """Take what is offered."""
        self.offer = offer
        self.limits = offer.limits
        self.snapshots = Snapshots(offer.limits.snapshot_bytes)
        self.threads = ThreadPoolExecutor(offer.limits.sessions + offer.limits.verify_requests + 4, thread_name_prefix="prm_gym-serve")
        self._sessions: dict[str, Session] = {}
        self._closing = False
        self._ending: set[Session] = set()

    def __len__(self) -> int:
        return len(self._sessions) + len(self._ending)

    async def blocking(self, work: Callable[[], T]) -> T:
        """The result of work that blocks, done in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work)

    async def open(self, owner: str, request: OpenRequest, key: str) -> SessionReply:
        """A new session, or the one that the same key has opened.

        Raises:
            Problem: there are too many, or it may not be had.
        """
        known = next((each for each in self._sessions.values() if key and (each.owner, each.key) == (owner, key)), None)
        if known is None:
            options = self.offer.options(request.env, request.options)
            if request.num_envs > self.limits.session_envs:
                raise Problem("bad_option", f"a session has at most {self.limits.session_envs} environments, got {request.num_envs}")
            self._require_room()
            session = Session(owner, request, options, key, self.offer)
            self._sessions[session.id] = session
        else:
            session = known
        async with session.lock:
            try:
                described = session.description or await self.blocking(session.open)
                session.used = time.monotonic()  # to be opened may have taken longer than it may be idle
            except BaseException:
                self._sessions.pop(session.id, None)
                await self.blocking(session.close)
                raise
        return SessionReply(
            session=session.id,
            env=request.env,
            num_envs=request.num_envs,
            description=described,
            idle_seconds=self.limits.idle_seconds,
            request_seconds=self.limits.request_seconds,
            solutions=self.offer.solutions,
        )

    def _require_room(self) -> None:
        if self._closing:
            raise Problem("closing", "the server is closing", retry_after=30)
        if len(self) >= self.limits.sessions:
            longest = min((each.used for each in self._sessions.values() if not each.lock.locked()), default=time.monotonic())
            wait = longest + self.limits.idle_seconds - time.monotonic()
            detail = f"the server has {self.limits.sessions} sessions, which is all it allows: close one, or come again"
            raise Problem("too_many_sessions", detail, retry_after=min(60.0, max(1.0, wait)))

    def find(self, session_id: str, owner: str) -> Session:
        """A session of this owner.

        Raises:
            Problem: there is none of that name.
        """
        session = self._sessions.get(session_id)
        if session is None or session.owner != owner:
            raise Problem("no_session", "there is no such session: it was closed, by a client or after a time of idleness, or never opened")
        return session

    async def answer(self, session: Session, key: str, work: Callable[[], bytes]) -> bytes:
        """The JSON that some work on a session gives; a request that comes again under its key gets what it got, and nothing is done twice.

        Args:
            session: that is asked.
            key: of the request; empty for none.
            work: blocks.

        Raises:
            Problem: another request is under way, or the work is refused.
        """
        if session.lock.locked() and not (key and session.busy == key) and key not in session.replies:
            raise Problem("session_busy", "the session is at work on another request; it takes one at a time", retry_after=1)
        async with session.lock:
            if key in session.replies:
                return session.replies[key]
            self.find(session.id, session.owner)  # it may have been closed meanwhile
            session.busy, session.used = key, time.monotonic()
            try:
                reply = await self.blocking(work)
            finally:
                session.busy, session.used = "", time.monotonic()
            if key:
                session.replies[key] = reply
                while len(session.replies) > MOST_REPLIES:
                    session.replies.popitem(last=False)
            return reply

    def snapshot(self, session: Session, slot: int) -> bytes:
        """Save an episode; blocks."""
        (data,) = session.ask(Job("snapshot", slot))
        return _ENCODER.encode(SnapshotReply(self.snapshots.put(Kept(session.owner, session.made, data))))

    def restore(self, session: Session, request: RestoreRequest) -> bytes:
        """Put an episode back; blocks."""
        return session.restore(request, self.snapshots.get(request.snapshot, session.owner, session.made))

    async def close(self, session: Session) -> bytes:
        """Close a session, once what it is at work on is done."""
        if self._sessions.pop(session.id, None) is not None:
            self._ending.add(session)
            try:
                async with session.lock:
                    await self.blocking(session.close)
            finally:
                self._ending.discard(session)
        return _ENCODER.encode(Done())

    async def reap(self) -> None:
        """Close what is idle, for ever."""
        while True:
            await asyncio.sleep(min(5.0, self.limits.idle_seconds / 4))
            now = time.monotonic()
            idle = [each for each in self._sessions.values() if not each.lock.locked() and now - each.used > self.limits.idle_seconds]
            for session in idle:
                _log.info("session of %s closed after %g idle seconds", session.request.env, self.limits.idle_seconds)
            await asyncio.gather(*(self.close(session) for session in idle), return_exceptions=True)

    async def close_all(self) -> None:
        """Close all sessions; those that take too long are killed."""
        self._closing = True
        sessions = list(self._sessions.values())
        tasks = [asyncio.ensure_future(self.close(session)) for session in sessions]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING_SECONDS)
        for session in sessions:
            session.kill()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.threads.shutdown(wait=False)

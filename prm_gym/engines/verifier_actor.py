"""The actor of a verifier pool: one verifier in one process, asked by any number of callers."""

import os
import pickle
import platform
import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import msgspec

from prm_gym._version import VERSION
from prm_gym.claims import Claim
from prm_gym.errors import OptionError, WorkerError
from prm_gym.verdict import Verdict
from prm_gym.verifier import StepContext, Verifier, make_verifier, verify_batch

# Chunks that an actor holds at once; what callers send beyond waits at their own places.
HELD_CHUNKS = 64


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What an actor says of itself and of its verifier.

    Attributes:
        id: of the verifier.
        version: of the verifier.
        claims: the claim types that it understands.
        wants_claims: whether it, or a verifier that it is made of, judges claims.
        pure: whether the same input always gets the same verdict.
        extras: its `threshold` and `aggregation`, where it declares them.
        process: id of the actor's process.
        node: id of its node.
    """

    id: str
    version: str
    claims: tuple[type[Claim], ...]
    wants_claims: bool
    pure: bool
    extras: dict[str, Any]
    process: int
    node: str


class Judged(msgspec.Struct, frozen=True):
    """What comes back of a chunk: its verdicts, and the seconds in which the actor worked on it (and on what it was judged together with)."""

    verdicts: list[Verdict]
    run_seconds: float


class _Chunk:
    def __init__(self, steps: Sequence[StepContext], alone: bool) -> None:
        self.steps = steps
        self.alone = alone
        self.answer: Future[Judged] = Future()


class VerifierActor:
    """One verifier, made when it is first asked for, and used by one thread alone.

    What several callers have sent while the verifier was busy is judged in one call, up to `batch_steps` steps, so that a model sees large batches
    although each caller sends small ones.
    """

    def __init__(self, member: bytes, batch_steps: int, idle_seconds: float) -> None:
        """Take the verifier; nothing is loaded yet, so that what goes wrong with it goes wrong in an answer.

        Args:
            member: a pickled specification or verifier.
            batch_steps: of chunks that are judged together, >= 1.
            idle_seconds: after so many seconds in which nobody asked, the actor ends; 0 for never.
        """
        self._member = member
        self._batch_steps = batch_steps
        self._verifier: Verifier | None = None
        self._waiting: deque[_Chunk] = deque()
        self._users: set[str] = set()
        self._busy: set[object] = set()  # a token for each call under way
        self._last = time.monotonic()  # when the last call ended
        self._thread = ThreadPoolExecutor(1, "verifier")
        if idle_seconds > 0:
            threading.Thread(target=self._end_when_idle, args=(idle_seconds,), daemon=True).start()

    def describe(self, user: str, version: str, member: bytes) -> Description:
        """What is judged here, once it can be judged.

        Args:
            user: id of the caller, which uses the actor from now on.
            version: of the caller's library.
            member: what the caller takes this pool for.

        Raises:
            WorkerError: the caller has another version of the library.
            OptionError: the pool judges with another verifier.
        """
        if version != VERSION:
            raise WorkerError(
                f"prm_gym has the version {version} where the pool is used and {VERSION} on the node {platform.node()!r}; install one on all nodes"
            )
        if member != self._member:
            raise OptionError(f"a pool of this name is there already, with the verifier {pickle.loads(self._member)!r}; choose another name")
        self._users.add(user)
        with self._call():
            made = self._thread.submit(self._made).result()
        extras = {name: value for name in ("threshold", "aggregation") if isinstance(value := getattr(made, name, None), str | float)}
        return Description(
            id=made.id,
            version=made.version,
            claims=made.claims,
            wants_claims=made.wants_claims,
            pure=made.pure,
            extras=extras,
            process=os.getpid(),
            node=_node(),
        )

    def verify(self, user: str, payload: bytes, alone: bool) -> bytes:
        """The verdicts of a chunk, pickled (`Judged`).

        Args:
            user: id of the caller.
            payload: its steps, pickled.
            alone: judge it with nothing beside it.
        """
        self._users.add(user)
        chunk = _Chunk(pickle.loads(payload), alone)
        with self._call():
            self._waiting.append(chunk)
            self._thread.submit(self._judge)
            return pickle.dumps(chunk.answer.result(), pickle.HIGHEST_PROTOCOL)

    def leave(self, user: str) -> int:
        """Strike a caller off; returns how many are left."""
        self._users.discard(user)
        return len(self._users)

    @contextmanager
    def _call(self) -> Generator[None]:
        token = object()
        self._busy.add(token)
        try:
            yield
        finally:
            self._last = time.monotonic()
            self._busy.discard(token)

    # In the thread of the verifier.

    def _made(self) -> Verifier:
        if self._verifier is None:
            self._verifier = make_verifier(pickle.loads(self._member))
        return self._verifier

    def _judge(self) -> None:
        """Judge what waits, as far as it goes together; nothing where an earlier call has done so."""
        chunks = self._next()
        began = time.monotonic()
        try:
            made = self._made()
            verdicts = [row[made.id] for row in verify_batch([made], [step for chunk in chunks for step in chunk.steps])]
        except BaseException as error:  # whatever a plug-in raises, SystemExit too, must come to those who wait
            for chunk in chunks:
                chunk.answer.set_exception(WorkerError(f"{type(error).__name__}: {error}"))
            return
        seconds, start = time.monotonic() - began, 0
        for chunk in chunks:
            stop = start + len(chunk.steps)
            chunk.answer.set_result(Judged(verdicts[start:stop], seconds))
            start = stop

    def _next(self) -> list[_Chunk]:
        chunks: list[_Chunk] = []
        steps = 0
        while self._waiting:
            chunk = self._waiting[0]
            if chunks and (chunk.alone or chunks[0].alone or steps + len(chunk.steps) > self._batch_steps):
                break
            chunks.append(self._waiting.popleft())
            steps += len(chunk.steps)
        return chunks

    def _end_when_idle(self, seconds: float) -> None:
        import ray

        here: Any = ray.get_runtime_context()
        while self._busy or time.monotonic() - self._last < seconds:
            time.sleep(min(seconds / 4, 10.0))
        ray.kill(here.current_actor)  # and is not made again, as a process that exits would be


def _node() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())

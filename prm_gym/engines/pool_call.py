"""One batch on its way through a pool of actors: cut, sent, sent again, put in order."""

import pickle
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from prm_gym.engines.pool_options import PoolOptions
from prm_gym.engines.pool_seat import Seat, said
from prm_gym.engines.verifier_actor import Judged
from prm_gym.verdict import Verdict, failed
from prm_gym.verifier import StepContext

# Nobody sleeps longer than this before looking round again.
NAP_SECONDS = 0.2
# A batch is not cut finer than this for the sake of more actors: a message costs about as much as some verdicts.
LEAST_STEPS = 8


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What a verifier has asked of its pool.

    Attributes:
        sent: chunks, every attempt counted.
        resent: chunks that were sent once more, because their actor died.
        most_in_flight: chunks that one actor had in hand for one call, at most.
        most_bytes: of all chunks that one call had in flight, at most.
    """

    sent: int = 0
    resent: int = 0
    most_in_flight: int = 0
    most_bytes: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Of both."""
        return Counts(
            sent=self.sent + other.sent,
            resent=self.resent + other.resent,
            most_in_flight=max(self.most_in_flight, other.most_in_flight),
            most_bytes=max(self.most_bytes, other.most_bytes),
        )


class _Chunk(msgspec.Struct):
    """Steps that are sent together: those from `start` up to `stop`. `deaths` counts the actors that died over them."""

    start: int
    stop: int
    deaths: int = 0


class _Flight(msgspec.Struct):
    """A chunk in the hands of an actor, and how many bytes it has."""

    chunk: _Chunk
    seat: Seat
    generation: int
    size: int


class PoolCall:
    """A `verify` in progress. A chunk over which an actor died is sent again alone; when that is lost too, its steps are, one by one."""

    def __init__(self, ray: Any, seats: Sequence[Seat], steps: Sequence[StepContext], options: PoolOptions, user: str, verifier: str) -> None:
        """Cut the batch.

        Args:
            ray: the module, connected.
            seats: the actors.
            steps: of the batch, at least one.
            options: of the pool.
            user: id of the caller.
            verifier: id of the verifier, for reasons.
        """
        self.counts = Counts()
        self._ray, self._seats, self._steps, self._options, self._user, self._verifier = ray, seats, steps, options, user, verifier
        size = min(options.chunk_steps, max(LEAST_STEPS, -(-len(steps) // len(seats))))
        self._waiting = deque(_Chunk(start, min(start + size, len(steps))) for start in range(0, len(steps), size))
        self._flights: dict[Any, _Flight] = {}
        self._verdicts: dict[int, Verdict] = {}
        self._began = self._hopeful = time.monotonic()

    def run(self, hopeless: Callable[[], str]) -> list[Verdict]:
        """One verdict per step, in order.

        Args:
            hopeless: why no actor can be had, for the steps that are given up.
        """
        while self._waiting or self._flights:
            for seat in self._seats:
                seat.look()
            if self._flights or any(seat.description is not None for seat in self._seats):
                self._hopeful = time.monotonic()
            elif time.monotonic() - self._hopeful > self._options.start_seconds:
                reason = hopeless()
                while self._waiting:
                    self._fail(self._waiting.popleft(), reason)
                break
            self._send()
            watched = [*self._flights, *(seat.probe for seat in self._seats if seat.probe is not None)]
            if not watched:
                time.sleep(NAP_SECONDS)
                continue
            for ref in self._ray.wait(watched, timeout=NAP_SECONDS)[0]:
                if ref in self._flights:
                    self._take(ref, self._flights.pop(ref))
        return [self._verdicts[place] for place in range(len(self._steps))]

    def abandon(self) -> None:
        """Nobody waits for what is in flight any more, after an interruption: what has not begun is called off."""
        for ref in self._flights:
            self._ray.cancel(ref)
        self._flights.clear()

    def _send(self) -> None:
        """Hand out what waits, as far as there is room."""
        while self._waiting:
            chunk = self._waiting[0]
            alone = chunk.deaths > 0
            free = [(len(held), place) for place, seat in enumerate(self._seats) if (held := self._held(seat)) is not None and self._room(held, alone)]
            if not free:
                return
            payload = self._payload(self._waiting.popleft())
            if payload is None:
                continue
            chunk, data = payload
            load, place = min(free)
            seat = self._seats[place]
            try:
                ref = seat.handle.verify.remote(self._user, data, alone)
            except self._ray.exceptions.RayError as error:
                self._waiting.appendleft(chunk)
                seat.lost(error, seat.generation)
                continue
            self._flights[ref] = _Flight(chunk, seat, seat.generation, len(data))
            in_flight = sum(flight.size for flight in self._flights.values())
            self.counts = self.counts.plus(Counts(sent=1, resent=int(alone), most_in_flight=load + 1, most_bytes=in_flight))

    def _held(self, seat: Seat) -> list[_Flight] | None:
        """What an actor has in hand for this call; None where it cannot judge."""
        return None if seat.description is None else [flight for flight in self._flights.values() if flight.seat is seat]

    def _room(self, held: Sequence[_Flight], alone: bool) -> bool:
        """Whether one more chunk goes beside those."""
        return not held if alone else len(held) < self._options.in_flight and not any(flight.chunk.deaths for flight in held)

    def _payload(self, chunk: _Chunk) -> tuple[_Chunk, bytes] | None:
        """The chunk pickled, or as much of it as is small enough; None where it cannot be pickled."""
        while True:
            try:
                data = pickle.dumps(self._steps[chunk.start : chunk.stop], pickle.HIGHEST_PROTOCOL)
            except Exception as error:  # pickling raises whatever it likes
                if chunk.stop - chunk.start > 1:
                    chunk = self._halved(chunk)
                    continue
                self._fail(chunk, f"verifier {self._verifier!r}: the step cannot be sent: {said(error)}")
                return None
            if len(data) <= self._options.chunk_mb * 2**20 or chunk.stop - chunk.start == 1:
                return chunk, data
            chunk = self._halved(chunk)

    def _halved(self, chunk: _Chunk) -> _Chunk:
        """Its first half; the second waits."""
        middle = (chunk.start + chunk.stop) // 2
        self._waiting.appendleft(_Chunk(middle, chunk.stop, chunk.deaths))
        return _Chunk(chunk.start, middle, chunk.deaths)

    def _take(self, ref: Any, flight: _Flight) -> None:
        try:
            judged = pickle.loads(self._ray.get(ref))
        except self._ray.exceptions.RayTaskError as error:
            self._fail(flight.chunk, f"verifier {self._verifier!r} in an actor: {said(error.cause or error)}")
        except self._ray.exceptions.RayError as error:
            flight.seat.lost(error, flight.generation)
            self._again(flight.chunk, error)
        else:
            self._settle(flight.chunk, judged)

    def _settle(self, chunk: _Chunk, judged: Judged) -> None:
        queued = max(time.monotonic() - self._began - judged.run_seconds, 0.0)
        for place, verdict in zip(range(chunk.start, chunk.stop), judged.verdicts, strict=True):
            self._verdicts[place] = msgspec.structs.replace(verdict, queued_seconds=verdict.queued_seconds + queued)

    def _again(self, chunk: _Chunk, error: Exception) -> None:
        deaths = chunk.deaths + 1
        if deaths > self._options.retries:
            self._fail(chunk, f"verifier {self._verifier!r}: {deaths} actors died over the step, the last so: {said(error)}")
        elif deaths == 1:
            self._waiting.appendleft(_Chunk(chunk.start, chunk.stop, deaths))
        else:
            self._waiting.extendleft(_Chunk(place, place + 1, deaths) for place in reversed(range(chunk.start, chunk.stop)))

    def _fail(self, chunk: _Chunk, reason: str) -> None:
        queued = time.monotonic() - self._began
        for place in range(chunk.start, chunk.stop):
            self._verdicts[place] = msgspec.structs.replace(failed(reason), queued_seconds=queued)

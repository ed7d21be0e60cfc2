"""Jobs handed out to workers that may die: retries, back-pressure, replacements. What a worker is made of is said by `Hand`.

A worker that dies costs the job that it was doing one of its retries. A job whose workers have died too often comes back with an EngineError, and the others
go on.
"""

import logging
import time
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, Literal, TypeAlias

from prm_gym.engines.engine import Crew, Finished, JobT, Notice, ResultT
from prm_gym.errors import EngineError, LostJobError

RETRIES = 3
POLL = 0.5
"""Seconds between two looks at what is not said by itself."""
PATIENCE = 300.0
"""Seconds in which a first worker, or after the loss of all another one, must be had."""

_log = logging.getLogger(__name__)

Kind: TypeAlias = Literal["ready", "refused", "said", "done", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that a worker said, or that was found out about it.

    Attributes:
        kind: "ready" (it takes jobs), "refused" (its maker raised), "said" (a report), "done", "failed" (the job raised), "lost" (it is gone).
        content: the report, the result, the error, or why it is gone.
        index: of the job, where it is about one.
    """

    kind: Kind
    content: Any = None
    index: int = -1


class Hand(ABC):
    """A worker in a process of its own, seen from here.

    Attributes:
        ready: it takes jobs.
        doing: the job that it was given and has not answered; None when it is idle.
    """

    def __init__(self) -> None:
        self.ready = False
        self.doing: int | None = None

    @abstractmethod
    def give(self, index: int, job: Any) -> None:
        """Give it a job; never fails, for whether it is gone is found out by `HandCrew.events`."""

    @abstractmethod
    def part(self) -> None:
        """Ask it to close its worker and to end; it has no job. One whose worker is still being made does so when that is done."""

    @abstractmethod
    def dismiss(self) -> None:
        """End it: at once, or, where it was asked to, when it has had some seconds to do so."""


class HandCrew(Crew[JobT, ResultT]):
    """A crew of hands; each has one job at a time, so that a lost one costs the least."""

    def __init__(self, workers: int, retries: int = RETRIES, patience: float = PATIENCE) -> None:
        """Say how many.

        Args:
            workers: hands at most, >= 1.
            retries: how often a job is done again whose worker died, >= 0; and how often, in a row, all workers may die before they take a job.
            patience: seconds without any worker after which an error is raised.
        """
        self.workers, self.retries, self.patience = workers, retries, patience
        self.hands: list[Hand] = []
        self._running = False

    @abstractmethod
    def hire(self) -> Hand:
        """Start a worker; returns before it is ready."""

    @abstractmethod
    def events(self, seconds: float) -> list[tuple[Hand, Event]]:
        """What has happened; waits up to so many seconds for something."""

    def run(self, jobs: Iterable[JobT], notice: Notice | None = None) -> Iterator[Finished[ResultT]]:
        """See `Crew.run`."""
        if self._running:
            raise EngineError("this crew is at work already: take what comes of its jobs first, or have another crew")
        self._running = True
        course = _Course(jobs)
        try:
            yield from self._through(course, notice)
        finally:
            self._running = False
            for hand in [hand for hand in self.hands if hand.doing is not None]:  # given up by the caller, or by an error
                self._let_go(hand)

    def _through(self, course: "_Course[JobT]", notice: Notice | None) -> Iterator[Finished[ResultT]]:
        stillborn, alive = 0, time.monotonic()
        while course.more():
            self._man(course)
            for hand, event in self.events(POLL):
                match event.kind:
                    case "ready":
                        hand.ready, stillborn = True, 0
                    case "refused":
                        self._let_go(hand)
                        raise event.content
                    case "said":
                        if notice is not None and hand.doing == event.index:
                            notice(event.index, event.content)
                    case "done" | "failed":
                        hand.doing = None
                        course.finish(event.index)
                        done = event.kind == "done"
                        yield Finished(event.index, event.content if done else None, None if done else event.content)
                        alive = time.monotonic()  # the caller's time is not that of the workers
                    case "lost":
                        index = hand.doing
                        self._let_go(hand)
                        if index is not None and (lost := course.lose(index, self.retries, event.content)) is not None:
                            yield Finished(index, error=lost)
                        stillborn += not hand.ready
                        if stillborn > self.retries * self.workers:
                            raise EngineError(f"{stillborn} workers in a row died before they took a job; the last one: {event.content}")
            alive = time.monotonic() if any(hand.ready for hand in self.hands) else alive
            if time.monotonic() - alive > self.patience:
                raise EngineError(f"no worker could be had within {self.patience:g} s{self.shortage()}")

    def shortage(self) -> str:
        """What may be the reason that there is no worker, to be put behind "there is none"."""
        return ""

    def _man(self, course: "_Course[JobT]") -> None:
        """Give jobs to those who are free, and hire for what is left."""
        for hand in self.hands:
            if hand.ready and hand.doing is None and (found := course.take()) is not None:
                hand.doing, job = found
                hand.give(hand.doing, job)
        coming = sum(not hand.ready for hand in self.hands)
        for _ in range(course.waiting(self.workers - len(self.hands) + coming) - coming):
            self.hands.append(self.hire())

    def _let_go(self, hand: Hand) -> None:
        self.hands.remove(hand)
        hand.dismiss()

    def close(self) -> None:
        """End all hands: those without a job after they have closed their worker, the others at once."""
        for hand in self.hands:
            if hand.doing is None:
                hand.part()
        for hand in list(self.hands):
            self._let_go(hand)


class _Course(Generic[JobT]):
    """The jobs of one run: those still to come, those that wait for somebody, those that somebody does."""

    def __init__(self, jobs: Iterable[JobT]) -> None:
        self._coming = enumerate(jobs)
        self._waiting: deque[tuple[int, JobT]] = deque()
        self._held: dict[int, JobT] = {}
        self._losses: Counter[int] = Counter()

    def more(self) -> bool:
        """Whether any job is not finished."""
        return bool(self._held) or self.waiting(1) > 0

    def waiting(self, most: int) -> int:
        """How many jobs are with nobody, as far as this number."""
        self._waiting.extend(islice(self._coming, max(0, most - len(self._waiting))))
        return min(most, len(self._waiting))

    def take(self) -> tuple[int, JobT] | None:
        """The next job; None where there is none."""
        if not self.waiting(1):
            return None
        index, job = self._waiting.popleft()
        self._held[index] = job
        return index, job

    def finish(self, index: int) -> None:
        """A job is done."""
        del self._held[index]
        del self._losses[index]

    def lose(self, index: int, retries: int, why: str) -> LostJobError | None:
        """Its worker is gone: it waits again, before all others; the error where it was lost too often."""
        job = self._held.pop(index)
        self._losses[index] += 1
        if self._losses[index] <= retries:
            _log.warning("%s lost its worker (%s); it is begun again, %d of %d times", in_words(job), why, self._losses[index], retries)
            self._waiting.appendleft((index, job))
            return None
        return LostJobError(f"job {index} ({in_words(job)}) lost its worker {self._losses[index]} times; the last one: {why}")


def in_words(job: object) -> str:
    """A job on one line."""
    text = " ".join(str(job).split())
    return text if len(text) <= 160 else f"{text[:157]}..."


def portable(error: Exception, dumps: Callable[[Any], bytes], loads: Callable[[bytes], Any]) -> Exception:
    """The error, or, where it cannot be sent to another process, an EngineError that names it."""
    with suppress(Exception):  # whatever a foreign error's own pickling raises
        if type(loads(dumps(error))) is type(error):
            return error
    return EngineError(f"{type(error).__name__}: {error}")


def traced(error: Exception, trace: str, where: str) -> Exception:
    """The error, with the traceback of the process where it was raised as a note."""
    error.add_note(f"raised in {where}:\n{trace}")
    return error

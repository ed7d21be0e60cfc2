"""Zygotes that are shared by everybody in a process who wants the same kind."""

import os
import select
import socket
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence

from prm_gym.errors import SandboxError
from prm_gym.sandbox.selftest import PROBES, holes
from prm_gym.sandbox.zygotes import DEPTH, Job, Limits, Report, Settings, Zygote, report_of

# A zygote is replaced after so many jobs; nothing is known to wear it out.
RECYCLE_AFTER = 20_000
# How often a job is given to a zygote that dies before it is a fault.
ATTEMPTS = 2


class ZygotePool:
    """Up to `size` zygotes of one kind; started when they are needed, tested before they are used, replaced when they die.

    Calls from several threads share the zygotes: each call has at least one for itself, and more when they are idle.
    """

    def __init__(self, settings: Settings, size: int) -> None:
        """Describe the zygotes; none is started yet.

        Args:
            settings: of every one of them.
            size: how many at most.
        """
        self.settings, self.size = settings, size
        self._begin()

    def _begin(self) -> None:
        self._condition = threading.Condition()
        self._idle: list[Zygote] = []
        self._all: weakref.WeakSet[Zygote] = weakref.WeakSet()
        self._count = 0
        self._closed = False
        POOLS.add(self)

    def run(self, jobs: Sequence[Job]) -> list[Report | None]:
        """The reports of the jobs, in order; None for one whose zygote died again and again.

        Raises:
            SandboxError: no zygote can be started, or the pool is closed.
        """
        call = _Call(jobs)
        try:
            while not call.finished:
                try:
                    self._supply(call)
                except SandboxError:
                    if call.untouched or self._closed:
                        raise
                    call.give_up()  # what was done is not lost because no zygote can be had for the rest
                else:
                    self._serve(call)
        finally:
            for zygote in call.zygotes:  # those of an interrupted call have work that nobody waits for
                self._give_back(zygote, fit=zygote.fit)
            for job in jobs:
                job.close()
        return call.reports

    def run_together(self, first: Job, second: Job) -> tuple[Report | None, Report | None]:
        """The reports of two jobs that run at the same time and speak to each other; both None when their zygotes died again and again.

        Raises:
            SandboxError: no zygote can be started, or the pool is closed.
        """
        reports: list[Report | None] = [None, None]
        for _ in range(ATTEMPTS):
            zygotes = self._take(2, 2)
            calls = [_Call([job], [zygote]) for job, zygote in zip((first, second), zygotes, strict=True)]
            ends: tuple[socket.socket, ...] = ()
            try:
                ends = socket.socketpair()
                first.peer, second.peer = (end.fileno() for end in ends)
                given = [call.give(zygote) for call, zygote in zip(calls, zygotes, strict=True)]
                for end in ends:  # or one that is left alone would wait for the other's end until its limit
                    end.close()
                while all(given) and (open_calls := [call for call in calls if call.zygotes and not call.finished]):
                    self._serve(*open_calls)
            finally:
                for end in ends:
                    end.close()
                for call in calls:
                    for zygote in call.zygotes:
                        self._give_back(zygote, fit=zygote.fit)
                first.close()
                second.close()
            reports = [call.reports[0] for call in calls]
            if all(call.finished for call in calls):
                break
        return reports[0], reports[1]

    def close(self) -> None:
        """End the zygotes; those that are at work end with their call."""
        with self._condition:
            self._closed = True
            idle, self._idle = self._idle, []
            self._count -= len(idle)
            self._condition.notify_all()
        for zygote in idle:
            zygote.kill()

    def pids(self) -> list[int]:
        """Of the idle zygotes, for tests."""
        with self._condition:
            return [zygote.pid for zygote in self._idle]

    def after_fork(self) -> None:
        """In a forked process: the zygotes are the parent's."""
        for zygote in list(self._all):
            zygote.disown()
        self._begin()

    def _supply(self, call: "_Call") -> None:
        """Give the call zygotes: one at least, and idle ones or new ones as long as it has work for them."""
        wanted = min(len(call.waiting) + len(call.zygotes), self.size) - len(call.zygotes)
        if call.zygotes and wanted <= 0:
            return
        least = 0 if call.zygotes else 1
        call.zygotes += self._take(least, max(wanted, least))

    def _take(self, least: int, most: int) -> list[Zygote]:
        with self._condition:
            limit = max(self.size, least)
            while not self._closed and least > len(self._idle) + limit - self._count:
                self._condition.wait(1.0)
            if self._closed:
                raise SandboxError("the sandbox is closed")
            taken = [self._idle.pop() for _ in range(min(most, len(self._idle)))]
            fresh = max(0, min(most - len(taken), limit - self._count))
            self._count += fresh
        started: list[Zygote] = []
        try:
            for _ in range(fresh):  # side by side
                started.append(Zygote(self.settings))
                self._all.add(started[-1])
            for zygote in started:
                self._admit(zygote)
        except BaseException:
            with self._condition:
                self._count -= fresh
                self._idle += taken
                self._condition.notify_all()
            for zygote in started:
                zygote.kill()
            raise
        return taken + started

    def _admit(self, zygote: Zygote) -> None:
        """Let a new zygote try what must be impossible.

        Raises:
            SandboxError: it does not start, or something is possible.
        """
        zygote.wait_until_ready()
        if self.settings.tier == "D":
            return
        job = Job({"kind": "run", "code": PROBES}, Limits(wall_seconds=10.0))
        try:
            if not (zygote.give(job) and select.select([zygote], [], [], 15.0)[0]):
                raise SandboxError(f"tier {self.settings.tier} of the sandbox cannot be had: a zygote died in its self-test")
            found = holes(zygote.take()[1])
        except EOFError as error:
            raise SandboxError(f"tier {self.settings.tier} of the sandbox cannot be had: a zygote died in its self-test") from error
        finally:
            job.close()
        if found:
            raise SandboxError(f"tier {self.settings.tier} of the sandbox cannot be had: its self-test could {', '.join(found)}")

    def _give_back(self, zygote: Zygote, fit: bool = True) -> None:
        with self._condition:
            fit = fit and not self._closed and zygote.served < RECYCLE_AFTER
            if fit:
                self._idle.append(zygote)
            else:
                self._count -= 1
            self._condition.notify_all()
        if not fit:
            zygote.kill()

    def _lose(self, call: "_Call", zygote: Zygote) -> None:
        call.zygotes.remove(zygote)
        with self._condition:
            self._count -= 1
            self._condition.notify_all()

    def _serve(self, *calls: "_Call") -> None:
        """Hand out what waits, and hear the next reports of the calls' zygotes."""
        owners = {zygote: call for call in calls for zygote in call.zygotes}
        for room in range(DEPTH, 0, -1):  # those that have the least to do come first
            for zygote, call in owners.items():
                if zygote.room == room and call.waiting:
                    call.give(zygote)
        deadline = min(zygote.deadline for zygote in owners)
        patience = max(0.0, min(deadline - time.monotonic(), 1.0))
        poller = select.poll()
        by_descriptor = {zygote.fileno(): zygote for zygote in owners}
        for descriptor in by_descriptor:
            poller.register(descriptor, select.POLLIN)
        heard = [by_descriptor[descriptor] for descriptor, _ in poller.poll(patience * 1000)]
        for zygote in heard:
            call = owners[zygote]
            try:
                call.take(zygote)
            except EOFError:
                self._lose(call, zygote)
                call.again(zygote.leave())
                continue
            if zygote.spoilt:
                self._lose(call, zygote)
                call.back(zygote.leave())
        now = time.monotonic()
        for zygote, call in owners.items():
            if zygote not in heard and zygote.deadline < now:  # it should have killed the job itself
                self._lose(call, zygote)
                call.overdue(zygote.leave())


class _Call:
    """One call's jobs: which wait, which zygotes work on them, what came of them."""

    def __init__(self, jobs: Sequence[Job], zygotes: Sequence[Zygote] = ()) -> None:
        self.jobs = jobs
        self.places = {id(job): place for place, job in enumerate(jobs)}
        self.waiting = deque(jobs)
        self.zygotes = list(zygotes)
        self.reports: list[Report | None] = [None] * len(jobs)
        self.left = len(jobs)
        self.untouched = True

    @property
    def finished(self) -> bool:
        return self.left == 0

    def give(self, zygote: Zygote) -> bool:
        """Order the next job; False when the zygote is gone, which its socket will tell."""
        job = self.waiting.popleft()
        self.untouched = False
        try:
            if zygote.give(job):
                return True
        except OSError as error:  # no descriptors are left for the memory files
            self.waiting.appendleft(job)
            raise SandboxError(f"no memory files can be made for a job: {error}") from error
        self.waiting.appendleft(job)
        return False

    def take(self, zygote: Zygote) -> None:
        job, report = zygote.take()
        self._settle(job, report)

    def again(self, jobs: Sequence[Job]) -> None:
        """Jobs of a zygote that died: the first was at work, and may have been the reason."""
        for place, job in enumerate(jobs):
            job.close()
            job.attempts += place == 0
        for job in reversed(jobs):
            if job.attempts >= ATTEMPTS:
                self._settle(job, None)
            else:
                self.waiting.appendleft(job)

    def overdue(self, jobs: Sequence[Job]) -> None:
        """Jobs of a zygote that did not keep its own deadline: the first has timed out."""
        first, *rest = jobs
        limit = first.limits.wall_seconds
        self._settle(first, report_of(first, True, None, limit))
        self.back(rest)

    def back(self, jobs: Sequence[Job]) -> None:
        """Jobs that their zygote has not begun: they are the next."""
        for job in jobs:
            job.close()
        self.waiting.extendleft(reversed(jobs))

    def give_up(self) -> None:
        """What waits is not done."""
        while self.waiting:
            self._settle(self.waiting.popleft(), None)

    def _settle(self, job: Job, report: Report | None) -> None:
        self.reports[self.places[id(job)]] = report
        self.left -= 1


POOLS: "weakref.WeakSet[ZygotePool]" = weakref.WeakSet()


def _after_fork() -> None:
    for pool in list(POOLS):
        pool.after_fork()


os.register_at_fork(after_in_child=_after_fork)

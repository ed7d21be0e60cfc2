"""WorkerPool: jobs in, results in order out, whatever the jobs do to the processes that work on them."""

import contextlib
import math
import os
import pickle
import select
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from prm_gym.errors import OptionError, WorkerError
from prm_gym.workers.call import Call, JobResult, JobStatus
from prm_gym.workers.process import Frame, Settings, Worker, pickled

# A call whose worker others wait for hands it over after the job that is running when it has had it for so many seconds.
TURN_SECONDS = 0.002
# How long the dead are waited for on the spot, and when the pool is closed.
PATIENCE, LAST_PATIENCE = 0.2, 5.0
# Nobody sleeps longer than this before looking round again.
NAP_SECONDS = 1.0
# So many workers in a row may be killed during their start before that is an error.
FALSE_STARTS = 3


class WorkerPool:
    """Persistent worker processes with a deadline for each job, in which a job may hang, crash or run out of memory.

    A worker takes one job at a time, so nothing ever waits behind a job that hangs. There are no threads and no signals in the calling process: whoever
    calls `map` or `run` looks after the workers meanwhile, from any thread, several at once. Calls that wait for workers get them in turn. Workers
    start when they are first needed. A forked process gets workers of its own. When the process ends, however it ends, its workers end.

    No job is done twice: one that was running when its worker died is a `crash`, and is not tried again. A result that has come in when the caller looks
    counts, even if the caller was kept from looking until after the deadline.

    The function is trusted, its data need not be: a worker is no sandbox. What it prints is discarded, its standard input is empty. Jobs run one after
    another in one process, so what a job changes there (globals, working directory) the next one sees. Processes that a job starts are killed with their
    worker, unless they leave its session.
    """

    def __init__(
        self,
        function: str,
        *,
        setup: tuple[Any, ...] | None = None,
        workers: int = 2,
        deadline: float = 5.0,
        memory_mb: int | None = 1024,
        recycle_after: int = 50_000,
        start_seconds: float = 60.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the workers; none is started yet.

        Args:
            function: import path "package.module:function"; called with one job, returns its result. Imported when a worker starts.
            setup: where given, the named function is called with these arguments when a worker starts, and returns the function that does the jobs.
            workers: number of processes, >= 1.
            deadline: seconds that a job may take, from the moment at which a worker has it; then the worker is killed and replaced.
            memory_mb: MiB of address space that a job may use beyond what is in use after the import; None for no cap. A worker that still holds half of
                it when a job is done is replaced.
            recycle_after: jobs after which a worker is replaced, >= 1.
            start_seconds: seconds that a worker may take to start and import.
            environment: variables to set in the workers' environment beside those of the calling process, such as PYTHONHASHSEED.

        Raises:
            OptionError: one of them is out of range, or `setup` cannot be pickled.
        """
        module, _, name = function.partition(":")
        if not (module and name) or module == "__main__":
            raise OptionError(f"function is an import path like 'package.module:function', which a new process can import, got {function!r}")
        for option, value in (("workers", workers), ("recycle_after", recycle_after), *([("memory_mb", memory_mb)] if memory_mb is not None else [])):
            if not isinstance(value, int) or value < 1:
                raise OptionError(f"{option} is a whole number of at least 1, got {value!r}")
        for option, value in (("deadline", deadline), ("start_seconds", start_seconds)):
            if not 0 < value < math.inf:
                raise OptionError(f"{option} is a positive number of seconds, got {value!r}")
        for name, value in (environment or {}).items():
            if not (isinstance(name, str) and isinstance(value, str)) or "=" in name or "\0" in name + value:
                raise OptionError(f"environment sets variables to texts, got {name!r}: {value!r}")
        try:
            prepared = None if setup is None else pickle.dumps(tuple(setup))
        except Exception as error:  # pickling raises whatever it likes
            raise OptionError(f"the setup of {function} cannot be pickled: {type(error).__name__}: {error}") from error
        self.settings = Settings(
            function=function,
            setup=prepared,
            deadline=float(deadline),
            memory_mb=memory_mb,
            recycle_after=recycle_after,
            start_seconds=float(start_seconds),
            environment=dict(environment or {}),
        )
        self.size = workers
        self._begin()

    def _begin(self) -> None:
        self._lock = threading.Lock()  # over owners, workers, waiting
        self._workers: list[Worker] = []
        self._waiting: deque[Call] = deque()  # calls that want more workers, longest first
        self._dying: list[Worker] = []
        self._closed = threading.Event()
        self._broken = ""
        self._false_starts = 0
        self._finalizer = weakref.finalize(self, _end, self._workers, self._closed)
        with FORK_LOCK:
            _POOLS.add(self)

    def __getstate__(self) -> tuple[Settings, int]:
        """A copy in another process, or a deep copy, is a pool of its own with the same settings."""
        return (self.settings, self.size)

    def __setstate__(self, state: tuple[Settings, int]) -> None:
        self.settings, self.size = state
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def run(self, job: Any) -> JobResult:
        """The result of one job; see `map`."""
        return self.map([job])[0]

    def map(self, jobs: Iterable[Any]) -> list[JobResult]:
        """The results of the jobs, in their order.

        At most one job a worker is in flight; the others are pickled when their turn comes. When the call is interrupted (KeyboardInterrupt), its running
        jobs are killed and the pool stays usable.

        Args:
            jobs: any number of picklable arguments of the function.

        Raises:
            WorkerError: the workers cannot be started (the function cannot be imported, say), or the pool is closed.
        """
        call = Call(list(jobs))
        try:
            while call.unfinished:
                self._advance(call, self._staff(call))
        finally:
            self._dismiss(call)
        return [call.results[place] for place in range(len(call.jobs))]

    def close(self) -> None:
        """Kill the workers; calls in progress raise WorkerError. May be called twice, and from any thread."""
        with self._lock:
            self._closed.set()
            self._sweep()
            for worker in list(self._workers):
                worker.kill()  # the owner, if there is one, notices and buries it
                if worker.owner is None:
                    self._lay_out(worker)
            for call in self._waiting:
                call.wake()
            self._bury(LAST_PATIENCE)

    # Who works for whom.

    def _staff(self, call: Call) -> list[Worker]:
        """The call's workers: as many more as it can use, free ones first, then new ones; what it cannot use is given back."""
        with self._lock:
            if self._closed.is_set():
                raise WorkerError(f"the pool of {self.settings.function} is closed")
            if self._broken:
                raise WorkerError(self._broken)
            mine = [worker for worker in self._workers if worker.owner is call]
            free = [worker for worker in mine if worker.job is None]
            missing = len(call.pending) - len(free)
            if missing <= 0 and call in self._waiting:
                self._waiting.remove(call)
            for worker in sorted(free, key=lambda worker: worker.ready)[: max(0, -missing)]:
                mine.remove(worker)
                self._release(worker)
            if missing > 0:
                self._sweep()
                hired = sorted((worker for worker in self._workers if worker.owner is None), key=lambda worker: not worker.ready)[:missing]
                while len(hired) < missing and len(self._workers) < self.size:
                    hired.append(self._start())
                for worker in hired:
                    worker.owner, worker.claimed = call, time.monotonic()
                mine += hired
                if len(hired) < missing and call not in self._waiting:
                    self._waiting.append(call)
            return mine

    def _start(self) -> Worker:
        with FORK_LOCK:
            worker = Worker(self.settings)
            self._workers.append(worker)
        return worker

    def _release(self, worker: Worker) -> None:
        """Hand a worker to the call that has waited longest, if there is one. The lock is held."""
        worker.owner = None
        if self._waiting:
            heir = self._waiting[0]
            heir.wake()  # before it is struck off: an interruption in between must not leave it asleep
            worker.owner, worker.claimed = heir, time.monotonic()
            self._waiting.popleft()

    def _sweep(self) -> None:
        """Take back the workers of calls that are over; those still at work, after an interruption, are killed. The lock is held.

        Whatever an interruption leaves undone here, the next sweep does.
        """
        for call in [call for call in self._waiting if call.over]:
            self._waiting.remove(call)
        for worker in [worker for worker in self._workers if worker.owner is not None and worker.owner.over]:
            if worker.job is None and not self._closed.is_set():
                self._release(worker)
            else:
                self._lay_out(worker)
                if self._waiting:
                    self._waiting[0].wake()  # there is room for a new one

    def _lay_out(self, worker: Worker) -> None:
        """Kill a worker, to be buried later. The lock is held."""
        worker.kill()
        self._dying.append(worker)
        self._workers.remove(worker)

    def _bury(self, patience: float) -> None:
        """Wait for the dead. The lock is held."""
        self._dying[:] = [worker for worker in self._dying if worker.bury(patience) is None]

    def _remove(self, worker: Worker) -> str | None:
        """Kill a worker and wait for its end for a while; says how it ended, if it has."""
        with self._lock:
            self._lay_out(worker)  # first, so that an interruption leaves it among the dying and nowhere lost
        ended = worker.bury(PATIENCE)
        with self._lock:
            self._bury(0)
        return ended

    def _replace(self, worker: Worker) -> str | None:
        """Remove a worker and start another in its place."""
        ended = self._remove(worker)
        with self._lock, contextlib.suppress(WorkerError):  # whoever needs one later will meet the error
            if not self._closed.is_set() and len(self._workers) < self.size:
                self._release(self._start())
        return ended

    def _dismiss(self, call: Call) -> None:
        """The call is over: free its workers."""
        call.over = True
        with self._lock:
            self._sweep()
            if self._dying:
                self._bury(PATIENCE)
        call.close()

    # One round: hand out jobs, wait until something happens, deal with it.

    def _advance(self, call: Call, mine: list[Worker]) -> None:
        for worker in mine:
            if worker.ready and worker.job is None and not self._assign(call, worker):
                return
        poller = select.poll()
        poller.register(call.ear, select.POLLIN)
        for worker in mine:
            poller.register(worker.descriptor, select.POLLIN | (select.POLLOUT if worker.sending else 0))
        due = min((worker.due for worker in mine), default=math.inf)
        nap = min(max(due - time.monotonic(), 0.0), NAP_SECONDS)
        happened = {descriptor for descriptor, _ in poller.poll(math.ceil(nap * 1000))}
        if call.ear.fileno() in happened:
            call.listen()
        now = time.monotonic()
        for worker in mine:
            if worker.descriptor in happened:
                self._attend(call, worker)
            elif worker.due <= now:
                self._give_up(call, worker)

    def _assign(self, call: Call, worker: Worker) -> bool:
        """Give the worker a job; False when there is none left, or the worker is gone."""
        while call.pending:
            job = call.pending.popleft()
            try:
                payload = pickled(call.jobs[job])
            except Exception as error:  # pickling raises whatever it likes
                self._settle(call, job, "error", f"the job cannot be sent to a worker: {type(error).__name__}: {error}")
                continue
            if worker.give(job, payload):
                return True
            worker.job = None
            call.pending.appendleft(job)
            self._replace(worker)
            return False
        return False

    def _attend(self, call: Call, worker: Worker) -> None:
        try:
            worker.push()
            frame = worker.hear()
        except EOFError:
            self._lost(call, worker)
            return
        if frame is None:
            return
        if frame.kind == "failed":
            self._broken = f"workers cannot start: {self.settings.function}: {frame.body.decode('utf-8', 'replace')}"
            self._remove(worker)
            raise WorkerError(self._broken)
        if frame.kind == "ready":
            worker.ready = True
            self._false_starts = 0
        elif worker.job is not None:
            self._finish(call, worker.job, frame)
            worker.job = None
            if frame.worn:
                self._replace(worker)
            elif self._waiting and time.monotonic() - worker.claimed > TURN_SECONDS:
                with self._lock:
                    self._release(worker)

    def _finish(self, call: Call, job: int, frame: Frame) -> None:
        status, value, reason = frame.kind, None, frame.body.decode("utf-8", "replace") if frame.kind == "error" else ""
        if status == "memory":
            reason = "it needs more memory than the worker may have" + (f" ({self.settings.memory_mb} MiB)" if self.settings.memory_mb else "")
        elif status == "ok":
            try:
                value = pickle.loads(frame.body)
            except Exception as error:  # unpickling raises whatever it likes
                status, reason = "error", f"the result cannot be unpickled: {type(error).__name__}: {error}"
        call.results[job] = JobResult(
            status="ok" if status == "ok" else "memory" if status == "memory" else "error",
            value=value,
            reason=reason,
            run_seconds=frame.seconds,
            queued_seconds=max(frame.started - call.began, 0.0),
        )

    def _settle(self, call: Call, job: int, status: JobStatus, reason: str, ran: float = 0.0) -> None:
        queued = max(time.monotonic() - ran - call.began, 0.0)
        call.results[job] = JobResult(status=status, reason=reason, run_seconds=ran, queued_seconds=queued)

    def _lost(self, call: Call, worker: Worker) -> None:
        """The worker has died."""
        job, ready, ran = worker.job, worker.ready, worker.running
        worker.job = None
        if job is not None:
            self._settle(call, job, "crash", f"the worker {self._replace(worker) or 'died'}", ran)
        elif ready or self._closed.is_set():
            self._replace(worker)
        else:
            ended = self._remove(worker)
            self._false_starts += 1
            if self._false_starts >= FALSE_STARTS:
                self._false_starts = 0
                raise WorkerError(f"workers of {self.settings.function} cannot start: {FALSE_STARTS} in a row died, the last one {ended or 'died'}")

    def _give_up(self, call: Call, worker: Worker) -> None:
        """The worker's time is up."""
        job, ran = worker.job, worker.running
        worker.job = None
        if job is None:
            self._remove(worker)
            raise WorkerError(f"a worker of {self.settings.function} was not ready after {self.settings.start_seconds:g} s")
        self._settle(call, job, "timeout", f"not done within {self.settings.deadline:g} s; the worker was killed", ran)
        self._replace(worker)

    def _forget(self) -> None:
        """In a forked process: the workers are the parent's."""
        for worker in (*self._workers, *self._dying):
            worker.disown()
        self._workers.clear()
        self._dying.clear()
        self._waiting.clear()
        self._lock = threading.Lock()


def _end(workers: list[Worker], closed: threading.Event) -> None:
    """The pool is no longer referred to, or the interpreter exits."""
    closed.set()
    for worker in list(workers):
        if worker.owner is None:
            worker.bury(LAST_PATIENCE)
        else:
            worker.kill()  # a daemon thread is still waiting for it


# Held while processes are started, so that no fork sees half of one; forked processes drop the parent's ends of the pipes, or the workers would outlive it.
FORK_LOCK = threading.RLock()
_POOLS: "weakref.WeakSet[WorkerPool]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for pool in list(_POOLS):
        pool._forget()  # pyright: ignore[reportPrivateUsage] - the same module
    FORK_LOCK.release()


os.register_at_fork(before=FORK_LOCK.acquire, after_in_parent=FORK_LOCK.release, after_in_child=_after_fork_in_child)

"""The engine of this machine: workers in processes of their own.

They end with the process that started them, however it ends, and are deaf to Ctrl-C: who started them decides.
"""

import multiprocessing
import os
import pickle
import signal
import tempfile
import threading
import traceback
import weakref
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, cast

from prm_gym.engines.engine import Engine, JobT, Maker, ResultT, Shared, ValueT
from prm_gym.engines.hands import RETRIES, Event, Hand, HandCrew, portable, traced
from prm_gym.errors import OptionError

_SPAWN = multiprocessing.get_context("spawn")
_CLOSING_SECONDS = 5.0


class ProcessEngine(Engine):
    """Workers in processes of this machine."""

    def __init__(self, workers: int, retries: int = RETRIES) -> None:
        """Say how many.

        Args:
            workers: processes at once, >= 1.
            retries: how often a job is done again whose process died, >= 0.

        Raises:
            OptionError: a number out of range.
        """
        if workers < 1 or retries < 0:
            raise OptionError(f"workers must be at least 1 and retries at least 0, got {workers} and {retries}")
        self.workers, self.retries = workers, retries
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._shares = 0

    def crew(self, maker: Maker[JobT, ResultT]) -> "ProcessCrew[JobT, ResultT]":
        """Processes of a maker."""
        return ProcessCrew(maker, self.workers, self.retries)

    def share(self, value: ValueT) -> Shared[ValueT]:
        """The value in a file, which is deleted when nobody here holds it any longer."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="prm-gym-")
        self._shares += 1
        path = Path(self._folder.name, str(self._shares))
        path.write_bytes(pickle.dumps(value, pickle.HIGHEST_PROTOCOL))
        shared = InFile[ValueT](path)
        weakref.finalize(shared, path.unlink, missing_ok=True)
        return shared

    def close(self) -> None:
        """Delete what was shared."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


@dataclass(frozen=True)
class InFile(Generic[ValueT]):
    """A value in a file."""

    path: Path

    def get(self) -> ValueT:
        """Read it."""
        return cast("ValueT", pickle.loads(self.path.read_bytes()))


class _ProcessHand(Hand):
    def __init__(self, maker: bytes) -> None:
        super().__init__()
        self.parting = False
        self.pipe, theirs = _SPAWN.Pipe()
        self.process: BaseProcess = _SPAWN.Process(target=_work, args=(maker, theirs), daemon=True)
        self.process.start()
        theirs.close()

    def give(self, index: int, job: Any) -> None:
        with suppress(OSError):  # it is gone, which is found out in `said`
            self.pipe.send((index, job))

    def part(self) -> None:
        self.give(-1, None)
        self.parting = True

    def dismiss(self) -> None:
        if self.parting:
            self.process.join(_CLOSING_SECONDS)
        for end in (self.process.terminate, self.process.kill):
            if self.process.is_alive():
                end()
                self.process.join(_CLOSING_SECONDS)
        self.pipe.close()

    def said(self) -> list[Event]:
        """What it has said, and last that it is gone, if it is."""
        ended = not self.process.is_alive()  # asked first: what it said last is then in the pipe
        found: list[Event] = []
        try:
            while self.pipe.poll():
                kind, index, content, *trace = self.pipe.recv()
                found.append(Event(kind, traced(content, trace[0], f"process {self.process.pid}") if trace else content, index))
        except (EOFError, OSError):
            self.process.join(_CLOSING_SECONDS)
            ended = True
        if ended:
            found.append(Event("lost", f"the process ended with {_ending(self.process.exitcode)}"))
        return found


class ProcessCrew(HandCrew[JobT, ResultT]):
    """Processes; each is given a job when it has finished the one before, so that neither side ever waits for the other to read."""

    def __init__(self, maker: Maker[JobT, ResultT], workers: int, retries: int) -> None:
        super().__init__(workers, retries)
        self._maker = pickle.dumps(maker)

    def hire(self) -> Hand:
        """Start a process."""
        return _ProcessHand(self._maker)

    def events(self, seconds: float) -> list[tuple[Hand, Event]]:
        """See `HandCrew.events`."""
        hands = [hand for hand in self.hands if isinstance(hand, _ProcessHand)]
        wait([each for hand in hands for each in (hand.pipe, hand.process.sentinel)], seconds)
        return [(hand, event) for hand in hands for event in hand.said()]


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"code {code}"


def _work(maker: bytes, pipe: Connection) -> None:
    """What a process does: make its worker, then its jobs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        worker = pickle.loads(maker)()
    except Exception as error:
        pipe.send(("refused", -1, portable(error, pickle.dumps, pickle.loads), traceback.format_exc()))
        return
    pipe.send(("ready", -1, None))
    while (given := pipe.recv())[0] >= 0:
        index, job = given
        try:
            pipe.send(("done", index, worker.run(job, partial(_report, pipe, index))))
        except Exception as error:
            pipe.send(("failed", index, portable(error, pickle.dumps, pickle.loads), traceback.format_exc()))
    worker.close()


def _report(pipe: Connection, index: int, content: Any) -> None:
    pipe.send(("said", index, content))


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however it went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)

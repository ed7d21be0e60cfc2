"""The one event loop of a process, in a thread of its own, for everything that is asynchronous."""

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_LAST_SECONDS = 5.0  # that closing may take when the process ends
_lock = threading.RLock()
_loops: dict[int, "_Loop"] = {}  # by process id: a forked process begins one of its own


class _Loop:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.closers: list[Callable[[], None]] = []
        self.thread = threading.Thread(target=self._run, name="prm_gym loop", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def end(self) -> None:
        """Let what is open be closed, then end the thread."""
        for closer in self.closers:
            closer()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_LAST_SECONDS)
        if not self.thread.is_alive():
            self.loop.close()


def submit(work: Coroutine[Any, Any, T]) -> "Future[T]":
    """Begin some work in the loop; the loop is started when it is first needed."""
    return asyncio.run_coroutine_threadsafe(work, _loop().loop)


def call(work: Callable[[], None]) -> None:
    """Have something called in the loop, soon."""
    _loop().loop.call_soon_threadsafe(work)


def is_current() -> bool:
    """Whether this is the thread of the loop."""
    return threading.current_thread() is _loop().thread


def at_end(closer: Callable[[], None]) -> None:
    """Have something called before the loop of this process ends."""
    _loop().closers.append(closer)


def _loop() -> _Loop:
    with _lock:
        found = _loops.get(os.getpid())
        if found is None:
            found = _loops[os.getpid()] = _Loop()
        return found


def _end() -> None:
    found = _loops.get(os.getpid())
    if found is not None:
        found.end()
        del _loops[os.getpid()]


atexit.register(_end)
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

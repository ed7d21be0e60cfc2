"""The one thread of a process on which all browsers are driven; everything else calls it and waits."""

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from prm_gym.browser.faults import BrowserFault
from prm_gym.errors import ContractError

_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)


class LoopThread:
    """A daemon thread with an event loop of its own. It can be called from any thread, also from inside another running loop (which then waits)."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.loop = asyncio.new_event_loop()
        self.loop.set_exception_handler(_logged)
        self._thread = threading.Thread(target=self._run, name="prm_gym browsers", daemon=True)
        self._thread.start()

    def call(self, work: Coroutine[Any, Any, _Result], bound: float) -> _Result:
        """What a coroutine returns, run on the thread.

        Args:
            work: the coroutine, which keeps its own deadlines.
            bound: seconds after which the thread itself must be taken for dead.

        Raises:
            ContractError: it is called from the thread itself, or in a process forked from the one that made it.
            BrowserFault: the thread does not answer.
        """
        if threading.current_thread() is self._thread or os.getpid() != self.pid:
            work.close()
            where = "the browsers' own thread: await the coroutines there" if os.getpid() == self.pid else "a forked process: open its own pages there"
            raise ContractError(f"a browser is called from {where}")
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(bound)
        except TimeoutError:
            if future.done():
                raise
            future.cancel()
            raise BrowserFault("deadline", f"the browsers' thread did not answer within {bound:.0f} s") from None
        except BaseException:
            future.cancel()
            raise

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        with contextlib.suppress(RuntimeError):  # the interpreter ends
            self.loop.run_forever()


def _logged(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What nobody awaited: calls that were under way when a browser died. Those who called have been told."""
    _log.debug("browser loop: %s", context.get("message"), exc_info=context.get("exception"))


_threads: dict[int, LoopThread] = {}
_lock = threading.Lock()


def loop_thread() -> LoopThread:
    """The thread of this process; after a fork the child makes its own."""
    with _lock:
        pid = os.getpid()
        if pid not in _threads:
            _threads.clear()
            _threads[pid] = LoopThread()
        return _threads[pid]


_held: dict[int, int] = {}  # inode of a pipe by its descriptor, whose number may long be that of something else


def closed_in_children(*descriptors: int) -> None:
    """Let forked children not hold the other end of these pipes open: a browser ends when its pipe does, and that is to be with us."""
    _held.update({descriptor: os.fstat(descriptor).st_ino for descriptor in descriptors})


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor, inode in _held.items():
        with contextlib.suppress(OSError):
            if os.fstat(descriptor).st_ino == inode:
                os.dup2(null, descriptor, inheritable=False)  # closed by the objects that own it, so the number stays taken
    os.close(null)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

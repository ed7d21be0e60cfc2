"""Sessions that are lent to environments one after another, where the servers can be put back to their beginning."""

import os
import threading
import time
import weakref
from typing import Any

from prm_gym.mcp.server import McpServer
from prm_gym.mcp.session import McpSession

KEPT_SECONDS = 5.0  # that a session waits for another environment
MOST_KEPT = 8  # of one server

_lock = threading.RLock()  # again by the same thread, where memory is cleaned up meanwhile
_kept: dict[McpServer, list[tuple[float, McpSession]]] = {}


class Lease:
    """A session that belongs to one environment. It is given back when that is closed or forgotten: to be lent again, if it may be, else to its end.

    Attributes:
        session: in use; None between two sessions.
        again: the server can be put back to its beginning, so the session may be lent again.
    """

    def __init__(self, owner: object, server: McpServer, again: bool) -> None:
        self.server, self.again = server, again
        self.session: McpSession | None = None
        weakref.finalize(owner, Lease.end, self).atexit = False  # the end of the process ends all sessions

    def take(self) -> McpSession:
        """The session; begun, or taken over, where there is none that is alive.

        Raises:
            ServerGoneError: the server cannot be started.
            ServerHangsError: it takes too long.
            MissingExtraError: the SDK is not installed.
        """
        if self.session is not None and self.session.alive:
            return self.session
        self.drop()
        self.session = (_taken_over(self.server) if self.again else None) or McpSession(self.server)
        return self.session

    def drop(self) -> None:
        """End the session; the next one is another."""
        session, self.session = self.session, None
        if session is not None:
            session.close()

    def end(self) -> None:
        """Give the session back. May be called twice."""
        session, self.session = self.session, None
        if session is None:
            return
        if self.again and session.alive and _keep(session):
            return
        session.close()

    def __reduce__(self) -> Any:
        """Sessions do not cross processes."""
        raise TypeError("a lease of a session cannot be pickled")


def _taken_over(server: McpServer) -> McpSession | None:
    with _lock:
        waiting = _kept.get(server, [])
        while waiting:
            _, session = waiting.pop()
            if session.alive:
                return session
    return None


def _keep(session: McpSession) -> bool:
    with _lock:
        waiting = _kept.setdefault(session.server, [])
        if len(waiting) >= MOST_KEPT:
            return False
        waiting.append((time.monotonic() + KEPT_SECONDS, session))
    timer = threading.Timer(KEPT_SECONDS + 0.1, _end_those_due)
    timer.daemon = True
    timer.start()
    return True


def _end_those_due() -> None:
    now = time.monotonic()
    with _lock:
        due = [session for waiting in _kept.values() for until, session in waiting if until <= now]
        for server, waiting in list(_kept.items()):
            _kept[server] = [(until, session) for until, session in waiting if until > now]
    for session in due:
        session.close()


def _forget() -> None:
    """In a forked process: the sessions are the parent's."""
    _kept.clear()
    _lock.release()


os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_forget)

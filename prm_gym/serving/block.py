"""A session as its client sees it: shared by the environments that step together, opened anew where the server has closed it, and closed with the last."""

import atexit
import os
import weakref
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

import msgspec

from prm_gym.errors import ServingError
from prm_gym.serving.connection import Connection
from prm_gym.serving.wire import (
    BatchReset,
    BatchStep,
    Done,
    OpenRequest,
    ResetReplies,
    ResetReply,
    ResetRequest,
    SessionReply,
    StepReplies,
    StepReply,
    StepRequest,
)

LAST_SECONDS = 2.0  # to take leave of a server when the process ends
T = TypeVar("T")


class Block:
    """Some environments of one session.

    Attributes:
        connection: to the server.
        request: that opens the session.
        session: that is open.
    """

    def __init__(self, connection: Connection, request: OpenRequest) -> None:
        """Open the session.

        Raises:
            ServingError: the server refuses, or cannot be reached.
        """
        self.connection, self.request = connection, request
        self._process = os.getpid()
        self._users = request.num_envs
        _send_leave(connection)
        self.session = self._open()
        _BLOCKS.add(self)

    def _open(self) -> SessionReply:
        session = self.connection.post("/v1/sessions", self.request, SessionReply, uuid4().hex)
        # Whoever drops an environment has not closed it. The server is told with the next request: a collection may come in the middle of one.
        self._dropped = weakref.finalize(self, _ORPHANS.append, (self.connection.address, session.session, self._process))
        self._dropped.atexit = False
        return session

    def call(self, what: str, message: msgspec.Struct, kind: type[T]) -> T:
        """The answer to a message to the session; it is done once.

        Raises:
            ServingError: the server refuses, or cannot be reached.
        """
        return self.connection.post(f"/v1/sessions/{self.session.session}/{what}", message, kind, uuid4().hex)

    def reset(self, requests: Sequence[ResetRequest]) -> list[ResetReply]:
        """Begin episodes. Where the server has closed the session, as it does when nothing is asked of it for long, another one is opened.

        Raises:
            ServingError: the server refuses, or cannot be reached; `generator_lost` where it has forgotten what a reset without a seed would go on with.
        """
        try:
            return self._reset(requests)
        except ServingError as error:
            if error.code != "no_session":
                raise
            closed = error
        self._dropped.detach()
        self.session = self._open()
        if any(request.seed is None for request in requests):
            raise ServingError(closed.message, "generator_lost") from closed
        return self._reset(requests)

    def _reset(self, requests: Sequence[ResetRequest]) -> list[ResetReply]:
        if len(requests) == 1:
            return [self.call("reset", requests[0], ResetReply)]
        return _matched(requests, self.call("batch/reset", BatchReset(list(requests)), ResetReplies).results)

    def step(self, requests: Sequence[StepRequest]) -> list[StepReply]:
        """Take steps, all in one request.

        Raises:
            ServingError: the server refuses, or cannot be reached.
        """
        if len(requests) == 1:
            return [self.call("step", requests[0], StepReply)]
        return _matched(requests, self.call("batch/step", BatchStep(list(requests)), StepReplies).results)

    def leave(self) -> None:
        """One of the environments is closed; with the last one goes the session."""
        self._users -= 1
        if self._users == 0:
            self.close()

    def close(self) -> None:
        """Close the session, unless it is the parent's of a forked process. What goes wrong is left to the server, which closes what is idle."""
        if self._dropped.detach() is not None and self._process == os.getpid():
            with suppress(ServingError):
                self.connection.delete(f"/v1/sessions/{self.session.session}", Done)
        self.connection.close()


def _matched(requests: Sequence[Any], results: list[Any]) -> list[Any]:
    if [result.slot for result in results] != [request.slot for request in requests]:
        raise ServingError(f"the server gives other results than was asked for: {len(results)} for {len(requests)}", "bad_answer")
    return results


# Sessions of environments that were dropped without being closed: address, session, and the process that opened it.
_ORPHANS: "deque[tuple[tuple[str, str | None], str, int]]" = deque()
_BLOCKS: "weakref.WeakSet[Block]" = weakref.WeakSet()


def _send_leave(connection: Connection) -> None:
    """Close the sessions that were dropped, where this connection reaches them."""
    for _ in range(len(_ORPHANS)):
        address, session, process = orphan = _ORPHANS.popleft()
        if address != connection.address:
            _ORPHANS.append(orphan)
        elif process == os.getpid():
            with suppress(ServingError):
                connection.delete(f"/v1/sessions/{session}", Done)


@atexit.register
def _at_end() -> None:
    for block in list(_BLOCKS):
        block.connection.timeout = LAST_SECONDS
        block.connection.close()
        block.close()
    for url, token_file in {address for address, _, _ in _ORPHANS}:
        last = Connection(url, token_file=token_file, timeout=LAST_SECONDS)
        _send_leave(last)
        last.close()

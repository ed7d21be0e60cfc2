"""A stand-in for `socket.socketpair`, which the filter refuses: a pipe. It is all that asyncio needs to wake its loop."""

import os
import socket


class PipeEnd:
    """One end of a pipe, with what asyncio asks of a socket."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def fileno(self) -> int:
        """The descriptor; -1 when it is closed."""
        return self._descriptor

    def setblocking(self, blocking: bool) -> None:
        """Whether reading and writing wait."""
        os.set_blocking(self._descriptor, blocking)

    def recv(self, size: int) -> bytes:
        """At most so many bytes."""
        return os.read(self._descriptor, size)

    def send(self, data: bytes) -> int:
        """How many bytes were written."""
        return os.write(self._descriptor, data)

    def close(self) -> None:
        """Close it, once."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _pair(*_: object) -> tuple[PipeEnd, PipeEnd]:
    reading, writing = os.pipe()
    return PipeEnd(reading), PipeEnd(writing)


def stand_in() -> None:
    """Put it in the place of `socket.socketpair`."""
    socket.__dict__["socketpair"] = _pair

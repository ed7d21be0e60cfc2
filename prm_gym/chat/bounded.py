"""A limit on what an endpoint may send."""

from collections.abc import AsyncIterator
from typing import Any

MOST_BYTES = 2**25


class OverlongError(Exception):
    """More came than an answer can be, or it cannot be told how much."""


async def bounded(response: Any) -> None:
    """Have a response end with an error where it becomes longer than `MOST_BYTES`: a hook for the official client's HTTP client.

    One that is packed ends at once: it was not asked for, and a few bytes can hold more than the memory does.
    """
    packing = response.headers.get("content-encoding", "identity")
    if packing.strip().lower() not in ("", "identity"):
        raise OverlongError(f"an answer that is packed ({packing[:40]}), though none was asked for")
    announced = response.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MOST_BYTES:
        raise OverlongError(f"an answer of {announced} bytes")
    stream = response.stream
    # The HTTP library is `httpx` or `httpx2`, as the version of the official client has it; either wants streams of its own kind.
    kind: Any = next(base for base in type(stream).__mro__ if base.__name__ == "AsyncByteStream")

    class Bounded(kind):
        """Ends where too much has come."""

        async def __aiter__(self) -> AsyncIterator[bytes]:
            length = 0
            async for piece in stream:
                length += len(piece)
                if length > MOST_BYTES:
                    raise OverlongError(f"an answer of more than {MOST_BYTES} bytes")
                yield piece

        async def aclose(self) -> None:
            await stream.aclose()

    response.stream = Bounded()

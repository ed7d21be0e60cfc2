"""A thread for an object that must not be shared between threads: what it holds (a solver, a browser, a model) may be bound to the one that made it."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from threading import Thread
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar


class Closable(Protocol):
    """What holds something that has to be freed."""

    def close(self) -> None:
        """Free it."""
        ...


Held = TypeVar("Held", bound=Closable)
Result = TypeVar("Result")
Given = ParamSpec("Given")


class OwnThread(Generic[Held]):
    """An object that is made, used and closed in one thread, whichever thread or event loop asks.

        with OwnThread(lambda: Conversation("prm_gym/Countdown-v0")) as thread:
            messages = thread.call(Conversation.begin, 3)

        async with own_thread(lambda: Conversation("prm_gym/Countdown-v0")) as thread:
            step = await thread.wait(Conversation.reply, "3 * 8 = 24")

    Attributes:
        held: the object. What is read from it elsewhere is settled only while no call is under way.
    """

    def __init__(self, make: Callable[[], Held]) -> None:
        """Make the object.

        Args:
            make: makes it, and may raise.
        """
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="prm_gym own")
        self._closed = False
        try:
            self.held: Held = self._thread.submit(make).result()
        except BaseException:
            self._thread.shutdown(wait=False)
            raise

    def call(self, method: Callable[Concatenate[Held, Given], Result], *arguments: Given.args, **options: Given.kwargs) -> Result:
        """What a method of the object gives, called in its thread."""
        return self._submitted(method, *arguments, **options).result()

    async def wait(self, method: Callable[Concatenate[Held, Given], Result], *arguments: Given.args, **options: Given.kwargs) -> Result:
        """Likewise, without blocking the event loop."""
        return await asyncio.wrap_future(self._submitted(method, *arguments, **options))

    def close(self) -> None:
        """Close the object and end the thread. May be called twice."""
        if not self._closed:
            self._closed = True
            try:
                self._thread.submit(self.held.close).result()
            finally:
                self._thread.shutdown()

    def __enter__(self) -> "OwnThread[Held]":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _submitted(self, method: Callable[Concatenate[Held, Given], Result], *arguments: Given.args, **options: Given.kwargs) -> "Future[Result]":
        return self._thread.submit(method, self.held, *arguments, **options)


@asynccontextmanager
async def own_thread(make: Callable[[], Held]) -> AsyncGenerator[OwnThread[Held]]:
    """An object in a thread of its own for as long as the block lasts; the event loop waits neither for its making nor for its closing."""
    making = asyncio.ensure_future(asyncio.to_thread(OwnThread, make))
    try:
        thread = await asyncio.shield(making)
    except asyncio.CancelledError:  # it is made all the same, and nobody else would close it
        making.add_done_callback(_closed)
        raise
    try:
        yield thread
    finally:
        await asyncio.to_thread(thread.close)


def _closed(making: "asyncio.Future[OwnThread[Any]]") -> None:
    if not making.cancelled() and making.exception() is None:
        Thread(target=making.result().close).start()

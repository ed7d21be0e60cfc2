"""What the code about pages asks of a driver: sessions of the DevTools protocol, targets and contexts. Each driver is one file."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeAlias

Reply: TypeAlias = dict[str, Any]
Handler: TypeAlias = Callable[[Reply], None]
Command: TypeAlias = tuple[str, Mapping[str, Any]]  # its name, and its parameters


class ProtocolError(Exception):
    """The browser refuses a command; the message is its own."""


class GoneError(Exception):
    """What the command was meant for is gone: the page, the browser or the driver."""


class Session(Protocol):
    """A session of the DevTools protocol with one page."""

    def send(self, method: str, params: Mapping[str, Any] | None = None) -> "asyncio.Future[Reply]":
        """The browser's answer to a command, to come. It is on its way when this returns; awaiting it may raise.

        Raises:
            ProtocolError: the browser refuses it.
            GoneError: there is nobody to answer.
        """
        ...

    def send_all(self, commands: Iterable[Command]) -> "list[asyncio.Future[Reply]]":
        """The answers to commands that are sent in one go."""
        ...

    def on(self, event: str, handler: Handler) -> None:
        """Call a function at each event of a name, in the order in which they come."""
        ...


class Target(Protocol):
    """One page (a tab) of a context."""

    @property
    def session(self) -> Session:
        """Its session, opened before anything happened in the page."""
        ...

    async def run(self) -> None:
        """Let it go on, where it waits until it has been prepared."""
        ...

    async def close(self) -> None:
        """Close the tab; it is no error when it is closed already."""
        ...


Popup: TypeAlias = Callable[[Target], Awaitable[None]]


class Context(Protocol):
    """A browser profile of its own: cookies, storage, headers and pages that no other context shares."""

    async def open(self) -> Target:
        """A new page."""
        ...

    async def set_headers(self, headers: Mapping[str, str]) -> None:
        """Send these headers with every request of its pages, and no others of ours."""
        ...

    def on_popup(self, handler: Popup) -> None:
        """Call a coroutine function with each page that the pages themselves open."""
        ...

    async def close(self) -> None:
        """Close it with all of its pages; it is no error when it is closed already."""
        ...


class Driver(Protocol):
    """A running browser.

    Attributes:
        died: called once with the kind of death and a reason, when the browser or what drives it is gone without having been closed.
    """

    died: Callable[[str, str], None]

    async def start(self) -> None:
        """Launch the browser."""
        ...

    async def context(self, headers: Mapping[str, str]) -> Context:
        """A new context, whose pages send the headers with every request."""
        ...

    async def close(self) -> None:
        """End the browser and what drives it."""
        ...

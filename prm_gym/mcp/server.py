"""Which server, and how long it may take."""

import math
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from prm_gym.errors import OptionError
from prm_gym.secret import Secret


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server: a command that talks over its standard input and output, or an address (streamable HTTP).

    Keys and passwords belong into `environment` and `headers`: their values are held as `Secret`, so that representations and stored trajectories have the
    names alone. The arguments of the command and the address are written down as they are.

    Attributes:
        command: program and arguments; empty for an address.
        url: address; empty for a command.
        environment: variables for the command beside PATH, HOME and the like; what else is in the environment of this process it does not see: neither
            keys nor PYTHONPATH, proxies or certificates.
        folder: where the command runs; empty for the working directory.
        headers: sent with every request to an address.
        deadline: seconds that a call may take.
        start_seconds: seconds from the start of the command to the list of its tools.
        result_length: characters of a result that are kept.
    """

    command: tuple[str, ...] = ()
    url: str = ""
    environment: tuple[tuple[str, str | Secret], ...] = ()
    folder: str = ""
    headers: tuple[tuple[str, str | Secret], ...] = ()
    deadline: float = 30.0
    start_seconds: float = 30.0
    result_length: int = 20_000

    def __post_init__(self) -> None:
        """Refuse what names no server.

        Raises:
            OptionError: neither or both of command and url, or a limit out of range.
        """
        if bool(self.command) is bool(self.url):
            raise OptionError("a server has a command or a url, and not both")
        if self.url and not self.url.startswith(("http://", "https://")):
            raise OptionError(f"the url of a server begins with http:// or https://, got {self.url[:100]!r}")
        for name, pairs in (("environment", self.environment), ("headers", self.headers)):
            hidden = tuple((key, value if isinstance(value, Secret) else Secret(value)) for key, value in pairs)
            msgspec.structs.force_setattr(self, name, hidden)
        for name, value in (("deadline", self.deadline), ("start_seconds", self.start_seconds)):
            if not 0 < value < math.inf:
                raise OptionError(f"{name} is a positive number of seconds, got {value!r}")
        if self.result_length < 100:
            raise OptionError(f"result_length is at least 100 characters, got {self.result_length!r}")

    @property
    def name(self) -> str:
        """The server in messages: the program without its arguments, or the address without a user and without what follows a question mark."""
        if not self.url:
            return self.command[0]
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def revealed(pairs: "Sequence[tuple[str, str | Secret]]") -> dict[str, str]:
    """Variables or headers with their values."""
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in pairs}


def server_of(given: "McpServer | str | Sequence[str]", **limits: Any) -> McpServer:
    """The server that an option names: an address, a program with its arguments, or a `McpServer`, which has its own limits.

    Raises:
        OptionError: it names none.
    """
    if isinstance(given, McpServer):
        if limits:
            raise OptionError(f"a McpServer has its own limits: set {', '.join(limits)} there")
        return given
    if isinstance(given, str):
        if not given.startswith(("http://", "https://")):
            raise OptionError(f"a server is an address (http://...) or a list of a program and its arguments, got the single text {given[:100]!r}")
        return McpServer(url=given, **limits)
    if not given or not all(isinstance(part, str) for part in given):
        raise OptionError(f"the command of a server is a list of texts, got {given!r}")
    return McpServer(command=tuple(given), **limits)

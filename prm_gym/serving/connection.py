"""A connection to a server, with the standard library alone: kept open, and tried again where that does nothing twice."""

import http.client
import os
import ssl
import threading
import time
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from prm_gym.errors import OptionError, PrmGymError, ServingError
from prm_gym.secret import Secret
from prm_gym.serving.wire import ProblemBody

TOKEN_VARIABLE = "PRM_GYM_TOKEN"
PAUSES = (0.05, 0.3, 1.0)  # seconds before a request is sent once more
MOST_ANSWER = 512 << 20
_ENCODER = msgspec.json.Encoder()
T = TypeVar("T")


class Connection:
    """One connection, for one request at a time; others wait. It pickles as its address, and is made anew after a fork.

    What a lost connection leaves in doubt is sent again with the same key, so that a step that was taken is not taken twice.
    """

    def __init__(self, url: str, *, token_file: str | None = None, timeout: float = 120.0) -> None:
        """Take the address; nothing is opened yet.

        Args:
            url: of the server: "http://127.0.0.1:8000".
            token_file: path of a file whose first line is the token; the variable PRM_GYM_TOKEN unless given. Neither is stored with trajectories.
            timeout: seconds to wait for an answer. More than a request may take on the server.

        Raises:
            OptionError: the address is none, or the file cannot be read.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except (ValueError, AttributeError, TypeError) as error:
            raise OptionError(f"url is the address of a server, as http://127.0.0.1:8000, got {url!r}") from error
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment or parts.username:
            raise OptionError(f"url is the address of a server, as http://127.0.0.1:8000, got {url!r}")
        if not 0 < timeout < float("inf"):
            raise OptionError(f"timeout is a positive number of seconds, got {timeout!r}")
        self.url, self.token_file, self.timeout = url.rstrip("/"), token_file, timeout
        self._secure, self._host, self._port, self._prefix = parts.scheme == "https", host, port, parts.path.rstrip("/")
        self._token = _token(token_file)
        self._lock = threading.Lock()
        self._lines: list[http.client.HTTPConnection] = []  # one at most; of its own, so that it is closed with whoever drops this
        weakref.finalize(self, _close, self._lines).atexit = False
        self._process = os.getpid()
        self._decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy opens a connection of its own."""
        return (_connection, (self.url, self.token_file, self.timeout))

    @property
    def address(self) -> tuple[str, str | None]:
        """Server and token file: connections of one address reach the same sessions."""
        return self.url, self.token_file

    def get(self, path: str, kind: type[T]) -> T:
        """What the server says under a path; see `post`."""
        return self._ask("GET", path, b"", kind, {})

    def post(self, path: str, message: msgspec.Struct, kind: type[T], key: str = "") -> T:
        """The answer to a message.

        Args:
            path: from /v1 on.
            message: of `prm_gym.serving.wire`.
            kind: of the answer.
            key: under which the server does it once; empty for what may be done again.

        Raises:
            ServingError: the server refuses, cannot be reached, or says what cannot be read.
        """
        return self._ask("POST", path, _ENCODER.encode(message), kind, {"Idempotency-Key": key} if key else {})

    def delete(self, path: str, kind: type[T]) -> T:
        """Have something removed; see `post`."""
        return self._ask("DELETE", path, b"", kind, {})

    def close(self) -> None:
        """Hang up; a later request opens the connection again."""
        with self._lock:
            self._hang_up()

    def _hang_up(self) -> None:
        _close(self._lines)  # of a forked process this closes its own end alone

    def _ask(self, method: str, path: str, body: bytes, kind: type[T], more: Mapping[str, str]) -> T:
        headers = {"Content-Type": "application/json", "Accept": "application/json", **more}
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token.reveal()}"
        with self._lock:
            status, data, wait = self._sent(method, self._prefix + path, body, headers)
        if status != 200:
            raise _refusal(self.url, status, data, wait)
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = msgspec.json.Decoder(kind)
        try:
            return decoder.decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, PrmGymError) as error:
            raise ServingError(f"{self.url}{path} answers what is no {kind.__name__}: {error}", "bad_answer") from error

    def _sent(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes, str]:
        """Status, body and time to wait of the response, whatever the connection does."""
        for pause in (*PAUSES, None):
            try:
                line = self._opened()
                line.request(method, path, body or None, dict(headers))
                response = line.getresponse()
                data = response.read(MOST_ANSWER)
                return response.status, data, response.getheader("retry-after", "")
            except TimeoutError as error:
                self._hang_up()
                raise ServingError(f"{self.url} has not answered within {self.timeout:g} s", "timeout") from error
            except (OSError, http.client.HTTPException) as error:
                self._hang_up()
                if pause is None:
                    raise ServingError(f"{self.url} cannot be reached: {type(error).__name__}: {error}") from error
                time.sleep(pause)
            except BaseException:  # an interruption: what comes on this line answers nobody
                self._hang_up()
                raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _opened(self) -> http.client.HTTPConnection:
        if self._process != os.getpid():  # the line is the parent's
            self._hang_up()
            self._process = os.getpid()
        if not self._lines:
            if self._secure:
                line = http.client.HTTPSConnection(self._host, self._port, timeout=self.timeout, context=ssl.create_default_context())
            else:
                line = http.client.HTTPConnection(self._host, self._port, timeout=self.timeout)
            self._lines.append(line)
        return self._lines[0]


def _close(lines: list[http.client.HTTPConnection]) -> None:
    while lines:
        lines.pop().close()


def _connection(url: str, token_file: str | None, timeout: float) -> Connection:
    return Connection(url, token_file=token_file, timeout=timeout)


def _token(token_file: str | None) -> Secret | None:
    if token_file is None:
        token = os.environ.get(TOKEN_VARIABLE, "")
        return Secret(token) if token else None
    tokens = read_tokens(token_file)
    return tokens[0]


def read_tokens(token_file: str) -> list[Secret]:
    """The tokens of a file, one a line.

    Raises:
        OptionError: it cannot be read, holds none, or one that no header can carry.
    """
    try:
        lines = [line.strip() for line in Path(token_file).read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"the file of tokens cannot be read: {error}") from error
    found = [line for line in lines if line]
    if not found or not all(line.isascii() and line.isprintable() and " " not in line for line in found):
        raise OptionError(f"{token_file} holds no token: one a line, of ASCII letters without spaces")
    return [Secret(line) for line in found]


def _refusal(url: str, status: int, data: bytes, wait: str) -> ServingError:
    try:
        problem = msgspec.json.decode(data, type=ProblemBody)
        code, detail = problem.code, problem.detail
    except (msgspec.MsgspecError, UnicodeDecodeError):  # somebody in between
        code, detail = f"http_{status}", f"it answers with status {status} and no reason"
    return ServingError(f"{url}: {detail}", code, float(wait) if wait.isdigit() else None)

"""Where pages under test come from: a server of this process alone, and the options of the browser that sees nothing else."""

import atexit
import os
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prm_gym.browser import BrowserOptions, PageOptions

HOST = "page.localhost"  # browsers take it for a secure context, as they do a published page
ADDRESS = f"http://{HOST}/"
HEADER = "x-page"
HEAP_MB = 128
ACTION_SECONDS, OPENING_SECONDS, SETTLING_SECONDS = 4.0, 6.0, 2.0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.close_connection = True  # what is sent is not read
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Write nothing."""

    def _answer(self) -> None:
        token = self.headers.get(HEADER, "")
        html = None if self.path == "/favicon.ico" or not isinstance(self.server, _Server) else self.server.page(token)
        body = b"There is no such page." if html is None else html
        self.send_response(404 if html is None else 200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.send_header("cache-control", "no-store")
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        self.pages: dict[str, bytes] = {}
        self.asked: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def page(self, token: str) -> bytes | None:
        """The page of a token; that it was asked for is noted."""
        html = self.pages.get(token)
        if html is not None:
            self.asked.add(token)
        return html

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that hang up."""


class PageServer:
    """A server on the loopback interface. A browser's page is given the text whose token its requests carry, at every address."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._server = _Server()
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="prm_gym-pages", daemon=True)
        self._thread.start()
        atexit.register(self.close)

    def admit(self, html: str) -> str:
        """A token by which a browser asks for a page."""
        token = secrets.token_hex(16)
        self._server.pages[token] = html.encode("utf-8", "replace")
        return token

    def dismiss(self, token: str) -> None:
        """Forget a page."""
        self._server.pages.pop(token, None)
        self._server.asked.discard(token)

    def was_asked(self, token: str) -> bool:
        """Whether a browser has asked for a page."""
        return token in self._server.asked

    def close(self) -> None:
        """Stop."""
        if self.process == os.getpid():
            self._server.shutdown()
        self._server.server_close()


def page_options(token: str) -> PageOptions:
    """How a page under test is opened."""
    return PageOptions(headers={HEADER: token})


def browser_options(port: int, *, frames: bool = False) -> BrowserOptions:
    """The browser of pages under test: there is one host, a small heap, and little patience."""
    return BrowserOptions(
        hosts={HOST: f"127.0.0.1:{port}"},
        frames=frames,
        driver="pipe",
        heap_mb=HEAP_MB,
        deadline=ACTION_SECONDS,
        open_deadline=OPENING_SECONDS,
        settle=SETTLING_SECONDS,
    )


_servers: list[PageServer] = []
_lock = threading.Lock()


def page_server() -> PageServer:
    """The server of this process; after a fork the child makes its own."""
    with _lock:
        if not _servers or _servers[0].process != os.getpid():
            _servers[:] = [PageServer()]
        return _servers[0]


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)

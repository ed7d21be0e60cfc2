"""The server of our sites for a real browser: one a process, on the loopback interface, each environment with a visit of its own.

A browser context says whose it is by the header `x-visit`; without it, or with another one, there is no page. The server works in a thread of its own.
"""

import asyncio
import atexit
import os
import secrets
import socket
import threading
from collections.abc import Iterable
from importlib.resources import files
from typing import Any
from urllib.parse import unquote
from weakref import WeakValueDictionary

from prm_gym.errors import EnvironmentFault, MissingExtraError
from prm_gym.web.html import inner_html, to_html
from prm_gym.web.site import Site, Visit, split_url

HEADER = "x-visit"
STARTING_SECONDS = 20.0
LARGEST_BODY = 1 << 20
# Of scripts a page has world.js alone, which stores nothing: so what a page may keep for the next episode is all in its document.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {"content-type": "text/html; charset=utf-8", "cache-control": "no-store", "content-security-policy": POLICY, "x-content-type-options": "nosniff"}
_ASSETS = {"/assets/world.js": ("world.js", "text/javascript"), "/assets/world.css": ("world.css", "text/css")}


class SiteServer:
    """A server for some sites; `prm_gym.web.server.site_server()` is the one of this process."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            MissingExtraError: Starlette or uvicorn is not installed.
            EnvironmentFault: it does not start.
        """
        try:
            import uvicorn
        except ImportError as error:
            raise MissingExtraError("uvicorn", "web") from error
        self.process = os.getpid()
        self._sites: dict[str, Site] = {}
        self._visits: WeakValueDictionary[str, Visit] = WeakValueDictionary()
        self._ahead: dict[str, tuple[tuple[str, str, str], tuple[int, bytes, dict[str, str]]]] = {}
        self.assets = {path: ((files("prm_gym.web") / name).read_bytes(), kind) for path, (name, kind) in _ASSETS.items()}
        # With its protocol named: only then does asyncio send small answers at once, and not 40 ms later.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(256)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(_application(self), log_level="error", access_log=False, lifespan="off", ws="none", timeout_keep_alive=600, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="prm_gym-sites", daemon=True)
        self._started = threading.Event()
        self._thread.start()
        if not self._started.wait(STARTING_SECONDS):
            raise EnvironmentFault("the server of the sites does not start")
        atexit.register(self.close)

    def _run(self) -> None:
        async def serve() -> None:
            asyncio.get_running_loop().call_soon(self._started.set)
            await self._server.serve(sockets=[self._socket])

        asyncio.run(serve())

    def host(self, sites: Iterable[Site]) -> None:
        """Answer for these sites too."""
        for site in sites:
            self._sites.setdefault(site.host, site)

    def admit(self, visit: Visit, token: str = "") -> str:
        """A token by which a browser names this visit, as long as the visit lives; a token that is given names it from now on."""
        token = token or secrets.token_hex(16)
        self._visits[token] = visit
        return token

    def ahead(self, url: str, token: str) -> str:
        """The page of an address before a browser asks for it; "" where it is none. Should the browser ask, it is given the same until `withdraw`."""
        _, host, path, query = split_url(url)
        asked = host, unquote(path), query
        self._ahead[token] = asked, self.answer("GET", *asked, token, "")
        status, content, _ = self._ahead[token][1]
        return content.decode() if status == 200 else ""

    def withdraw(self, token: str) -> None:
        """The browser has had what was answered ahead, or needs it not."""
        self._ahead.pop(token, None)

    def close(self) -> None:
        """Stop."""
        if self.process == os.getpid() and self._thread.is_alive():
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(timeout=5)
        self._socket.close()

    def answer(self, method: str, host: str, path: str, query: str, token: str, body: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of a response."""
        asked, answered = self._ahead.get(token, (None, None))
        if answered is not None and method == "GET" and asked == (host, path, query):
            return answered
        visit = self._visits.get(token)
        site = None if visit is None else (visit.sites or self._sites).get(host)
        if site is None or visit is None or method not in ("GET", "POST"):
            return 404, b"There is no such page.", {"content-type": "text/plain"}
        try:
            response = site.answer(visit, method, path, query, body)
        except Exception as error:  # a bug of the world, or a database that failed: the environment raises it
            visit.broken = error
            return 500, b"", {}
        if response.status == 303:
            return 303, b"", {"location": response.location}
        if response.root is None:
            return 404, b"", {}
        html = inner_html(response.root) if response.root.tag == "template" else f"<!doctype html>{to_html(response.root)}"
        return response.status, html.encode(), _HEADERS


def _application(server: SiteServer) -> Any:
    """The application that uvicorn runs."""
    try:
        from starlette.applications import Starlette
        from starlette.requests import Request
        from starlette.responses import Response
        from starlette.routing import Route
    except ImportError as error:
        raise MissingExtraError("starlette", "web") from error

    async def endpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST_BODY:
                return Response("The form is too long.", 413)
        host = request.headers.get("host", "").partition(":")[0]
        token = request.headers.get(HEADER, "")
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")  # an address made anew of them would be split otherwise
        if path in server.assets and "text/html" not in request.headers.get("accept", ""):  # asked for as a part of a page, and not as one
            content, kind = server.assets[path]
            return Response(content, 200, {"content-type": kind, "cache-control": "max-age=3600", "vary": "accept"})
        status, content, headers = server.answer(request.method, host, path, query, token, body.decode("utf-8", "replace"))
        return Response(content, status, headers)

    return Starlette(routes=[Route("/{path:path}", endpoint, methods=["GET", "POST"])])


_server: list[SiteServer] = []
_lock = threading.Lock()


def site_server() -> SiteServer:
    """The server of this process; started at first, and anew in a process that was forked."""
    with _lock:
        if not _server or _server[0].process != os.getpid():
            _server[:] = [SiteServer()]
        return _server[0]

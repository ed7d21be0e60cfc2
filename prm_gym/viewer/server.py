"""The viewer behind a local server, which reads a trajectory when it is asked for it.

It listens on the loopback address alone and answers requests that name it by that address or as localhost: a page of a stranger whose host name was made to
lead here names itself, and is refused. Nothing can be changed through it.
"""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import msgspec

from prm_gym.errors import OptionError, StoreError
from prm_gym.trajectory import Trajectory
from prm_gym.viewer.collection import Collection
from prm_gym.viewer.details import Texts, details
from prm_gym.viewer.graphs import group_graph
from prm_gym.viewer.page import columns, served_page

HOST = "127.0.0.1"
SEARCH_SECONDS = 0.5
"""How long one request of a search looks through trajectories, before it says what it has found and where it stands."""
_RECORD = re.compile(r"/(trajectory|graph)/(\d{1,9})\Z")


class ViewServer(ThreadingHTTPServer):
    """Serves one collection, which is read anew when its files have changed and the page is loaded again."""

    daemon_threads = True

    def __init__(self, collection: Collection, port: int = 0) -> None:
        """Bind it; `serve_forever` begins to answer.

        Args:
            collection: what is shown.
            port: 0 for any that is free.

        Raises:
            OptionError: the port is taken, or none.
        """
        self.lock = threading.Lock()
        self.readings = 0  # of the files; the numbers of trajectories are those of one of them
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise OptionError(f"the viewer cannot listen on port {port}: {error}") from error
        self.names = {f"{name}:{self.server_address[1]}" for name in (HOST, "localhost")}
        self._take(collection)

    @property
    def url(self) -> str:
        """Address of the page."""
        return f"http://{HOST}:{self.server_address[1]}/"

    def refreshed(self) -> Collection:
        """The collection, read again where its files have changed; as it was where they cannot be read now."""
        with self.lock:
            if self.collection.sizes != self.sizes:
                try:
                    self._take(self.collection.again())
                except StoreError:
                    self.sizes = self.collection.sizes
            return self.collection

    def _take(self, collection: Collection) -> None:
        self.readings += 1
        self.collection, self.sizes = collection, collection.sizes
        self.index = msgspec.json.encode(columns(collection) | {"packs": [], "graphs": [], "server": True, "reading": self.readings})


class _Handler(BaseHTTPRequestHandler):
    timeout = 30
    protocol_version = "HTTP/1.1"

    @property
    def view(self) -> ViewServer:
        """The server, whose handlers are all of this class."""
        return cast(ViewServer, self.server)

    def do_GET(self) -> None:
        """Answer a request, or say why not."""
        if self.headers.get("Host", "").lower() not in self.view.names:
            self._send(421, "text/plain", b"This server answers to its own address alone.")
            return
        try:
            self._answer()
        except (StoreError, OptionError) as error:
            self._send(409, "text/plain", str(error).encode("utf-8", "backslashreplace"))
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: whoever looks at trajectories needs no log of it."""

    def _answer(self) -> None:
        url = urlsplit(self.path)
        collection, query = self.view.collection, parse_qs(url.query)
        outdated = query.get("reading", [str(self.view.readings)])[0] != str(self.view.readings)
        if url.path == "/":
            self._send(200, "text/html", served_page(self.view.refreshed()).encode())
        elif url.path == "/index":
            self._send(200, "application/json", self.view.index)
        elif url.path == "/changes":
            self._json({"changed": outdated or collection.sizes != self.view.sizes})
        elif outdated:  # another page had the files read again, and the numbers are others
            raise StoreError("the files have changed; reload the page to read them again")
        elif url.path == "/search":
            self._search(query)
        elif (found := _RECORD.match(url.path)) is not None:
            self._record(found[1], int(found[2]))
        else:
            self._send(404, "text/plain", b"There is no such page.")

    def _record(self, kind: str, number: int) -> None:
        collection = self.view.collection
        if number >= len(collection.entries if kind == "trajectory" else collection.groups):
            self._send(404, "text/plain", b"There is no such trajectory.")
            return
        if kind == "graph":
            self._json(group_graph(collection, number))
            return
        texts = Texts()
        record = details(collection.trajectory(number), number, collection.advantages, texts)
        self._json({"texts": texts.listed, **record})

    def _search(self, query: dict[str, list[str]]) -> None:
        needle = query.get("q", [""])[0].lower()
        start = query.get("from", ["0"])[0]
        if not needle or not start.isdecimal() or len(start) > 9:
            raise OptionError("a search has a text q and a number from")
        collection, number, until = self.view.collection, int(start), time.monotonic() + SEARCH_SECONDS
        hits: list[int] = []
        while number < len(collection.entries) and time.monotonic() < until:
            if bears(collection.trajectory(number), needle):
                hits.append(number)
            number += 1
        self._json({"hits": hits, "next": number})

    def _json(self, value: Any) -> None:
        self._send(200, "application/json", msgspec.json.encode(value))

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Content-Security-Policy", "frame-ancestors 'none'")
        self.end_headers()
        self.wfile.write(body)


def bears(trajectory: Trajectory, needle: str) -> bool:
    """Whether the question, an observation, an action or a reason holds the text, in small letters."""
    texts = [trajectory.task.question]
    for step in trajectory.steps:
        texts += [step.observation, step.action, *(verdict.reason for verdict in step.verdicts.values())]
    return any(needle in text.lower() for text in texts)

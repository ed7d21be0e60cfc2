"""A browser of either kind, and a site on the loopback interface that counts what reaches it."""

import contextlib
import http.server
import threading
import urllib.parse

import pytest

from prm_gym.browser import BrowserOptions, PageOptions, browser_pool

HOST = "shop.test"


class Site:
    """Pages by path; every request is written down."""

    def __init__(self):
        self.pages, self.hits, self.headers = {}, [], []
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length).decode()
                host = self.headers.get("host", "").partition(":")[0]
                path = self.path.partition("?")[0]
                site.hits.append((self.command, host, self.path, body))
                site.headers.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                answer = site.pages.get(path, (404, {}, "<title>Nothing</title><p>Nothing here"))
                status, headers, text = answer if isinstance(answer, tuple) else (200, {}, answer)
                if isinstance(text, threading.Event):  # an answer that begins and does not end
                    self.send_response(200)
                    self.send_header("content-type", "text/html")
                    self.end_headers()
                    self.wfile.write(b"<p>begun</p><img src=/never>")
                    self.wfile.flush()
                    self.close_connection = True
                    text.wait(20)
                    return
                data = text.encode() if isinstance(text, str) else text
                self.send_response(status)
                for name, value in {"content-type": "text/html; charset=utf-8", "cache-control": "no-store", **headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_HEAD = answer  # noqa: N815

            def log_message(self, *values):
                pass

            def handle(self):
                with contextlib.suppress(OSError):
                    super().handle()

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def show(self, body, path="/", title="Page", head=""):
        self.pages[path] = f"<!doctype html><html><head><title>{title}</title>{head}</head><body>{body}</body></html>"
        return f"http://{HOST}{path}"

    def reached(self, path):
        return [hit for hit in self.hits if urllib.parse.urlsplit(hit[2]).path == path]


@pytest.fixture(scope="session")
def server():
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def site(server):
    server.pages.clear()
    server.hits.clear()
    server.headers.clear()
    return server


@pytest.fixture(scope="session", params=["playwright", "pipe"])
def driver(request):
    return request.param


@pytest.fixture(scope="session")
def options(server, driver):
    """`other.test` can be reached by the browser, but is no host of the pages."""
    hosts = {HOST: f"127.0.0.1:{server.port}", "other.test": f"127.0.0.1:{server.port}"}
    return BrowserOptions(hosts=hosts, driver=driver, deadline=8, open_deadline=15, settle=3)


@pytest.fixture(scope="session")
def pool(options):
    pool = browser_pool(options)
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def shared(pool):
    """Pages by their options. Each test opens its own address, which begins anew."""
    pages = {}

    def given(**options):
        key = tuple(sorted(options.items()))
        if key not in pages or not pages[key].alive:
            pages[key] = pool.open(PageOptions(hosts=(HOST,), **options))
        return pages[key]

    yield given
    for page in pages.values():
        page.close()


@pytest.fixture
def page(shared):
    return shared()


@pytest.fixture
def foreign(shared):
    """A page on a site that is not ours."""
    return shared(clickables=True, settle="network")

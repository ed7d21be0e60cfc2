"""The closed network: nothing but the hosts of the browser can be reached, and no other address be opened."""

import socketserver
import threading
import time

import pytest

from prm_gym.browser import BrowserOptions, PageOptions, browser_pool
from prm_gym.errors import OptionError
from prm_gym.web.actions import Click, Goto, Noop

HOST = "shop.test"

HOSTILE = [
    "file:///etc/hostname",
    "FILE:///etc/hostname",
    "chrome://version",
    "chrome://crash",
    "about:blank",
    "javascript:document.title='owned'",
    "data:text/html,<title>owned</title>",
    "view-source:http://shop.test/",
    "blob:http://shop.test/1",
    "ftp://shop.test/",
    "devtools://devtools/bundled/inspector.html",
    "http://evil.test/",
    "http://127.0.0.1/",
    "http://localhost/",
    "http://[::1]/",
    "http://shop.test@evil.test/",
    "http://evil.test\\@shop.test/",
    "http://shop.test.evil.test/",
    "http://evil.test#shop.test",
    "//shop.test/",
    "shop.test",
    "",
    "http://",
    "http://shop.test:99999/",
    " http://shop.test/",
    "http://shop.test/\n",
    "http://shop.test/" + "a" * 9000,
    "wss://shop.test/",
]


def test_addresses_that_are_not_the_tasks_are_refused_in_words(page, site):
    before = page.open(site.show("<p>here</p>"))
    for url in HOSTILE:
        acted = page.act(Goto(url))
        assert (acted.error, acted.sight) == (f"this address is not allowed: {url}", before), url
    assert len(site.hits) == 1


def test_links_to_them_lead_nowhere(page, site):
    site.pages["/away"] = (302, {"location": "http://evil.test/x"}, "")
    site.pages["/file"] = (302, {"location": "file:///etc/hostname"}, "")
    site.pages["/other"] = (302, {"location": "http://other.test/secret"}, "")
    urls = [
        *("file:///etc/hostname", "chrome://version", "data:text/html,<title>owned</title>", "view-source:http://shop.test/", "http://evil.test/a"),
        *("http://other.test/secret", "/away", "/file", "/other"),
    ]
    links = "".join(f"<a href='{url}'>L</a>" for url in urls)
    before = page.open(site.show(f"<p>here</p>{links}<form action='http://other.test/secret' method=post><button>F</button></form>"))
    for ref in range(1, len(urls) + 2):
        sight = page.act(Click(ref)).sight
        assert (sight.url, sight.title, sight.items[0].name) == (before.url, "Page", "here"), ref
    assert not site.reached("/secret")


def test_a_script_that_goes_elsewhere_is_stopped(page, site):
    body = """<p>here</p><button onclick="location = 'http://other.test/secret'">A</button>
      <button onclick="document.body.innerHTML = '<meta http-equiv=refresh content=0;url=http://other.test/secret>'">B</button>"""
    page.open(site.show(body))
    acted = page.act(Click(1))
    assert acted.sight.notes == ("this address is not allowed: http://other.test/secret",)
    assert page.act(Click(2)).sight.url == "http://shop.test/"
    assert page.act(Noop()).sight.url == "http://shop.test/"
    assert not site.reached("/secret")


class Evil:
    """A server that no page is to reach; every connection counts."""

    def __init__(self):
        self.connections = 0
        evil = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                evil.connections += 1

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def evil():
    server = Evil()
    yield server
    server.server.shutdown()
    server.server.server_close()


LEAKS = """
<link rel=prefetch href="URL/prefetch"><link rel=preconnect href="URL"><link rel=dns-prefetch href="URL">
<link rel=stylesheet href="URL/css"><link rel=prerender href="URL/r">
<img src="URL/img"><iframe src="URL/frame"></iframe><object data="URL/object"></object><embed src="URL/embed"><video src="URL/video"></video>
<script src="URL/script"></script><form id=f action="URL/form" target="inner" method=post></form><iframe name=inner></iframe>
<script type=speculationrules>{"prefetch": [{"source": "list", "urls": ["URL/speculated"]}]}</script>
<p>here</p><button onclick="leak()">Leak</button><script>
  async function leak() {
    fetch("URL/fetch", {mode: "no-cors"}).catch(() => 0); navigator.sendBeacon("URL/beacon", "x");
    try { new WebSocket("WS/socket") } catch {} try { new EventSource("URL/events") } catch {}
    try { new Worker(URL.createObjectURL(new Blob(["fetch('URL/worker', {mode: 'no-cors'}); importScripts('URL/imported')"]))) } catch {}
    try { navigator.serviceWorker?.register("/sw.js").catch(() => 0) } catch {}
    try { new WebTransport("URL/transport") } catch {}
    const rtc = new RTCPeerConnection({iceServers: [{urls: "stun:HOSTPORT"}, {urls: "turn:HOSTPORT?transport=tcp", username: "u", credential: "c"}]});
    rtc.createDataChannel("d"); rtc.setLocalDescription(await rtc.createOffer());
    window.open("URL/popup"); document.getElementById("f").submit();
    const link = document.createElement("a"); link.href = "/ping"; link.ping = "URL/ping";
    link.addEventListener("click", (e) => e.preventDefault()); link.click();
  }
</script>"""


def leaked(page, site, evil, hosts):
    for host in hosts:
        address = f"{host}:{evil.port}"
        body = (
            LEAKS.replace("URL/", f"http://{address}/").replace('"URL"', f'"http://{address}"').replace("WS/", f"ws://{address}/").replace("HOSTPORT", address)
        )
        page.open(site.show(body))
        page.act(Click(next(item.ref for item in page.see().items if item.name == "Leak")))
    time.sleep(0.3)
    return evil.connections


def test_nothing_leaks(foreign, site, evil):
    assert leaked(foreign, site, evil, ("evil.test", "127.0.0.1")) == 0


@pytest.mark.slow
def test_the_attempts_to_leak_would_reach_a_host_that_exists(server, site, evil):
    pool = browser_pool(BrowserOptions(hosts={HOST: f"127.0.0.1:{server.port}", "evil.test": f"127.0.0.1:{evil.port}"}, driver="pipe", settle=1))
    try:
        with pool.open(PageOptions(hosts=(HOST,))) as page:
            assert leaked(page, site, evil, ("evil.test",)) >= 5
    finally:
        pool.close()


def test_files_are_opened_under_one_folder_alone(driver, tmp_path):
    inside, outside = tmp_path / "tasks", tmp_path / "secret.html"
    inside.mkdir()
    outside.write_text("<title>Secret</title>")
    (inside / "link.html").symlink_to(outside)
    (inside / "part.js").write_text("document.title = 'Task'")
    links = f"<a href='{outside.as_uri()}'>Out</a><a href='link.html'>Link</a><a href='../secret.html'>Up</a><a href='two.html'>Two</a>"
    links += f"<iframe src='{outside.as_uri()}'></iframe>"
    (inside / "one.html").write_text(f"<p>one</p>{links}<script src=part.js></script>")
    (inside / "two.html").write_text("<p>two</p>")
    pool = browser_pool(BrowserOptions(file_root=str(inside), driver=driver))
    try:
        with pool.open() as page:
            assert page.open((inside / "one.html").as_uri()).title == "Task"
            for ref in (1, 2, 3):
                assert page.act(Click(ref)).sight.title == "Task", ref
            assert page.act(Goto((inside / "two.html").as_uri())).error.startswith("this address is not allowed")  # only the owner opens files
            assert page.act(Click(4)).sight.items[0].name == "two"
            for url in (outside.as_uri(), (inside / "link.html").as_uri(), "file:///etc/hostname", f"{inside.as_uri()}/../secret.html"):
                with pytest.raises(OptionError, match="hosts alone"):
                    page.open(url)
    finally:
        pool.close()


def test_a_host_is_a_name():
    for hosts in ({"shop.test, EXCLUDE evil.test": ""}, {"Shop": ""}, {"shop.test": "nowhere at all"}):
        with pytest.raises(OptionError, match="host"):
            browser_pool(BrowserOptions(hosts=hosts, driver="pipe")).open()


def test_a_page_that_reloads_without_end_is_seen(page, site):
    site.show("<p>again</p><script>location = '/' + Math.random()</script>", "/again")
    for number in range(400):
        site.pages[f"/r{number}"] = f"<p>r</p><script>location = '/r{(number + 1) % 400}'</script>"
    page.open(site.show("<a href=/r0>Go</a>"))
    began = time.monotonic()
    acted = page.act(Click(1))
    assert time.monotonic() - began < 9
    assert acted.sight.notes[-1] == "the page was still loading"


def test_an_answer_that_never_ends_is_given_up(page, site):
    site.pages["/slow"] = threading.Event()
    page.open(site.show("<p>here</p>"))
    try:
        acted = page.act(Goto("http://shop.test/slow"))
        assert (acted.sight.url, acted.sight.notes) == ("http://shop.test/slow", ("the page was still loading",))
        assert acted.sight.items[0].name == "begun"
    finally:
        site.pages["/slow"].set()

"""What hangs, crashes and dies: in time, in words, and without harm to other pages."""

import itertools
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from prm_gym.browser import BrowserFault, BrowserOptions, PageOptions, PageScriptError, browser_pool
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.web.actions import Click, Noop

sys.path.insert(0, str(Path(__file__).parent))
from processes import browsers, drivers, renderers

HOST = "shop.test"
numbers = itertools.count()  # each pool of its own options, so that its counters begin at 0


def hasty(server, driver):
    options = {"deadline": 1.2, "open_deadline": 2.5, "settle": 1 + next(numbers) / 1e6, "heap_mb": 128}
    return browser_pool(BrowserOptions(hosts={HOST: f"127.0.0.1:{server.port}"}, driver=driver, **options))


@pytest.fixture
def own(server, driver):
    """A pool of its own, to be killed."""
    pool = hasty(server, driver)
    yield pool
    pool.close()


@pytest.fixture(scope="module")
def common(server, driver):
    """A pool whose pages hang, and which lives on."""
    pool = hasty(server, driver)
    yield pool
    pool.close()


def killed(pids):
    for pid, _ in pids:
        os.kill(pid, signal.SIGKILL)


def hang(page, url):
    page.open(url)
    for _ in range(5):
        page.act(Click(1))


def new(before, found):
    return [each for each in found if each[0] not in {pid for pid, _ in before}]


@pytest.mark.parametrize("mode", ["trusted", "script"])
def test_a_handler_that_never_ends_is_stopped(common, site, mode):
    with common.open(PageOptions(input=mode)) as page, common.open() as other:
        page.open(site.show("<button onclick='while (1);'>Hang</button><button onclick=\"this.after('well')\">Well</button>"))
        other.open("http://shop.test/")
        began = time.monotonic()
        hung, well = common.act_all([page, other], [Click(1), Click(2)])
        assert time.monotonic() - began < 4
        assert hung.sight.notes == ("a script of the page ran too long and was stopped",)
        assert well.sight.items[-1].name == "well"
        assert page.act(Click(2)).sight.items[-1].name == "well"  # the page lives on


@pytest.mark.slow
def test_a_page_that_hangs_as_it_is_loaded_is_stopped(common, site):
    with common.open() as page:
        sight = page.open(site.show("<p>before</p><script>while (1);</script><p>after</p>"))
        assert sight.notes[-1] == "a script of the page ran too long and was stopped"
        assert page.alive


@pytest.mark.slow
def test_a_page_that_hangs_again_and_again_is_given_up(own, site):
    with own.open() as page:
        body = "<button>B</button><script>setInterval(() => { while (1); }, 1)</script>"
        began = time.monotonic()
        with pytest.raises(BrowserFault) as caught:
            hang(page, site.show(body))
        assert time.monotonic() - began < 15
        assert caught.value.kind == "page_hung"
        assert isinstance(caught.value, EnvironmentFault)
        assert not page.alive
    with own.open() as page:
        assert page.open(site.show("<p>well</p>")).items[0].name == "well"
    assert own.statistics()["fault_page_hung"] == 1


@pytest.mark.slow
def test_scripts_of_the_owner_that_never_end(common, site):
    with common.open() as page:
        page.open(site.show("<p>here</p>"))
        for script in ("while (1);", "new Promise(() => 0)", "throw new Error('no')", "syntax error("):
            for evaluate in (page.evaluate, page.evaluate_in_page):
                with pytest.raises(PageScriptError):
                    evaluate(script, 0.3)
        assert page.see().items[0].name == "here"


@pytest.mark.slow
def test_a_heap_that_blows_up_kills_its_page_alone(common, site):
    with common.open() as page, common.open() as other:
        other.open(site.show("<p>well</p><button onclick='const a = []; while (1) a.push(new Array(1e6).fill(1.5))'>Blow</button>"))
        with pytest.raises(BrowserFault) as caught:
            hang(page, "http://shop.test/")
        assert caught.value.kind in ("page_crashed", "page_hung")
        assert other.see().items[0].name == "well"


def test_a_page_that_is_killed(own, site):
    before = renderers()
    page, other = own.open_all([PageOptions(), PageOptions()])
    page.open(site.show("<p>well</p><script>setTimeout(() => 0)</script>"))
    mine = new(before, renderers())
    killed(mine)
    for victim in (page, other):
        with pytest.raises(BrowserFault) as caught:
            victim.act(Noop())
        assert caught.value.kind == "page_crashed"
        assert not victim.alive
        victim.close()
    with own.open() as page:
        assert page.open("http://shop.test/").items[0].name == "well"
    assert own.statistics()["fault_page_crashed"] == 2
    assert own.statistics()["launches"] == 1


def test_a_browser_that_is_killed_is_launched_again(own, site):
    before = browsers()
    pages = own.open_all([PageOptions()] * 3)
    site.show("<button onclick='while (1);'>Hang</button><p>well</p>")
    own.go_all(pages, ["http://shop.test/"] * 3)
    killed(new(before, browsers()))
    results = own.act_all(pages, [Noop()] * 3)
    assert [result.kind for result in results] == ["browser_died"] * 3
    assert [page.alive for page in pages] == [False] * 3
    with pytest.raises(BrowserFault, match="browser_died"):
        pages[0].see()
    for page in pages:
        page.close()
    with own.open() as page:
        assert page.open("http://shop.test/").items[1].name == "well"
    statistics = own.statistics()
    assert (statistics["fault_browser_died"], statistics["launches"], statistics["relaunches"]) == (3, 2, 1)


@pytest.mark.slow
def test_a_browser_that_is_killed_while_it_is_asked(own, site):
    before = browsers()
    page = own.open()
    page.open(site.show("<button onclick='setTimeout(() => { while (1); }, 0); document.documentElement.setAttribute(`data-busy`, 1)'>Hang</button>"))
    mine = new(before, browsers())
    import threading

    threading.Timer(0.4, killed, [mine]).start()
    began = time.monotonic()
    with pytest.raises(BrowserFault, match="browser_died"):
        page.act(Click(1))
    assert time.monotonic() - began < 1.4  # told by the death, not by the deadline
    page.close()


@pytest.mark.slow
def test_a_driver_that_is_killed_is_started_again(own, site, driver):
    if driver == "pipe":
        pytest.skip("there is none between")
    before, were = drivers(), browsers()
    page = own.open()
    page.open(site.show("<p>well</p>"))
    killed(new(before, drivers()))
    time.sleep(0.2)
    with pytest.raises(BrowserFault, match="driver_died"):
        page.act(Noop())
    page.close()
    with own.open() as page:
        assert page.open("http://shop.test/").items[0].name == "well"
    assert len(new(were, browsers())) == 1  # the old one has gone with its driver


@pytest.mark.slow
def test_an_address_to_begin_with_that_does_not_answer_is_a_fault(driver):
    pool = browser_pool(BrowserOptions(hosts={HOST: "127.0.0.1:1"}, driver=driver))
    try:
        with pool.open() as page, pytest.raises(BrowserFault, match=r"unreachable.*ERR_"):
            page.open("http://shop.test/")
        with pool.open() as page, pytest.raises(OptionError):
            page.open("http://elsewhere.test/")
    finally:
        pool.close()


def test_a_closed_page_is_a_mistake_of_its_user(pool):
    page = pool.open()
    page.close()
    page.close()
    with pytest.raises(ContractError, match="closed"):
        page.see()


@pytest.mark.slow
def test_contexts_and_browsers_are_replaced_when_they_are_old(server, site, driver):
    hosts = {HOST: f"127.0.0.1:{server.port}"}
    pool = browser_pool(BrowserOptions(hosts=hosts, driver=driver, recycle_openings=3, recycle_contexts=4))
    try:
        site.show("<p>well</p>")
        with pool.open() as page:
            for _ in range(10):
                assert page.open("http://shop.test/").items[0].name == "well"
        for _ in range(4):
            with pool.open() as page:
                page.open("http://shop.test/")
        statistics = pool.statistics()
        assert statistics["recycled_contexts"] >= 3
        assert statistics["recycled_browsers"] >= 1
        assert statistics["launches"] == 1 + statistics["recycled_browsers"]
        assert statistics["relaunches"] == 0
    finally:
        pool.close()


def test_faults_cross_processes():
    import pickle

    fault = pickle.loads(pickle.dumps(BrowserFault("page_hung", "why")))
    assert (fault.kind, fault.reason, str(fault)) == ("page_hung", "why", "page_hung: why")

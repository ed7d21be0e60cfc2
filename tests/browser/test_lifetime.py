"""Where a browser can be used from, and that none is left over."""

import asyncio
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from prm_gym.browser import BrowserFault, BrowserOptions, NoBrowserError, PageOptions, browser_pool, find_browser
from prm_gym.errors import ContractError, OptionError
from prm_gym.web.actions import Click, Noop

sys.path.insert(0, str(Path(__file__).parent))
from browser_children import open_a_page
from processes import browsers, descendants, drivers, renderers

HOST = "shop.test"
COUNTER = "<button onclick='this.textContent++'>0</button>"


def test_from_many_threads(pool, site):
    site.show(COUNTER)
    results, errors = {}, []

    def work(number):
        try:
            with pool.open(PageOptions(hosts=(HOST,))) as page:
                page.open("http://shop.test/")
                for _ in range(number + 3):
                    sight = page.act(Click(1)).sight
                results[number] = sight.items[0].name
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not errors
    assert results == {number: str(number + 3) for number in range(4)}


def test_one_page_from_many_threads_does_one_thing_at_a_time(page, site):
    page.open(site.show(COUNTER))
    threads = [threading.Thread(target=lambda: [page.act(Click(1)) for _ in range(5)]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert page.see().items[0].name == "15"


def test_inside_a_running_loop(page, site):
    async def notebook():
        return page.open(site.show("<p>here</p>")).items[0].name

    assert asyncio.run(notebook()) == "here"


def test_not_from_its_own_thread(page):
    async def wrong():
        return page.see()

    with pytest.raises(ContractError, match="own thread"):
        page.pool.call(wrong(), 5)


def test_all_pages_at_once(pool, site):
    pages = pool.open_all([PageOptions(hosts=(HOST,))] * 5)
    assert len(pool.go_all(pages, [site.show(COUNTER)] * 5)) == 5
    for number in range(1, 4):
        acted = pool.act_all(pages, [Click(1)] * 4 + [Noop()])
        assert [each.sight.items[0].name for each in acted] == [str(number)] * 4 + ["0"]
    assert [sight.items[0].name for sight in pool.see_all(pages)] == ["3"] * 4 + ["0"]
    for page in pages:
        page.close()


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
def test_in_other_processes(pool, page, site, options, method):
    page.open(site.show("<p>well</p>"))
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=open_a_page, args=(options, "http://shop.test/", queue))
    process.start()
    assert queue.get(timeout=60) == "well"
    process.join(20)
    assert process.exitcode == 0
    assert page.see().items[0].name == "well"  # ours goes on


def test_a_page_is_not_used_in_a_forked_child(page):
    pid = os.fork()
    if not pid:
        try:
            page.see()
        except ContractError as error:
            os._exit(7 if "forked" in str(error) else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@pytest.mark.slow
def test_pages_that_are_closed_leave_no_process(server, site, driver):
    before = {pid for pid, _ in descendants()}
    pool = browser_pool(BrowserOptions(hosts={HOST: f"127.0.0.1:{server.port}"}, driver=driver, settle=3))
    site.show("<p>well</p>")
    for _ in range(10):
        pages = pool.open_all([PageOptions()] * 3)
        pool.go_all(pages, ["http://shop.test/"] * 3)
        for page in pages:
            page.close()
    end = time.monotonic() + 5
    mine = [each for each in renderers() if each[0] not in before]
    while len(mine) > 1 and time.monotonic() < end:  # Chromium keeps one in reserve
        time.sleep(0.05)
        mine = [each for each in renderers() if each[0] not in before]
    assert len(mine) <= 1
    assert pool.statistics()["pages"] == 0
    pool.close()
    end = time.monotonic() + 5
    while (left := [each for each in descendants() if each[0] not in before]) and time.monotonic() < end:
        time.sleep(0.05)
    assert left == []


PARENT = """
    import os, sys, time
    from prm_gym.browser import BrowserOptions, browser_pool
    page = browser_pool(BrowserOptions(driver=sys.argv[1])).open()
    page.see()
    if sys.argv[2] == "fork" and not os.fork():
        time.sleep(30)
    print("ready", flush=True)
    if sys.argv[2] != "exit":
        time.sleep(30)
"""


@pytest.mark.parametrize("how", [pytest.param("exit", marks=pytest.mark.slow), "kill", pytest.param("fork", marks=pytest.mark.slow)])
def test_nothing_survives_the_parent(driver, how):
    parent = subprocess.Popen([sys.executable, "-c", textwrap.dedent(PARENT), driver, how], stdout=subprocess.PIPE, text=True)
    try:
        began = time.monotonic()
        assert parent.stdout.readline() == "ready\n"
        if how != "exit":
            mine = browsers(parent.pid) + drivers(parent.pid) + renderers(parent.pid)
            children = [pid for pid, line in descendants(parent.pid) if "-c" in line and "prm_gym" in line]
            assert len(mine) >= 2
            os.kill(parent.pid, signal.SIGKILL)
        parent.wait(10)
        if how == "exit":
            assert parent.returncode == 0
            assert time.monotonic() - began < 10
        else:
            end = time.monotonic() + 3
            while (left := [pid for pid, _ in mine if Path(f"/proc/{pid}/exe").exists()]) and time.monotonic() < end:
                time.sleep(0.02)
            assert left == []
            if how == "fork":
                for pid in children:
                    os.kill(pid, signal.SIGKILL)
    finally:
        parent.stdout.close()
        parent.kill()
        parent.wait()


def test_a_browser_is_found_or_it_is_said_how_to_get_one(monkeypatch, tmp_path):
    found = find_browser()
    assert os.access(found.path, os.X_OK)
    assert found.version.count(".") == 3
    monkeypatch.setenv("PRM_GYM_CHROMIUM", str(tmp_path / "none"))
    assert "apt-get install chromium-headless-shell" in find_browser().reason
    assert find_browser(found.path).path == found.path  # the option comes first
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho no >&2; exit 1\n")
    broken.chmod(0o755)
    for name in (str(broken), str(tmp_path), str(tmp_path / "none")):
        for driver in ("pipe", "playwright"):
            with pytest.raises(NoBrowserError, match="playwright install chromium-headless-shell"):
                browser_pool(BrowserOptions(executable=name, driver=driver)).open()


def test_a_browser_that_ends_at_once_is_a_fault(tmp_path, driver):
    odd = tmp_path / "odd"
    odd.write_text('#!/bin/sh\ncase "$*" in *--version*) echo Chromium 1.2.3.4;; esac\n')
    odd.chmod(0o755)
    with pytest.raises(BrowserFault, match="does not start"):
        browser_pool(BrowserOptions(executable=str(odd), driver=driver, launch_deadline=5)).open()


async def until_it_fails(page):
    while True:
        await page.live.act(Noop())


@pytest.mark.slow
def test_nobody_is_told_of_what_was_not_awaited(server, site, driver, caplog):
    pool = browser_pool(BrowserOptions(hosts={HOST: f"127.0.0.1:{server.port}"}, driver=driver, settle=2.5))
    before = browsers()
    with caplog.at_level(logging.WARNING):
        page = pool.open()
        page.open(site.show("<p>well</p>"))
        for pid, _ in browsers():
            if pid not in {each for each, _ in before}:
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(BrowserFault):
            pool.call(asyncio.wait_for(until_it_fails(page), 20), 25)
        page.close()
        pool.close()
    assert not caplog.records


def test_without_frames_all_but_pictures_works(server, site, driver):
    pool = browser_pool(BrowserOptions(hosts={HOST: f"127.0.0.1:{server.port}"}, driver=driver, frames=False))
    try:
        body = """<p>0</p><button onclick="requestAnimationFrame(() => requestAnimationFrame(() => {
          document.querySelector('p').textContent = 'drawn' }))">B</button>"""
        with pool.open() as page:
            page.open(site.show(body))
            page.act(Click(2 - 1))
            end = time.monotonic() + 2
            while page.see().items[0].name != "drawn":
                assert time.monotonic() < end
            with pytest.raises(OptionError, match="frames"):
                page.screenshot()
        assert pool.statistics()["without_frames"] == 1
    finally:
        pool.close()

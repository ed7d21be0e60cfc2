"""Sessions with real servers: a well-behaved one of the SDK over both transports, and one that misbehaves in every way."""

import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("mcp", reason="the package mcp is not installed")

from prm_gym.errors import EnvironmentFault, OptionError
from prm_gym.mcp import McpServer, McpSession, Reply, ServerGoneError, ServerHangsError
from prm_gym.mcp.server import server_of
from prm_gym.mcp.stock import SHELVES, stock

ODD = (sys.executable, str(Path(__file__).with_name("odd_server.py")))
DEMO = (sys.executable, "-m", "prm_gym.mcp.demo")


def _alive(process_id):
    try:
        with open(f"/proc/{process_id}/stat", encoding="ascii") as file:
            return file.read().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _wait_for_the_end_of(*process_ids, seconds=10.0):
    until = time.monotonic() + seconds
    while any(map(_alive, process_ids)) and time.monotonic() < until:
        time.sleep(0.02)
    return not any(map(_alive, process_ids))


def _nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.fixture
def odd():
    with McpSession(McpServer(command=ODD, deadline=10.0)) as session:
        yield session


@pytest.fixture(scope="module")
def address():
    process = subprocess.Popen([*DEMO, "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        url = process.stdout.readline().strip()
        until = time.monotonic() + 30
        while True:
            try:
                McpSession(McpServer(url=url)).close()
                break
            except ServerGoneError:
                assert time.monotonic() < until
                time.sleep(0.1)
        yield url
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _ask_the_storeroom(session):
    session.call("reset", {"seed": 3})
    # Reset puts back what `stock` says, which is computed here on its own.
    assert session.call("inventory", {}).structured["result"] == [list(item) for item in stock(3)]
    name = stock(3)[0][0]
    assert session.call("move_item", {"item": name, "shelf": "D"}).text == f"{name} is on shelf D now"
    assert session.call("find_item", {"item": name}).text.endswith("on shelf D")
    refused = session.call("list_items", {"shelf": "Z"})
    assert (refused.failed, "there is no shelf 'Z'" in refused.text) == (True, True)
    assert session.call("fly", {}).failed
    assert len(session.call("list_shelves", {}).text.split("\n")) == len(SHELVES)


def test_a_server_of_the_sdk_over_pipes():
    with McpSession(McpServer(command=DEMO)) as session:
        assert {tool.name for tool in session.tools if tool.reads} == {"list_shelves", "list_items", "find_item", "inventory"}
        _ask_the_storeroom(session)


def test_a_server_of_the_sdk_over_http(address):
    with McpSession(McpServer(url=address, headers=(("x-who", "me"),))) as session:
        assert len(session.tools) == 8
        _ask_the_storeroom(session)


def test_nobody_at_the_address():
    started = time.monotonic()
    with pytest.raises(ServerGoneError, match=r"http://127\.0\.0\.1:9/mcp cannot be reached"):
        McpSession(McpServer(url="http://127.0.0.1:9/mcp", start_seconds=5))
    assert time.monotonic() - started < 10


# The odd one.


def test_every_page_is_listed_and_names_are_made_callable(odd):
    names = [tool.tool.name for tool in odd.tools]
    assert len(names) == len(set(names)) == 28
    assert [tool.name for tool in odd.tools if tool.tool.name.startswith("odd_name")] == ["odd.name/with spaces", "odd_name_with_spaces"]
    assert "odd_name_with_spaces_2" in names
    assert [tool.name for tool in odd.tools if tool.reads] == ["look"]
    assert odd.call("odd.name/with spaces", {}).text == "odd"


def test_odd_schemas_are_checked_without_danger(odd):
    tools = {tool.name: tool for tool in odd.tools}
    strict = tools["strict"].checked
    assert strict.defects({"n": 1}) == []
    assert strict.defects({"n": 0})
    assert strict.defects({})
    started = time.monotonic()
    assert strict.defects({"n": 1, "s": "a" * 60 + "b", "r": {}}) == []  # the pattern would take years, the reference lead into the network
    assert strict.defects({"n": 1, "u": [{"a": i} for i in range(1_000)]}) == []  # half a million comparisons
    assert tools["bomb"].checked.defects({"x": 1}) == []
    assert tools["unsound"].checked.defects({"x": 1}) == []
    assert time.monotonic() - started < 2


def test_a_result_is_not_checked_by_the_pattern_of_a_server(odd):
    started = time.monotonic()
    assert odd.call("patterned", {}).structured == {"s": "a" * 27 + "b"}
    assert time.monotonic() - started < 2  # checked, it would be 2^27 ways, while the process stands still


def test_a_giant_schema_is_neither_shown_nor_checked():
    with McpSession(McpServer(command=(*ODD, "giant"))) as session:
        giant = next(tool for tool in session.tools if tool.name == "giant")
        assert giant.tool.schema == giant.checked.schema == {"type": "object"}


def test_answers_of_every_kind(odd):
    assert odd.call("garbage", {}).text == "after the garbage"
    huge = odd.call("huge", {}).text
    assert (len(huge) < 21_000, huge.endswith("(cut: 20,000 of 3,000,000 characters are shown)")) == (True, True)
    assert odd.call("blocks", {}).text.split("\n") == [
        "a picture:",
        "(image, image/png, 6 bytes)",
        "(audio, audio/wav, 6 bytes)",
        "(link to file:///a.txt: a)",
        "inside b",
    ]
    assert odd.call("structured", {}) == Reply('{"a": "ü", "b": [1, 2]}', structured={"a": "ü", "b": [1, 2]})
    assert odd.call("nothing", {}) == Reply("")
    assert odd.call("wrong", {}) == Reply("that cannot be", failed=True)
    assert odd.call("broken", {}).failed
    assert odd.call("look", {}).text == "0"  # and the session goes on after all this


@pytest.mark.parametrize("value", ["\ud800", float("nan"), object(), b"x", _nested(254), _nested(5_000)])
def test_arguments_that_are_no_json_are_refused_at_once(odd, value):
    started = time.monotonic()
    reply = odd.call("look", {"value": value})
    assert (reply.failed, reply.text[:29]) == (True, "the arguments cannot be sent:")
    assert time.monotonic() - started < 2
    assert odd.call("look", {"value": "\U0001f642"}).text == "0"


def test_a_hanging_call_ends_in_time_and_takes_the_server_with_it():
    with McpSession(McpServer(command=ODD, deadline=0.5)) as session:
        pids = [int(pid) for pid in session.call("pids", {}).text.split()]
        started = time.monotonic()
        with pytest.raises(ServerHangsError, match=r"hang did not answer within 0\.5 seconds"):
            session.call("hang", {})
        assert time.monotonic() - started < 5
        assert not session.alive
        assert _wait_for_the_end_of(*pids)
        with pytest.raises(ServerGoneError, match="over"):
            session.call("look", {})


def test_a_crash_says_what_the_server_complained_of(odd):
    with pytest.raises(ServerGoneError, match="has ended; it said: I was told to"):
        odd.call("crash", {})
    assert not odd.alive


def test_a_line_without_an_end_ends_the_session():
    with McpSession(McpServer(command=ODD, deadline=20.0)) as session, pytest.raises((ServerGoneError, ServerHangsError)):
        session.call("endless", {})


def test_a_hanging_server_holds_up_no_other():
    with McpSession(McpServer(command=ODD, deadline=2.0)) as slow, McpSession(McpServer(command=ODD)) as quick, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(slow.call, "hang", {})
        started = time.monotonic()
        assert [quick.call("bump", {}).text for _ in range(20)] == [str(i) for i in range(1, 21)]
        assert time.monotonic() - started < 1.5
        assert isinstance(waiting.exception(10), ServerHangsError)


@pytest.mark.parametrize(
    ("server", "says"),
    [
        (McpServer(command=(*ODD, "dead")), "no licence found"),
        (McpServer(command=("/nowhere/at-all",)), "at-all"),
        (McpServer(command=ODD, folder="/nowhere/at-all"), "could not be started"),
        (McpServer(command=(*ODD, "mute"), start_seconds=0.7), "not ready after 0.7 seconds"),
    ],
)
def test_servers_that_do_not_start(server, says):
    started = time.monotonic()
    with pytest.raises(EnvironmentFault, match=says):
        McpSession(server)
    assert time.monotonic() - started < 12


def test_a_server_that_does_not_listen_ends_with_its_session_and_so_do_its_children():
    session = McpSession(McpServer(command=ODD))
    pids = [int(pid) for pid in session.call("deaf", {}).text.split()]
    assert all(map(_alive, pids))
    session.close()
    session.close()
    assert _wait_for_the_end_of(*pids)


def test_a_server_that_ends_is_seen_at_once_and_what_it_leaves_is_ended():
    with McpSession(McpServer(command=ODD)) as session:
        pids = [int(pid) for pid in session.call("children", {}).text.split()]
        started = time.monotonic()
        with pytest.raises(ServerGoneError, match="has ended"):
            session.call("crash", {})  # both children hold its output
        assert time.monotonic() - started < 5
        assert _wait_for_the_end_of(*pids)


def test_a_server_that_kills_its_leash_ends_with_it():
    with McpSession(McpServer(command=ODD)) as session:
        inside, apart = map(int, session.call("children", {}).text.split())
        pids = [int(pid) for pid in session.call("pids", {}).text.split()]
        started = time.monotonic()
        with pytest.raises(ServerGoneError, match="has ended"):
            session.call("unleash", {})
        assert time.monotonic() - started < 5
        assert _wait_for_the_end_of(inside, *pids)
        os.kill(apart, signal.SIGKILL)  # nobody else ends it


PARENT = """
import os, signal, sys
from prm_gym.mcp import McpServer, McpSession
session = McpSession(McpServer(command=tuple(sys.argv[2:])))
tool = "children" if sys.argv[1] == "killed, and the server ends too" else "deaf"
print(session.call(tool, {}).text, flush=True)
if sys.argv[1].startswith("killed"):
    os.kill(os.getpid(), signal.SIGKILL)
if sys.argv[1] == "raises":
    raise SystemExit(3)
"""


@pytest.mark.parametrize("end", ["killed", "killed, and the server ends too", "raises", "returns"])
def test_nothing_survives_its_parent(end):
    done = subprocess.run([sys.executable, "-W", "error", "-c", PARENT, end, *ODD], capture_output=True, text=True, timeout=60, check=False)
    pids = [int(pid) for pid in done.stdout.split()]
    assert len(pids) == (2 if "too" in end else 3)
    assert done.stderr == ""
    assert done.returncode == {"raises": 3, "returns": 0}.get(end, -signal.SIGKILL)
    assert _wait_for_the_end_of(*pids)


FORKED = """
import os, signal, sys, time
from prm_gym.mcp import McpServer, McpSession, ServerGoneError
server = McpServer(command=tuple(sys.argv[1:]))
parents = McpSession(server)
child = os.fork()
if child == 0:
    assert not parents.alive
    parents.close()
    mine = McpSession(server)
    assert [mine.call("bump", {}).text for _ in range(3)] == ["1", "2", "3"]
    print(mine.call("deaf", {}).text, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
os.waitpid(child, 0)
assert parents.call("bump", {}).text == "1"
second = os.fork()
if second == 0:
    time.sleep(60)
    os._exit(0)
print(second, parents.call("deaf", {}).text, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_forked_process_has_sessions_of_its_own_and_holds_no_other():
    with subprocess.Popen([sys.executable, "-c", FORKED, *ODD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        pids = [int(pid) for line in (process.stdout.readline(), process.stdout.readline()) for pid in line.split()]
        second = pids.pop(3)
        assert len(pids) == 6
        assert _wait_for_the_end_of(*pids)
        assert _alive(second)
        os.kill(second, signal.SIGKILL)
        process.communicate(timeout=20)


def test_opening_and_closing_leaks_nothing():
    def held():
        return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))

    for _ in range(2):
        McpSession(McpServer(command=ODD)).close()
    before = held()
    for _ in range(3):
        McpSession(McpServer(command=ODD)).close()
    time.sleep(0.2)
    descriptors, threads = held()
    assert descriptors <= before[0]
    assert threads <= before[1] + 1


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("python -m server", "single text"),
        ((), "list of texts"),
        (("python", 3), "list of texts"),
        ("", "single text"),
    ],
)
def test_what_is_no_server(given, says):
    with pytest.raises(OptionError, match=says):
        server_of(given)


@pytest.mark.parametrize(
    "limits", [{"deadline": 0}, {"deadline": float("inf")}, {"start_seconds": -1}, {"result_length": 3}, {"url": "http://x"}, {"command": ()}]
)
def test_limits_out_of_range(limits):
    with pytest.raises(OptionError):
        McpServer(**{"command": ("x",), **limits})


@pytest.fixture
def odd_address():
    processes = []

    def begin(mode):
        process = subprocess.Popen([sys.executable, str(Path(__file__).with_name("odd_http_server.py")), mode], stdout=subprocess.PIPE, text=True)
        processes.append(process)
        return McpServer(url=f"http://127.0.0.1:{int(process.stdout.readline())}/mcp", deadline=2.0)

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("mode", ["500", "404", "html", "redirect", "nonsense", "accepted", "dry", "packed", "crash", "session"])
def test_what_fails_below_the_protocol_is_no_answer(odd_address, mode):
    with McpSession(odd_address(mode)) as session, pytest.raises(ServerGoneError):
        session.call("ping", {})
    assert not session.alive


@pytest.mark.parametrize("mode", ["refused", "refused-400", "refused-events"])
def test_what_a_server_refuses_over_http_is_an_answer(odd_address, mode):
    with McpSession(odd_address(mode)) as session:
        for _ in range(2):
            assert session.call("ping", {}) == Reply("Connection closed", failed=True)


@pytest.mark.parametrize("mode", ["large", "large-events"])
def test_a_large_answer_over_http_is_left_where_it_is(odd_address, mode):
    with McpSession(odd_address(mode)) as session:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert session.call("ping", {}) == Reply("the answer of ping was too long to be taken", failed=True)
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # KiB; what is sent has 400 MB
        assert session.call("ping", {}).failed
        assert session.alive

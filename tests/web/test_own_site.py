"""Any site of one's own: a small ticket desk on the loopback interface, with a database that the tasks look into."""

import pickle
import sqlite3
import sys
import threading
import time
import types
from functools import partial
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import gymnasium as gym
import pytest

import prm_gym  # noqa: F401
from prm_gym.envs.web.own_site import SiteEnv
from prm_gym.errors import ContractError, EnvironmentFault, OptionError
from prm_gym.testing import check_step_env
from prm_gym.vector import StepVectorEnv
from prm_gym.web import SiteTask

pytestmark = pytest.mark.usefixtures("chromium")


class Desk:
    """Tickets that can be read and closed; `reached` counts what asked for the address that only another host should see."""

    def __init__(self):
        self.database = sqlite3.connect(":memory:", check_same_thread=False)
        self.lock = threading.Lock()
        self.reached = []
        self.reset()
        desk = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                desk.reached.append((self.headers.get("host"), self.path))
                self.answer(desk.page(self.path))

            def do_POST(self):
                desk.reached.append((self.headers.get("host"), self.path))
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                desk.run("UPDATE tickets SET open = 0 WHERE id = ?", form["id"][0])
                self.send_response(303)
                self.send_header("location", "/")
                self.send_header("content-length", "0")
                self.end_headers()

            def answer(self, body):
                content = f"<!doctype html><title>Desk</title>{body}".encode()
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def run(self, query, *values):
        with self.lock:
            return self.database.execute(query, values).fetchall()

    def reset(self):
        with self.lock:
            self.database.executescript("DROP TABLE IF EXISTS tickets; CREATE TABLE tickets (id INTEGER, who TEXT, text TEXT, open INTEGER);")
            self.database.executemany("INSERT INTO tickets VALUES (?, ?, ?, 1)", [(1, "Tom", "No light"), (2, "Ada", "No heat <b>at all</b>")])
            self.database.commit()

    def open(self):
        return [who for (who,) in self.run("SELECT who FROM tickets WHERE open ORDER BY id")]

    def page(self, path):
        parts = urlsplit(path)
        if parts.path == "/ticket":
            ((number, who, text, _),) = self.run("SELECT * FROM tickets WHERE id = ?", parse_qs(parts.query)["id"][0])
            return (
                f"<h1>{who}</h1><p>{escape(text)}</p><form method=post action=/close><input type=hidden name=id value={number}><button>Close it</button></form>"
            )
        if parts.path == "/late":
            return "<div id=here></div><script>fetch('/slow').then(r => r.text()).then(t => { here.textContent = 'came late' })</script>"
        if parts.path == "/long":
            return """<ul id=all></ul><script>let n = 0;
                const more = () => { for (let i = 0; i < 220; i++) all.appendChild(document.createElement("li")).textContent = ++n };
                more(); addEventListener("scroll", () => n < 400 && more())</script>"""
        if parts.path == "/slow":
            time.sleep(0.15)
            return "x"
        if parts.path == "/leak":
            other = f"//localhost:{self.port}/secret"
            return f"""<p>leaking</p><img src={other}><script>fetch("{other}").catch(() => 0); new WebSocket("ws:{other}").onerror = () => 0;
                navigator.sendBeacon("{other}"); location.href.includes("go") && (location.href = "{other}")</script><a href={other}>Away</a>"""
        rows = "".join(f"<li><a href='/ticket?id={number}'>{who}</a></li>" for number, who in self.run("SELECT id, who FROM tickets WHERE open ORDER BY id"))
        return f"<h1>Tickets</h1><ul>{rows}</ul><div onclick=\"document.title='Odd'\">Odd</div>"

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
        self.database.close()


@pytest.fixture(scope="module")
def desk():
    found = Desk()
    yield found
    found.close()


@pytest.fixture
def task(desk):
    return partial(
        SiteTask,
        wish="Close the ticket of Ada.",
        check=lambda facts: facts.state() == ["Tom"],
        state=desk.open,
        setup=desk.reset,
        solution=('click [2] link "Ada"', "click [1]", "answer"),
    )


MILESTONES = {"opened the ticket": lambda facts: "/ticket?id=2" in facts.url, "closed a ticket": lambda facts: len(facts.state()) == 1}


@pytest.fixture
def made(desk):
    envs = []

    def make(*tasks, **options):
        envs.append(
            gym.make(
                "prm_gym/Site-v0", **{"start": f"http://desk.test:{desk.port}/", "hosts": {"desk.test": f"127.0.0.1:{desk.port}"}, "tasks": tasks} | options
            )
        )
        return envs[-1].unwrapped

    yield make
    for env in envs:
        env.close()


def test_a_task_is_done(made, task, desk):
    env = made(task(milestones=MILESTONES), reward="dense")
    observation, info = env.reset(seed=0)
    assert observation.splitlines()[:5] == [
        "task: Close the ticket of Ada.",
        "title: Desk",
        f"url: http://desk.test:{desk.port}/",
        "# Tickets",
        '[1] link "Tom"',
    ]
    assert 'click [3] clickable "Odd"' in info["actions"]
    results = [env.step(action) for action in env.solution()]
    assert [result[-1]["verdicts"]["state"].label for result in results] == ["correct"] * 3
    assert results[0][-1]["verdicts"]["state"].reason == "'opened the ticket' is reached" or "looked up" in results[0][-1]["verdicts"]["state"].reason
    assert (results[-1][2], results[-1][-1]["outcome"]) == (True, 1.0)
    assert [past.claims[0].kind for past in env.past_steps] == ["read", "write", "end"]


def test_what_is_not_done_is_not_paid(made, task):
    env = made(task(milestones=MILESTONES))
    env.reset(seed=0)
    assert env.step("click [1]")[-1]["verdicts"]["state"].label == "neutral"  # the ticket of Tom
    assert env.step("click [1]")[-1]["verdicts"]["state"].label == "correct"  # "closed a ticket" is all that this milestone asks
    _, reward, terminated, _, info = env.step("answer")
    assert (reward, terminated, info["outcome"], info["verdicts"]["state"].label) == (0.0, True, 0.0, "incorrect")


def test_without_milestones_nobody_knows_what_a_step_was_good_for(made, task):
    env = made(task())
    env.reset(seed=0)
    labels = [env.step(action)[-1]["verdicts"]["state"] for action in ("click [2]", "click [99]", "answer")]
    assert [verdict.status for verdict in labels] == ["abstain", "ok", "ok"]
    assert [verdict.label for verdict in labels[1:]] == ["incorrect", "incorrect"]


def test_an_answer_is_compared(made, desk):
    env = made(SiteTask(wish="Who has no heat?", answers=("Ada",)))
    for text, outcome in (("ada.", 1.0), ("Tom", 0.0)):
        env.reset(seed=0)
        assert env.step(f'answer "{text}"')[-1]["outcome"] == outcome


def test_what_comes_late_is_waited_for(made, task):
    env = made(task())
    env.reset(seed=0)
    assert "- came late" in env.step('goto "/late"')[0] or "- came late" in env.step(f'goto "{env.start}late"')[0]


def test_pages_that_grow_when_they_are_scrolled_are_seen_to_their_end(made, task, desk):
    env = made(task())
    env.reset(seed=0)
    assert "- 200\n(20 items below: scroll down)" in env.step(f'goto "http://desk.test:{desk.port}/long"')[0]
    assert env.step("scroll down")[0].endswith("\n- 220")
    assert env.step("scroll down")[0].endswith("\n- 410\n(30 items below: scroll down)")
    assert env.step("scroll down")[0].endswith("\n- 440")
    assert "- 1\n" not in env.step("scroll up")[0]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"check": lambda facts: 1 / 0}, "check of the task raised ZeroDivisionError"),
        ({"check": lambda facts: None}, "cannot tell"),
        ({"check": lambda facts: "yes"}, "not 'yes'"),
        ({"check": lambda facts: time.sleep(3)}, "did not end within 0.3 s"),
        ({"milestones": {"m": lambda facts: 1 // ("/ticket" not in facts.url) > 1}}, "m of the task raised ZeroDivisionError"),
    ],
)
def test_functions_that_fail_spoil_the_episode_and_fail_nobody(made, task, broken, said):
    env = made(task(**broken), deadline=0.3, reward="dense")
    env.reset(seed=0)
    ended = False
    for action in env.solution():
        if not ended:
            _, reward, terminated, truncated, info = env.step(action)
            ended = terminated or truncated
    assert (reward, terminated, truncated, info["valid"], info["outcome"]) == (0.0, False, True, False, None)
    assert said in env.past_steps[-1].claims[0].reason
    env.reset(seed=0)  # the thread that hangs is left behind
    assert env.step("click [99]")[-1]["valid"]


def test_a_milestone_that_cannot_tell_is_asked_again(made, task):
    env = made(task(milestones={"closed": lambda facts: None if "/ticket" in facts.url else facts.state() == ["Tom"]}))
    env.reset(seed=0)
    first, second = (env.step(action)[-1]["verdicts"]["state"] for action in env.solution()[:2])
    assert (first.label, second.label) == ("neutral", "correct")


def test_a_setup_that_fails_is_told_at_once(made, task):
    env = made(task(setup=lambda: 1 / 0))
    with pytest.raises(EnvironmentFault, match="setup of the task raised ZeroDivisionError"):
        env.reset(seed=0)


def test_tasks_are_torn_down_once(made, task):
    calls = []
    env = made(task(setup=lambda: calls.append("up"), teardown=lambda: calls.append("down")))
    env.reset(seed=0)
    env.reset(seed=1)
    env.close()
    env.close()
    assert calls == ["up", "down", "up", "down"]


def test_no_other_host_is_reached(made, task, desk):
    env = made(task())
    env.reset(seed=0)
    desk.reached.clear()
    observation = env.step(f'goto "http://desk.test:{desk.port}/leak"')[0]
    assert "- leaking" in observation
    refused = [env.step(action)[0] for action in (f'goto "http://localhost:{desk.port}/secret"', 'goto "file:///etc/hostname"', "click [1]")]
    env.step(f'goto "http://desk.test:{desk.port}/leak?go"')
    assert f"\nError: this address is not allowed: http://localhost:{desk.port}/secret\n" in refused[0]
    assert "\nError: this address is not allowed: file:///etc/hostname\n" in refused[1]
    assert f" this address is not allowed: http://localhost:{desk.port}/secret" in refused[2]
    assert {host for host, _ in desk.reached} == {f"desk.test:{desk.port}"}
    env = made(task(), hosts={"desk.test": f"127.0.0.1:{desk.port}", "localhost": ""})  # the page does ask, where it may
    env.reset(seed=0)
    env.step(f'goto "http://desk.test:{desk.port}/leak"')
    assert (f"localhost:{desk.port}", "/secret") in desk.reached


def test_the_host_of_the_first_page_is_the_wall_unless_others_are_named(made, task, desk):
    env = made(task(), hosts=None, start=f"http://localhost:{desk.port}/")
    assert "# Tickets" in env.reset(seed=0)[0]
    assert "not allowed" in env.step(f'goto "http://127.0.0.1:{desk.port}/"')[0]


def test_a_live_site_cannot_be_saved_but_steps_can_be_taken_again(made, task, desk):
    env = made(task())
    env.reset(seed=0)
    with pytest.raises(ContractError, match="replay=True"):
        env.snapshot()
    env = made(task(milestones=MILESTONES), replay=True)
    env.reset(seed=0)
    first, *rest = env.solution()
    env.step(first)
    saved = env.snapshot()
    one = [env.step(action) for action in rest]
    env.restore(saved)
    assert [env.step(action) for action in rest] == one
    desk.reset()
    changed = made(task(milestones=MILESTONES, setup=lambda: desk.run("UPDATE tickets SET open = 0")), replay=True)
    with pytest.raises(EnvironmentFault, match="does not repeat itself"):
        changed.restore(saved)


def test_pages_of_a_vector_env_act_at_once(task, desk):
    tasks = [task(setup=None, check=lambda facts: True)]
    desk.reset()
    envs = StepVectorEnv(SiteEnv, 3, start=f"http://desk.test:{desk.port}/", hosts={"desk.test": f"127.0.0.1:{desk.port}"}, tasks=tasks)
    try:
        envs.reset(seed=0)
        observations, _, _, _, infos = envs.step(["click [1]", "click [2]", "nonsense"])
        assert ["# Tom" in observations[0], "# Ada" in observations[1], "Error: " in observations[2]] == [True] * 3
        assert list(infos["valid"]) == [True] * 3
    finally:
        envs.close()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tasks": []}, "at least one SiteTask"),
        ({"tasks": "no.such:TASKS"}, "cannot be imported"),
        ({"start": "shop"}, "start is"),
        ({"start": "http://other.test/"}, "on one of the hosts"),
        ({"start": "ftp://desk.test/"}, "on one of the hosts"),
        ({"hosts": "desk.test"}, "several names"),
        ({"deadline": 0}, "deadline"),
        ({"browser": {"hosts": {}}}, "option of the browser"),
        ({"browser": {"heap_mb": "x"}}, "options of the browser"),
        ({"starts": ""}, "starts"),
    ],
)
def test_bad_options_are_told(made, task, options, said):
    with pytest.raises(OptionError, match=said):
        made(**{"tasks": [task()]} | options)


def test_bad_tasks_are_told():
    for bad, said in (
        ({"wish": " "}, "wish"),
        ({"wish": "x"}, "check="),
        ({"wish": "x", "answers": "Ada"}, "several texts"),
        ({"wish": "x", "check": 3}, "function"),
    ):
        with pytest.raises(OptionError, match=said):
            SiteTask(**bad)


def test_an_environment_can_be_sent_elsewhere(made, desk):
    env = made(SiteTask(wish="Who?", answers=("Ada",)))
    env.reset(seed=0)
    sent = pickle.loads(pickle.dumps(env))
    try:
        assert sent.reset(seed=0)[0] == env.reset(seed=0)[0]
    finally:
        sent.close()


@pytest.mark.slow
def test_with_replay_the_contract_of_all_environments_holds(desk):
    # A task that only reads: the contract plays several environments at once, and here they have one server.
    desk.reset()
    options = {"start": f"http://desk.test:{desk.port}/", "hosts": {"desk.test": f"127.0.0.1:{desk.port}"}, "replay": True, "max_steps": 6, "candidates": 16}
    milestones = {"opened the ticket": lambda facts: "/ticket?id=2" in facts.url}
    asked = SiteTask(wish="Who has no heat?", answers=("Ada",), milestones=milestones, solution=("click [2]", 'answer "Ada"'))
    sys.modules["contract_tasks"] = types.SimpleNamespace(TASKS=[asked])
    try:
        check_step_env(partial(gym.make, "prm_gym/Site-v0", tasks="contract_tasks:TASKS", **options), seeds=[0], max_steps=6)
    finally:
        del sys.modules["contract_tasks"]

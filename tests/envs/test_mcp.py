"""What is MCP-v0's own: tasks and predicates of one's own, servers that hang and die, repeated calls, sessions that are lent."""

import gc
import json
import os
import pickle
import re
import subprocess
import sys
import time
from pathlib import Path

import gymnasium as gym
import msgspec
import numpy as np
import pytest

pytest.importorskip("mcp", reason="the package mcp is not installed")

from prm_gym.agent import make_agent
from prm_gym.env import StepEnv
from prm_gym.envs.adapters.mcp import _failure
from prm_gym.envs.adapters.mcp_tasks import demo_task, stock_is_as_expected
from prm_gym.errors import ContractError, OptionError
from prm_gym.mcp import McpServer, McpSession, ServerGoneError
from prm_gym.mcp.stock import stock, stock_task
from prm_gym.rollout import Rollouts, groups
from prm_gym.tools import call_text

ODD = [sys.executable, str(Path(__file__).parents[1] / "mcp" / "odd_server.py")]
TASK = {"question": "Bump it twice.", "solution": [{"name": "bump"}, {"name": "bump"}], "wanted": "2"}


def bumped(view):
    return float(view.call("look", {}).text == view.task.sealed["given"]["wanted"])


def _odd(predicate=bumped, tasks=(TASK,), deadline=10.0, **options):
    server = McpServer(command=tuple(ODD), deadline=deadline)
    return gym.make("prm_gym/MCP-v0", server=server, tasks=list(tasks), predicate=predicate, **options).unwrapped


def _alive(process_id):
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def odd():
    env = _odd()
    yield env
    env.close()


@pytest.fixture
def demo():
    env = gym.make("prm_gym/MCP-v0").unwrapped
    yield env
    env.close()


# Many at once.


def test_the_calls_of_a_batch_are_made_side_by_side_and_come_to_the_same():
    """Eleven envs: naps, a hanging server, a malformed text, an end; each result is that of an environment which steps alone."""
    actions = [*[call_text("nap")] * 8, call_text("hang"), "nap!", call_text("finish")]
    envs, alone = ([_odd(deadline=2.0, reward="dense") for _ in actions] for _ in range(2))
    try:
        for env in (*envs, *alone):
            env.reset(seed=0)
            env.step(call_text("bump"))
        began = time.monotonic()
        together = StepEnv.step_batch(envs, actions, envs[0].verifiers)
        taken = time.monotonic() - began
        assert taken < 5.5  # the hanging one takes 2 seconds, and the eight that nap 4 more if they wait for each other
        single = [env.step(action) for env, action in zip(alone, actions, strict=True)]
        assert together == single
        assert [result[0] for result in together[:8]] == ["2"] * 8
        assert [result[2] for result in together] == [*[False] * 8, True, False, True]
        assert envs[0].step(call_text("bump"))[0] == alone[0].step(call_text("bump"))[0] == "3"
    finally:
        for env in (*envs, *alone):
            env.close()


def test_what_was_prepared_is_forgotten_with_its_episode():
    envs = [_odd(), _odd()]
    try:
        for env in envs:
            env.reset(seed=0)
        type(envs[0]).prepare(envs, [call_text("bump")] * 2)
        envs[0].reset(seed=0)
        assert [env.step(call_text("bump"))[0] for env in envs] == ["1", "1"]
        assert [len(env.past_steps) for env in envs] == [1, 1]
        assert [env.step(call_text("bump"))[0] for env in envs] == ["2", "2"]
    finally:
        for env in envs:
            env.close()


# The storeroom.


@pytest.mark.parametrize("seed", range(30))
def test_a_task_of_the_storeroom_is_what_its_words_say(seed):
    """The end state is worked out from the question, not from the calls."""
    task = stock_task(seed)
    pattern = (
        r"(Move every item|Throw away every item) of shelf (\w) of which there are fewer than (\d+)(?: to shelf (\w))?\. "
        r"Then (\d+) more pieces of the item (\w+) have come in: set its number right\. Change nothing else\."
    )
    words, first, limit, second, more, counted = re.fullmatch(pattern, task.question).groups()
    expected = []
    for name, shelf, number in stock(seed):
        hit = shelf == first and number < int(limit)
        if hit and words.startswith("Throw"):
            continue
        expected.append((name, second if hit else shelf, number + (int(more) if name == counted else 0)))
    assert task.expected == expected != stock(seed)


def test_every_task_of_the_storeroom_can_be_done_and_nothing_less_will_do(demo):
    for seed in range(12):
        demo.reset(seed=seed)
        actions = demo.solution()
        assert [demo.step(action)[1:3] for action in actions][-1] == (1.0, True)
        changes = [i for i, action in enumerate(actions) if re.search("move|remove|set", action)]
        for left_out in (changes[0], changes[-1]):
            demo.reset(seed=seed)
            rest = [action for i, action in enumerate(actions) if i != left_out]
            assert [demo.step(action)[1:3] for action in rest][-1] == (0.0, True)
    demo.reset(seed=0)
    assert demo.step(call_text("finish", answer="It is done, I promise."))[1] == 0.0


def test_hidden_tools_are_no_tools(demo):
    demo.reset(seed=0)
    assert not {"reset", "inventory"} & {tool.name for tool in demo.tools}
    result = demo.step(call_text("reset", seed=1))
    assert (result[4]["verdicts"]["tool_use"].label, result[0][:7]) == ("malformed", "Error: ")


def test_calls_that_pay_nothing(demo):
    demo.reset(seed=0)
    labels = [demo.step(call_text("list_items", shelf=shelf))[4]["verdicts"]["tool_use"].label for shelf in ("A", "A", "B", "A", "Z")]
    assert labels == ["neutral", "trivial", "neutral", "trivial", "incorrect"]


def test_a_failure_is_called_an_error_once(demo):
    demo.reset(seed=0)
    assert demo.step(call_text("list_items", shelf="Z"))[0].startswith("Error: there is no shelf 'Z'")
    # What the SDK's servers say of an exception; of one that they keep to themselves; and what a careful tool says.
    assert _failure("Error executing tool look: no such note", "look") == "Error: no such note"
    assert _failure("Error executing tool look", "look") == "Error: executing tool look"
    assert _failure("Error: no such note", "look") == _failure("no such note", "look") == "Error: no such note"


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("Please list shelf A.", "a step is one call"),
        ('{"name": "list_items", "arguments": {"shelf": "A"}', "not valid JSON"),
        (call_text("list_item", shelf="A"), "there is no tool 'list_item'"),
        (call_text("list_items", shelf=7), "shelf: 7 is not of type 'string'"),
        (call_text("list_items"), "'shelf' is a required property"),
        (call_text("finish", answer=3), "the arguments of finish do not fit"),
        (call_text("finish", reply="x"), "the arguments of finish do not fit"),
    ],
)
def test_what_does_not_fit_changes_nothing(demo, action, says):
    demo.reset(seed=0)
    key = demo.situation.state_key
    result = demo.step(action)
    assert result[0].startswith("Error: ")
    assert says in result[0]
    assert (result[4]["state_key"], result[4]["verdicts"]["tool_use"].label) == (key, "malformed")


def test_reading_leaves_the_state_what_it_is_but_for_what_is_seen(demo):
    demo.reset(seed=0)
    look = call_text("list_shelves")
    first = demo.step(look)[4]["state_key"]
    demo.step(call_text("list_items", shelf="A"))
    assert demo.step(look)[4]["state_key"] == first
    demo.step(call_text("remove_item", item=stock(demo.task.sealed["setup"][0]["arguments"]["seed"])[0][0]))
    assert demo.step(look)[4]["state_key"] != first


# Servers that hang and die.


@pytest.mark.parametrize(
    ("tool", "says"), [("hang", "Error: timed out after 0.6 seconds; its effect is unknown"), ("crash", "Error: the server ended during the call; its effect")]
)
def test_a_server_that_hangs_or_dies_is_brought_back(tool, says):
    env = _odd(deadline=0.6, replay=True)
    try:
        env.reset(seed=0)
        env.step(call_text("bump"))
        result = env.step(call_text(tool))
        assert result[0].startswith(says)
        assert (result[2], result[3], result[4]["valid"], result[4]["verdicts"]["tool_use"].label) == (False, False, True, "incorrect")
        assert env.step(call_text("look"))[0] == "1"
        assert env.step(call_text("bump"))[0] == "2"
        assert env.step(call_text("finish"))[4]["outcome"] == 1.0
    finally:
        env.close()


@pytest.mark.parametrize("tool", ["hang", "crash"])
def test_without_replay_the_episode_is_lost_and_the_next_one_begins_anew(tool):
    env = _odd(deadline=0.6)
    try:
        env.reset(seed=0)
        env.step(call_text("bump"))
        _, reward, terminated, truncated, info = env.step(call_text(tool))
        assert (reward, terminated, truncated, info["valid"], info["outcome"]) == (0.0, True, False, True, 0.0)
        with pytest.raises(gym.error.ResetNeeded):
            env.step(call_text("look"))
        env.reset(seed=1)
        assert env.step(call_text("look"))[0] == "0"
        with pytest.raises(ContractError, match="replay=True repeats the calls"):
            env.snapshot()
    finally:
        env.close()


def test_who_breaks_a_server_that_does_not_repeat_itself_has_lost():
    env = _odd(replay=True)
    try:
        for last in ("look", "finish"):
            env.reset(seed=0)
            env.step(call_text("clock"))
            assert env.step(call_text("crash"))[4]["valid"]
            result = env.step(call_text(last))
            assert (result[2], result[4]["valid"], result[4]["outcome"]) == (True, True, 0.0)
        env.reset(seed=0)
        env.step(call_text("clock"))
        env._lease.session.close()
        assert env.step(call_text("look"))[4]["valid"] is False  # no agent did that
    finally:
        env.close()


@pytest.mark.parametrize(("replay", "valid"), [(True, True), (False, False)])
def test_a_server_that_was_killed_between_two_calls(replay, valid):
    env = _odd(replay=replay)
    try:
        env.reset(seed=0)
        env.step(call_text("bump"))
        env._lease.session.child.kill()
        until = time.monotonic() + 5
        while env._lease.session.alive and time.monotonic() < until:
            time.sleep(0.01)
        result = env.step(call_text("bump"))
        assert result[4]["valid"] is valid
        assert (result[0] == "2") is valid
    finally:
        env.close()


@pytest.mark.parametrize("code", [-32000, -32001, -32603])
def test_an_error_that_a_server_answers_is_an_answer_whatever_its_code(code):
    env = _odd()
    try:
        env.reset(seed=0)
        env.step(call_text("bump"))
        result = env.step(call_text("refuse", code=code))
        assert (result[0], result[2], result[4]["valid"]) == ("Error: Connection closed", False, True)
        assert env.step(call_text("bump"))[0] == "2"
    finally:
        env.close()


def test_snapshots_repeat_the_calls():
    odd = _odd(replay=True)
    odd.reset(seed=0)
    odd.step(call_text("bump"))
    saved = odd.snapshot()
    assert odd.step(call_text("bump"))[0] == "2"
    assert odd.step(call_text("bump"))[0] == "3"
    odd.restore(saved)
    assert odd.step(call_text("look"))[0] == "1"
    assert odd.step(call_text("bump"))[0] == "2"
    assert odd.step(call_text("finish"))[4]["outcome"] == 1.0
    odd.close()


def test_a_long_answer_and_a_strange_one_are_observations(odd):
    odd.reset(seed=0)
    assert len(odd.step(call_text("huge"))[0]) < 21_000
    assert odd.step(call_text("nothing"))[0] == "(the tool answered nothing)"
    assert odd.step(call_text("odd_name_with_spaces"))[0] == "odd"
    assert odd.step(call_text("strict", n=0))[4]["verdicts"]["tool_use"].label == "malformed"
    assert odd.step(call_text("strict", n=1, s="a" * 40 + "b"))[0] == "strict"


# Tasks and predicates.


def test_a_predicate_sees_the_task_the_answer_and_the_transcript():
    seen = []

    def predicate(view):
        seen.append((view.task.question, view.answer, [(past.call.name, past.reply.text) for past in view.transcript], view.call("look", {}).text))
        return 0.5

    env = _odd(predicate)
    try:
        env.reset(seed=0)
        env.step(call_text("bump"))
        result = env.step(call_text("finish", answer="two"))
        assert (result[1], result[2]) == (0.5, True)
        verdict = result[4]["verdicts"]["tool_use"]
        assert (verdict.label, verdict.score) == ("neutral", 0.5)
        assert seen == [("Bump it twice.", "two", [("bump", "1")], "1")]
    finally:
        env.close()


def test_a_predicate_that_cannot_tell_and_one_that_is_wrong():
    env = _odd(lambda view: None)
    try:
        env.reset(seed=0)
        assert env.step(call_text("finish"))[4]["valid"] is False
        env._predicate = lambda view: 2.0
        env.reset(seed=0)
        with pytest.raises(ContractError, match="a number in"):
            env.step(call_text("finish"))
    finally:
        env.close()


@pytest.mark.parametrize(("given", "outcome"), [(np.float32(1), 1.0), (np.bool_(True), 1.0), (True, 1.0), (0, 0.0)])
def test_what_a_predicate_may_give(given, outcome):
    env = _odd(lambda view: given)
    env.reset(seed=0)
    assert env.step(call_text("finish"))[4]["outcome"] == outcome
    env.close()


def test_a_predicate_that_raises_is_named_and_asked_once():
    calls = []

    def careless(view):
        calls.append(view.task.sealed["given"].pop("wanted"))
        raise KeyError("x")

    env = _odd(careless)
    env.reset(seed=0)
    with pytest.raises(ContractError, match=r"careless raised KeyError: 'x', for the task 'Bump it twice\."):
        env.step(call_text("finish"))
    with pytest.raises(ContractError, match="reset the environment"):
        env.step(call_text("finish"))
    env.reset(seed=0)
    assert (calls, env.task.sealed["given"]) == (["2"], {"wanted": "2"})
    env.close()


def test_secrets_are_not_shown_and_not_stored():
    secret = "sk-0123456789"
    server = McpServer(command=(*ODD, "", f"--key={secret}"), environment=(("TOKEN", secret),), headers=(("Authorization", secret),))
    assert secret not in server.name
    shown = repr(McpServer(command=("x",), environment=(("TOKEN", secret),), headers=(("Authorization", secret),)))
    assert (secret in shown, "TOKEN" in shown, "Authorization" in shown) == (False, True, True)
    with pytest.raises(TypeError):
        msgspec.to_builtins(server)
    assert McpServer(url=f"https://me:{secret}@host/mcp?key={secret}").name == "https://host/mcp"
    assert pickle.loads(pickle.dumps(server)) == server
    with McpSession(server) as session:
        assert session.call("environment", {}).text == secret


def test_tasks_from_a_file_with_their_setup(tmp_path):
    path = tmp_path / "tasks.jsonl"
    rows = [TASK, {"question": "Once more.", "setup": [{"name": "bump"}], "solution": [{"name": "bump", "arguments": {}}], "wanted": "2"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    env = gym.make("prm_gym/MCP-v0", server=ODD, tasks=path, predicate=bumped).unwrapped
    try:
        assert env.task_count == 2
        for index in (0, 1, 0):
            env.reset(seed=0, options={"task_index": index})
            assert env.task.question == rows[index]["question"]
            assert [env.step(action)[1] for action in env.solution()][-1] == 1.0
    finally:
        env.close()


def test_a_setup_that_fails_spoils_the_episode():
    env = _odd(tasks=[{**TASK, "setup": [{"name": "wrong"}]}])
    try:
        env.reset(seed=0)
        assert env.step(call_text("look"))[4]["valid"] is False
    finally:
        env.close()


def test_a_task_without_a_solution_says_so():
    env = _odd(tasks=[{"question": "Do something."}])
    env.reset(seed=0)
    with pytest.raises(ContractError, match="gives no solution"):
        env.solution()
    env.close()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"server": ODD}, "needs tasks"),
        ({"tasks": [TASK]}, "belong to a server of yours"),
        ({"server": ODD, "tasks": [], "predicate": bumped}, "no task in it"),
        ({"server": ODD, "tasks": [{"question": " "}], "predicate": bumped}, "tasks, task 0: 'question'"),
        ({"server": ODD, "tasks": [{**TASK, "setup": ["x"]}], "predicate": bumped}, "'setup' is a list of calls"),
        ({"server": ODD, "tasks": [TASK], "predicate": "no_such_module:f"}, "cannot be imported"),
        ({"server": ODD, "tasks": [TASK], "predicate": "json:nothing"}, "cannot be imported"),
        ({"server": ODD, "tasks": [TASK], "predicate": 7}, "a predicate is a callable"),
        ({"server": ODD, "tasks": [TASK], "predicate": bumped, "reuse": True}, "every task needs a 'setup'"),
        ({"server": "python -m x", "tasks": [TASK], "predicate": bumped}, "single text"),
    ],
)
def test_options(options, says):
    with pytest.raises(OptionError, match=re.escape(says)):
        gym.make("prm_gym/MCP-v0", **options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"hidden": ["x"]}, "hidden names tools that the server does not have: x"),
        ({"end": "look"}, "the server has a tool 'look'"),
        ({"tasks": [{**TASK, "setup": [{"name": "wipe"}]}], "hidden": ["x", "y"]}, "have: x, y; setup names tools that the server does not have: wipe"),
    ],
)
def test_what_does_not_fit_the_tools_is_told_when_the_session_begins(options, says):
    env = _odd(**options)
    for _ in range(2):  # and again, with another session
        with pytest.raises(OptionError, match=re.escape(says)):
            env.reset(seed=0)
    assert env._lease.session is None


# Sessions.


def test_a_server_is_started_for_who_plays_once_and_goes_with_close(tmp_path):
    log = tmp_path / "starts"
    command = [sys.executable, "-c", f"open({str(log)!r}, 'a').write('x'); import runpy; runpy.run_path({ODD[-1]!r}, run_name='__main__')"]
    envs = [gym.make("prm_gym/MCP-v0", server=command, tasks=[TASK], predicate=bumped).unwrapped for _ in range(3)]
    assert not log.exists()  # a search makes environments by the dozen, and plays in some of them
    StepEnv.reset_batch(envs[:2], [0, 1], [None, None])
    assert log.read_text() == "xx"
    assert [tool.name for tool in envs[0].tools][-1] == "finish"
    envs[0].step(call_text("bump"))
    assert log.read_text() == "xx"
    for env in envs:
        env.close()
    assert [env._lease.session for env in envs] == [None] * 3
    envs[0].reset(seed=0)  # closed is not gone: the tools are known, and the next call starts a server
    assert log.read_text() == "xx"
    envs[0].step(call_text("look"))
    assert log.read_text() == "xxx"
    envs[0].close()


def test_closing_ends_the_server_and_so_does_forgetting():
    for forget in (False, True):
        env = _odd()
        env.reset(seed=0)
        pids = [int(pid) for pid in env.step(call_text("pids"))[0].split()]
        assert all(map(_alive, pids))
        if not forget:
            env.close()
        del env
        gc.collect()
        until = time.monotonic() + 10
        while any(map(_alive, pids)) and time.monotonic() < until:
            time.sleep(0.02)
        assert not any(map(_alive, pids))


def test_a_storeroom_is_lent_on_and_is_another_one_for_everybody():
    first, second, third = (gym.make("prm_gym/MCP-v0").unwrapped for _ in range(3))
    first.reset(seed=1)
    session = first._lease.session
    first.close()
    try:
        for env in (second, third):
            env.reset(seed=4)
        assert second._lease.session is session
        assert third._lease.session is not session
        pairs = [(second.step(action), third.step(action)) for action in second.solution()]
        assert all(one[:4] == other[:4] for one, other in pairs)
        assert pairs[-1][0][1] == 1.0
    finally:
        second.close()
        third.close()


def test_a_pickle_goes_on_with_a_session_of_its_own(demo):
    demo.reset(seed=2)
    actions = demo.solution()
    for action in actions[:2]:
        demo.step(action)
    copy = pickle.loads(pickle.dumps(demo))
    try:
        for action in actions[2:]:
            assert demo.step(action)[:4] == copy.step(action)[:4]
    finally:
        copy.close()


def test_the_predicate_of_the_storeroom_cannot_tell_without_an_inventory():
    class View:
        task = None

        @staticmethod
        def call(name, arguments):
            return type("Reply", (), {"structured": None})

    assert stock_is_as_expected(View) is None
    assert demo_task(1) == demo_task(1) != demo_task(2)


def test_without_the_sdk_the_extra_is_named():
    program = "import sys; sys.modules.update(mcp=None, anyio=None, mcp_types=None, httpx2=None); import gymnasium, prm_gym; gymnasium.make('prm_gym/MCP-v0')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr.strip().endswith("MissingExtraError: This needs the package 'mcp'. Install it with: pip install 'prm-gym[mcp]'")


def test_a_server_at_an_address():
    with subprocess.Popen([sys.executable, "-m", "prm_gym.mcp.demo", "--port", "0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            url = process.stdout.readline().strip()
            until = time.monotonic() + 30
            while True:
                try:
                    McpSession(McpServer(url=url)).close()
                    break
                except ServerGoneError:  # it does not listen yet
                    assert time.monotonic() < until
                    time.sleep(0.1)
            task = stock_task(5)
            row = {
                "question": task.question,
                "setup": [{"name": "reset", "arguments": {"seed": 5}}],
                "solution": [{"name": name, "arguments": arguments} for name, arguments in task.solution],
                "expected": [list(item) for item in task.expected],
            }
            predicate = "prm_gym.envs.adapters.mcp_tasks:stock_is_as_expected"
            env = gym.make("prm_gym/MCP-v0", server=url, tasks=[row], predicate=predicate, hidden=["reset", "inventory"]).unwrapped
            for _ in range(2):
                env.reset(seed=0)
                assert [env.step(action)[1] for action in env.solution()][-1] == 1.0
            with pytest.raises(ContractError, match="cannot be saved"):
                env.snapshot()
            env.reset(seed=0)
            process.kill()
            process.wait()
            assert env.step(call_text("list_shelves"))[4]["valid"] is False
            env.close()
        finally:
            process.kill()


def test_what_is_sealed_is_stored_with_its_own_task_alone():
    tasks = [{"question": f"Say it {how}.", "solution": [], "secret": word} for how, word in (("loud", "alpha"), ("low", "beta"))]
    rollouts = Rollouts("prm_gym/MCP-v0", {"server": ODD, "tasks": tasks, "predicate": lambda view: 1.0, "verifiers": []}, num_envs=1)
    (trajectory,) = rollouts.play(make_agent("scripted"), groups([0], 1))
    rollouts.close()
    stored = msgspec.to_builtins(trajectory)
    assert stored["env_options"]["tasks"] == "(tasks given: 2)"
    assert stored["task"].pop("sealed")["given"]["secret"] in ("alpha", "beta")
    assert "secret" not in json.dumps(stored)

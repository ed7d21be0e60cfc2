"""Sessions: their limits, what happens to one that hangs or dies, and what happens to the others."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import gymnasium as gym
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from served_worlds import WORLD
from serving_tools import ask, children, opened, remote

from prm_gym.errors import EnvironmentFault, ServingError
from prm_gym.serving.offer import Limits, Offer
from prm_gym.serving.server import Server


def spoilt(result):
    """Whether a step is the end of an episode that trains nobody."""
    _, reward, terminated, truncated, info = result
    verdicts = list(info["verdicts"].values())
    said = all((verdict.status, verdict.score) == ("error", None) for verdict in verdicts)
    return (reward, terminated, truncated, info["valid"], info["outcome"], said, len(verdicts)) == (0.0, False, True, False, None, True, 1)


@pytest.mark.parametrize("action", ["hang", "crash", "fault", "raise"])
def test_a_step_that_fails_ends_its_episode_and_the_next_one_goes_on(moody, action):
    env = remote(moody, WORLD)
    env.reset(seed=0)
    env.step("count")
    result = env.step(action)
    assert spoilt(result)
    assert result[0] == "at 1"  # what it saw last
    assert env.reset(seed=0)[0] == "at 0"
    assert env.step("count")[4]["valid"]
    env.close()


def test_a_session_that_hangs_keeps_no_other_waiting(moody):
    hanging, other = remote(moody, WORLD), remote(moody, WORLD)
    hanging.reset(seed=0)
    other.reset(seed=0)
    with ThreadPoolExecutor(1) as pool:
        stuck = pool.submit(hanging.step, "hang")
        for _ in range(3):
            assert other.step("count")[4]["valid"]
        assert not stuck.done()
        assert spoilt(stuck.result(timeout=60))
    hanging.close()
    other.close()


def test_the_other_episodes_of_a_session_that_dies_are_spoilt_too(moody):
    envs = gym.make_vec("prm_gym/Remote-v0", num_envs=3, vectorization_mode="vector_entry_point", url=moody.url, env=WORLD, autoreset_mode="Disabled").envs
    for env in envs:
        env.reset(seed=0)
    assert spoilt(envs[0].step("crash"))
    assert envs[1].reset(seed=0)[0] == "at 0"  # begun anew: it is none of the lost
    assert envs[1].step("count")[4]["valid"]
    assert spoilt(envs[2].step("count"))
    assert envs[1].step("count")[0] == "at 2"
    for env in envs:
        env.close()


def test_more_sessions_than_are_allowed_are_refused_clearly(moody):
    envs = [remote(moody, WORLD) for _ in range(4)]
    status, headers, said = ask(moody.url, "POST", "/v1/sessions", {"env": WORLD})
    assert (status, said["status"], said["code"]) == (429, 429, "too_many_sessions")
    assert headers["content-type"] == "application/problem+json"
    assert 1 <= int(headers["retry-after"]) <= 60
    assert "4 sessions" in said["detail"]
    with pytest.raises(ServingError, match="4 sessions") as refused:
        remote(moody, WORLD)
    assert (refused.value.code, refused.value.retry_after) == ("too_many_sessions", int(headers["retry-after"]))
    envs[0].close()
    envs[0] = remote(moody, WORLD)  # there is room again at once
    for env in envs:
        env.close()
    assert ask(moody.url, "GET", "/health")[2]["sessions"] == 0


def test_environments_of_a_session_are_bounded(moody):
    status, _, said = ask(moody.url, "POST", "/v1/sessions", {"env": WORLD, "num_envs": 5})
    assert (status, said["code"]) == (400, "bad_option")


def test_an_environment_that_is_dropped_gives_its_session_back(moody):
    for _ in range(6):  # four are allowed
        remote(moody, WORLD).reset(seed=0)


def test_idle_sessions_are_closed_and_opened_again():
    with Server(Offer.of([WORLD], limits=Limits(sessions=1, idle_seconds=1.0)), port=0) as server:
        env = remote(server, WORLD)
        env.reset(seed=0)
        env.step("count")
        ended = time.monotonic() + 30
        while ask(server.url, "GET", "/health")[2]["sessions"]:
            assert time.monotonic() < ended
            time.sleep(0.1)
        assert spoilt(env.step("count"))
        assert env.reset(seed=0)[0] == "at 0"  # in another session
        assert env.step("count")[0] == "at 1"
        # The server's generator is gone: without a seed the client's own, which was given the same seed, draws one.
        keys = []
        for _ in range(2):
            env.reset(seed=0)
            ask(server.url, "DELETE", f"/v1/sessions/{env.unwrapped.block.session.session}")
            keys.append(env.reset()[1]["task_key"])
        assert keys[0] == keys[1] != env.reset(seed=0)[1]["task_key"]
        env.close()


def test_a_generator_that_is_lost_with_its_process_is_not_replaced_in_silence(moody):
    path = opened(moody.url, WORLD)
    ask(moody.url, "POST", f"{path}/reset", {"seed": 0})
    assert ask(moody.url, "POST", f"{path}/step", {"action": "crash"})[2]["spoilt"]
    status, _, said = ask(moody.url, "POST", f"{path}/reset", {})
    assert (status, said["code"]) == (409, "generator_lost")
    assert ask(moody.url, "POST", f"{path}/reset", {"seed": 0})[0] == 200
    assert ask(moody.url, "POST", f"{path}/reset", {})[0] == 200
    ask(moody.url, "DELETE", path)


def test_a_vector_environment_resets_itself_after_a_lost_process(moody):
    envs = gym.make_vec("prm_gym/Remote-v0", num_envs=2, vectorization_mode="vector_entry_point", url=moody.url, env=WORLD)
    envs.reset(seed=0)
    *_, truncated, info = envs.step(["crash", "count"])
    assert truncated.tolist() == [True, True]
    assert info["valid"].tolist() == [False, False]
    assert envs.step(["count", "count"])[0] == ("at 0", "at 0")  # begun anew, without seeds
    assert envs.step(["count", "count"])[0] == ("at 1", "at 1")
    envs.close()


def test_one_request_at_a_time(moody):
    path = opened(moody.url, WORLD, {"pause": 1.0})
    ask(moody.url, "POST", f"{path}/reset", {"seed": 0})
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, moody.url, "POST", f"{path}/step", {"action": "slow"}, Idempotency_Key="a")
        time.sleep(0.4)
        status, headers, said = ask(moody.url, "POST", f"{path}/step", {"action": "count"}, Idempotency_Key="b")
        assert (status, said["code"], headers["retry-after"]) == (409, "session_busy", "1")
        again = pool.submit(ask, moody.url, "POST", f"{path}/step", {"action": "slow"}, Idempotency_Key="a")
        assert first.result()[2] == again.result()[2]  # asked for again while it is done, it waits for the same answer
        assert first.result()[2]["steps"] == 1
    ask(moody.url, "DELETE", path)


def test_many_steps_at_once_on_one_session_take_effect_once_each_or_not_at_all(moody):
    path = opened(moody.url, WORLD)
    ask(moody.url, "POST", f"{path}/reset", {"seed": 0})
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: ask(moody.url, "POST", f"{path}/step", {"action": "count", "index": 0}), range(8)))
    assert sorted({status for status, _, _ in replies}) in ([200], [200, 409])
    assert [status for status, _, _ in replies].count(200) == 1
    assert {said["code"] for status, _, said in replies if status == 409} <= {"session_busy", "out_of_step"}
    ask(moody.url, "DELETE", path)


def test_a_request_that_comes_again_under_its_key_is_not_done_again(moody):
    made = [ask(moody.url, "POST", "/v1/sessions", {"env": WORLD}, Idempotency_Key="open")[2]["session"] for _ in range(2)]
    assert made[0] == made[1]
    path = f"/v1/sessions/{made[0]}"
    ask(moody.url, "POST", f"{path}/reset", {"seed": 0})
    replies = [ask(moody.url, "POST", f"{path}/step", {"action": "count", "index": 0}, Idempotency_Key="one") for _ in range(3)]
    assert [reply[2]["steps"] for reply in replies] == [1, 1, 1]
    status, _, said = ask(moody.url, "POST", f"{path}/step", {"action": "count", "index": 0}, Idempotency_Key="two")
    assert (status, said["code"]) == (409, "out_of_step")
    ask(moody.url, "DELETE", path)
    assert ask(moody.url, "POST", f"{path}/step", {"action": "count"})[2]["code"] == "no_session"


COMMAND = [sys.executable, "-m", "prm_gym", "serve", "--env", "prm_gym/Countdown-v0", "--port", "0"]


@pytest.fixture
def command():
    """A server of its own process, and where it answers."""
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process, process.stdout.readline().split()[-1]
    finally:
        process.kill()
        process.communicate(timeout=60)


def test_a_server_that_dies_in_the_middle_of_an_episode(command):
    process, url = command
    env = gym.make("prm_gym/Remote-v0", url=url, env="prm_gym/Countdown-v0")
    env.reset(seed=0)
    process.kill()
    process.wait(timeout=60)
    assert spoilt(env.step("no step"))
    with pytest.raises(EnvironmentFault, match="cannot be reached"):
        env.reset(seed=0)
    env.close()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_told_to_end_ends_its_sessions(command, end):
    process, url = command
    env = gym.make("prm_gym/Remote-v0", url=url, env="prm_gym/Countdown-v0")
    env.reset(seed=0)
    workers = children(process.pid)
    assert workers
    process.send_signal(end)
    assert process.wait(timeout=60) in (0, -end, 130, 128 + end)
    time.sleep(0.2)
    assert not any(os.path.exists(f"/proc/{worker}") for worker in workers)
    assert spoilt(env.step("no step"))
    env.close()


def test_a_client_that_dies_leaves_a_session_that_others_do_not_wait_for(moody):
    program = f"""
import sys, os
sys.path[:0] = {sys.path!r}
import gymnasium as gym, prm_gym
env = gym.make("prm_gym/Remote-v0", url={moody.url!r}, env={WORLD!r}, env_options={{"pause": 2.0}})
env.reset(seed=0)
print(env.unwrapped.block.session.session, flush=True)
env.step("slow")
"""
    client = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    session = client.stdout.readline().strip()
    time.sleep(0.5)  # it waits for its step
    client.kill()
    client.communicate(timeout=60)
    other = remote(moody, WORLD)
    other.reset(seed=0)
    assert other.step("count")[4]["valid"]
    other.close()
    ended = time.monotonic() + 30
    while ask(moody.url, "POST", f"/v1/sessions/{session}/step", {"action": "count", "index": 1})[0] == 409:  # busy still
        assert time.monotonic() < ended
        time.sleep(0.1)
    assert ask(moody.url, "DELETE", f"/v1/sessions/{session}")[0] == 200


def test_sessions_from_many_threads(server):
    outcomes = []

    def play(seed):
        env = remote(server, "prm_gym/Countdown-v0", {"difficulty": 1})
        for at in range(3):
            env.reset(seed=seed + at)
            for action in env.unwrapped.solution():
                result = env.step(action)
            outcomes.append((seed, at, result[4]["outcome"]))
        env.close()

    threads = [threading.Thread(target=play, args=(10 * number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == [(10 * number, at, 1.0) for number in range(6) for at in range(3)]

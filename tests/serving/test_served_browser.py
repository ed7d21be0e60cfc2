"""A real browser behind a server: its episodes are those beside it, and a browser that dies there spoils one episode here."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import gymnasium as gym
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("starlette")

from serving_tools import children, plain, remote

from prm_gym.serving.offer import Limits, Offer
from prm_gym.serving.server import Server

pytestmark = pytest.mark.usefixtures("chromium")
SHOWN = ["page", "screenshot"]


@pytest.fixture(scope="module")
def shop():
    offer = Offer.of(
        ["prm_gym/Shop-v0"], env_options={"mode": "browser", "show": SHOWN}, client_options=["difficulty"], limits=Limits(sessions=2), solutions=True
    )
    with Server(offer, port=0) as running:
        yield running


def browsers(process):
    """Processes of Chromium below a process."""
    found = []
    for child in children(process):
        with suppress(OSError):
            found += [child] if Path("/proc", str(child), "comm").read_text().startswith(("chrom", "headless")) else []
        found += browsers(child)
    return found


def test_an_episode_in_a_browser_is_the_one_beside_it(shop):
    here, there = gym.make("prm_gym/Shop-v0", mode="browser", show=SHOWN, difficulty=1), remote(shop, "prm_gym/Shop-v0", {"difficulty": 1})
    assert plain(first := there.reset(seed=3)) == plain(here.reset(seed=3))
    assert first[1]["screenshot"].startswith(b"\x89PNG")
    solution, saved = there.unwrapped.solution(), there.unwrapped.snapshot()
    for action in solution:
        taken = there.step(action)
        assert plain(taken) == plain(here.step(action))
    assert (taken[1], taken[2], taken[4]["outcome"]) == (1.0, True, 1.0)
    here.close()
    there.unwrapped.restore(saved)
    assert there.step(solution[0])[2:4] == (False, False)
    there.close()


def test_a_browser_that_dies_there_spoils_one_episode_and_none_is_left_behind(shop):
    before = set(browsers(os.getpid()))
    env = remote(shop, "prm_gym/Shop-v0", {"difficulty": 1})
    first, info = env.reset(seed=3)
    mine = set(browsers(os.getpid())) - before
    assert mine
    for process in mine:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    _, reward, terminated, truncated, said = env.step(info["actions"][0])
    assert (reward, terminated, truncated, said["valid"], said["outcome"]) == (0.0, False, True, False, None)
    assert [(verdict.status, verdict.score) for verdict in said["verdicts"].values()] == [("error", None)]
    assert env.reset(seed=3)[0] == first
    assert env.step(info["actions"][0])[4]["valid"] is True
    env.close()
    until = time.monotonic() + 20
    while (left := set(browsers(os.getpid())) - before) and time.monotonic() < until:
        time.sleep(0.1)
    assert not left

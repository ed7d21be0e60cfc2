"""Pages as claims: verifiers that look at pages see what a step led to, in text and as a picture, and it is stored."""

import sys
from pathlib import Path

import gymnasium as gym
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import notes

from prm_gym.chains import chain_of, chain_of_trajectory
from prm_gym.claims import PageShown
from prm_gym.errors import OptionError
from prm_gym.rescore import contexts
from prm_gym.store import TrajectoryWriter, read_trajectories
from prm_gym.tools import call_text
from prm_gym.trajectory import Step, Trajectory


def shown(env):
    return next(claim for claim in env.past_steps[-1].claims if isinstance(claim, PageShown))


def test_in_text_mode_a_step_claims_the_text_that_is_seen_after_it():
    env = notes.NotesEnv(show=("page",))
    env.reset(seed=1)
    assert env.step("click [4]")[0] == shown(env).text != ""
    assert shown(env).image == b""
    snapshot = env.snapshot()
    env.restore(snapshot)
    assert shown(env).text == env.situation.observation
    plain = notes.NotesEnv()
    plain.reset(seed=1)
    plain.step("click [4]")
    assert not any(isinstance(claim, PageShown) for claim in plain.past_steps[-1].claims)


def test_the_last_step_of_a_stored_trajectory_keeps_the_page_it_led_to(tmp_path):
    image = bytes(range(256))
    steps = [
        Step(index=at, observation=f"page {at}", action="click", state_key="", next_state_key="", reward=0.0, claims=(PageShown(f"page {at + 1}", image),))
        for at in range(2)
    ]
    env = notes.NotesEnv()
    env.reset(seed=1)
    whole = Trajectory(id="a", group_id="a", task=env.task, seed=1, env_id="x", agent="y", outcome=1.0, steps=tuple(steps))
    with TrajectoryWriter(tmp_path / "t.jsonl") as writer:
        writer.write([whole])
    (read,) = read_trajectories(tmp_path / "t.jsonl")
    assert chain_of_trajectory(read) == chain_of_trajectory(whole) == chain_of(contexts(read)[-1])
    assert [(step.after, step.image) for step in chain_of_trajectory(read).steps] == [("page 1", image), ("page 2", image)]


def test_in_a_browser_the_window_is_claimed_too(chromium):
    env = notes.NotesEnv(mode="browser", show=("page", "screenshot"))
    try:
        env.reset(seed=1)
        info = env.step("click [4]")[-1]
        assert shown(env).image.startswith(b"\x89PNG")
        assert set(info) & {"page", "screenshot"} == {"screenshot"}
    finally:
        env.close()


def test_page_building_claims_the_page_that_was_written(chromium):
    env = gym.make("prm_gym/PageBuilding-v0", screenshots="claim").unwrapped
    try:
        env.reset(seed=1)
        env.step(call_text("look"))
        assert not any(isinstance(claim, PageShown) for claim in env.past_steps[-1].claims)
        info = env.step(call_text("write_page", html="<!doctype html><title>a</title><h1>Hello</h1>"))[-1]
        assert shown(env).image == info["screenshot"] != b""
        assert info["verdicts"]["page_tests"].status == "ok"
        env.step(call_text("finish"))
        assert shown(env).image == info["screenshot"]
    finally:
        env.close()
    with pytest.raises(OptionError, match="claim"):
        gym.make("prm_gym/PageBuilding-v0", screenshots="yes")

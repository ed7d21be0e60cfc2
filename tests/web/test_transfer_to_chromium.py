"""Trained in text, evaluated in a real browser: the same agents do the same there."""

import sys
from functools import partial
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import notes  # noqa: F401 - the world that is registered

import prm_gym
from prm_gym.agent import make_agent
from prm_gym.rollout import groups
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train
from prm_gym.training.transfer import Transfer

NOTES = "web_tests/Notes-v0"


@pytest.fixture(scope="module", autouse=True)
def world(chromium):
    prm_gym.register(NOTES, "notes:NotesEnv")


@pytest.mark.parametrize(("agent", "success"), [("scripted", 1.0), ("random", None)])
def test_in_the_browser_everything_is_the_same(agent, success):
    figures, trajectories = Transfer(NOTES, {}, {"mode": "browser"}, groups(range(12), 1)).evaluate(partial(make_agent, agent))
    assert (figures.transfer_difference, figures.transfer_same, figures.transfer_invalid) == (0.0, 1.0, 0)
    assert success is None or figures.transfer_success == success
    assert {one.env_options["mode"] for one in trajectories} == {"browser"}


def test_an_agent_that_was_trained_in_text(tmp_path):
    pytest.importorskip("torch")
    config = TrainConfig(
        env_id=NOTES,
        agent_options={"width": 8, "device": "cpu"},
        budget=100,
        tasks=2,
        attempts=2,
        evaluate_every=100,
        eval_tasks=6,
        num_envs=4,
        transfer_options={"mode": "browser"},
    )
    result = train(config, tmp_path)
    assert (result.transfer_success, result.transfer_difference, result.transfer_same, result.transfer_invalid) == (result.final_success, 0.0, 1.0, 0)

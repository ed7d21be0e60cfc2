"""Training in shards: the same course here and in other processes."""

import json
import sys
from pathlib import Path

import msgspec
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import spelling_world

from prm_gym.engines import LocalEngine, ProcessEngine
from prm_gym.errors import OptionError
from prm_gym.report.comparison import RunResult
from prm_gym.store import read_trajectories
from prm_gym.training.config import TrainConfig
from prm_gym.training.run import train

SMALL = {"budget": 150, "tasks": 3, "attempts": 4, "evaluate_every": 100, "eval_tasks": 10, "num_envs": 8, "env_options": {"difficulty": 1}}


def _config(**changes):
    return TrainConfig(env_id="prm_gym/Deduction-v0", **{**SMALL, "credit": "gigpo", "reward": "dense", "shard": 4, **changes})


def _course(directory):
    result = msgspec.to_builtins(msgspec.json.decode((directory / "result.json").read_bytes(), type=RunResult))
    for point in (result, *result["curve"]):
        point.pop("wall_seconds")
    weights = torch.load(directory / "agent" / "agent.pt", weights_only=True)["network"]
    stored = list(read_trajectories(directory / "trajectories.jsonl"))
    return result, stored, (directory / "metrics.jsonl").read_bytes(), {name: value.tolist() for name, value in weights.items()}


class _StopError(Exception):
    """The interruption."""


def _stop(_steps):
    raise _StopError


@pytest.mark.slow
def test_processes_and_this_one_take_the_same_course(tmp_path):
    # Two domains, groups that are drawn anew, and corrections, which are played here with an agent that wraps the one that learns.
    changes = {"domains": ({}, {"difficulty": 2}), "refills": 1, "method": "correction?corrector=self"}
    train(_config(**changes), tmp_path / "here", engine=LocalEngine())
    with ProcessEngine(2) as engine:
        with pytest.raises(_StopError):
            train(_config(**changes), tmp_path / "there", _stop, engine=engine)  # after the first batch, before a checkpoint of it
        train(_config(**changes), tmp_path / "there", engine=engine)
    assert _course(tmp_path / "there") == _course(tmp_path / "here")


def test_what_is_counted_and_drawn_does_not_depend_on_how_many_play(tmp_path):
    # All episodes of one shard, or one group a shard: a seeded agent draws the same, and the batch is put together in the same order.
    train(_config(shard=4), tmp_path / "small")
    train(_config(shard=1_000), tmp_path / "large")
    small, large = (json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0]) for name in ("small", "large"))
    assert small["env_steps"] == large["env_steps"]
    assert small["success"] == large["success"]


def test_shards_need_an_agent_that_takes_seeds_and_are_no_negative_number(tmp_path):
    spelling_world.register()
    with pytest.raises(OptionError, match="'speller' does not draw its actions from the seeds"):
        train(spelling_world.config(shard=4), tmp_path / "run")
    with pytest.raises(OptionError, match="shard must be at least 0"):
        _config(shard=-1)


def test_workers_without_shards_are_refused(tmp_path):
    with ProcessEngine(2) as engine, pytest.raises(OptionError, match="--shard 32"):
        train(_config(shard=0), tmp_path / "run", engine=engine)

"""Runs in shards, and what they leave behind."""

import torch
from stopped_runs import left_behind

from prm_gym.training.config import TrainConfig

SMALL = {"budget": 150, "tasks": 3, "attempts": 4, "evaluate_every": 100, "eval_tasks": 10, "num_envs": 8, "env_options": {"difficulty": 1}}


def sharded(**changes):
    """A small run of the candidate policy."""
    return TrainConfig(env_id="prm_gym/Deduction-v0", **{**SMALL, "credit": "gigpo", "reward": "dense", "shard": 4, **changes})


def course(directory):
    """What such a run leaves behind, its weights too."""
    weights = torch.load(directory / "agent" / "agent.pt", weights_only=True)["network"]
    return *left_behind(directory), {name: value.tolist() for name, value in weights.items()}

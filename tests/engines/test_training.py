"""Training in shards: the same course here and in other processes."""

import json
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "training"))

import spelling_world
from sharded_runs import course, sharded
from stopped_runs import StopError, stopping_after

from prm_gym.engines import LocalEngine, ProcessEngine
from prm_gym.errors import OptionError
from prm_gym.training.run import train


@pytest.mark.slow
def test_processes_and_this_one_take_the_samecourse(tmp_path):
    # Two domains, groups that are drawn anew, and corrections, which are played here with an agent that wraps the one that learns.
    changes = {"domains": ({}, {"difficulty": 2}), "refills": 1, "method": "correction?corrector=self"}
    train(sharded(**changes), tmp_path / "here", engine=LocalEngine())
    with ProcessEngine(2) as engine:
        with pytest.raises(StopError):
            train(sharded(**changes), tmp_path / "there", stopping_after(1), engine=engine)  # after the first batch, before a checkpoint of it
        train(sharded(**changes), tmp_path / "there", engine=engine)
    assert course(tmp_path / "there") == course(tmp_path / "here")


class Counted(LocalEngine):
    """Workers that are given what they would be given elsewhere, here; keeps what was shared."""

    apart = True

    def __init__(self):
        self.shared = []

    def share(self, value):
        self.shared.append(value)
        return super().share(value)


CAUSAL = {"agent": "causal-lm", "agent_options": {"width": 16, "layers": 1, "heads": 2, "choose": "listed", "device": "cpu"}, "credit": "grpo"}


@pytest.mark.parametrize(("changes", "named"), [({}, "weights.pt"), ({**CAUSAL, "budget": 40, "evaluate_every": 20, "eval_tasks": 2}, "model.safetensors")])
def test_weights_are_shared_once_an_update_and_nothing_else_is(tmp_path, changes, named):
    if changes:
        pytest.importorskip("transformers")
    engine = Counted()
    result = train(sharded(**changes), tmp_path, engine=engine)
    batches = len((tmp_path / "metrics.jsonl").read_text().splitlines())
    # The weights at the beginning, and those after each update: evaluations play with some of these.
    assert len(result.curve) > 1
    assert len(engine.shared) == batches + 1
    assert len({files[named] for files in engine.shared}) == batches + 1
    assert not [name for files in engine.shared for name in files if name.startswith("learner") or name == "agent.pt"]


def test_what_is_counted_and_drawn_does_not_depend_on_how_many_play(tmp_path):
    # All episodes of one shard, or one group a shard: a seeded agent draws the same, and the batch is put together in the same order.
    train(sharded(shard=4), tmp_path / "small")
    train(sharded(shard=1_000), tmp_path / "large")
    small, large = (json.loads((tmp_path / name / "metrics.jsonl").read_text().splitlines()[0]) for name in ("small", "large"))
    assert small["env_steps"] == large["env_steps"]
    assert small["success"] == large["success"]


def test_shards_need_an_agent_that_takes_seeds_and_are_no_negative_number(tmp_path):
    spelling_world.register()
    with pytest.raises(OptionError, match="'speller' does not draw its actions from the seeds"):
        train(spelling_world.config(shard=4), tmp_path / "run")
    with pytest.raises(OptionError, match="shard must be at least 0"):
        sharded(shard=-1)


def test_workers_without_shards_are_refused(tmp_path):
    with ProcessEngine(2) as engine, pytest.raises(OptionError, match="--shard 32"):
        train(sharded(shard=0), tmp_path / "run", engine=engine)

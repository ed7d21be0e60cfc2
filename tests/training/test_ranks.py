"""One run on several processes, which torchrun starts."""

import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

sys.path.insert(0, str(Path(__file__).parent))

import msgspec
import spelling_world
import torchrun

from prm_gym.agent import make_agent
from prm_gym.lm.tensor_files import read_tensors
from prm_gym.report.comparison import RunResult
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import read_trajectories
from prm_gym.training.ranks import Ranks

# Every process imports torch and transformers, and a machine may be busy.
pytestmark = pytest.mark.timeout(2 * torchrun.LONGEST)

SMALL = ["width=16", "layers=1", "heads=2", "history=0", "instructions=false"]
RUN = [
    *("--env", "prm_gym/Countdown-v0", "--agent", "causal-lm", "--device", "cpu", "--credit", "grpo", "--reward", "dense"),
    *("--budget", "100", "--tasks", "3", "--attempts", "2", "--evaluate-every", "40", "--checkpoint-every", "1", "--eval-tasks", "3", "--num-envs", "4"),
]


def _train(processes, strategy, out, rate=0.01):
    learning = json.dumps({"parallel": strategy, "learning_rate": rate, "epochs": 2, "batch_tokens": 64})
    return torchrun.start(processes, "-m", "prm_gym", "train", *RUN, "--agent-option", *SMALL, f"learning={learning}", "--out", out)


def _course(directory):
    """Metrics of every batch, the curve, all stored actions, and the weights."""
    metrics = [msgspec.json.decode(line) for line in (directory / "metrics.jsonl").read_bytes().splitlines()]
    result = msgspec.json.decode((directory / "result.json").read_bytes(), type=RunResult)
    curve = [(point.env_steps, point.success, point.mean_steps, point.verifier_calls) for point in result.curve]
    actions = [(each.id, each.agent, [step.action for step in each.steps]) for each in read_trajectories(directory / "trajectories.jsonl")]
    assert result.trajectories == len(actions)
    return metrics, curve, actions, read_tensors(directory / "agent" / "model.safetensors").tensors


def _assert_same(found, wanted):
    for one, other in zip(found[0], wanted[0], strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    assert found[1:3] == wanted[1:3]
    assert found[3].keys() == wanted[3].keys()
    for name, weight in wanted[3].items():
        assert (found[3][name] - weight).abs().max() < 1e-4, name


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The course of a run on one process."""
    directory = tmp_path_factory.mktemp("alone") / "run"
    status, out, err = torchrun.ended(_train(1, "ddp", directory))
    assert status == 0, err
    assert len(out.splitlines()) > 3
    return _course(directory)


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_two_processes_train_along_the_curve_of_one(alone, tmp_path, strategy):
    # Actions are drawn from seeds, credit is assigned over the whole batch and the gradient is that of the whole batch: what is left is rounding.
    status, out, err = torchrun.ended(_train(2, strategy, tmp_path / "run"))
    assert status == 0, err
    assert out.count("result.json") == 1  # the first process alone speaks
    _assert_same(_course(tmp_path / "run"), alone)
    names = {path.name.partition("-")[0] for path in (tmp_path / "run").iterdir()}
    assert names == {"agent", "checkpoint", "metrics.jsonl", "result.json", "state.json", "trajectories.jsonl"}


@pytest.mark.slow
def test_a_process_that_is_killed_ends_all_and_the_run_goes_on_along_the_same_curve(alone, tmp_path):
    process, state = _train(2, "ddp", tmp_path / "run"), tmp_path / "run" / "state.json"
    deadline = time.monotonic() + torchrun.LONGEST
    with torchrun.ending(process):
        while not (state.is_file() and json.loads(state.read_bytes())["batches"] >= 1):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.005)
        os.kill(torchrun.process_of_rank(process, 0), signal.SIGKILL)
    status, _, err = torchrun.ended(process)
    assert status != 0
    assert "process 1 of 2 ends: another was killed or has failed" in err
    assert "goes on from the last checkpoint" in err
    assert not (tmp_path / "run" / "result.json").exists()
    status, _, err = torchrun.ended(_train(2, "ddp", tmp_path / "run"))
    assert status == 0, err
    _assert_same(_course(tmp_path / "run"), alone)


@pytest.mark.slow
def test_a_training_that_diverges_ends_all_with_the_same_message(tmp_path):
    status, _, err = torchrun.ended(_train(2, "ddp", tmp_path / "run", rate=1e30))
    assert status != 0
    said = [line for line in err.splitlines() if line.startswith("prm-gym:")]
    # As soon as one process has ended with an error, torchrun ends the others: one that comes second may be gone before its line is out. Nobody says another.
    assert len(said) in {1, 2}
    assert len(set(said)) == 1
    assert said[0].startswith("prm-gym: training diverged in batch")
    assert (tmp_path / "run" / json.loads((tmp_path / "run" / "state.json").read_bytes())["checkpoint"] / "model.safetensors").is_file()


@pytest.mark.slow
def test_what_processes_exchange(tmp_path):
    status, _, err = torchrun.ended(torchrun.start(2, Path(__file__).with_name("ranks_process.py"), tmp_path))
    assert status == 0, err
    one, other = (json.loads((tmp_path / f"{rank}.json").read_text()) for rank in (0, 1))
    assert (one.pop("place"), other.pop("place")) == ([0, 2, True, True], [1, 2, False, False])
    # Who fails raises what it raised itself, and the other is told.
    assert (one.pop("other"), other.pop("other")) == ("WorkerError: process 1 of 2 failed: ValueError: of Python's own", "ValueError: of Python's own")
    assert one == other
    # The scripted speller plays three groups of two in this process alone as the two played them, with as many steps.
    spelling_world.register()
    rollouts, episodes = Rollouts(spelling_world.ENV, {}, num_envs=2), groups([5, 6, 7], attempts=2)
    whole = rollouts.play(make_agent("scripted"), episodes)
    assert one["played"] == one["played in shards"] == [[each.id, [step.action for step in each.steps], each.agent] for each in whole]
    assert one["spent"] == [rollouts.steps_taken, sum(rollouts.verdicts_given.values())]
    assert one["one group"] == [each.id for each in whole[:2]]  # the second process plays nothing
    assert (one["first"], one["any"]) == ("process 0", [True, False])
    assert one["different"] == "ContractError: the processes differ in their ranks: process 0: 0; process 1: 1"
    assert one["ours"] == "OptionError: no such option"
    assert one["first failed"] == "ContractError: broken"
    assert "leave out the engine" in one["engine"]
    assert "torchrun has started 2 processes, and the agent 'speller' learns in one" in one["unable"]


def test_a_process_alone_is_one_of_one(tmp_path):
    with Ranks(spelling_world.config()) as ranks:
        assert (ranks.rank, ranks.size, ranks.first, ranks.alone) == (0, 1, True, True)
        assert ranks.by_first(lambda: 7) == 7
        assert (ranks.any(True), ranks.any(False)) == (True, False)
        ranks.require_same("anything", tmp_path)

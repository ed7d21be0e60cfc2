import sys
from functools import partial
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))

import flaky
from stopped_runs import StopError, stopping_after, timeless

import prm_gym
from prm_gym.agent import make_agent
from prm_gym.errors import OptionError
from prm_gym.report.comparison import read_results
from prm_gym.report.transfer import Transferred
from prm_gym.rollout import Rollouts, groups
from prm_gym.store import read_trajectories
from prm_gym.training.compare import Plan, compare
from prm_gym.training.config import TrainConfig
from prm_gym.training.evaluation import transfer_of
from prm_gym.training.run import train
from prm_gym.training.transfer import Transfer

COUNTDOWN = "prm_gym/Countdown-v0"
EPISODES = groups(range(12), 1)


@pytest.fixture
def flaky_id():
    prm_gym.register("training_tests/Flaky-v0", "flaky:FlakyEnv")
    return "training_tests/Flaky-v0"


def _config(**changes):
    fields = {
        "env_id": COUNTDOWN,
        "env_options": {"difficulty": 1, "max_steps": 4},
        "agent_options": {"width": 8, "minibatch": 16, "device": "cpu"},
        "budget": 100,
        "tasks": 3,
        "attempts": 2,
        "evaluate_every": 30,
        "eval_tasks": 8,
        "num_envs": 5,
        "transfer_options": {"max_steps": 1},
    }
    return TrainConfig(**{**fields, **changes})


# The figures. A puzzle of difficulty 1 has three numbers, so its solution has two steps: with one step nobody solves it.


@pytest.mark.parametrize("agent", ["scripted", "random"])
def test_between_twins_nothing_changes(agent):
    # How an environment is rendered is no part of its episodes.
    transfer = Transfer(COUNTDOWN, {"difficulty": 1}, {"render_mode": "ansi"}, EPISODES)
    figures, trajectories = transfer.evaluate(partial(make_agent, agent))
    assert (figures.transfer_difference, figures.transfer_same, figures.transfer_invalid) == (0.0, 1.0, 0)
    assert [one.seed for one in trajectories] == list(range(12))
    assert {one.env_options["render_mode"] for one in trajectories} == {"ansi"}


def test_what_was_solved_and_can_be_no_longer():
    figures, trajectories = Transfer(COUNTDOWN, {"difficulty": 1}, {"max_steps": 1}, EPISODES).evaluate(partial(make_agent, "scripted"))
    assert figures == Transferred(transfer_success=0.0, transfer_difference=-1.0, transfer_same=0.0, transfer_invalid=0)
    assert {len(one.steps) for one in trajectories} == {1}


def test_the_same_outcome_by_other_steps_is_not_the_same():
    # The solver needs three steps where there are four numbers; it succeeds in both.
    figures, _ = Transfer(COUNTDOWN, {"difficulty": 1}, {"difficulty": 2}, EPISODES).evaluate(partial(make_agent, "scripted"))
    assert figures == Transferred(transfer_success=1.0, transfer_difference=0.0, transfer_same=0.0, transfer_invalid=0)


def test_spoilt_episodes_are_counted_and_left_out(flaky_id):
    rollouts = Rollouts(flaky_id, {"difficulty": 1}, 1)
    spoilt = sum(flaky.target(rollouts.task(seed)) % 2 == 0 for seed in range(12))
    assert 0 < spoilt < 12
    figures, trajectories = Transfer(flaky_id, {"difficulty": 1}, {"spoils": True}, EPISODES).evaluate(partial(make_agent, "scripted"))
    assert figures == Transferred(transfer_success=1.0, transfer_difference=0.0, transfer_same=1.0, transfer_invalid=spoilt)
    assert sum(not one.valid for one in trajectories) == spoilt


def test_where_everything_is_spoilt_there_is_no_figure(flaky_id):
    rollouts = Rollouts(flaky_id, {"difficulty": 1}, 1)
    episodes = [one for one in groups(range(12), 1) if flaky.target(rollouts.task(one.seed)) % 2 == 0]
    figures, _ = Transfer(flaky_id, {"difficulty": 1}, {"spoils": True}, episodes).evaluate(partial(make_agent, "scripted"))
    assert figures == Transferred(transfer_invalid=len(episodes))


# In a run.


def test_a_run_ends_with_the_transfer(tmp_path):
    result = train(_config(transfer_tasks=6), tmp_path)
    moved = list(read_trajectories(tmp_path / "transfer.jsonl"))
    assert [one.seed for one in moved] == [one.seed for one in _config().evaluation()[:6]]
    assert (result.transfer_success, result.transfer_same, result.transfer_invalid) == (0.0, 0.0, 0)
    assert -1.0 <= result.transfer_difference <= 0.0
    assert result.trajectories == len(list(read_trajectories(tmp_path / "trajectories.jsonl"))) + 6


def test_the_transfer_changes_nothing_else_of_a_run(tmp_path):
    moved, plain = train(_config(), tmp_path / "moved"), train(_config(transfer_options={}), tmp_path / "plain")
    assert plain.transfer_success is None
    assert moved.curve != ()
    assert [(point.env_steps, point.success) for point in moved.curve] == [(point.env_steps, point.success) for point in plain.curve]


def test_an_interrupted_run_goes_on_to_its_transfer(tmp_path):
    whole = train(_config(), tmp_path / "whole")
    with pytest.raises(StopError):
        train(_config(), tmp_path / "cut", stopping_after(3))
    assert timeless(train(_config(), tmp_path / "cut")) == timeless(whole)
    # Stopped while the transfer was being stored: a folder in the place of its file lets everything before happen.
    (tmp_path / "late" / "transfer.jsonl").mkdir(parents=True)
    with pytest.raises(OSError, match=r"transfer\.jsonl"):
        train(_config(), tmp_path / "late")
    (tmp_path / "late" / "transfer.jsonl").rmdir()
    (tmp_path / "late" / "transfer.jsonl").write_text("half a line")
    assert timeless(train(_config(), tmp_path / "late")) == timeless(whole)
    assert len(list(read_trajectories(tmp_path / "late" / "transfer.jsonl"))) == 8


def test_no_task_of_the_transfer_is_trained_on(tmp_path):
    puzzles = [{"numbers": [1, number, number + 1], "target": 2 * number + 2} for number in range(2, 22)]
    paths = []
    for name, part in (("all", puzzles), ("few", puzzles[:4])):
        paths.append(tmp_path / f"{name}.jsonl")
        paths[-1].write_bytes(b"\n".join(map(msgspec.json.encode, part)))
    options = {"env_options": {"tasks": str(paths[0]), "max_steps": 4}, "transfer_options": {"tasks": str(paths[1])}, "store_groups": 3, "eval_tasks": 6}
    train(_config(**options), tmp_path / "run")
    moved = {one.task_key for one in read_trajectories(tmp_path / "run" / "transfer.jsonl")}
    trained = {one.task_key for one in read_trajectories(tmp_path / "run" / "trajectories.jsonl") if not one.group_id.startswith("eval-")}
    assert moved
    assert trained
    assert not moved & trained


# Refused before anything is trained.


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"transfer_options": {"mode": "browser"}}, "CountdownEnv named 'mode'"),
        ({"transfer_options": {"difficulty": 99}}, "difficulty is one of"),
        ({"transfer_options": {"max_steps": 4}}, "are those of training already"),
    ],
)
def test_options_that_cannot_be_had(tmp_path, changes, says):
    config = _config(**changes)
    with pytest.raises(OptionError, match=says):
        train(config, tmp_path / "run")
    with pytest.raises(OptionError, match=says):
        compare(Plan(base=config, credits=("grpo",), rewards=("outcome",), seeds=(0,), directory=tmp_path / "runs"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"transfer_tasks": 9}, "between 0 .all. and the 8"),
        ({"transfer_tasks": -1}, "between 0"),
        ({"transfer_options": {"reward": "dense"}}, "reward has no part in an evaluation"),
        ({"transfer_options": {"verifiers": []}}, "verifiers has no part in an evaluation"),
    ],
)
def test_settings_that_make_no_sense(changes, says):
    with pytest.raises(OptionError, match=says):
        _config(**changes)


def test_without_options_there_is_no_transfer():
    assert transfer_of(_config(transfer_options={})) is None


@pytest.mark.slow
def test_a_comparison_with_a_transfer(tmp_path):
    plan = Plan(base=_config(transfer_tasks=5), credits=("grpo",), rewards=("outcome",), seeds=(0,), directory=tmp_path)
    comparison = compare(plan)
    assert (comparison.transfer_options, comparison.transfer_tasks) == ({"max_steps": 1}, 5)
    scripted = comparison.references[-1]
    assert (scripted.success, scripted.transfer_success, scripted.transfer_difference, scripted.transfer_same) == (1.0, 0.0, -1.0, 0.0)
    assert comparison.references[0].transfer_success == 0.0
    assert [run.transfer_success for run in comparison.runs] == [0.0]
    assert read_results(tmp_path / "results.json") == comparison
    assert "Evaluated with max_steps=1" in (tmp_path / "report.html").read_text()
    assert compare(plan).runs == comparison.runs
